//! Files that an attacker puts together: exchanges of two devices, forged answers, attached chains. Device A
//! is trusted, device B is not.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, Code, RequesterNonce, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm};
use spdm_emulator::{Act, Device, DeviceConfig, Edit, KeyProvisioning, Position, ScriptStep, When};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ExitClass, Negotiation, NegotiationCover, Note, Proof,
    ReadOptions, RecordedExchange, Recording, Reference, Report, ReportErrorKind, Signatures,
    Verifier,
};
use spdm_x509::{Anchor, Demand, Profile, Revocation, Revocations, SanPolicy, ValidityCheck};

use crate::requests;

pub(crate) const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);
pub(crate) const NONCE: RequesterNonce = RequesterNonce([7; 32]);

pub(crate) fn device(seed: u64, configure: impl FnOnce(&mut DeviceConfig)) -> Device {
    let mut config = DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P384,
        seed: Some(seed),
        ..DeviceConfig::default()
    };
    configure(&mut config);
    Device::new(config).unwrap()
}

pub(crate) fn exchange(device: &mut Device, request: Vec<u8>) -> RecordedExchange {
    let response = device.respond(&request);
    RecordedExchange { request, interim: Vec::new(), response }
}

/// Nothing in a negotiation is random: those of two devices of one kind are the same.
pub(crate) fn negotiation(device: &mut Device) -> Vec<RecordedExchange> {
    let requests = requests::negotiation(BaseAsymAlgo::ECDSA_P384, BaseHashAlgo::SHA_384);
    requests.map(|request| exchange(device, request)).into()
}

/// DIGESTS and the whole chain of slot 0.
pub(crate) fn chain(device: &mut Device) -> Vec<RecordedExchange> {
    chain_of(device, 0)
}

/// DIGESTS and the whole chain of a slot.
pub(crate) fn chain_of(device: &mut Device, slot: u8) -> Vec<RecordedExchange> {
    let digests = exchange(device, vec![0x12, 0x81, 0, 0]);
    vec![digests, exchange(device, vec![0x12, 0x82, slot, 0, 0, 0, 0, 0x10])]
}

/// The chain structure in those exchanges.
pub(crate) fn structure(chain: &[RecordedExchange]) -> Vec<u8> {
    chain[1].response.as_ref().unwrap()[8..].to_vec()
}

pub(crate) fn challenge(device: &mut Device, slot: u8, nonce: u8) -> RecordedExchange {
    exchange(device, [&[0x12, 0x83, slot, 0][..], &[nonce; 32]].concat())
}

pub(crate) fn measure(device: &mut Device, index: u8, slot: u8, nonce: u8) -> RecordedExchange {
    exchange(device, [&[0x12, 0xE0, 1, index][..], &[nonce; 32], &[slot]].concat())
}

pub(crate) fn evidence(parts: &[&[RecordedExchange]]) -> Evidence {
    let mut recording = Recording::new(Negotiation::Recorded, 0);
    recording.exchanges = parts.concat();
    let mut evidence = Evidence::new("claimed");
    evidence.recordings.push(recording);
    evidence
}

