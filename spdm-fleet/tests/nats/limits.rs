//! How much a server and a worker hold.

use core::time::Duration;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    CollectRole, DeadMessage, Delivery, Handled, JudgeRole, Message, NatsSettings, Nonces,
    QueueError, Role as _, Site as _, Stage, Submission,
};

use crate::client::Client;
use crate::server::{Server, outcomes};
use crate::stand::{Devices, Verdicts, items, key, submitted};

const SHORT: Duration = Duration::from_millis(500);

#[test]
fn b8_a_full_stream_of_outcomes_refuses_and_loses_nothing() {
    let Some(server) = Server::start("b8-results") else { return };
    let settings = NatsSettings { max_results: 2, ..NatsSettings::default() };
    let (site, items, key) = (server.site_of(&settings), items(3), key());
    submitted(&site, &items);
    let (devices, verdicts) = (Devices::default(), Verdicts::default());
    let collect = CollectRole::new(&site, &devices, 4, "collector/1");
    let nonces = Nonces::new(&PROVIDER, &key);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
    let full = QueueError::Full { queue: "the stream SPDM_RESULT".to_owned() };
    let mut last: Option<Delivery> = None;
    for expected in [Ok(Handled::Done), Ok(Handled::Done), Err(full.clone())] {
        let work = site.work().fetch(1, SHORT).unwrap().pop().unwrap();
        assert_eq!(collect.handle(&work, &()), Ok(Handled::Done));
        site.work().done(&work).unwrap();
        let evidence = site.evidence().fetch(1, SHORT).unwrap().pop().unwrap();
        assert_eq!(judge.handle(&evidence, &()), expected);
        if expected.is_ok() {
            site.evidence().done(&evidence).unwrap();
        } else {
            site.evidence().later(&evidence, Duration::ZERO).unwrap();
        }
        last = Some(evidence);
    }
    assert!(full.to_string().contains("the stream SPDM_RESULT holds as much as it may"), "{full}");
    let before = outcomes(&site);
    assert_eq!(before.len(), 2);
    assert_eq!(site.pending(), Ok((0, 1)), "the evidence waits");
    // With room it is taken, although it was refused before under the same name.
    Client::new(&server).delete_message("SPDM_RESULT", 1);
    let evidence = site.evidence().fetch(1, SHORT).unwrap().pop().unwrap();
    assert_eq!(evidence.id(), last.unwrap().id());
    assert_eq!(judge.handle(&evidence, &()), Ok(Handled::Done));
    let after = outcomes(&site);
    assert_eq!((after.len(), &after[0].item), (2, &before[1].item));
    assert_ne!(after[1].item, before[1].item);
}

#[test]
fn b8_what_nobody_can_work_on_makes_room_for_more() {
    let Some(server) = Server::start("b8-dead") else { return };
    let site = server.site_of(&NatsSettings { max_dead: 2, ..NatsSettings::default() });
    for id in ["a/1/evidence", "b/1/evidence", "c/1/evidence"] {
        let dead = DeadMessage { id, class: "gpu", job: "a", body: id.as_bytes(), error: "so" };
        site.bury(&dead).unwrap();
    }
    assert_eq!(site.dead(), Ok(2));
    assert_eq!(Client::new(&server).first("SPDM_DEAD"), b"b/1/evidence");
}

#[test]
fn b4_long_evidence_is_read_by_who_works_on_it_and_little_at_once() {
    let Some(server) = Server::start("b4") else { return };
    let (site, items) = (server.site(600), items(5));
    let body = |number: usize| vec![b'0' + u8::try_from(number).unwrap(); (2 << 20) + number];
    for (number, item) in items.iter().enumerate() {
        let (id, body) = (Stage::Evidence.message_id(&item.item, 1), body(number));
        let message = Message { id: &id, class: "gpu", item: &item.item, attempt: 1, body: &body };
        assert_eq!(site.evidence().submit(&message), Ok(Submission::New));
    }
    let mut deliveries = site.evidence().fetch(8, Duration::from_secs(1)).unwrap();
    // An array of digits has no short members.
    assert!(deliveries.iter().all(|delivery| delivery.body().len() < 10));
    let last = deliveries.pop().unwrap();
    for (number, delivery) in deliveries.iter().enumerate() {
        delivery.read().unwrap();
        assert_eq!(delivery.body(), body(number));
    }
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let last = &last;
        scope.spawn(move || sender.send(last.read()).unwrap());
        // As much is held as may be.
        assert!(receiver.recv_timeout(Duration::from_secs(1)).is_err());
        deliveries.pop();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(Ok(())));
    });
    assert_eq!(last.body(), body(4));
}

#[test]
fn b4_parts_of_an_object_are_no_more_than_its_length_has() {
    let Some(server) = Server::start("b4-parts") else { return };
    let (site, client) = (server.site(600), Client::new(&server));
    let name = format!("id/{}", "0".repeat(64));
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE, &name);
    // A million parts of a byte; parts of others; and one that is somewhere in the store.
    for (nuid, size, chunks) in [("abc", 1 << 20, 1 << 20), ("*", 2, 1), (">", 2, 1), ("abc", 2, 1)]
    {
        let meta = format!(
            r#"{{"name":"{name}","bucket":"spdm-evidence","nuid":"{nuid}","size":{size},"chunks":{chunks}}}"#
        );
        client.publish("$O.spdm-evidence.C.abc", &[], b"1");
        client.publish(&format!("$O.spdm-evidence.M.{encoded}"), &[], meta.as_bytes());
        let headers = [("Spdm-Object", name.as_str())];
        client.publish("spdm.v1.evidence.gpu.a.1", &headers, b"short");
        let delivery = site.evidence().fetch(1, Duration::from_secs(1)).unwrap().pop().unwrap();
        let (begun, before) = (Instant::now(), client.messages("OBJ_spdm-evidence"));
        delivery.read().unwrap();
        assert_eq!(delivery.body(), b"short", "{nuid}");
        site.evidence().done(&delivery).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{nuid}");
        // Nobody has a judge remove what is of others.
        let left = client.messages("OBJ_spdm-evidence");
        assert_eq!(left == before, (nuid, chunks) != ("abc", 1), "{nuid}: {left} of {before}");
    }
}
