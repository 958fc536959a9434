//! `spdm fleet submit`.

use core::time::Duration;
use std::collections::BTreeSet;

use spdm_fleet::{
    Arrivals, FleetKey, Goes, Item, JobDigest, JobRecord, MAX_ITEM_LEN, NatsSettings, NatsSite,
    Nonces, Outcome, QueueError, Site as _, Submission, Target, Timestamp, Want, too_long,
};

use super::access::Access;
use super::shown::ShownSubmission;
use crate::args::FleetSubmitArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::fleet::collect::{read_key, without_services};
use crate::fleet::targets;

/// Puts every device of the list into the queue that has no last outcome yet.
pub(crate) fn run(
    args: &FleetSubmitArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let want = args.want.want()?;
    let key = read_key(&args.key, console)?;
    let nonces = Nonces::new(crypto.provider, &key);
    let targets = targets::read(&args.targets)?;
    without_services(&targets)?;
    let record = record(args, &targets, &want, &key, crypto)?;
    let items =
        targets.into_iter().map(|target| Item::of_job(crypto.provider, &record.job, target));
    let items: Option<Vec<_>> = items.collect();
    let items = items.ok_or_else(no_digest)?;
    let long = too_long(&nonces, &items, args.freshness, &want).map_err(Failure::usage)?;
    if let Some(Item { target, .. }) = long {
        let target = &target.target;
        return Err(Failure::usage(format!(
            "{target}: with its labels it is longer than a message of the queue, {MAX_ITEM_LEN} bytes"
        )));
    }
    let access = Access::read(&args.queue, console)?;
    let ack_wait = Duration::from_secs(args.ack_wait);
    let site = access.open(&NatsSettings { ack_wait, ..NatsSettings::default() }, crypto)?;
    let failed = |error| access.failure(&error);
    let known = site.job(&args.job).map_err(failed)?;
    if let Some(known) = known.as_ref().filter(|known| known.key != record.key) {
        let (job, key) = (&args.job, args.key.display());
        return Err(Failure::usage(format!(
            "the job {job} was submitted with the key {}, and the one in {key} is {}",
            known.key, record.key
        )));
    }
    if known.is_none() && has_outcomes(&site, &args.job).map_err(failed)? {
        let job = &args.job;
        return Err(Failure::usage(format!(
            "the queue has outcomes of an earlier job {job}, which would count for this one: a new run needs a new name"
        )));
    }
    let announced = site.announce(&record).map_err(failed)?;
    let mut before = Arrivals::new(crypto.provider, &record.job, record.items);
    if announced == Submission::Duplicate {
        let take = |outcome: Result<Outcome, String>| {
            // What is none is of no device, and none is left out for it.
            if let Ok(outcome) = outcome {
                before.take(&outcome);
            }
            Goes::On
        };
        site.outcomes(&args.job, take, || Goes::Enough).map_err(failed)?;
    }
    // What was done is not in the queue any more, and would be done again. What was to be tried again may be lost.
    let open = items.iter().filter_map(|item| Some((item, before.next_attempt(&item.item)?)));
    let count = spdm_fleet::submit(site.work(), &nonces, open, args.freshness, &want);
    let new = count.map_err(failed)?.new;
    let shown = ShownSubmission::new(&record.job, &record.key, record.items, new);
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&shown.to_string())?;
    }
    Ok(Exit::Done)
}

/// Whether there are outcomes of a job of this name. A job is known for as long as the first of them, and no longer.
fn has_outcomes(site: &NatsSite, job: &str) -> Result<bool, QueueError> {
    let mut is_there = false;
    let take = |_: Result<Outcome, String>| {
        is_there = true;
        Goes::Enough
    };
    site.outcomes(job, take, || Goes::Enough)?;
    Ok(is_there)
}

/// What is announced. A job of this name is about these targets, this question and this key.
fn record(
    args: &FleetSubmitArgs,
    targets: &[Target],
    want: &Want,
    key: &FleetKey,
    crypto: Crypto,
) -> Result<JobRecord, Failure> {
    let now = Timestamp::now();
    let wanted = serde_json::to_vec(want).map_err(Failure::usage)?;
    let digest = JobDigest::new()
        .with_targets(crypto.provider, targets)
        .and_then(|digest| digest.with(crypto.provider, "want", &wanted))
        .ok_or_else(no_digest)?;
    let mut job = digest.job(now);
    job.name.clone_from(&args.job);
    let classes: BTreeSet<_> = targets.iter().map(|target| target.class.clone()).collect();
    Ok(JobRecord {
        job,
        items: u64::try_from(targets.len()).unwrap_or(u64::MAX),
        classes: classes.into_iter().collect(),
        key: key.id(crypto.provider).map_err(Failure::usage)?,
        submitted: now,
    })
}

fn no_digest() -> Failure {
    Failure::usage("SHA-256 is not implemented here")
}
