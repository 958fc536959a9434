//! The verdict over one connection: a report, and what only the command knows.

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::json;
use spdm_evidence::{ExitClass, Report, ReportErrorKind};
use spdm_requester::Error;

use crate::advice::{self, Waivable};
use crate::exit::Exit;
use crate::line::LineError;
use crate::overheard::Overheard;
use crate::provenance::Provenance;
use crate::tap::Silence;
use crate::{reference, token};

/// A report with its exit code.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) report: Report,
    pub(crate) exit: Exit,
    outcome: Outcome,
    hint: Option<String>,
    /// Sentences of the library, and those that know more.
    reworded: Vec<(String, String)>,
    /// The file of the evidence, where there are several.
    file: Option<String>,
    /// What was noted beside the report: about other files, and other reports.
    notes: Vec<String>,
}

/// A verdict as programs see it.
#[derive(Debug, Serialize)]
pub(crate) struct PrintedVerdict<'v> {
    #[serde(flatten)]
    pub(crate) verdict: &'v Verdict,
    #[serde(flatten)]
    pub(crate) provenance: Provenance,
    /// What `spdm chain` adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain: Option<serde_json::Value>,
}

#[derive(Clone, Debug)]
enum Outcome {
    /// What the report says.
    Reported,
    /// What the report says, with an error in a sentence that knows more.
    Reworded(String),
    /// The connection failed before the report was complete.
    Failed(LineError),
    /// Only a chain was judged, and it is trusted.
    ChainTrusted,
}

impl Verdict {
    /// What the report says.
    pub(crate) fn new(report: Report) -> Self {
        let exit = report.exit_class().into();
        let hint = reference::hint(&report).or_else(|| token::hint(&report)).map(str::to_owned);
        Self {
            report,
            exit,
            outcome: Outcome::Reported,
            hint,
            reworded: Vec::new(),
            file: None,
            notes: Vec::new(),
        }
    }

    /// The connection failed: a report cannot say that of itself.
    pub(crate) fn failed(report: Report, error: LineError) -> Self {
        let hint = error.hint.map(str::to_owned);
        Self {
            report,
            exit: error.exit,
            outcome: Outcome::Failed(error),
            hint,
            reworded: Vec::new(),
            file: None,
            notes: Vec::new(),
        }
    }

    /// Adds what is known about a device that did not answer.
    pub(crate) fn explained(self, silence: Option<Silence>) -> Self {
        match (self.error(), silence) {
            (Some((ReportErrorKind::Timeout, message)), Some(silence)) => {
                let mut error = LineError::timeout(format_args!("{message}: {}", silence.known));
                error.hint = silence.hint;
                Self::failed(self.report, error)
            }
            _ => self,
        }
    }

    /// Adds what the connection told about the errors that the report shows: a sentence that knows more, and what a
    /// person can try.
    pub(crate) fn advised(
        mut self,
        errors: &[Error],
        heard: &Overheard,
        waivable: Waivable,
    ) -> Self {
        if self.verified() || matches!(self.outcome, Outcome::Failed(_)) {
            return self;
        }
        self.reword(errors, |error| advice::sentence(error, heard));
        let advice = errors.iter().find_map(|error| advice::hint(error, heard, waivable));
        self.hint = advice.or(self.hint);
        let exit = errors.iter().find_map(|error| advice::exit(error, heard));
        self.exit = exit.unwrap_or(self.exit);
        self
    }

    fn reword(&mut self, errors: &[Error], knows: impl Fn(&Error) -> Option<String>) {
        let reworded = errors.iter().filter_map(|error| Some((error.to_string(), knows(error)?)));
        self.reworded.extend(reworded);
        let shown = self.report.error().map(|error| error.message.as_str());
        if let Some((_, sentence)) =
            self.reworded.iter().find(|(text, _)| Some(text.as_str()) == shown)
        {
            self.outcome = Outcome::Reworded(sentence.clone());
        }
    }

    /// The device was to sign with the key in this file, and what it sent is not of that key: the file is the first thing
    /// to look at.
    pub(crate) fn of_key(mut self, errors: &[Error], path: &Path) -> Self {
        if !self.verified() && !matches!(self.outcome, Outcome::Failed(_)) {
            self.reword(errors, |error| advice::of_key(error, path));
        }
        self
    }

