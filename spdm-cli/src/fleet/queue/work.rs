//! `spdm fleet work`.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::thread;

use spdm_fleet::{
    Classes as WantedClasses, CollectRole, JudgeRole, Metrics, NatsSite, Nonces, Role, Worker,
    WorkerError,
};

use super::access::Access;
use super::class_collector::ClassCollector;
use super::counted_role::CountedRole;
use super::depth::Depth;
use super::named_judge::NamedJudge;
use super::worker_log::WorkerLog;
use crate::args::{FleetWorkArgs, RoleChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file::{Output, OutputPlace};
use crate::fleet::attest::worker;
use crate::fleet::class_profile::Classes;
use crate::fleet::collect::read_key;
use crate::fleet::live_metrics::LiveMetrics;
use crate::fleet::offline_judge::OfflineJudge;
use crate::fleet::site_rules::SiteInputs;
use crate::fleet::views::MetricsView;
use crate::interrupt;

/// How often a device is tried, how many of a host at once, and how long an attempt may take, where nobody says.
const ATTEMPTS: u32 = 3;
const PER_HOST: u32 = 2;
const DEADLINE: Duration = Duration::from_secs(60);
/// A worker is heard of so often, at least: more than twice in the shortest time after which somebody else is given the work.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Works for the queues until it is asked to end, or until they are empty.
pub(crate) fn run(
    args: &FleetWorkArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    args.check()?;
    let stop = interrupt::catch_to_stop()?;
    let profile = args.class_profile.as_deref().map(Classes::read).transpose()?;
    args.class.connection.check()?;
    let key = args.key.as_deref().map(|path| read_key(path, console)).transpose()?;
    // A collector reads no rules: it may not have their files.
    let inputs =
        key.as_ref().map(|_| SiteInputs::read(&args.class, profile.as_ref(), crypto, console));
    let inputs = inputs.transpose()?;
    let rules = inputs.as_ref().map(|inputs| inputs.rules(crypto)).transpose()?;
    let judge = rules.map(|rules| OfflineJudge { rules, crypto });
    let collector = ClassCollector {
        class: &args.class,
        profile: profile.as_ref(),
        deadline: args.deadline.unwrap_or(DEADLINE),
        crypto,
    };
    let access = Access::read(&args.queue, console)?;
    let classes = match args.classes.as_slice() {
        [] => WantedClasses::All,
        classes => WantedClasses::Only(classes.to_vec()),
    };
    let live = LiveMetrics::start(args.metrics.as_ref(), 0, console)?;
    let (metrics, file) = match live.view() {
        MetricsView::None => (None, None),
        MetricsView::Live(metrics) => (Some(metrics), None),
        MetricsView::File(path) => {
            let file = Output::create(path, OutputPlace::Beside)?;
            (Some(Arc::new(Metrics::new(0))), Some(file))
        }
    };
    let site = access.join(classes, crypto)?;
    let name = worker();
    let log = WorkerLog::of(console);
    let collects = args
        .has(RoleChoice::Collect)
        .then(|| CollectRole::new(&site, &collector, args.per_host.unwrap_or(PER_HOST), &name));
    let judge = judge.as_ref().map(|judge| {
        let has_told = AtomicBool::new(false);
        NamedJudge { judge, log: &log, has_told }
    });
    let judges = judge.as_ref().zip(key.as_ref()).map(|(judge, key)| {
        let nonces = Nonces::new(crypto.provider, key);
        let window = args.freshness.unwrap_or(Nonces::WINDOW);
        JudgeRole::new(&site, nonces, window, judge, args.attempts.unwrap_or(ATTEMPTS), &name)
    });
    let collects: Option<&dyn Role> = collects.as_ref().map(|role| -> &dyn Role { role });
    let judges: Option<&dyn Role> = judges.as_ref().map(|role| -> &dyn Role { role });
    let roles = collects.into_iter().chain(judges);
    let roles: Vec<_> = roles.map(|role| CountedRole { role, metrics: metrics.as_ref() }).collect();
    let words = [(RoleChoice::Collect, "collects"), (RoleChoice::Judge, "judges")];
    let words: Vec<_> =
        words.into_iter().filter_map(|(role, word)| args.has(role).then_some(word)).collect();
    console.note(&format!("{name} {} for {}", words.join(" and "), access.server()));
    let workers: Vec<_> = roles
        .iter()
        .map(|role| {
            Worker::new(role, usize::from(args.jobs), stop, &log).with_sign_of_life(SIGN_OF_LIFE)
        })
        .collect();
    let ended = work(&workers, &site, stop, metrics.as_ref(), args.drain);
    ended.map_err(|error| match error {
        WorkerError::Unreached { .. } => {
            Failure::transport(format!("{}: {error}", access.server()))
        }
        error => Failure::usage(error.to_string()),
    })?;
    if let (Some(file), Some(metrics)) = (file, &metrics) {
        file.write(metrics.text().as_bytes())?;
    }
    let done = log.counted(&name);
    match console.json() {
        true => console.object(&done)?,
        false => console.report(&done.to_string())?,
    }
    Ok(Exit::Done)
}

/// Runs every worker. Where one cannot go on, all of them end.
fn work(
    workers: &[Worker<'_>],
    site: &NatsSite,
    stop: &AtomicBool,
    metrics: Option<&Arc<Metrics>>,
    drains: bool,
) -> Result<(), WorkerError> {
    let depth = Depth::default();
    thread::scope(|scope| {
        if drains || metrics.is_some() {
            scope.spawn(|| depth.ask(site, None, metrics, drains.then_some(stop)));
        }
        let running: Vec<_> = workers
            .iter()
            .map(|worker| {
                scope.spawn(|| worker.run().inspect_err(|_| stop.store(true, Ordering::Relaxed)))
            })
            .collect();
        let ended = running.into_iter().map(|running| {
            running.join().unwrap_or_else(|_| Err(io::Error::other("it panicked").into()))
        });
        let ended: Vec<_> = ended.collect();
        depth.end();
        ended.into_iter().collect()
    })
}
