//! Labels. Their values are names of this program, and few names of the caller's list.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;

/// Different names that one label has at most.
const MAX_NAMES: usize = 100;
/// Characters of a name.
const MAX_NAME_LEN: usize = 64;
/// The name of all others.
const OTHER: &str = "other";

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByState {
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByOutcome {
    pub(super) outcome: &'static str,
    pub(super) fault: &'static str,
    pub(super) class: String,
    pub(super) transport: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByClass {
    pub(super) class: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByStage {
    pub(super) stage: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByTransport {
    pub(super) transport: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByReason {
    pub(super) reason: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ByStream {
    pub(super) stream: &'static str,
}

/// The names of one label. Each is a time series for whoever stores metrics, so there are few.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name as a label shows it: itself, or `other` where it is long or one too many.
    pub(super) fn label(&mut self, name: &str) -> String {
        let is_new = !self.0.contains(name);
        if name.chars().count() > MAX_NAME_LEN || (is_new && self.0.len() >= MAX_NAMES) {
            return OTHER.to_owned();
        }
        if is_new {
            self.0.insert(name.to_owned());
        }
        name.to_owned()
    }
}
