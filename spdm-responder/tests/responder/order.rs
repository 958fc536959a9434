//! Which test comes first: phase, version byte, capability, content.

use spdm_codec::{Algorithms, BaseAsymAlgo, CapabilityFlags, Cx, SpdmVersion};

use crate::sim::{Sim, challenge, config, decode, negotiation, with_sessions};

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
    let mut sim = Sim::negotiated(spdm_responder::Config { capabilities: none, ..config() }, V1_2);
    refused(&mut sim, &[0x12, 0x81, 0, 0], [0x12, 0x7F, 0x07, 0x81]);
    refused(&mut sim, &[0x12, 0x82, 0, 0, 0, 0, 0, 1], [0x12, 0x7F, 0x07, 0x82]);
    refused(&mut sim, &challenge(V1_2, 1), [0x12, 0x7F, 0x07, 0x83]);
    // What the crate does not have at all.
    for code in [0xFE, 0xE8, 0xEA, 0x87, 0xED, 0xFC] {
        refused(&mut sim, &[0x12, code, 0, 0], [0x12, 0x7F, 0x07, code]);
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

/// A Requester that could sign gets an algorithm for that, any other none.
#[test]
fn an_algorithm_of_the_requester_is_selected_where_it_may_demand_one() {
    let config = with_sessions();
    for version in [SpdmVersion::V1_1, V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let is_new = version >= SpdmVersion::V1_3;
        // MUT_AUTH_CAP with ENCAP_CAP; EP_INFO_CAP 2.
        for (at, flag, signs) in [(9, 0, false), (9, 0x11, true), (10, 0x80, is_new)] {
            for (offered, selected) in [
                (0x90, Some(BaseAsymAlgo::ECDSA_P256)),
                (0x0E, Some(BaseAsymAlgo::RSAPSS_2048)),
                (0x00, None),
            ] {
                let mut sim = Sim::new(config);
                let [get_version, mut capabilities, mut algorithms] = negotiation(&config, version);
                // CERT_CAP and CHAL_CAP belong to both.
                capabilities[8] |= 0x06;
                capabilities[at] |= flag;
                // ReqBaseAsymAlg, before KeySchedule.
                let end = algorithms.len() - 4;
                algorithms.splice(end..end, [4, 0x20, offered, 0]);
                algorithms[2] += 1;
                algorithms[4] += 4;
                for request in [&get_version, &capabilities] {
                    assert_ne!(sim.send(request).unwrap()[1], 0x7F, "{version:?} {flag:#x}");
                }
                let answer = sim.send(&algorithms).unwrap();
                assert_eq!(answer[1], 0x63, "{version:?} {answer:02x?}");
                let structs = decode::<Algorithms<'_>>(&answer, &Cx::new(version)).alg_structs;
                let got = structs.req_base_asym.filter(|bits| !bits.is_empty());
                assert_eq!(got, selected.filter(|_| signs), "{version:?} {flag:#x} {offered:#x}");
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
