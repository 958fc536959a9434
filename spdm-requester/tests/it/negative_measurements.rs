//! N21 and N22: MEASUREMENTS that a requester must not accept.

use core::cell::RefCell;
use std::rc::Rc;

use crate::sim::cause::{Cause, differs, invalid, signature, truncated, unexpected, wrong};
use crate::sim::failed::assert_lost;
use crate::sim::replay::{Changed, Recording, changed, record};
use crate::sim::{
    Memory, Sim, V1_0, V1_1, V1_2, V1_3, attacked, config, error_of, faulty, faulty_at, negotiated,
    since, with_policy,
};
use spdm_codec::{
    Code, ContentChanged, ErrorCode, Expected, MeasurementAttributes, MeasurementHashAlgo,
    RequesterNonce, SlotId, SpdmVersion,
};
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{
    AttestationPlan, Error, Measured, Misuse, Negotiated, Proof, Recovered, Requester, Selection,
    blocking,
};
use spdm_x509::{Chain, Identity};

const MESSAGE: &str = "MEASUREMENTS";
const CODE: Code = Code::GET_MEASUREMENTS;

/// MeasurementRecordData, and the SHA-384 in each of the first four blocks.
const RECORD: usize = 8;
const DIGEST_LEN: u64 = 48;

/// The emulator's blocks.
fn blocks(version: SpdmVersion) -> u64 {
    if version < V1_2 { 5 } else { 8 }
}

/// Length of the record in the recorded answer.
fn record_len(recording: &Recording) -> usize {
    let response = &recording.responses[6];
    usize::from(u16::from_le_bytes([response[5], response[6]]))
}

/// A requester with the chain of slot 0, which outlives it.
fn with_chain(sim: &mut Sim, run: impl FnOnce(&mut Sim, Requester<'_, Negotiated>, Chain<'_>)) {
    let mut memory = Memory::new();
    let mut buffer = vec![0; 0x4000];
    let clock = sim.clock.clone();
    let requester = negotiated(&mut memory, sim).unwrap();
    let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
    let (requester, chain) =
        blocking::run(flow, sim, &clock).map_err(|failure| failure.error).unwrap();
    sim.requests.clear();
    sim.responses.clear();
    run(sim, requester, chain);
}

/// Why there are no measurements, and the requester where the connection is kept.
struct Stopped<'a> {
    cause: Cause,
    kept: Option<Requester<'a, Negotiated>>,
}

/// Measurements without a signature.
fn unsigned<'a>(
    requester: Requester<'a, Negotiated>,
    sim: &mut Sim,
    selection: Selection<'_>,
) -> Result<Requester<'a, Negotiated>, Box<Stopped<'a>>> {
    let mut record = [0; 0x400];
    let flow = requester.measure_unsigned(selection, Default::default(), &mut record);
    let clock = sim.clock.clone();
    match blocking::run(flow, sim, &clock) {
        Ok((requester, measured)) => {
            assert!(measured.possession.is_none());
            Ok(requester)
        }
        Err(failure) => {
            let kept = match failure.requester {
                Recovered::Kept(requester) => Some(requester),
                Recovered::Fresh(_) => None,
                other => panic!("{other:?}"),
            };
            Err(Box::new(Stopped { cause: error_of(failure.error).into(), kept }))
        }
    }
}

#[track_caller]
fn stopped<'a>(result: Result<Requester<'a, Negotiated>, Box<Stopped<'a>>>) -> Stopped<'a> {
    match result {
        Ok(_) => panic!("measured"),
        Err(stopped) => *stopped,
    }
}

/// Measurements with a signature; `see` looks at them.
fn signed<'a>(
    requester: Requester<'a, Negotiated>,
    sim: &mut Sim,
    chain: Chain<'_>,
    selection: Selection<'_>,
    see: impl FnOnce(&Measured<'_, '_>),
) -> Result<Requester<'a, Negotiated>, Cause> {
    let nonce = requester.nonce().unwrap();
    let mut record = [0; 0x400];
    let attributes = MeasurementAttributes::empty();
    let flow =
        requester.measure_signed(selection, attributes, Identity::Chain(chain), nonce, &mut record);
    let clock = sim.clock.clone();
    let outcome = blocking::run(flow, sim, &clock);
    match outcome {
        Ok((requester, measured)) => {
            let possession = measured.possession.unwrap();
            assert_eq!((possession.proof(), *possession.nonce()), (Proof::Measurements, nonce));
            see(&measured);
            Ok(requester)
        }
        Err(failure) => {
            assert!(matches!(failure.requester, Recovered::Fresh(_)));
            Err(error_of(failure.error).into())
        }
    }
}

