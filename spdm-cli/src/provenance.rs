//! What every report says of the run that made it.

use std::time::Instant;

use serde::Serialize;

use crate::args::{Backend, Verb};
use crate::time::{self, At};

/// When and with what a report was made.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct Provenance {
    /// The time that validity periods were held against (RFC 3339); null where they were not looked at.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    at: Option<String>,
    /// Milliseconds since the report before, or since the command began.
    duration_ms: u64,
    /// The program.
    tool: Tool,
}

/// The program that made a report.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct Tool {
    /// The version of this command.
    version: &'static str,
    /// The crypto backend, as --backend names it.
    backend: &'static str,
}

/// What [`Provenance`] is made of, for one report after the other.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    at: At,
    tool: Tool,
    since: Instant,
}

impl Stopwatch {
    /// The command begins.
    pub(crate) fn start(backend: Backend, verb: &Verb) -> Self {
        Self::of(backend, verb.at())
    }

    /// A run begins that holds certificates against this time.
    pub(crate) fn of(backend: Backend, at: At) -> Self {
        let tool = Tool { version: env!("CARGO_PKG_VERSION"), backend: backend.name() };
        Self { at, tool, since: Instant::now() }
    }

    /// A report is complete.
    pub(crate) fn lap(&mut self) -> Provenance {
        let now = Instant::now();
        let passed = now.duration_since(self.since).as_millis();
        self.since = now;
        Provenance {
            at: time::rfc_3339(self.at),
            duration_ms: u64::try_from(passed).unwrap_or(u64::MAX),
            tool: self.tool,
        }
    }
}
