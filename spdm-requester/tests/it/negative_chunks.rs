//! N29: chunks that a requester must not accept. Each is refused at once, and nothing is asked for afterwards.

use crate::sim::cause::{Cause, invalid, refused, truncated, unexpected, wrong};
use crate::sim::failed::{Failed, Remains, Setup, fail_with};
use crate::sim::{Sim, V1_2, V1_3, V1_4, config};
use spdm_codec::{CapabilityFlags, Code, ErrorCode, Expected, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Act, DeviceConfig, Edit, ScriptStep, When};
use spdm_requester::{Bound, Bounds, Error, Offer};

const VERSIONS: [SpdmVersion; 3] = [V1_2, V1_3, V1_4];

/// A device with transfers of 42 bytes and a script.
fn scripted(version: SpdmVersion, script: Vec<ScriptStep>) -> Sim {
    Sim::new(DeviceConfig {
        more_capabilities: CapabilityFlags::CHUNK_CAP,
        data_transfer_size: 42,
        script,
        ..config(version)
    })
}

fn setup() -> Setup {
    let mut offer = Offer::everything(&PROVIDER);
    offer.data_transfer_size = 42;
    let mut bounds = Bounds::default();
    bounds.round_trips = 2000;
    Setup { offer, bounds, ..Setup::default() }
}

/// The attestation ends at the `nth` message of this code, counted from 0, which is the last one.
#[track_caller]
fn assert_ends(mut sim: Sim, at: Code, nth: u32, cause: Cause, remains: Remains) {
    let what = sim.device.config().script.clone();
    let version = sim.device.config().versions.clone();
    let failed: Failed = fail_with(&mut sim, setup());
    assert_eq!(failed.cause, Ok(cause), "{version:?} {what:?}");
    assert_eq!(failed.remains, remains, "{version:?} {what:?}");
    assert_eq!(failed.codes.last(), Some(&at), "{version:?} {what:?}");
    let count = failed.codes.iter().filter(|code| **code == at).count();
    assert_eq!(count, usize::try_from(nth).unwrap() + 1, "{version:?} {what:?}");
}

/// What the device says to the `nth` CHUNK_GET is changed; the first large response is CHALLENGE_AUTH.
#[track_caller]
fn response(version: SpdmVersion, nth: u32, edit: Edit, cause: Cause) {
    let script = vec![ScriptStep::new(Code::CHUNK_GET, When::Nth(nth), Act::Tamper(edit))];
    assert_ends(scripted(version, script), Code::CHUNK_GET, nth, cause, Remains::Fresh);
}

const RESPONSE: &str = "CHUNK_RESPONSE";
const REACHED: &str = "LastChunk, for LargeMessageSize is reached";
const EARLY: &str = "no LastChunk before LargeMessageSize is reached";

#[test]
fn n29_handle_and_sequence_number() {
    for version in VERSIONS {
        for nth in [0, 1] {
            // Param2 is Handle: the device's first one is 1.
            let edit = Edit::set("Param2", 0);
            response(version, nth, edit, wrong(RESPONSE, "Handle", Expected::Exactly(1), 0));
        }
        // Skipped, repeated. With ChunkSeqNo 0 there is a LargeMessageSize.
        let expected = |nth: u32| Expected::Exactly(nth.into());
        let edit = Edit::set("ChunkSeqNo", 2);
        response(version, 1, edit, wrong(RESPONSE, "ChunkSeqNo", expected(1), 2));
        let edit = Edit::set("ChunkSeqNo", 0xFFFF_FFFF);
        let got = if version == V1_4 { 0xFFFF_FFFF } else { 0xFFFF };
        response(version, 1, edit, wrong(RESPONSE, "ChunkSeqNo", expected(1), got));
        // The first chunk again, as a whole: a duplicate that comes late.
        let script = vec![ScriptStep::new(Code::CHUNK_GET, When::Nth(1), Act::Stale)];
        let cause = wrong(RESPONSE, "ChunkSeqNo", expected(1), 0);
        assert_ends(scripted(version, script), Code::CHUNK_GET, 1, cause, Remains::Fresh);
    }
}

