//! Which test comes first: phase, version byte, capability, content.

use spdm_codec::{Algorithms, BaseAsymAlgo, CapabilityFlags, Cx, SpdmVersion};
use spdm_responder::Config;

use crate::sim::{Sim, challenge, config, decode, negotiation, negotiation_of};

const V1_2: SpdmVersion = SpdmVersion::V1_2;

fn refused(sim: &mut Sim, request: &[u8], expected: [u8; 4]) {
    let answer = sim.send(request).unwrap();
    assert_eq!(answer[..4], expected, "{request:02x?}");
}

#[test]
fn nothing_is_answered_before_its_time() {
    let mut sim = Sim::new(config());
    assert_eq!(sim.send(&[0x10, 0x84, 0]), None);
    for code in [0x81, 0x82, 0x83, 0xE0, 0xE1, 0xE3, 0xE4, 0xE5, 0xFE, 0xFF] {
        refused(&mut sim, &[0x12, code, 0, 0], [0x10, 0x7F, 0x04, 0]);
    }
    refused(&mut sim, &[0x12, 0x01, 0, 0], [0x10, 0x7F, 0x01, 0]);
    refused(&mut sim, &[0x12, 0x84, 0, 0], [0x10, 0x7F, 0x41, 0]);
}

#[test]
fn the_version_byte_comes_before_everything_else() {
    let mut sim = Sim::negotiated(config(), V1_2);
    for code in [0x81, 0x82, 0x83, 0xE0, 0xE4, 0xE8, 0xFE, 0xFF] {
        refused(&mut sim, &[0x11, code, 0, 0], [0x12, 0x7F, 0x41, 0]);
    }
}

#[test]
fn a_capability_that_is_not_there_comes_before_the_content() {
    let none = CapabilityFlags::MEAS_CAP_SIG;
    let mut sim = Sim::negotiated(Config { capabilities: none, ..config() }, V1_2);
    refused(&mut sim, &[0x12, 0x81, 0, 0], [0x12, 0x7F, 0x07, 0x81]);
    refused(&mut sim, &[0x12, 0x82, 0, 0, 0, 0, 0, 1], [0x12, 0x7F, 0x07, 0x82]);
    refused(&mut sim, &challenge(V1_2, 1), [0x12, 0x7F, 0x07, 0x83]);
    // What the crate does not have at all.
    for code in [0xFE, 0xE8, 0xEA, 0x87, 0xED, 0xFC] {
        refused(&mut sim, &[0x12, code, 0, 0, 0, 0, 0, 0], [0x12, 0x7F, 0x07, code]);
    }
    refused(&mut sim, &[0x12, 0xFF, 0x81, 0], [0x12, 0x7F, 0x04, 0]);
}

#[test]
fn every_truncation_is_an_invalid_request() {
    for version in SpdmVersion::ALL {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(config(), version);
        let whole = challenge(version, 1);
        for len in 4..whole.len() {
            refused(&mut sim, &whole[..len], [byte, 0x7F, 0x01, 0]);
        }
        refused(&mut sim, &[byte, 0x82, 0, 0, 0, 0, 1], [byte, 0x7F, 0x01, 0]);
        // Three bytes may be padding; more are none.
        let padded = [&whole[..], &[0; 3]].concat();
        assert_eq!(sim.send(&padded).unwrap()[1], 0x03);
        refused(&mut sim, &[&padded[..], &[0]].concat(), [byte, 0x7F, 0x01, 0]);
    }
}

/// With mutual authentication, and for a Requester that signs its endpoint info (1.3); otherwise none, as the checks of the
/// reference implementation demand.
#[test]
fn an_algorithm_of_the_requester_is_selected_where_it_has_to_sign() {
    type F = CapabilityFlags;
    let both = F::MUT_AUTH_CAP | F::ENCAP_CAP;
    let mutual = Config { capabilities: config().capabilities | both, ..config() };
    for version in [SpdmVersion::V1_1, V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let is_new = version >= SpdmVersion::V1_3;
        for (config, flags, signs) in [
            (config(), F::empty(), false),
            (config(), both, false),
            (mutual, F::empty(), false),
            (mutual, both, true),
            (config(), F::EP_INFO_CAP_SIG, is_new),
        ] {
            for (offered, selected) in [
                (0x90, Some(BaseAsymAlgo::ECDSA_P256)),
                (0x0E, Some(BaseAsymAlgo::RSAPSS_2048)),
                (0x00, None),
            ] {
                let mut sim = Sim::new(config);
                let [get_version, mut capabilities, mut algorithms] =
                    negotiation_of(&config, version, |flags| flags - both);
                let flags = (flags | F::CERT_CAP | F::CHAL_CAP).bits().to_le_bytes();
                for (byte, flag) in capabilities[8..12].iter_mut().zip(flags) {
                    *byte |= flag;
                }
                algorithms.extend([4, 0x20, offered, 0]);
                algorithms[2] += 1;
                algorithms[4] += 4;
                for request in [&get_version, &capabilities] {
                    assert_ne!(sim.send(request).unwrap()[1], 0x7F, "{version:?} {flags:02x?}");
                }
                let answer = sim.send(&algorithms).unwrap();
                assert_eq!(answer[1], 0x63, "{version:?} {answer:02x?}");
                let structs = decode::<Algorithms<'_>>(&answer, &Cx::new(version)).alg_structs;
                let got = structs.req_base_asym.filter(|bits| !bits.is_empty());
                assert_eq!(
                    got,
                    selected.filter(|_| signs),
                    "{version:?} {flags:02x?} {offered:#x}"
                );
            }
        }
    }
}

#[test]
fn the_negotiation_happens_once() {
    let mut sim = Sim::negotiated(config(), V1_2);
    let [version, capabilities, algorithms] = negotiation(&config(), V1_2);
    let again = sim.send(&algorithms).unwrap();
    assert_eq!(again[1], 0x63, "a retry");
    refused(&mut sim, &capabilities, [0x12, 0x7F, 0x04, 0]);
    refused(&mut sim, &algorithms, [0x12, 0x7F, 0x04, 0]);
    assert_eq!(sim.send(&version).unwrap()[1], 0x04);
    refused(&mut sim, &algorithms, [0x10, 0x7F, 0x04, 0]);
}
