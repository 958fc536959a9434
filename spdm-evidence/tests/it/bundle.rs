//! Detached EAT bundles with the measurements of devices.

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, MANIFEST_INDEX, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm, SignedMessage, SigningContext};
use spdm_emulator::{Device, DeviceConfig, DeviceIdentity};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Error, Evidence, Format, Freshness, Note, ReadOptions, Recorder,
    Report, ReportBuilder, Signatures, TokenOptions, Verifier,
};
use spdm_x509::{Anchor, ValidityCheck};

use crate::claims::token_over;
use crate::corim_build::{array, bytes, map, named, negative, sign1, tag, uint};
use crate::live::attest;
use crate::recorder::{NOW, Wire};
use crate::testing::{ASYM, Template, certificates, key, tlv};

const NONCE: [u8; 32] = [7; 32];

/// The part of a device whose leaf is that of the minted chain, as a management controller makes it.
fn part() -> Vec<u8> {
    let transcript = evidence().recordings[0].to_standard_transcript().unwrap();
    part_of(&transcript)
}

fn part_of(transcript: &[u8]) -> Vec<u8> {
    let chain = bytes(&certificates(1).concat());
    named(&[("cert_chain", chain), ("signed_measurements", bytes(transcript))])
}

/// The part of such a device whose manifest is a token of its own, over the nonce that it was asked with.
fn part_with_token() -> Vec<u8> {
    let (vca, request, answer) = measured(&evidence());
    let answer = answer_with_token(&vca, &request, &answer);
    part_of(&[vca, request, answer].concat())
}

/// The negotiation, the signed GET_MEASUREMENTS and its answer.
fn measured(evidence: &Evidence) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let recording = &evidence.recordings[0];
    let exchange = recording.exchanges.last().unwrap();
    let (request, answer) = (exchange.request.clone(), exchange.response.clone().unwrap());
    let mut vca = recording.to_standard_transcript().unwrap();
    vca.truncate(vca.len() - request.len() - answer.len());
    (vca, request, answer)
}

/// The answer, signed with a token over the nonce of the request as manifest.
fn answer_with_token(vca: &[u8], request: &[u8], answer: &[u8]) -> Vec<u8> {
    let len = usize::from(u16::from_le_bytes([answer[5], answer[6]]));
    let (mut record, mut left) = (Vec::new(), &answer[8..8 + len]);
    while let [index, specification, low, high, ..] = *left {
        let (block, behind) = left.split_at(4 + usize::from(u16::from_le_bytes([low, high])));
        if index == MANIFEST_INDEX {
            let token = token_over(&request[4..36]);
            let size = |more: usize| u16::try_from(token.len() + more).unwrap().to_le_bytes();
            record.extend(
                [&[index, specification][..], &size(3), &[0x84], &size(0), &token].concat(),
            );
        } else {
            record.extend(block);
        }
        left = behind;
    }
    let mut signed = answer[..8].to_vec();
    signed[5..7].copy_from_slice(&u16::try_from(record.len()).unwrap().to_le_bytes());
    signed.extend([&record[..], &answer[8 + len..answer.len() - 64]].concat());
    let transcript = [vca, request, &signed].concat();
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&transcript]).unwrap();
    let message =
        SignedMessage::new(SpdmVersion::V1_2, SigningContext::ResponderMeasurements, digest);
    let mut signature = [0; 64];
    message.sign(&key("Leaf"), HashAlgorithm::Sha256, &mut signature).unwrap();
    [&signed[..], &signature].concat()
}

/// What such a device says.
pub(crate) fn evidence() -> Evidence {
    let all = certificates(1);
    let config = DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: BaseHashAlgo::SHA_256,
        identity: Some(DeviceIdentity::new(key("Leaf"), all.clone()).unwrap()),
        ..DeviceConfig::default()
    };
    let mut wire = Wire::of(Device::new(config).unwrap());
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let mut recorder = Recorder::new(0);
    attest(&mut wire, &all[..1], &mut recorder, &mut report, |_| ());
    recorder.into_evidence("here")
}

/// A bundle with this part, whose token signs the digest of another or of the same.
fn bundle(part: &[u8], signed: &[u8]) -> Vec<u8> {
    let [_, authority, leaf] = certificates(1).try_into().unwrap();
    bundle_by(part, signed, &[(33, array(&[bytes(&leaf), bytes(&authority)]))])
}

/// The same, whose token names its signer so.
fn bundle_by(part: &[u8], signed: &[u8], signer: &[(i64, Vec<u8>)]) -> Vec<u8> {
    bundle_of(&[(10, bytes(&NONCE))], part, signed, signer)
}

