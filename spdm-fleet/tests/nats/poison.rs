//! What a collector writes that ends a client: it speaks with the server itself.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Classes, CollectRole, Handled, JudgeRole, NatsSite, Nonces, OutcomeKind, QueueError, Role as _,
    Site as _, Worker, WorkerError,
};

use crate::faults::record;
use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, PATIENCE, Verdicts, each_once, items, key, submitted};

/// Publishes what no client would, and waits until the server has it.
pub(crate) fn publish(server: &Server, subject: &[u8], headers: &[u8], body: &[u8]) {
    let address = server.address().trim_start_matches("nats://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (most, all) = (headers.len(), headers.len() + body.len());
    stream.write_all(b"CONNECT {\"verbose\":false,\"headers\":true}\r\n").unwrap();
    let sizes = format!(" {most} {all}\r\n");
    let parts = [b"HPUB ", subject, sizes.as_bytes(), headers, body, b"\r\nPING\r\n"];
    stream.write_all(&parts.concat()).unwrap();
    let (mut heard, mut part) = (Vec::new(), [0; 1024]);
    while !heard.windows(4).any(|window| window == b"PONG") {
        let len = stream.read(&mut part).unwrap();
        assert!(len > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(part.get(..len).unwrap());
    }
}

/// Evidence of every item is in the queue.
fn collected(site: &NatsSite, count: usize) {
    let devices = Devices::default();
    let collect = CollectRole::new(site, &devices, 64, "collector/1");
    let mut left = count;
    while left > 0 {
        for work in site.work().fetch(8, Duration::from_secs(1)).unwrap() {
            assert_eq!(collect.handle(&work, &()), Ok(Handled::Done));
            site.work().done(&work).unwrap();
            left -= 1;
        }
    }
}

/// Judges until every item has its outcome, in a new process each time, as it were. Says how many judges ended.
fn judged(server: &Server, site: &NatsSite, count: usize) -> usize {
    let (key, verdicts, begun) = (key(), Verdicts::default(), Instant::now());
    let mut ended = 0;
    while finals(site) < count {
        let (joined, stop) = (server.joined(Classes::All), AtomicBool::new(false));
        let nonces = Nonces::new(&PROVIDER, &key);
        let judge = JudgeRole::new(&joined, nonces, Nonces::WINDOW, &verdicts, 3, "judge/2");
        let worker = Worker::new(&judge, 4, &stop, &());
        let worker = worker.with_sign_of_life(Duration::from_millis(300));
        let worker = worker.with_longest_silence(Duration::from_secs(3));
        thread::scope(|scope| {
            let running = scope.spawn(move || worker.run());
            while !running.is_finished() && finals(site) < count && begun.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(20));
            }
            // The scope waits for it, whatever is asserted.
            stop.store(true, Ordering::Relaxed);
            match running.join().unwrap() {
                Ok(()) => {}
                Err(WorkerError::Unreached { error: QueueError::Unreached(_), .. }) => ended += 1,
                Err(error) => assert_eq!(error.to_string(), "", "it ends with nothing else"),
            }
        });
        assert!(begun.elapsed() < PATIENCE, "{ended} judges ended, {} of {count}", finals(site));
    }
    ended
}

/// Headers, and the subject behind the class.
const POISON: [(&str, &[u8], &[u8]); 6] = [
    ("cr", b"a.1", b"NATS/1.0\r\nSpdm-Id: a\rb\r\n\r\n"),
    ("no-colon", b"a.1", b"NATS/1.0\r\nSpdm-Id\r\n\r\n"),
    ("no-name", b"a.1", b"NATS/1.0\r\nA b: c\r\n\r\n"),
    ("no-text", b"a.1", b"NATS/1.0\r\nSpdm-Id: \xff\r\n\r\n"),
    ("status", b"a.1", b"NATS/1.0 seven\r\n\r\n"),
    ("subject", b"\xff.1", b"NATS/1.0\r\nSpdm-Id: a\r\n\r\n"),
];

#[test]
fn b1_headers_that_end_a_client_end_one_judge_and_no_more() {
    for (name, subject, headers) in POISON {
        let Some(server) = Server::start(&format!("poison-{name}")) else { return };
        let (site, items) = (server.site(2), items(8));
        site.announce(&record(&["gpu", "ssd of rack 7"])).unwrap();
        submitted(&site, &items);
        let subject = [b"spdm.v1.evidence.gpu.", subject].concat();
        publish(&server, &subject, headers, b"{}");
        collected(&site, 8);
        let ended = judged(&server, &site, 8);
        println!("{name}: {ended} judges ended");
        assert!(ended <= 1, "{name}: {ended}");
        each_once(&outcomes(&site), &items, OutcomeKind::Verified);
        assert_eq!(site.dead(), Ok(1), "{name}");
        assert_eq!(site.pending(), Ok((0, 0)), "{name}");
    }
}

#[test]
fn b1_headers_of_an_object_end_nobody() {
    let Some(server) = Server::start("poison-object") else { return };
    let site = server.site(600);
    let name = format!("id/{}", "0".repeat(64));
    let meta =
        format!(r#"{{"name":"{name}","bucket":"spdm-evidence","nuid":"abc","size":2,"chunks":1}}"#);
    let poison = b"NATS/1.0\r\nA: b\rc\r\n\r\n";
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE, &name);
    publish(&server, b"$O.spdm-evidence.C.abc", poison, b"{}");
    let subject = format!("$O.spdm-evidence.M.{encoded}");
    publish(&server, subject.as_bytes(), poison, meta.as_bytes());
    let headers = format!("NATS/1.0\r\nSpdm-Object: {name}\r\n\r\n");
    publish(&server, b"spdm.v1.evidence.gpu.a.1", headers.as_bytes(), b"short");
    let deliveries = site.evidence().fetch(1, Duration::from_secs(1)).unwrap();
    deliveries[0].read().unwrap();
    // It is not what its name says.
    assert_eq!(deliveries[0].body(), b"short");
    site.evidence().done(&deliveries[0]).unwrap();
}

#[test]
fn b3_the_name_of_a_message_is_what_the_server_says() {
    let Some(server) = Server::start("names") else { return };
    let site = server.site(600);
    // One name in the headers; and one subject twice.
    for subject in ["a.1", "b.1", "b.1"] {
        let subject = format!("spdm.v1.evidence.gpu.{subject}");
        publish(&server, subject.as_bytes(), b"NATS/1.0\r\nSpdm-Id: same\r\n\r\n", b"{}");
    }
    let deliveries = site.evidence().fetch(3, Duration::from_secs(1)).unwrap();
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id()).collect();
    assert_eq!(ids, ["gpu.a.1/1/evidence", "gpu.b.1/2/evidence", "gpu.b.1/3/evidence"]);
    site.set_begun(ids[1], 3).unwrap();
    let counts: Vec<_> = ids.iter().map(|id| site.begun(id).unwrap()).collect();
    assert_eq!(counts, [0, 3, 0]);
}
