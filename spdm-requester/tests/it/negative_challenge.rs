//! N20: CHALLENGE_AUTH that a requester must not accept.

use crate::sim::cause::{Cause, differs, invalid, signature, unexpected, wrong};
use crate::sim::failed::{assert_lost, fail};
use crate::sim::replay::{Changed, changed, record};
use crate::sim::{
    HASH_LEN, Memory, Sim, V1_1, V1_2, V1_3, attacked, attest, config, faulty, faulty_at,
    negotiated, since, until, with_policy,
};
use spdm_codec::{
    CapabilityFlags, Code, DecodeErrorKind, Expected, MeasurementSummary, SlotId, SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{AttestationPlan, Error, NegotiationSigning, Proof, Requirement, blocking};
use spdm_x509::Identity;

const MESSAGE: &str = "CHALLENGE_AUTH";
const CHALLENGE: Code = Code::CHALLENGE;

/// r and s of P-256.
const SIGNATURE_LEN: usize = 64;

#[test]
fn n20_linux_w10_slot_mask_and_mutual_authentication() {
    for version in SpdmVersion::ALL {
        let cause = wrong(MESSAGE, "SlotID", Expected::Exactly(0), 1);
        assert_lost(faulty(version, Fault::ChallengeOtherSlot), CHALLENGE, cause);
        let rule = Expected::Rule("a mask with the challenged slot");
        for mask in [0x00, 0x02, 0xFE] {
            let sim = attacked(version, CHALLENGE, move |response| response[3] = mask);
            let cause = wrong(MESSAGE, "SlotMask", rule, mask.into());
            assert_lost(sim, CHALLENGE, cause);
        }
        let cause = wrong(MESSAGE, "SlotMask", rule, 0);
        assert_lost(faulty(version, Fault::ChallengeSlotNotInMask), CHALLENGE, cause);
    }
    for version in since(V1_1) {
        let cause = unexpected(MESSAGE, "BasicMutAuthReq");
        assert_lost(faulty(version, Fault::BasicMutAuth), CHALLENGE, cause);
        // 8 to 14 are no slots; 15 is a public key, which nobody provisioned.
        let rule = Expected::Rule("a slot or a public key");
        for nibble in 8..15 {
            let sim = attacked(version, CHALLENGE, move |response| response[2] = nibble);
            let cause = invalid(MESSAGE, "SlotID", 2, rule, nibble.into());
            assert_lost(sim, CHALLENGE, cause);
        }
        let sim = attacked(version, CHALLENGE, |response| response[2] = 15);
        assert_lost(sim, CHALLENGE, wrong(MESSAGE, "SlotID", Expected::Exactly(0), 0xFF));
    }
    // In 1.0 the field has all eight bits.
    let rule = Expected::Rule("a slot or a public key");
    let sim = attacked(SpdmVersion::V1_0, CHALLENGE, |response| response[2] = 0x80);
    assert_lost(sim, CHALLENGE, invalid(MESSAGE, "SlotID", 2, rule, 0x80));
}

/// The Requester announces no MUT_AUTH_CAP, so a Responder that does may not ask for it either.
#[test]
fn n20_mutual_authentication_needs_both_sides() {
    for version in since(V1_1) {
        let mutual = CapabilityFlags::MUT_AUTH_CAP | CapabilityFlags::ENCAP_CAP;
        let sim = Sim::new(DeviceConfig {
            more_capabilities: mutual,
            faults: vec![Fault::BasicMutAuth],
            ..config(version)
        });
        assert_lost(sim, CHALLENGE, unexpected(MESSAGE, "BasicMutAuthReq"));
    }
}

#[test]
fn n20_linux_w07_cert_chain_hash() {
    let cause = differs(MESSAGE, "CertChainHash", "the hash of the certificate chain");
    for version in SpdmVersion::ALL {
        // The device signs the wrong hash.
        assert_lost(faulty(version, Fault::WrongChainHash), CHALLENGE, cause);
        let sim = attacked(version, CHALLENGE, |response| response[4..36].fill(0));
        assert_lost(sim, CHALLENGE, cause);
    }
}

#[test]
fn n20_the_nonce_of_the_request_comes_back() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let seen = std::rc::Rc::new(core::cell::RefCell::new(Vec::new()));
        let nonce = seen.clone();
        sim.tamper_request(CHALLENGE, move |request| {
            nonce.borrow_mut().extend_from_slice(&request[4..36]);
        });
        sim.tamper(CHALLENGE, move |response| {
            response[4 + HASH_LEN..36 + HASH_LEN].copy_from_slice(&seen.borrow());
        });
        assert_lost(sim, CHALLENGE, differs(MESSAGE, "Nonce", "a nonce of the Responder's own"));
    }
}