/// The only report on the evidence.
pub(crate) fn report(
    evidence: &Evidence,
    trusted: &Device,
    ask: impl FnOnce(&mut Verifier<'_>),
) -> Report {
    let mut reports = reports(evidence, trusted, ask);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// The reports on the evidence, written to a file and read again.
pub(crate) fn reports(
    evidence: &Evidence,
    trusted: &Device,
    ask: impl FnOnce(&mut Verifier<'_>),
) -> Vec<Report> {
    let file = evidence.to_json().unwrap();
    let evidence = Evidence::read(file.as_bytes(), &ReadOptions::default()).unwrap();
    judged(&evidence, trusted, ask)
}

/// The reports on evidence that is in no file.
pub(crate) fn judged(
    evidence: &Evidence,
    trusted: &Device,
    ask: impl FnOnce(&mut Verifier<'_>),
) -> Vec<Report> {
    let roots = trusted.trust_anchors();
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let mut verifier = Verifier::new(&PROVIDER, &anchors, AT);
    ask(&mut verifier);
    verifier.verify(&mut Bank::<Running, 2>::new(), evidence)
}

pub(crate) fn indices(report: &Report) -> Vec<u8> {
    report.measurements().iter().map(|value| value.index).collect()
}

#[test]
fn measurements_that_another_key_signed_are_not_shown_and_nothing_is_verified() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, same) = (negotiation(&mut a), negotiation(&mut b));
    assert_eq!(vca, same);
    let (chain_b, forged) = (chain(&mut b), [measure(&mut b, 2, 0, 7)]);
    let (chain_a, genuine) = (chain(&mut a), [measure(&mut a, 1, 0, 7)]);
    let file = evidence(&[&vca, &chain_b, &forged, &chain_a, &genuine]);
    let report = report(&file, &a, |verifier| verifier.nonce = Some(NONCE));
    assert!(!report.verified());
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Identity);
    assert_eq!(indices(&report), [1]);
}

#[test]
fn unsigned_measurements_are_not_shown_beside_a_signed_challenge() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = [challenge(&mut a, 0, 7)];
    let mut unsigned = exchange(&mut a, vec![0x12, 0xE0, 0, 1]);
    unsigned.response.as_mut().unwrap()[20..40].fill(0xEE);
    let file = evidence(&[&vca, &chain, &challenged, &[unsigned]]);
    let without_nonce = report(&file, &a, |_| ());
    assert_eq!((without_nonce.verified(), indices(&without_nonce)), (true, vec![]));
    // The nonce that is asked for is that of GET_MEASUREMENTS, which is on record and proves nothing.
    let with_nonce = report(&file, &a, |verifier| verifier.nonce = Some(NONCE));
    assert_eq!((with_nonce.verified(), indices(&with_nonce)), (false, vec![]));
    assert_eq!(with_nonce.fresh(), Some(false));
    // Without any GET_MEASUREMENTS, it is CHALLENGE's.
    let only = evidence(&[&vca, &chain, &challenged]);
    assert!(report(&only, &a, |verifier| verifier.nonce = Some(NONCE)).verified());
}

/// Why the report is refused: its error, and what it calls for.
fn refusal(report: &Report) -> Option<(ReportErrorKind, &str, ExitClass)> {
    report.error().map(|error| (error.kind, error.message.as_str(), report.exit_class()))
}

const NO_CHALLENGE: (ReportErrorKind, &str, ExitClass) = (
    ReportErrorKind::Required,
    "challenge.signature is required: no CHALLENGE_AUTH",
    ExitClass::Rejected,
);
const NO_MEASUREMENTS: (ReportErrorKind, &str, ExitClass) = (
    ReportErrorKind::Required,
    "measurements.signature is required: no signed MEASUREMENTS",
    ExitClass::Rejected,
);

const CHALLENGE: &[Proof] = &[Proof::Challenge];
const MEASUREMENTS: &[Proof] = &[Proof::Measurements];
const BOTH: &[Proof] = &[Proof::Challenge, Proof::Measurements];

#[test]
fn a_file_with_one_of_the_signatures_is_refused_where_both_are_required() {
    use Signatures::{Any, Each};
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = [challenge(&mut a, 0, 7)];
    let measured = [measure(&mut a, 1, 0, 8)];
    let without = [exchange(&mut a, vec![0x12, 0xE0, 0, 1])];
    let both = [&vca[..], &chain, &challenged, &measured];
    let rows: [(&[&[RecordedExchange]], _); 4] = [
        (&both, [None, None, None, None]),
        (&both[..3], [None, None, Some(NO_MEASUREMENTS), Some(NO_MEASUREMENTS)]),
        (&[&vca, &chain, &measured], [None, Some(NO_CHALLENGE), None, Some(NO_CHALLENGE)]),
        // Measurements that nobody signed do not count.
        (
            &[&vca, &chain, &challenged, &without],
            [None, None, Some(NO_MEASUREMENTS), Some(NO_MEASUREMENTS)],
        ),
    ];
    for (parts, expected) in rows {
        let file = evidence(parts);
        for (required, expected) in
            [Any, Each(CHALLENGE), Each(MEASUREMENTS), Each(BOTH)].into_iter().zip(expected)
        {
            let report = report(&file, &a, |verifier| verifier.required = required);
            assert_eq!(report.verified(), expected.is_none(), "{required:?}");
            assert_eq!(refusal(&report), expected, "{required:?}");
        }
    }
}

