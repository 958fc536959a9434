//! `spdm fleet verify`: verdicts over what somebody else collected.

use std::collections::{HashMap, HashSet};

use spdm_evidence::printable_text;
use spdm_fleet::{
    Attempt, EVIDENCE_CHECK, EvidenceCheck, Fault, Finality, Grouping, Item, ItemId, Job,
    JobDigest, JournalError, JournalHead, Nonces, Outcome, OutcomeKind, Span, Submitted, Target,
    Timestamp,
};

use crate::args::FleetVerifyArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::fleet::attest::{open_journal, worker};
use crate::fleet::class_profile::Classes;
use crate::fleet::collect::{read_key, without_services};
use crate::fleet::offline_judge::OfflineJudge;
use crate::fleet::site_rules::SiteInputs;
use crate::fleet::views::{self, FleetViews, MetricsView};
use crate::fleet::{evidence_files, resume, targets};

/// Judges every message, and says of every listed device without one that there is none.
pub(crate) fn run(
    args: &FleetVerifyArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let targets = targets::read(&args.targets)?;
    without_services(&targets)?;
    let key = read_key(&args.key, console)?;
    let profile = args.class_profile.as_deref().map(Classes::read).transpose()?;
    let classes = SiteInputs::read(&args.class, profile.as_ref(), crypto, console)?;
    let digest = classes.digest(&targets, profile.as_ref(), crypto);
    let no_sha_256 = || Failure::usage("SHA-256 is not implemented here");
    let head = head(&args.job, &digest.ok_or_else(no_sha_256)?, &targets);
    let judge = OfflineJudge { rules: classes.rules(crypto)?, crypto };
    let check = EvidenceCheck::new(Nonces::new(crypto.provider, &key), args.freshness, &judge);
    let items = targets.into_iter().map(|target| Item::new(crypto.provider, &args.job, target));
    let items = items.collect::<Option<Vec<_>>>().ok_or_else(no_sha_256)?;
    let listed: HashMap<&ItemId, &Item> = items.iter().map(|item| (&item.item, item)).collect();
    let metrics = args.metrics.as_deref().map_or(MetricsView::None, MetricsView::File);
    let mut views = FleetViews::open(&args.views, metrics, &head, crypto, console)?;
    let mut file = args.out.as_deref().map(open_journal).transpose()?;
    let of = |error: JournalError| match args.out.as_deref() {
        Some(path) => resume::of(path, &error),
        None => Failure::usage(error),
    };
    let mut journal = file.as_mut().map(|file| file.begin(&head)).transpose().map_err(of)?;
    let mut tell = |outcome: &Outcome, console: &mut Console| {
        // First the journal, so that a store never holds an outcome that the journal lost.
        let is_due = views.is_due();
        if let Some(journal) = &mut journal {
            journal.append(outcome).map_err(of)?;
            if is_due {
                journal.sync().map_err(of)?;
            }
        }
        if is_due {
            views.sync()?;
        }
        if console.json() {
            console.object(outcome)?;
        }
        views.take(outcome)
    };
    let (worker, now) = (worker(), Timestamp::now());
    let (mut seen, mut passed_over) = (HashSet::new(), 0_u64);
    // Evidence in a file becomes no older while others are judged.
    evidence_files::read(&args.evidence, &mut |message| {
        let message = match message {
            Ok(message) => message,
            Err(why) => {
                passed_over += 1;
                console.note(&format!("note: {why}: it counts for nothing"));
                return Ok(());
            }
        };
        let Some(item) = listed.get(&message.item.item).copied() else {
            passed_over += 1;
            console.note(&format!(
                "note: evidence of what is not on the list counts for nothing: {}",
                printable_text(&message.item.target.target.chars().take(200).collect::<String>())
            ));
            return Ok(());
        };
        seen.insert(&item.item);
        let started = Timestamp::now();
        // What a collector says that was wanted does not count: the options of the class say it.
        let want = judge.want(&item.target.class).unwrap_or_default();
        let attempt = Attempt::of(|| check.judge(&message, Submitted::Listed(item, &want), now));
        let span = Span { due: message.collected_at, started, finished: Timestamp::now() };
        let outcome = Outcome::new(item, message.attempt, attempt, Finality::Final, span, &worker);
        tell(&outcome, console)
    })?;
    for item in items.iter().filter(|item| !seen.contains(&item.item)) {
        let now = Timestamp::now();
        let span = Span { due: now, started: now, finished: now };
        tell(&Outcome::new(item, 1, missing(), Finality::Final, span, &worker), console)?;
    }
    if let Some(journal) = &mut journal {
        journal.sync().map_err(of)?;
    }
    let nameless = items.iter().filter(|item| !judge.names(&item.target)).count();
    if nameless > 0 {
        console.note(&format!(
            "note: nothing names the devices of {nameless} targets (san in the list, --san): a collector can ask another device of the same maker in their place"
        ));
    }
    let summary = views.finish()?;
    let exit = match console.json() {
        true => views::exit(&summary, &args.views.fail_on()),
        false => views::show(&summary, Grouping::Class, &args.views.fail_on(), console)?,
    };
    // Something was handed on that cannot be judged: nobody knows what it would have said.
    Ok(if passed_over > 0 { Exit::Rejected } else { exit })
}

fn head(name: &str, digest: &JobDigest, targets: &[Target]) -> JournalHead {
    let now = Timestamp::now();
    let job = Job { name: name.to_owned(), ..digest.job(now) };
    JournalHead::new(job, u64::try_from(targets.len()).unwrap_or(u64::MAX), now)
}

fn missing() -> Attempt {
    let detail = "no evidence of it was handed on";
    let (kind, fault) = (OutcomeKind::Undecidable, Fault::Configuration);
    Attempt::without_device(kind, fault, EVIDENCE_CHECK, detail)
}
