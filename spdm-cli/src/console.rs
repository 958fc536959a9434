//! Where results and diagnostics go.

use core::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::args::{ColorChoice, Output};
use crate::exit::{Exit, Failure, FailureObject};
use crate::file;
use crate::provenance::Stopwatch;
use crate::render::{Style, fold_lines};
use crate::terminal;
use crate::verdict::{PrintedVerdict, Verdict};

/// How many bytes of results are held back at most.
const PIECE: usize = 64 << 10;

/// Standard output for results, standard error for diagnostics.
///
/// A reader that went away is no error: what is left is not written, and the exit code stays that of the
/// verdict.
#[derive(Debug)]
pub(crate) struct Console {
    closed: Cell<bool>,
    /// Results that wait for more, where they may.
    held: RefCell<Vec<u8>>,
    holds: bool,
    /// Why results were lost that are not reported yet.
    lost: RefCell<Option<Failure>>,
    /// Standard output belongs to a file of the options: results go to standard error.
    shared: bool,
    json: bool,
    quiet: bool,
    verbosity: u8,
    style: Style,
    diagnostic_style: Style,
    stopwatch: Stopwatch,
    /// A result was written.
    has_result: bool,
}

impl Console {
    pub(crate) fn new(output: &Output, stopwatch: Stopwatch) -> Self {
        let style = |columns: Option<usize>| {
            let style = match output.color {
                ColorChoice::Always => Style::COLORED,
                ColorChoice::Auto if columns.is_some() && wants_color() => Style::COLORED,
                ColorChoice::Auto | ColorChoice::Never => Style::PLAIN,
            };
            columns.map_or(style, |columns| style.on_terminal(columns))
        };
        Self {
            closed: Cell::new(false),
            held: RefCell::default(),
            holds: false,
            lost: RefCell::default(),
            shared: false,
            json: output.json,
            quiet: output.quiet,
            verbosity: output.verbose,
            style: style(terminal::columns(&io::stdout())),
            diagnostic_style: style(terminal::columns(&io::stderr())),
            stopwatch,
            has_result: false,
        }
    }

    /// Whether `--json` was given.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Whether `--quiet` was given.
    #[cfg(feature = "nats")]
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How often `-v` was given.
    pub(crate) const fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// The columns of a terminal on which somebody may be told what is being waited for; with `-v` every message says so.
    pub(crate) fn waiting_columns(&self) -> Option<usize> {
        let style = self.diagnostic_style;
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = !self.json && !self.quiet && self.verbosity == 0 && !dumb;
        (wanted && style.is_terminal()).then(|| style.columns())
    }

    /// The colours of standard output.
    pub(crate) const fn style(&self) -> Style {
        self.style
    }

    /// Many results follow: what is no terminal gets them in large pieces. [`Self::finish`] writes the last one.
    pub(crate) fn hold_back(&mut self) {
        self.holds = !self.style.is_terminal();
    }

    /// Leaves standard output to the one of these files that is `-`.
    pub(crate) fn share_output(&mut self, files: &[Option<&Path>]) -> Result<(), Failure> {
        match files.iter().filter(|path| file::is_standard(**path)).count() {
            0 => {}
            1 => self.shared = true,
            _ => {
                return Err(Failure::usage("standard output (-) can hold one file only"));
            }
        }
        Ok(())
    }

    /// Writes a result.
    pub(crate) fn result(&mut self, text: &str) -> Result<(), Failure> {
        self.has_result = true;
        let held = self.held.get_mut();
        held.extend_from_slice(text.as_bytes());
        if self.holds && held.len() < PIECE { Ok(()) } else { self.finish() }
    }

    /// Writes what was held back.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        if let Some(failure) = self.lost.take() {
            return Err(failure);
        }
        let held = self.held.take();
        if self.closed.get() || held.is_empty() {
            return Ok(());
        }
        if self.shared {
            // As for every diagnostic: there is nowhere to complain about standard error.
            let _ = io::stderr().lock().write_all(&held);
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match out.write_all(&held).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed.set(true);
                Ok(())
            }
            other => other.map_err(|error| Failure::usage(format!("standard output: {error}"))),
        }
    }

    /// Writes a result for people; nothing with `--quiet`.
    pub(crate) fn report(&mut self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.result(&fold_lines(text, self.style)) }
    }

    /// Writes a result that may be for a program, as it is; nothing with `--quiet`.
    pub(crate) fn payload(&mut self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.result(text) }
    }

    /// Writes one JSON object as a line.
    pub(crate) fn object(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(value).map_err(Failure::usage)?;
        line.push('\n');
        self.result(&line)
    }

    /// Writes a verdict as a line, with what every report says of its run.
    pub(crate) fn verdict(
        &mut self,
        verdict: &Verdict,
        chain: Option<serde_json::Value>,
    ) -> Result<(), Failure> {
        let provenance = self.stopwatch.lap();
        self.object(&PrintedVerdict { verdict, provenance, chain })
    }

    /// Says something on standard error, unless `--quiet` was given.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Says something on standard error that `-v` asks for.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbosity > 0 {
            self.say(text);
        }
    }

    /// Says what a person can try, where there is something.
    pub(crate) fn hint(&self, hint: Option<&str>) {
        if let Some(hint) = hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// Says why the command failed: to programs too, unless what was printed already is the result that it is about.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let is_told = self.has_result && failure.exit != Exit::Usage;
        if self.json
            && !is_told
            && let Err(failure) = self.object(&FailureObject::of(failure))
        {
            self.lost.replace(Some(failure));
        }
        self.say(&format!("{}: {}", self.diagnostic_style.bad("error"), failure.message));
        self.hint(failure.hint.as_deref());
    }

    /// What was said before on standard output is written before.
    fn say(&self, text: &str) {
        if let Err(failure) = self.finish() {
            self.lost.replace(Some(failure));
        }
        say(&fold_lines(text, self.diagnostic_style));
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