/// The recorded Requester asked for both signatures, and one answer is cut off: by default that is not verified, and
/// where it is, the basis says what is missing.
#[test]
fn what_was_asked_for_and_is_not_in_the_file_is_not_verified() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = challenge(&mut a, 0, 7);
    let measured = measure(&mut a, 1, 0, 8);
    let unanswered =
        |exchange: &RecordedExchange| RecordedExchange { response: None, ..exchange.clone() };
    let cut = [challenged.clone(), unanswered(&measured)];
    let file = evidence(&[&vca, &chain, &cut]);
    let refused = report(&file, &a, |_| ());
    let message =
        "measurements.signature was asked for: the answer to GET_MEASUREMENTS is not on record";
    assert_eq!(refusal(&refused), Some((ReportErrorKind::Required, message, ExitClass::Rejected)));
    assert_eq!(refused.basis(), None);
    let required = report(&file, &a, |verifier| verifier.required = Signatures::Each(MEASUREMENTS));
    let message =
        "measurements.signature is required: the answer to GET_MEASUREMENTS is not on record";
    assert_eq!(refusal(&required), Some((ReportErrorKind::Required, message, ExitClass::Rejected)));
    for required in [Signatures::Any, Signatures::Each(CHALLENGE)] {
        let alone = report(&file, &a, |verifier| verifier.required = required);
        assert_eq!(alone.basis().unwrap().to_string(), "CHALLENGE alone");
    }

    let cut = [unanswered(&challenged), measured.clone()];
    let file = evidence(&[&vca, &chain, &cut]);
    let refused = report(&file, &a, |_| ());
    let message = "challenge.signature was asked for: the answer to CHALLENGE is not on record";
    assert_eq!(refusal(&refused), Some((ReportErrorKind::Required, message, ExitClass::Rejected)));
    let alone = report(&file, &a, |verifier| verifier.required = Signatures::Each(MEASUREMENTS));
    assert_eq!(alone.basis().unwrap().to_string(), "signed MEASUREMENTS alone");

    // What never held a CHALLENGE is judged by what it holds.
    let held = report(&evidence(&[&vca, &chain, core::slice::from_ref(&measured)]), &a, |_| ());
    assert_eq!(held.basis().unwrap().to_string(), "signed MEASUREMENTS alone");
    let whole = report(&evidence(&[&vca, &chain, &[challenged, measured]]), &a, |_| ());
    assert_eq!(whole.basis().unwrap().to_string(), "CHALLENGE and signed MEASUREMENTS");
}

/// The same request may be answered late. One over another nonce is another request: whoever removes the answer that
/// fails, or answers with an ERROR in its place, does not get what is left verified.
#[test]
fn every_request_for_a_signature_needs_an_answer() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let first = measure(&mut a, 1, 0, 7);
    let other = measure(&mut a, 2, 0, 8);
    let lost = |of: &RecordedExchange| RecordedExchange { response: None, ..of.clone() };
    let refused = RecordedExchange { response: Some(vec![0x12, 0x7F, 5, 0]), ..other.clone() };
    let verified = |exchanges: &[RecordedExchange]| {
        report(&evidence(&[&vca, &chain, exchanges]), &a, |_| ()).verified()
    };
    assert!(verified(&[first.clone(), other.clone()]));
    assert!(verified(&[lost(&first), first.clone()]));
    assert!(verified(&[first.clone(), lost(&first)]));
    for missing in [lost(&other), refused] {
        assert!(!verified(&[missing.clone(), first.clone()]));
        assert!(!verified(&[first.clone(), missing]));
    }
}

/// A connection that proves nothing shows no device: nothing ties the chain of an earlier connection to it.
#[test]
fn a_connection_without_a_signature_shows_no_device_of_another_one() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let signed = challenge(&mut a, 0, 7);
    let mut file = evidence(&[&vca, &chain, &[signed]]);
    file.recordings.extend(evidence(&[&vca]).recordings);
    let reports = reports(&file, &a, |_| ());
    let shown: Vec<_> =
        reports.iter().map(|r| (r.verified(), r.identity().subject.is_some())).collect();
    assert_eq!(shown, [(true, true), (false, false)]);
    assert!(!reports[1].checks().iter().any(|row| row.status == CheckStatus::Pass));
}

