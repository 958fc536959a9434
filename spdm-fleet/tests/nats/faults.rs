//! What others do to a site, or do not do: consumers that are deleted, records that are none, objects that are not there, a
//! server that says nothing.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Attempt, Classes, Fault, Finality, Goes, Item, Job, JobRecord, Message, NatsSettings, Outcome,
    OutcomeKind, QueueError, Site as _, Span, Stage, Timestamp,
};

use crate::client::Client;
use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, JOB, Verdicts, each_once, items, key, submitted, work};

/// The consumer of the class that has no plain name.
const SSD: &str = "collect-_9fe06c582182a39acb0351b6";

/// A job of these classes.
pub(crate) fn record(classes: &[&str]) -> JobRecord {
    JobRecord {
        job: Job { name: JOB.to_owned(), digest: "aa".to_owned() },
        items: 40,
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        key: key().id(&PROVIDER).unwrap(),
        submitted: Timestamp::from_unix_ms(0),
    }
}

/// An item that was rejected.
pub(crate) fn outcome_of(item: &Item) -> Outcome {
    let attempt = Attempt::without_device(OutcomeKind::Rejected, Fault::Device, "test", "so");
    let at = Timestamp::from_unix_ms(0);
    let span = Span { due: at, started: at, finished: at };
    Outcome::new(item, 1, attempt, Finality::Final, span, "host/1")
}

#[test]
fn messages_of_a_class_are_not_dropped_where_another_has_no_consumer() {
    let Some(server) = Server::start("dropped") else { return };
    // What is dropped would come back after the test's patience.
    let site = server.site(600);
    submitted(&site, &items(8));
    assert_eq!(site.pending().unwrap(), (8, 0));
    Client::new(&server).delete_consumer("SPDM_WORK", SSD);
    let mut ids = BTreeSet::new();
    for _ in 0..8 {
        let deliveries = site.work().fetch(8, Duration::from_millis(200)).unwrap();
        ids.extend(deliveries.iter().map(|delivery| delivery.id().to_owned()));
    }
    assert_eq!(ids.len(), 8);
}

#[test]
fn a_consumer_that_was_deleted_is_made_again() {
    let Some(server) = Server::start("deleted") else { return };
    let (site, items) = (server.site(600), items(60));
    submitted(&site, &items);
    let client = Client::new(&server);
    let devices = Devices { pause: Duration::from_millis(200), ..Devices::default() };
    let mut deleted = false;
    let done = || {
        if !deleted && devices.asked.load(Ordering::Relaxed) > 4 {
            client.delete_consumer("SPDM_WORK", SSD);
            client.delete_consumer("SPDM_EVIDENCE", "judge");
            deleted = true;
        }
        deleted && finals(&site) == 60
    };
    work(&site, &devices, &Verdicts::default(), 4, &(), done);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}

