//! Summary, JUnit and metrics of one journal say the same, and nothing of a device gets out of its place.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use spdm_fleet::{
    Fault, Grouping, JournalHead, Metrics, MetricsServer, Outcome, OutcomeKind, Reason, Summary,
    Timestamp, junit,
};

use crate::sample::{head, outcome};

const HOSTILE: &str = "tcp:\u{1b}[2J</testcase><img src=x onerror=alert(1)>\"'&\u{202e}\u{fffe}";

fn head_of(items: u64) -> JournalHead {
    JournalHead { items, ..head("aa") }
}

fn of_class(class: &str, mut outcome: Outcome) -> Outcome {
    outcome.class = class.to_owned();
    outcome
}

fn attempt(number: u32, mut outcome: Outcome) -> Outcome {
    outcome.attempt = number;
    outcome
}

fn tried_again(mut outcome: Outcome) -> Outcome {
    outcome.is_final = false;
    outcome
}

fn verified(target: &str) -> Outcome {
    outcome(target, OutcomeKind::Verified, Fault::None)
}

fn unreachable(target: &str) -> Outcome {
    outcome(target, OutcomeKind::Unreachable, Fault::Transport)
}

fn rejected(target: &str) -> Outcome {
    outcome(target, OutcomeKind::Rejected, Fault::Device)
}

/// A journal of eleven lines about nine of ten items.
fn journal() -> Vec<Outcome> {
    let mut last = rejected(HOSTILE);
    last.reason = Some(Reason {
        check: "chain.anchor".to_owned(),
        index: None,
        detail: format!("{HOSTILE} is not trusted"),
    });
    last.labels.insert("site".to_owned(), "north".to_owned());
    vec![
        tried_again(unreachable("tcp:a")),
        verified("tcp:b"),
        attempt(2, verified("tcp:a")),
        tried_again(unreachable("tcp:c")),
        attempt(2, unreachable("tcp:c")),
        of_class("ssd", last),
        outcome("tcp:e", OutcomeKind::DeviceError, Fault::Device),
        outcome("tcp:f", OutcomeKind::Undecidable, Fault::Configuration),
        outcome("tcp:g", OutcomeKind::Cancelled, Fault::None),
        outcome("tcp:h", OutcomeKind::InternalError, Fault::Us),
        tried_again(unreachable("tcp:i")),
    ]
}

fn read(items: u64, journal: &[Outcome]) -> (Summary, Metrics) {
    let (mut summary, metrics) = (Summary::new(head_of(items)), Metrics::new(items));
    for outcome in journal {
        let item = summary.take(outcome);
        metrics.take(outcome, &summary, item);
    }
    (summary, metrics)
}

fn junit_of(summary: &Summary) -> String {
    let mut xml = Vec::new();
    junit::write(summary, &mut xml).unwrap();
    String::from_utf8(xml).unwrap()
}

#[test]
fn summary_counts_the_last_attempt_of_each_item() {
    let (summary, _) = read(10, &journal());
    let counts = summary.counts();
    let of = OutcomeKind::ALL.map(|kind| counts.count(kind));
    assert_eq!(of, [2, 1, 1, 2, 1, 1, 1]);
    assert_eq!((summary.missing(), summary.unfinished(), summary.attempts()), (1, 1, 11));
    let names: Vec<_> = summary.groups(Grouping::Fault).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["none", "device", "configuration", "transport", "us"]);
    let groups = summary.groups(Grouping::Class);
    assert_eq!(
        groups.iter().map(|(name, of)| (*name, of.total())).collect::<Vec<_>>(),
        [("default", 8), ("ssd", 1)]
    );
    let failed: Vec<_> = summary.not_verified().iter().map(|item| item.target.as_str()).collect();
    assert_eq!(failed, [HOSTILE, "tcp:f", "tcp:c", "tcp:i", "tcp:e", "tcp:g", "tcp:h"]);
    assert_eq!(&*summary.not_verified()[0].site, "north");
    assert_eq!(&*summary.items()[0].site, "a", "without a label it is the host");
}

#[test]
fn summary_never_takes_an_attempt_before_for_the_last() {
    let before = || tried_again(outcome("tcp:a", OutcomeKind::Unreachable, Fault::Transport));
    let late = [attempt(2, rejected("tcp:a")), attempt(1, before())];
    let (summary, _) = read(1, &late);
    assert_eq!(summary.items()[0].outcome, OutcomeKind::Rejected);
}

#[test]
fn summary_lets_no_attempt_hide_how_an_item_ended() {
    let (first, later) = (attempt(1, rejected("tcp:a")), attempt(2, verified("tcp:a")));
    for pair in [[first.clone(), later.clone()], [later.clone(), first.clone()]] {
        let (summary, _) = read(1, &pair);
        let item = &summary.items()[0];
        assert_eq!((item.outcome, item.fault), (OutcomeKind::InternalError, Fault::Us));
        assert!(item.reason.as_ref().unwrap().detail.contains("behind attempt 1"), "{item:?}");
        // Nor does a third one.
        let (summary, _) = read(1, &[&pair[..], &[attempt(3, verified("tcp:a"))]].concat());
        assert_eq!(summary.items()[0].outcome, OutcomeKind::InternalError);
    }
    // What was cancelled was none.
    let cancelled = attempt(1, outcome("tcp:a", OutcomeKind::Cancelled, Fault::None));
    let (summary, _) = read(1, &[cancelled, later]);
    assert_eq!(summary.items()[0].outcome, OutcomeKind::Verified);
}

