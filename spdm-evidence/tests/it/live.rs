//! The report on a live attestation, which its observer writes.

use spdm_codec::{MeasurementSummary, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::Fault;
use spdm_evidence::{
    AttestationCheck, CheckStatus, ExitClass, Freshness, NegotiationCover, Recorder, Report,
    ReportBuilder, ReportErrorKind,
};
use spdm_requester::{
    AttestationPlan, Connection, Error, Observation, Observer as _, Requester, Requirement,
    Selection, SignedParts, Storage, Verified, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Policy, ValidityCheck};

use crate::forged::device;
use crate::recorder::{NOW, Waiting, Wire, filed, verify, wire};

/// Attests under the device's own root, or another one, and tells the report of it. `see` gets what is verified.
pub(crate) fn attest(
    wire: &mut Wire,
    roots: &[Vec<u8>],
    recorder: &mut Recorder,
    report: &mut ReportBuilder,
    see: impl FnOnce(&Verified<'_>),
) {
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let mut plan = AttestationPlan::new(&policy);
    plan.summary = MeasurementSummary::All;
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 2>::new());
    let (mut chain, mut record) = (vec![0; 0x2000], vec![0; 0x1000]);
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, wire.limits()).with_sink(recorder);
    let flow = requester.attest(plan, &mut chain, &mut record).observed_by(report);
    if let Ok((_, attested)) = blocking::run(flow, wire, &Waiting::default()) {
        see(&attested.verified);
    }
}

/// The report on a live attestation, and the one on its record.
fn both(version: SpdmVersion, faults: Vec<Fault>, roots: Option<Vec<Vec<u8>>>) -> [Report; 2] {
    let mut wire = wire(version, faults, 0);
    let mut recorder = Recorder::new(0);
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let roots = roots.unwrap_or_else(|| wire.device.trust_anchors());
    attest(&mut wire, &roots, &mut recorder, &mut report, |_| ());
    let recorded = verify(&wire, &filed(&recorder.into_evidence("here")), None).remove(0);
    [report.build(), recorded]
}

/// Who reads the record later sees what was seen live, but for the nonces: only the Requester knows that they are its own.
#[test]
fn a_live_report_is_that_of_the_record() {
    for version in SpdmVersion::ALL {
        let [live, recorded] = both(version, Vec::new(), None);
        assert!(live.verified(), "{version} {:?}", live.error());
        assert_eq!((live.fresh(), recorded.fresh()), (Some(true), None));
        for (live, recorded) in live.checks().iter().zip(recorded.checks()) {
            match live.check {
                AttestationCheck::ChallengeNonce | AttestationCheck::MeasurementsNonce => {
                    let statuses = (live.status, recorded.status);
                    assert_eq!(statuses, (CheckStatus::Pass, CheckStatus::Skipped));
                }
                _ => assert_eq!(live, recorded, "{version}"),
            }
        }
        assert_eq!(live.basis(), recorded.basis());
        assert_eq!(live.basis().unwrap().negotiation, NegotiationCover::Signed);
        assert_eq!(live.version(), Some(version.as_str()));
        assert_eq!(live.algorithms(), recorded.algorithms());
        assert_eq!((live.slot(), recorded.slot()), (Some(0), Some(0)));
        assert_eq!(live.nonces(), recorded.nonces());
        assert_eq!(live.identity(), recorded.identity());
        assert_eq!(live.leaf_sha256(), recorded.leaf_sha256());
        assert_eq!(live.measurements(), recorded.measurements());
        assert_eq!(live.content_changed(), recorded.content_changed());
        assert_eq!(live.content_changed().is_some(), version >= SpdmVersion::V1_2);
        assert_eq!(live.measurement_summary(), recorded.measurement_summary());
        assert_eq!((live.error(), live.notes()), (None, recorded.notes()));
    }
}

