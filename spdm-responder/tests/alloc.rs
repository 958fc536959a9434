//! No allocation in a responder: the attestation path, sessions of both kinds, key updates.
#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is the failure"
)]
#![cfg_attr(
    feature = "mutual-auth",
    expect(clippy::panic, reason = "helpers of tests: a panic is the failure")
)]

#[cfg(feature = "mutual-auth")]
#[path = "responder/host.rs"]
mod host;
#[path = "responder/initiator.rs"]
mod initiator;
#[path = "responder/sim.rs"]
mod sim;

use allocation_counter::measure;
use spdm_codec::{CapabilityFlags, RecordBinding, SpdmVersion};
use spdm_crypto::{AeadAlgorithm, EcCurve, KeyExchangeAlgorithm};
use spdm_responder::Config;

use crate::initiator::KINDS;
use crate::sim::{Runner, Sim, challenge, with_sessions};

#[test]
fn an_allocation_is_counted() {
    // Else the other tests would show nothing.
    let counted = measure(|| drop(core::hint::black_box(Box::new(7_u64))));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 8));
}

fn counted(config: Config<'static>) -> Sim {
    let mut sim = Sim::new(config);
    sim.runner = Runner(|run| {
        let counted = measure(run);
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    });
    sim
}

#[test]
fn an_attestation() {
    for version in SpdmVersion::ALL {
        let byte = version.to_byte();
        let mut sim = counted(with_sessions());
        sim.negotiate(version);
        assert_eq!(sim.send(&[byte, 0x81, 0, 0]).unwrap()[1], 0x01);
        assert_eq!(sim.send(&[byte, 0x82, 0, 0, 0, 0, 0, 4]).unwrap()[1], 0x02);
        assert_eq!(sim.send(&challenge(version, 1)).unwrap()[1], 0x03);
        let context = if version >= SpdmVersion::V1_3 { &[5; 8][..] } else { &[] };
        let slot = if version >= SpdmVersion::V1_1 { &[0][..] } else { &[] };
        let signed = [&[byte, 0xE0, 1, 0xFF], &[8; 32][..], slot, context].concat();
        assert_eq!(sim.send(&signed).unwrap()[1], 0x60);
        assert_eq!(sim.send(&[byte, 0xFE, 0, 0]).unwrap()[1], 0x7F);
    }
}

#[test]
fn sessions() {
    let key_exchanges: &[KeyExchangeAlgorithm] = &[KeyExchangeAlgorithm::Ecdh(EcCurve::P384)];
    for aeads in [&[AeadAlgorithm::Aes256Gcm], &[AeadAlgorithm::ChaCha20Poly1305]] {
        for without in [CapabilityFlags::empty(), CapabilityFlags::ENCRYPT_CAP] {
            let capabilities = with_sessions().capabilities - without;
            let records = RecordBinding::Mctp;
            let mut sim =
                counted(Config { key_exchanges, aeads, capabilities, records, ..with_sessions() });
            sim.negotiate(SpdmVersion::V1_2);
            for (begin, finish) in KINDS {
                let mut session = begin(&mut sim, 1);
                session.finish(&mut sim, finish);
                session.exchange(&mut sim, &[0x12, 0xE9, 1, 7]).unwrap();
                session.update_requests();
                session.exchange(&mut sim, &[0x12, 0xE9, 3, 7]).unwrap();
                assert_eq!(session.exchange(&mut sim, &[0x12, 0xE0, 0, 0xFF]).unwrap()[1], 0x60);
                assert_eq!(session.exchange(&mut sim, &[0x12, 0xEC, 0, 0]).unwrap()[1], 0x6C);
            }
        }
    }
}