#[test]
fn n20_measurement_summary_hash_that_nobody_asked_for() {
    for version in SpdmVersion::ALL {
        let mut sim = faulty(version, Fault::SummaryHashUnsolicited);
        let mut copy = faulty(version, Fault::SummaryHashUnsolicited);
        attest(&mut copy).unwrap_err();
        // Its first bytes are read as OpaqueDataLength.
        let response = copy.response_to(CHALLENGE);
        let got = u16::from_le_bytes([response[68], response[69]]);
        let cause = invalid(MESSAGE, "OpaqueDataLength", 68, Expected::AtMost(1024), got.into());
        assert!(got > 1024);
        let failed = fail(&mut sim);
        assert_eq!(failed.cause, Ok(cause), "{version}");
        assert_eq!(failed.codes, until(CHALLENGE));
    }
}

#[test]
fn n20_linux_w37_requester_context() {
    let cause = differs(MESSAGE, "RequesterContext", "the request's");
    for version in since(V1_3) {
        assert_lost(faulty(version, Fault::ContextMismatch), CHALLENGE, cause);
        // It is chosen anew for every request.
        let mut sim = Sim::new(config(version));
        attest(&mut sim).unwrap();
        attest(&mut sim).unwrap();
        let contexts: Vec<&[u8]> = sim
            .requests
            .iter()
            .filter(|request| [CHALLENGE, Code::GET_MEASUREMENTS].contains(&Code(request[1])))
            .map(|request| &request[request.len() - 8..])
            .collect();
        assert_eq!(contexts.len(), 4);
        for (at, context) in contexts.iter().enumerate() {
            assert_ne!(**context, [0; 8]);
            assert!(!contexts[..at].contains(context), "{version}");
        }
    }
}

/// Every pair of algorithm and hash that is quick.
const SUITES: [(AsymAlgorithm, HashAlgorithm); 5] = [
    (AsymAlgorithm::Ecdsa(EcCurve::P256), HashAlgorithm::Sha256),
    (AsymAlgorithm::Ecdsa(EcCurve::P256), HashAlgorithm::Sha3_512),
    (AsymAlgorithm::Ecdsa(EcCurve::P384), HashAlgorithm::Sha384),
    (AsymAlgorithm::Ecdsa(EcCurve::P521), HashAlgorithm::Sha512),
    (AsymAlgorithm::Ed25519, HashAlgorithm::Sha256),
];

#[test]
fn n20_linux_w02_signatures_of_every_algorithm() {
    for (asym, hash) in SUITES {
        let first = if asym == AsymAlgorithm::Ed25519 { V1_2 } else { SpdmVersion::V1_0 };
        for version in since(first) {
            let mut faults = vec![
                Fault::BadSignature,
                Fault::ZeroSignature,
                Fault::OnesSignature,
                Fault::StaleNonceSignature,
                Fault::OtherKeySignature,
                Fault::MissingVcaSignature,
            ];
            if version >= V1_2 {
                // Before, nothing distinguishes the two signatures but their transcripts.
                faults.push(Fault::WrongContextSignature);
            }
            for fault in faults {
                let sim = Sim::new(DeviceConfig {
                    base_asym: asym.base_asym().unwrap(),
                    base_hash: hash.base_hash(),
                    faults: vec![fault],
                    ..config(version)
                });
                assert_lost(sim, CHALLENGE, signature(MESSAGE));
            }
        }
    }
}

#[test]
fn n20_a_signature_in_der() {
    for version in SpdmVersion::ALL {
        let mut sim = faulty(version, Fault::DerSignature);
        let whole = record(version).responses[5].len();
        let failed = fail(&mut sim);
        let Ok(Cause::Decode { message, field, at, kind }) = failed.cause else {
            panic!("{failed:?}");
        };
        assert_eq!((message, field, at), (MESSAGE, "end of message", whole));
        // SEQUENCE and two INTEGERs: six bytes, one more for every high first bit, and one fewer for every first byte of
        // a number that is zero: one of 128 signatures has one, and none has six.
        let DecodeErrorKind::Trailing { count, allowed: 0 } = kind else { panic!("{kind:?}") };
        assert!((1..=8).contains(&count), "{count}");
        assert_eq!(failed.codes, until(CHALLENGE));
        // As long as a raw one.
        let mut sim = faulty(version, Fault::DerSignature);
        sim.tamper(CHALLENGE, move |response| response.truncate(whole));
        assert_lost(sim, CHALLENGE, signature(MESSAGE));
    }
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// `ORDER - s`.
fn negated(s: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 32];
    let mut borrow = false;
    for at in (0..32).rev() {
        let (difference, first) = ORDER[at].overflowing_sub(s[at]);
        let (difference, second) = difference.overflowing_sub(borrow.into());
        (out[at], borrow) = (difference, first || second);
    }
    out
}