/// What a person reads of each check.
#[test]
fn every_check_in_words() {
    let [live, _] = both(SpdmVersion::V1_2, Vec::new(), None);
    let rows = live.checks().iter().map(|row| (row.check.name(), row.status, row.detail.as_str()));
    let signed = "signed by the device's key";
    let nonce = "the signature covers the expected nonce";
    let expected = [
        ("chain.format", CheckStatus::Pass, "3 certificates"),
        ("chain.digest", CheckStatus::Pass, "DIGESTS states the hash of the chain"),
        ("chain.root", CheckStatus::Pass, "RootHash is that of a root certificate"),
        (
            "chain.certificates",
            CheckStatus::Pass,
            "names, validity and authority hold down to the leaf",
        ),
        ("chain.signatures", CheckStatus::Pass, "every certificate is signed by the one above"),
        ("chain.anchor", CheckStatus::Pass, "the root is a trust anchor"),
        ("leaf.profile", CheckStatus::Pass, "the leaf is as the profile demands"),
        ("leaf.san", CheckStatus::Skipped, "no name is asked for"),
        ("challenge.nonce", CheckStatus::Pass, nonce),
        ("challenge.chain_hash", CheckStatus::Pass, "CertChainHash is that of the device's key"),
        ("challenge.signature", CheckStatus::Pass, signed),
        ("measurements.format", CheckStatus::Pass, "every block is well formed"),
        ("measurements.nonce", CheckStatus::Pass, nonce),
        ("measurements.signature", CheckStatus::Pass, signed),
        ("measurements.reference", CheckStatus::Skipped, "no reference values are given"),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

/// What fails is told in the same words, and the nonce that was asked with is shown.
#[test]
fn a_live_failure_is_that_of_the_record() {
    let version = SpdmVersion::V1_2;
    let [live, recorded] = both(version, vec![Fault::BadSignature], None);
    assert_eq!(live.error().unwrap().kind, ReportErrorKind::Signature);
    assert_eq!(live.error(), recorded.error());
    assert_eq!(live.nonces(), recorded.nonces());
    assert!(live.nonces().challenge.is_some());
    let check = AttestationCheck::ChallengeSignature;
    assert_eq!(
        (live.status(check), recorded.status(check)),
        (CheckStatus::Fail, CheckStatus::Fail)
    );
    // Nobody trusts its root: live it ends there.
    let [live, _] = both(version, Vec::new(), Some(Vec::new()));
    assert_eq!(live.error().unwrap().kind, ReportErrorKind::Chain);
    assert_eq!(live.status(AttestationCheck::ChainAnchor), CheckStatus::Fail);
    assert!(live.nonces().challenge.is_none());
}

/// What a device does wrong: what it is called, the exit code, and the field and its place in the message.
#[test]
fn what_the_device_did_wrong_is_named() {
    for (fault, kind, class, field, offset) in [
        (
            Fault::VersionCountPastEnd,
            ReportErrorKind::Decode,
            ExitClass::Protocol,
            Some("VERSION.VersionNumberEntry"),
            Some(6),
        ),
        (
            Fault::AlgorithmNotOffered,
            ReportErrorKind::Protocol,
            ExitClass::Protocol,
            Some("ALGORITHMS.BaseAsymSel"),
            None,
        ),
        (Fault::UnknownErrorCode, ReportErrorKind::Refused, ExitClass::Rejected, None, None),
        (Fault::AlwaysBusy, ReportErrorKind::Limit, ExitClass::Transport, None, None),
    ] {
        let [live, _] = both(SpdmVersion::V1_2, vec![fault], None);
        assert!(!live.verified());
        let error = live.error().unwrap();
        assert_eq!((error.kind, live.exit_class()), (kind, class), "{error:?}");
        assert_eq!((error.field.as_deref(), error.offset), (field, offset), "{error:?}");
    }
}

/// Of a message that came, but not as it must be, no check says that it is missing.
#[test]
fn what_is_said_of_the_other_checks_of_a_malformed_message() {
    let [live, _] = both(SpdmVersion::V1_2, vec![Fault::WrongChainHash], None);
    let row = |check| live.checks().iter().find(|row| row.check == check).unwrap();
    let nonce = row(AttestationCheck::ChallengeNonce);
    assert_eq!(nonce.detail, "CHALLENGE_AUTH is not as it must be");
    assert_eq!(row(AttestationCheck::ChallengeChainHash).status, CheckStatus::Fail);
}

/// One signature over a nonce of our own is fresh, whatever else was not asked for.
#[test]
fn a_live_report_is_fresh_with_any_signature() {
    for requirement in [Requirement::Challenge, Requirement::Measurements] {
        let mut wire = wire(SpdmVersion::V1_2, Vec::new(), 0);
        let roots = wire.device.trust_anchors();
        let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        let mut plan = AttestationPlan::new(&policy);
        plan.requirement = requirement;
        let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 2>::new());
        let (mut chain, mut record) = (vec![0; 0x2000], vec![0; 0x1000]);
        let mut connection = Connection::default();
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let requester = Requester::new(PROVIDER, storage, wire.limits());
        let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
        let flow = requester.attest(plan, &mut chain, &mut record).observed_by(&mut report);
        blocking::run(flow, &mut wire, &Waiting::default()).unwrap();
        assert_eq!(report.build().fresh(), Some(true), "{requirement:?}");
    }
}

/// A signature over how many measurements there are covers none of them.
#[test]
fn a_live_report_on_the_number_of_measurements() {
    let mut wire = wire(SpdmVersion::V1_2, Vec::new(), 0);
    let roots = wire.device.trust_anchors();
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let mut plan = AttestationPlan::new(&policy);
    plan.selection = Selection::Count;
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 2>::new());
    let (mut chain, mut record) = (vec![0; 0x2000], vec![0; 0x1000]);
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, wire.limits());
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let flow = requester.attest(plan, &mut chain, &mut record).observed_by(&mut report);
    blocking::run(flow, &mut wire, &Waiting::default()).unwrap();
    let report = report.build();
    let row = report.checks().iter().find(|row| row.check == AttestationCheck::MeasurementsFormat);
    let row = row.unwrap();
    let none = (CheckStatus::Skipped, "no measurement was signed");
    assert_eq!((row.status, row.detail.as_str()), none, "{:?}", report.error());
}

