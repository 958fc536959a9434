//! Detached EAT bundles.

use std::vec::Vec;

use spdm_appraisal::{Bundle, BundlePart, BundleParts, Error, MAX_PARTS, Rule};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::Anchor;

use crate::build::{array, bytes, map, named, negative, sign1, tag, text, uint};
use crate::testing::{certificates, key};
use crate::token::{NONCE, rule_of, trust};

/// −43.
const SHA_384: u64 = 42;

fn digest_of(content: &[u8], algorithm: u64) -> Vec<u8> {
    let hash = match algorithm {
        15 => HashAlgorithm::Sha256,
        43 => HashAlgorithm::Sha512,
        _ => HashAlgorithm::Sha384,
    };
    let digest = PROVIDER.hash.digest(hash, &[content]).unwrap();
    array(&[negative(algorithm), bytes(digest.as_bytes())])
}

fn main_token(submodules: Vec<u8>) -> Vec<u8> {
    let claims = map(&[(10, bytes(&NONCE)), (265, text("tag:a,2026:b")), (266, submodules)]);
    let [_, leaf] = certificates(0).try_into().unwrap();
    let protected = [(1, negative(6)), (3, text("application/eat+cwt"))];
    tag(61, sign1(&key("Leaf"), &protected, &[(33, bytes(&leaf))], &claims))
}

fn part(content: &[u8]) -> Vec<u8> {
    named(&[("cert_chain", bytes(content)), ("signed_measurements", bytes(b"transcript"))])
}

fn bundle(submodules: &[(&str, Vec<u8>)], parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|(name, part)| (*name, bytes(part))).collect();
    tag(602, array(&[main_token(named(submodules)), named(&parts)]))
}

fn read(file: &[u8]) -> Result<Bundle<'_>, Error> {
    let root = &certificates(0)[0];
    let anchors = [Anchor::Certificate(root)];
    Bundle::read(Untrusted::new(file), &trust(&anchors, None, &[]), &mut [0; 8192])
}

fn names(bundle: &Bundle<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let all = bundle.parts.for_each(|part: BundlePart<'_>| {
        names.push(part.name.to_owned());
        Ok::<_, ()>(())
    });
    assert_eq!(all, Ok(()));
    names
}

