//! `spdm fleet submit`: a job has one content, and is submitted once.

use std::time::Instant;

use spdm_fleet::{Classes, Delivery, Finality, NatsSettings, OutcomeKind, Site as _, WorkMessage};

use crate::process::run;
use crate::queue::Queue;
use crate::schema::{check, schema};
use crate::stand::PATIENCE;
use crate::watch::publish;

#[test]
fn f4_a_job_that_is_submitted_twice_is_known() {
    let Some(queue) = Queue::start("cli-submit") else { return };
    queue.list(&["tcp:127.2.0.1:1 class=gpu rack=r1", "tcp:127.2.0.2:1 class=ssd"]);
    let first = queue.submit("");
    assert_eq!((first.code, first.out.as_str()), (0, "job nightly: 2 devices, all of them new\n"));
    let again = queue.submit("--json");
    assert_eq!(again.code, 0, "{again:?}");
    let object = again.object();
    check(&schema("fleet-submit"), &object);
    assert_eq!(
        (&object["items"], &object["new"], &object["known"]),
        (&2.into(), &0.into(), &2.into())
    );
    let said = queue.submit("");
    assert_eq!(said.out, "job nightly: 2 devices, all of them known: a new run needs a new name\n");
    assert!(said.err.lines().all(|line| line.contains("is secret")), "{}", said.err);
    assert_eq!(queue.server.site(30).pending().unwrap(), (2, 0));
}

#[test]
fn a7_outcomes_of_an_earlier_job_of_the_same_name_count_for_none() {
    let Some(queue) = Queue::start("cli-earlier") else { return };
    queue.list(&["tcp:127.2.0.1:1"]);
    // What announced the job is gone before its last outcome is.
    let site = queue.server.site(30);
    publish(&site, "tcp:127.2.0.1:1", 1, OutcomeKind::Verified, Finality::Final);
    let ran = queue.submit("");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    let expected = "the queue has outcomes of an earlier job nightly, which would count for this one: a new run needs a new name";
    assert!(ran.err.contains(expected), "{}", ran.err);
    assert_eq!((site.pending(), site.job("nightly")), (Ok((0, 0)), Ok(None)));
}

#[test]
fn c2_what_was_to_be_tried_again_and_is_lost_is_queued_again() {
    let Some(queue) = Queue::start("cli-lost") else { return };
    let targets = [1, 2, 3].map(|number| format!("tcp:127.2.0.{number}:1"));
    queue.list(&targets);
    assert_eq!(queue.submit("").code, 0);
    let site = queue.server.site_for(&NatsSettings::default(), Classes::All);
    // All of it is taken. One has its last outcome, one was to be tried again, of one nothing is known.
    let work = site.work().fetch(8, PATIENCE).unwrap();
    assert_eq!(work.len(), 3);
    work.iter().for_each(|work| site.work().done(work).unwrap());
    publish(&site, &targets[0], 1, OutcomeKind::Verified, Finality::Final);
    publish(&site, &targets[1], 1, OutcomeKind::Unreachable, Finality::TriedAgain);
    let again = queue.submit("");
    assert_eq!((again.code, again.out.as_str()), (0, "job nightly: 3 devices, 2 new, 1 known\n"));
    let work = site.work().fetch(8, PATIENCE).unwrap();
    let read = |work: &Delivery| WorkMessage::read(work.body()).unwrap();
    let mut attempts: Vec<_> =
        work.iter().map(read).map(|work| (work.item.target.target, work.attempt)).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [(targets[1].clone(), 2), (targets[2].clone(), 1)]);
    // What is in the queue is not queued twice.
    assert_eq!(
        queue.submit("").out,
        "job nightly: 3 devices, all of them known: a new run needs a new name\n"
    );
}

