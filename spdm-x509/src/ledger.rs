//! Collects the results of rules, and with them how a check ends.

use crate::check::Check;
use crate::finding::{Finding, Ruling};
use crate::outcome::Ending;
use crate::rule::Rule;

/// Optional callback, invoked once for each finding.
pub(crate) type FindingListener<'f> = Option<&'f mut dyn FnMut(Finding)>;

/// The findings of one check after the other. The first broken rule of a check is how it ends.
pub(crate) struct Ledger<'f> {
    check: Check,
    certificate: Option<u16>,
    ending: Ending,
    listener: FindingListener<'f>,
}

impl<'f> Ledger<'f> {
    pub(crate) const fn new(listener: FindingListener<'f>) -> Self {
        Self { check: Check::Format, certificate: None, ending: Ending::Skipped, listener }
    }

    /// The rules that follow belong to this check, which passes unless one is broken.
    pub(crate) const fn open(&mut self, check: Check) {
        self.check = check;
        self.certificate = None;
        self.ending = Ending::Pass;
    }

    /// The rules that follow are about this certificate.
    pub(crate) const fn turn_to(&mut self, certificate: Option<u16>) {
        self.certificate = certificate;
    }

    /// Records the result of a rule.
    fn record(&mut self, rule: Rule, ruling: Ruling) {
        let Self { check, certificate, .. } = *self;
        if ruling == Ruling::Broken && !self.has_failed() {
            self.ending = Ending::Fail { certificate, rule };
        }
        if let Some(listener) = &mut self.listener {
            listener(Finding { check, certificate, rule, ruling });
        }
    }

    /// Records a rule that no policy waives; returns whether it holds.
    pub(crate) fn ask(&mut self, rule: Rule, holds: bool) -> bool {
        self.record(rule, if holds { Ruling::Holds } else { Ruling::Broken });
        holds
    }

    /// Records a rule that the policy may waive.
    pub(crate) fn ask_waivable(&mut self, rule: Rule, holds: bool, demanded: bool) {
        let ruling = match (holds, demanded) {
            (true, _) => Ruling::Holds,
            (false, true) => Ruling::Broken,
            (false, false) => Ruling::Waived,
        };
        self.record(rule, ruling);
    }

    /// Whether a rule was broken.
    pub(crate) const fn has_failed(&self) -> bool {
        matches!(self.ending, Ending::Fail { .. })
    }

    /// Whether there is a callback, which is told also of rules behind the first failure.
    pub(crate) const fn is_heard(&self) -> bool {
        self.listener.is_some()
    }

    /// How the check ends.
    pub(crate) const fn ending(&self) -> Ending {
        self.ending
    }
}
