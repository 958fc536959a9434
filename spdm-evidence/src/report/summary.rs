//! The word for what a summary hash says of the measurements.

use serde::{Serialize, Serializer};
use spdm_requester::SummaryAgreement;

/// What MeasurementSummaryHash says of the signed measurements.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SummaryAgreement"))]
#[serde(rename_all = "snake_case")]
pub(super) enum SummaryWord {
    /// There is none.
    NotAsked,
    /// It covers other measurements, or another form of them.
    NotKnown,
    /// It is the hash of the signed measurements.
    Agrees,
    /// It is another one.
    Differs,
}

impl From<SummaryAgreement> for SummaryWord {
    fn from(agreement: SummaryAgreement) -> Self {
        match agreement {
            SummaryAgreement::NotAsked => Self::NotAsked,
            SummaryAgreement::Agrees => Self::Agrees,
            SummaryAgreement::Differs => Self::Differs,
            _ => Self::NotKnown,
        }
    }
}

/// Writes the word.
pub(super) fn word<S: Serializer>(
    agreement: &SummaryAgreement,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    SummaryWord::from(*agreement).serialize(serializer)
}
