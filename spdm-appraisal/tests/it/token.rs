//! Tokens of the OCP profile.

use std::vec;
use std::vec::Vec;

use spdm_appraisal::{
    Comparison, ConciseEvidence, DebugStatus, Dialect, Divergence, Eat, Element, ElementId,
    Environments, Error, Evidence, EvidenceKey, Extent, ReadError, Rule, Token, TokenSigner,
    TokenTrust, Verdict, record_elements,
};
use spdm_codec::MeasurementRecord;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};

use crate::build::{
    array, bytes, class, corim, digests, map, measurement, negative, sign1, tag, text, triple, uint,
};
use crate::setting::{FIRMWARE, NOW, ROM, read, record};
use crate::testing::{certificates, key};

pub(crate) const NONCE: [u8; 32] = [7; 32];
const PROFILE: [u8; 10] = [0x2B, 6, 1, 4, 1, 0x82, 0xCC, 0x7F, 1, 3];

/// Trust in these anchors, for a token in a record that this leaf signed.
pub(crate) fn trust<'t>(
    anchors: &'t [Anchor<'t>],
    leaf: Option<EvidenceKey<'t>>,
    keys: &'t [&'t [u8]],
) -> TokenTrust<'t> {
    let validity = ValidityCheck::At(NOW);
    TokenTrust { provider: &PROVIDER, anchors, leaf, keys, validity }
}

/// Concise evidence with these measurements, in a claim of measurements.
fn measurements(all: &[Vec<u8>]) -> Vec<u8> {
    let triples = array(&[triple(class("ACME", "WIDGET"), all)]);
    let evidence = tag(571, map(&[(0, map(&[(0, triples)]))]));
    array(&[array(&[uint(10571), bytes(&evidence)])])
}

fn rom() -> Vec<u8> {
    measurement(1, &[(2, digests(&[(7, &ROM)])), (1, uint(3))])
}

/// The claims of a good token, but for these, of which those without a value are left out.
fn claims(other: &[(i64, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut all = vec![
        (1, text("Leaf")),
        (10, bytes(&NONCE)),
        (263, uint(2)),
        (265, bytes(&PROFILE)),
        (273, measurements(&[rom()])),
    ];
    for (label, value) in other {
        all.retain(|(known, _)| known != label);
        all.extend(value.clone().map(|value| (*label, value)));
    }
    map(&all)
}

fn headers() -> Vec<(i64, Vec<u8>)> {
    vec![(1, negative(6)), (3, uint(263))]
}

/// Leaf first, without the root.
fn x5chain(authorities: usize) -> (i64, Vec<u8>) {
    let all = certificates(authorities);
    let ders: Vec<_> = all[1..].iter().rev().map(|der| bytes(der)).collect();
    (33, if let [one] = ders.as_slice() { one.clone() } else { array(&ders) })
}

/// A token in its wrappers with these claims, by the leaf below its root.
fn token(claims: &[u8]) -> Vec<u8> {
    tag(55799, tag(61, sign1(&key("Leaf"), &headers(), &[x5chain(0)], claims)))
}

fn read_as<'a>(
    token: &'a [u8],
    dialect: Dialect,
    trust: &TokenTrust<'_>,
) -> Result<Eat<'a>, Error> {
    let token = Token::read(Untrusted::new(token))?;
    Eat::read(&token, dialect, trust, &mut [0; 8192])
}

fn read_token(token: &[u8]) -> Result<Eat<'_>, Error> {
    let root = &certificates(0)[0];
    read_as(token, Dialect::Strict, &trust(&[Anchor::Certificate(root)], None, &[]))
}

