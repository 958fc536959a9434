//! What a machine has, as `spdm list` shows it.

use serde::Serialize;

/// The devices of one kind.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What is listed.
    pub(crate) title: &'static str,
    pub(crate) found: Vec<FoundDevice>,
    /// What could not be looked at, and why.
    pub(crate) notes: Vec<String>,
}

impl Listing {
    /// Nothing yet.
    pub(crate) const fn new(title: &'static str) -> Self {
        Self { title, found: Vec::new(), notes: Vec::new() }
    }
}

/// Something that may be a target.
#[derive(Debug, Serialize)]
pub(crate) struct FoundDevice {
    /// The scheme of its target.
    pub(crate) kind: &'static str,
    /// What to call it on the command line.
    pub(crate) target: String,
    /// What it is, for a person.
    pub(crate) name: String,
    pub(crate) parts: Vec<FoundPart>,
}

/// What is known of a part of it.
#[derive(Debug, Serialize)]
pub(crate) struct FoundPart {
    pub(crate) name: String,
    pub(crate) detail: String,
}
