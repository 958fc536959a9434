//! The word for what a summary hash says of the measurements.

use serde::Serializer;
use spdm_requester::SummaryAgreement;

/// The word in reports.
pub(super) fn word<S: Serializer>(
    agreement: &SummaryAgreement,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match agreement {
        SummaryAgreement::NotAsked => "not_asked",
        SummaryAgreement::Agrees => "agrees",
        SummaryAgreement::Differs => "differs",
        _ => "not_known",
    })
}