#[test]
fn n29_chunk_sizes() {
    for version in VERSIONS {
        let zero = invalid(RESPONSE, "ChunkSize", 8, Expected::AtLeast(1), 0);
        response(version, 0, Edit::set("ChunkSize", 0), zero);
        response(version, 1, Edit::set("ChunkSize", 0), zero);
        // More than was received (libspdm 7927a923), by one and by all.
        let past = |at, size, left| truncated(RESPONSE, "SPDMchunk", at, size, left);
        response(version, 0, Edit::set("ChunkSize", 27), past(16, 27, 26));
        response(version, 1, Edit::set("ChunkSize", 31), past(12, 31, 30));
        response(version, 0, Edit::set("ChunkSize", 0xFFFF_FFFF), past(16, 0xFFFF_FFFF, 26));
        // One byte too few behind it.
        response(version, 0, Edit::Truncate(41), past(16, 26, 25));
        for len in 0..16 {
            let script = vec![ScriptStep::new(
                Code::CHUNK_GET,
                When::Nth(0),
                Act::Tamper(Edit::Truncate(len)),
            )];
            let failed = fail_with(&mut scripted(version, script), setup());
            assert!(matches!(failed.cause, Ok(Cause::Decode { .. })), "{len} {:?}", failed.cause);
            assert_eq!(failed.codes.last(), Some(&Code::CHUNK_GET));
        }
        // One byte at a time makes no progress worth the round trips.
        let script = vec![
            ScriptStep::new(Code::CHUNK_GET, When::Always, Act::Tamper(Edit::set("ChunkSize", 1))),
            ScriptStep::new(Code::CHUNK_GET, When::Always, Act::Tamper(Edit::Truncate(17))),
        ];
        let cause = wrong(RESPONSE, "ChunkSize", Expected::AtLeast(26), 1);
        assert_ends(scripted(version, script), Code::CHUNK_GET, 0, cause, Remains::Fresh);
    }
}

#[test]
fn n29_large_message_size() {
    for version in VERSIONS {
        let most = 0x2000 - 64 - 16;
        let field = "LargeMessageSize";
        for got in [0, 1, 34, 36, 42] {
            // What answers a large request would have to fit the acknowledgement.
            let least = [(V1_2, 43), (V1_3, 37), (V1_4, 35)];
            let least = least.into_iter().find(|(v, _)| *v == version).unwrap().1;
            if got >= least {
                continue;
            }
            let cause = wrong(RESPONSE, field, Expected::AtLeast(least), got);
            response(version, 0, Edit::set(field, got), cause);
        }
        for got in [most + 1, 0x1_0000, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            let cause = wrong(RESPONSE, field, Expected::AtMost(most), got);
            response(version, 0, Edit::set(field, got), cause);
        }
        // Less than the chunks have: the second one is too long, or must be the last.
        let total = |size: u64| {
            ScriptStep::new(Code::CHUNK_GET, When::Nth(0), Act::Tamper(Edit::set(field, size)))
        };
        let cause = wrong(RESPONSE, "ChunkSize", Expected::AtMost(43 - 26), 30);
        assert_ends(scripted(version, vec![total(43)]), Code::CHUNK_GET, 1, cause, Remains::Fresh);
        let cause = wrong(RESPONSE, "LastChunk", Expected::Rule(REACHED), 0);
        assert_ends(scripted(version, vec![total(56)]), Code::CHUNK_GET, 1, cause, Remains::Fresh);
        // More than they have: the last one comes early.
        let cause = wrong(RESPONSE, "LastChunk", Expected::Rule(EARLY), 1);
        let chunks = 1 + (challenge_auth_len(version) - 26).div_ceil(30);
        let nth = u32::try_from(chunks - 1).unwrap();
        assert_ends(
            scripted(version, vec![total(most)]),
            Code::CHUNK_GET,
            nth,
            cause,
            Remains::Fresh,
        );
    }
}

/// CHALLENGE_AUTH of the emulator with P-256 and SHA-256.
fn challenge_auth_len(version: SpdmVersion) -> usize {
    4 + 32 + 32 + 2 + 24 + 64 + if version >= V1_3 { 8 } else { 0 }
}

