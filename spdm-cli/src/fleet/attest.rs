//! `spdm fleet attest`.

use core::sync::atomic::Ordering;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use spdm_evidence::KnownDevices;
use spdm_fleet::{Grouping, JobDigest, JournalFile, Outcome, Run, Tally, Timestamp};

use crate::args::FleetAttestArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file::{self, OutputPlace};
use crate::fleet::attester::{DeviceAttester, KnownByTarget};
use crate::fleet::class_profile::Classes;
use crate::fleet::live_metrics::LiveMetrics;
use crate::fleet::progress::{InFlight, Progress};
use crate::fleet::redfish::RedfishSource;
use crate::fleet::resume::{self, Before};
use crate::fleet::sink::FleetSink;
use crate::fleet::site_rules::SiteInputs;
use crate::fleet::targets;
use crate::fleet::views::{self, FleetViews};
use crate::interrupt;
use crate::known::KnownFile;

/// Attests every device of the list.
pub(crate) fn run(
    args: &FleetAttestArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let stop = interrupt::catch_to_stop()?;
    let targets = targets::read(&args.targets)?;
    let profile = args.class_profile.as_deref().map(Classes::read).transpose()?;
    let classes = SiteInputs::read(&args.class, profile.as_ref(), crypto, console)?;
    let mut known = KnownFile::of(&args.known, OutputPlace::Beside)?;
    let digest = classes.digest(&targets, profile.as_ref(), crypto);
    let digest = digest.and_then(|digest| with_known(digest, known.as_ref(), crypto));
    let digest = digest.ok_or_else(|| Failure::usage("SHA-256 is not implemented here"))?;
    // The job is about the list; what services list today are its items.
    let redfish = RedfishSource::read(&args.redfish, crypto, console)?;
    let targets = redfish.expand(targets, args, console);
    if let Some(dir) = &args.evidence_dir {
        fs::create_dir_all(dir).map_err(|error| file::of(dir, &error))?;
    }
    let devices = known.as_mut().map(|file| core::mem::take(&mut file.devices));
    let attester = DeviceAttester {
        rules: classes.rules(crypto)?,
        known: devices.as_ref().map(|devices| by_target(devices, known.as_ref())),
        evidence_dir: args.evidence_dir.as_deref(),
        redfish,
        crypto,
        learned: Mutex::default(),
        lost: Mutex::default(),
        stop,
    };
    let head = resume::head(args.out.as_deref(), args.resume, &digest, &targets);
    let metrics = LiveMetrics::start(args.metrics.as_ref(), head.items, console)?;
    let mut views = FleetViews::open(&args.views, metrics.view(), &head, crypto, console)?;
    let mut file = args.out.as_deref().map(open_journal).transpose()?;
    let (journal, before) = match (&mut file, args.out.as_deref()) {
        (Some(file), Some(path)) => {
            let mut taken = Ok(());
            let mut seen = |outcome: &Outcome| {
                if taken.is_ok() {
                    taken = views.take(outcome);
                }
            };
            let (journal, before) = resume::begin(
                file,
                path,
                args.resume,
                &head,
                &targets,
                crypto.provider,
                &mut seen,
            )?;
            taken?;
            (Some(journal), before)
        }
        _ => (None, Before::default()),
    };
    if before.others > 0 {
        let others = before.others;
        console.note(&format!(
            "note: {others} outcomes in the journal are of devices that are not among those of today, and count for nothing"
        ));
    }
    let mut tally = Tally::default();
    before.ended.iter().for_each(|kind| tally.add(*kind));
    let in_flight = InFlight::default();
    let progress = Progress::new(&targets, tally.total(), &in_flight, console);
    let mut sink = FleetSink {
        journal,
        console,
        tally,
        views,
        progress,
        known: known.filter(KnownFile::learns),
        attester: &attester,
        waiting: Vec::new(),
        waiting_since: Instant::now(),
        failure: None,
    };
    let run = Run {
        job: &head.job.name,
        targets: &targets,
        before: &before.attempts,
        limits: args.pace.limits(args.rate),
        deadline: args.pace.deadline,
        worker: &worker(),
        provider: crypto.provider,
        cancel: stop,
        seed: Timestamp::now().unix_ms() ^ u64::from(std::process::id()),
    };
    let ran = spdm_fleet::run(&run, &attester, &mut sink, &metrics.watch(&in_flight));
    let ran = ran.and_then(|()| sink.finish());
    sink.progress.end();
    let FleetSink { failure, views, console, .. } = sink;
    let lost = attester.lost.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(failure) = failure.or(lost) {
        return Err(failure);
    }
    ran.map_err(|error| {
        let name = args.out.as_deref().unwrap_or_else(|| Path::new("standard output"));
        file::of(name, &error)
    })?;
    if stop.load(Ordering::Relaxed) {
        console.note("stopped; with --out, --resume goes on from here");
    }
    let summary = views.finish()?;
    // With --json every outcome has been written as it came.
    match console.json() {
        true => Ok(views::exit(&summary, &args.views.fail_on())),
        false => views::show(&summary, Grouping::Class, &args.views.fail_on(), console),
    }
}

/// What is known of the devices decides, too. Where a run learns it changes on the way: then it counts which file it is.
fn with_known(
    digest: JobDigest,
    known: Option<&KnownFile<'_>>,
    crypto: Crypto,
) -> Option<JobDigest> {
    match known {
        None => Some(digest),
        Some(file) if file.learns() => {
            let place = file.place();
            digest.with(crypto.provider, "learned", place.as_os_str().as_encoded_bytes())
        }
        Some(file) => {
            let known = file.devices.to_json().ok()?;
            digest.with(crypto.provider, "known", known.as_bytes())
        }
    }
}

fn by_target<'d>(devices: &'d KnownDevices, file: Option<&KnownFile<'_>>) -> KnownByTarget<'d> {
    KnownByTarget {
        devices: devices.iter().map(|device| (device.target(), device)).collect(),
        learns: file.is_some_and(KnownFile::learns),
    }
}

pub(super) fn open_journal(path: &Path) -> Result<JournalFile, Failure> {
    JournalFile::open(path).map_err(|error| resume::of(path, &error))
}

/// Host and process.
pub(super) fn worker() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
    format!("{name}/{}", std::process::id())
}
