//! `spdm fleet work`: what workers come to is what `fleet attest` comes to, whatever happens to them.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use serde_json::{Value, json};

use crate::devices::{Sockets, good, other, small};
use crate::process::{Folder, run};
use crate::queue::{Queue, until};
use crate::schema::{check, schema};
use crate::stand::JOB;

/// The outcomes of a journal, in an order that does not depend on who was first.
fn outcomes(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut outcomes: Vec<_> = lines.collect();
    outcomes.iter().for_each(|outcome| check(&schema("outcome"), outcome));
    outcomes.sort_by_key(|it| (it["target"].to_string(), it["attempt"].as_u64()));
    outcomes
}

/// What an outcome says that does not depend on when, and by whom.
fn lasting(outcome: &Value) -> Value {
    let told = ["target", "class", "host", "labels", "attempt", "outcome", "final", "fault"];
    let told: BTreeMap<_, _> = told.iter().map(|key| (*key, &outcome[*key])).collect();
    let reason = &outcome["reason"];
    // Of a device that said nothing a collector hands on nothing that could be reported, and sentences tell times.
    if outcome["outcome"] == "unreachable" {
        return json!({"told": told, "check": reason["check"]});
    }
    let report = &outcome["report"];
    json!({
        "told": told, "reason": [reason["check"], reason["index"], reason["detail"]],
        "verified": report["verified"], "measurements": report["measurements"],
        "identity": report["identity"], "inputs": outcome["inputs"]["anchors_sha256"],
    })
}

