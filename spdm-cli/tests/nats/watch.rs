//! `spdm fleet watch`: what stands in the stream of outcomes is what it shows, each once.

use core::time::Duration;
use std::fs;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Attempt, DeadMessage, Fault, Finality, Item, NatsSettings, NatsSite, Outcome, OutcomeKind,
    Site as _, Span, Target, Timestamp,
};

use crate::process::run;
use crate::queue::Queue;
use crate::stand::JOB;

/// An outcome as a judge stores it.
fn outcome(job: &str, target: &str, attempt: u32, kind: OutcomeKind, last: Finality) -> Outcome {
    let item = Item::new(&PROVIDER, job, Target::new(target)).unwrap();
    let fault = match kind {
        OutcomeKind::Verified => Fault::None,
        OutcomeKind::Rejected => Fault::Device,
        _ => Fault::Transport,
    };
    let found = Attempt::without_device(kind, fault, "test", "as the test wants it");
    let at = Timestamp::now();
    let span = Span { due: at, started: at, finished: at };
    Outcome::new(&item, attempt, found, last, span, "host/1")
}

/// A judge stores an outcome.
pub(crate) fn publish(
    site: &NatsSite,
    target: &str,
    attempt: u32,
    kind: OutcomeKind,
    last: Finality,
) {
    site.publish(&outcome(JOB, target, attempt, kind, last)).unwrap();
}

const A: &str = "tcp:127.2.0.1:1";
const B: &str = "tcp:127.2.0.2:1";
const C: &str = "tcp:127.2.0.3:1";

#[test]
fn it_ends_when_every_device_has_its_last_outcome() {
    let Some(queue) = Queue::start("cli-watch") else { return };
    queue.list(&[A, B, C]);
    assert_eq!(queue.submit("").code, 0);
    let site = queue.server.site(30);
    publish(&site, A, 1, OutcomeKind::Unreachable, Finality::TriedAgain);
    publish(&site, B, 1, OutcomeKind::Verified, Finality::Final);
    let out = queue.folder.path("out.jsonl");
    let begun = Instant::now();
    let early = queue.watch(&format!("--wait 1 --out {out}"));
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.err.contains("2 devices have no last outcome"), "{}", early.err);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(run(&format!("fleet report {out}")).code, 1);
    publish(&site, A, 2, OutcomeKind::Verified, Finality::Final);
    publish(&site, C, 1, OutcomeKind::Verified, Finality::Final);
    // What is not of this job, or not of its device.
    site.publish(&outcome("another", A, 3, OutcomeKind::Rejected, Finality::Final)).unwrap();
    let mut forged = outcome(JOB, A, 4, OutcomeKind::Rejected, Finality::Final);
    B.clone_into(&mut forged.target);
    site.publish(&forged).unwrap();
    let again = queue.watch(&format!("--out {out}"));
    assert_eq!(again.code, 2);
    assert!(again.err.contains("name a new file"), "{}", again.err);
    fs::remove_file(&out).unwrap();
    let ended = queue.watch(&format!("--out {out}"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        ended.err,
        "note: 1 message among the outcomes is of no device of this job, and counts for nothing\n"
    );
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1 + 4);
    let shown = run(&format!("fleet report {out}"));
    assert_eq!((shown.code, shown.out), (0, ended.out));
    let lines = queue.watch("--json");
    assert_eq!((lines.code, lines.objects().len()), (0, 4));
}

#[test]
fn two_judges_that_differ_are_an_internal_error() {
    let Some(queue) = Queue::start("cli-differ") else { return };
    queue.list(&[A, B]);
    // The first one who comes says how the streams are made: names are known for a moment only, as work is.
    let duplicate_window = Duration::from_millis(100);
    let max_age = Duration::from_millis(100);
    let settings = NatsSettings { duplicate_window, max_age, ..NatsSettings::default() };
    let site = queue.server.site_of(&settings);
    assert_eq!(queue.submit("").code, 0);
    publish(&site, A, 1, OutcomeKind::Verified, Finality::Final);
    publish(&site, B, 1, OutcomeKind::Verified, Finality::Final);
    std::thread::sleep(Duration::from_millis(500));
    publish(&site, A, 1, OutcomeKind::Rejected, Finality::Final);
    publish(&site, B, 1, OutcomeKind::Verified, Finality::Final);
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out}"));
    assert_eq!(watched.code, 1, "{watched:?}");
    assert!(
        watched.err.contains("two judges say different things of attempt 1"),
        "{}",
        watched.err
    );
    assert!(watched.out.contains("1 internal_error"), "{}", watched.out);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1 + 3);
}

#[test]
fn a6_messages_that_nobody_submitted_are_told_and_reject_no_device() {
    let Some(queue) = Queue::start("cli-aside") else { return };
    queue.list(&[A, B]);
    assert_eq!(queue.submit("").code, 0);
    let site = queue.server.site(30);
    publish(&site, A, 1, OutcomeKind::Verified, Finality::Final);
    publish(&site, B, 1, OutcomeKind::Verified, Finality::Final);
    let bury = |job, body: &str| {
        let (class, body) = ("gpu", body.as_bytes());
        site.bury(&DeadMessage { id: "a", class, job, body, error: "item: so" }).unwrap();
    };
    bury("another", "1");
    assert_eq!((queue.watch("").code, queue.watch("").err.as_str()), (0, ""));
    // The same one twice is one.
    bury(JOB, "2");
    bury(JOB, "3");
    bury(JOB, "3");
    let watched = queue.watch("--fail-on unreachable");
    assert_eq!(watched.code, 1, "{watched:?}");
    assert!(watched.out.contains("2         2\n"), "{}", watched.out);
    let told = "warning: 2 messages of this job were put aside: nobody with the key submitted them";
    assert!(watched.err.starts_with(told), "{}", watched.err);
}

#[test]
fn a_job_that_nobody_submitted_is_named() {
    let Some(queue) = Queue::start("cli-unknown") else { return };
    // Nothing was ever submitted there.
    let ran = queue.watch("");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("spdm-job"), "{}", ran.err);
    queue.list(&[A]);
    assert_eq!(queue.submit("").code, 0);
    let ran = run(&format!("fleet watch {} --job another", queue.option()));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains("no job another was submitted"), "{}", ran.err);
}
