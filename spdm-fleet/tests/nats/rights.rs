//! Rights of examples/fleet/nats.conf: every role can do its work, and no collector the work of a judge.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use futures_util::StreamExt as _;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Classes, CollectRole, DeadMessage, Goes, JobRecord, JudgeRole, Message, NatsAccess, NatsLogin,
    NatsSettings, NatsSite, Nonces, Outcome, OutcomeKind, QueueError, Role, Site as _, Step,
    Submission, WorkObserver, Worker,
};

use crate::client::Client;
use crate::faults::{outcome_of, record};
use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, JOB, PATIENCE, Verdicts, each_once, items, key, submitted};

/// A server of examples/fleet/nats.conf.
fn start(name: &str) -> Option<Server> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fleet/nats.conf");
    Server::with_configuration(name, &fs::read_to_string(file).unwrap())
}

fn access(server: &Server, user: &str) -> NatsAccess {
    NatsAccess {
        servers: server.address().to_owned(),
        login: NatsLogin::from_file(format!("{user}:password-of-{user}\n").as_bytes()).ok(),
        domain: ["collect", "watch"].contains(&user).then(|| "spdm".to_owned()),
        ..NatsAccess::default()
    }
}

/// What whoever submits makes.
fn submitter(server: &Server) -> NatsSite {
    let settings = NatsSettings { ack_wait: Duration::from_secs(600), ..NatsSettings::default() };
    let access = access(server, "submit");
    let site = NatsSite::open(&access, &settings, Classes::All, &PROVIDER).unwrap();
    site.announce(&job()).unwrap();
    site
}

/// The site of a user with fewer rights.
fn joined(server: &Server, user: &str) -> NatsSite {
    NatsSite::join(&access(server, user), Classes::All, &PROVIDER).unwrap()
}

/// A user who knows nothing of sites.
fn user(server: &Server, user: &str) -> Client {
    Client::of(server.address(), user, &format!("password-of-{user}"))
}

fn job() -> JobRecord {
    record(&["gpu", "ssd of rack 7"])
}

/// What went wrong.
#[derive(Debug, Default)]
struct Failures(Mutex<Vec<String>>);

impl WorkObserver for Failures {
    fn after(&self, _: Step, _: &str) {}

    fn failed(&self, id: &str, error: &str) {
        self.0.lock().unwrap().push(format!("{id}: {error}"));
    }
}