#[test]
fn summary_does_not_choose_between_two_outcomes_of_one_attempt() {
    for pair in [[rejected("tcp:a"), verified("tcp:a")], [verified("tcp:a"), rejected("tcp:a")]] {
        let (summary, _) = read(1, &pair);
        let item = &summary.items()[0];
        assert_eq!((item.outcome, item.fault), (OutcomeKind::InternalError, Fault::Us));
        assert!(item.reason.as_ref().unwrap().detail.contains("says both"), "{item:?}");
    }
    // Delivered twice is no contradiction, and what was cancelled may be done under the same number.
    let (summary, _) = read(1, &[verified("tcp:a"), verified("tcp:a")]);
    assert_eq!(summary.counts().count(OutcomeKind::Verified), 1);
    let cancelled = tried_again(outcome("tcp:a", OutcomeKind::Cancelled, Fault::None));
    let (summary, _) = read(1, &[cancelled, verified("tcp:a")]);
    assert_eq!((summary.counts().count(OutcomeKind::Verified), summary.unfinished()), (1, 0));
    // It takes nothing back.
    let cancelled = || tried_again(outcome("tcp:a", OutcomeKind::Cancelled, Fault::None));
    let (summary, _) = read(1, &[rejected("tcp:a"), cancelled(), verified("tcp:a")]);
    assert_eq!(summary.items()[0].outcome, OutcomeKind::InternalError);
    let (summary, _) = read(1, &[rejected("tcp:a"), cancelled()]);
    assert_eq!((summary.items()[0].outcome, summary.unfinished()), (OutcomeKind::Rejected, 0));
}

#[test]
fn summary_keeps_no_long_sentences() {
    let mut long = rejected("tcp:a");
    long.reason.as_mut().unwrap().detail = "é".repeat(1 << 20);
    let (summary, _) = read(1, &[long]);
    assert!(summary.items()[0].reason.as_ref().unwrap().detail.len() < 5000);
}

#[test]
fn junit_is_xml_whatever_a_device_is_called() {
    let (summary, _) = read(9, &journal());
    let xml = junit_of(&summary);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suites: Vec<_> =
        document.root_element().children().filter(roxmltree::Node::is_element).collect();
    assert_eq!(
        suites.iter().map(|suite| suite.attribute("name").unwrap()).collect::<Vec<_>>(),
        ["default", "ssd", "fleet"]
    );
    let ssd = suites[1].first_element_child().unwrap();
    assert_eq!(
        ssd.attribute("name").unwrap(),
        spdm_evidence::printable_text(HOSTILE).replace('\u{fffe}', "\\u{fffe}")
    );
    assert_eq!(ssd.first_element_child().unwrap().tag_name().name(), "failure");
    assert!(!xml.contains('\u{1b}') && !xml.contains('\u{fffe}') && !xml.contains("<img"));
}