/// A slot whose signature was asked for has a report of its own, also where no answer came.
#[test]
fn an_unanswered_challenge_of_another_slot_is_a_report_that_is_not_verified() {
    let slots = [0, 1].map(|slot| SlotId::new(slot).unwrap());
    let mut a = device(1, |config| config.slots = slots.to_vec());
    let vca = negotiation(&mut a);
    let chains = [chain_of(&mut a, 0), chain_of(&mut a, 1)].concat();
    let first = challenge(&mut a, 0, 7);
    let signed = [first, RecordedExchange { response: None, ..challenge(&mut a, 1, 8) }];
    let reports = reports(&evidence(&[&vca, &chains, &signed]), &a, |_| ());
    let verdicts: Vec<_> = reports.iter().map(|r| (r.slot(), r.verified())).collect();
    assert_eq!(verdicts, [(Some(0), true), (Some(1), false)]);
}

/// A device that refuses what it was asked for has not given it.
#[test]
fn a_refused_signature_is_not_one() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let refused =
        RecordedExchange { response: Some(vec![0x12, 0x7F, 5, 0]), ..challenge(&mut a, 0, 7) };
    let measured = measure(&mut a, 1, 0, 8);
    let report = report(&evidence(&[&vca, &chain, &[refused, measured]]), &a, |_| ());
    let message =
        "challenge.signature was asked for: the device answered CHALLENGE with ERROR Unspecified";
    assert_eq!(refusal(&report), Some((ReportErrorKind::Required, message, ExitClass::Rejected)));
}

/// 1.1 without CHALLENGE: nothing signs ALGORITHMS, and what it says of hashes of measurements may be forged.
#[test]
fn an_unsigned_negotiation_is_named_and_what_only_it_states_is_not() {
    let mut a = device(1, |config| config.versions = vec![SpdmVersion::V1_1]);
    let of_1_1 = |request: &[u8]| [&[0x11], &request[1..]].concat();
    let capabilities = of_1_1(&[0, 0xE1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0]);
    let mut algorithms = of_1_1(&[0, 0xE3, 0, 0, 32, 0, 1, 0, 0x80, 0, 0, 0, 2, 0, 0, 0]);
    algorithms.resize(32, 0);
    let negotiation = [vec![0x10, 0x84, 0, 0], capabilities, algorithms];
    let mut vca = negotiation.map(|request| exchange(&mut a, request));
    let fetch = [of_1_1(&[0, 0x81, 0, 0]), of_1_1(&[0, 0x82, 0, 0, 0, 0, 0, 0x10])];
    let chain = fetch.map(|request| exchange(&mut a, request));
    let request = [&[0x11, 0xE0, 1, 1][..], &[7; 32], &[0]].concat();
    let measured = exchange(&mut a, request);
    let challenged = exchange(&mut a, [&[0x11, 0x83, 0, 0][..], &[9; 32]].concat());

    // MeasurementHashAlgo: TPM_ALG_SHA3_384, whose digests are as long as those of SHA_384.
    let stated = vca[2].response.as_mut().unwrap();
    assert_eq!(stated[8..12], [4, 0, 0, 0]);
    stated[8] = 0x20;
    let forged = report(&evidence(&[&vca, &chain, core::slice::from_ref(&measured)]), &a, |_| ());
    assert!(forged.verified(), "{:?}", forged.error());
    let basis = forged.basis().unwrap();
    assert_eq!(basis.negotiation, NegotiationCover::Unsigned);
    assert_eq!(basis.to_string(), "signed MEASUREMENTS alone; the negotiation is not signed");
    let algorithms = forged.algorithms();
    assert_eq!(algorithms["base_asym"].as_deref(), Some("ECDSA_P384"));
    assert_eq!(algorithms["base_hash"].as_deref(), Some("SHA_384"));
    // Every signed block says which specification it is of.
    assert_eq!(algorithms["measurement_specification"].as_deref(), Some("DMTF"));
    let signed = |name: &str| name.starts_with("base_") || name == "measurement_specification";
    let others = algorithms.iter().filter(|(name, _)| !signed(name));
    assert!(others.clone().count() > 5 && others.clone().all(|(_, selected)| selected.is_none()));
    assert!(forged.notes().iter().any(|counted| counted.note == Note::UnsignedNegotiation));

    // CHALLENGE signs it, and notices.
    let all = [measured, challenged];
    let noticed = report(&evidence(&[&vca, &chain, &all]), &a, |_| ());
    assert_eq!(refusal(&noticed).map(|(kind, ..)| kind), Some(ReportErrorKind::Signature));
    vca[2].response.as_mut().unwrap()[8] = 4;
    let signed = report(&evidence(&[&vca, &chain, &all]), &a, |_| ());
    assert_eq!(signed.basis().unwrap().to_string(), "CHALLENGE and signed MEASUREMENTS");
    assert_eq!(signed.algorithms()["measurement_hash"].as_deref(), Some("SHA_384"));
    assert_eq!(signed.notes(), []);
}