/// How often each last outcome is there; every attempt at an item is there once.
fn finals(outcomes: &[Value]) -> BTreeMap<String, usize> {
    let mut attempts = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        *attempts.entry((outcome["item"].to_string(), outcome["attempt"].as_u64())).or_insert(0) +=
            1;
        if outcome["final"] == true {
            *counts.entry(outcome["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(attempts.values().all(|count| *count == 1), "{attempts:?}");
    counts
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

/// Sentences tell how long something took.
fn timeless(text: &str) -> String {
    let parts = text.split(" in time: ").map(|part| match part.split_once(" s passed") {
        Some((_, rest)) => format!("passed{rest}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(" in time: ")
}

/// A table without times and without the name of the job.
fn table(text: &str) -> String {
    let mut is_time = false;
    let lines = text.lines().filter(|line| {
        is_time = if line.starts_with(' ') { is_time } else { line.starts_with("Times") };
        !is_time
    });
    let lines: Vec<_> = lines.collect();
    let (_, rest) = lines[0].split_once(": ").unwrap();
    timeless(&format!("{rest}\n{}", lines[1..].join("\n")))
}

/// The lines of JUnit, without times and names of job and items. Cases come in the order of their outcomes.
fn junit(path: &str, job: &str) -> Vec<String> {
    let text = timeless(&fs::read_to_string(path).unwrap().replace(job, "JOB"));
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(|word| match word {
            word if word.starts_with("time=") || word.starts_with("timestamp=") => "",
            word => word.split("sha256:").next().unwrap_or_default(),
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_job_of_two_workers_comes_to_what_fleet_attest_comes_to() {
    let Some(queue) = Queue::start("cli-two") else { return };
    let (site, bad) = (good(&queue.folder), other(&queue.folder));
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list: Vec<_> = (0..12)
        .map(|number| format!("{} class=ssd rack=r{}", site.target(number), number % 3))
        .collect();
    list.push(format!("{} class=ssd", bad.target(20)));
    list.push(format!("tcp:{} class=gpu", silent.local_addr().unwrap()));
    let targets = queue.list(&list);
    assert_eq!(queue.submit("").out, "job nightly: 14 devices, all of them new\n");
    assert_eq!(
        queue.submit("").out,
        "job nightly: 14 devices, all of them known: a new run needs a new name\n"
    );
    let collector = queue.worker("collector", "--roles collect --timeout 1 -j 8");
    let rules = format!("--trust {} --attempts 2", site.root);
    let judge = queue.worker("judge", &format!("--roles judge {} {rules}", queue.key()));
    let [out, xml, own_out, own_xml] =
        ["out.jsonl", "out.xml", "own.jsonl", "own.xml"].map(|name| queue.folder.path(name));
    let watched = queue.watch(&format!("--out {out} --junit {xml} --wait 25"));
    let own = run(&format!(
        "fleet attest --targets {targets} --timeout 1 {rules} --out {own_out} --junit {own_xml}"
    ));
    assert_eq!((watched.code, watched.err.as_str()), (own.code, ""), "{watched:?}");
    assert_eq!(own.code, 1);
    let (ours, theirs) = (outcomes(&own_out), outcomes(&out));
    assert_eq!(finals(&theirs), counts(&[("verified", 12), ("rejected", 1), ("unreachable", 1)]));
    assert_eq!(theirs.len(), ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(lasting(theirs), lasting(ours));
    }
    assert_eq!(table(&watched.out), table(&own.out));
    let own_job = ours[0]["job"].as_str().unwrap();
    assert_eq!(junit(&xml, JOB), junit(&own_xml, own_job));
    // The exit code is that of the job, and excuses what fleet attest excuses.
    assert_eq!(queue.watch("--fail-on unreachable --wait 5 -q").code, 3);
    // What has an outcome is not asked again.
    assert_eq!(
        queue.submit("").out,
        "job nightly: 14 devices, all of them known: a new run needs a new name\n"
    );
    assert_eq!(queue.server.site(30).pending().unwrap(), (0, 0));
    // C6: once, however many there are.
    let nameless = "verified, and nothing names the device (san in the list, --san)";
    assert_eq!(judge.said().matches(nameless).count(), 1, "{}", judge.said());
    for worker in [collector, judge] {
        worker.terminate();
        let (code, last) = worker.ended();
        assert_eq!(code, Some(0), "{last}");
        assert!(
            last.contains("15 collected, 0 judged") || last.contains("0 collected, 15 judged"),
            "{last}"
        );
    }
}

#[test]
fn f5_a_worker_that_is_asked_to_end_finishes_what_it_began() {
    let Some(queue) = Queue::start("cli-term") else { return };
    let sockets = Sockets::bind();
    // What would have to wait for silence would come after the test's patience.
    let options = format!("--deadline 8 --attempts 1 --timeout 8 {}", queue.key());
    let list: Vec<_> = (0..12).map(|number| sockets.target(number)).collect();
    queue.list(&list);
    assert_eq!(queue.submit("--ack-wait 600").code, 0);
    // Nobody answers yet: two devices are in flight, others may be held.
    let first = queue.worker("first", &format!("{options} -j 2 --json"));
    let site = queue.server.site(600);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(site.pending().unwrap().0, 12);
    first.terminate();
    let asked = Instant::now();
    let (code, last) = first.ended();
    assert!(asked.elapsed() < Duration::from_secs(20), "what was begun ends with its deadline");
    assert_eq!(code, Some(0), "{last}");
    let did: Value = serde_json::from_str(&last).unwrap();
    check(&schema("fleet-work"), &did);
    assert_eq!(did["collected"], 2, "{did}");
    // Nothing is lost: whoever comes next does the rest at once.
    let devices = sockets.serve(&small(), 4, &queue.folder, "root.pem");
    let options = options.replace("--deadline 8", "--drain");
    let second = queue.worker("second", &format!("{options} --trust {}", devices.root));
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out} --wait 40"));
    assert_eq!(watched.code, 3, "{watched:?}");
    assert_eq!(finals(&outcomes(&out)), counts(&[("verified", 10), ("unreachable", 2)]));
    assert_eq!(second.ended().0, Some(0));
}

#[test]
fn f2_a_worker_that_is_killed_loses_nothing() {
    let Some(queue) = Queue::start("cli-kill") else { return };
    let sockets = Sockets::bind();
    let list: Vec<_> = (0..6).map(|number| sockets.target(number)).collect();
    queue.list(&list);
    assert_eq!(queue.submit("--ack-wait 5").code, 0);
    let options = "--roles collect";
    let first = queue.worker("first", &format!("{options} -j 6 --timeout 20"));
    std::thread::sleep(Duration::from_millis(1000));
    first.kill();
    let killed = Instant::now();
    let devices = sockets.serve(&small(), 4, &queue.folder, "root.pem");
    let _second = queue.worker("second", &format!("{options} --drain"));
    let rules = format!("--roles judge {} --trust {} --drain", queue.key(), devices.root);
    let _judge = queue.worker("judge", &rules);
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out} --wait 40"));
    assert_eq!(watched.code, 0, "{watched:?}");
    assert_eq!(finals(&outcomes(&out)), counts(&[("verified", 6)]));
    assert!(killed.elapsed() < Duration::from_secs(60), "it comes back after five seconds");
}

#[test]
fn f9_a_judge_demands_no_less_than_its_class() {
    let Some(queue) = Queue::start("cli-class") else { return };
    let site = good(&queue.folder);
    queue.list(&[site.target(1)]);
    assert_eq!(queue.submit("--measurements 1").code, 0);
    let worker = format!("{} --trust {} --drain", queue.key(), site.root);
    let worker = queue.worker("worker", &worker);
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out} --wait 40"));
    assert_eq!(watched.code, 1, "{watched:?}");
    let outcomes = outcomes(&out);
    let one = &outcomes[0];
    assert_eq!(
        (&one["outcome"], &one["reason"]["check"]),
        (&json!("rejected"), &json!("evidence"))
    );
    assert!(one["reason"]["detail"].as_str().unwrap().contains("what its class wants: all"));
    // The evidence by itself verifies: a report that says so stands in no rejected outcome.
    assert_eq!(one["report"], Value::Null);
    assert_eq!(worker.ended().0, Some(0));
}

#[test]
fn f8_with_another_key_everything_is_put_aside() {
    let Some(queue) = Queue::start("cli-key") else { return };
    let site = good(&queue.folder);
    queue.list(&[site.target(1), site.target(2), "tcp:127.2.0.1:1".to_owned()]);
    assert_eq!(queue.submit("").code, 0);
    let wrong = queue.folder.write("wrong.key", [9; 32]);
    let metrics = queue.folder.path("worker.prom");
    let worker =
        format!("--key {wrong} --trust {} --timeout 1 --drain --metrics {metrics}", site.root);
    let worker = queue.worker("worker", &worker);
    let site = queue.server.site(30);
    until("all of it is put aside", || site.dead_of(JOB) == Ok(3));
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out} --wait 1"));
    assert_eq!(watched.code, 1, "{watched:?}");
    assert!(watched.err.contains("3 devices have no last outcome"), "{}", watched.err);
    assert!(watched.err.contains("3 messages of this job were put aside"), "{}", watched.err);
    assert_eq!(outcomes(&out), Vec::<Value>::new());
    until("it ends", || worker.said().lines().last().unwrap_or_default().contains("collected"));
    assert!(worker.said().contains("item: nobody with the key submitted this item"));
    let (code, last) = worker.ended();
    assert_eq!(code, Some(0));
    assert!(last.contains("3 collected, 0 judged") && last.contains("3 put aside"), "{last}");
    let text = fs::read_to_string(&metrics).unwrap();
    for line in ["spdm_queue_pending{stream=\"work\"} 0", "spdm_in_flight 0"] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
}

#[test]
fn a_collector_takes_its_classes_alone_and_a_profile_holds_for_both_roles() {
    let Some(queue) = Queue::start("cli-classes") else { return };
    let (site, bad) = (good(&queue.folder), other(&queue.folder));
    let list = [
        format!("{} class=ssd", site.target(1)),
        format!("{} class=gpu", bad.target(2)),
        format!("{} class=nic", site.target(3)),
        // How it is reached is said by its class, too: the device has no version that is offered.
        format!("{} class=old", site.target(4)),
    ];
    queue.list(&list);
    let profile = json!({"schema": 1, "classes": {
        "ssd": {"trust": site.root, "timeout": 3}, "gpu": {"trust": bad.root},
        "old": {"trust": site.root, "max-version": "1.1"}}});
    let profile = queue.folder.write("classes.json", profile.to_string());
    assert_eq!(queue.submit("").code, 0);
    let options = format!("--class-profile {profile} {}", queue.key());
    let worker = queue.worker("some", &format!("{options} --classes ssd,gpu"));
    let pending = queue.server.site(30);
    until("two are judged", || pending.pending().unwrap() == (2, 0));
    worker.terminate();
    assert!(worker.ended().1.contains("2 collected, 2 judged"));
    let _all = queue.worker("all", &format!("{options} --drain"));
    let out = queue.folder.path("out.jsonl");
    assert_eq!(queue.watch(&format!("--out {out} --wait 40")).code, 1);
    let outcomes = outcomes(&out);
    assert_eq!(finals(&outcomes), counts(&[("verified", 2), ("undecidable", 1), ("rejected", 1)]));
    let nic = outcomes.iter().find(|outcome| outcome["class"] == "nic").unwrap();
    assert_eq!(nic["reason"]["check"], "profile");
}

#[test]
fn options_of_another_role_are_refused_before_anything_is_connected() {
    let folder = Folder::new();
    let key = folder.write("fleet.key", [7; 32]);
    let root = folder.write("root.pem", "");
    for (options, word) in [
        ("".to_owned(), "--key FILE"),
        ("--roles judge".to_owned(), "--key FILE"),
        (format!("--roles collect --key {key}"), "--key belongs to --roles judge"),
        (format!("--roles collect --trust {root}"), "belongs to --roles judge"),
        ("--roles collect --attempts 2".to_owned(), "--attempts belongs to --roles judge"),
        ("--roles collect --measurements none".to_owned(), "belongs to --roles judge"),
        (format!("--roles judge --key {key} --classes a"), "--classes belongs to --roles collect"),
        (format!("--roles judge --key {key} --per-host 3"), "--per-host belongs to"),
        ("--roles collect --deadline 101".to_owned(), "at most 100 seconds"),
        ("--roles dance".to_owned(), "collect, judge"),
    ] {
        let ran = run(&format!("fleet work --queue nats://127.0.0.1:1 {options}"));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options}: {ran:?}");
        assert!(ran.err.contains(word), "{options}: {}", ran.err);
    }
    // How a device is reached is the collector's affair.
    let ran = run("fleet work --queue nats://127.0.0.1:1 --roles collect --slot any --timeout 1");
    assert_eq!(ran.code, 3, "{ran:?}");
}
