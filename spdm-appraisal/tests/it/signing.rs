//! COSE_Sign1 and who signed.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{Authority, Corim, Dialect, Error, ReferenceKey, ReferenceTrust, Rule};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, Rule as ChainRule};

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, meta, negative, protected, sign, sign1,
    tag, text, triple, uint,
};
use crate::setting::{ROM, trust};
use crate::testing::{Template, basic_constraints, certificates, key, key_for, key_usage, tlv};

fn payload() -> Vec<u8> {
    corim(&[triple(class("ACME", "WIDGET"), &[measurement(1, &[(2, digests(&[(7, &ROM)]))])])])
}

/// Leaf first, without the root.
fn x5chain(certificates: &[Vec<u8>]) -> Vec<u8> {
    match certificates {
        [_, leaf] => bytes(leaf),
        [_, rest @ ..] => array(&rest.iter().rev().map(|der| bytes(der)).collect::<Vec<_>>()),
        [] => panic!("no certificates"),
    }
}

fn read<'a>(file: &'a [u8], trust: &ReferenceTrust<'_>) -> Result<Corim<'a>, Error> {
    Corim::read(Untrusted::new(file), Dialect::Strict, trust, &mut [0; 8192])
}

/// Reads under the root of these certificates.
fn read_under<'a>(file: &'a [u8], root: &[u8]) -> Result<Corim<'a>, Error> {
    read(file, &trust(&[Anchor::Certificate(root)], &[]))
}

fn read_by_key(file: &[u8]) -> Result<Corim<'_>, Error> {
    let key_info = key("Leaf").to_spki_der();
    read(file, &trust(&[], &[ReferenceKey { key_info: &key_info, id: None }]))
}

fn rule_of(result: Result<Corim<'_>, Error>) -> Rule {
    match result {
        Err(Error::Read(error)) => error.rule,
        other => panic!("{other:?}"),
    }
}