#[test]
fn a_signature_that_covers_no_measurement_is_not_one_of_measurements() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let counted = [challenge(&mut a, 0, 7), measure(&mut a, 0, 0, 8)];
    let file = evidence(&[&vca, &chain, &counted]);
    let required = Signatures::Each(BOTH);
    let report = report(&file, &a, |verifier| verifier.required = required);
    let message = "measurements.signature is required: no measurement was signed";
    assert_eq!(refusal(&report), Some((ReportErrorKind::Required, message, ExitClass::Rejected)));
}

#[test]
fn signatures_of_two_slots_or_connections_are_not_both_of_one() {
    let slots = vec![SlotId::ZERO, SlotId::new(1).unwrap()];
    let mut a = device(1, |config| config.slots = slots);
    let required = Signatures::Each(BOTH);
    let vca = negotiation(&mut a);
    let chains = [chain_of(&mut a, 0), chain_of(&mut a, 1)].concat();
    let (challenged, measured) = ([challenge(&mut a, 0, 7)], [measure(&mut a, 1, 1, 8)]);
    let one = evidence(&[&vca, &chains, &challenged, &measured]);
    let mut two = evidence(&[&vca, &chains, &challenged]);
    a.reset();
    let again = [negotiation(&mut a), chain(&mut a), vec![measure(&mut a, 1, 0, 8)]];
    two.recordings.extend(evidence(&again.each_ref().map(Vec::as_slice)).recordings);
    for file in [one, two] {
        let any = reports(&file, &a, |_| ());
        assert_eq!(any.iter().map(Report::verified).collect::<Vec<_>>(), [true, true]);
        let both = reports(&file, &a, |verifier| verifier.required = required);
        let refused: Vec<_> = both.iter().map(refusal).collect();
        assert_eq!(refused, [Some(NO_MEASUREMENTS), Some(NO_CHALLENGE)]);
    }
}

#[test]
fn an_answer_for_a_slot_without_a_chain_is_not_shown_in_another_slots_report() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = [challenge(&mut a, 0, 7)];
    let mut garbage = measure(&mut a, 1, 0, 9);
    garbage.request[36] = 3;
    garbage.response.as_mut().unwrap()[3] = 3;
    let file = evidence(&[&vca, &chain, &challenged, &[garbage]]);
    let report = report(&file, &a, |verifier| verifier.slot = SlotId::new(0));
    assert!(indices(&report).is_empty());
}

#[test]
fn a_public_key_carries_no_name() {
    let mut a = device(1, |config| config.provisioning = KeyProvisioning::PublicKey);
    let key = a.algorithms().next().and_then(|asym| a.public_key_spki(asym)).unwrap();
    let key: &'static [u8] = key.leak();
    let vca = negotiation(&mut a);
    let signed = [challenge(&mut a, 0xFF, 7), measure(&mut a, 1, 0x0F, 7)];
    let file = evidence(&[&vca, &signed]);
    let known = report(&file, &a, |verifier| verifier.peer_key = Some(key));
    assert!(known.verified());
    let named = report(&file, &a, |verifier| {
        verifier.peer_key = Some(key);
        verifier.san = SanPolicy::Dmtf { pattern: "ACME:*:*" };
    });
    assert!(!named.verified());
    assert_eq!(named.error().unwrap().kind, ReportErrorKind::Required);
}

