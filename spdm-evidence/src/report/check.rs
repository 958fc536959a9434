//! A check in a report. Which checks there are, [`AttestationCheck`] says.

use serde::{Serialize, Serializer};
use spdm_requester::{AttestationCheck, CheckStatus};

/// A check and how it ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// Which check.
    #[serde(serialize_with = "name")]
    pub check: AttestationCheck,
    /// How it ended.
    #[serde(serialize_with = "word")]
    pub status: CheckStatus,
    /// What was found, or why it was not made.
    pub detail: String,
}

fn name<S: Serializer>(check: &AttestationCheck, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.name())
}

fn word<S: Serializer>(status: &CheckStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail => "fail",
        CheckStatus::Skipped => "skipped",
    })
}