#[test]
fn a_good_bundle_and_its_parts() {
    let (a, b, c) = (part(b"a"), part(b"b"), part(b"c"));
    let submodules = [
        ("a", digest_of(&a, SHA_384)),
        ("b", digest_of(&b, 15)),
        ("c", digest_of(&c, 43)),
        ("inside", map(&[(263, uint(2))])),
    ];
    let file = bundle(&submodules, &[("c", c), ("a", a.clone()), ("b", b)]);
    let read_bundle = read(&file).unwrap();
    assert_eq!(names(&read_bundle), ["c", "a", "b"]);
    assert_eq!((read_bundle.nonce, read_bundle.ignored), (&NONCE[..], 1));
    assert_eq!(read_bundle.check_nonce(&[&NONCE]), Ok(()));
    assert_eq!(read_bundle.check_nonce(&[&[0; 32]]).unwrap_err().rule, Rule::Nonce);
    assert_eq!(read_bundle.check_nonce(&[]).unwrap_err().rule, Rule::Nonce);
    let mut chains = Vec::new();
    let stopped = read_bundle.parts.for_each(|part| {
        chains.push(part.device().unwrap().cert_chain);
        if chains.len() == 2 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((stopped, chains), (Err("enough"), vec![&b"c"[..], b"a"]));
    let described = tag(55799, file.clone());
    assert!(read(&described).is_ok());
    assert!(Bundle::sniff(&file) && Bundle::sniff(&described) && !Bundle::sniff(&file[3..]));
}

#[test]
fn na12_an_extra_a_changed_and_a_missing_part() {
    let (a, b) = (part(b"a"), part(b"b"));
    let (of_a, of_b) = (("a", digest_of(&a, SHA_384)), ("b", digest_of(&b, SHA_384)));
    let [in_a, in_b] = [("a", a.clone()), ("b", b.clone())];
    let rule = |submodules: &[_], parts: &[_]| rule_of(read(&bundle(submodules, parts)));
    assert!(read(&bundle(core::slice::from_ref(&of_a), core::slice::from_ref(&in_a))).is_ok());
    assert_eq!(
        rule(core::slice::from_ref(&of_a), &[in_a.clone(), in_b.clone()]),
        Rule::PartUnnamed
    );
    assert_eq!(
        rule(&[of_a.clone(), of_b.clone()], core::slice::from_ref(&in_a)),
        Rule::PartMissing
    );
    assert_eq!(rule(core::slice::from_ref(&of_a), &[("a", b.clone())]), Rule::PartDigest);
    // Each has the digest of the other.
    let swapped = [("a", b), ("b", a)];
    assert_eq!(rule(&[of_a.clone(), of_b.clone()], &swapped), Rule::PartDigest);
    // The same name twice, of which one has the digest.
    assert_eq!(rule(core::slice::from_ref(&of_a), &[in_a.clone(), in_a.clone()]), Rule::Duplicate);
    assert_eq!(rule(&[of_a.clone(), of_a.clone()], core::slice::from_ref(&in_a)), Rule::Duplicate);
    // Claims inside the main token are no digest of a part.
    let inside = ("b", map(&[]));
    assert_eq!(rule(&[of_a.clone(), inside], &[in_a.clone(), in_b]), Rule::PartUnnamed);
    assert_eq!(rule(&[of_a], &[]), Rule::Empty);
    assert_eq!(rule(&[], &[in_a]), Rule::PartUnnamed);
}

#[test]
fn what_a_bundle_must_be() {
    let a = part(b"a");
    let of_a = ("a", digest_of(&a, SHA_384));
    let good = bundle(core::slice::from_ref(&of_a), &[("a", a.clone())]);
    let parts = named(&[("a", bytes(&a))]);
    let token = main_token(named(&[of_a]));
    for (file, rule) in [
        (array(&[token.clone(), parts.clone()]), Rule::NotBundle),
        (tag(601, array(&[token.clone(), parts.clone()])), Rule::NotBundle),
        (tag(602, array(core::slice::from_ref(&token))), Rule::Missing),
        (tag(602, array(&[token.clone(), parts.clone(), uint(1)])), Rule::Excess),
        (tag(602, array(&[uint(1), parts])), Rule::NotToken),
        (tag(602, array(&[token.clone(), uint(1)])), Rule::Type),
        (tag(602, array(&[token, named(&[("a", a.clone())])])), Rule::Type),
        ([&good[..], &[0]].concat(), Rule::Trailing),
    ] {
        assert_eq!(rule_of(read(&file)), rule, "{file:02x?}");
    }
    for (digest, rule) in [
        (array(&[negative(41), bytes(&[0; 48])]), Rule::PartAlgorithm),
        (array(&[negative(SHA_384)]), Rule::Missing),
        (array(&[negative(SHA_384), bytes(&[]), uint(1)]), Rule::Excess),
        (array(&[negative(SHA_384), bytes(&[0; 47])]), Rule::PartDigest),
    ] {
        assert_eq!(rule_of(read(&bundle(&[("a", digest)], &[("a", a.clone())]))), rule);
    }
    let many: Vec<_> = (0..257).map(|number| number.to_string()).collect();
    let all: Vec<_> = many.iter().map(|name| (name.as_str(), a.clone())).collect();
    let digests: Vec<_> = many.iter().map(|name| (name.as_str(), digest_of(&a, SHA_384))).collect();
    assert!(read(&bundle(&digests[..256], &all[..256])).is_ok());
    assert_eq!(rule_of(read(&bundle(&digests, &all))), Rule::TooManyParts);
}

#[test]
fn what_a_part_of_a_device_holds() {
    let rule = |content: &[u8]| {
        let file = bundle(&[("a", digest_of(content, SHA_384))], &[("a", content.to_vec())]);
        let mut rule = None;
        read(&file)
            .unwrap()
            .parts
            .for_each(|part| {
                rule = part.device().err().map(|error| error.rule);
                Ok::<_, ()>(())
            })
            .unwrap();
        rule
    };
    assert_eq!(rule(&part(b"a")), None);
    assert_eq!(rule(&named(&[("cert_chain", bytes(b"a"))])), Some(Rule::Missing));
    assert_eq!(rule(&named(&[("signed_measurements", bytes(b"a"))])), Some(Rule::Missing));
    assert_eq!(rule(&[part(b"a"), vec![0]].concat()), Some(Rule::Trailing));
    assert_eq!(rule(&uint(1)), Some(Rule::Type));
}

#[test]
fn na12_no_mutant_of_a_bundle_verifies() {
    let a = part(b"a");
    let file = bundle(&[("a", digest_of(&a, SHA_384))], &[("a", a)]);
    for len in 0..file.len() {
        assert!(read(&file[..len]).is_err(), "{len} bytes");
    }
    for at in 0..file.len() {
        let mut mutant = file.clone();
        mutant[at] ^= 1 << (at % 8);
        assert!(read(&mutant).is_err(), "byte {at}");
    }
}

/// The parts are read before anybody has vouched for them.
#[test]
fn na2_more_parts_than_a_bundle_may_have() {
    let with = |count: u64| {
        let names: Vec<_> = (0..count).map(|number| std::format!("part {number}")).collect();
        let content = part(b"chain");
        let parts: Vec<_> = names.iter().map(|name| (name.as_str(), content.clone())).collect();
        let file = bundle(&[("part 0", digest_of(&content, SHA_384))], &parts);
        BundleParts::read(Untrusted::new(&file)).map(drop).map_err(|error| error.rule)
    };
    assert_eq!(with(MAX_PARTS), Ok(()));
    assert_eq!(with(MAX_PARTS + 1), Err(Rule::TooManyParts));
    assert_eq!(with(0), Err(Rule::Empty));
}
