//! What the targets check.

pub mod flow;
#[path = "../../spdm-evidence/tests/it/shuffled.rs"]
mod shuffled;
#[path = "../../spdm-evidence/tests/it/tcp_packets.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-evidence")]
mod tcp_packets;

pub mod certificates;
#[path = "../../spdm-appraisal/tests/it/build.rs"]
mod corim_build;
#[path = "../../spdm-x509/tests/hostile/good.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod good;
pub mod hashed;
mod input;
pub mod peer;
pub mod records;
pub mod references;
pub mod responder;
pub mod secured;
#[path = "../../spdm-appraisal/tests/it/setting.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod setting;
pub mod swid;
#[path = "../../spdm-appraisal/tests/it/swid_file.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod swid_file;
#[path = "../../spdm-x509/src/testing.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod testing;
pub mod tokens;
pub mod transports;
#[path = "../../spdm-x509/tests/hostile/tree.rs"]
mod tree;

use spdm_codec::{AnyMessage, ConnectionKeys, Cx, Handshake, Message, OpaqueFormat, SpdmVersion};
use spdm_untrusted::Untrusted;

/// Sizes of hashes, signatures and exchange data, small and real ones.
const LENS: [usize; 8] = [0, 1, 32, 48, 64, 96, 132, 384];

/// Makes a context out of the first four bytes and returns the rest.
pub fn context(data: &[u8]) -> Option<(Cx, &[u8])> {
    let ([a, b, c, d], rest) = data.split_first_chunk()?;
    let len = |bits: u8| LENS[usize::from(bits & 7)];
    let version = SpdmVersion::ALL[usize::from(*a) % SpdmVersion::ALL.len()];
    let opaque = match d >> 6 {
        0 => OpaqueFormat::FreeForm,
        1 => OpaqueFormat::None,
        2 => OpaqueFormat::Table,
        _ => OpaqueFormat::TableWithSpecId,
    };
    let cx = Cx::new(version)
        .with_padding(usize::from(a >> 6))
        .with_hash_len(len(*b))
        .with_summary_len(if b & 8 == 0 { 0 } else { len(*b) })
        .with_signature_len(len(b >> 4))
        .with_requester_signature_len(len(*c))
        .with_exchange_lens(len(c >> 3), len(*d))
        .with_connection_keys(if d & 8 == 0 {
            ConnectionKeys::Single
        } else {
            ConnectionKeys::Multi
        })
        .with_handshake(if d & 16 == 0 { Handshake::Secured } else { Handshake::InTheClear })
        .with_opaque_format(opaque);
    Some((cx, rest))
}

/// The bytes that [`context`] makes this context of, where it can.
pub fn prefix(cx: &Cx) -> Option<[u8; 4]> {
    let index = |len: usize| LENS.iter().position(|known| *known == len);
    let byte = |index: usize| u8::try_from(index).ok();
    let version = SpdmVersion::ALL.iter().position(|version| *version == cx.version)?;
    let padding = cx.padding.min(3) << 6;
    let a = (padding..padding + SpdmVersion::ALL.len())
        .find(|a| a % SpdmVersion::ALL.len() == version)?;
    let summary = match cx.summary_len {
        0 => 0,
        len if len == cx.hash_len => 8,
        _ => return None,
    };
    let b = index(cx.hash_len)? | summary | index(cx.signature_len)? << 4;
    let c = index(cx.requester_signature_len)? | index(cx.request_exchange_len)? << 3;
    let keys = usize::from(cx.connection_keys == ConnectionKeys::Multi) << 3;
    let handshake = usize::from(cx.handshake == Handshake::InTheClear) << 4;
    let opaque = match cx.opaque_format {
        OpaqueFormat::FreeForm => 0,
        OpaqueFormat::None => 1,
        OpaqueFormat::Table => 2,
        _ => 3,
    };
    let d = index(cx.response_exchange_len)? | keys | handshake | opaque << 6;
    Some([byte(a)?, byte(b)?, byte(c)?, byte(d)?])
}

/// Decodes; what decodes must encode to the same bytes, unless reserved ones are not zero, and must not
/// decode with its last byte missing or, without padding, with a byte more.
pub fn round_trip<'a, M: Message<'a> + core::fmt::Debug>(data: &'a [u8]) {
    let Some((cx, bytes)) = context(data) else { return };
    let Ok(decoded) = M::decode(Untrusted::new(bytes), &cx) else { return };
    assert!(decoded.bytes.len() <= bytes.len() && bytes.len() - decoded.bytes.len() <= cx.padding);
    // Debug walks every list.
    core::hint::black_box(format!("{decoded:?}"));
    if decoded.reserved_nonzero() {
        return;
    }
    let mut out = vec![0xEE; decoded.bytes.len()];
    let len = decoded.message.encode(cx.version, &mut out).expect("what decodes encodes");
    // Decoding has checked the version byte, but for ERROR, which may carry any.
    assert_eq!(out[1..len], decoded.bytes[1..]);
    assert!(decoded.message.encode(cx.version, &mut out[..len - 1]).is_err());
    let any = AnyMessage::decode(Untrusted::new(bytes), &cx)
        .expect("what decodes decodes as any message");
    assert_eq!(any.encode(&mut out), Ok(len));
    assert_eq!(out, decoded.bytes);
}

/// A target that round-trips each of these messages.
#[macro_export]
macro_rules! messages {
    ($($message:ident),+) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $($crate::round_trip::<spdm_codec::$message>(data);)+
        });
    };
}

/// Shuffles the packets of a TCP connection: see the tests of spdm-evidence.
pub fn tcp(data: &[u8]) {
    shuffled::shuffled(data);
}

/// Judges a file as evidence that nobody vouches for: nothing may be verified.
pub fn verify(file: &[u8]) {
    judge(file, &spdm_evidence::ReadOptions::default());
}

/// Reads the bytes as a conceptual message wrapper: what is read begins like one, and its collections are closed and not too
/// deep. In CBOR or JSON it is judged as [`verify`] does.
pub fn verify_wrapper(file: &[u8]) {
    use spdm_appraisal::{MAX_COLLECTIONS, WrapperEvent, is_wrapper, read_wrapper};
    use spdm_evidence::{Format, ReadOptions};
    use spdm_untrusted::Untrusted;

    let mut depth = 0;
    let read = read_wrapper(Untrusted::new(file), &mut |event| match event {
        WrapperEvent::Begin(_) => {
            depth += 1;
            assert!(depth <= MAX_COLLECTIONS);
        }
        WrapperEvent::End => depth -= 1,
        WrapperEvent::Message(..) | WrapperEvent::Json(..) => {}
    });
    if read.is_ok() {
        assert!(depth == 0 && is_wrapper(file));
    }
    judge(file, &ReadOptions { format: Some(Format::Cmw), ..ReadOptions::default() });
}

fn judge(file: &[u8], options: &spdm_evidence::ReadOptions) {
    use spdm_crypto::Bank;
    use spdm_crypto::rustcrypto::{PROVIDER, Running};
    use spdm_evidence::{Evidence, Verifier};
    use spdm_x509::ValidityCheck;

    let Ok(evidence) = Evidence::read(file, options) else { return };
    let verifier = Verifier::new(&PROVIDER, &[], ValidityCheck::At(0));
    for report in verifier.verify(&mut Bank::<Running, 2>::new(), &evidence) {
        assert!(!report.verified());
    }
}