#[test]
fn f4_a_job_that_is_known_with_another_content_is_refused() {
    let Some(queue) = Queue::start("cli-refused") else { return };
    queue.list(&["tcp:127.2.0.1:1"]);
    assert_eq!(queue.submit("").code, 0);
    let refused = |options: &str| {
        let ran = queue.submit(options);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options}: {ran:?}");
        assert_eq!(queue.server.site(30).pending().unwrap(), (1, 0), "{options}");
        ran.err
    };
    // The same devices, and another question.
    let other = refused("--measurements 1,3-5");
    assert!(other.contains("knows a job nightly with other targets"), "{other}");
    refused("--challenge none");
    queue.list(&["tcp:127.2.0.1:1", "tcp:127.2.0.2:1"]);
    refused("");
    queue.list(&["tcp:127.2.0.1:1 class=gpu"]);
    refused("");
    queue.list(&["tcp:127.2.0.1:1"]);
    queue.folder.write("fleet.key", "00".repeat(32));
    let other = refused("");
    assert!(other.contains("the job nightly was submitted with the key"), "{other}");
    assert!(other.contains("fleet.key"), "{other}");
}

#[test]
fn what_cannot_be_submitted_whole_is_not_submitted() {
    let Some(queue) = Queue::start("cli-whole") else { return };
    let fine = "tcp:127.2.0.1:1".to_owned();
    for (line, word) in [
        (format!("tcp:127.2.0.2:1 rack={}", "x".repeat(3000)), "tcp:127.2.0.2:1: with its labels"),
        ("redfish://bmc-7".to_owned(), "redfish://bmc-7: evidence of a Redfish service"),
        ("tcp:".to_owned(), "line 2"),
    ] {
        queue.list(&[&fine, &line]);
        // Many indices make each message longer than the list allows for.
        let ran = queue.submit("--measurements 1-254");
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(word), "{}", ran.err);
        let site = queue.server.site(30);
        assert_eq!(site.pending().unwrap(), (0, 0));
        assert_eq!(site.job("nightly").unwrap(), None);
    }
    let nothing = queue.submit("--challenge none --measurements none");
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("leave nothing"), "{}", nothing.err);
    queue.folder.write("fleet.key", "no key");
    let ran = queue.submit("");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("fleet.key: expected a key of 32 bytes"), "{}", ran.err);
}

#[test]
fn no_server_is_one_sentence() {
    let begun = Instant::now();
    let folder = crate::process::Folder::new();
    let key = folder.write("fleet.key", [7; 32]);
    let targets = folder.write("targets.txt", "tcp:127.2.0.1:1\n");
    let queue = "--queue nats://127.0.0.1:1";
    for line in [
        format!("fleet submit {queue} --job a --targets {targets} --key {key}"),
        format!("fleet watch {queue} --job a"),
    ] {
        let ran = run(&line);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
        let lines: Vec<_> = ran.err.lines().filter(|line| !line.contains("is secret")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("error: nats://127.0.0.1:1: "), "{lines:?}");
        assert!(lines[0].contains("refused"), "{lines:?}");
    }
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn secrets_are_in_files() {
    let folder = crate::process::Folder::new();
    let token = folder.write("token", "two\nlines\n");
    for (options, word) in [
        ("--queue nats://u:hunter2@a".to_owned(), "no password"),
        ("--queue a:4222".to_owned(), "nats://HOST:PORT"),
        (
            format!("--queue nats://127.0.0.1:1 --queue-login {token}"),
            "token: expected one line USER",
        ),
        (format!("--queue nats://a --queue-login {token} --queue-token {token}"), "cannot be used"),
        (format!("--queue nats://127.0.0.1:1 --queue-token {token}"), "expected one line"),
        ("--queue tls://127.0.0.1:1 --queue-ca /does/not/exist".to_owned(), "/does/not/exist"),
        ("--queue tls://127.0.0.1:1 --queue-cert x".to_owned(), "--queue-key"),
    ] {
        let ran = run(&format!("fleet watch --job a {options}"));
        assert_eq!(ran.code, 2, "{options}: {ran:?}");
        assert!(ran.err.contains(word), "{options}: {}", ran.err);
    }
}
