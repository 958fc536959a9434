//! The word for what a device says of changes while it was measured.

use serde::{Serialize, Serializer};
use spdm_codec::ContentChanged;

/// Whether measurements changed while they were read.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ContentChanged"))]
#[serde(rename_all = "snake_case")]
pub(super) enum ContentChangedWord {
    /// The device does not look for changes.
    NotDetected,
    /// Some did.
    Changed,
    /// None did.
    Unchanged,
}

impl From<ContentChanged> for ContentChangedWord {
    fn from(changed: ContentChanged) -> Self {
        match changed {
            ContentChanged::NotDetected => Self::NotDetected,
            ContentChanged::Changed => Self::Changed,
            ContentChanged::Unchanged => Self::Unchanged,
        }
    }
}

/// Writes the word.
pub(super) fn word<S: Serializer>(
    changed: &Option<ContentChanged>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    changed.map(ContentChangedWord::from).serialize(serializer)
}
