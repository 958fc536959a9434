//! A check in a report. Which checks there are, [`AttestationCheck`] says.

use serde::{Serialize, Serializer};
use spdm_requester::{AttestationCheck, CheckStatus};

/// A check and how it ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct CheckResult {
    /// Which check.
    #[serde(serialize_with = "name")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "names"))]
    pub check: AttestationCheck,
    /// How it ended.
    #[serde(with = "StatusWord")]
    pub status: CheckStatus,
    /// What was found, or why it was not made.
    pub detail: String,
}

fn name<S: Serializer>(check: &AttestationCheck, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.name())
}

/// Every name.
#[cfg(feature = "schema")]
fn names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let checks = AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL);
    let names: Vec<&str> = checks.map(AttestationCheck::name).collect();
    schemars::json_schema!({ "type": "string", "enum": names })
}

/// How a check ended.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "CheckStatus"))]
#[serde(remote = "CheckStatus", rename_all = "lowercase")]
enum StatusWord {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It was not made: it was not asked for, or what it needs is missing.
    Skipped,
}