#[test]
fn n29_last_chunk() {
    for version in VERSIONS {
        let early = |got| wrong(RESPONSE, "LastChunk", Expected::Rule(EARLY), got);
        response(version, 0, Edit::set("Param1", 1), early(1));
        response(version, 1, Edit::set("Param1", 1), early(1));
        // And never.
        let nth = u32::try_from((challenge_auth_len(version) - 26).div_ceil(30)).unwrap();
        let never = wrong(RESPONSE, "LastChunk", Expected::Rule(REACHED), 0);
        response(version, nth, Edit::set("Param1", 0), never);
    }
}

#[test]
fn n29_other_messages_in_place_of_a_chunk() {
    for version in VERSIONS {
        for code in [0x05, 0x01, 0x02, 0x03, 0x60, 0x04, 0x86] {
            let expected = Expected::Exactly(0x06);
            let cause = invalid(RESPONSE, "RequestResponseCode", 1, expected, code);
            response(
                version,
                0,
                Edit::Flip(spdm_emulator::Position::Offset(1), 0x06 ^ u8::try_from(code).unwrap()),
                cause,
            );
        }
        let byte = u64::from(version.to_byte());
        let cause = invalid(RESPONSE, "SPDMVersion", 0, Expected::Exactly(byte), byte ^ 1);
        response(version, 1, Edit::Flip(spdm_emulator::Position::Offset(0), 1), cause);
    }
}

#[test]
fn n29_errors_in_place_of_a_chunk() {
    for version in VERSIONS {
        let error = |code: ErrorCode, extended: &[u8]| Act::Refuse {
            code,
            data: 7,
            extended: extended.to_vec(),
        };
        for nth in [0, 1] {
            let at = |act| {
                scripted(version, vec![ScriptStep::new(Code::CHUNK_GET, When::Nth(nth), act)])
            };
            // No large response in a large response, and nothing to get ready.
            let sim = at(error(ErrorCode::LARGE_RESPONSE, &[9]));
            let cause = unexpected("ERROR", "LargeResponse");
            assert_ends(sim, Code::CHUNK_GET, nth, cause, Remains::Fresh);
            for code in [Code::CHUNK_GET, Code::GET_CERTIFICATE, Code::CHALLENGE, Code::GET_DIGESTS]
            {
                let sim = at(error(ErrorCode::RESPONSE_NOT_READY, &[1, code.0, 1, 2]));
                let cause = unexpected("ERROR", "ResponseNotReady");
                assert_ends(sim, Code::CHUNK_GET, nth, cause, Remains::Fresh);
            }
            // A refusal is one of the request.
            let code = ErrorCode::UNSPECIFIED;
            let cause = refused(Code::CHALLENGE, code, 7);
            assert_ends(at(error(code, &[])), Code::CHUNK_GET, nth, cause, Remains::Kept);
            let code = ErrorCode::REQUEST_RESYNCH;
            let cause = refused(Code::CHALLENGE, code, 7);
            assert_ends(at(error(code, &[])), Code::CHUNK_GET, nth, cause, Remains::Fresh);
        }
        // Busy for ever: five times again.
        let busy = error(ErrorCode::BUSY, &[]);
        let sim = scripted(version, vec![ScriptStep::new(Code::CHUNK_GET, When::From(1), busy)]);
        let cause = Cause::Other(Error::Bound(Bound::Busy(5)));
        assert_ends(sim, Code::CHUNK_GET, 6, cause, Remains::Fresh);
    }
}

#[test]
fn n29_chunks_without_chunk_cap() {
    for version in VERSIONS {
        let large = Act::Refuse { code: ErrorCode::LARGE_RESPONSE, data: 0, extended: vec![1] };
        let script = vec![ScriptStep::new(Code::GET_DIGESTS, When::Always, large)];
        let cause = unexpected("ERROR", "LargeResponse");
        // The device lacks it.
        let sim = Sim::new(DeviceConfig { script: script.clone(), ..config(version) });
        assert_ends(sim, Code::GET_DIGESTS, 0, cause, Remains::Fresh);
        // The requester lacks it.
        let mut setup = setup();
        setup.offer.capabilities = CapabilityFlags::empty();
        setup.offer.data_transfer_size = u32::MAX;
        let mut sim = Sim::new(DeviceConfig {
            more_capabilities: CapabilityFlags::CHUNK_CAP,
            script,
            ..config(version)
        });
        let failed = fail_with(&mut sim, setup);
        assert_eq!(failed.cause, Ok(cause));
        assert_eq!(failed.codes, crate::sim::until(Code::GET_DIGESTS));
    }
}

