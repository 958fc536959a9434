//! JSON Schemas of what a run writes.

use schemars::Schema;
use spdm_evidence::schema::written;

use crate::journal::JournalHead;
use crate::outcome::Outcome;

/// The schema of an [`Outcome`].
#[must_use]
pub fn outcome() -> Schema {
    written::<Outcome>()
}

/// The schema of a [`JournalHead`].
#[must_use]
pub fn journal_head() -> Schema {
    written::<JournalHead>()
}
