//! Large messages, both ways: what a correct device and a requester do with small transfers.

use crate::sim::{Memory, Sim, V1_2, V1_3, V1_4, attest_by, config, requester, with_policy};
use spdm_codec::{CapabilityFlags, Code, SpdmVersion, SupportedAlgorithms};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{Accepted, AttestationPlan, Bounds, Connection, Error, Exchange, Offer, Sink};
use spdm_transport::Limits;

const VERSIONS: [SpdmVersion; 3] = [V1_2, V1_3, V1_4];

/// A device that chunks, with transfers of its own of `size` bytes.
fn chunking(version: SpdmVersion, size: u32) -> DeviceConfig {
    DeviceConfig {
        more_capabilities: CapabilityFlags::CHUNK_CAP,
        data_transfer_size: size,
        max_spdm_msg_size: 0x1200.max(size),
        ..config(version)
    }
}

fn offer(size: u32) -> Offer {
    let mut offer = Offer::everything(&PROVIDER);
    offer.data_transfer_size = size;
    offer
}

fn bounds() -> Bounds {
    let mut bounds = Bounds::default();
    bounds.round_trips = u16::MAX;
    bounds
}

/// Attests with transfers of at most `size` bytes.
#[track_caller]
fn attest(sim: &mut Sim, size: u32) -> Result<Vec<u8>, Error> {
    with_policy(sim, |sim, policy| {
        let mut memory = Memory::new();
        let requester = requester(&mut memory, sim).with_offer(offer(size)).with_bounds(bounds());
        attest_by(requester, sim, AttestationPlan::new(policy))
    })
}

/// Every message stays within what its receiver announced.
#[track_caller]
fn check_sizes(sim: &Sim, own: usize, device: usize, padding: usize) {
    let after_capabilities = sim.requests.iter().skip(2);
    assert!(after_capabilities.clone().all(|request| request.len() <= device));
    let responses = sim.responses.iter().skip(1);
    assert!(responses.clone().all(|response| response.len() <= own + padding));
}

#[test]
fn n29_both_ways_at_every_size() {
    for version in VERSIONS {
        for (own, device) in [
            (42, 42),
            (43, 42),
            (42, 43),
            (64, 47),
            (100, 4608),
            (4608, 42),
            (256, 256),
            (257, 255),
        ] {
            let mut sim = Sim::new(chunking(version, device));
            let indices = attest(&mut sim, own).unwrap();
            assert!(indices.starts_with(&[1, 2, 3, 4]), "{version} {own} {device}");
            check_sizes(&sim, own.try_into().unwrap(), device.try_into().unwrap(), 0);
            let sends = sim.codes().contains(&Code::CHUNK_SEND);
            // CHALLENGE and GET_MEASUREMENTS of 1.3 and later have 44 and 45 bytes.
            assert_eq!(sends, version >= V1_3 && device < 45, "{version} {own} {device}");
            assert!(sim.codes().contains(&Code::CHUNK_GET), "{version} {own} {device}");
        }
    }
}

#[test]
fn n29_linux_w35_padding_behind_every_chunk() {
    for version in VERSIONS {
        for padding in 1..4 {
            let mut sim = Sim::new(DeviceConfig { padding, ..chunking(version, 42) });
            assert!(attest(&mut sim, 42).is_ok(), "{version} {padding}");
            check_sizes(&sim, 42, 42, padding);
        }
    }
}

