//! `spdm fleet work` that is asked to end, and asked again.

use core::time::Duration;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::devices::good;
use crate::queue::{Queue, until};

/// How long a worker that is asked twice may take, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The last outcomes of a journal by their kind, and how many outcomes there are.
fn ends(path: &str) -> (Vec<String>, usize) {
    let text = fs::read_to_string(path).unwrap();
    let outcomes: Vec<Value> =
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = outcomes.iter().filter(|outcome| outcome["final"] == true);
    let mut last: Vec<_> =
        last.map(|outcome| outcome["outcome"].as_str().unwrap().to_owned()).collect();
    last.sort_unstable();
    (last, outcomes.len())
}

#[test]
fn f5_a_second_signal_ends_a_worker_at_once_and_nothing_is_lost() {
    let Some(queue) = Queue::start("cli-twice") else { return };
    let site = good(&queue.folder);
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list: Vec<_> = (0..6).map(|number| site.target(number)).collect();
    list.insert(3, format!("tcp:{}", silent.local_addr().unwrap()));
    queue.list(&list);
    assert_eq!(queue.submit("--ack-wait 5").code, 0);
    let options = format!("{} --trust {} --attempts 1", queue.key(), site.root);
    let mut first = queue.worker("first", &format!("{options} --timeout 60 -j 2"));
    let server = queue.server.site(5);
    until("the others are judged", || server.pending().unwrap() == (1, 0));
    first.terminate();
    thread::sleep(Duration::from_millis(500));
    assert!(first.is_running(), "what was begun is finished: {}", first.said());
    let asked = Instant::now();
    first.terminate();
    let (status, said) = first.status();
    assert!(asked.elapsed() < AT_ONCE, "{:?}: {said}", asked.elapsed());
    assert_eq!(status.signal(), Some(15), "{said}");
    // What it had comes back. Nobody listens there any more.
    drop(silent);
    let second = queue.worker("second", &format!("{options} --drain"));
    let out = queue.folder.path("out.jsonl");
    let watched = queue.watch(&format!("--out {out} --wait 25"));
    assert_eq!(watched.code, 3, "{watched:?}");
    let (last, all) = ends(&out);
    assert_eq!(last.iter().filter(|kind| *kind == "verified").count(), 6, "{last:?}");
    assert_eq!((last.len(), all), (7, 7), "{last:?}");
    assert_eq!(second.ended().0, Some(0));
}

#[test]
fn f5_a_signal_ends_a_worker_that_has_nothing_to_do() {
    let Some(queue) = Queue::start("cli-idle") else { return };
    let site = good(&queue.folder);
    queue.list(&[site.target(1)]);
    assert_eq!(queue.submit("").code, 0);
    let worker = queue.worker("idle", &format!("{} --trust {}", queue.key(), site.root));
    let server = queue.server.site(30);
    until("it has nothing to do", || server.pending().unwrap() == (0, 0));
    let asked = Instant::now();
    worker.terminate();
    let (code, last) = worker.ended();
    assert!(asked.elapsed() < AT_ONCE, "{:?}: {last}", asked.elapsed());
    assert_eq!(code, Some(0), "{last}");
    assert!(last.ends_with("1 collected, 1 judged"), "{last}");
}