pub(crate) fn rule_of<T: core::fmt::Debug>(read: Result<T, Error>) -> Rule {
    match read {
        Err(Error::Read(error)) => error.rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_token_with_its_claims() {
    let more = [
        (7, Some(bytes(&[1; 16]))),
        (256, Some(bytes(&[2; 17]))),
        (258, Some(uint(42623))),
        (259, Some(bytes(b"model"))),
        (261, Some(uint(60))),
        (267, Some(uint(4))),
        (268, Some(bytes(&[3; 32]))),
        (-70001, Some(array(&[map(&[(0, tag(32, text("https://a")))])]))),
        (269, Some(array(&[]))),
    ];
    let file = token(&claims(&more));
    let eat = read_token(&file).unwrap();
    assert!(matches!(eat.signer, TokenSigner::Chain { anchor: Some(0), .. }));
    assert_eq!((eat.issuer, eat.debug), (Some("Leaf"), DebugStatus::DisabledSinceBoot));
    assert_eq!((eat.uptime, eat.boot_count, eat.ignored), (Some(60), Some(4), 1));
    assert_eq!(eat.hardware_model, Some(&b"model"[..]));
    assert_eq!(eat.divergences().count(), 0);
    assert_eq!(eat.check_nonce(&[&[1; 32], &NONCE]), Ok(()));
    for wrapped in [0, 3, 5].map(|from| &file[from..]) {
        assert!(read_token(wrapped).is_ok(), "from {wrapped:02x?}");
    }
    for other in [tag(501, uint(0)), tag(17, array(&[])), file[6..].to_vec(), uint(1), Vec::new()] {
        let read = Token::read(Untrusted::new(&other));
        assert!(matches!(read.unwrap_err().rule, Rule::NotToken | Rule::Truncated), "{other:02x?}");
    }
    let trailing = [&file[..], &[0]].concat();
    assert_eq!(rule_of(read_token(&trailing)), Rule::Trailing);
}

#[test]
fn na11_nonce_zero_short_long_stale_and_missing() {
    let with = |nonce: Option<Vec<u8>>| token(&claims(&[(10, nonce)]));
    let nonce_of = |nonce: &[u8]| {
        let file = with(Some(bytes(nonce)));
        rule_of(read_token(&file).and_then(|eat| Ok(eat.check_nonce(&[&NONCE])?)))
    };
    assert_eq!(nonce_of(&[0; 32]), Rule::Nonce);
    assert_eq!(nonce_of(&[8; 32]), Rule::Nonce);
    assert_eq!(nonce_of(&NONCE[..31]), Rule::Nonce);
    assert_eq!(nonce_of(&[7; 7]), Rule::NonceLength);
    assert_eq!(nonce_of(&[7; 65]), Rule::NonceLength);
    assert_eq!(rule_of(read_token(&with(None))), Rule::NonceMissing);
    assert_eq!(rule_of(read_token(&with(Some(text("12345678"))))), Rule::Type);
    // Where nothing was sent, nothing is fresh.
    let file = with(Some(bytes(&NONCE)));
    let unsent = read_token(&file).unwrap().check_nonce(&[]).unwrap_err();
    assert_eq!(unsent.rule, Rule::Nonce);
}

#[test]
fn na11_a_token_of_another_device() {
    let (sent, other) = (certificates(0), key("Other").to_spki_der());
    let root = [Anchor::Certificate(&sent[0])];
    let own = key("Leaf").to_spki_der();
    let leaf = |key_info| Some(EvidenceKey { key_info, certificate: &[] });
    let file = token(&claims(&[]));
    let read = |leaf| read_as(&file, Dialect::Strict, &trust(&root, leaf, &[]));
    assert!(read(leaf(&own)).is_ok());
    // Below the same root, valid and fresh.
    assert_eq!(rule_of(read(leaf(&other))), Rule::OtherKey);
    // The caller vouches for it.
    let keys = [own.as_slice()];
    let given = trust(&[], leaf(&other), &keys);
    assert!(matches!(read_as(&file, Dialect::Strict, &given).unwrap().signer, TokenSigner::Key(0)));
}

#[test]
fn a_key_of_the_caller_excludes_others() {
    let sent = certificates(0);
    let root = [Anchor::Certificate(&sent[0])];
    let (own, other) = (key("Leaf").to_spki_der(), key("Other").to_spki_der());
    let file = token(&claims(&[]));
    let read = |keys| read_as(&file, Dialect::Strict, &trust(&root, None, keys));
    let keys = [other.as_slice(), own.as_slice()];
    assert_eq!(rule_of(read(&keys[..1])), Rule::Signature);
    assert_eq!(read(&keys).unwrap().signer, TokenSigner::Key(1));
}

#[test]
fn a_key_id_names_the_leaf_of_the_slot() {
    let leaf_der = certificates(0).pop().unwrap();
    let key_info = key("Leaf").to_spki_der();
    let digest = |hash, of: &[u8]| PROVIDER.hash.digest(hash, &[of]).unwrap().as_bytes().to_vec();
    let by_kid = |kid: &[u8]| {
        let unprotected = [(4, bytes(kid))];
        sign1(&key("Leaf"), &[(1, negative(6))], &unprotected, &claims(&[]))
    };
    let leaf = Some(EvidenceKey { key_info: &key_info, certificate: &leaf_der });
    let read = |file: &[u8], leaf| {
        let read = read_as(file, Dialect::Strict, &trust(&[], leaf, &[]));
        read.map(|eat| (format!("{:?}", eat.signer), eat.divergences().collect::<Vec<_>>()))
    };
    for kid in [
        digest(HashAlgorithm::Sha384, &leaf_der),
        digest(HashAlgorithm::Sha256, &leaf_der),
        digest(HashAlgorithm::Sha512, &key_info),
    ] {
        let (signer, divergences) = read(&by_kid(&kid), leaf).unwrap();
        assert_eq!(signer, "Leaf");
        assert_eq!(divergences, [Divergence::NoContentType, Divergence::KeyId]);
        assert_eq!(rule_of(read(&by_kid(&kid), None)), Rule::KeyId);
        let another = Some(EvidenceKey { key_info: &key_info, certificate: &[1] });
        if kid.len() != 64 {
            assert_eq!(rule_of(read(&by_kid(&kid), another)), Rule::KeyId);
        }
    }
    for kid in [&[0x5A; 48][..], &[], &leaf_der] {
        assert_eq!(rule_of(read(&by_kid(kid), leaf)), Rule::KeyId);
    }
    let no_id = sign1(&key("Leaf"), &headers(), &[], &claims(&[]));
    assert_eq!(rule_of(read(&no_id, leaf)), Rule::KeyId);
    // The id is right, and the key is not.
    let kid = digest(HashAlgorithm::Sha384, &leaf_der);
    let forged = sign1(&key("Other"), &headers(), &[(4, bytes(&kid))], &claims(&[]));
    assert_eq!(rule_of(read(&forged, leaf)), Rule::Signature);
}

#[test]
fn profiles() {
    const TEXT: &[u8] = b"1.3.6.1.4.1.42623.1.3";
    let read = |profile: Option<Vec<u8>>, dialect| {
        let file = token(&claims(&[(265, profile)]));
        let root = &certificates(0)[0];
        let read = read_as(&file, dialect, &trust(&[Anchor::Certificate(root)], None, &[]));
        read.map(|eat| eat.divergences().collect::<Vec<_>>())
    };
    let (strict, compatible) = (Dialect::Strict, Dialect::Compatible);
    for dialect in [strict, compatible] {
        assert_eq!(read(Some(bytes(&PROFILE)), dialect).unwrap(), []);
        let tagged = read(Some(tag(111, bytes(&PROFILE))), dialect).unwrap();
        assert_eq!(tagged, [Divergence::ProfileTagged]);
        for other in [
            bytes(&[0x2B, 6, 1, 4, 1, 0x82, 0xE4, 0x2B, 1, 3]),
            bytes(&[0x2B, 6, 1, 4, 1, 0x82, 0x4D, 0x1F, 1, 3]),
            bytes(&PROFILE[..9]),
            tag(32, text("1.3.6.1.4.1.42623.1.3")),
            text("1.3.6.1.4.1.42623.1.3"),
            tag(110, bytes(&PROFILE)),
            uint(1),
        ] {
            assert_eq!(rule_of(read(Some(other), dialect)), Rule::EatProfile);
        }
        assert_eq!(rule_of(read(None, dialect)), Rule::EatProfileMissing);
    }
    assert_eq!(rule_of(read(Some(bytes(TEXT)), strict)), Rule::EatProfileText);
    assert_eq!(rule_of(read(Some(tag(111, bytes(TEXT))), strict)), Rule::EatProfileText);
    assert_eq!(read(Some(bytes(TEXT)), compatible).unwrap(), [Divergence::ProfileText]);
    let both = [Divergence::ProfileTagged, Divergence::ProfileText];
    assert_eq!(read(Some(tag(111, bytes(TEXT))), compatible).unwrap(), both);
}

#[test]
fn what_a_token_must_claim() {
    let evidence = |content: &[u8]| array(&[uint(10571), bytes(content)]);
    let of = |label, value| rule_of(read_token(&token(&claims(&[(label, value)]))));
    assert_eq!(of(263, None), Rule::DebugStatus);
    assert_eq!(of(263, Some(uint(5))), Rule::DebugStatus);
    assert_eq!(of(273, None), Rule::NoMeasurements);
    for (measurements, rule) in [
        (array(&[]), Rule::NoMeasurements),
        (array(&[array(&[uint(1), bytes(b"x")])]), Rule::NoMeasurements),
        (array(&[array(&[uint(10571)])]), Rule::Missing),
        (array(&[array(&[uint(10571), bytes(b""), uint(1)])]), Rule::Truncated),
        (array(&[evidence(&tag(571, map(&[])))]), Rule::Missing),
        (array(&[evidence(&[tag(570, map(&[])), vec![0]].concat())]), Rule::Tag),
        (map(&[]), Rule::Type),
    ] {
        assert_eq!(of(273, Some(measurements)), rule);
    }
    // An mkey that is a map, as an example of the profile has it.
    let keyed = map(&[(0, map(&[(0, uint(1))])), (1, map(&[(1, uint(3))]))]);
    assert_eq!(of(273, Some(measurements(&[keyed]))), Rule::Type);
    let twice = [&claims(&[])[..1], &[0x18, 10], &bytes(&NONCE), &claims(&[])[1..]].concat();
    let mut twice = twice;
    twice[0] += 1;
    assert_eq!(rule_of(read_token(&token(&twice))), Rule::Duplicate);
}

#[test]
fn evidence_without_a_tag_and_other_measurements() {
    let triples = array(&[triple(class("ACME", "WIDGET"), &[rom()])]);
    let untagged = map(&[(0, map(&[(0, triples.clone())])), (9, uint(0))]);
    let all = [array(&[uint(10571), bytes(&untagged)]), array(&[uint(60), bytes(b"?")])];
    let file = token(&claims(&[(273, Some(array(&all)))]));
    let eat = read_token(&file).unwrap();
    assert_eq!(eat.divergences().collect::<Vec<_>>(), [Divergence::EvidenceUntagged]);
    assert_eq!(eat.ignored, 2);
}

#[test]
fn headers_that_are_about_something_else() {
    let read = |protected: &[(i64, Vec<u8>)]| {
        let file = sign1(&key("Leaf"), protected, &[x5chain(0)], &claims(&[]));
        rule_of(read_token(&file))
    };
    assert_eq!(read(&[(1, negative(6)), (3, text("application/rim+cbor"))]), Rule::ContentType);
    assert_eq!(read(&[(1, negative(6)), (3, uint(264))]), Rule::ContentType);
    for label in [8, 15] {
        let crit = (2, array(&[uint(u64::try_from(label).unwrap())]));
        let headers = [(1, negative(6)), crit, (label, map(&[(1, text("x"))]))];
        assert_eq!(read(&headers), Rule::Crit);
    }
    assert_eq!(read(&[(1, negative(34))]), Rule::AlgKey);
}

/// The elements behind the first `count` of `places`, for a token in block 0xFD.
fn add<'e, 'a>(
    eat: &Eat<'a>,
    count: usize,
    places: &'e mut [Element<'a>],
) -> Result<&'e [Element<'a>], ReadError> {
    let mut len = count;
    for evidence in eat.evidence() {
        let again = ConciseEvidence::read_content(Untrusted::new(evidence.content()))?;
        len = again.elements(0xFD, len, places)?.len();
    }
    Ok(&places[..len])
}