#[test]
fn n21_record_and_blocks() {
    let (index, size, value_size) = ("Index", "MeasurementSize", "DMTFSpecMeasurementValueSize");
    let specification = "MeasurementSpecification";
    for version in SpdmVersion::ALL {
        let end = RECORD + record_len(&record(version));
        let rest = Expected::Rule("blocks up to the end of the record");
        let once = Expected::Rule("an index that did not occur before");
        let indices = Expected::Range(1, 0xFE);
        let rows = [
            (
                Fault::RecordLengthMismatch,
                invalid(MESSAGE, "NumberOfBlocks", end, rest, blocks(version)),
            ),
            (Fault::BlocksMismatch, truncated(MESSAGE, index, end, 1, 0)),
            (Fault::BlockSize, invalid(MESSAGE, size, 10, Expected::AtLeast(3), 2)),
            (
                Fault::ValueSize,
                invalid(MESSAGE, value_size, 13, Expected::Exactly(DIGEST_LEN), DIGEST_LEN + 1),
            ),
            (
                Fault::DigestSize,
                wrong(MESSAGE, value_size, Expected::Exactly(DIGEST_LEN), DIGEST_LEN - 1),
            ),
            (Fault::DuplicateIndex, invalid(MESSAGE, index, end, once, 1)),
            (Fault::IndexZero, invalid(MESSAGE, index, 8, indices, 0)),
            (Fault::Index255, invalid(MESSAGE, index, 8, indices, 0xFF)),
            (Fault::TwoSpecBits, invalid(MESSAGE, specification, 9, Expected::Rule("one bit"), 3)),
            (
                Fault::SpecNotSelected,
                Cause::Misbehaved {
                    message: MESSAGE,
                    field: specification,
                    violation: spdm_requester::Violation::NotOffered { offered: 1, got: 2 },
                },
            ),
        ];
        for (fault, cause) in rows {
            assert_lost(faulty(version, fault), CODE, cause);
        }
        for bits in [0x00, 0xFF, 0x81] {
            let sim = attacked(version, CODE, move |response| response[9] = bits);
            let cause = invalid(MESSAGE, specification, 9, Expected::Rule("one bit"), bits.into());
            assert_lost(sim, CODE, cause);
        }
    }
}

#[test]
fn n21_lengths_past_the_end() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        let left = recording.responses[6].len() - RECORD;
        // The record beyond the message: 2^24 - 1 bytes.
        let sim = attacked(version, CODE, |response| response[5..8].fill(0xFF));
        let cause = truncated(MESSAGE, "MeasurementRecordData", RECORD, 0xFF_FFFF, left);
        assert_lost(sim, CODE, cause);
        // A block beyond the record: all that is left belongs to the record's end.
        let sim = attacked(version, CODE, |response| {
            response[10..12].fill(0xFF);
            response[13..15].copy_from_slice(&0xFFFC_u16.to_le_bytes());
        });
        let left = record_len(&recording) - 7;
        let cause = truncated(MESSAGE, "DMTFSpecMeasurementValue", 15, 0xFFFC, left);
        assert_lost(sim, CODE, cause);
        // The last block: the manifest before 1.2, the device mode since.
        let len = if version < V1_2 { 35 } else { 16 };
        let at = RECORD + record_len(&recording) - len;
        let cause = truncated(MESSAGE, "DMTFSpecMeasurementValue", at, len + 1, len);
        assert_lost(faulty(version, Fault::BlockPastEnd), CODE, cause);
        // No block at all, and a record of no bytes.
        let blocks = Expected::Range(1, 0xFE);
        let sim = attacked(version, CODE, |response| {
            let len = usize::from(u16::from_le_bytes([response[5], response[6]]));
            response.drain(RECORD..RECORD + len);
            response[4..8].fill(0);
        });
        assert_lost(sim, CODE, wrong(MESSAGE, "NumberOfBlocks", blocks, 0));
    }
}

