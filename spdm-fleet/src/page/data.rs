//! What the script of the page reads.

use std::collections::BTreeMap;

use serde::Serialize;
use spdm_evidence::printable_text;

use super::detail::{Detail, shown};
use super::{AttemptSpan, Device};
use crate::durations::{Durations, Percentiles};
use crate::outcome::{Fault, OutcomeKind};
use crate::summary::{ItemSummary, Summary};
use crate::timestamp::Timestamp;

/// Upper bounds of the distribution, in milliseconds; what took longer is counted behind the last one.
const LATENCY_MS: [u32; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

#[derive(Serialize)]
pub(super) struct PageData<'p> {
    job: JobPart,
    /// Milliseconds since 1970; other times are milliseconds after it.
    started: u64,
    items: u64,
    missing: u64,
    unfinished: u64,
    attempts: u64,
    torn: bool,
    /// Devices whose measurements are not in the page.
    left_out: usize,
    outcomes: [&'static str; 7],
    faults: [&'static str; 7],
    classes: Vec<String>,
    hosts: Vec<String>,
    sites: Vec<String>,
    latency: Latency,
    rows: Vec<Row<'p>>,
}

#[derive(Serialize)]
struct JobPart {
    name: String,
    digest: String,
}

#[derive(Serialize)]
struct Latency {
    edges: [u32; 15],
    count: usize,
    device: Vec<u64>,
    verify: Vec<u64>,
    device_ms: Option<PercentilePart>,
    verify_ms: Option<PercentilePart>,
}

#[derive(Serialize)]
struct PercentilePart {
    p50: u32,
    p90: u32,
    p99: u32,
    max: u32,
}

/// A device. The names are short, for there are many of them.
#[derive(Serialize)]
struct Row<'p> {
    /// Item.
    i: &'p str,
    /// Target.
    t: String,
    /// Class, host and site: numbers of names.
    c: usize,
    h: usize,
    s: usize,
    /// Outcome and fault: numbers of names.
    o: usize,
    f: usize,
    /// The number of the last attempt.
    n: u32,
    /// Whether it is final.
    z: bool,
    /// Begin and end of the last attempt.
    b: u64,
    e: u64,
    /// Exchange with the device, judging, and time in the queue, in milliseconds.
    d: u64,
    v: u64,
    q: u64,
    /// Requests that were answered.
    k: u32,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<ReasonPart>,
    /// Every attempt, where there are several: number, outcome, begin, end.
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Vec<(u32, usize, u64, u64)>>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    l: BTreeMap<String, String>,
    /// Worker.
    w: String,
    /// Evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    /// What its report says.
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<&'p Detail>,
    /// Whether measurements were left out.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    u: bool,
}

#[derive(Serialize)]
struct ReasonPart {
    check: String,
    detail: String,
}

/// Names that rows name by their numbers.
#[derive(Default)]
struct Numbers<'p> {
    numbers: BTreeMap<&'p str, usize>,
    names: Vec<String>,
}

impl<'p> Numbers<'p> {
    fn of(&mut self, name: &'p str) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(shown(name));
        }
        number
    }
}

impl<'p> PageData<'p> {
    pub(super) fn of(summary: &'p Summary, devices: &'p [Device]) -> Self {
        let head = summary.head();
        let (mut classes, mut hosts, mut sites) =
            (Numbers::default(), Numbers::default(), Numbers::default());
        let rows = summary.items().iter().zip(devices).map(|(item, device)| {
            let places = [classes.of(&item.class), hosts.of(&item.host), sites.of(&item.site)];
            Row::of(item, device, places, head.started)
        });
        let rows: Vec<_> = rows.collect();
        Self {
            job: JobPart { name: shown(&head.job.name), digest: shown(&head.job.digest) },
            started: head.started.unix_ms(),
            items: head.items,
            missing: summary.missing(),
            unfinished: summary.unfinished(),
            attempts: summary.attempts(),
            torn: summary.is_torn(),
            left_out: devices.iter().filter(|device| device.is_left_out).count(),
            outcomes: OutcomeKind::ALL.map(OutcomeKind::name),
            faults: Fault::ALL.map(Fault::name),
            classes: classes.names,
            hosts: hosts.names,
            sites: sites.names,
            latency: Latency::of(summary),
            rows,
        }
    }
}

impl Latency {
    fn of(summary: &Summary) -> Self {
        let (device, verify) = (summary.device_ms(), summary.verify_ms());
        Self {
            edges: LATENCY_MS,
            count: device.count(),
            device: device.distribution(&LATENCY_MS),
            verify: verify.distribution(&LATENCY_MS),
            device_ms: PercentilePart::of(device),
            verify_ms: PercentilePart::of(verify),
        }
    }
}

impl PercentilePart {
    fn of(durations: &Durations) -> Option<Self> {
        let Percentiles { p50, p90, p99, max } = durations.percentiles()?;
        Some(Self { p50, p90, p99, max })
    }
}

impl<'p> Row<'p> {
    fn of(
        item: &'p ItemSummary,
        device: &'p Device,
        [class, host, site]: [usize; 3],
        since: Timestamp,
    ) -> Self {
        let after = |time: Timestamp| time.ms_since(since);
        let span = |(number, span): (&u32, &AttemptSpan)| {
            (*number, number_of(span.outcome), after(span.started), after(span.finished))
        };
        Self {
            i: item.item.as_str(),
            t: shown(&item.target),
            c: class,
            h: host,
            s: site,
            o: number_of(item.outcome),
            f: Fault::ALL.iter().position(|fault| *fault == item.fault).unwrap_or_default(),
            n: item.attempt,
            z: item.is_final,
            b: after(item.started),
            e: after(item.finished),
            d: device.ms.device,
            v: device.ms.verify,
            q: device.ms.queued,
            k: device.round_trips,
            r: item.reason.as_ref().map(|reason| ReasonPart {
                check: shown(&reason.check),
                detail: printable_text(&reason.detail),
            }),
            p: (device.attempts.len() > 1).then(|| device.attempts.iter().map(span).collect()),
            l: device.labels.iter().map(|(name, value)| (shown(name), shown(value))).collect(),
            w: shown(&device.worker),
            y: device.evidence.as_deref().map(shown),
            x: device.detail.as_ref(),
            u: device.is_left_out,
        }
    }
}

fn number_of(kind: OutcomeKind) -> usize {
    OutcomeKind::ALL.iter().position(|known| *known == kind).unwrap_or_default()
}
