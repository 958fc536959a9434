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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct FoundDevice {
    /// What stands before the colon of the target.
    pub(crate) kind: &'static str,
    /// As other verbs take it.
    pub(crate) target: String,
    /// What it is, for a person.
    pub(crate) name: String,
    /// The parts that speak SPDM, or may do so.
    pub(crate) parts: Vec<FoundPart>,
}

/// What is known of a part of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct FoundPart {
    /// For example DOE at 0x100.
    pub(crate) name: String,
    /// What it can do, or why that is not known.
    pub(crate) detail: String,
}