#[test]
fn n21_no_signature_or_an_empty_one() {
    for version in SpdmVersion::ALL {
        let end = record(version).responses[6].len() - 64;
        let cause = truncated(MESSAGE, "Signature", end, 64, 0);
        assert_lost(faulty(version, Fault::UnsignedMeasurements), CODE, cause);
    }
}

#[test]
fn n21_linux_w02_no_flipped_bit_is_accepted() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        let len = recording.responses[6].len();
        for byte in 0..len {
            let bit = 1 << (byte % 8);
            match changed(&recording, 6, |response| response[byte] ^= bit) {
                Changed::Failed { sent: 7, error } => {
                    let typed = matches!(
                        error,
                        Error::Signature { message: MESSAGE }
                            | Error::Misbehaved(_)
                            | Error::Decode(_)
                    );
                    assert!(typed, "{version} {byte}: {error:?}");
                    if byte >= len - 64 {
                        assert_eq!(error, Error::Signature { message: MESSAGE });
                    }
                }
                other => panic!("{version} {byte}: {other:?}"),
            }
        }
    }
}

#[test]
fn n21_signatures() {
    for version in SpdmVersion::ALL {
        let mut faults = vec![
            Fault::BadSignature,
            Fault::ZeroSignature,
            Fault::OnesSignature,
            Fault::StaleNonceSignature,
            Fault::OtherKeySignature,
        ];
        if version >= V1_2 {
            faults.extend([Fault::WrongContextSignature, Fault::MissingVcaSignature]);
        }
        for fault in faults {
            assert_lost(faulty_at(version, fault, CODE), CODE, signature(MESSAGE));
        }
    }
}

#[test]
fn n21_slot_context_and_nonce() {
    for version in since(V1_1) {
        let cause = wrong(MESSAGE, "SlotID", Expected::Exactly(0), 1);
        assert_lost(faulty(version, Fault::MeasurementsOtherSlot), CODE, cause);
        let rule = Expected::Rule("a slot or a public key");
        for nibble in 8..15 {
            let sim = attacked(version, CODE, move |r| r[3] = r[3] & 0xF0 | nibble);
            assert_lost(sim, CODE, invalid(MESSAGE, "SlotID", 3, rule, nibble.into()));
        }
        let sim = attacked(version, CODE, |r| r[3] |= 0x0F);
        assert_lost(sim, CODE, wrong(MESSAGE, "SlotID", Expected::Exactly(0), 15));
    }
    for version in since(V1_3) {
        let cause = differs(MESSAGE, "RequesterContext", "the request's");
        assert_lost(faulty_at(version, Fault::ContextMismatch, CODE), CODE, cause);
    }
    for version in SpdmVersion::ALL {
        let at = RECORD + record_len(&record(version));
        let seen = Rc::new(RefCell::new(Vec::new()));
        let nonce = seen.clone();
        let mut sim = Sim::new(config(version));
        sim.tamper_request(CODE, move |r| nonce.borrow_mut().extend_from_slice(&r[4..36]));
        sim.tamper(CODE, move |r| r[at..at + 32].copy_from_slice(&seen.borrow()));
        assert_lost(sim, CODE, differs(MESSAGE, "Nonce", "a nonce of the Responder's own"));
    }
}

#[test]
fn n21_content_changed() {
    for version in since(V1_2) {
        let cause = invalid(MESSAGE, "content changed", 3, Expected::AtMost(2), 3);
        assert_lost(faulty(version, Fault::ContentChangedReserved), CODE, cause);
    }
    // It is legal that something changed, and the caller is told.
    for version in SpdmVersion::ALL {
        for (fault, since_1_2) in [
            (Fault::ContentChanged, ContentChanged::Changed),
            (Fault::NoChangeDetection, ContentChanged::NotDetected),
            (Fault::ReservedBytes, ContentChanged::Unchanged),
        ] {
            let mut sim = faulty(version, fault);
            let expected = if version < V1_2 { ContentChanged::NotDetected } else { since_1_2 };
            with_chain(&mut sim, |sim, requester, chain| {
                let result = signed(requester, sim, chain, Selection::All, |measured| {
                    assert_eq!(measured.content_changed, expected, "{version}");
                });
                assert!(result.is_ok());
            });
        }
    }
    // Without a signature nobody can tell.
    for version in since(V1_2) {
        for bits in [0x10, 0x20] {
            let mut sim = Sim::new(config(version));
            sim.tamper(CODE, move |response| response[3] |= bits);
            with_chain(&mut sim, |sim, requester, _| {
                let Stopped { cause, kept } = stopped(unsigned(requester, sim, Selection::All));
                assert_eq!(cause, unexpected(MESSAGE, "content changed"));
                assert!(kept.is_none());
            });
        }
    }
}