#[test]
fn n29_exactly_these_messages() {
    // 1.4 at 42 bytes: CHALLENGE has 44 bytes in chunks of 26 and 18; GET_MEASUREMENTS has 45.
    let mut sim = Sim::new(chunking(V1_4, 42));
    attest(&mut sim, 42).unwrap();
    let codes = sim.codes();
    let at = codes.iter().position(|code| *code == Code::CHUNK_SEND).unwrap();
    let requests = &sim.requests[at..];
    let header = |seq_no, last, size| [0x14, 0x85, last, 0, seq_no, 0, 0, 0, size, 0, 0, 0];
    assert_eq!(requests[0][..16], [&header(0, 0, 26)[..], &[44, 0, 0, 0]].concat());
    assert_eq!(requests[0].len(), 42);
    assert_eq!(requests[1][..12], header(1, 1, 18));
    assert_eq!(requests[1].len(), 12 + 18);
    let whole = [&requests[0][16..], &requests[1][12..]].concat();
    assert_eq!((whole[..2].to_vec(), whole.len()), (vec![0x14, Code::CHALLENGE.0], 44));
    // Its answer does not fit the acknowledgement: the device says LargeResponse instead.
    let answers = &sim.responses[at..];
    assert_eq!(answers[0], [0x14, 0x05, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answers[1][..4], [0x14, 0x7F, 0x0F, 0]);
    let handle = answers[1][4];
    // CHALLENGE_AUTH: 4 + 32 + 32 + 2 + 24 + 8 + 64 bytes in 26 and 30 each.
    let len = 166;
    let gets = 1 + (len - 26_usize).div_ceil(30);
    for (number, get) in requests[2..2 + gets].iter().enumerate() {
        let seq_no = u8::try_from(number).unwrap();
        assert_eq!(*get, [0x14, 0x86, 0, handle, seq_no, 0, 0, 0]);
    }
    assert_eq!(answers[2][12..16], [166, 0, 0, 0]);
    // The next large request has another handle.
    assert_eq!(requests[2 + gets][..4], [0x14, 0x85, 0, 1]);
}

#[test]
fn n29_no_chunks_where_nobody_needs_them() {
    for version in VERSIONS {
        let mut sim = Sim::new(chunking(version, 0x1200));
        attest(&mut sim, u32::MAX).unwrap();
        assert_eq!(sim.codes(), crate::sim::FLOW);
    }
}

#[test]
fn n29_send_and_receive_limits_are_apart() {
    for version in VERSIONS {
        // What the transport sends and what it receives differ; so do both sides.
        for (max_send, max_receive) in [(42, 0x1_0000), (0x1_0000, 50), (60, 42)] {
            let mut sim = Sim::new(chunking(version, 4608));
            sim.limits = Limits::new(max_send, max_receive);
            assert!(attest(&mut sim, u32::MAX).is_ok(), "{version} {max_send} {max_receive}");
            check_sizes(&sim, max_receive, max_send, 0);
            let announced = u32::from_le_bytes(sim.requests[1][12..16].try_into().unwrap());
            let expected = max_receive.min(0x2000 - 64 - 16);
            assert_eq!(usize::try_from(announced).unwrap(), expected);
            let whole = u32::from_le_bytes(sim.requests[1][16..20].try_into().unwrap());
            assert_eq!(usize::try_from(whole).unwrap(), 0x2000 - 64 - 16);
        }
    }
}

#[test]
fn n29_the_smallest_buffer() {
    // The last byte of the largest possible response is the last byte of the buffer.
    for version in VERSIONS {
        for padding in 0..4 {
            let fits = |more: usize| {
                let mut sim = Sim::new(DeviceConfig { padding, ..chunking(version, 42) });
                let anchors = sim.device.trust_anchors();
                let anchors: Vec<_> =
                    anchors.iter().map(|root| spdm_x509::Anchor::Certificate(root)).collect();
                let validity = spdm_x509::ValidityCheck::At(crate::sim::NOW);
                let policy = spdm_x509::Policy::new(&PROVIDER, &anchors, validity);
                let mut message = vec![0; more];
                let mut hashes = spdm_crypto::Bank::<spdm_crypto::rustcrypto::Running, 2>::new();
                let mut connection = Connection::default();
                let storage =
                    spdm_requester::Storage::new(&mut message, &mut hashes, &mut connection);
                let requester = spdm_requester::Requester::new(PROVIDER, storage, sim.limits)
                    .with_offer(offer(42))
                    .with_bounds(bounds());
                let result = attest_by(requester, &mut sim, AttestationPlan::new(&policy));
                (result, sim)
            };
            let (_, sim) = fits(0x2000);
            let large = |response: &&Vec<u8>| response[1] == 0x06 && response.len() >= 16;
            let first = |response: &&Vec<u8>| response[4..6] == [0, 0];
            let sizes = sim.responses.iter().filter(large).filter(first);
            let most = sizes.map(|r| u32::from_le_bytes(r[12..16].try_into().unwrap())).max();
            let most = usize::try_from(most.unwrap()).unwrap();
            assert!(fits(64 + most + 16 + padding).0.is_ok(), "{version} {padding}");
            // One byte less: the device is told so, and refuses.
            let (result, _) = fits(64 + most + 16 + padding - 1);
            assert!(matches!(result, Err(Error::Refused(_))), "{version} {padding} {result:?}");
        }
    }
}

/// The bytes of all accepted exchanges but ERROR.
#[derive(Debug, Default)]
struct Transcript {
    exchanges: Vec<(Vec<u8>, Vec<u8>)>,
    rejected: usize,
}

impl Sink for Transcript {
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Accepted<'_, '_>, _: &Connection) {
        if !matches!(verdict, Accepted::Error(_)) {
            let response = exchange.response.into_inner_less_safe().to_vec();
            self.exchanges.push((exchange.request.to_vec(), response));
        }
    }

    fn rejected(&mut self, _: Exchange<'_>, _: &Error) {
        self.rejected += 1;
    }
}

