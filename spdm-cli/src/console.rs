//! Where results and diagnostics go.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::args::{ColorChoice, Output};
use crate::exit::Failure;
use crate::render::Style;

/// Standard output for results, standard error for diagnostics.
///
/// A reader that went away is no error: what is left is not written, and the exit code stays that of the
/// verdict.
#[derive(Debug)]
pub(crate) struct Console {
    closed: bool,
    json: bool,
    quiet: bool,
    verbosity: u8,
    style: Style,
    diagnostic_style: Style,
}

impl Console {
    pub(crate) fn new(output: &Output) -> Self {
        let style = |terminal: bool| match output.color {
            ColorChoice::Always => Style::COLORED,
            ColorChoice::Auto if terminal && wants_color() => Style::COLORED,
            ColorChoice::Auto | ColorChoice::Never => Style::PLAIN,
        };
        Self {
            closed: false,
            json: output.json,
            quiet: output.quiet,
            verbosity: output.verbose,
            style: style(io::stdout().is_terminal()),
            diagnostic_style: style(io::stderr().is_terminal()),
        }
    }

    /// Whether `--json` was given.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// How often `-v` was given.
    pub(crate) const fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// The colours of standard output.
    pub(crate) const fn style(&self) -> Style {
        self.style
    }

    /// Writes a result.
    pub(crate) fn result(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(|error| Failure::usage(format!("standard output: {error}"))),
        }
    }

    /// Writes a result for people; nothing with `--quiet`.
    pub(crate) fn report(&mut self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.result(text) }
    }

    /// Writes one JSON object as a line.
    pub(crate) fn object(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(value).map_err(Failure::usage)?;
        line.push('\n');
        self.result(&line)
    }

    /// Says something on standard error, unless `--quiet` was given.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Says why the command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        say(&format!("{}: {}", self.diagnostic_style.bad("error"), failure.message));
    }
}

/// Writes a line to standard error.
pub(crate) fn say(text: &str) {
    // There is nowhere to complain about standard error.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The convention of no-color.org: any value but the empty one switches colours off.
fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