#[test]
fn n29_what_is_put_together_is_no_chunk_version_or_error() {
    for version in VERSIONS {
        // The code of the large message is the second byte of the first chunk.
        for code in [0x05_u8, 0x06, 0x04, 0x7F, 0x61] {
            let place = spdm_emulator::Position::Offset(17);
            let edit = Edit::Flip(place, 0x03 ^ code);
            let nth = u32::try_from((challenge_auth_len(version) - 26).div_ceil(30)).unwrap();
            let script = vec![ScriptStep::new(Code::CHUNK_GET, When::Nth(0), Act::Tamper(edit))];
            let rule = Expected::Rule("a message that may be large");
            let cause = wrong(RESPONSE, "SPDMchunk", rule, code.into());
            assert_ends(scripted(version, script), Code::CHUNK_GET, nth, cause, Remains::Fresh);
        }
        // The response to another request.
        for code in [0x01_u8, 0x02, 0x60, 0x63] {
            let edit = Edit::Flip(spdm_emulator::Position::Offset(17), 0x03 ^ code);
            let nth = u32::try_from((challenge_auth_len(version) - 26).div_ceil(30)).unwrap();
            let script = vec![ScriptStep::new(Code::CHUNK_GET, When::Nth(0), Act::Tamper(edit))];
            let (field, expected) = ("RequestResponseCode", Expected::Exactly(3));
            let cause = invalid("CHALLENGE_AUTH", field, 1, expected, code.into());
            assert_ends(scripted(version, script), Code::CHUNK_GET, nth, cause, Remains::Fresh);
        }
    }
}

#[test]
fn n29_n02_nothing_follows_a_reassembled_message() {
    // What a transport pads is behind chunks, never inside of what they make.
    for version in VERSIONS {
        for padding in 0..4 {
            let more = Edit::Append(vec![0]);
            let mut sim = Sim::new(DeviceConfig {
                padding,
                more_capabilities: CapabilityFlags::CHUNK_CAP,
                data_transfer_size: 42,
                script: vec![ScriptStep::new(Code::CHALLENGE, When::Always, Act::Tamper(more))],
                ..config(version)
            });
            let failed = fail_with(&mut sim, setup());
            let at = challenge_auth_len(version);
            let cause = crate::sim::cause::trailing("CHALLENGE_AUTH", at, 1, 0);
            assert_eq!(failed.cause, Ok(cause), "{version} {padding}");
        }
    }
}

// CHUNK_SEND_ACK.

/// The answer to the `nth` CHUNK_SEND is changed.
#[track_caller]
fn ack(version: SpdmVersion, nth: u32, act: Act, cause: Cause, remains: Remains) {
    let script = vec![ScriptStep::new(Code::CHUNK_SEND, When::Nth(nth), act)];
    assert_ends(scripted(version, script), Code::CHUNK_SEND, nth, cause, remains);
}

const ACK: &str = "CHUNK_SEND_ACK";

