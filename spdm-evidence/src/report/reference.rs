//! Reference values in a report.

use serde::Serialize;

use crate::reference::{Reference, ReferenceFile, ReferenceFormat, ReferenceVerdict};

/// The files of reference values, and what they say of the measurements.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ReferenceSummary {
    /// The files, in the order in which they were named.
    pub files: Vec<ReferenceFileSummary>,
    /// What they say of the measurements, all together.
    pub verdict: ReferenceVerdict,
}

/// A file of reference values.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ReferenceFileSummary {
    /// Its name.
    pub name: String,
    /// Its format.
    pub format: ReferenceFormat,
    /// Who signed it, as it says itself, where the signature is that of somebody who is trusted; null where nobody did.
    pub signer: Option<String>,
    /// Whether it counts: false where its signature, its signer or its validity does not hold. A file that nobody signed
    /// counts where no signer is asked for.
    pub valid: bool,
    /// How many reference states are in it.
    pub states: u32,
    /// How much is in it that is no reference value, and was not looked into.
    pub ignored: u32,
    /// The group of the rule that a file breaks which does not count.
    #[serde(skip)]
    pub(crate) clause: Option<&'static str>,
}

impl ReferenceFileSummary {
    fn of(file: &ReferenceFile<'_>) -> Self {
        Self {
            name: file.name().to_owned(),
            format: file.format(),
            signer: file.signer().map(|(signer, _)| signer),
            valid: file.refusal().is_none(),
            states: file.state_count(),
            ignored: file.ignored(),
            clause: file.refusal().map(|refusal| refusal.clause),
        }
    }

    /// The group of the broken rule, where the file does not count: [`spdm_appraisal::Error::clause`].
    #[must_use]
    pub const fn clause(&self) -> Option<&'static str> {
        self.clause
    }
}

impl ReferenceSummary {
    /// Of these files, before anything is compared.
    pub(super) fn of(reference: &Reference<'_>) -> Self {
        let files = reference.files.iter().map(ReferenceFileSummary::of).collect();
        Self { files, verdict: ReferenceVerdict::NotCompared }
    }
}
