//! N1 to N8: responses that are too short, too long, of another kind, or of another shape.

use crate::sim::cause::{Cause, invalid, signature, trailing, truncated, wrong};
use crate::sim::failed::{Failed, Remains, assert_lost, fail};
use crate::sim::replay::{Changed, Recording, changed, record, record_from};
use crate::sim::{FLOW, Sim, V1_2, attacked, attest, config, faulty, faulty_at, until};
use spdm_codec::{Code, DecodeErrorKind, Expected, SpdmVersion};
use spdm_emulator::{DeviceConfig, Fault};

/// The answers to [`FLOW`].
const ANSWERS: [&str; 7] = [
    "VERSION",
    "CAPABILITIES",
    "ALGORITHMS",
    "DIGESTS",
    "CERTIFICATE",
    "CHALLENGE_AUTH",
    "MEASUREMENTS",
];

fn version_byte(at: usize, version: SpdmVersion) -> u8 {
    if at == 0 { 0x10 } else { version.to_byte() }
}

/// The number of requests until an attestation fails, and why.
#[track_caller]
fn failed(recording: &Recording, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> (usize, Cause) {
    match changed(recording, at, change) {
        Changed::Failed { sent, error } => (sent, error.into()),
        other => panic!("{} {}: {other:?}", recording.version, ANSWERS[at]),
    }
}

/// The attestation ends with this cause at answer number `at`.
#[track_caller]
fn assert_changed(
    recording: &Recording,
    at: usize,
    cause: Cause,
    change: impl FnOnce(&mut Vec<u8>),
) {
    let (sent, found) = failed(recording, at, change);
    let version = recording.version;
    assert_eq!((sent, found), (at + 1, cause), "{version} {}", ANSWERS[at]);
}

#[test]
fn the_recorded_attestations_succeed() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        let codes = recording.requests.iter().map(|request| Code(request[1]));
        assert!(codes.eq(FLOW), "{version}");
        assert_eq!(changed(&recording, 0, |_| {}), Changed::Attested, "{version}");
    }
}

#[test]
fn n01_linux_w13_every_prefix_of_every_response() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for (at, response) in recording.responses.iter().enumerate() {
            for len in 0..response.len() {
                let (sent, cause) = failed(&recording, at, |r| r.truncate(len));
                let what = (version, ANSWERS[at], len);
                let Cause::Decode { message, at: offset, kind, .. } = cause else {
                    panic!("{what:?}: {cause:?}");
                };
                let DecodeErrorKind::Truncated { needed, left } = kind else {
                    panic!("{what:?}: {cause:?}");
                };
                let expected = if len < 4 { "message" } else { ANSWERS[at] };
                assert_eq!((sent, message), (at + 1, expected), "{what:?}");
                assert_eq!(offset + left, len, "{what:?}");
                assert!(needed > left, "{what:?}");
            }
        }
    }
}

#[test]
fn n01_short_responses_leave_nothing_behind() {
    for version in SpdmVersion::ALL {
        for code in FLOW {
            let sim = faulty_at(version, Fault::EmptyResponse, code);
            assert_lost(sim, code, truncated("message", "SPDMVersion", 0, 1, 0));
            let sim = faulty_at(version, Fault::ShortResponse, code);
            assert_lost(sim, code, truncated("message", "Param2", 3, 1, 0));
        }
    }
}

#[test]
fn n01_the_last_byte_is_missing() {
    for version in SpdmVersion::ALL {
        let lens: Vec<_> = record(version).responses.iter().map(Vec::len).collect();
        let portion_at = if version == SpdmVersion::V1_4 { 16 } else { 8 };
        let capabilities = if version < V1_2 { ("Flags", 8) } else { ("MaxSPDMmsgSize", 16) };
        let signature = |at: usize| ("Signature", lens[at] - 64, 64);
        let fields = [
            ("VersionNumberEntry", 6, 2),
            (capabilities.0, capabilities.1, 4),
            ("Reserved", 34, 2),
            ("Digest", 4, 32),
            ("CertChain", portion_at, lens[4] - portion_at),
            signature(5),
            signature(6),
        ];
        for (at, (field, offset, needed)) in fields.into_iter().enumerate() {
            let sim = faulty_at(version, Fault::TruncateResponse, FLOW[at]);
            assert_lost(sim, FLOW[at], truncated(ANSWERS[at], field, offset, needed, needed - 1));
        }
    }
}