#[test]
fn a_public_key_that_is_revoked_is_not_trusted() {
    let mut a = device(1, |config| config.provisioning = KeyProvisioning::PublicKey);
    let key = a.algorithms().next().and_then(|asym| a.public_key_spki(asym)).unwrap();
    let key: &'static [u8] = key.leak();
    let vca = negotiation(&mut a);
    let signed = [challenge(&mut a, 0xFF, 7), measure(&mut a, 1, 0x0F, 7)];
    let file = evidence(&[&vca, &signed]);
    let hash = HashAlgorithm::Sha256;
    let judge = |revoked: &[u8]| {
        let digest = PROVIDER.hash.digest(hash, &[revoked]).unwrap().as_bytes().to_vec().leak();
        let revocations: &'static [Revocation<'_>] = vec![Revocation::Key { hash, digest }].leak();
        report(&file, &a, |verifier| {
            verifier.peer_key = Some(key);
            verifier.revocations = Revocations::new(revocations);
        })
    };
    assert!(judge(b"another").verified());
    let refused = judge(key);
    assert!(!refused.verified());
    assert_eq!(refused.exit_class(), ExitClass::Rejected);
    assert_eq!(refused.error().unwrap().kind, ReportErrorKind::Chain);
    assert_eq!(refused.status(AttestationCheck::ChainCertificates), CheckStatus::Fail);
    // The signatures are the key's all the same.
    assert_eq!(refused.status(AttestationCheck::ChallengeSignature), CheckStatus::Pass);
    assert_eq!(refused.status(AttestationCheck::MeasurementsSignature), CheckStatus::Pass);
}

/// That the recorded request is none is no fault of the device: it is named as what the caller handed in.
#[test]
fn a_recorded_request_that_is_cut_off() {
    let mut a = device(1, |_| ());
    let vca = negotiation(&mut a);
    let mut cut = challenge(&mut a, 0, 7);
    cut.request.truncate(20);
    let report = report(&evidence(&[&vca, &[cut]]), &a, |_| ());
    assert!(!report.verified());
    let error = report.error().unwrap();
    assert_eq!((error.kind, report.exit_class()), (ReportErrorKind::Request, ExitClass::Usage));
    assert_eq!((error.field.as_deref(), error.offset), (Some("CHALLENGE.Nonce"), Some(4)));
}

#[test]
fn digests_of_another_chain_fail_the_chain_digest() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let vca = negotiation(&mut a);
    negotiation(&mut b);
    let attached = structure(&chain(&mut a));
    let signed = [measure(&mut a, 1, 0, 7)];
    let mut file = evidence(&[&vca, &signed, &chain(&mut b)]);
    file.attach_chain(SlotId::ZERO, &attached);
    let report = report(&file, &a, |_| ());
    assert!(!report.verified());
    assert_eq!(report.status(AttestationCheck::ChainDigest), CheckStatus::Fail);
}

#[test]
fn only_the_measurements_of_the_expected_nonce_are_shown() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let signed = [measure(&mut a, 2, 0, 7), measure(&mut a, 1, 0, 8)];
    let file = evidence(&[&vca, &chain, &signed]);
    for (nonce, shown) in [(None, &[2, 1][..]), (Some(RequesterNonce([8; 32])), &[1])] {
        let report = report(&file, &a, |verifier| verifier.nonce = nonce);
        assert!(report.verified());
        assert_eq!(report.nonces().measurements.as_deref(), Some("08".repeat(32).as_str()));
        assert_eq!(indices(&report), shown);
    }
}