#[test]
fn a_site_that_was_joined_makes_nothing_and_says_what_is_missing() {
    let Some(server) = Server::start("joined") else { return };
    let joined = server.joined(Classes::Only(vec!["gpu".to_owned()]));
    let missing = |error: QueueError, name: &str| {
        assert!(error.to_string().contains(name), "{error}");
    };
    let fetch = || joined.work().fetch(8, Duration::from_millis(100));
    missing(fetch().unwrap_err(), "collect-gpu");
    missing(joined.pending().unwrap_err(), "collect-gpu");
    let outcome = outcome_of(&items(1)[0]);
    missing(joined.record(&outcome).unwrap_err(), "spdm-state");
    missing(joined.lease("host", 1).unwrap_err(), "spdm-lease");
    // Whoever submits makes all of it.
    let site = server.site(30);
    site.announce(&record(&["gpu"])).unwrap();
    submitted(&site, &items(2));
    let begun = Instant::now();
    while fetch().map_or(0, |deliveries| deliveries.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    joined.record(&outcome).unwrap();
    assert!(joined.target(&outcome.target).unwrap().is_some());
}

#[test]
fn a_job_that_cannot_be_read_does_not_keep_others_from_being_worked_on() {
    let Some(server) = Server::start("job") else { return };
    let site = server.site_for(&NatsSettings::default(), Classes::All);
    let items = items(8);
    let client = Client::new(&server);
    client.publish("$KV.spdm-job.broken", &[], b"{\"job\":7}");
    let error = site.job("broken").unwrap_err().to_string();
    assert!(error.contains("the job broken"), "{error}");
    // Somebody is told of it where there is nothing else to tell.
    let error = site.work().fetch(1, Duration::from_millis(100)).unwrap_err().to_string();
    assert!(error.contains("the job broken"), "{error}");
    site.announce(&record(&["gpu", "ssd of rack 7"])).unwrap();
    submitted(&site, &items);
    let (devices, verdicts) = (Devices::default(), Verdicts::default());
    work(&site, &devices, &verdicts, 4, &(), || finals(&site) == 8);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}

#[test]
fn what_is_longer_than_anybody_reads_is_not_sent() {
    let Some(server) = Server::start("long") else { return };
    let (site, items) = (server.site(30), items(1));
    let most = 1 << 24;
    let body = vec![b' '; most + 1];
    let message =
        Message { id: "long", class: "gpu", item: &items[0].item, attempt: 1, body: &body };
    let error = site.evidence().submit(&message).unwrap_err();
    assert_eq!(error, QueueError::TooLong { got: most + 1, most });
}

/// Evidence whose object is what `meta` says of it, and is not there.
fn evidence_with_object(client: &Client, size: usize) {
    let name = format!("id/{}", "0".repeat(64));
    let meta = format!(
        r#"{{"name":"{name}","bucket":"spdm-evidence","nuid":"none","size":{size},"chunks":{}}}"#,
        size / (128 << 10)
    );
    let encoded = BASE64_URL_SAFE.encode(&name);
    client.publish(&format!("$O.spdm-evidence.M.{encoded}"), &[], meta.as_bytes());
    let headers = [("Spdm-Object", name.as_str())];
    client.publish("spdm.v1.evidence.gpu.a.1", &headers, b"short");
}

#[test]
fn an_object_that_is_too_long_or_does_not_come_is_not_waited_for() {
    for size in [(1 << 24) + 1, 1 << 24] {
        let Some(server) = Server::start(&format!("object-{size}")) else { return };
        let site = server.site(600);
        evidence_with_object(&Client::new(&server), size);
        let deliveries = site.evidence().fetch(1, Duration::from_secs(1)).unwrap();
        let begun = Instant::now();
        assert_eq!(deliveries[0].read(), Ok(()));
        assert_eq!(deliveries[0].body(), b"short");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_server_that_says_nothing_stops_nobody() {
    let Some(server) = Server::start("silent") else { return };
    let (site, items) = (server.site(30), items(8));
    submitted(&site, &items);
    let fetched = site.work().fetch(2, Duration::from_secs(1)).unwrap();
    let [first, second] = fetched.as_slice() else { panic!("two") };
    let outcome = outcome_of(&items[0]);
    site.record(&outcome).unwrap();
    let lease = site.lease("host", 1).unwrap().unwrap();
    let long = vec![b'1'; 3 << 20];
    let evidence =
        |body| Message { id: "id", class: "gpu", item: &items[0].item, attempt: 1, body };
    let id = Stage::Work.message_id(&items[0].item, 1);
    let calls: [&(dyn Fn() -> Result<(), QueueError> + Sync); 13] = [
        &|| site.work().fetch(1, Duration::from_secs(1)).map(drop),
        &|| site.evidence().fetch(1, Duration::from_secs(1)).map(drop),
        &|| site.work().done(first),
        &|| site.evidence().submit(&evidence(b"{}")).map(drop),
        &|| site.evidence().submit(&evidence(&long)).map(drop),
        &|| site.publish(&outcome).map(drop),
        &|| site.record(&outcome_of(&items[1])),
        &|| site.begun(&id).map(drop),
        &|| site.set_begun(&id, 1),
        &|| site.lease("another", 1).map(drop),
        &|| site.release(&lease),
        &|| site.announce(&record(&["gpu"])).map(drop),
        &|| site.outcomes(JOB, |_| Goes::Enough, || Goes::Enough),
    ];
    server.pause();
    thread::scope(|scope| {
        for (number, call) in calls.iter().enumerate() {
            scope.spawn(move || {
                let begun = Instant::now();
                assert!(call().is_err(), "{number}");
                assert!(begun.elapsed() < Duration::from_secs(120), "{number}");
            });
        }
    });
    // What is only told is not answered.
    let begun = Instant::now();
    let _ = (site.work().alive(second), site.work().later(second, Duration::ZERO));
    assert!(begun.elapsed() < Duration::from_secs(120));
    server.resume();
    let begun = Instant::now();
    while site.pending().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