fn chain_rule_of(result: Result<Corim<'_>, Error>) -> ChainRule {
    match result {
        Err(Error::Signer(error)) => error.rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chains_with_and_without_their_root() {
    for authorities in 0..3 {
        let sent = certificates(authorities);
        let unprotected = [(33, x5chain(&sent))];
        let file = sign1(&key("Leaf"), &protected(), &unprotected, &payload());
        let corim = read_under(&file, &sent[0]).unwrap();
        let certificate = sent.last().unwrap().as_slice();
        let expected = Authority::Chain { signer: "signer", certificate, anchor: Some(0) };
        assert_eq!(corim.authority(), expected);
        assert_eq!(corim.states().next().unwrap().authority, expected);
        let all: Vec<_> = sent.iter().rev().map(|der| bytes(der)).collect();
        let protected = [protected(), vec![(33, array(&all))]].concat();
        let file = sign1(&key("Leaf"), &protected, &[], &payload());
        assert!(read_under(&file, &sent[0]).is_ok());
    }
}

#[test]
fn na3_the_same_label_in_both_headers() {
    let chain = x5chain(&certificates(0));
    for (label, value) in [(1, negative(6)), (3, text("x")), (4, bytes(b"1")), (99, uint(0))] {
        let protected = [protected(), vec![(4, bytes(b"1")), (99, uint(0))]].concat();
        let file = sign1(&key("Leaf"), &protected, &[(label, value)], &payload());
        assert_eq!(rule_of(read_by_key(&file)), Rule::Twice, "label {label}");
    }
    let protected = [protected(), vec![(33, chain.clone())]].concat();
    let same = sign1(&key("Leaf"), &protected, &[(33, chain)], &payload());
    assert!(read_under(&same, &certificates(0)[0]).is_ok());
    let other = x5chain(&certificates(1));
    let differs = sign1(&key("Leaf"), &protected, &[(33, other)], &payload());
    assert_eq!(rule_of(read_under(&differs, &certificates(0)[0])), Rule::Twice);
}

#[test]
fn na3_crit() {
    let with = |more: Vec<(i64, Vec<u8>)>| {
        let protected = [protected(), more].concat();
        sign1(&key("Leaf"), &protected, &[], &payload())
    };
    let good = with(vec![(2, array(&[uint(3), uint(8)]))]);
    assert!(read_by_key(&good).is_ok());
    for crit in [
        array(&[uint(99)]),
        array(&[text("x")]),
        array(&[uint(1), uint(99)]),
        // Processed, but not there.
        array(&[uint(33)]),
        array(&[]),
    ] {
        let file = with(vec![(2, crit), (99, uint(0))]);
        assert_eq!(rule_of(read_by_key(&file)), Rule::Crit);
    }
    let outside = [(2, array(&[uint(3)]))];
    let file = sign1(&key("Leaf"), &protected(), &outside, &payload());
    assert_eq!(rule_of(read_by_key(&file)), Rule::Crit);
}

#[test]
fn na3_alg_and_key_of_different_kinds() {
    let with = |alg: Vec<u8>| {
        let protected = vec![(1, alg), (3, text("application/rim+cbor")), (8, meta("signer"))];
        sign1(&key("Leaf"), &protected, &[], &payload())
    };
    for (alg, rule) in [
        (negative(34), Rule::AlgKey), // ES384
        (negative(7), Rule::AlgKey),  // EdDSA
        (negative(36), Rule::AlgKey), // PS256
        (negative(47), Rule::AlgKey), // ML-DSA-44
        (negative(255), Rule::AlgUnknown),
        (uint(5), Rule::AlgUnknown), // HMAC
        (text("ES256"), Rule::AlgUnknown),
    ] {
        assert_eq!(rule_of(read_by_key(&with(alg))), rule);
    }
    assert!(read_by_key(&with(negative(8))).is_ok()); // ESP256
    let sent = certificates(0);
    let protected = vec![(1, negative(34)), (3, text("application/rim+cbor")), (8, meta("s"))];
    let file = sign1(&key("Leaf"), &protected, &[(33, x5chain(&sent))], &payload());
    assert_eq!(rule_of(read_under(&file, &sent[0])), Rule::AlgKey);
    let none = [(3, text("application/rim+cbor")), (8, meta("signer"))];
    let file = sign1(&key("Leaf"), &none, &[(1, negative(6))], &payload());
    assert_eq!(rule_of(read_by_key(&file)), Rule::AlgMissing);
}

#[test]
fn na3_detached_payload_and_hash_envelope() {
    let headers = bytes(&map(&protected()));
    let signature = bytes(&[1; 64]);
    let file = tag(18, array(&[headers, map(&[]), vec![0xF6], signature]));
    assert_eq!(rule_of(read_by_key(&file)), Rule::Detached);
    let envelope = [protected(), vec![(258, negative(15))]].concat();
    let file = sign1(&key("Leaf"), &envelope, &[], &payload());
    assert_eq!(rule_of(read_by_key(&file)), Rule::HashEnvelope);
}

#[test]
fn na3_r_or_s_is_zero_and_other_signatures() {
    let (headers, content) = (bytes(&map(&protected())), bytes(&payload()));
    let good = sign(&key("Leaf"), &headers, &content, HashAlgorithm::Sha256, 64);
    let with = |signature: &[u8]| {
        tag(18, array(&[headers.clone(), map(&[]), content.clone(), bytes(signature)]))
    };
    assert!(read_by_key(&with(&good)).is_ok());
    let (r, s) = good.split_at(32);
    for signature in [
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        vec![0; 64],
        vec![0xFF; 64],
        good[..63].to_vec(),
        [&good[..], &[0]].concat(),
        Vec::new(),
        [s, r].concat(),
    ] {
        assert_eq!(rule_of(read_by_key(&with(&signature))), Rule::Signature);
    }
}

#[test]
fn algorithms_with_and_without_a_digest() {
    for (asym, alg, hash) in [
        (AsymAlgorithm::Ecdsa(EcCurve::P384), negative(34), HashAlgorithm::Sha384),
        (AsymAlgorithm::Ecdsa(EcCurve::P521), negative(35), HashAlgorithm::Sha512),
        (AsymAlgorithm::Ed25519, negative(7), HashAlgorithm::Sha512),
        (AsymAlgorithm::MlDsa(MlDsaSet::P65), negative(48), HashAlgorithm::Sha512),
    ] {
        let signer = key_for(asym, "Leaf");
        let protected = vec![(1, alg), (3, text("application/rim+cbor")), (8, meta("signer"))];
        let (headers, content) = (bytes(&map(&protected)), bytes(&payload()));
        let signature = sign(&signer, &headers, &content, hash, asym.signature_len());
        let file = tag(18, array(&[headers, map(&[]), content, bytes(&signature)]));
        let key_info = signer.to_spki_der();
        let keys = [ReferenceKey { key_info: &key_info, id: None }];
        let trust = trust(&[], &keys);
        assert!(read(&file, &trust).is_ok(), "{asym}");
        let little = Corim::read(Untrusted::new(&file), Dialect::Strict, &trust, &mut [0; 16]);
        match asym.takes_prehash() {
            true => assert!(little.is_ok()),
            false => assert_eq!(rule_of(little), Rule::Scratch),
        }
    }
}

#[test]
fn a_key_id_that_is_demanded_must_be_there() {
    let key_info = key("Leaf").to_spki_der();
    let with = |id| {
        let file = sign1(&key("Leaf"), &protected(), &[(4, bytes(b"11"))], &payload());
        let keys = [ReferenceKey { key_info: &key_info, id }];
        read(&file, &trust(&[], &keys)).map(drop)
    };
    assert!(with(None).is_ok() && with(Some(b"11")).is_ok());
    let Err(Error::Read(error)) = with(Some(b"12")) else { panic!() };
    assert_eq!(error.rule, Rule::NoKey);
}

#[test]
fn the_first_key_that_verifies_serves() {
    let (other, key_info) = (key("Other").to_spki_der(), key("Leaf").to_spki_der());
    let p384 = key_for(AsymAlgorithm::Ecdsa(EcCurve::P384), "Leaf").to_spki_der();
    let keys = [&other, &p384, &key_info].map(|key_info| ReferenceKey { key_info, id: None });
    let file = sign1(&key("Leaf"), &protected(), &[], &payload());
    let corim = read(&file, &trust(&[], &keys)).unwrap();
    assert_eq!(corim.authority(), Authority::Key { signer: "signer", key: 2 });
    assert!(read(&file, &trust(&[], &keys[..2])).is_err());
}

#[test]
fn nobody_is_trusted_by_default() {
    let sent = certificates(0);
    let with_chain = sign1(&key("Leaf"), &protected(), &[(33, x5chain(&sent))], &payload());
    assert_eq!(chain_rule_of(read(&with_chain, &trust(&[], &[]))), ChainRule::NoTrustAnchor);
    let without = sign1(&key("Leaf"), &protected(), &[], &payload());
    assert_eq!(rule_of(read(&without, &trust(&[], &[]))), Rule::NoKey);
    assert_eq!(rule_of(read_under(&without, &sent[0])), Rule::NoKey);
}

#[test]
fn na4_a_signer_without_digital_signature() {
    let root = certificates(0).remove(0);
    for (extensions, rule) in [
        (vec![basic_constraints(&[]), key_usage(0x40)], ChainRule::DigitalSignature),
        (vec![basic_constraints(&[])], ChainRule::KeyUsageMissing),
    ] {
        let leaf = Template::leaf("Root").with(&extensions).signed_by("Root");
        let file = sign1(&key("Leaf"), &protected(), &[(33, bytes(&leaf))], &payload());
        assert_eq!(chain_rule_of(read_under(&file, &root)), rule);
    }
    let authority = Template::authority("Root", "Leaf").signed_by("Root");
    let file = sign1(&key("Leaf"), &protected(), &[(33, bytes(&authority))], &payload());
    let error = read_under(&file, &root).unwrap_err();
    assert_eq!(error.clause(), "leaf.profile");
}

#[test]
fn na4_an_expired_signer() {
    let root = certificates(0).remove(0);
    let mut leaf = Template::leaf("Root");
    let dates = [b"200101000000Z", b"260101000000Z"].map(|date| tlv(0x17, &[date]));
    leaf.validity = tlv(0x30, &[&dates[0], &dates[1]]);
    let chain = [(33, bytes(&leaf.signed_by("Root")))];
    let file = sign1(&key("Leaf"), &protected(), &chain, &payload());
    assert_eq!(chain_rule_of(read_under(&file, &root)), ChainRule::Expired);
}

#[test]
fn na4_another_anchor_and_one_of_the_same_name() {
    let sent = certificates(1);
    let file = sign1(&key("Leaf"), &protected(), &[(33, x5chain(&sent))], &payload());
    let other = Template::authority("Other", "Other").signed_by("Other");
    assert_eq!(chain_rule_of(read_under(&file, &other)), ChainRule::UnknownAuthority);
    // Of the same name, but with another key.
    let mut namesake = Template::authority("Root", "Root");
    namesake.public_key = key("Other").to_spki_der();
    let namesake = namesake.signed_by("Other");
    assert_eq!(chain_rule_of(read_under(&file, &namesake)), ChainRule::Signature);
    let both = [Anchor::Certificate(&namesake), Anchor::Certificate(&sent[0])];
    let corim = read(&file, &trust(&both, &[])).unwrap();
    let Authority::Chain { anchor, .. } = corim.authority() else { panic!() };
    assert_eq!(anchor, Some(1));
}

#[test]
fn na4_a_leaf_signed_by_somebody_else() {
    let root = certificates(0).remove(0);
    let leaf = Template::leaf("Root").signed_by("Other");
    let file = sign1(&key("Leaf"), &protected(), &[(33, bytes(&leaf))], &payload());
    assert_eq!(chain_rule_of(read_under(&file, &root)), ChainRule::Signature);
    // The right chain, but another signer.
    let sent = certificates(0);
    let file = sign1(&key("Other"), &protected(), &[(33, x5chain(&sent))], &payload());
    assert_eq!(rule_of(read_under(&file, &root)), Rule::Signature);
}

#[test]
fn chains_have_bounds() {
    let sent = certificates(0);
    let leaf = bytes(&sent[1]);
    let many = array(&vec![leaf.clone(); 17]);
    for chain in [many, array(&[])] {
        let file = sign1(&key("Leaf"), &protected(), &[(33, chain)], &payload());
        assert_eq!(rule_of(read_under(&file, &sent[0])), Rule::X5chain);
    }
    let file = sign1(&key("Leaf"), &protected(), &[(33, leaf)], &payload());
    let anchors = [Anchor::Certificate(&sent[0])];
    let trust = trust(&anchors, &[]);
    let little = Corim::read(Untrusted::new(&file), Dialect::Strict, &trust, &mut [0; 99]);
    assert_eq!(rule_of(little), Rule::Scratch);
}

#[test]
fn content_type_and_who_signed() {
    let with = |headers: &[(i64, Vec<u8>)]| {
        let protected = [&[(1, negative(6))], headers].concat();
        let file = sign1(&key("Leaf"), &protected, &[], &payload());
        read_by_key(&file).map(|corim| {
            (
                corim.notes().old_content_type,
                corim.authority() == Authority::Key { signer: "A", key: 0 },
            )
        })
    };
    let rim = (3, text("application/rim+cbor"));
    let old = (3, text("application/corim-unsigned+cbor"));
    let cwt = |more: &[(i64, Vec<u8>)]| (15, map(&[&[(1, text("A"))], more].concat()));
    let dated = |last: u64| {
        let validity = map(&[(1, tag(1, uint(last)))]);
        (8, bytes(&map(&[(0, map(&[(0, text("A"))])), (1, validity)])))
    };
    let late = 1 << 40;
    assert_eq!(with(&[rim.clone(), (8, meta("A"))]), Ok((false, true)));
    assert_eq!(with(&[old, (8, meta("A"))]), Ok((true, true)));
    assert_eq!(with(&[rim.clone(), cwt(&[])]), Ok((false, true)));
    assert_eq!(with(&[rim.clone(), (8, meta("A")), cwt(&[])]), Ok((false, true)));
    assert_eq!(with(&[rim.clone(), dated(late), cwt(&[(4, uint(late))])]), Ok((false, true)));
    for (headers, rule) in [
        (vec![(8, meta("A"))], Rule::ContentType),
        (vec![(3, text("application/cbor")), (8, meta("A"))], Rule::ContentType),
        (vec![(3, uint(60)), (8, meta("A"))], Rule::ContentType),
        (vec![rim.clone()], Rule::MetaMissing),
        (vec![rim.clone(), (8, meta("B")), cwt(&[])], Rule::MetaDiffers),
        (vec![rim.clone(), dated(late), cwt(&[])], Rule::MetaDiffers),
        (vec![rim.clone(), dated(1)], Rule::Expired),
        (vec![rim.clone(), cwt(&[(4, uint(1))])], Rule::Expired),
        (vec![rim.clone(), cwt(&[(5, uint(late))])], Rule::NotYetValid),
        (vec![rim, (15, map(&[]))], Rule::Missing),
    ] {
        let Err(Error::Read(error)) = with(&headers) else { panic!("{headers:x?}") };
        assert_eq!(error.rule, rule, "{headers:x?}");
    }
}

#[test]
fn na1_no_one_byte_mutant_of_a_signed_file_is_read() {
    let key_info = key("Leaf").to_spki_der();
    let keys = [ReferenceKey { key_info: &key_info, id: Some(b"11") }];
    let file = sign1(&key("Leaf"), &protected(), &[(4, bytes(b"11"))], &payload());
    assert!(read(&file, &trust(&[], &keys)).is_ok());
    for at in 0..file.len() {
        for flip in 0..8 {
            let mut mutant = file.clone();
            mutant[at] ^= 1 << flip;
            assert!(read(&mutant, &trust(&[], &keys)).is_err(), "byte {at}, bit {flip}");
        }
        assert!(read(&file[..at], &trust(&[], &keys)).is_err());
    }
}