#[test]
fn an_attached_chain_has_the_model_that_the_device_announced() {
    let flags = CapabilityFlags::CERT_CAP
        | CapabilityFlags::CHAL_CAP
        | CapabilityFlags::MEAS_CAP_SIG
        | CapabilityFlags::ALIAS_CERT_CAP;
    let mut a = device(1, |config| config.capabilities = Some(flags));
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let signed = [measure(&mut a, 1, 0, 7)];
    let strict = |verifier: &mut Verifier<'_>| {
        verifier.profile = Profile { hardware_identity: Demand::Always, ..Profile::STRICT };
    };
    let fetched = report(&evidence(&[&vca, &chain, &signed]), &a, strict);
    let mut file = evidence(&[&vca, &signed]);
    file.attach_chain(SlotId::ZERO, &structure(&chain));
    let attached = report(&file, &a, strict);
    for report in [fetched, attached] {
        assert_eq!(report.status(AttestationCheck::LeafProfile), CheckStatus::Fail);
    }
}

#[test]
fn a_signed_nonce_of_an_untrusted_key_is_not_fresh() {
    let (a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, chain) = (negotiation(&mut b), chain(&mut b));
    let signed = [measure(&mut b, 1, 0, 7)];
    let file = evidence(&[&vca, &chain, &signed]);
    let report = report(&file, &a, |verifier| verifier.nonce = Some(NONCE));
    assert_eq!((report.verified(), report.fresh()), (false, Some(false)));
}

#[test]
fn a_target_cannot_steer_a_terminal() {
    let mut a = device(1, |_| ());
    let mut file = evidence(&[&negotiation(&mut a)]);
    file.target = "x\u{1b}[2K\r\n\u{202e}\u{61c}\u{2066}\u{9b}VERIFIED C:\\é".to_owned();
    let report = report(&file, &a, |_| ());
    assert_eq!(report.target(), r"x\u{1b}[2K\r\n\u{202e}\u{61c}\u{2066}\u{9b}VERIFIED C:\é");
}

#[test]
fn a_final_answer_is_no_interim_one() {
    let mut a = device(1, |_| ());
    let mut exchanges = negotiation(&mut a);
    exchanges[2].interim.push(vec![0x12, 0x7F, 1, 0]);
    let file = evidence(&[&exchanges]).to_json().unwrap();
    let error = Evidence::read(file.as_bytes(), &ReadOptions::default()).unwrap_err();
    assert_eq!(error, spdm_evidence::Error::Interim);
}

#[test]
fn a_signature_over_no_measurement_is_no_signature_of_measurements() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let count = [measure(&mut a, 0, 0, 7)];
    let file = evidence(&[&vca, &chain, &count]);
    let report = report(&file, &a, |verifier| verifier.nonce = Some(NONCE));
    // It does prove who signed.
    assert_eq!((report.verified(), report.fresh()), (true, Some(true)));
    for check in [AttestationCheck::MeasurementsFormat, AttestationCheck::MeasurementsSignature] {
        let result = report.checks().iter().find(|result| result.check == check).unwrap();
        let expected = (CheckStatus::Skipped, "no measurement was signed");
        assert_eq!((result.status, result.detail.as_str()), expected);
    }
}

#[test]
fn a_wrong_signature_of_another_slot_is_not_counted_as_one_of_this_slot() {
    let slots = [0, 1].map(|slot| SlotId::new(slot).unwrap());
    let mut a = device(1, |config| config.slots = slots.to_vec());
    let (vca, chains) = (negotiation(&mut a), [chain_of(&mut a, 0), chain_of(&mut a, 1)].concat());
    let genuine = measure(&mut a, 1, 0, 7);
    let mut forged = measure(&mut a, 1, 1, 8);
    *forged.response.as_mut().unwrap().last_mut().unwrap() ^= 1;
    let reports = reports(&evidence(&[&vca, &chains, &[genuine, forged]]), &a, |_| ());
    let signature = |report: &Report| report.status(AttestationCheck::MeasurementsSignature);
    assert_eq!((reports[0].slot(), signature(&reports[0])), (Some(0), CheckStatus::Pass));
    assert_eq!((reports[1].slot(), signature(&reports[1])), (Some(1), CheckStatus::Fail));
    assert!(reports.iter().all(|report| !report.verified()));
    let error = reports[0].error().unwrap();
    assert_eq!(error.kind, ReportErrorKind::Signature);
    assert!(error.message.starts_with("slot 1: "), "{}", error.message);
}