/// The same, whose token claims this beside.
fn bundle_of(
    claims: &[(i64, Vec<u8>)],
    part: &[u8],
    signed: &[u8],
    signer: &[(i64, Vec<u8>)],
) -> Vec<u8> {
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[signed]).unwrap();
    let digest = array(&[negative(42), bytes(digest.as_bytes())]);
    let claims = map(&[claims, &[(266, named(&[("a", digest)]))]].concat());
    let token = sign1(&key("Leaf"), &[(1, negative(6)), (3, uint(263))], signer, &claims);
    tag(602, array(&[tag(61, token), named(&[("a", bytes(part))])]))
}

fn judge(file: &[u8], root: &[u8], nonce: Option<&[u8]>) -> Report {
    judge_with(file, root, TokenOptions { nonce, ..TokenOptions::NONE })
}

fn judge_with(file: &[u8], root: &[u8], tokens: TokenOptions<'_>) -> Report {
    judge_evidence(&Evidence::read(file, &ReadOptions::default()).unwrap(), root, tokens)
}

fn judge_evidence(evidence: &Evidence, root: &[u8], tokens: TokenOptions<'_>) -> Report {
    let anchors = [Anchor::Certificate(root)];
    let verifier = Verifier {
        tokens,
        required: Signatures::Any,
        ..Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(NOW))
    };
    let mut reports = verifier.verify(&mut Bank::<Running, 2>::new(), evidence);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

#[test]
fn each_part_is_verified_and_so_is_the_token() {
    let (part, root) = (part(), certificates(1).remove(0));
    let file = bundle(&part, &part);
    assert_eq!(Format::sniff(&file), Ok(Format::Bundle));
    let report = judge(&file, &root, None);
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.status(AttestationCheck::EatSignature), CheckStatus::Pass);
    assert_eq!(report.status(AttestationCheck::EatNonce), CheckStatus::Skipped);
    let notes: Vec<_> = report.notes().iter().map(ToString::to_string).collect();
    assert!(notes.iter().any(|note| note.contains("as fresh as the bundle's token")), "{notes:?}");
    let report = judge(&file, &root, Some(&NONCE));
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.status(AttestationCheck::EatNonce), CheckStatus::Pass);
    let report = judge(&file, &root, Some(&[8; 32]));
    assert_eq!(report.status(AttestationCheck::EatNonce), CheckStatus::Fail);
    assert!(!report.verified());
}

#[test]
fn na12_a_part_that_the_token_does_not_sign() {
    let (part, root) = (part(), certificates(1).remove(0));
    // Each is verified by itself.
    let report = judge(&bundle(&part, b"another"), &root, Some(&NONCE));
    assert_eq!(report.status(AttestationCheck::MeasurementsSignature), CheckStatus::Pass);
    assert_eq!(report.status(AttestationCheck::ManifestFormat), CheckStatus::Fail);
    assert!(!report.verified());
    let mut changed = bundle(&part, &part);
    let at = changed.windows(NONCE.len()).position(|part| part == NONCE).unwrap();
    changed[at] ^= 1;
    let report = judge(&changed, &root, None);
    assert_eq!(report.status(AttestationCheck::EatSignature), CheckStatus::Fail);
    assert!(!report.verified());
}

#[test]
fn nobody_vouches_for_the_token() {
    let part = part();
    let other = certificates(0).remove(1);
    let report = judge(&bundle(&part, &part), &other, None);
    assert_eq!(report.status(AttestationCheck::EatSignature), CheckStatus::Fail);
    assert!(!report.verified());
}

#[test]
fn na12_the_token_of_a_part_does_not_stand_for_that_of_the_bundle() {
    let (part, root) = (part_with_token(), certificates(1).remove(0));
    let report = judge(&bundle(&part, &part), &root, None);
    assert!(report.verified(), "{:?}", report.error());
    // It names nobody, so nobody has looked at its signature: neither at what it signs, nor at its nonce.
    for (signed, nonce) in [(&part[..], None), (b"another", None), (&part[..], Some(&NONCE[..]))] {
        let report = judge(&bundle_by(&part, signed, &[]), &root, nonce);
        assert_eq!(report.status(AttestationCheck::EatSignature), CheckStatus::Pass);
        assert!(!report.verified());
        let error = &report.error().unwrap().message;
        assert!(error.starts_with("eat.signature was asked for: the bundle: "), "{error}");
    }
}