#[test]
fn n29_a_sink_sees_whole_messages() {
    for version in VERSIONS {
        let mut sim = Sim::new(chunking(version, 42));
        let mut seen = Transcript::default();
        with_policy(&mut sim, |sim, policy| {
            let mut memory = Memory::new();
            let requester = requester(&mut memory, sim)
                .with_offer(offer(42))
                .with_bounds(bounds())
                .with_sink(&mut seen);
            attest_by(requester, sim, AttestationPlan::new(policy)).unwrap();
        });
        assert_eq!(seen.rejected, 0);
        let codes: Vec<_> = seen.exchanges.iter().map(|(_, r)| r[1]).collect();
        assert_eq!(codes[..4], [0x04, 0x61, 0x63, 0x01]);
        assert_eq!(codes[codes.len() - 2..], [0x03, 0x60]);
        assert!(codes[4..codes.len() - 2].iter().all(|code| *code == 0x02));
    }
}

#[test]
fn n27_n29_busy_in_a_transfer() {
    for version in VERSIONS {
        for target in [Code::CHUNK_GET, Code::CHUNK_SEND] {
            let mut sim = Sim::new(DeviceConfig {
                faults: vec![Fault::BusyOnce],
                fault_target: Some(target),
                ..chunking(version, 42)
            });
            assert!(attest(&mut sim, 42).is_ok(), "{version} {target}");
            // Each chunk message twice, byte for byte the same.
            let of_target: Vec<_> =
                sim.requests.iter().filter(|request| request[1] == target.0).collect();
            assert!(of_target.chunks(2).all(|pair| pair.len() == 2 && pair[0] == pair[1]));
            assert!(!of_target.is_empty() || version == V1_2);
        }
    }
}

#[test]
fn n27_n29_busy_and_not_ready_with_a_large_request() {
    for version in [V1_3, V1_4] {
        for fault in [Fault::BusyOnce, Fault::NotReadyOnce] {
            for target in [Code::CHALLENGE, Code::GET_MEASUREMENTS] {
                let mut sim = Sim::new(DeviceConfig {
                    faults: vec![fault],
                    fault_target: Some(target),
                    ..chunking(version, 42)
                });
                assert!(attest(&mut sim, 42).is_ok(), "{version} {fault} {target}");
                let asks =
                    sim.codes().iter().filter(|code| **code == Code::RESPOND_IF_READY).count();
                assert_eq!(asks, usize::from(fault == Fault::NotReadyOnce));
                // Busy with the whole of it: all chunks come again, with another handle.
                let handles = sim.requests.iter().filter(|request| request[1] == 0x85);
                let mut handles: Vec<_> = handles.map(|request| request[3]).collect();
                handles.dedup();
                let expected: &[u8] = if fault == Fault::BusyOnce { &[0, 1, 2] } else { &[0, 1] };
                assert_eq!(handles, expected, "{version} {fault} {target}");
            }
        }
    }
}

#[test]
fn n12_n29_supported_algorithms_in_chunks() {
    for version in [V1_3, V1_4] {
        for (size, chunks) in [(42, true), (49, true), (50, false)] {
            let mut sim = Sim::new(chunking(version, 4608));
            let mut memory = Memory::new();
            let mut offer = offer(size);
            offer.algorithms_block = spdm_codec::AlgorithmsBlock::Requested;
            let clock = sim.clock.clone();
            let flow = requester(&mut memory, &sim).with_offer(offer).negotiate();
            let Ok((requester, ())) = spdm_requester::blocking::run(flow, &mut sim, &clock) else {
                panic!("{version} {size}")
            };
            assert_eq!(sim.codes().contains(&Code::CHUNK_GET), chunks, "{version} {size}");
            let SupportedAlgorithms(block) = requester.connection().supported_algorithms().unwrap();
            assert_eq!(block.base_asym, spdm_codec::BaseAsymAlgo::ECDSA_P256);
            assert_eq!(block.base_hash, spdm_codec::BaseHashAlgo::SHA_256);
        }
    }
}
