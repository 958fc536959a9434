//! Metrics of a run, for Prometheus. No label names a device.

mod labels;
mod server;

use core::fmt;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::outcome::{Outcome, OutcomeKind};
use crate::summary::{ItemSummary, Summary};
use crate::tally::Tally;
use crate::target::Target;
use crate::timestamp::Timestamp;
use labels::{ByClass, ByOutcome, ByReason, ByStage, ByState, ByStream, ByTransport, Names};
pub use server::MetricsServer;

/// Upper bounds of the histogram in seconds: 1 ms to 60 s.
const STAGE_SECONDS: [f64; 15] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// The state of items that have no outcome.
const PENDING: &str = "pending";
const STAGES: [&str; 3] = ["queue", "device", "verify"];

type Counters<L> = Family<L, Counter<u64, AtomicU64>>;
type Gauges<L> = Family<L, Gauge<i64, AtomicI64>>;

/// The metrics of a run. What can be shared between threads is.
pub struct Metrics {
    registry: Registry,
    items: Gauges<ByState>,
    outcomes: Counters<ByOutcome>,
    attempts: Counters<ByClass>,
    stages: Family<ByStage, Histogram, fn() -> Histogram>,
    round_trips: Counters<ByTransport>,
    retries: Counters<ByReason>,
    queue_pending: Gauges<ByStream>,
    redelivered: Counter<u64, AtomicU64>,
    last_success: Gauges<ByClass>,
    in_flight: Gauge<i64, AtomicI64>,
    known: Mutex<Known>,
}

