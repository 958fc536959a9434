//! From a report, or a connection that failed, to an outcome: the one place that decides what is `verified`.
//!
//! Two tables: what each kind of error comes to, and whose fault each check is. What is in neither is a failure of this
//! program, and never verified.

use spdm_evidence::{
    AttestationCheck, CheckStatus, ExitClass, ReferenceStatus, Report, ReportErrorKind,
};

use crate::outcome::{Fault, Finding, OutcomeKind, Reason};

/// Why a connection failed, where the report does not know.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever held the connection makes it")]
pub struct Failed<'f> {
    /// A word.
    pub kind: ReportErrorKind,
    /// A sentence.
    pub message: &'f str,
    /// The exit code that the word calls for.
    pub class: ExitClass,
}

/// Whether the same may come out differently by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Passing {
    Yes,
    No,
}

/// What an error comes to.
type Row = (OutcomeKind, Fault, Passing);

const REJECTED: Row = (OutcomeKind::Rejected, Fault::Device, Passing::No);
const BROKEN: Row = (OutcomeKind::DeviceError, Fault::Device, Passing::No);
const UNREACHED: Row = (OutcomeKind::Unreachable, Fault::Transport, Passing::Yes);
const UNDECIDED: Row = (OutcomeKind::Undecidable, Fault::Configuration, Passing::No);
const OURS: Row = (OutcomeKind::InternalError, Fault::Us, Passing::No);

/// What each kind of error comes to. Where the kind leaves it open whose fault it is, the exit code says.
const fn row(kind: ReportErrorKind, class: ExitClass) -> Option<Row> {
    Some(match kind {
        ReportErrorKind::Decode | ReportErrorKind::Protocol | ReportErrorKind::Framing => BROKEN,
        ReportErrorKind::Signature
        | ReportErrorKind::Refused
        | ReportErrorKind::Incompatible
        | ReportErrorKind::Chain
        | ReportErrorKind::Identity
        | ReportErrorKind::Nonce
        | ReportErrorKind::Known
        | ReportErrorKind::Required
        | ReportErrorKind::Rejected
        | ReportErrorKind::Unproven => REJECTED,
        ReportErrorKind::Unsigned | ReportErrorKind::Policy => {
            (OutcomeKind::Rejected, Fault::Policy, Passing::No)
        }
        ReportErrorKind::Reference => (OutcomeKind::Rejected, Fault::Reference, Passing::No),
        ReportErrorKind::Unsupported | ReportErrorKind::Request => UNDECIDED,
        ReportErrorKind::Transport | ReportErrorKind::Timeout => UNREACHED,
        // BUSY over and over, or more messages than anybody waits for; a negotiation that is too long breaks the protocol.
        ReportErrorKind::Limit => match class {
            ExitClass::Protocol => BROKEN,
            _ => UNREACHED,
        },
        ReportErrorKind::Session => match class {
            ExitClass::Rejected => REJECTED,
            ExitClass::Protocol => BROKEN,
            ExitClass::Transport => UNREACHED,
            ExitClass::Ok | ExitClass::Usage => OURS,
        },
        ReportErrorKind::Internal => OURS,
        _ => return None,
    })
}

/// Whose fault it is that a check fails, or that it is skipped although it is required.
const fn fault_of(check: AttestationCheck) -> Option<Fault> {
    Some(match check {
        AttestationCheck::ChainFormat
        | AttestationCheck::ChainDigest
        | AttestationCheck::ChainRoot
        | AttestationCheck::ChainCertificates
        | AttestationCheck::ChainSignatures
        | AttestationCheck::ChainAnchor
        | AttestationCheck::LeafProfile
        | AttestationCheck::LeafSan
        | AttestationCheck::ChallengeNonce
        | AttestationCheck::ChallengeChainHash
        | AttestationCheck::ChallengeSignature
        | AttestationCheck::MeasurementsFormat
        | AttestationCheck::MeasurementsNonce
        | AttestationCheck::MeasurementsSignature
        | AttestationCheck::KnownDevice
        | AttestationCheck::SessionKeyExchange
        | AttestationCheck::SessionPsk
        | AttestationCheck::SessionFinish
        | AttestationCheck::ManifestFormat
        | AttestationCheck::EatSignature
        | AttestationCheck::EatNonce
        | AttestationCheck::EatProfile => Fault::Device,
        AttestationCheck::MeasurementsReference
        | AttestationCheck::ReferenceSignature
        | AttestationCheck::ReferenceValidity => Fault::Reference,
        AttestationCheck::HostFlow
        | AttestationCheck::HostChallenge
        | AttestationCheck::HostFinish
        | AttestationCheck::HostEndpointInfo => Fault::Configuration,
        AttestationCheck::Policy => Fault::Policy,
        _ => return None,
    })
}

