//! Where outcomes go: the journal, standard output, the count, the display.

use core::time::Duration;
use std::io;
use std::sync::PoisonError;
use std::time::Instant;

use spdm_fleet::{Journal, JournalError, Outcome, OutcomeSink, Tally};

use crate::console::Console;
use crate::exit::Failure;
use crate::fleet::attester::DeviceAttester;
use crate::fleet::progress::{self, Progress};
use crate::fleet::views::FleetViews;
use crate::known::KnownFile;

/// So long outcomes wait for each other where devices are learned: the file is written once for all of them.
const LEARNING_PERIOD: Duration = Duration::from_secs(1);
/// So many outcomes wait at most.
const MOST_WAITING: usize = 256;

/// Where outcomes go.
pub(crate) struct FleetSink<'s, 'j> {
    pub(crate) journal: Option<Journal<'j>>,
    pub(crate) console: &'s mut Console,
    pub(crate) tally: Tally,
    /// What is made of the outcomes beside the journal.
    pub(crate) views: FleetViews<'s>,
    pub(crate) progress: Progress<'s>,
    /// The file that devices are learned into.
    pub(crate) known: Option<KnownFile<'s>>,
    pub(crate) attester: &'s DeviceAttester<'s>,
    /// Outcomes that wait until the devices that they learned are in the file.
    pub(crate) waiting: Vec<Outcome>,
    pub(crate) waiting_since: Instant,
    /// Why it cannot go on.
    pub(crate) failure: Option<Failure>,
}

impl OutcomeSink for FleetSink<'_, '_> {
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        if self.known.is_none() {
            return self.write(&outcome);
        }
        if self.waiting.is_empty() {
            self.waiting_since = Instant::now();
        }
        self.waiting.push(outcome);
        if self.waiting.len() >= MOST_WAITING { self.flush() } else { Ok(()) }
    }

    fn idle(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() && self.waiting_since.elapsed() >= LEARNING_PERIOD {
            self.flush()?;
        }
        if let Some(journal) = &mut self.journal {
            journal.sync_if_due().map_err(io_error)?;
        }
        self.sync_views()?;
        self.progress.show(self.tally.total(), progress::outcomes(&self.tally), self.console);
        Ok(())
    }
}

impl FleetSink<'_, '_> {
    /// Writes what waits, and brings the journal to the disk.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.journal.as_mut().map_or(Ok(()), Journal::sync).map_err(io_error)
    }

    /// First the devices, then the outcomes that say so.
    fn flush(&mut self) -> io::Result<()> {
        let mut learned = self.attester.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = core::mem::take(&mut *learned);
        if let Some(file) = self.known.as_mut().filter(|_| !learned.is_empty())
            && let Err(failure) = file.learn(learned)
        {
            return self.keep(Err(failure));
        }
        core::mem::take(&mut self.waiting).iter().try_for_each(|outcome| self.write(outcome))
    }

    /// First the journal, so that a store never holds an outcome that the journal lost.
    fn sync_views(&mut self) -> io::Result<()> {
        if !self.views.is_due() {
            return Ok(());
        }
        self.journal.as_mut().map_or(Ok(()), Journal::sync).map_err(io_error)?;
        let synced = self.views.sync();
        self.keep(synced)
    }

    /// Keeps why it cannot go on.
    fn keep(&mut self, result: Result<(), Failure>) -> io::Result<()> {
        result.map_err(|failure| {
            let message = failure.message.clone();
            self.failure = Some(failure);
            io::Error::other(message)
        })
    }

    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(outcome).map_err(io_error)?;
        }
        if self.console.json() {
            let written = self.console.object(outcome);
            self.keep(written)?;
        }
        self.sync_views()?;
        let taken = self.views.take(outcome);
        self.keep(taken)?;
        if outcome.is_final {
            self.tally.add(outcome.outcome);
        }
        Ok(())
    }
}

fn io_error(error: JournalError) -> io::Error {
    match error {
        JournalError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}
