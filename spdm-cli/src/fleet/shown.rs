//! The summary of a run for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use spdm_fleet::{
    Durations, Fault, Grouping, ItemSummary, Job, OutcomeKind, Percentiles, Reason, Summary, Tally,
    Timestamp,
};

use crate::object_head::FormVersion;

/// What the outcomes of a run come to: docs/schema/fleet-report.json.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What the outcomes of a run come to",
        description = "What spdm fleet report --json prints."
    )
)]
pub(crate) struct ShownSummary<'s> {
    schema: FormVersion<1>,
    /// The job.
    job: &'s Job,
    /// When it was begun.
    started: Timestamp,
    /// How many items it has.
    items: u64,
    /// Of which there is no outcome: the run was stopped.
    missing: u64,
    /// That another attempt should have followed, but the run was stopped.
    unfinished: u64,
    /// Attempts in all.
    attempts: u64,
    /// Items by their last outcome, every kind.
    outcomes: BTreeMap<&'static str, u64>,
    /// By what groups are made: class, host or fault.
    by: &'static str,
    /// The groups.
    groups: Vec<ShownGroup<'s>>,
    /// How long the exchange with a device took, and to judge what it said, in milliseconds.
    ms: ShownDurations,
    /// Every item that is not verified.
    not_verified: Vec<ShownItem<'s>>,
}

/// Some of the items.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownGroup<'s> {
    /// The class, host or fault.
    name: &'s str,
    /// How many items of it have an outcome.
    items: u64,
    /// Items by their last outcome, every kind.
    outcomes: BTreeMap<&'static str, u64>,
}

/// How long things took; null where no device answered.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownDurations {
    device: Option<ShownPercentiles>,
    verify: Option<ShownPercentiles>,
}

/// In milliseconds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownPercentiles {
    /// How many attempts are counted.
    count: usize,
    p50: u32,
    p90: u32,
    p99: u32,
    max: u32,
}

/// An item that is not verified.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownItem<'s> {
    item: &'s str,
    target: &'s str,
    class: &'s str,
    host: &'s str,
    /// The number of the last attempt.
    attempt: u32,
    /// How that ended.
    outcome: OutcomeKind,
    /// Whose fault it is.
    fault: Fault,
    /// Why.
    reason: Option<&'s Reason>,
}

impl<'s> ShownSummary<'s> {
    pub(crate) fn of(summary: &'s Summary, by: Grouping) -> Self {
        let head = summary.head();
        Self {
            schema: FormVersion,
            job: &head.job,
            started: head.started,
            items: head.items,
            missing: summary.missing(),
            unfinished: summary.unfinished(),
            attempts: summary.attempts(),
            outcomes: outcomes(summary.counts()),
            by: by.name(),
            groups: summary.groups(by).into_iter().map(ShownGroup::of).collect(),
            ms: ShownDurations {
                device: ShownPercentiles::of(summary.device_ms()),
                verify: ShownPercentiles::of(summary.verify_ms()),
            },
            not_verified: summary.not_verified().into_iter().map(ShownItem::of).collect(),
        }
    }
}

fn outcomes(counts: &Tally) -> BTreeMap<&'static str, u64> {
    OutcomeKind::ALL.into_iter().map(|kind| (kind.name(), counts.count(kind))).collect()
}

impl<'s> ShownGroup<'s> {
    fn of((name, counts): (&'s str, Tally)) -> Self {
        Self { name, items: counts.total(), outcomes: outcomes(&counts) }
    }
}

impl ShownPercentiles {
    fn of(durations: &Durations) -> Option<Self> {
        let Percentiles { p50, p90, p99, max, .. } = durations.percentiles()?;
        Some(Self { count: durations.count(), p50, p90, p99, max })
    }
}

impl<'s> ShownItem<'s> {
    fn of(item: &'s ItemSummary) -> Self {
        Self {
            item: item.item.as_str(),
            target: &item.target,
            class: &item.class,
            host: &item.host,
            attempt: item.attempt,
            outcome: item.outcome,
            fault: item.fault,
            reason: item.reason.as_ref(),
        }
    }
}