#[test]
fn n02_linux_w35_padding_is_accepted_as_declared_and_never_hashed() {
    for version in SpdmVersion::ALL {
        for padding in [0, 3] {
            let mut sim = Sim::new(config(version));
            sim.limits = sim.limits.with_padding(padding);
            let recording = record_from(sim, version);
            for (at, message) in ANSWERS.into_iter().enumerate() {
                for more in 1..=4 {
                    let extend = |response: &mut Vec<u8>| response.extend(&[0xA5; 4][..more]);
                    if more <= padding {
                        // Both signatures cover this answer: a hashed padding would break them.
                        assert_eq!(changed(&recording, at, extend), Changed::Attested);
                    } else {
                        let len = recording.responses[at].len();
                        let cause = trailing(message, len, more, padding);
                        assert_changed(&recording, at, cause, extend);
                    }
                }
            }
        }
    }
}

#[test]
fn n02_a_device_that_pads() {
    for version in SpdmVersion::ALL {
        for padding in 0..=3 {
            let mut sim = Sim::new(DeviceConfig { padding, ..config(version) });
            assert!(attest(&mut sim).is_ok(), "{version} {padding}");
            let faults = vec![Fault::TrailingBytes];
            let device = DeviceConfig { padding, faults, ..config(version) };
            let count = 4 + padding;
            assert_lost(
                Sim::new(device),
                Code::GET_DIGESTS,
                trailing("DIGESTS", 36, count, padding),
            );
        }
    }
}

#[test]
fn n03_linux_w30_version_byte_of_every_response() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for at in 0..FLOW.len() {
            let right = version_byte(at, version);
            for got in [0x00, 0x01, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x20, 0x90, 0xFF] {
                if got == right {
                    continue;
                }
                let expected = Expected::Exactly(right.into());
                let cause = invalid(ANSWERS[at], "SPDMVersion", 0, expected, got.into());
                assert_changed(&recording, at, cause, |response| response[0] = got);
            }
            let cause = invalid(
                ANSWERS[at],
                "SPDMVersion",
                0,
                Expected::Exactly(right.into()),
                (right ^ 1).into(),
            );
            assert_lost(faulty_at(version, Fault::WrongVersionByte, FLOW[at]), FLOW[at], cause);
        }
    }
}

#[test]
fn n04_code_of_every_response() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for (at, request) in FLOW.into_iter().enumerate() {
            let right = request.response();
            let cause = |got: u8| {
                let expected = Expected::Exactly(right.0.into());
                invalid(ANSWERS[at], "RequestResponseCode", 1, expected, got.into())
            };
            // The last two need signatures to get there: some codes have to do.
            let step = if at < 5 { 1 } else { 15 };
            let codes = (0..=0xFF).step_by(step);
            for got in codes.filter(|got| ![right, Code::ERROR].contains(&Code(*got))) {
                assert_changed(&recording, at, cause(got), |response| response[1] = got);
            }
            let other = Code::KEY_EXCHANGE_RSP.0;
            assert_lost(attacked(version, request, move |r| r[1] = other), request, cause(other));
            let sim = faulty_at(version, Fault::RequestCodeEcho, request);
            assert_lost(sim, request, cause(request.0));
        }
    }
}

#[test]
fn n05_reserved_bytes_are_ignored_but_signed() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        // Answer, offset, first and last version in which the byte is reserved.
        let (first, last) = (SpdmVersion::V1_0, SpdmVersion::V1_4);
        let reserved = [
            (0, 2, first, last),
            (0, 3, first, last),
            (0, 4, first, last),
            (1, 2, first, SpdmVersion::V1_2),
            (1, 3, first, last),
            (1, 4, first, last),
            (1, 6, first, SpdmVersion::V1_3),
            (1, 7, first, SpdmVersion::V1_3),
            (2, 2, first, first),
            (2, 3, first, last),
            (2, 7, first, SpdmVersion::V1_1),
            (2, 20, first, SpdmVersion::V1_3),
            (2, 24, first, last),
            (2, 30, first, last),
            (2, 31, first, V1_2),
            (2, 34, first, last),
            (2, 35, first, last),
            (3, 2, first, V1_2),
            (4, 3, first, V1_2),
        ];
        for (at, offset, since, until) in reserved {
            if (since..=until).contains(&version) {
                let failed = failed(&recording, at, |r| r[offset] ^= 1);
                let what = (version, ANSWERS[at], offset);
                assert_eq!(failed, (6, signature(ANSWERS[5])), "{what:?}");
            }
        }
        // Reserved bits of the signed messages themselves.
        if version >= SpdmVersion::V1_1 {
            assert_changed(&recording, 5, signature(ANSWERS[5]), |r| r[2] ^= 0x10);
        }
        assert_changed(&recording, 6, signature(ANSWERS[6]), |r| r[2] ^= 1);
        assert_changed(&recording, 6, signature(ANSWERS[6]), |r| r[3] ^= 0x80);
    }
}

