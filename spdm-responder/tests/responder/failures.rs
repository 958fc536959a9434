//! S26, S85: a device that will not or cannot go on.

use core::cell::Cell;

use spdm_codec::{Code, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{Digest, HashAlgorithm, Kdf, KdfError, Provider, Secret};
use spdm_responder::{About, Before, Draft, Hook};

use crate::initiator::{Initiator, KINDS, cx, key_exchange, psk_exchange};
use crate::sim::{Sim, with_sessions};

const V1_2: SpdmVersion = SpdmVersion::V1_2;
const HEARTBEAT: [u8; 4] = [0x12, 0xE8, 0, 0];

std::thread_local! {
    /// How many derivations succeed before the others fail; `None` for all.
    static WORKING: Cell<Option<u32>> = const { Cell::new(None) };
}

fn work(derivations: Option<u32>) {
    WORKING.with(|working| working.set(derivations));
}

#[derive(Debug)]
struct Failing;

impl Failing {
    fn kdf(hash: HashAlgorithm) -> Result<&'static dyn Kdf, KdfError> {
        match WORKING.with(Cell::get) {
            Some(0) => return Err(KdfError::InvalidSecret),
            Some(left) => work(Some(left - 1)),
            None => {}
        }
        Ok(PROVIDER.kdf(hash).unwrap())
    }
}

impl Kdf for Failing {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        PROVIDER.kdf(hash).is_some()
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        Self::kdf(hash)?.hmac(hash, key, parts)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        Self::kdf(hash)?.extract(hash, salt, input)
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        Self::kdf(hash)?.expand_into(hash, key, info, out)
    }

    fn expand(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        len: usize,
    ) -> Result<Secret, KdfError> {
        Self::kdf(hash)?.expand(hash, key, info, len)
    }

    fn forget(&self, secret: &Secret) {
        PROVIDER.kdf(HashAlgorithm::Sha256).unwrap().forget(secret);
    }
}

const FAILING: Provider = Provider { kdfs: &[&Failing], ..PROVIDER };

/// Both directions are as before, also where the first of two keys could be derived.
#[test]
fn s85_a_derivation_that_fails_leaves_the_keys_of_both_directions() {
    for (operation, derivations) in [(1, 3), (2, 6)] {
        for working in 0..=derivations {
            work(None);
            let mut sim = Sim::negotiated(with_sessions(), V1_2);
            sim.provider = FAILING;
            let mut session = Initiator::key_exchange(&mut sim, 1);
            session.finish(&mut sim, 0xE5);
            let record = session.seal(&[0x12, 0xE9, operation, 7]);
            work(Some(working));
            let answer = sim.send_record(&record).unwrap();
            work(None);
            if working == derivations {
                // All of them succeeded.
                if operation == 2 {
                    session.update_responses();
                }
                assert_eq!(session.open(answer), [0x12, 0x69, operation, 7]);
                break;
            }
            assert_eq!(session.open(answer), [0x12, 0x7F, 0x05, 0], "{operation} {working}");
            assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
            // And the update can be made.
            let record = session.seal(&[0x12, 0xE9, operation, 8]);
            let answer = sim.send_record(&record).unwrap();
            if operation == 2 {
                session.update_responses();
            }
            assert_eq!(session.open(answer), [0x12, 0x69, operation, 8]);
            session.update_requests();
            assert_eq!(session.exchange(&mut sim, &[0x12, 0xE9, 3, 9]).unwrap()[1], 0x69);
            assert_eq!(session.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
        }
    }
}

#[test]
fn s14_s85_a_derivation_that_fails_in_a_handshake_leaves_no_session() {
    for (begin, finish) in KINDS {
        let mut failures = 0;
        for working in 0.. {
            work(None);
            let mut sim = Sim::negotiated(with_sessions(), V1_2);
            let mut other = begin(&mut sim, 1);
            other.finish(&mut sim, finish);
            sim.provider = FAILING;
            let mut public = [0; 64];
            PROVIDER.start_key_exchange(sim.config.key_exchanges[0], &mut public).unwrap();
            let request = match finish {
                0xE5 => key_exchange(cx(&sim).version, 2, &public),
                _ => psk_exchange(cx(&sim).version, 2, b"hint"),
            };
            work(Some(working));
            let answer = sim.send(&request).unwrap();
            work(None);
            if answer[1] != 0x7F {
                break;
            }
            failures += 1;
            assert_eq!(answer, [0x12, 0x7F, 0x05, 0], "{working}");
            assert_eq!(sim.alive(), 1);
            assert_eq!(other.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
            let mut session = begin(&mut sim, 2);
            session.finish(&mut sim, finish);
        }
        assert!(failures > 4, "{failures}");
    }
}

/// FINISH that cannot be answered ends its session, and no other.
#[test]
fn s85_a_derivation_that_fails_at_the_end_of_a_handshake_ends_the_session() {
    for (begin, finish) in KINDS {
        let mut failures = 0;
        for working in 0.. {
            work(None);
            let mut sim = Sim::negotiated(with_sessions(), V1_2);
            let mut other = begin(&mut sim, 1);
            other.finish(&mut sim, finish);
            sim.provider = FAILING;
            let mut session = begin(&mut sim, 2);
            let message = session.finish_message(finish);
            let record = session.seal(&message);
            work(Some(working));
            let answer = sim.send_record(&record).unwrap();
            work(None);
            let answer = session.open(answer);
            if sim.alive() == 2 {
                assert_eq!(answer[1], finish & 0x7F);
                break;
            }
            failures += 1;
            assert_eq!(sim.alive(), 1);
            assert_eq!(other.exchange(&mut sim, &HEARTBEAT).unwrap()[1], 0x68);
        }
        assert!(failures > 4, "{failures}");
    }
}

/// Refuses what opens a session: its policy is that the Requester is to be authenticated.
#[derive(Debug)]
struct Policy(u8);

impl Hook for Policy {
    fn before(&mut self, about: &About, _: &[u8], answer: &mut Draft<'_>) -> Before {
        if !matches!(about.code, Code::KEY_EXCHANGE | Code::PSK_EXCHANGE) {
            return Before::Handle;
        }
        answer.replace(&[about.cx.version.to_byte(), 0x7F, self.0, 0]).unwrap();
        Before::Answer
    }
}

/// InvalidPolicy has a code from 1.3 on.
#[test]
fn s26_a_policy_that_refuses_sessions_leaves_none() {
    for (version, code) in [(V1_2, 0x05), (SpdmVersion::V1_3, 0x11), (SpdmVersion::V1_4, 0x11)] {
        let mut sim = Sim::negotiated(with_sessions(), version);
        let mut other = Initiator::key_exchange(&mut sim, 1);
        other.finish(&mut sim, 0xE5);
        for request in [key_exchange(version, 2, &[4; 64]), psk_exchange(version, 2, b"hint")] {
            let answer = sim.send_with(&mut Policy(code), &request).unwrap();
            assert_eq!(answer, [version.to_byte(), 0x7F, code, 0]);
            assert_eq!(sim.alive(), 1);
        }
        let heartbeat = [version.to_byte(), 0xE8, 0, 0];
        assert_eq!(other.exchange(&mut sim, &heartbeat).unwrap()[1], 0x68);
        for (begin, finish) in KINDS {
            begin(&mut sim, 2).finish(&mut sim, finish);
        }
    }
}