/// What is known from before.
#[derive(Default)]
struct Known {
    classes: Names,
    reasons: Names,
    /// In seconds since 1970, by class.
    last_success: BTreeMap<String, u64>,
    /// As what each item is counted that is done, by its place in the summary.
    counted: Vec<Option<ByOutcome>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Of a job of so many items, none of which has an outcome.
    #[must_use]
    pub fn new(items: u64) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(STAGE_SECONDS);
        let metrics = Self {
            registry: Registry::default(),
            items: Family::default(),
            outcomes: Family::default(),
            attempts: Family::default(),
            stages: Family::new_with_constructor(histogram),
            round_trips: Family::default(),
            retries: Family::default(),
            queue_pending: Family::default(),
            redelivered: Counter::default(),
            last_success: Family::default(),
            in_flight: Gauge::default(),
            known: Mutex::default(),
        };
        for stage in STAGES {
            drop(metrics.stages.get_or_create(&ByStage { stage }));
        }
        metrics.set_items(&Tally::default(), items);
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        // A counter is named without `_total`, and a help text without its full stop: the encoder adds them.
        registry.register("spdm_items", "Items by their last outcome", self.items.clone());
        registry.register(
            "spdm_outcomes",
            "Items that are done, by how they ended",
            self.outcomes.clone(),
        );
        registry.register("spdm_attempts", "Attempts that were made", self.attempts.clone());
        registry.register(
            "spdm_stage_seconds",
            "How long the parts of attempts took",
            self.stages.clone(),
        );
        registry.register(
            "spdm_round_trips",
            "Requests that were answered",
            self.round_trips.clone(),
        );
        registry.register(
            "spdm_retries",
            "Attempts that another one follows, by why",
            self.retries.clone(),
        );
        registry.register(
            "spdm_queue_pending",
            "Messages that wait in a queue",
            self.queue_pending.clone(),
        );
        registry.register(
            "spdm_redelivered",
            "Messages that a queue delivered again",
            self.redelivered.clone(),
        );
        registry.register(
            "spdm_last_success_timestamp_seconds",
            "When an item of the class was verified last, in seconds since 1970",
            self.last_success.clone(),
        );
        registry.register("spdm_in_flight", "Attempts that are being made", self.in_flight.clone());
        self
    }

    /// So many items are expected, none of which has an outcome: whoever serves metrics may know it later.
    pub fn expect(&self, items: u64) {
        self.set_items(&Tally::default(), items);
    }

    /// An attempt began.
    pub fn begun(&self) {
        self.in_flight.inc();
    }

    /// An attempt that began has ended; [`Self::take`] says how.
    pub fn ended(&self) {
        self.in_flight.dec();
    }

    /// So many messages wait in this stream of a queue.
    pub fn queue_pending(&self, stream: &'static str, messages: u64) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.queue_pending.get_or_create(&ByStream { stream }).set(messages);
    }

    /// A queue has delivered a message again.
    pub fn redelivered(&self) {
        self.redelivered.inc();
    }

    /// Counts an outcome that the summary has taken: it is about `item` of [`Summary::items`]. An item is counted by what the
    /// summary says of it: what a later outcome contradicts is taken back.
    pub fn take(&self, outcome: &Outcome, summary: &Summary, item: usize) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let class = known.classes.label(&outcome.class);
        let transport = Target::new(outcome.target.as_str()).transport().name();
        self.attempts.get_or_create(&ByClass { class: class.clone() }).inc();
        let round_trips = u64::from(outcome.round_trips);
        self.round_trips.get_or_create(&ByTransport { transport }).inc_by(round_trips);
        self.observe(outcome);
        if !outcome.is_final {
            let check = outcome.reason.as_ref().map_or("", |reason| &reason.check);
            let reason = known.reasons.label(check);
            self.retries.get_or_create(&ByReason { reason }).inc();
        }
        let done = summary.items().get(item).filter(|item| item.is_final);
        let labels = done.map(|item| ByOutcome {
            outcome: item.outcome.name(),
            fault: item.fault.name(),
            class,
            transport,
        });
        self.count(&mut known, item, labels, summary);
        self.set_items(summary.counts(), summary.missing());
    }

    /// Counts an item, and no more as what it was counted before.
    fn count(&self, known: &mut Known, item: usize, now: Option<ByOutcome>, summary: &Summary) {
        if known.counted.len() <= item {
            known.counted.resize(item.saturating_add(1), None);
        }
        let Some(counted) = known.counted.get_mut(item) else { return };
        if *counted == now {
            return;
        }
        let before = core::mem::replace(counted, now.clone());
        if let Some(labels) = now {
            self.outcomes.get_or_create(&labels).inc();
            if let Some(of_item) = summary.items().get(item).filter(|item| is_verified(item)) {
                self.raise_last_success(known, labels.class, of_item.finished);
            }
        }
        if let Some(labels) = before {
            // Whoever looks at the rate sees a counter that began again: rare, and loud by what the item is counted as now.
            self.outcomes.get_or_create(&labels).inner().fetch_sub(1, Ordering::Relaxed);
            if labels.outcome == OutcomeKind::Verified.name() {
                self.find_last_success(known, labels.class, summary);
            }
        }
    }

    fn raise_last_success(&self, known: &mut Known, class: String, at: Timestamp) {
        let last = known.last_success.entry(class.clone()).or_default();
        *last = (at.unix_ms() / 1000).max(*last);
        let at = i64::try_from(*last).unwrap_or(i64::MAX);
        self.last_success.get_or_create(&ByClass { class }).set(at);
    }

    /// A success of the class was taken back: it is what the other ones say.
    fn find_last_success(&self, known: &mut Known, class: String, summary: &Summary) {
        known.last_success.remove(&class);
        self.last_success.remove(&ByClass { class: class.clone() });
        for item in summary.items().iter().filter(|item| is_verified(item)) {
            if known.classes.label(&item.class) == class {
                self.raise_last_success(known, class.clone(), item.finished);
            }
        }
    }

    /// Every state is there from the beginning, so that nobody waits for one that does not occur.
    fn set_items(&self, counts: &Tally, missing: u64) {
        let states = OutcomeKind::ALL.map(|kind| (kind.name(), counts.count(kind)));
        for (state, items) in states.into_iter().chain([(PENDING, missing)]) {
            let items = i64::try_from(items).unwrap_or(i64::MAX);
            self.items.get_or_create(&ByState { state }).set(items);
        }
    }

    fn observe(&self, outcome: &Outcome) {
        let ms = &outcome.ms;
        let answered = outcome.round_trips > 0;
        let stages = [
            ("queue", ms.queued, true),
            ("device", ms.device, true),
            ("verify", ms.verify, answered),
        ];
        for (stage, ms, counts) in stages {
            if counts {
                // Exact up to an hour and far beyond.
                let ms = f64::from(u32::try_from(ms).unwrap_or(u32::MAX));
                self.stages.get_or_create(&ByStage { stage }).observe(ms / 1000.0);
            }
        }
    }

    /// All of it in the text format of Prometheus, version 0.0.4, which node_exporter's textfile collector reads too.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // It can fail where a label or a number cannot be written into memory: never.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

fn is_verified(item: &ItemSummary) -> bool {
    item.outcome == OutcomeKind::Verified
}