#[test]
fn n21_the_index_that_was_asked_for() {
    for version in SpdmVersion::ALL {
        with_chain(&mut faulty(version, Fault::IndexMismatch), |sim, requester, chain| {
            let result = signed(requester, sim, chain, Selection::Indices(&[2]), |_| {});
            let cause = wrong(MESSAGE, "Index", Expected::Exactly(2), 0x7E);
            assert_eq!(result.map(drop), Err(cause), "{version}");
            assert_eq!(sim.codes(), [CODE]);
        });
        // In a sequence, at the first one already, signed or not.
        with_chain(&mut faulty(version, Fault::IndexMismatch), |sim, requester, chain| {
            let result = signed(requester, sim, chain, Selection::Indices(&[3, 1]), |_| {});
            let cause = wrong(MESSAGE, "Index", Expected::Exactly(3), 0x7E);
            assert_eq!(result.map(drop), Err(cause), "{version}");
            assert_eq!(sim.codes(), [CODE]);
        });
        with_chain(&mut faulty(version, Fault::DuplicateIndex), |sim, requester, chain| {
            let result = signed(requester, sim, chain, Selection::Indices(&[1]), |_| {});
            let Err(Cause::Decode { message, field, kind, .. }) = result.map(drop) else {
                panic!("{version}");
            };
            let once = Expected::Rule("an index that did not occur before");
            let expected = spdm_codec::DecodeErrorKind::Value { expected: once, got: 1 };
            assert_eq!((message, field, kind), (MESSAGE, "Index", expected));
        });
        // All of them, instead of one.
        let mut sim = Sim::new(config(version));
        sim.tamper_request(CODE, |request| request[3] = 0xFF);
        with_chain(&mut sim, |sim, requester, _| {
            let Stopped { cause, kept } =
                stopped(unsigned(requester, sim, Selection::Indices(&[1])));
            let got = blocks(version);
            assert_eq!(cause, wrong(MESSAGE, "NumberOfBlocks", Expected::Exactly(1), got));
            assert!(kept.is_none());
        });
    }
}

#[test]
fn n21_the_number_of_indices() {
    for version in SpdmVersion::ALL {
        with_chain(&mut faulty(version, Fault::CountWithBlocks), |sim, requester, _| {
            let Stopped { cause, kept } = stopped(unsigned(requester, sim, Selection::Count));
            assert_eq!(cause, wrong(MESSAGE, "NumberOfBlocks", Expected::Exactly(0), 1));
            assert!(kept.is_none());
        });
        for got in [0, 0xFF] {
            let mut sim = Sim::new(config(version));
            sim.tamper(CODE, move |response| response[2] = got);
            with_chain(&mut sim, |sim, requester, _| {
                let Stopped { cause, kept } = stopped(unsigned(requester, sim, Selection::Count));
                let expected = Expected::Range(1, 0xFE);
                assert_eq!(cause, wrong(MESSAGE, "Param1", expected, got.into()));
                assert!(kept.is_none());
            });
        }
        // More blocks than the device said it has.
        let mut sim = Sim::new(config(version));
        sim.tamper(CODE, |response| {
            if response[2] != 0 {
                response[2] = 2;
            }
        });
        with_chain(&mut sim, |sim, requester, _| {
            let requester =
                unsigned(requester, sim, Selection::Count).map_err(|e| e.cause).unwrap();
            let Stopped { cause, kept } = stopped(unsigned(requester, sim, Selection::All));
            let (expected, got) = (Expected::Range(1, 2), blocks(version));
            assert_eq!(cause, wrong(MESSAGE, "NumberOfBlocks", expected, got));
            assert!(kept.is_none());
        });
    }
}