#[test]
fn the_chain_that_was_fetched_last_is_tried_first() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, _) = (negotiation(&mut a), negotiation(&mut b));
    let mut file = evidence(&[&vca, &chain(&mut b)]);
    file.recordings.extend(evidence(&[&vca, &chain(&mut a)]).recordings);
    negotiation(&mut a);
    let remembered = [challenge(&mut a, 0, 7), measure(&mut a, 1, 0, 8)];
    file.recordings.extend(evidence(&[&vca, &remembered]).recordings);
    let verdicts: Vec<_> = reports(&file, &a, |_| ()).iter().map(Report::verified).collect();
    assert_eq!(verdicts, [false, false, true]);
}

#[test]
fn cert_chain_hash_names_the_remembered_chain() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, _) = (negotiation(&mut a), negotiation(&mut b));
    let mut file = evidence(&[&vca, &chain(&mut a)]);
    file.recordings.extend(evidence(&[&vca, &chain(&mut b)]).recordings);
    negotiation(&mut a);
    file.recordings.extend(evidence(&[&vca, &[challenge(&mut a, 0, 7)]]).recordings);
    assert!(reports(&file, &a, |_| ())[2].verified());
}

#[test]
fn a_given_chain_replaces_the_files() {
    let (mut a, mut b) = (device(1, |_| ()), device(2, |_| ()));
    let (vca, _) = (negotiation(&mut a), negotiation(&mut b));
    let [of_a, of_b] = [&mut a, &mut b].map(|device| structure(&chain(device)));
    let mut file = evidence(&[&vca, &[measure(&mut a, 1, 0, 7)]]);
    file.attach_chain(SlotId::ZERO, &of_b);
    assert!(!report(&file, &a, |_| ()).verified());
    file.attach_chain(SlotId::ZERO, &of_a);
    assert!(report(&file, &a, |_| ()).verified());
    assert_eq!(file.chains.len(), 1);
}

/// Each signed MEASUREMENTS of a connection counts, not only the one that is shown.
#[test]
fn several_signed_measurements_are_all_judged() {
    // The first answer states another value, and is signed.
    let change = Act::Change(Edit::Flip(Position::Offset(20), 1));
    let mut a = device(1, |config| {
        config.script = vec![ScriptStep::new(Code::GET_MEASUREMENTS, When::Nth(0), change)];
    });
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let old = measure(&mut a, 1, 0, 7);
    let (new, other) = (measure(&mut a, 1, 0, 8), measure(&mut a, 2, 0, 9));
    let value = |exchange: &RecordedExchange| {
        let alone = evidence(&[&vca, &chain, core::slice::from_ref(exchange)]);
        report(&alone, &a, |_| ()).measurements()[0].clone()
    };
    let wanted = hex::encode(&value(&new).value);
    let expected = format!(r#"{{"measurements":[{{"index":1,"value":"{wanted}"}}]}}"#);
    let expected: &Reference<'_> =
        Box::leak(Box::new(Reference::read(expected.as_bytes()).unwrap()));
    let all = [old.clone(), new.clone(), other.clone()];
    let both = report(&evidence(&[&vca, &chain, &all]), &a, |_| ());
    assert!(both.verified());
    assert_eq!(both.measurements(), [value(&old), value(&new), value(&other)]);
    let notes: Vec<_> = both.notes().iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "measurement 1 has another value in a later signed MEASUREMENTS",
            "3 signed MEASUREMENTS were verified, and all of them were judged"
        ]
    );
    // One that does not fit hides neither behind a later one nor behind the expected nonce.
    for all in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        for nonce in [None, Some(RequesterNonce([8; 32]))] {
            let file = evidence(&[&vca, &chain, &all]);
            let report = report(&file, &a, |verifier| {
                verifier.reference = Some(expected);
                verifier.nonce = nonce;
            });
            assert_eq!(report.error().unwrap().kind, ReportErrorKind::Reference, "{nonce:?}");
        }
    }
    // What is not fresh is not shown as if it were.
    let file = evidence(&[&vca, &chain, &all]);
    let fresh = report(&file, &a, |verifier| verifier.nonce = Some(RequesterNonce([8; 32])));
    assert_eq!((fresh.verified(), fresh.measurements()), (true, &[value(&new)][..]));
}