#[test]
fn junit_counts_what_it_lists() {
    let (summary, _) = read(10, &journal());
    let xml = junit_of(&summary);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    let count =
        |name: &str| root.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
    for (attribute, element) in [
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        assert_eq!(root.attribute(attribute).unwrap(), count(element), "{attribute}");
        let suites = root.children().filter(roxmltree::Node::is_element);
        let sum: usize =
            suites.map(|suite| suite.attribute(attribute).unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(sum.to_string(), count(element), "{attribute}");
    }
    // Two failures, and one of each that nobody could decide, reach or compute, and of the run.
    assert_eq!(
        (count("failure"), count("error"), count("skipped")),
        ("2".to_owned(), "5".to_owned(), "1".to_owned())
    );
}

#[test]
fn junit_of_a_run_that_was_stopped_is_not_green() {
    let stopped = junit_of(&read(2, &[verified("tcp:a")]).0);
    assert!(
        stopped.contains("errors=\"1\"") && stopped.contains("1 items were not tried"),
        "{stopped}"
    );
    let again = junit_of(&read(1, &[tried_again(verified("tcp:a"))]).0);
    assert!(again.contains("errors=\"1\""), "{again}");
    let whole = junit_of(&read(1, &[verified("tcp:a")]).0);
    assert!(!whole.contains("<error"), "{whole}");
}

#[test]
fn metrics_are_those_of_the_journal() {
    let (summary, metrics) = read(10, &journal());
    metrics.queue_pending("work", 3);
    metrics.redelivered();
    let text = metrics.text();
    for kind in OutcomeKind::ALL {
        let line = format!("spdm_items{{state=\"{kind}\"}} {}\n", summary.counts().count(kind));
        assert!(text.contains(&line), "{line}{text}");
    }
    for line in [
        "# TYPE spdm_items gauge\n",
        "# TYPE spdm_outcomes_total counter\n",
        "# TYPE spdm_attempts_total counter\n",
        "# TYPE spdm_stage_seconds histogram\n",
        "# TYPE spdm_round_trips_total counter\n",
        "# TYPE spdm_retries_total counter\n",
        "# TYPE spdm_queue_pending gauge\n",
        "# TYPE spdm_redelivered_total counter\n",
        "# TYPE spdm_last_success_timestamp_seconds gauge\n",
        "# TYPE spdm_in_flight gauge\n",
        "spdm_items{state=\"pending\"} 1\n",
        "spdm_outcomes_total{outcome=\"verified\",fault=\"none\",class=\"default\",transport=\"tcp\"} 2\n",
        "spdm_outcomes_total{outcome=\"rejected\",fault=\"device\",class=\"ssd\",transport=\"tcp\"} 1\n",
        "spdm_attempts_total{class=\"default\"} 10\n",
        "spdm_retries_total{reason=\"test\"} 3\n",
        "spdm_stage_seconds_count{stage=\"queue\"} 11\n",
        "spdm_last_success_timestamp_seconds{class=\"default\"} 1764513600\n",
        "spdm_queue_pending{stream=\"work\"} 3\n",
        "spdm_redelivered_total 1\n",
        "spdm_in_flight 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("onerror") && !text.contains("tcp:"), "no device is a label: {text}");
}

#[test]
fn a9_metrics_take_back_what_a_later_outcome_contradicts() {
    let late = |mut outcome: Outcome| {
        outcome.finished = Timestamp::from_unix_ms(outcome.finished.unix_ms() + 60_000);
        outcome
    };
    let rejected = outcome("tcp:a", OutcomeKind::Rejected, Fault::Device);
    for contradicts in [rejected.clone(), attempt(2, rejected)] {
        let first = [late(verified("tcp:a")), verified("tcp:b"), of_class("x", verified("tcp:c"))];
        let (_, metrics) = read(3, &first);
        let last = "spdm_last_success_timestamp_seconds{class=\"default\"}";
        assert!(metrics.text().contains(&format!("{last} 1764513660\n")), "{}", metrics.text());
        let (summary, metrics) = read(3, &[&first[..], &[contradicts]].concat());
        let (text, counts) = (metrics.text(), summary.counts());
        for kind in OutcomeKind::ALL {
            let of_kind =
                |line: &&str| line.starts_with(&format!("spdm_outcomes_total{{outcome=\"{kind}\""));
            let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            let counted: u64 = text.lines().filter(of_kind).map(count).sum();
            assert_eq!(counted, counts.count(kind), "{kind}: {text}");
        }
        assert_eq!(counts.count(OutcomeKind::InternalError), 1);
        assert!(text.contains(&format!("{last} 1764513600\n")), "{text}");
        // Of a class of which nothing else was verified, there is none.
        let (_, metrics) = read(1, &[verified("tcp:a"), attempt(2, verified("tcp:a"))]);
        assert!(!metrics.text().contains(last), "{}", metrics.text());
    }
}

#[test]
fn metrics_have_few_series_whatever_a_list_says() {
    let metrics = Metrics::new(1000);
    let mut summary = Summary::new(head_of(1000));
    for number in 0..1000 {
        let outcome =
            of_class(&format!("class \"{number}\"\n"), verified(&format!("tcp:{number}")));
        let item = summary.take(&outcome);
        metrics.take(&outcome, &summary, item);
    }
    let text = metrics.text();
    let series = text.lines().filter(|line| line.starts_with("spdm_attempts_total{")).count();
    assert_eq!(series, 101);
    assert!(text.contains("spdm_attempts_total{class=\"other\"} 900\n"), "{text}");
    assert!(text.contains(r#"{class="class \"0\"\n"}"#), "{text}");
    let long = of_class(&"x".repeat(5000), verified("tcp:long"));
    let item = summary.take(&long);
    metrics.take(&long, &summary, item);
    assert!(metrics.text().lines().all(|line| line.len() < 400));
}

fn asked(server: &MetricsServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    // A server that closes before it has read all resets the connection behind its answer.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn metrics_are_served_to_whoever_asks_properly() {
    let metrics = Arc::new(Metrics::new(3));
    let server = MetricsServer::start(([127, 0, 0, 1], 0).into(), metrics.clone()).unwrap();
    metrics.begun();
    let answer = asked(&server, b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(body, metrics.text());
    assert!(
        body.contains("spdm_in_flight 1\n") && body.contains("spdm_items{state=\"pending\"} 3\n")
    );
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"\r\n\r\n", "400"),
        (&[b'x'; 9000], "400"),
    ] {
        let answer = asked(&server, request);
        assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")), "{answer}");
    }
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err(), "it is gone");
}

#[test]
fn metrics_are_served_beside_one_who_says_nothing() {
    let server =
        MetricsServer::start(([127, 0, 0, 1], 0).into(), Arc::new(Metrics::new(1))).unwrap();
    let mute = TcpStream::connect(server.address()).unwrap();
    assert!(asked(&server, b"GET /metrics HTTP/1.0\r\n\r\n").contains("200 OK"));
    drop(mute);
}
