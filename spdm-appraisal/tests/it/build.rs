//! Builds CBOR, CoRIM and COSE_Sign1.

use std::vec;
use std::vec::Vec;

use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{HashAlgorithm, Sign as _, Signed};

fn head(major: u8, number: u64) -> Vec<u8> {
    let kind = major << 5;
    let big = number.to_be_bytes();
    match number {
        0..24 => vec![kind | big[7]],
        24..0x100 => vec![kind | 24, big[7]],
        0x100..0x1_0000 => [&[kind | 25][..], &big[6..]].concat(),
        0x1_0000..0x1_0000_0000 => [&[kind | 26][..], &big[4..]].concat(),
        _ => [&[kind | 27][..], &big].concat(),
    }
}

pub(crate) fn uint(number: u64) -> Vec<u8> {
    head(0, number)
}

/// −1 − number.
pub(crate) fn negative(number: u64) -> Vec<u8> {
    head(1, number)
}

pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    [head(2, content.len().try_into().unwrap()), content.to_vec()].concat()
}

pub(crate) fn text(content: &str) -> Vec<u8> {
    [head(3, content.len().try_into().unwrap()), content.as_bytes().to_vec()].concat()
}

pub(crate) fn array(elements: &[Vec<u8>]) -> Vec<u8> {
    [head(4, elements.len().try_into().unwrap()), elements.concat()].concat()
}

/// Entries with integer keys.
pub(crate) fn map(entries: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, entries.len().try_into().unwrap());
    for (key, value) in entries {
        out.extend(match u64::try_from(*key) {
            Ok(key) => uint(key),
            Err(_) => negative(u64::try_from(-1 - key).unwrap()),
        });
        out.extend(value);
    }
    out
}

pub(crate) fn tag(number: u64, content: Vec<u8>) -> Vec<u8> {
    [head(6, number), content].concat()
}

pub(crate) fn digests(all: &[(u64, &[u8])]) -> Vec<u8> {
    let digests: Vec<_> =
        all.iter().map(|(alg, value)| array(&[uint(*alg), bytes(value)])).collect();
    array(&digests)
}

/// A measurement of this index with these claims.
pub(crate) fn measurement(index: u64, mval: &[(i64, Vec<u8>)]) -> Vec<u8> {
    map(&[(0, uint(index)), (1, map(mval))])
}

/// A class of this vendor and model.
pub(crate) fn class(vendor: &str, model: &str) -> Vec<u8> {
    map(&[(0, map(&[(1, text(vendor)), (2, text(model))]))])
}

pub(crate) fn triple(environment: Vec<u8>, measurements: &[Vec<u8>]) -> Vec<u8> {
    array(&[environment, array(measurements)])
}

/// `corim-map` with one CoMID of these triples, and these entries behind.
pub(crate) fn corim_map(triples: &[Vec<u8>], more: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let comid = map(&[(1, map(&[(0, text("tag"))])), (4, map(&[(0, array(triples))]))]);
    let entries = [(0, text("corim")), (1, array(&[tag(506, bytes(&comid))]))];
    tag(501, map(&[&entries[..], more].concat()))
}

pub(crate) fn corim(triples: &[Vec<u8>]) -> Vec<u8> {
    corim_map(triples, &[])
}

/// `corim-meta` of this signer.
pub(crate) fn meta(name: &str) -> Vec<u8> {
    bytes(&map(&[(0, map(&[(0, text(name))]))]))
}

/// The protected headers of a CoRIM that is signed with ES256.
pub(crate) fn protected() -> Vec<(i64, Vec<u8>)> {
    vec![(1, negative(6)), (3, text("application/rim+cbor")), (8, meta("signer"))]
}

/// A COSE_Sign1 by a P-256 key.
pub(crate) fn sign1(
    key: &SoftwareKey,
    protected: &[(i64, Vec<u8>)],
    unprotected: &[(i64, Vec<u8>)],
    payload: &[u8],
) -> Vec<u8> {
    let protected = bytes(&map(protected));
    let payload = bytes(payload);
    let signature = sign(key, &protected, &payload, HashAlgorithm::Sha256, 64);
    tag(18, array(&[protected, map(unprotected), payload, bytes(&signature)]))
}

pub(crate) fn sign(
    key: &SoftwareKey,
    protected: &[u8],
    payload: &[u8],
    hash: HashAlgorithm,
    len: usize,
) -> Vec<u8> {
    let parts = [text("Signature1"), protected.to_vec(), bytes(&[]), payload.to_vec()];
    let signed = array(&parts);
    let mut signature = vec![0; len];
    let signed = Signed::Message { bytes: &signed, context: &[] };
    assert_eq!(key.sign(hash, signed, &mut signature), Ok(len));
    signature
}

/// Entries with names.
pub(crate) fn named(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, entries.len().try_into().unwrap());
    for (name, value) in entries {
        out.extend(text(name));
        out.extend(value);
    }
    out
}
