//! `--metrics ADDRESS` of `spdm fleet work` and `spdm fleet watch`: what is scraped is true.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::devices::good;
use crate::process::run;
use crate::queue::{Queue, until};
use crate::stand::JOB;

/// The metrics that somebody says that they are at.
fn address(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("metrics are at http://")?;
    Some(rest.split_once("/metrics")?.0.to_owned())
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (header, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(header.starts_with("HTTP/1.0 200 OK\r\n"), "{header}");
    text.to_owned()
}

/// Scrapes until these lines are there.
fn scrape_until(address: &str, lines: &[&str]) -> String {
    let mut text = String::new();
    until(&lines.join(", "), || {
        text = scrape(address);
        lines.iter().all(|line| text.lines().any(|it| it == *line))
    });
    text
}

#[test]
fn metrics_of_a_worker_and_of_who_watches_are_true_while_they_work() {
    let Some(queue) = Queue::start("cli-scrape") else { return };
    let site = good(&queue.folder);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list: Vec<_> =
        (0..5).map(|number| format!("{} class=ssd", site.target(number))).collect();
    list.push(format!("tcp:{} class=gpu", silent.local_addr().unwrap()));
    queue.list(&list);
    assert_eq!(queue.submit("").code, 0);
    let out = queue.folder.path("out.jsonl");
    let line =
        format!("fleet watch {} --job {JOB} --out {out} --metrics 127.0.0.1:0", queue.option());
    let watch = queue.starts("watch", &line);
    until("it says where", || address(&watch.said()).is_some());
    let watched = address(&watch.said()).unwrap();
    let before = scrape_until(
        &watched,
        &["spdm_items{state=\"pending\"} 6", "spdm_queue_pending{stream=\"work\"} 6"],
    );
    assert!(before.contains("spdm_items{state=\"verified\"} 0\n"), "{before}");
    let options = format!(
        "{} --trust {} --timeout 6 --attempts 1 --metrics 127.0.0.1:0",
        queue.key(),
        site.root
    );
    let worker = queue.worker("worker", &options);
    let works = address(&worker.said()).unwrap();
    // The silent one is in flight, and nothing else.
    let text = scrape_until(
        &works,
        &[
            "spdm_in_flight 1",
            "spdm_queue_pending{stream=\"work\"} 1",
            "spdm_queue_pending{stream=\"evidence\"} 0",
            "spdm_queue_pending{stream=\"dead\"} 0",
            "spdm_redelivered_total 0",
        ],
    );
    assert!(!text.contains("127."), "no device is a label: {text}");
    scrape_until(
        &watched,
        &[
            "spdm_items{state=\"verified\"} 5",
            "spdm_items{state=\"pending\"} 1",
            "spdm_queue_pending{stream=\"work\"} 1",
            "spdm_outcomes_total{outcome=\"verified\",fault=\"none\",class=\"ssd\",transport=\"tcp\"} 5",
        ],
    );
    drop(silent);
    let (code, _) = watch.ended();
    assert_eq!(code, Some(3));
    TcpStream::connect(&watched).unwrap_err();
    scrape_until(&works, &["spdm_in_flight 0", "spdm_queue_pending{stream=\"work\"} 0"]);
    worker.terminate();
    assert_eq!(worker.ended().0, Some(0));
    TcpStream::connect(&works).unwrap_err();
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1 + 6);
}

#[test]
fn an_address_in_use_is_one_sentence_before_anything_is_connected() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    // Whoever connects waits for a greeting.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let (taken, queue) = (taken.local_addr().unwrap(), server.local_addr().unwrap());
    for line in [
        format!("fleet work --queue nats://{queue} --roles collect --metrics {taken}"),
        format!("fleet watch --queue nats://{queue} --job {JOB} --metrics {taken}"),
    ] {
        let ran = run(&line);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line}: {ran:?}");
        let expected = format!("error: --metrics {taken}: Address already in use");
        assert!(ran.err.starts_with(&expected), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        server.accept().unwrap_err();
    }
}