/// What a plan requires is required of the report, whether or not the attestation comes that far.
#[test]
fn a_plan_demands_its_signatures() {
    let policy = Policy::new(&PROVIDER, &[], ValidityCheck::At(NOW));
    let challenge = "challenge.signature is required: no CHALLENGE_AUTH";
    let measurements = "measurements.signature is required: no signed MEASUREMENTS";
    for (requirement, signed, kind, message) in [
        (
            Requirement::ChallengeAndMeasurements,
            SignedParts::AsRequired,
            ReportErrorKind::Required,
            challenge,
        ),
        (Requirement::Challenge, SignedParts::AsRequired, ReportErrorKind::Required, challenge),
        (
            Requirement::Measurements,
            SignedParts::AsRequired,
            ReportErrorKind::Required,
            measurements,
        ),
        (
            Requirement::ChallengeAndMeasurements,
            SignedParts::Nothing,
            ReportErrorKind::Unproven,
            "no signature of the device could be verified: not asked for",
        ),
    ] {
        let mut plan = AttestationPlan::new(&policy);
        plan.requirement = requirement;
        let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
        report.observe(&Observation::Begun { plan: &plan, signed });
        let report = report.build();
        let error = report.error().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (kind, message), "{requirement:?}");
    }
}

/// A report shows one device: that another one is verified, too, does not make this one verified.
#[test]
fn a_report_on_two_devices_is_not_verified() {
    let attest = |wire: &mut Wire, report: &mut ReportBuilder, see: &dyn Fn(&Verified<'_>)| {
        let roots = wire.device.trust_anchors();
        attest(wire, &roots, &mut Recorder::new(0), report, see);
    };
    let new = || ReportBuilder::new("here", Freshness::Own, &PROVIDER);

    let [mut own, mut other] = [1, 2].map(|seed| Wire::of(device(seed, |_| ())));
    let mut report = new();
    attest(&mut own, &mut report, &|_| ());
    assert!(report.clone().build().verified());
    let report = core::cell::RefCell::new(report);
    attest(&mut other, &mut new(), &|verified| {
        report.borrow_mut().verified(verified);
    });
    let report = report.into_inner().build();
    assert!(!report.verified());
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Identity);
    assert_eq!(report.status(AttestationCheck::ChallengeChainHash), CheckStatus::Fail);
}

/// Of two errors that are equally grave the first is shown.
#[test]
fn the_first_of_equal_errors_is_shown() {
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    report.failed(&Error::Signature { message: "CHALLENGE_AUTH" });
    report.failed(&Error::IdentityMismatch);
    assert_eq!(report.build().error().unwrap().kind, ReportErrorKind::Signature);
}