#[test]
fn every_role_does_its_work_with_its_rights() {
    let Some(server) = start("rights") else { return };
    let (site, items) = (submitter(&server), items(8));
    submitted(&site, &items);
    let [collectors, judges, watch] =
        ["collect", "judge", "watch"].map(|user| joined(&server, user));
    let devices = Devices {
        padding: (1 << 20) + 2,
        shy: Some("emulated:3".to_owned()),
        ..Devices::default()
    };
    let (key, stop, failures) = (key(), AtomicBool::new(false), Failures::default());
    let verdicts = Verdicts::default();
    let collect = CollectRole::new(&collectors, &devices, 2, "collector/1");
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&judges, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
    let roles: [&dyn Role; 2] = [&collect, &judge];
    thread::scope(|scope| {
        for role in roles {
            let (stop, failures) = (&stop, &failures);
            let worker = Worker::new(role, 4, stop, failures);
            let worker = worker.with_sign_of_life(Duration::from_millis(20));
            scope.spawn(move || worker.run().unwrap());
        }
        let begun = Instant::now();
        while finals(&watch) < 8 && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(*failures.0.lock().unwrap(), Vec::<String>::new());
    each_once(&outcomes(&watch), &items, OutcomeKind::Verified);
    assert_eq!(outcomes(&watch).len(), 9, "one was tried again");
    assert_eq!(watch.job(JOB).unwrap().unwrap(), job());
    assert_eq!(watch.target("emulated:3").unwrap().unwrap().last_outcome, OutcomeKind::Verified);
    // What happens to few messages only.
    for (site, id) in [(&collectors, "a/1/work"), (&judges, "a/1/evidence")] {
        site.set_begun(id, 1).unwrap();
        site.set_begun(id, 2).unwrap();
        assert_eq!(site.begun(id).unwrap(), 2);
    }
    judges
        .bury(&DeadMessage { id: "a/1/evidence", class: "gpu", job: JOB, body: b"{}", error: "so" })
        .unwrap();
    for site in [&collectors, &judges, &watch] {
        assert_eq!(site.pending().unwrap(), (0, 0));
        assert_eq!(site.dead().unwrap(), 1);
        assert_eq!(site.dead_of(JOB).unwrap(), 1);
    }
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[test]
fn a_collector_does_no_work_of_others() {
    let Some(server) = start("collector") else { return };
    let (site, items) = (submitter(&server), items(2));
    submitted(&site, &items);
    let (collectors, judges) = (joined(&server, "collect"), joined(&server, "judge"));
    let outcome = outcome_of(&items[0]);
    assert_eq!(judges.publish(&outcome), Ok(Submission::New));
    judges.record(&outcome).unwrap();
    judges.set_begun("a/1/evidence", 1).unwrap();
    let message = Message { id: "a", class: "gpu", item: &items[0].item, attempt: 7, body: b"{}" };
    let dead = DeadMessage { id: "a", class: "gpu", job: JOB, body: b"{}", error: "so" };
    let other = outcome_of(&items[1]);
    let calls: [&dyn Fn() -> Result<(), QueueError>; 11] = [
        &|| collectors.publish(&other).map(drop),
        &|| collectors.record(&other),
        &|| collectors.bury(&dead),
        &|| collectors.work().submit(&message).map(drop),
        &|| collectors.evidence().fetch(1, Duration::from_millis(100)).map(drop),
        &|| collectors.begun("a/1/evidence").map(drop),
        &|| collectors.set_begun("a/1/evidence", 4),
        &|| collectors.outcomes(JOB, |_| Goes::Enough, || Goes::Enough),
        &|| collectors.job(JOB).map(drop),
        &|| collectors.target(&outcome.target).map(drop),
        &|| collectors.announce(&job()).map(drop),
    ];
    for (number, call) in calls.iter().enumerate() {
        assert!(call().is_err(), "{number}");
    }
    assert_eq!(judges.begun("a/1/evidence").unwrap(), 1);
    assert_eq!(outcomes(&joined(&server, "watch")).len(), 1);
}

/// Where a server sends answers wherever a request says, these would be outcomes.
const RESULT: &str = "spdm.v1.result._0123.verified";

#[test]
fn no_answer_of_the_server_becomes_an_outcome() {
    let Some(server) = start("answers") else { return };
    let (site, items) = (submitter(&server), items(2));
    let forged: Outcome = outcome_of(&items[0]);
    let client = user(&server, "collect");
    let body = serde_json::to_vec(&forged).unwrap();
    client.publish("$JS.spdm.API.$KV.spdm-lease.forged", &[], &body);
    let request = "$JS.spdm.API.DIRECT.GET.KV_spdm-lease.$KV.spdm-lease.forged";
    // The value is there, and is read by whoever wrote it.
    assert_eq!(client.ask(request, b""), body);
    client.ask_for(request, b"", RESULT);
    assert_eq!(user(&server, "submit").messages("SPDM_RESULT"), 0);
    drop(site);
}

/// Whoever watches reads what judges wrote, and part of that is what devices and collectors say.
#[test]
fn no_answer_to_whoever_watches_becomes_an_outcome() {
    let Some(server) = start("answers-watch") else { return };
    let (site, items) = (submitter(&server), items(2));
    let outcome = outcome_of(&items[0]);
    let judges = joined(&server, "judge");
    assert_eq!(judges.publish(&outcome), Ok(Submission::New));
    judges.record(&outcome).unwrap();
    let (client, submit) = (user(&server, "watch"), user(&server, "submit"));
    submit.publish("$O.spdm-result.C.abc", &[], b"{}");
    let of = |subject: &str| format!("{{\"seq\":1,\"next_by_subj\":\"{subject}\"}}");
    let value = |bucket: &str| {
        let subject = key_of(&submit, bucket);
        (format!("DIRECT.GET.KV_{bucket}.{subject}"), String::new())
    };
    let asked = [
        ("STREAM.MSG.GET.SPDM_RESULT".to_owned(), of("spdm.v1.result.>")),
        ("STREAM.MSG.GET.OBJ_spdm-result".to_owned(), of("$O.spdm-result.C.abc")),
        value("spdm-state"),
        value("spdm-job"),
    ];
    for (request, body) in asked {
        let request = format!("$JS.spdm.API.{request}");
        assert!(!client.ask(&request, body.as_bytes()).is_empty(), "{request}");
        client.ask_for(&request, body.as_bytes(), RESULT);
    }
    assert_eq!(submit.messages("SPDM_RESULT"), 1);
    drop(site);
}

/// The subject of a value of a bucket.
fn key_of(client: &Client, bucket: &str) -> String {
    client.runtime.block_on(async {
        let stream = client.context.get_stream(format!("KV_{bucket}")).await.unwrap();
        stream.get_raw_message(1).await.unwrap().subject.to_string()
    })
}

/// What could be removed with a header, or replaced by another one, stays; and so does what is not to be reached at all.
#[test]
fn a_collector_removes_nothing() {
    let Some(server) = start("removes") else { return };
    let (site, items) = (submitter(&server), items(2));
    let (collectors, judges) = (joined(&server, "collect"), joined(&server, "judge"));
    collectors.set_begun("a/1/work", 1).unwrap();
    judges.set_begun("a/1/evidence", 3).unwrap();
    let lease = collectors.lease("host", 1).unwrap().unwrap();
    let long = [b"{\"a\":\"".to_vec(), vec![b'1'; 2 << 20], b"\"}".to_vec()].concat();
    let message = Message { id: "id", class: "gpu", item: &items[0].item, attempt: 1, body: &long };
    collectors.evidence().submit(&message).unwrap();
    let client = user(&server, "collect");
    let written = [
        "$JS.spdm.API.$KV.spdm-lease.mine",
        "$JS.spdm.API.$KV.spdm-begun-work.mine",
        "$O.spdm-evidence.C.mine",
        "$O.spdm-evidence.M.mine",
        "spdm.v1.evidence.gpu.mine.1",
    ];
    for subject in written {
        for rollup in ["all", "sub"] {
            let why = client.refused(subject, &[("Nats-Rollup", rollup)], b"mine");
            let why = why.unwrap_or_else(|| panic!("{subject} is rolled up"));
            assert!(why.contains("rollup"), "{subject}: {why}");
        }
        client.publish(subject, &[], b"mine");
    }
    let submit = user(&server, "submit");
    let streams = [
        "SPDM_RESULT",
        "OBJ_spdm-result",
        "OBJ_spdm-evidence",
        "KV_spdm-begun-evidence",
        "KV_spdm-begun-work",
        "KV_spdm-lease",
        "KV_spdm-state",
        "SPDM_EVIDENCE",
    ];
    let count = || streams.map(|stream| submit.messages(stream));
    let before = count();
    for stream in streams {
        for request in ["STREAM.PURGE", "STREAM.DELETE", "STREAM.UPDATE", "STREAM.MSG.DELETE"] {
            let request = format!("$JS.spdm.API.{request}.{stream}");
            assert_eq!(client.answer(&request, b"{\"seq\":1}"), None, "{request}");
        }
    }
    // Buckets of judges.
    for subject in
        ["$O.spdm-result.C.mine", "$O.spdm-result.M.mine", "$KV.spdm-begun-evidence.mine"]
    {
        for prefix in ["", "$JS.spdm.API."] {
            assert_eq!(client.answer(&format!("{prefix}{subject}"), b"mine"), None, "{subject}");
        }
    }
    assert_eq!(count(), before);
    assert_eq!(judges.begun("a/1/evidence"), Ok(3));
    assert_eq!(collectors.begun("a/1/work"), Ok(1));
    assert_eq!(collectors.lease("host", 1), Ok(None), "{lease:?}");
    let deliveries = judges.evidence().fetch(1, Duration::from_secs(1)).unwrap();
    deliveries[0].read().unwrap();
    assert_eq!(deliveries[0].body(), long);
    drop(site);
}

#[test]
fn a_collector_hears_nothing_of_others() {
    let Some(server) = start("hears") else { return };
    let (_site, items) = (submitter(&server), items(1));
    let (judges, watch) = (joined(&server, "judge"), joined(&server, "watch"));
    let client = user(&server, "collect");
    client.runtime.block_on(async {
        let mut heard = client.context.client().subscribe(">").await.unwrap();
        client.context.client().flush().await.unwrap();
        let outcome = outcome_of(&items[0]);
        thread::scope(|scope| {
            scope.spawn(|| {
                judges.publish(&outcome).unwrap();
                judges.record(&outcome).unwrap();
                assert_eq!(outcomes(&watch).len(), 1);
            });
        });
        let next = tokio::time::timeout(Duration::from_millis(500), heard.next()).await;
        assert!(next.is_err(), "{next:?}");
    });
}

#[test]
fn who_watches_publishes_nothing_and_is_told_why() {
    let Some(server) = start("watch") else { return };
    let (_site, watch) = (submitter(&server), joined(&server, "watch"));
    let error = watch.publish(&outcome_of(&items(1)[0])).unwrap_err().to_string();
    assert!(error.contains("Permissions Violation for Publish to \\\"spdm.v1.result."), "{error}");
    assert_eq!(server.violations().len(), 1);
}