    /// Adds a sentence to why it is not verified, with what a person can do about that.
    pub(crate) fn with_more(mut self, sentence: &str, hint: String) -> Self {
        let message = self.error().map_or("nothing was proven", |(_, message)| message);
        let message = format!("{message}; {sentence}");
        self.outcome = match self.outcome {
            Outcome::Failed(error) => Outcome::Failed(LineError { message, ..error }),
            _ => Outcome::Reworded(message),
        };
        self.hint = Some(hint);
        self
    }

    /// Adds what a person can do where the device refused something, and nothing else is known to help.
    pub(crate) fn or_hint(mut self, hint: Option<&str>) -> Self {
        if self.exit == Exit::Rejected && self.hint.is_none() {
            self.hint = hint.map(str::to_owned);
        }
        self
    }

    /// A chain without a device is trusted: a report is never verified without a signature of the device.
    pub(crate) const fn chain_trusted(report: Report) -> Self {
        Self {
            report,
            exit: Exit::Done,
            outcome: Outcome::ChainTrusted,
            hint: None,
            reworded: Vec::new(),
            file: None,
            notes: Vec::new(),
        }
    }

    /// The evidence is one of several files.
    pub(crate) fn in_file(mut self, name: &str) -> Self {
        self.file = Some(name.to_owned());
        self
    }

    /// What a program is to know beside the report; people are told on standard error.
    pub(crate) fn noted(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The file of the evidence, where there are several.
    pub(crate) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The one word to gate on.
    pub(crate) const fn verified(&self) -> bool {
        match self.outcome {
            Outcome::Reported => self.report.verified(),
            Outcome::Reworded(_) | Outcome::Failed(_) => false,
            Outcome::ChainTrusted => true,
        }
    }

    /// Why it is not verified: a word for programs, a sentence for people.
    pub(crate) fn error(&self) -> Option<(ReportErrorKind, &str)> {
        match &self.outcome {
            Outcome::Reported => {
                self.report.error().map(|error| (error.kind, error.message.as_str()))
            }
            Outcome::Reworded(message) => {
                self.report.error().map(|error| (error.kind, message.as_str()))
            }
            Outcome::Failed(error) => Some((error.kind, &error.message)),
            Outcome::ChainTrusted => None,
        }
    }

    /// How the connection failed behind what the report knows.
    pub(crate) const fn failed_kind(&self) -> Option<ReportErrorKind> {
        match &self.outcome {
            Outcome::Failed(error) => Some(error.kind),
            Outcome::Reported | Outcome::Reworded(_) | Outcome::ChainTrusted => None,
        }
    }

    /// Why the connection failed, where it did.
    pub(crate) const fn line_error(&self) -> Option<&LineError> {
        match &self.outcome {
            Outcome::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// A sentence of the report, or the one that knows more.
    pub(crate) fn worded<'v>(&'v self, sentence: &'v str) -> &'v str {
        let reworded = self.reworded.iter().find(|(text, _)| text == sentence);
        reworded.map_or(sentence, |(_, sentence)| sentence)
    }

    /// What a person can try.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = match &self.outcome {
            Outcome::Reported if self.notes.is_empty() => return self.report.serialize(serializer),
            Outcome::Reported => json!(self.report.error()),
            Outcome::Reworded(message) => {
                let error = self.report.error().map(|error| {
                    json!({"kind": error.kind, "message": message, "field": error.field, "offset": error.offset})
                });
                error.unwrap_or_default()
            }
            Outcome::Failed(error) => {
                json!({"kind": error.kind, "message": error.message, "field": null, "offset": null})
            }
            Outcome::ChainTrusted => json!(null),
        };
        let mut value = serde_json::to_value(&self.report).map_err(serde::ser::Error::custom)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("verified".to_owned(), self.verified().into());
            // A report says it only where it is verified, and a connection that failed is not.
            if !self.report.verified() || !self.verified() {
                object.insert("basis".to_owned(), json!(null));
            }
            object.insert("error".to_owned(), error);
            if let Some(notes) = object.get_mut("notes").and_then(|notes| notes.as_array_mut()) {
                notes.extend(self.notes.iter().map(|note| json!(note)));
            }
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