#[test]
fn n06_a_response_that_exceeds_what_was_announced() {
    for version in SpdmVersion::ALL {
        for code in FLOW {
            let mut sim = faulty_at(version, Fault::OversizeResponse, code);
            let Failed { cause, remains, codes } = fail(&mut sim);
            // What does not fit the buffer is the transport's to refuse.
            let Err(crate::sim::SimError::TooLong { len, room }) = cause else {
                panic!("{cause:?}")
            };
            assert!(len > room, "{version} {code}");
            // From 1.2 on the header of a last chunk has room, too.
            let announced = version >= V1_2 && code != Code::GET_VERSION;
            let expected = if announced { 0x2000 - 64 - 16 } else { 0x2000 - 64 };
            assert_eq!(room, expected, "{version} {code}");
            assert_eq!((remains, codes.as_slice()), (Remains::Fresh, until(code)));
            assert_eq!(sim.abandoned, 1, "{version} {code}");
        }
    }
}

#[test]
fn n06_a_portion_beyond_the_request_within_the_padding() {
    for version in SpdmVersion::ALL {
        let mut sim = faulty(version, Fault::PortionTooLong);
        sim.limits = sim.limits.with_padding(2);
        let header = if version == SpdmVersion::V1_4 { 16 } else { 8 };
        let chunk_header = if version >= V1_2 { 16 } else { 0 };
        let asked = 0x2000 - 64 - 2 - chunk_header - header;
        let cause = wrong("CERTIFICATE", "PortionLength", Expected::AtMost(asked), asked + 1);
        assert_lost(sim, Code::GET_CERTIFICATE, cause);
    }
}

/// Where OpaqueDataLength is, and how long the emulator's OpaqueData is.
fn opaque_of(recording: &Recording, at: usize) -> (usize, usize) {
    let version = recording.version;
    let len = if version < V1_2 { 13 } else { 24 };
    let context = if version >= SpdmVersion::V1_3 { 8 } else { 0 };
    (recording.responses[at].len() - 64 - context - len - 2, len)
}

#[test]
fn n07_linux_w18_opaque_data_length() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for at in [5, 6] {
            let (offset, len) = opaque_of(&recording, at);
            let behind = recording.responses[at].len() - offset - 2;
            let set = |length: usize| {
                move |response: &mut Vec<u8>| {
                    let length = u16::try_from(length).unwrap().to_le_bytes();
                    response[offset..offset + 2].copy_from_slice(&length);
                }
            };
            for length in [1025, 1028, 0xFFFF] {
                let expected = Expected::AtMost(1024);
                let got = u64::try_from(length).unwrap();
                let cause = invalid(ANSWERS[at], "OpaqueDataLength", offset, expected, got);
                assert_changed(&recording, at, cause, set(length));
            }
            let past = |length| truncated(ANSWERS[at], "OpaqueData", offset + 2, length, behind);
            assert_changed(&recording, at, past(1024), set(1024));
            // Without it, what follows is read from the wrong place and ends early.
            let end = recording.responses[at].len() - len;
            assert_changed(&recording, at, trailing(ANSWERS[at], end, len, 0), set(0));
            let (cause, shorter) = match version < V1_2 {
                true => (trailing(ANSWERS[at], end + len - 1, 1, 0), len - 1),
                false => {
                    let rule = Expected::Rule("a multiple of 4");
                    (invalid(ANSWERS[at], "OpaqueDataLength", offset, rule, 23), len - 1)
                }
            };
            assert_changed(&recording, at, cause, set(shorter));
        }
        let fault = Fault::OpaqueTooLong;
        for code in [Code::CHALLENGE, Code::GET_MEASUREMENTS] {
            let at = if code == Code::CHALLENGE { 5 } else { 6 };
            let (offset, _) = opaque_of(&recording, at);
            let expected = Expected::AtMost(1024);
            let cause = invalid(ANSWERS[at], "OpaqueDataLength", offset, expected, 1028);
            assert_lost(faulty_at(version, fault, code), code, cause);
        }
    }
}