/// The verdict on the record of the device with a token in its block 0xFD, by these reference values.
fn verdict(token_measurements: &[Vec<u8>], reference: &[Vec<u8>]) -> Result<Verdict, Rule> {
    let file = token(&claims(&[(273, Some(measurements(token_measurements)))]));
    let eat = read_token(&file).unwrap();
    let record = record();
    let record = MeasurementRecord::decode(Untrusted::new(&record), 4).unwrap();
    let mut places = [Element::EMPTY; 8];
    record_elements(&record, Some(HashAlgorithm::Sha384), &mut places).unwrap();
    let elements = add(&eat, 4, &mut places).map_err(|error| error.rule)?;
    let reference = corim(&[triple(class("ACME", "WIDGET"), reference)]);
    let corim = read(&reference).unwrap();
    let environments = Environments::Known(&[]);
    let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
    Ok(Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap().verdict())
}

#[test]
fn its_evidence_is_compared() {
    let value = |value: &[u8]| measurement(1, &[(2, digests(&[(7, value)]))]);
    assert_eq!(verdict(&[rom()], &[value(&ROM)]), Ok(Verdict::Match));
    assert_eq!(verdict(&[rom()], &[value(&FIRMWARE)]), Ok(Verdict::Mismatch));
    let journey = |value: &[u8]| measurement(1, &[(14, map(&[(0, digests(&[(7, value)]))]))]);
    assert_eq!(verdict(&[journey(&ROM)], &[journey(&ROM)]), Ok(Verdict::Match));
    assert_eq!(verdict(&[journey(&ROM)], &[journey(&FIRMWARE)]), Ok(Verdict::Mismatch));
    // A digest of the token is none of a register.
    assert_eq!(verdict(&[rom()], &[journey(&ROM)]), Ok(Verdict::Mismatch));
}

