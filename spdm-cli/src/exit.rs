//! How the command ends.

use core::fmt;
use std::process::ExitCode;

use serde::Serialize;
use spdm_evidence::ReportErrorKind;

use crate::verdict::Verdict;

/// The exit codes, the better ones first.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Exit {
    /// 0: verified, or the verb did its job.
    #[default]
    Done,
    /// 1: rejected.
    Rejected,
    /// 2: usage, or a file that cannot be read or decoded.
    Usage,
    /// 3: the transport failed, or no answer came in time.
    Transport,
    /// 4: the device broke the protocol.
    Protocol,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Rejected => 1,
            Exit::Usage => 2,
            Exit::Transport => 3,
            Exit::Protocol => 4,
        })
    }
}

/// Why a verb could not do its job, in one sentence for a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// What a person can try.
    pub(crate) hint: Option<String>,
    /// What it is in the words of a report, where that says more than the exit code.
    pub(crate) kind: Option<ReportErrorKind>,
}

/// A failure for programs: docs/schema/error.json.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "Why a verb could not do its job",
        description = "What any verb prints with --json in place of its result."
    )
)]
pub(crate) struct FailureObject {
    error: ErrorObject,
}

/// Why something could not be done: the same members in every object of this command.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct ErrorObject {
    /// A word for programs.
    kind: AnyKind,
    /// A sentence for people.
    message: String,
    /// MESSAGE.Field, in the spelling of DSP0274; null where the message is no report's.
    field: Option<String>,
    /// Offset of the field in bytes; null where the message is no report's.
    offset: Option<usize>,
}

/// A word for programs.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum AnyKind {
    /// By the exit code.
    Failure(FailureKind),
    /// As in a report: the device, or the way to it.
    Device(ReportErrorKind),
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum FailureKind {
    /// Exit code 1: something required is missing.
    Rejected,
    /// Exit code 2: an option, or a file that cannot be read or decoded.
    Usage,
    /// Exit code 3: the transport.
    Transport,
    /// Exit code 4: the device broke the protocol.
    Protocol,
}

impl FailureObject {
    pub(crate) fn of(failure: &Failure) -> Self {
        Self { error: ErrorObject::of(failure) }
    }
}

impl ErrorObject {
    pub(crate) fn of(failure: &Failure) -> Self {
        let kind = match failure.exit {
            Exit::Rejected => FailureKind::Rejected,
            Exit::Done | Exit::Usage => FailureKind::Usage,
            Exit::Transport => FailureKind::Transport,
            Exit::Protocol => FailureKind::Protocol,
        };
        let kind = failure.kind.map_or(AnyKind::Failure(kind), AnyKind::Device);
        Self { kind, message: failure.message.clone(), field: None, offset: None }
    }

    /// The error of a verdict, with its place where a report has one.
    pub(crate) fn of_verdict(verdict: &Verdict) -> Self {
        let (kind, message) =
            verdict.error().unwrap_or((ReportErrorKind::Unproven, "nothing was proven"));
        let reported = verdict.report.error().filter(|error| error.kind == kind);
        Self {
            field: reported.and_then(|error| error.field.clone()),
            offset: reported.and_then(|error| error.offset),
            ..Self::of_device(kind, message)
        }
    }

    /// As a report says it, where no report does.
    pub(crate) fn of_device(kind: ReportErrorKind, message: &str) -> Self {
        let kind = AnyKind::Device(kind);
        Self { kind, message: message.to_owned(), field: None, offset: None }
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None, kind: None }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn transport(message: impl fmt::Display) -> Self {
        Self::new(Exit::Transport, message)
    }

    /// Adds what a person can try, where there is something.
    pub(crate) fn with_hint(self, hint: Option<&str>) -> Self {
        Self { hint: hint.map(str::to_owned), ..self }
    }
}