impl Finding {
    /// What a report comes to, and a connection that failed with it.
    #[must_use]
    pub fn of(report: &Report, failed: Option<Failed<'_>>) -> Self {
        if let Some(failed) = failed {
            let check = failed_check(report, failed.kind).map(|check| check.name());
            return Self::of_error(failed, check.unwrap_or("connection"), report);
        }
        let Some(error) = report.error() else {
            let holds = report.verified() && report.exit_class() == ExitClass::Ok;
            return if holds { Self::verified() } else { Self::contradiction() };
        };
        if report.verified() || report.exit_class() == ExitClass::Ok {
            return Self::contradiction();
        }
        let failed =
            Failed { kind: error.kind, message: &error.message, class: report.exit_class() };
        let check = failed_check(report, error.kind).or_else(|| named_check(&error.message));
        let finding =
            Self::of_error(failed, check.map_or("exchange", |check| check.name()), report);
        // What a check says is more than that one failed.
        match (error.kind, check) {
            (ReportErrorKind::Rejected | ReportErrorKind::Required, Some(check)) => {
                finding.blamed(check)
            }
            (ReportErrorKind::Rejected, None) => Self::contradiction(),
            _ => finding,
        }
    }

    /// What a connection that failed comes to, where there is no report.
    #[must_use]
    pub fn of_failure(failed: Failed<'_>) -> Self {
        let (kind, fault, passing) = row(failed.kind, failed.class).unwrap_or(OURS);
        let check = "connection".to_owned();
        let reason = Reason { check, index: None, detail: failed.message.to_owned() };
        Self { kind, fault, reason: Some(reason), passing: passing == Passing::Yes }
    }

    fn of_error(failed: Failed<'_>, check: &str, report: &Report) -> Self {
        let mut finding = Self::of_failure(failed);
        if let Some(reason) = &mut finding.reason {
            check.clone_into(&mut reason.check);
            if finding.fault == Fault::Reference {
                reason.index = first_mismatch(report);
            }
            if failed.kind == ReportErrorKind::Known {
                reason.detail = format!("the device in this slot changed: {}", failed.message);
            }
        }
        finding
    }

    /// The same for the fault of whoever answers for a check.
    fn blamed(mut self, check: AttestationCheck) -> Self {
        match (check, fault_of(check)) {
            (_, None) => return Self::contradiction(),
            // No device is known for the target, and none is learned: somebody has to say so first.
            (AttestationCheck::KnownDevice, Some(_)) => self.fault = Fault::Configuration,
            (_, Some(fault)) => self.fault = fault,
        }
        self
    }

    const fn verified() -> Self {
        Self { kind: OutcomeKind::Verified, fault: Fault::None, reason: None, passing: false }
    }

    /// A report that says what no table has.
    fn contradiction() -> Self {
        let detail = "the report says neither that the device is verified nor why not".to_owned();
        let reason = Reason { check: "report".to_owned(), index: None, detail };
        let (kind, fault, _) = OURS;
        Self { kind, fault, reason: Some(reason), passing: false }
    }
}

/// The check that an error is about: the first that failed, and of those that reference values decide only where the error is
/// theirs, for a policy may waive them.
fn failed_check(report: &Report, kind: ReportErrorKind) -> Option<AttestationCheck> {
    let fits = |check: AttestationCheck| match kind {
        ReportErrorKind::Reference => fault_of(check) == Some(Fault::Reference),
        ReportErrorKind::Known => check == AttestationCheck::KnownDevice,
        ReportErrorKind::Policy => check == AttestationCheck::Policy,
        ReportErrorKind::Rejected => true,
        _ => !matches!(fault_of(check), Some(Fault::Reference | Fault::Policy)),
    };
    let mut failed = report.checks().iter().filter(|result| result.status == CheckStatus::Fail);
    failed.find(|result| fits(result.check)).map(|result| result.check)
}

/// The check that a sentence of the report begins with.
fn named_check(message: &str) -> Option<AttestationCheck> {
    let word = message.split([' ', ':']).next()?;
    let mut all = AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL);
    all.find(|check| check.name() == word)
}

/// The first measurement that differs from its reference value.
fn first_mismatch(report: &Report) -> Option<u8> {
    let mut values = report.measurements().iter();
    let differs = values.find(|value| value.reference == ReferenceStatus::Mismatch);
    differs.map(|value| value.index)
}

#[cfg(test)]
mod tests;
