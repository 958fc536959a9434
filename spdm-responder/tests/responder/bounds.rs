//! Whatever memory is lent and whatever comes: an answer, an ERROR or silence.

use spdm_codec::SpdmVersion;

use crate::sim::{Sim, challenge, config, negotiation};

#[test]
fn too_little_memory_is_an_error_and_no_panic() {
    let version = SpdmVersion::V1_2;
    let requests = negotiation(&config(), version);
    for room in (0..600).step_by(7) {
        for out in [0, 3, 7, 40, 200, 0x1200] {
            let mut sim = Sim::new(config());
            (sim.message, sim.out) = (vec![0; room], vec![0; out]);
            for request in &requests {
                sim.send(request);
            }
            sim.send(&challenge(version, 1));
            sim.send(&[0x12, 0x82, 0, 0, 0, 0, 0xFF, 0xFF]);
            sim.send(&[0x12, 0x86, 0, 1, 0, 0]);
            sim.send(&[0x12, 0xE0, 0, 0xFF]);
        }
    }
}

/// Requests whose bytes come from a small generator; each starts as a request that exists.
#[test]
fn arbitrary_requests_have_answers_that_fit() {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for version in SpdmVersion::ALL {
        let mut sim = Sim::negotiated(config(), version);
        for _ in 0..3000 {
            let codes = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0xE0, 0xE1, 0xE3, 0xFE, 0xFF, next()];
            let mut request = vec![version.to_byte(), codes[usize::from(next()) % codes.len()]];
            request.extend((0..next() % 60).map(|_| next() & next()));
            if let Some(answer) = sim.send(&request) {
                assert!(!answer.is_empty() && answer[1] & 0x80 == 0, "{answer:02x?}");
            }
            sim.said.clear();
            if sim.connection.suite().is_none() {
                sim.negotiate(version);
            }
        }
    }
}
