//! F2, F3, F5, F14: workers and the server end in the middle, and nothing is lost.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use spdm_fleet::{OutcomeKind, Step};

use crate::process::{Orders, Process};
use crate::server::{Server, finals, outcomes};
use crate::stand::{Devices, PATIENCE, Verdicts, each_once, items, submitted, work};

/// A worker is killed after a step of its 40th message, and another one does the rest.
fn killed_after(step: Step) {
    let name = format!("f2-{step:?}");
    let Some(server) = Server::start(&name) else { return };
    let (site, items) = (server.site(2), items(200));
    submitted(&site, &items);
    let orders = Orders { halt: Some((step, 40)), ack_wait: 2, places: 8, ..Orders::default() };
    Process::start(&server, orders).kill_where_it_halts();
    let before = finals(&site);
    assert!(before < 200, "there is something left to do");
    let devices = Devices::default();
    // What the killed one held comes back after a while.
    let done = || finals(&site) == 200 && site.pending() == Ok((0, 0));
    work(&site, &devices, &Verdicts::default(), 16, &(), done);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
    assert_eq!(site.dead().unwrap(), 0);
    assert_eq!(site.target("emulated:0").unwrap().unwrap().consecutive_failures, 0);
}

#[test]
fn f2_killed_after_evidence_is_stored() {
    killed_after(Step::EvidenceSubmitted);
}

#[test]
fn f2_killed_after_the_outcome_is_stored() {
    killed_after(Step::OutcomePublished);
}

#[test]
fn f2_killed_after_the_state_is_stored() {
    killed_after(Step::TargetRecorded);
}

#[test]
fn f2_killed_after_the_message_is_removed() {
    killed_after(Step::Acknowledged);
}

#[test]
fn f3_the_server_restarts_in_the_middle() {
    let Some(mut server) = Server::start("f3") else { return };
    let (site, items) = (server.site(3), items(100));
    submitted(&site, &items);
    let devices = Devices { pause: Duration::from_millis(50), ..Devices::default() };
    let mut restarted = false;
    let done = || {
        if !restarted && finals(&site) >= 20 {
            server.restart();
            restarted = true;
        }
        restarted && site.pending().is_ok_and(|pending| pending == (0, 0)) && finals(&site) == 100
    };
    work(&site, &devices, &Verdicts::default(), 8, &(), done);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}

#[test]
fn f5_a_worker_that_is_asked_to_end_hands_its_work_back() {
    let Some(server) = Server::start("f5") else { return };
    // What would have to wait for silence would come after the test's patience.
    let (site, items) = (server.site(600), items(60));
    submitted(&site, &items);
    let orders = Orders { pause_ms: 300, ack_wait: 600, places: 8, ..Orders::default() };
    let mut process = Process::start(&server, orders);
    while finals(&site) == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    process.terminate();
    let asked = Instant::now();
    assert!(process.0.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(30), "what was begun is finished soon");
    let devices = Devices::default();
    work(&site, &devices, &Verdicts::default(), 16, &(), || finals(&site) == 60);
    each_once(&outcomes(&site), &items, OutcomeKind::Verified);
}

#[test]
fn f14_evidence_that_ends_every_judge_is_put_aside() {
    let Some(server) = Server::start("f14") else { return };
    let (site, items) = (server.site(1), items(50));
    submitted(&site, &items);
    let poison = Some("emulated:7");
    let (mut ended, begun) = (0, Instant::now());
    let orders = Orders { poison, ack_wait: 1, places: 4, ..Orders::default() };
    let mut process = Process::start(&server, orders);
    while finals(&site) < 50 {
        assert!(begun.elapsed() < PATIENCE, "it takes too long");
        if process.0.try_wait().unwrap().is_some() {
            ended += 1;
            process = Process::start(&server, orders);
        }
        thread::sleep(Duration::from_millis(20));
    }
    // A judge that ends its process ends the collector beside it, so that the same device may be collected from again: what is begun
    // five times is given up, work and each evidence of it.
    assert!((3..=25).contains(&ended), "{ended}");
    let (poisoned, others): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| Some(item.target.target.as_str()) == poison);
    let (bad, good): (Vec<_>, Vec<_>) =
        outcomes(&site).into_iter().partition(|outcome| Some(outcome.target.as_str()) == poison);
    each_once(&good, &others, OutcomeKind::Verified);
    each_once(&bad, &poisoned, OutcomeKind::InternalError);
    assert!((1..=5).contains(&site.dead().unwrap()));
}
