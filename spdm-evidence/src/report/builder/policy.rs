//! What a policy makes of a report.

use spdm_requester::{AttestationCheck, CheckStatus};
use spdm_x509::ValidityCheck;

use super::ReportBuilder;
use crate::policy::VerdictPolicy;
use crate::report::objection::Objection;
use crate::report::{CheckResult, ExitClass, Report, ReportError, ReportErrorKind};

impl ReportBuilder {
    /// Holds the verdict against a policy as well. Its waivers hold at the time of `now`.
    pub fn policy(&mut self, policy: &VerdictPolicy, now: ValidityCheck) -> &mut Self {
        self.policy = Some((policy.clone(), now));
        self
    }

    /// An error that counts only as long as no policy waives the check.
    pub(super) fn contest(&mut self, check: AttestationCheck, objection: Objection) -> &mut Self {
        self.contested.push((check, objection));
        self
    }

    /// Decides over the errors that a policy can waive: before that, none of them outweighs another error.
    pub(super) fn settle(&mut self) {
        for (check, objection) in core::mem::take(&mut self.contested) {
            if !self.is_waived(check) {
                self.object(objection);
            }
        }
    }

    /// Whether it does not count how a check ends.
    pub(super) fn is_waived(&self, check: AttestationCheck) -> bool {
        self.policy.as_ref().is_some_and(|(policy, now)| policy.waives(check, *now))
    }
}

impl Report {
    /// The same, held against a policy. What is not verified stays so.
    pub(super) fn judged_by(
        mut self,
        policy: &VerdictPolicy,
        required: &[AttestationCheck],
        now: ValidityCheck,
    ) -> Self {
        let summary = policy.judge(&self, required, now);
        let check = AttestationCheck::Policy;
        let (status, detail) = match &summary.denied[..] {
            [] => (CheckStatus::Pass, format!("{} is met", summary.name)),
            denied => (CheckStatus::Fail, denied.join("; ")),
        };
        if status == CheckStatus::Fail && self.verified {
            self.verified = false;
            self.basis = None;
            self.error = Some(ReportError {
                kind: ReportErrorKind::Policy,
                message: format!("{} is not met: {detail}", summary.name),
                field: None,
                offset: None,
            });
            self.exit_class = ExitClass::Rejected;
        }
        self.checks.push(CheckResult { check, status, detail });
        self.policy = Some(summary);
        self
    }
}
