//! The measurements, and the summary hash that was signed before them.

use serde::Serializer;
use spdm_codec::{
    MeasurementAttributes, MeasurementOperation, MeasurementRecord, MeasurementSummary,
};
use spdm_crypto::{Digest, HashAlgorithm, Provider};
use spdm_requester::{SummaryAgreement, SummaryHash};

/// What `MeasurementSummaryHash` over all measurements would be, going by the answer to a GET_MEASUREMENTS.
/// `None` where the answer does not tell: others were asked for, or in another form, or they are not in the
/// order of their indices.
#[must_use]
pub fn summary_of(
    operation: MeasurementOperation,
    attributes: MeasurementAttributes,
    record: &MeasurementRecord<'_>,
    hash: HashAlgorithm,
    provider: &Provider,
) -> Option<Digest> {
    let comparable = operation == MeasurementOperation::All
        && !attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED)
        && record.iter().is_sorted_by_key(|block| block.index);
    comparable.then(|| provider.hash.digest(hash, &[record.as_bytes()]).ok()).flatten()
}

/// Compares what was signed with what was measured.
pub(super) fn agreement(
    signed: Option<&SummaryHash>,
    measured: Option<&Digest>,
) -> SummaryAgreement {
    match (signed, measured) {
        (None, _) => SummaryAgreement::NotAsked,
        (Some(signed), Some(measured)) if signed.covers == MeasurementSummary::All => {
            match signed.digest == *measured {
                true => SummaryAgreement::Agrees,
                false => SummaryAgreement::Differs,
            }
        }
        (Some(_), _) => SummaryAgreement::NotKnown,
    }
}

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
