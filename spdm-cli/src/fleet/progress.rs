//! What a person sees while a run goes on: one bar and the slowest devices on a terminal, else a line now and then.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use spdm_evidence::printable_text;
use spdm_fleet::{OutcomeKind, Tally, Target, Ticket, Watcher};

use crate::console::Console;

/// How often somebody without a terminal who wants to know (-v) is told.
const PERIOD: Duration = Duration::from_secs(10);
/// Devices in flight that are shown.
const SLOWEST: usize = 3;
/// Who takes shorter is not slow.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which attempts are in flight, and since when.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<BTreeMap<usize, Instant>>);

impl Watcher for InFlight {
    fn begins(&self, ticket: &Ticket) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.insert(ticket.index, Instant::now());
    }

    fn ends(&self, ticket: &Ticket) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket.index);
    }
}

impl InFlight {
    /// The slowest ones, and how long they have taken.
    fn slowest(&self) -> Vec<(usize, Duration)> {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            since.iter().map(|(index, since)| (*index, since.elapsed())).collect();
        drop(since);
        all.retain(|(_, took)| *took >= PATIENCE);
        all.sort_unstable_by_key(|(_, took)| core::cmp::Reverse(*took));
        all.truncate(SLOWEST);
        all
    }
}

/// Shows how far a run is.
pub(crate) struct Progress<'p> {
    targets: &'p [Target],
    in_flight: &'p InFlight,
    begun: Instant,
    /// Items that had ended before.
    before: u64,
    told: Instant,
    display: Option<Display>,
}

/// On a terminal.
struct Display {
    bar: ProgressBar,
    slow: Vec<ProgressBar>,
    all: MultiProgress,
}

impl<'p> Progress<'p> {
    /// A run begins.
    pub(crate) fn new(
        targets: &'p [Target],
        before: u64,
        in_flight: &'p InFlight,
        console: &Console,
    ) -> Self {
        let now = Instant::now();
        let display = console.waiting_columns().map(|_| Display::new(targets.len()));
        Self { targets, in_flight, begun: now, before, told: now, display }
    }

    /// Shows how far it is.
    pub(crate) fn show(&mut self, tally: &Tally, console: &Console) {
        let state = State {
            tally,
            total: self.targets.len(),
            done: self.done(tally),
            took: self.begun.elapsed(),
        };
        if let Some(display) = &self.display {
            display.show(&state, self.targets, &self.in_flight.slowest());
        } else if self.told.elapsed() >= PERIOD {
            self.told = Instant::now();
            console.detail(&state.to_string());
        }
    }

    /// Items that ended in this run.
    fn done(&self, tally: &Tally) -> u64 {
        tally.total().saturating_sub(self.before)
    }

    /// Takes everything off the terminal.
    pub(crate) fn end(&self) {
        if let Some(display) = &self.display {
            // There is nowhere to complain about standard error.
            let _ = display.all.clear();
        }
    }
}

impl Display {
    fn new(targets: usize) -> Self {
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let bar = ProgressBar::new(u64::try_from(targets).unwrap_or(u64::MAX));
        bar.set_style(style("{bar:24} {pos}/{len}  {msg}").progress_chars("━━─"));
        let bar = all.add(bar);
        let line = |_| {
            let line = all.add(ProgressBar::new_spinner());
            line.set_style(style("  {msg}"));
            line
        };
        let slow = (0..SLOWEST).map(line).collect();
        Self { bar, slow, all }
    }

    fn show(&self, state: &State<'_>, targets: &[Target], slowest: &[(usize, Duration)]) {
        self.bar.set_position(state.tally.total());
        self.bar.set_message(state.counts());
        for (place, line) in self.slow.iter().enumerate() {
            let slow = slowest.get(place);
            let slow = slow.and_then(|(index, took)| Some((targets.get(*index)?, took)));
            line.set_message(slow.map_or_else(String::new, |(target, took)| {
                format!("{} {} s", printable_text(&target.target), took.as_secs())
            }));
        }
    }
}

/// How far a run is.
struct State<'s> {
    tally: &'s Tally,
    total: usize,
    /// Items that ended in this run.
    done: u64,
    took: Duration,
}

impl State<'_> {
    /// What there is of each kind, the rate, and how long it takes at that.
    fn counts(&self) -> String {
        let kinds = OutcomeKind::ALL.into_iter().filter_map(|kind| {
            let count = self.tally.count(kind);
            let shown = count > 0 || kind == OutcomeKind::Verified;
            shown.then(|| format!("{count} {kind}"))
        });
        let mut words: Vec<_> = kinds.collect();
        let left = u64::try_from(self.total).unwrap_or(u64::MAX).saturating_sub(self.tally.total());
        let seconds = self.took.as_secs();
        if let Some(rate) = self.done.checked_div(seconds).filter(|rate| *rate > 0) {
            words.push(format!("{rate}/s"));
        }
        if let Some(more) = left.saturating_mul(seconds).checked_div(self.done) {
            words.push(format!("{more} s left"));
        }
        words.join("  ")
    }
}

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.tally.total(), self.total, self.counts())
    }
}
