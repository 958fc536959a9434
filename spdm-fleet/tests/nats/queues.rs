//! F4, F7, F16, F17: what the streams hold.

use core::sync::atomic::Ordering;
use core::time::Duration;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Job, JobRecord, NatsSettings, Nonces, OutcomeKind, QueueError, Site as _, Submission,
    Timestamp, Want, submit,
};

use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, JOB, Verdicts, each_once, items, key, submitted, work};

#[test]
fn f4_an_item_that_is_submitted_twice_is_attested_once() {
    let Some(server) = Server::start("f4") else { return };
    let (site, items) = (server.site(30), items(50));
    assert_eq!(submitted(&site, &items), (50, 0));
    assert_eq!(submitted(&site, &items), (0, 50));
    let devices = Devices { pause: Duration::from_millis(5), ..Devices::default() };
    work(&site, &devices, &Verdicts::default(), 8, &(), || finals(&site) == 50);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    assert_eq!(devices.asked.load(Ordering::Relaxed), 50);
    // F7: places at hosts are those of all workers together.
    let busy = devices.busy.lock().unwrap();
    assert!(busy.values().all(|(_, most)| *most <= 2), "{busy:?}");
}

#[test]
fn f4_a_job_has_one_content() {
    let Some(server) = Server::start("f4-job") else { return };
    let site = server.site(30);
    let record = |digest: &str| JobRecord {
        job: Job { name: JOB.to_owned(), digest: digest.to_owned() },
        items: 5,
        classes: vec!["gpu".to_owned()],
        key: key().id(&PROVIDER).unwrap(),
        submitted: Timestamp::from_unix_ms(0),
    };
    assert_eq!(site.announce(&record("aa")), Ok(Submission::New));
    assert_eq!(site.announce(&record("aa")), Ok(Submission::Duplicate));
    assert_eq!(site.announce(&record("bb")), Err(QueueError::OtherJob { job: JOB.to_owned() }));
    assert_eq!(site.job(JOB).unwrap().unwrap(), record("aa"));
    assert_eq!(site.job("another").unwrap(), None);
}

#[test]
fn f16_evidence_that_is_longer_than_a_message_comes_whole() {
    let Some(server) = Server::start("f16") else { return };
    let (site, items) = (server.site(30), items(3));
    submitted(&site, &items);
    // 1 MiB and one byte in hexadecimal digits, besides what is around it.
    let devices = Devices { padding: (1 << 20) + 2, ..Devices::default() };
    work(&site, &devices, &Verdicts::default(), 2, &(), || finals(&site) == 3);
    let outcomes = outcomes(&site);
    each_once(&outcomes, &items, OutcomeKind::Verified);
    assert!(outcomes.iter().all(|outcome| outcome.evidence.as_ref().unwrap().bytes > 1 << 20));
}

#[test]
fn f17_a_full_stream_refuses_with_a_sentence_and_drops_nothing() {
    let Some(server) = Server::start("f17") else { return };
    let site = server.site_of(&NatsSettings { max_messages: 20, ..NatsSettings::default() });
    let (items, key) = (items(100), key());
    let nonces = Nonces::new(&PROVIDER, &key);
    let submit = || submit(site.work(), &nonces, &items, Nonces::WINDOW, &Want::default());
    let error = submit().unwrap_err();
    assert_eq!(error, QueueError::Full { queue: "the stream SPDM_WORK".to_owned() });
    let (held, _) = site.pending().unwrap();
    assert_eq!(held, 20);
    // What was taken is worked on, and the rest is taken then.
    let mut last = 0;
    let devices = Devices::default();
    work(&site, &devices, &Verdicts::default(), 8, &(), || {
        let _ = submit();
        last = finals(&site);
        last == 100
    });
    assert_eq!(last, 100);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}
