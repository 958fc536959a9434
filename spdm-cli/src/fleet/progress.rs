//! What a person sees while a run goes on: one bar and the slowest devices on a terminal, else a line now and then.

mod screen;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spdm_evidence::printable_text;
use spdm_fleet::{OutcomeKind, Tally, Target, Ticket, Watcher};

use self::screen::Screen;
use crate::console::Console;

/// How often somebody without a terminal who wants to know (-v) is told.
const PERIOD: Duration = Duration::from_secs(10);
/// Devices in flight that are shown.
const SLOWEST: usize = 3;
/// Who takes shorter is not slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the display is drawn in a second, at most.
const DRAWN_IN_A_SECOND: u8 = 20;
/// Columns of the bar, and on a narrow terminal.
const BAR: usize = 24;
const SHORT_BAR: usize = 8;
/// With fewer columns a terminal is narrow.
const NARROW: usize = 72;
/// Columns that stay free in each line: `^C` finds room behind the last one.
const FREE: usize = 3;

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
    /// Names of those in flight.
    targets: &'p [Target],
    items: u64,
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
    columns: usize,
}

impl<'p> Progress<'p> {
    /// A run begins.
    pub(crate) fn new(
        targets: &'p [Target],
        before: u64,
        in_flight: &'p InFlight,
        console: &Console,
    ) -> Self {
        let items = u64::try_from(targets.len()).unwrap_or(u64::MAX);
        Self { targets, before, ..Self::of_others(items, in_flight, console) }
    }

    /// A run over so many items, which others work on: nobody here knows who is in flight.
    pub(crate) fn of_others(items: u64, in_flight: &'p InFlight, console: &Console) -> Self {
        let now = Instant::now();
        let display = console.waiting_columns().map(|columns| Display::new(items, columns));
        Self { targets: &[], items, in_flight, begun: now, before: 0, told: now, display }
    }

    /// Shows how far it is: so many items ended, in these words.
    pub(crate) fn show(&mut self, ended: u64, words: Vec<String>, console: &Console) {
        let state = State {
            ended,
            words,
            total: self.items,
            done: ended.saturating_sub(self.before),
            took: self.begun.elapsed(),
        };
        if let Some(display) = &self.display {
            display.show(&state, self.targets, &self.in_flight.slowest());
        } else if self.told.elapsed() >= PERIOD {
            self.told = Instant::now();
            console.detail(&state.to_string());
        }
    }

    /// Says something while the run goes on, above what is shown of it.
    #[cfg(feature = "nats")]
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        match &self.display {
            Some(display) => display.bar.suspend(say),
            None => say(),
        }
    }

    /// Takes everything off the terminal, for good.
    pub(crate) fn end(&self) {
        if let Some(display) = &self.display {
            display.bar.finish_and_clear();
        }
    }
}

impl Display {
    fn new(items: u64, columns: usize) -> Self {
        let target =
            ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), DRAWN_IN_A_SECOND);
        let bar = ProgressBar::with_draw_target(Some(items), target);
        let template = format!("{{bar:{}}} {{pos}}/{{len}}  {{msg}}", bar_columns(columns));
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━━─"));
        Self { bar, columns }
    }

    fn show(&self, state: &State, targets: &[Target], slowest: &[(usize, Duration)]) {
        let most = self.columns.saturating_sub(FREE);
        let before = format!(" {}/{}  ", state.ended, state.total).len();
        let before = before.saturating_add(bar_columns(self.columns));
        let mut message = cut(&state.counts(), most.saturating_sub(before));
        for (index, took) in slowest {
            let Some(target) = targets.get(*index) else { continue };
            let took = format!(" {} s", took.as_secs());
            let name = format!("  {}", printable_text(&target.target));
            message.push('\n');
            message.push_str(&cut(&name, most.saturating_sub(took.len())));
            message.push_str(&took);
        }
        self.bar.set_position(state.ended);
        self.bar.set_message(message);
    }
}

const fn bar_columns(columns: usize) -> usize {
    if columns < NARROW { SHORT_BAR } else { BAR }
}

/// The beginning of a text, in so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Items by how they ended, in words.
pub(crate) fn outcomes(tally: &Tally) -> Vec<String> {
    let counts = OutcomeKind::ALL.into_iter().map(|kind| (kind, tally.count(kind)));
    let counts = counts.filter(|(_, count)| *count > 0);
    counts.map(|(kind, count)| format!("{count} {kind}")).collect()
}

/// How far a run is.
struct State {
    /// Items that ended, in this run and before.
    ended: u64,
    /// What there is of each kind.
    words: Vec<String>,
    total: u64,
    /// Items that ended in this run.
    done: u64,
    took: Duration,
}

impl State {
    /// What there is of each kind, the rate, and how long it takes at that.
    fn counts(&self) -> String {
        let mut words = self.words.clone();
        let left = self.total.saturating_sub(self.ended);
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.ended, self.total, self.counts())
    }
}