/// A key that the caller gives stands for what the token does not name, and somebody else's does not.
#[test]
fn na12_a_bundle_by_a_key_that_is_given() {
    let (part, root) = (part(), certificates(1).remove(0));
    let file = bundle_by(&part, &part, &[]);
    let nobody = judge(&file, &root, None);
    let error = &nobody.error().unwrap().message;
    assert!(error.starts_with("eat.signature is required: the bundle: "), "{error}");
    assert_eq!(nobody.status(AttestationCheck::ManifestFormat), CheckStatus::Skipped);
    let [leaf, other] = ["Leaf", "Other"].map(|name| key(name).to_spki_der());
    let with = |key: &Vec<u8>, nonce| {
        let keys = [key.as_slice()];
        judge_with(&file, &root, TokenOptions { keys: &keys, nonce, ..TokenOptions::NONE })
    };
    let given = with(&leaf, Some(&NONCE[..]));
    assert!(given.verified(), "{:?}", given.error());
    let mut checks = given.checks().iter();
    let signature = checks.find(|row| row.check == AttestationCheck::EatSignature).unwrap();
    assert_eq!(signature.detail, "the token of the bundle is signed by a given key");
    let of_somebody = with(&other, Some(&NONCE[..]));
    assert_eq!(of_somebody.status(AttestationCheck::EatSignature), CheckStatus::Fail);
    assert!(!of_somebody.verified());
    // Who asks for a token asks for a fresh one.
    let error = with(&leaf, None).error().unwrap().message.clone();
    assert!(error.starts_with("eat.nonce is required: "), "{error}");
}

#[test]
fn na12_a_token_whose_signer_expired_or_whose_nonce_is_none() {
    let (part, [root, authority, leaf]) = (part(), certificates(1).try_into().unwrap());
    let past = tlv(0x30, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x17, &[b"210101000000Z"])]);
    let mut expired = Template::leaf("CA 1").keyed(ASYM, "Leaf");
    expired.validity = past;
    let expired = expired.signed_by("CA 1");
    let chain = |leaf: &[u8]| [(33, array(&[bytes(leaf), bytes(&authority)]))];
    assert!(judge(&bundle_by(&part, &part, &chain(&leaf)), &root, None).verified());
    let report = judge(&bundle_by(&part, &part, &chain(&expired)), &root, None);
    assert_eq!(report.status(AttestationCheck::EatSignature), CheckStatus::Fail);
    assert!(!report.verified());
    let of = |claims: &[(i64, Vec<u8>)]| {
        judge(&bundle_of(claims, &part, &part, &chain(&leaf)), &root, None)
    };
    let short = of(&[(10, bytes(&[7; 7]))]);
    assert_eq!(short.status(AttestationCheck::EatNonce), CheckStatus::Fail);
    assert!(!short.verified());
    // What the token says besides is counted.
    let counted = |report: &Report| {
        report.notes().iter().any(|it| it.note == Note::ClaimsIgnored { count: 1 })
    };
    assert!(counted(&of(&[(10, bytes(&NONCE)), (256, bytes(&[1; 17]))])));
    assert!(!counted(&of(&[(10, bytes(&NONCE))])));
}

/// Each token is over the nonce of the measurements that it came with.
#[test]
fn na11_tokens_of_several_measurements() {
    let mut evidence = evidence();
    let (vca, request, answer) = measured(&evidence);
    let mut again = request.clone();
    again[4..36].fill(9);
    let exchanges = &mut evidence.recordings[0].exchanges;
    exchanges.last_mut().unwrap().response = Some(answer_with_token(&vca, &request, &answer));
    let mut second = exchanges.last().unwrap().clone();
    second.response = Some(answer_with_token(&vca, &again, &answer));
    second.request = again;
    exchanges.push(second);
    let root = certificates(1).remove(0);
    let report = judge_evidence(&evidence, &root, TokenOptions::NONE);
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.status(AttestationCheck::EatNonce), CheckStatus::Pass);
    assert_eq!(report.claims().unwrap().elements.len(), 4);
}

#[test]
fn a_part_of_another_form_is_an_error() {
    let odd = named(&[("cert_chain", bytes(b"x"))]);
    let read = |file: &[u8]| Evidence::read(file, &ReadOptions::default()).unwrap_err();
    assert!(matches!(read(&bundle(&odd, &odd)), Error::Bundle(_)));
    let file = bundle(&odd, &odd);
    assert!(matches!(read(&file[..file.len() - 1]), Error::Bundle(_)));
}