#[test]
fn n20_r_and_s_out_of_range() {
    let (zero, mut above) = ([0; 32], ORDER);
    above[31] += 1;
    for version in SpdmVersion::ALL {
        for number in [zero, ORDER, above, [0xFF; 32]] {
            for place in [64, 32] {
                let sim = attacked(version, CHALLENGE, move |response| {
                    let at = response.len() - place;
                    response[at..at + 32].copy_from_slice(&number);
                });
                assert_lost(sim, CHALLENGE, signature(MESSAGE));
            }
        }
        // r and s in the wrong order, or each in the wrong byte order.
        let sim = attacked(version, CHALLENGE, |response| {
            let at = response.len() - SIGNATURE_LEN;
            response[at..].rotate_left(32);
        });
        assert_lost(sim, CHALLENGE, signature(MESSAGE));
        let sim = attacked(version, CHALLENGE, |response| {
            let at = response.len() - SIGNATURE_LEN;
            response[at..].chunks_mut(32).for_each(<[u8]>::reverse);
        });
        // Through 1.1 there are devices that write them so: the error says it.
        let cause = if version >= V1_2 {
            signature(MESSAGE)
        } else {
            Cause::Other(Error::SignatureOrder { message: MESSAGE })
        };
        assert_lost(sim, CHALLENGE, cause);
    }
}

#[test]
fn n20_either_s_is_a_signature() {
    // DSP0274 does not ask for the lower one of s and n - s.
    for version in SpdmVersion::ALL {
        let mut sim = attacked(version, CHALLENGE, |response| {
            let at = response.len() - 32;
            let other = negated(&response[at..]);
            response[at..].copy_from_slice(&other);
        });
        assert!(attest(&mut sim).is_ok(), "{version}");
    }
}

#[test]
fn n20_linux_w01_linux_w02_no_flipped_bit_is_accepted() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for byte in 0..recording.responses[5].len() {
            let bit = 1 << (byte % 8);
            match changed(&recording, 5, |response| response[byte] ^= bit) {
                Changed::Failed { sent: 6, error } => {
                    let typed = matches!(
                        error,
                        Error::Signature { message: MESSAGE }
                            | Error::Misbehaved(_)
                            | Error::Decode(_)
                    );
                    assert!(typed, "{version} {byte}: {error:?}");
                    let len = recording.responses[5].len();
                    if (len - SIGNATURE_LEN..len).contains(&byte) {
                        assert_eq!(error, Error::Signature { message: MESSAGE });
                    }
                }
                other => panic!("{version} {byte}: {other:?}"),
            }
        }
    }
}

#[test]
fn n20_linux_w01_each_signature_counts() {
    // CHALLENGE_AUTH is right; the measurements are not.
    for version in SpdmVersion::ALL {
        let code = Code::GET_MEASUREMENTS;
        let sim = faulty_at(version, Fault::BadSignature, code);
        assert_lost(sim, code, signature("MEASUREMENTS"));
        // And the other way round, where CHALLENGE is not even asked for.
        let mut sim = faulty_at(version, Fault::BadSignature, CHALLENGE);
        let result = with_policy(&mut sim, |sim, policy| {
            let mut plan = AttestationPlan::new(policy);
            plan.requirement = Requirement::Measurements;
            plan.negotiation = NegotiationSigning::Waived;
            crate::sim::attest_with(sim, plan)
        });
        assert!(result.is_ok(), "{version}: {result:?}");
        assert!(!sim.codes().contains(&CHALLENGE));
    }
}

#[test]
fn n20_linux_w34_challenge_twice_on_one_connection() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let mut memory = Memory::new();
        let clock = sim.clock.clone();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let mut buffer = vec![0; 0x4000];
        let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
        let (mut requester, chain) =
            blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error).unwrap();
        // With B, without it, and with a part of it again.
        for round in 0..4 {
            if round == 3 {
                let flow = requester.get_digests();
                (requester, ()) =
                    blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error).unwrap();
            }
            let nonce = requester.nonce().unwrap();
            let flow = requester.challenge(Identity::Chain(chain), MeasurementSummary::None, nonce);
            let possession;
            (requester, possession) =
                blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error).unwrap();
            assert_eq!((possession.proof(), possession.nonce()), (Proof::Challenge, &nonce));
        }
    }
}
