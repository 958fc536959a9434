//! Recorded connections as an evidence file.

use spdm_evidence::{Evidence, Recording};

/// Evidence of these connections.
pub(crate) fn evidence(target: &str, recordings: Vec<Recording>) -> Evidence {
    let mut evidence = Evidence::new(target);
    evidence.created = Some(crate::time::now());
    evidence.recordings = recordings;
    evidence
}
