//! `spdm fleet watch`.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use spdm_fleet::{
    Arrivals, Classes, Goes, Grouping, ITEM_CHECK, ItemSummary, JournalError, JournalHead,
    NatsSite, Outcome, QueueError, Tally,
};

use super::access::Access;
use super::depth::Depth;
use super::job_sink::{JobSink, Taken};
use crate::args::FleetWatchArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::fleet::attest::open_journal;
use crate::fleet::live_metrics::LiveMetrics;
use crate::fleet::progress::{InFlight, Progress};
use crate::fleet::views::{self, FleetViews};
use crate::interrupt;

/// So long a server may be gone, such as for a restart.
const PATIENCE: Duration = Duration::from_secs(30);
/// A pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// So long nothing comes from empty queues before somebody is told.
const SILENCE: Duration = Duration::from_secs(5);

/// Shows a job until every device has its last outcome.
pub(crate) fn run(
    args: &FleetWatchArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let stop = interrupt::catch_to_stop()?;
    let access = Access::read(&args.queue, console)?;
    let site = access.join(Classes::All, crypto)?;
    let record = site.job(&args.job).map_err(|error| access.failure(&error))?;
    let Some(record) = record else {
        let (server, job) = (access.server(), &args.job);
        return Err(Failure::usage(format!("{server}: no job {job} was submitted")));
    };
    let head = JournalHead::new(record.job, record.items, record.submitted);
    let metrics = LiveMetrics::start(args.metrics.as_ref(), head.items, console)?;
    let views = FleetViews::open(&args.views, metrics.view(), &head, crypto, console)?;
    let mut file = args.out.as_deref().map(open_journal).transpose()?;
    let journal = match (&mut file, args.out.as_deref()) {
        (Some(file), Some(path)) => Some(file.begin(&head).map_err(|error| {
            // The queue has all of it: there is nothing to go on from.
            let hint = matches!(error, JournalError::NotEmpty)
                .then_some("all outcomes of the job are written again: name a new file");
            Failure::usage(format!("{}: {error}", path.display())).with_hint(hint)
        })?),
        _ => None,
    };
    let in_flight = InFlight::default();
    let progress = Progress::of_others(head.items, &in_flight, console);
    let depth = Depth::default();
    let now = Instant::now();
    let look = RefCell::new(Look {
        sink: JobSink {
            arrivals: Arrivals::new(crypto.provider, &head.job, head.items),
            journal,
            out: args.out.as_deref(),
            views,
            tally: Tally::default(),
            progress,
            console,
            foreign: 0,
        },
        depth: &depth,
        server: access.server(),
        stop,
        until: args.wait.map(|wait| now + wait),
        heard: now,
        reached: now,
        has_told: false,
        failure: None,
    });
    let ended = thread::scope(|scope| {
        scope.spawn(|| depth.ask(&site, Some(&args.job), metrics.live(), None));
        let ended = until_over(&site, &args.job, &look);
        depth.end();
        ended
    });
    let Look { mut sink, failure, .. } = look.into_inner();
    sink.progress.end();
    ended.map_err(|error| access.failure(&error))?;
    failure.map_or(Ok(()), Err)?;
    sink.sync()?;
    let JobSink { arrivals, views, console, foreign, .. } = sink;
    if foreign > 0 {
        console.note(&format!(
            "note: {foreign} messages among the outcomes are of no device of this job, and count for nothing"
        ));
    }
    if !arrivals.are_complete() {
        let missing = head.items.saturating_sub(arrivals.ended());
        console
            .note(&format!("it ends before the job does: {missing} devices have no last outcome"));
    }
    let summary = views.finish()?;
    // With --json every outcome has been written as it came.
    let exit = match console.json() {
        true => views::exit(&summary, &args.fail_on()),
        false => views::show(&summary, Grouping::Class, &args.fail_on(), console)?,
    };
    // What nobody submitted may stand in the place of what was, whatever else is excused.
    let is_invented =
        |item: &ItemSummary| item.reason.as_ref().is_some_and(|reason| reason.check == ITEM_CHECK);
    Ok(if summary.items().iter().any(is_invented) { Exit::Rejected } else { exit })
}

/// Reads outcomes until the job is complete, or somebody has enough. A server that goes away may come back.
fn until_over(site: &NatsSite, job: &str, look: &RefCell<Look<'_, '_>>) -> Result<(), QueueError> {
    loop {
        let take = |outcome: Result<Outcome, String>| look.borrow_mut().take(outcome);
        // Each time all outcomes come, from the first one.
        let read = site.outcomes(job, take, || look.borrow_mut().idle());
        let look = look.borrow();
        if look.is_over() {
            return Ok(());
        }
        match read {
            Err(error) if look.reached.elapsed() > PATIENCE => return Err(error),
            Err(error) => look.sink.console.detail(&format!("{error}; it is asked again")),
            Ok(()) => {}
        }
        drop(look);
        thread::sleep(PAUSE);
    }
}

/// Who looks at the outcomes of a job.
struct Look<'l, 'j> {
    sink: JobSink<'l, 'j>,
    depth: &'l Depth,
    server: &'l str,
    stop: &'l AtomicBool,
    /// When it ends, whatever is missing.
    until: Option<Instant>,
    /// When an outcome came.
    heard: Instant,
    /// When the server was there.
    reached: Instant,
    /// Whether somebody was told that nothing comes any more.
    has_told: bool,
    /// Why results cannot be written.
    failure: Option<Failure>,
}

impl Look<'_, '_> {
    fn take(&mut self, outcome: Result<Outcome, String>) -> Goes {
        self.reached = Instant::now();
        let taken = match outcome {
            Ok(outcome) => self.sink.take(&outcome),
            Err(why) => Ok(self.sink.pass_over(&why)),
        };
        match taken {
            Ok(Taken::New) => self.heard = self.reached,
            Ok(Taken::Nothing) => {}
            Err(failure) => self.failure = Some(failure),
        }
        // That the job is complete counts once nothing more comes: what contradicts may be behind the last outcome.
        if self.has_enough() { Goes::Enough } else { Goes::On }
    }

    fn idle(&mut self) -> Goes {
        if let Err(failure) = self.sink.idle() {
            self.failure = Some(failure);
        }
        if !self.depth.is_away() {
            self.reached = Instant::now();
        } else if self.reached.elapsed() > PATIENCE {
            let (server, secs) = (self.server, PATIENCE.as_secs());
            self.failure = Some(Failure::transport(format!("{server}: no answer for {secs} s")));
        }
        if !self.has_told && self.depth.is_empty() && self.heard.elapsed() > SILENCE {
            self.has_told = true;
            self.sink.console.note(
                "note: the queues are empty, and devices of this job have no outcome; spdm fleet submit with the same list queues them again",
            );
        }
        if self.is_over() { Goes::Enough } else { Goes::On }
    }

    fn is_over(&self) -> bool {
        self.sink.arrivals.are_complete() || self.has_enough()
    }

    fn has_enough(&self) -> bool {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        is_late || self.failure.is_some() || self.stop.load(Ordering::Relaxed)
    }
}
