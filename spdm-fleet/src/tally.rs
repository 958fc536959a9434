//! What a run came to, as numbers and an exit code.

use crate::outcome::OutcomeKind;

/// Which outcomes make a run fail.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FailOn {
    /// `None`: every outcome but `verified`.
    kinds: Option<Vec<OutcomeKind>>,
}

impl FailOn {
    /// Every outcome but `verified`.
    pub const ANYTHING: Self = Self { kinds: None };

    /// These alone. What this program got wrong and what it did not get to counts whatever is named.
    #[must_use]
    pub fn only(kinds: impl IntoIterator<Item = OutcomeKind>) -> Self {
        let always = [OutcomeKind::InternalError, OutcomeKind::Cancelled];
        Self { kinds: Some(kinds.into_iter().chain(always).collect()) }
    }

    fn counts(&self, kind: OutcomeKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// How many items ended how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    counts: [u64; OutcomeKind::ALL.len()],
}

impl Tally {
    /// An item ended so, and no attempt follows.
    pub fn add(&mut self, kind: OutcomeKind) {
        if let Some(count) = self.count_mut(kind) {
            *count = count.saturating_add(1);
        }
    }

    /// The last attempt at an item, which ended so, was not the last one.
    pub(crate) fn remove(&mut self, kind: OutcomeKind) {
        if let Some(count) = self.count_mut(kind) {
            *count = count.saturating_sub(1);
        }
    }

    /// How many items ended so.
    #[must_use]
    pub fn count(&self, kind: OutcomeKind) -> u64 {
        let mut of = OutcomeKind::ALL.into_iter().zip(self.counts);
        of.find(|(known, _)| *known == kind).map_or(0, |(_, count)| count)
    }

    /// How many items ended.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many items ended, but are not verified.
    #[must_use]
    pub fn not_verified(&self) -> u64 {
        self.total().saturating_sub(self.count(OutcomeKind::Verified))
    }

    /// The exit code for a run over so many `items`: 0 where all are verified; 1 where one is rejected, undecidable, left out,
    /// or got wrong by this program; else 4 where one broke the protocol; else 3 where one was not reached.
    ///
    /// `fail_on` can only excuse items beside others that are verified: a run that verified nothing is none that went well.
    #[must_use]
    pub fn exit_code(&self, items: u64, fail_on: &FailOn) -> u8 {
        let everything = FailOn::ANYTHING;
        let verified = self.count(OutcomeKind::Verified);
        let fail_on = if verified == 0 { &everything } else { fail_on };
        let has = |kind| fail_on.counts(kind) && self.count(kind) > 0;
        let worst = [
            OutcomeKind::Rejected,
            OutcomeKind::Undecidable,
            OutcomeKind::InternalError,
            OutcomeKind::Cancelled,
        ];
        if items == 0 || self.total() != items || worst.into_iter().any(has) {
            1
        } else if has(OutcomeKind::DeviceError) {
            4
        } else if has(OutcomeKind::Unreachable) {
            3
        } else {
            0
        }
    }

    fn count_mut(&mut self, kind: OutcomeKind) -> Option<&mut u64> {
        let mut of = OutcomeKind::ALL.into_iter().zip(&mut self.counts);
        of.find(|(known, _)| *known == kind).map(|(_, count)| count)
    }
}
