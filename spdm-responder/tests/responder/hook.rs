//! A hook sees every message, and its changes are signed as they are sent.

use spdm_codec::{Code, SpdmVersion};
use spdm_responder::{About, Arrival, Before, Draft, Hook};

use crate::sim::{Sim, challenge, config};

const V1_2: SpdmVersion = SpdmVersion::V1_2;

/// Puts off what it sees first, and writes down what happens.
#[derive(Debug, Default)]
struct Slow {
    seen: Vec<(&'static str, Code, Arrival)>,
}

impl Hook for Slow {
    fn before(&mut self, about: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
        self.seen.push(("before", about.code, about.arrival));
        if about.arrival == Arrival::AskedAfter || about.code == Code::RESPOND_IF_READY {
            return Before::Handle;
        }
        answer.replace(&[0x12, 0x7F, 0x42, 0, 1, about.code.0, 0x33, 2]).unwrap();
        Before::Later { token: 0x33 }
    }

    fn compose(&mut self, about: &About, _: &[u8], _: &mut Draft<'_>) {
        self.seen.push(("compose", about.code, about.arrival));
    }

    fn leave(&mut self, about: &About, _: &mut Draft<'_>) {
        self.seen.push(("leave", about.code, about.arrival));
    }
}

#[test]
fn respond_if_ready_gets_the_answer_and_a_retry_the_same() {
    let mut sim = Sim::negotiated(config(), V1_2);
    let mut slow = Slow::default();
    assert_eq!(sim.send_with(&mut slow, &challenge(V1_2, 1)).unwrap()[2], 0x42);
    let ready = [0x12, 0xFF, 0x83, 0x33];
    let auth = sim.send_with(&mut slow, &ready).unwrap();
    assert_eq!(auth[1], 0x03);
    assert_eq!(sim.send_with(&mut slow, &ready).unwrap(), auth);
    use Arrival::{AskedAfter, Received};
    let code = Code::CHALLENGE;
    let expected = [
        ("before", code, Received),
        ("leave", code, Received),
        ("before", code, AskedAfter),
        ("compose", code, AskedAfter),
        ("leave", code, AskedAfter),
        ("before", code, AskedAfter),
        ("leave", code, AskedAfter),
    ];
    assert_eq!(slow.seen, expected);
    // Another request gives it up.
    assert_eq!(sim.send(&[0x12, 0x81, 0, 0]).unwrap()[1], 0x01);
    assert_eq!(sim.send(&ready).unwrap()[1..3], [0x7F, 0x04]);
}

#[test]
fn another_token_or_code_is_refused_and_gives_the_request_up() {
    for wrong in [[0x12, 0xFF, 0x83, 0x34], [0x12, 0xFF, 0x81, 0x33]] {
        let mut sim = Sim::negotiated(config(), V1_2);
        sim.send_with(&mut Slow::default(), &challenge(V1_2, 1)).unwrap();
        assert_eq!(sim.send(&wrong).unwrap()[1..3], [0x7F, 0x04]);
        assert_eq!(sim.send(&[0x12, 0xFF, 0x83, 0x33]).unwrap()[1..3], [0x7F, 0x04]);
    }
}

/// Ends the connection at every CHALLENGE.
#[derive(Debug)]
struct Resynch;

impl Hook for Resynch {
    fn before(&mut self, about: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
        match about.code {
            Code::CHALLENGE => {
                answer.replace(&[0x12, 0x7F, 0x43, 0]).unwrap();
                Before::Reset
            }
            Code::GET_DIGESTS => Before::Silence,
            _ => Before::Handle,
        }
    }
}

#[test]
fn a_connection_that_a_hook_ends_starts_over() {
    let mut sim = Sim::negotiated(config(), V1_2);
    assert_eq!(sim.send_with(&mut Resynch, &[0x12, 0x81, 0, 0]), None);
    assert_eq!(sim.send_with(&mut Resynch, &challenge(V1_2, 1)).unwrap()[2], 0x43);
    assert_eq!(sim.send(&[0x12, 0x81, 0, 0]).unwrap(), [0x10, 0x7F, 0x04, 0]);
    sim.negotiate(V1_2);
    assert_eq!(sim.send(&challenge(V1_2, 1)).unwrap()[1], 0x03);
}