#[test]
fn na10_a_token_points_to_blocks_of_its_record() {
    let pointing = |index| {
        let indirect = (12, map(&[(0, array(&[uint(index)]))]));
        map(&[(0, text("part")), (1, map(&[indirect]))])
    };
    let expected = map(&[(0, text("part")), (1, map(&[(2, digests(&[(7, &FIRMWARE)]))]))]);
    assert_eq!(verdict(&[pointing(2)], core::slice::from_ref(&expected)), Ok(Verdict::Match));
    assert_eq!(verdict(&[pointing(1)], core::slice::from_ref(&expected)), Ok(Verdict::Mismatch));
    for index in [5, 0xFD] {
        assert_eq!(
            verdict(&[pointing(index)], core::slice::from_ref(&expected)),
            Err(Rule::IndirectIndex)
        );
    }
    // A token by itself has no record.
    let file = token(&claims(&[(273, Some(measurements(&[pointing(1)])))]));
    let eat = read_token(&file).unwrap();
    let read = add(&eat, 0, &mut [Element::EMPTY; 2]).map(<[_]>::len);
    assert_eq!(read.unwrap_err().rule, Rule::IndirectIndex);
    let mut places = [Element::EMPTY; 2];
    let file = token(&claims(&[]));
    let eat = read_token(&file).unwrap();
    let elements = add(&eat, 0, &mut places).unwrap();
    assert_eq!((elements.len(), elements[0].id), (1, ElementId::Index(1)));
    let mut none = [];
    let full = add(&eat, 0, &mut none).map(<[_]>::len);
    assert_eq!(full.unwrap_err().rule, Rule::TooManyElements);
}

#[test]
fn na11_no_mutant_of_a_token_verifies() {
    let file = token(&claims(&[]));
    let good = format!("{:?}", read_token(&file).unwrap());
    for len in 0..file.len() {
        assert!(read_token(&file[..len]).is_err(), "{len} bytes");
    }
    for at in 0..file.len() {
        let mut mutant = file.clone();
        mutant[at] ^= 1 << (at % 8);
        if let Ok(eat) = read_token(&mutant) {
            // Only the wrappers are not signed; what is read is the same.
            assert_eq!((format!("{eat:?}"), at < 5), (good.clone(), true), "byte {at}");
        }
    }
}