#[test]
fn n21_a_digest_where_there_is_no_hash() {
    for version in SpdmVersion::ALL {
        let measurement_hash = MeasurementHashAlgo::RAW_BIT_STREAM;
        let mut sim = Sim::new(DeviceConfig { measurement_hash, ..config(version) });
        sim.tamper(CODE, |response| response[12] &= 0x7F);
        with_chain(&mut sim, |sim, requester, _| {
            let Stopped { cause, .. } = stopped(unsigned(requester, sim, Selection::All));
            let Cause::Misbehaved { message, field, violation } = cause else { panic!() };
            assert_eq!((message, field), (MESSAGE, "DMTFSpecMeasurementValueSize"));
            let rule = Expected::Rule("a raw bit stream, for there is no measurement hash");
            let len = u64::try_from(b"spdm-emulator: immutable ROM, revision A".len()).unwrap();
            let expected = spdm_requester::Violation::Value { expected: rule, got: len };
            assert_eq!(violation, expected, "{version}");
        });
    }
}

#[test]
fn n21_a_selection_that_makes_no_sense() {
    for version in SpdmVersion::ALL {
        for indices in [&[][..], &[0], &[0xFF], &[1, 2, 1]] {
            with_chain(&mut Sim::new(config(version)), |sim, requester, _| {
                let Stopped { cause, .. } =
                    stopped(unsigned(requester, sim, Selection::Indices(indices)));
                assert_eq!(cause, Cause::Other(Error::Misuse(Misuse::Selection)), "{indices:?}");
                let sent = if indices.len() == 3 { 2 } else { 0 };
                assert_eq!(sim.codes(), vec![CODE; sent]);
            });
        }
    }
}

#[test]
fn n21_the_transcript_of_a_sequence() {
    for version in SpdmVersion::ALL {
        // Several requests, one signature: nothing before and nothing behind them.
        with_chain(&mut Sim::new(config(version)), |sim, requester, chain| {
            let selection = Selection::Indices(&[4, 2, 0xFD]);
            let requester = signed(requester, sim, chain, selection, |measured| {
                let indices: Vec<_> = measured.record.iter().map(|block| block.index).collect();
                assert_eq!(indices, [4, 2, 0xFD]);
            });
            let requester = signed(requester.unwrap(), sim, chain, Selection::All, |_| {}).unwrap();
            // Directly behind unsigned ones, as after asking how many there are.
            let requester =
                unsigned(requester, sim, Selection::Count).map_err(|e| e.cause).unwrap();
            let requester = unsigned(requester, sim, Selection::All).map_err(|e| e.cause).unwrap();
            let requester = signed(requester, sim, chain, Selection::All, |_| {}).unwrap();
            // Behind another request, which empties L1.
            let requester = unsigned(requester, sim, Selection::All).map_err(|e| e.cause).unwrap();
            let clock = sim.clock.clone();
            let (requester, ()) = blocking::run(requester.get_digests(), sim, &clock)
                .map_err(|failure| failure.error)
                .unwrap();
            let requester = signed(requester, sim, chain, Selection::All, |_| {}).unwrap();
            // Behind a refusal, which empties L1, too.
            let requester = unsigned(requester, sim, Selection::All).map_err(|e| e.cause).unwrap();
            let Stopped { cause, kept } =
                stopped(unsigned(requester, sim, Selection::Indices(&[0x55])));
            assert_eq!(cause, crate::sim::cause::refused(CODE, ErrorCode::INVALID_REQUEST, 0));
            signed(kept.unwrap(), sim, chain, Selection::All, |_| {}).unwrap();
        });
    }
}

#[test]
fn n21_a_sequence_that_was_changed_on_its_way() {
    for version in SpdmVersion::ALL {
        // Only the second of three unsigned answers, and only what no check looks at.
        for number in 0..3 {
            let mut sim = Sim::new(config(version));
            let mut count = 0;
            sim.tamper(CODE, move |response| {
                if count == number {
                    response[RECORD + 7] ^= 1;
                }
                count += 1;
            });
            with_chain(&mut sim, |sim, requester, chain| {
                let selection = Selection::Indices(&[1, 2, 3]);
                let result = signed(requester, sim, chain, selection, |_| {});
                assert_eq!(result.map(drop), Err(signature(MESSAGE)), "{version} {number}");
                assert_eq!(sim.codes(), [CODE; 3]);
            });
        }
    }
}

