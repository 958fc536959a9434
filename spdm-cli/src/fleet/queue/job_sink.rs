//! Where the outcomes of a job go that others work on.

use std::path::Path;

use spdm_evidence::printable_text;
use spdm_fleet::{Arrival, Arrivals, Journal, JournalError, Outcome, Tally};

use crate::console::Console;
use crate::exit::Failure;
use crate::fleet::progress::{self, Progress};
use crate::fleet::resume;
use crate::fleet::views::FleetViews;

/// What an outcome was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// Something new.
    New,
    /// Nothing that counts.
    Nothing,
}

/// Where outcomes go, each once.
pub(super) struct JobSink<'s, 'j> {
    pub(super) arrivals: Arrivals<'s>,
    pub(super) journal: Option<Journal<'j>>,
    /// Where the journal is.
    pub(super) out: Option<&'s Path>,
    pub(super) views: FleetViews<'s>,
    pub(super) tally: Tally,
    pub(super) progress: Progress<'s>,
    pub(super) console: &'s mut Console,
    /// Messages that are no outcomes of the job.
    pub(super) foreign: u64,
}

impl JobSink<'_, '_> {
    /// An outcome has come, perhaps once more.
    pub(super) fn take(&mut self, outcome: &Outcome) -> Result<Taken, Failure> {
        match self.arrivals.take(outcome) {
            Arrival::New => {}
            Arrival::Contradiction => {
                let (target, attempt) = (printable_text(&outcome.target), outcome.attempt);
                self.note(&format!(
                    "warning: {target}: two judges say different things of attempt {attempt}; both are in the journal"
                ));
            }
            Arrival::Repeated => return Ok(Taken::Nothing),
            Arrival::Foreign => {
                self.foreign += 1;
                return Ok(Taken::Nothing);
            }
        }
        if let Some(journal) = &mut self.journal {
            journal.append(outcome).map_err(|error| of(self.out, &error))?;
        }
        if self.console.json() {
            self.console.object(outcome)?;
        }
        self.sync_views()?;
        self.views.take(outcome)?;
        if outcome.is_final {
            self.tally.add(outcome.outcome);
        }
        Ok(Taken::New)
    }

    /// Says something while outcomes come.
    pub(super) fn note(&self, text: &str) {
        self.progress.aside(|| self.console.note(text));
    }

    /// What came is no outcome.
    pub(super) fn pass_over(&mut self, why: &str) -> Taken {
        self.console.detail(&format!("a message among the outcomes is none: {why}"));
        self.foreign += 1;
        Taken::Nothing
    }

    /// Nothing came for a moment.
    pub(super) fn idle(&mut self) -> Result<(), Failure> {
        if let Some(journal) = &mut self.journal {
            journal.sync_if_due().map_err(|error| of(self.out, &error))?;
        }
        self.sync_views()?;
        self.progress.show(self.tally.total(), progress::outcomes(&self.tally), self.console);
        Ok(())
    }

    /// Brings the journal to the disk.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.journal.as_mut().map_or(Ok(()), Journal::sync);
        synced.map_err(|error| of(self.out, &error))
    }

    /// First the journal, so that a store never holds an outcome that the journal lost.
    fn sync_views(&mut self) -> Result<(), Failure> {
        if !self.views.is_due() {
            return Ok(());
        }
        self.sync()?;
        self.views.sync()
    }
}

/// What is wrong with the journal.
fn of(out: Option<&Path>, error: &JournalError) -> Failure {
    resume::of(out.unwrap_or_else(|| Path::new("the journal")), error)
}
