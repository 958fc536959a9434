//! Which nonce a signature has to cover, and what a report says of it.

use spdm_codec::RequesterNonce;
use spdm_evidence::{
    AttestationCheck, CheckStatus, ExitClass, RecordedExchange, Reference, Report, ReportErrorKind,
};
use spdm_x509::SanPolicy;

use crate::forged::{
    chain, challenge, device, evidence, exchange, judged, measure, negotiation, report,
};

/// How a check ended, and what the report says of it.
fn row(report: &Report, check: AttestationCheck) -> (CheckStatus, &str) {
    let row = report.checks().iter().find(|row| row.check == check).unwrap();
    (row.status, &row.detail)
}

const COVERED: (CheckStatus, &str) = (CheckStatus::Pass, "the signature covers the expected nonce");
const NOT_COMPARED: (CheckStatus, &str) =
    (CheckStatus::Skipped, "no nonce is given to compare with");

#[test]
fn evidence_that_names_a_nonce_is_signed_over_it() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let signed = [measure(&mut a, 1, 0, 7)];
    let unsigned = [exchange(&mut a, vec![0x12, 0xE0, 0, 1])];
    let claimed = |measured: &[RecordedExchange], nonce: u8| {
        let mut file = evidence(&[&vca, &chain, measured]);
        file.recordings[0].claimed_nonce = Some(RequesterNonce([nonce; 32]));
        judged(&file, &a, |_| ()).remove(0)
    };
    // Nothing signs what the file says: that it is right proves nothing.
    let right = claimed(&signed, 7);
    assert!(right.verified(), "{:?}", right.error());
    assert_eq!(row(&right, AttestationCheck::MeasurementsNonce), NOT_COMPARED);

    let wrong = claimed(&signed, 8);
    let detail = "the signed nonce is not the one that the evidence names";
    assert!(!wrong.verified());
    assert_eq!(row(&wrong, AttestationCheck::MeasurementsNonce), (CheckStatus::Fail, detail));
    let error = wrong.error().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Nonce, detail));
    assert_eq!(wrong.exit_class(), ExitClass::Rejected);

    let nothing = claimed(&unsigned, 8);
    assert_eq!(nothing.error().unwrap().kind, ReportErrorKind::Unproven);
}

#[test]
fn the_expected_nonce_is_that_of_one_request() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let challenged = [challenge(&mut a, 0, 5)];
    let measured = [measure(&mut a, 1, 0, 7)];
    let expects = |parts: &[&[RecordedExchange]], nonce: u8| {
        let parts = [&[&vca[..], &chain], parts].concat();
        report(&evidence(&parts), &a, |verifier| {
            verifier.nonce = Some(RequesterNonce([nonce; 32]));
        })
    };
    let of_measurements = (CheckStatus::Skipped, "the given nonce is that of GET_MEASUREMENTS");
    let both = expects(&[&challenged, &measured], 7);
    assert_eq!((both.verified(), both.fresh()), (true, Some(true)));
    assert_eq!(row(&both, AttestationCheck::ChallengeNonce), of_measurements);
    assert_eq!(row(&both, AttestationCheck::MeasurementsNonce), COVERED);

    let other = expects(&[&challenged, &measured], 5);
    assert_eq!((other.verified(), other.fresh()), (false, Some(false)));
    assert_eq!(other.error().unwrap().kind, ReportErrorKind::Nonce);

    let alone = expects(&[&challenged], 5);
    assert_eq!((alone.verified(), alone.fresh()), (true, Some(true)));
    assert_eq!(row(&alone, AttestationCheck::ChallengeNonce), COVERED);

    let alone = expects(&[&measured], 7);
    assert_eq!((alone.verified(), alone.fresh()), (true, Some(true)));
    assert_ne!(row(&alone, AttestationCheck::ChallengeNonce), of_measurements);
}

#[test]
fn a_signature_over_the_number_of_measurements_alone_covers_none() {
    let mut a = device(1, |_| ());
    let (vca, chain) = (negotiation(&mut a), chain(&mut a));
    let file = evidence(&[&vca, &chain, &[measure(&mut a, 0, 0, 7)]]);
    let counted = report(&file, &a, |_| ());
    let none = (CheckStatus::Skipped, "no measurement was signed");
    assert_eq!(row(&counted, AttestationCheck::MeasurementsFormat), none);
}

#[test]
fn a_name_that_the_leaf_carries_is_said_to_be_carried() {
    let mut a = device(1, |_| ());
    let file = evidence(&[&negotiation(&mut a), &chain(&mut a), &[challenge(&mut a, 0, 7)]]);
    let named = report(&file, &a, |verifier| {
        verifier.san = SanPolicy::Dmtf { pattern: "*:*:*" };
    });
    let carried = (CheckStatus::Pass, "the leaf carries the name that is asked for");
    assert_eq!(row(&named, AttestationCheck::LeafSan), carried);
}

#[test]
fn references_say_why_there_is_nothing_to_compare() {
    let mut a = device(1, |_| ());
    let file = evidence(&[&negotiation(&mut a), &[measure(&mut a, 1, 0, 7)]]);
    let expected = r#"{"measurements":[{"index":1,"value":"00"}]}"#;
    let expected: &Reference<'_> =
        Box::leak(Box::new(Reference::read(expected.as_bytes()).unwrap()));
    let compared = report(&file, &a, |verifier| verifier.reference = Some(expected));
    let why = "signed, not checked: no usable certificate chain of this slot";
    let why = (CheckStatus::Skipped, why);
    assert_eq!(row(&compared, AttestationCheck::MeasurementsReference), why);
}
