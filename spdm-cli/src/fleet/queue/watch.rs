//! `spdm fleet watch`.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use spdm_fleet::{
    Arrivals, Classes, Goes, Grouping, JournalError, JournalHead, Metrics, NatsSite, Outcome,
    QueueError, Tally,
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
/// Outcomes that were read and wait to be written.
const MOST_WAITING: usize = 64;

/// Shows a job until every device has its last outcome.
pub(crate) fn run(
    args: &FleetWatchArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let access = Access::read(&args.queue, console)?;
    let metrics = LiveMetrics::start(args.metrics.as_ref(), 0, console)?;
    let site = Arc::new(access.join(Classes::All, crypto)?);
    let record = site.job(&args.job).map_err(|error| access.failure(&error))?;
    let Some(record) = record else {
        let (server, job) = (access.server(), &args.job);
        return Err(Failure::usage(format!("{server}: no job {job} was submitted")));
    };
    let head = JournalHead::new(record.job, record.items, record.submitted);
    if let Some(metrics) = metrics.live() {
        metrics.expect(head.items);
    }
    // Until here nothing was begun: a signal ends the process.
    let stop = interrupt::catch_to_stop()?;
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
    let depth = Arc::<Depth>::default();
    let news = ask(&site, &args.job, &depth, metrics.live())
        .map_err(|error| Failure::usage(format!("a thread: {error}")))?;
    let now = Instant::now();
    let mut look = Look {
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
    };
    let ended = look.until_over(&news);
    let Look { mut sink, failure, .. } = look;
    sink.progress.end();
    ended.map_err(|error| access.failure(&error))?;
    failure.map_or(Ok(()), Err)?;
    sink.sync()?;
    let JobSink { arrivals, views, console, foreign, .. } = sink;
    if foreign > 0 {
        let messages = if foreign == 1 {
            "message among the outcomes is of no device of this job, and counts"
        } else {
            "messages among the outcomes are of no device of this job, and count"
        };
        console.note(&format!("note: {foreign} {messages} for nothing"));
    }
    if !arrivals.are_complete() {
        let missing = head.items.saturating_sub(arrivals.ended());
        let devices = if missing == 1 { "device has" } else { "devices have" };
        console.note(&format!("it ends before the job does: {missing} {devices} no last outcome"));
    }
    let summary = views.finish()?;
    // With --json every outcome has been written as it came.
    let exit = match console.json() {
        true => views::exit(&summary, &args.views.fail_on()),
        false => views::show(&summary, Grouping::Class, &args.views.fail_on(), console)?,
    };
    // Somebody makes up messages, or what was said of a device is not among the outcomes, whatever else is excused.
    // Whoever is in a hurry does not wait for an answer.
    let put_aside = match stop.load(Ordering::Relaxed) {
        true => depth.put_aside(),
        false => site.dead_of(&args.job).map_err(|error| access.failure(&error))?,
    };
    if put_aside > 0 {
        console.note(&format!(
            "warning: {}: nobody with the key submitted them, or no judge could work on them; the stream SPDM_DEAD has each with its reason",
            messages_aside(put_aside)
        ));
        return Ok(Exit::Rejected);
    }
    Ok(exit)
}

/// How many messages were put aside, in words.
fn messages_aside(count: u64) -> String {
    match count {
        1 => "1 message of this job was put aside".to_owned(),
        _ => format!("{count} messages of this job were put aside"),
    }
}

/// What is heard of a job.
enum News {
    /// An outcome, or why a message is none.
    Outcome(Result<Box<Outcome>, String>),
    /// Every outcome was read that is there.
    NoMore,
    /// The server went away, and may come back.
    Failed(QueueError),
}

/// Asks a server in threads that nobody waits for: an answer may be long in coming, and whoever has enough ends at once.
fn ask(
    site: &Arc<NatsSite>,
    job: &str,
    depth: &Arc<Depth>,
    metrics: Option<&Arc<Metrics>>,
) -> io::Result<Receiver<News>> {
    let (asked, name, looks) = (Arc::clone(site), job.to_owned(), Arc::clone(depth));
    let metrics = metrics.map(Arc::clone);
    let looking = move || looks.ask(&asked, Some(&name), metrics.as_ref(), None);
    thread::Builder::new().name("depth".to_owned()).spawn(looking)?;
    let (tell, news) = sync_channel(MOST_WAITING);
    let (asked, name) = (Arc::clone(site), job.to_owned());
    let reading = move || while read(&asked, &name, &tell) == Goes::On {};
    thread::Builder::new().name("outcomes".to_owned()).spawn(reading)?;
    Ok(news)
}

/// Tells all outcomes of a job, from the first one, and those that come, until the server goes away.
fn read(site: &NatsSite, job: &str, tell: &SyncSender<News>) -> Goes {
    let told = |news| if tell.send(news).is_ok() { Goes::On } else { Goes::Enough };
    let read = site.outcomes(
        job,
        |outcome| told(News::Outcome(outcome.map(Box::new))),
        || told(News::NoMore),
    );
    let goes = read.map_or_else(|error| told(News::Failed(error)), |()| told(News::NoMore));
    if goes == Goes::On {
        thread::sleep(PAUSE);
    }
    goes
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
    /// Takes what comes until the job is complete, or somebody has enough. A server that goes away may come back.
    fn until_over(&mut self, news: &Receiver<News>) -> Result<(), QueueError> {
        loop {
            match news.recv_timeout(interrupt::STEP) {
                Ok(News::Outcome(outcome)) => self.take(outcome),
                // That the job is complete counts once nothing more comes: what contradicts may be behind the last outcome.
                Ok(News::NoMore) => {
                    self.idle();
                    if self.sink.arrivals.are_complete() {
                        return Ok(());
                    }
                }
                Ok(News::Failed(error)) if self.reached.elapsed() > PATIENCE => return Err(error),
                Ok(News::Failed(error)) => {
                    self.sink.console.detail(&format!("{error}; it is asked again"));
                }
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.has_enough() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, outcome: Result<Box<Outcome>, String>) {
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
    }

    fn idle(&mut self) {
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
            let aside = match self.depth.put_aside() {
                0 => String::new(),
                count => format!("; {}", messages_aside(count)),
            };
            self.sink.note(&format!(
                "note: the queues are empty, and devices of this job have no outcome; spdm fleet submit with the same list queues them again{aside}"
            ));
        }
    }

    fn has_enough(&self) -> bool {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        is_late || self.failure.is_some() || self.stop.load(Ordering::Relaxed)
    }
}