#[test]
fn n07_linux_w18_the_longest_opaque_data_is_read() {
    // 1024 bytes of free form: the message is whole, though nobody signed it.
    for version in [SpdmVersion::V1_0, SpdmVersion::V1_1] {
        let recording = record(version);
        for at in [5, 6] {
            let (offset, len) = opaque_of(&recording, at);
            assert_changed(&recording, at, signature(ANSWERS[at]), |response| {
                response[offset..offset + 2].copy_from_slice(&1024_u16.to_le_bytes());
                let end = offset + 2 + len;
                response.splice(end..end, vec![0; 1024 - len]);
            });
        }
    }
}

#[test]
fn n07_opaque_elements() {
    for version in [V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let recording = record(version);
        for at in [5, 6] {
            let (offset, _) = opaque_of(&recording, at);
            let bad = |field, from: usize, expected, got| {
                Some(invalid(ANSWERS[at], field, offset + from, expected, got))
            };
            let whole = Expected::Rule("a whole element inside OpaqueData");
            let end = Expected::Rule("elements up to the end of OpaqueData");
            // Place behind the start of OpaqueDataLength, value, error; `None` where only the signature
            // shows it. The one element: ID at 6, VendorLen at 7, VendorID, OpaqueElementDataLen at 10,
            // 13 bytes of data, 1 byte of padding.
            let rows = [
                (0, 20, bad("OpaqueElement", 6, whole, 16)),
                (0, 28, bad("TotalElements", 26, end, 1)),
                (2, 0, bad("TotalElements", 2, Expected::AtLeast(1), 0)),
                (2, 2, bad("OpaqueElement", 26, whole, 0)),
                (2, 255, bad("OpaqueElement", 26, whole, 0)),
                (3, 1, None),
                (6, 0, None),
                (6, 11, None),
                (6, 12, bad("ID", 6, Expected::AtMost(11), 12)),
                (7, 255, bad("OpaqueElement", 6, whole, 20)),
                (7, 1, bad("OpaqueElement", 6, whole, 20)),
                (10, 12, bad("AlignPadding", 24, Expected::Exactly(0), b'r'.into())),
                (10, 14, None),
                (10, 15, bad("OpaqueElement", 6, whole, 20)),
                (11, 4, bad("OpaqueElement", 6, whole, 20)),
                (25, 7, bad("AlignPadding", 25, Expected::Exactly(0), 7)),
            ];
            for (place, value, cause) in rows {
                let cause = cause.unwrap_or_else(|| signature(ANSWERS[at]));
                assert_changed(&recording, at, cause, |response| response[offset + place] = value);
            }
            let code = FLOW[at];
            let faults = [
                (Fault::OpaqueElementPastEnd, bad("OpaqueElement", 6, whole, 20)),
                (Fault::OpaqueNoElements, bad("TotalElements", 2, Expected::AtLeast(1), 0)),
                (Fault::OpaqueMissingElement, bad("OpaqueElement", 26, whole, 0)),
            ];
            for (fault, cause) in faults {
                assert_lost(faulty_at(version, fault, code), code, cause.unwrap());
            }
        }
    }
}

#[test]
fn n07_opaque_data_past_the_end() {
    for version in SpdmVersion::ALL {
        let recording = record(version);
        for at in [5, 6] {
            let (offset, _) = opaque_of(&recording, at);
            let left = recording.responses[at].len() - offset - 2;
            // The device signs what it sends; its signature has not been reached yet.
            let cause = truncated(ANSWERS[at], "OpaqueData", offset + 2, 1024, left);
            assert_lost(faulty_at(version, Fault::OpaquePastEnd, FLOW[at]), FLOW[at], cause);
        }
    }
}

#[test]
fn n08_opaque_data_without_a_format() {
    for version in [V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let cause = |message, at| invalid(message, "OpaqueDataLength", at, Expected::AtMost(0), 4);
        let sim = faulty(version, Fault::OpaqueWhenNone);
        assert_lost(sim, Code::CHALLENGE, cause("CHALLENGE_AUTH", 68));
        let code = Code::GET_MEASUREMENTS;
        let (offset, _) = opaque_of(&record(version), 6);
        let sim = faulty_at(version, Fault::OpaqueWhenNone, code);
        assert_lost(sim, code, cause("MEASUREMENTS", offset));
    }
}