#[test]
fn n21_linux_w33_busy_inside_a_sequence() {
    for version in SpdmVersion::ALL {
        for fault in [Fault::BusyOnce, Fault::NotReadyOnce] {
            with_chain(&mut faulty_at(version, fault, CODE), |sim, requester, chain| {
                let selection = Selection::Indices(&[1, 2, 3]);
                let result = signed(requester, sim, chain, selection, |_| {});
                assert!(result.is_ok(), "{version} {fault}: {:?}", result.map(drop));
                let codes = sim.codes();
                let again = if fault == Fault::BusyOnce { CODE } else { Code::RESPOND_IF_READY };
                assert_eq!(codes, [CODE, again, CODE, again, CODE, again], "{version}");
            });
        }
    }
}

#[test]
fn n22_replayed_measurements() {
    for version in SpdmVersion::ALL {
        with_chain(&mut faulty(version, Fault::ReplayMeasurements), |sim, requester, chain| {
            let requester = signed(requester, sim, chain, Selection::All, |_| {}).unwrap();
            let result = signed(requester, sim, chain, Selection::All, |_| {});
            // From 1.3 on the context of the request shows it before the signature does.
            let cause = match version {
                V1_0 | V1_1 | V1_2 => signature(MESSAGE),
                _ => differs(MESSAGE, "RequesterContext", "the request's"),
            };
            assert_eq!(result.map(drop), Err(cause), "{version}");
            assert_eq!(sim.codes(), [CODE, CODE]);
            assert_eq!(sim.responses[0], sim.responses[1]);
        });
        // With the context corrected.
        let mut sim = faulty(version, Fault::ReplayMeasurements);
        if version >= V1_3 {
            let context = Rc::new(RefCell::new(Vec::new()));
            let seen = context.clone();
            sim.tamper_request(CODE, move |request| {
                *seen.borrow_mut() = request[request.len() - 8..].to_vec();
            });
            sim.tamper(CODE, move |response| {
                let at = response.len() - 64 - 8;
                response[at..at + 8].copy_from_slice(&context.borrow());
            });
        }
        with_chain(&mut sim, |sim, requester, chain| {
            let requester = signed(requester, sim, chain, Selection::All, |_| {}).unwrap();
            let result = signed(requester, sim, chain, Selection::All, |_| {});
            assert_eq!(result.map(drop), Err(signature(MESSAGE)), "{version}");
        });
    }
}

#[test]
fn n22_an_attestation_of_yesterday() {
    // All answers of an earlier attestation, for new nonces.
    for version in SpdmVersion::ALL {
        let recording = record(version);
        let mut sim = Sim::new(config(version));
        for (at, code) in crate::sim::FLOW.into_iter().enumerate() {
            let copy = recording.responses[at].clone();
            sim.tamper(code, move |response| response.clone_from(&copy));
        }
        let cause = match version {
            V1_0 | V1_1 | V1_2 => signature("CHALLENGE_AUTH"),
            _ => differs("CHALLENGE_AUTH", "RequesterContext", "the request's"),
        };
        assert_lost(sim, Code::CHALLENGE, cause);
    }
}

#[test]
fn n22_nonces_are_new_and_the_callers_is_used() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        with_policy(&mut sim, |sim, policy| {
            let mut plan = AttestationPlan::new(policy);
            plan.nonce = Some(RequesterNonce([0xC7; 32]));
            for _ in 0..2 {
                crate::sim::attest_with(sim, plan).unwrap();
            }
        });
        let nonces = |code: Code| -> Vec<Vec<u8>> {
            let of = sim.requests.iter().filter(|request| Code(request[1]) == code);
            of.map(|request| request[4..36].to_vec()).collect()
        };
        // The caller's is that of the measurements; CHALLENGE draws its own.
        assert_eq!(nonces(CODE), [[0xC7; 32], [0xC7; 32]]);
        let drawn = nonces(Code::CHALLENGE);
        assert_eq!(drawn.len(), 2);
        assert_ne!(drawn[0], drawn[1]);
        assert!(!drawn.contains(&vec![0; 32]) && !drawn.contains(&vec![0xC7; 32]));
    }
}
