//! What the tests of every message do.

extern crate std;

use core::fmt::Debug;
use spdm_untrusted::Untrusted;
use std::vec;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::{AnyMessage, Cx, Message};

/// Decodes, checks that nothing was left over, re-encodes, compares; returns the message.
pub(crate) fn round_trip<'a, M: Message<'a> + Debug>(bytes: &'a [u8], cx: &Cx) -> M {
    let decoded = M::decode(Untrusted::new(bytes), cx).unwrap();
    assert_eq!(decoded.bytes, bytes);
    assert!(!decoded.reserved_nonzero());
    let mut out = vec![0xEE; bytes.len()];
    let len = decoded.message.encode(cx.version, &mut out).unwrap();
    assert_eq!(&out[..len], bytes);
    for short in 0..bytes.len() {
        assert!(decoded.message.encode(cx.version, &mut out[..short]).is_err());
    }
    let any = AnyMessage::decode(Untrusted::new(bytes), cx).unwrap();
    out.fill(0xEE);
    assert_eq!(any.encode(&mut out), Ok(bytes.len()));
    assert_eq!(out, bytes);
    assert!(any.encode(&mut out[..bytes.len() - 1]).is_err());
    decoded.message
}

/// Every prefix fails with `Truncated`, one byte more with `Trailing`.
pub(crate) fn every_prefix_fails<'a, M: Message<'a> + Debug>(bytes: &'a [u8], cx: &Cx) {
    for len in 0..bytes.len() {
        let error = M::decode(Untrusted::new(&bytes[..len]), cx).unwrap_err();
        assert!(
            matches!(error.kind, DecodeErrorKind::Truncated { .. }),
            "prefix of {len} bytes: {error}"
        );
        assert!(error.at <= len);
    }
}

/// One byte after the message is an error without padding, and cut off with it.
pub(crate) fn one_byte_more<'a, M: Message<'a> + Debug + PartialEq>(longer: &'a [u8], cx: &Cx) {
    let error = M::decode(Untrusted::new(longer), cx).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Trailing { count: 1, allowed: 0 });
    let padded = M::decode(Untrusted::new(longer), &cx.with_padding(3)).unwrap();
    assert_eq!(padded.bytes, &longer[..longer.len() - 1]);
}

/// Decoding fails at `field` with the value `got`.
pub(crate) fn expect_value<'a, M: Message<'a> + Debug>(
    bytes: &'a [u8],
    cx: &Cx,
    field: &str,
    at: usize,
    got: u64,
) -> DecodeError {
    let error = M::decode(Untrusted::new(bytes), cx).unwrap_err();
    assert_eq!((error.field, error.at), (field, at), "{error}");
    assert!(matches!(error.kind, DecodeErrorKind::Value { got: g, .. } if g == got), "{error}");
    error
}
