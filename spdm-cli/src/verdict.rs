//! The verdict over one connection: a report, and what only the command knows.

use serde::{Serialize, Serializer};
use serde_json::json;
use spdm_evidence::{ExitClass, Report, ReportErrorKind};

use crate::exit::Exit;
use crate::line::LineError;

/// A report with its exit code.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) report: Report,
    pub(crate) exit: Exit,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Outcome {
    /// What the report says.
    Reported,
    /// The connection failed before the report was complete.
    Failed(LineError),
    /// Only a chain was judged, and it is trusted.
    ChainTrusted,
}

impl Verdict {
    /// What the report says.
    pub(crate) fn new(report: Report) -> Self {
        let exit = report.exit_class().into();
        Self { report, exit, outcome: Outcome::Reported }
    }

    /// The connection failed: a report cannot say that of itself.
    pub(crate) const fn failed(report: Report, error: LineError) -> Self {
        Self { report, exit: error.exit, outcome: Outcome::Failed(error) }
    }

    /// Adds what is known about a device that did not answer.
    pub(crate) fn explained(self, silence: Option<String>) -> Self {
        match (self.error(), silence) {
            (Some((ReportErrorKind::Timeout, message)), Some(silence)) => {
                let error = LineError::timeout(format_args!("{message}: {silence}"));
                Self::failed(self.report, error)
            }
            _ => self,
        }
    }

    /// A chain without a device is trusted: a report is never verified without a signature of the device.
    pub(crate) const fn chain_trusted(report: Report) -> Self {
        Self { report, exit: Exit::Done, outcome: Outcome::ChainTrusted }
    }

    /// The one word to gate on.
    pub(crate) const fn verified(&self) -> bool {
        match self.outcome {
            Outcome::Reported => self.report.verified(),
            Outcome::Failed(_) => false,
            Outcome::ChainTrusted => true,
        }
    }

    /// Why it is not verified: a word for programs, a sentence for people.
    pub(crate) fn error(&self) -> Option<(ReportErrorKind, &str)> {
        match &self.outcome {
            Outcome::Reported => {
                self.report.error().map(|error| (error.kind, error.message.as_str()))
            }
            Outcome::Failed(error) => Some((error.kind, &error.message)),
            Outcome::ChainTrusted => None,
        }
    }

    /// What a person can try about the connection.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match &self.outcome {
            Outcome::Failed(error) => error.hint,
            Outcome::Reported | Outcome::ChainTrusted => None,
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = match &self.outcome {
            Outcome::Reported => return self.report.serialize(serializer),
            Outcome::Failed(error) => {
                json!({"kind": error.kind, "message": error.message, "field": null, "offset": null})
            }
            Outcome::ChainTrusted => json!(null),
        };
        let mut value = serde_json::to_value(&self.report).map_err(serde::ser::Error::custom)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("verified".to_owned(), self.verified().into());
            // A report says it only where it is verified, and a connection that failed is not.
            object.insert("basis".to_owned(), json!(null));
            object.insert("error".to_owned(), error);
        }
        value.serialize(serializer)
    }
}

impl From<ExitClass> for Exit {
    fn from(class: ExitClass) -> Self {
        match class {
            ExitClass::Ok => Self::Done,
            ExitClass::Rejected => Self::Rejected,
            ExitClass::Usage => Self::Usage,
            ExitClass::Transport => Self::Transport,
            ExitClass::Protocol => Self::Protocol,
        }
    }
}