#[test]
fn n29_acknowledgements() {
    for version in [V1_3, V1_4] {
        let tamper = Act::Tamper;
        for handle in [1, 0xFF] {
            let cause = wrong(ACK, "Handle", Expected::Exactly(0), handle);
            ack(version, 0, tamper(Edit::set("Param2", handle)), cause, Remains::Fresh);
        }
        let cause = wrong(ACK, "ChunkSeqNo", Expected::Exactly(0), 1);
        ack(version, 0, tamper(Edit::set("ChunkSeqNo", 1)), cause, Remains::Fresh);
        // A response before the last chunk.
        let rule = Expected::Rule("nothing before the last chunk");
        let more = tamper(Edit::Append(vec![version.to_byte(), 0x03, 0, 0]));
        let cause = wrong(ACK, "ResponseToLargeRequest", rule, 4);
        ack(version, 0, more, cause, Remains::Fresh);
        // EarlyErrorDetected without an ERROR, and with a proper one.
        let early = |response: &[u8]| {
            let head: &[u8] = if version == V1_4 { &[0; 4] } else { &[0; 2] };
            let header = [version.to_byte(), 0x05, 1, 0];
            Act::Replace([&header[..], head, response].concat())
        };
        let error = |code: ErrorCode, extended: &[u8]| {
            early(&[&[version.to_byte(), 0x7F, code.0, 9][..], extended].concat())
        };
        let rule = Expected::Rule("ERROR, for EarlyErrorDetected is set");
        let cause = wrong(ACK, "ResponseToLargeRequest", rule, 0x03);
        let no_error = early(&[version.to_byte(), 0x03, 0, 0]);
        ack(version, 0, no_error, cause, Remains::Fresh);
        ack(version, 0, early(&[]), truncated("message", "SPDMVersion", 0, 1, 0), Remains::Fresh);
        let code = ErrorCode::INVALID_REQUEST;
        let cause = refused(Code::CHALLENGE, code, 9);
        ack(version, 0, error(code, &[]), cause, Remains::Kept);
        let rule = Expected::Rule("an ERROR that ends the large request");
        for (code, extended) in [
            (ErrorCode::LARGE_RESPONSE, &[1][..]),
            (ErrorCode::RESPONSE_NOT_READY, &[1, 0x83, 1, 2]),
        ] {
            let cause = wrong(ACK, "ResponseToLargeRequest", rule, code.0.into());
            ack(version, 0, error(code, extended), cause, Remains::Fresh);
        }
        // In the clear, before the last chunk.
        for (code, extended) in [
            (ErrorCode::LARGE_RESPONSE, vec![1]),
            (ErrorCode::RESPONSE_NOT_READY, vec![1, 0x83, 1, 2]),
        ] {
            let act = Act::Refuse { code, data: 0, extended };
            let cause = unexpected("ERROR", code.name().unwrap());
            ack(version, 0, act, cause, Remains::Fresh);
        }
        let code = ErrorCode::REQUEST_TOO_LARGE;
        let act = Act::Refuse { code, data: 0, extended: vec![] };
        ack(version, 0, act, refused(Code::CHALLENGE, code, 0), Remains::Kept);
    }
}

#[test]
fn n29_the_response_in_an_acknowledgement() {
    // A response that fits: the device refuses CHALLENGE with an ERROR inside of the acknowledgement.
    for version in [V1_3, V1_4] {
        let refuse = |code| Act::Refuse { code, data: 3, extended: vec![] };
        let code = ErrorCode::UNSPECIFIED;
        let script = vec![ScriptStep::new(Code::CHALLENGE, When::Always, refuse(code))];
        let cause = refused(Code::CHALLENGE, code, 3);
        assert_ends(scripted(version, script), Code::CHUNK_SEND, 1, cause, Remains::Kept);
        // Busy with it for ever: the whole of it six times, in two chunks each.
        let script = vec![ScriptStep::new(Code::CHALLENGE, When::Always, refuse(ErrorCode::BUSY))];
        let cause = Cause::Other(Error::Bound(Bound::Busy(5)));
        assert_ends(scripted(version, script), Code::CHUNK_SEND, 11, cause, Remains::Fresh);
        // An acknowledgement of the last chunk without a response.
        let len = if version == V1_4 { 8 } else { 6 };
        let act =
            Act::Replace([&[version.to_byte(), 0x05, 0, 0, 1][..], &vec![0; len - 5]].concat());
        let cause = truncated("message", "SPDMVersion", 0, 1, 0);
        ack(version, 1, act, cause, Remains::Fresh);
        // A chunk message inside.
        let act = Act::Replace(
            [
                &[version.to_byte(), 0x05, 0, 0, 1][..],
                &vec![0; len - 5],
                &[version.to_byte(), 6, 0, 0],
            ]
            .concat(),
        );
        let rule = Expected::Rule("no message of the chunk transfer");
        ack(version, 1, act, wrong(ACK, "ResponseToLargeRequest", rule, 6), Remains::Fresh);
    }
}
