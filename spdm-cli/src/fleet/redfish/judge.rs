//! The verdict over what a service brought: as `spdm verify --nonce HEX --require measurements` judges it.

use spdm_codec::RequesterNonce;
use spdm_evidence::{Evidence, Format, Proof, ReadOptions};
use spdm_fleet::redfish::MeasurementRequest;
use spdm_fleet::{Fault, Finding, OutcomeKind, Reason, Target, WantedMeasurements, covers};

use crate::args::ConnectionArgs;
use crate::attest::Round;
use crate::exit::Failure;
use crate::fleet::offline_judge;
use crate::trust::LeafName;
use crate::verdict::Verdict;

/// What evidence comes to.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Judged {
    /// A verdict.
    Reported(Verdict),
    /// It is no evidence, or not of what was asked for.
    Broken(Finding),
}

/// Judges the evidence of one item. Its nonce must be ours.
pub(super) fn judge(
    round: &Round<'_>,
    name: &LeafName,
    connection: &ConnectionArgs,
    document: &[u8],
    nonce: RequesterNonce,
    request: &MeasurementRequest,
    target: &Target,
) -> Result<Judged, Failure> {
    let read = ReadOptions { format: Some(Format::Redfish), ..ReadOptions::default() };
    let mut evidence = match Evidence::read(document, &read) {
        Ok(evidence) => evidence,
        Err(error) => return Ok(broken(format!("the service brought no evidence: {error}"))),
    };
    evidence.target.clone_from(&target.target);
    let [recording] = &evidence.recordings[..] else {
        let count = evidence.recordings.len();
        return Ok(broken(format!("the service brought evidence of {count} connections")));
    };
    let required = [Proof::Measurements];
    let mut reports = offline_judge::verify(round, name, connection, &required, nonce, &evidence)?;
    let (Some(report), true) = (reports.pop(), reports.is_empty()) else {
        return Ok(broken("the service brought signatures of several slots".to_owned()));
    };
    let wanted = request.indices.clone();
    let wanted = wanted.map_or(WantedMeasurements::All, WantedMeasurements::Indices);
    if report.verified() && !covers(recording, &wanted, &nonce) {
        return Ok(broken(
            "the service asked the device for other measurements than it was told to".to_owned(),
        ));
    }
    Ok(Judged::Reported(Verdict::new(report)))
}

fn broken(detail: String) -> Judged {
    let reason = Reason { check: "redfish".to_owned(), index: None, detail };
    let (kind, fault) = (OutcomeKind::DeviceError, Fault::Transport);
    Judged::Broken(Finding { kind, fault, reason: Some(reason), passing: false })
}
