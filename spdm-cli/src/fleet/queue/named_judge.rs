//! A judge that says where nothing names the device.

use core::sync::atomic::{AtomicBool, Ordering};

use spdm_evidence::printable_text;
use spdm_fleet::{Attempt, Case, Judge, OutcomeKind};

use super::worker_log::WorkerLog;
use crate::fleet::offline_judge::OfflineJudge;

/// Judges, and says it once where a device was verified that nothing names.
#[derive(Debug)]
pub(super) struct NamedJudge<'j> {
    pub(super) judge: &'j OfflineJudge<'j>,
    pub(super) log: &'j WorkerLog,
    pub(super) has_told: AtomicBool,
}

impl Judge for NamedJudge<'_> {
    fn judge(&self, case: &Case<'_>) -> Attempt {
        let (attempt, target) = (self.judge.judge(case), &case.item.target);
        let is_told = attempt.finding.kind == OutcomeKind::Verified && !self.judge.names(target);
        if is_told && !self.has_told.swap(true, Ordering::Relaxed) {
            self.log.note(&format!(
                "note: {}: verified, and nothing names the device (san in the list, --san): a collector can ask another device of the same maker in its place; this is said once",
                printable_text(&target.target)
            ));
        }
        attempt
    }
}
