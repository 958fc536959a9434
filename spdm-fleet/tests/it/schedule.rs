//! Who is attested when, in simulated time.

use core::time::Duration;
use std::collections::BTreeMap;

use spdm_fleet::{Fault, Finality, Finding, Limits, Next, OutcomeKind, Reason, Schedule, Ticket};

const SECOND: Duration = Duration::from_secs(1);

fn limits(in_flight: usize, per_host: usize) -> Limits {
    Limits { in_flight, per_host, rate: None, attempts: 3 }
}

fn finding(kind: OutcomeKind) -> Finding {
    let reason = Reason { check: "test".to_owned(), index: None, detail: String::new() };
    let passing = kind == OutcomeKind::Unreachable;
    Finding { kind, fault: Fault::None, reason: Some(reason), passing }
}

/// A run in which an attempt takes the time, and comes to what, the function says.
struct Simulation<'s> {
    schedule: Schedule,
    hosts: Vec<String>,
    now: Duration,
    in_flight: Vec<(Duration, Ticket)>,
    attempt: &'s dyn Fn(&Ticket) -> (Duration, OutcomeKind),
    /// Item, attempt, begin, outcome and whether it was the last.
    ended: Vec<(usize, u32, Duration, OutcomeKind, Finality)>,
    most_at_once: usize,
    most_of_host: usize,
}

impl<'s> Simulation<'s> {
    fn new(
        limits: Limits,
        hosts: Vec<String>,
        attempt: &'s dyn Fn(&Ticket) -> (Duration, OutcomeKind),
    ) -> Self {
        let items = hosts.iter().map(|host| (host.as_str(), Some(0)));
        let schedule = Schedule::new(limits, items, 1);
        Self {
            schedule,
            hosts,
            now: Duration::ZERO,
            in_flight: Vec::new(),
            attempt,
            ended: Vec::new(),
            most_at_once: 0,
            most_of_host: 0,
        }
    }

    fn run(mut self) -> Self {
        let mut begun: BTreeMap<usize, Duration> = BTreeMap::new();
        loop {
            let until = match self.schedule.next(self.now) {
                Next::Done => return self,
                Next::Start(ticket) => {
                    begun.insert(ticket.index, self.now);
                    let (takes, _) = (self.attempt)(&ticket);
                    self.in_flight.push((self.now + takes, ticket));
                    self.count();
                    continue;
                }
                Next::Wait(until) => until,
            };
            self.in_flight.sort_by_key(|(end, _)| *end);
            let first = self.in_flight.first().map(|(end, _)| *end);
            match (first, until) {
                (Some(end), until) if until.is_none_or(|until| end <= until) => {
                    self.now = end;
                    let (_, ticket) = self.in_flight.remove(0);
                    let kind = (self.attempt)(&ticket).1;
                    let finding = finding(kind);
                    let finality = self.schedule.finality(&ticket, &finding);
                    self.schedule.ended(&ticket, &finding, finality, self.now);
                    let at = begun[&ticket.index];
                    self.ended.push((ticket.index, ticket.attempt, at, kind, finality));
                }
                (_, Some(until)) => {
                    assert!(until > self.now, "time goes on");
                    self.now = until;
                }
                (_, None) => panic!("nothing is in flight, and nothing is to be waited for"),
            }
        }
    }

    fn count(&mut self) {
        self.most_at_once = self.most_at_once.max(self.in_flight.len());
        assert_eq!(self.schedule.in_flight(), self.in_flight.len());
        let mut of_hosts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, ticket) in &self.in_flight {
            *of_hosts.entry(&self.hosts[ticket.index]).or_default() += 1;
        }
        self.most_of_host = self.most_of_host.max(of_hosts.into_values().max().unwrap_or(0));
    }
}

fn hosts(count: usize, devices_each: usize) -> Vec<String> {
    (0..count * devices_each).map(|index| format!("host-{}", index / devices_each)).collect()
}

#[test]
fn f6_one_device_that_never_answers_does_not_hold_up_the_others() {
    let quick = |_: &Ticket| (SECOND, OutcomeKind::Verified);
    let clean = Simulation::new(limits(16, 2), hosts(1000, 1), &quick).run();
    let silent = |ticket: &Ticket| match ticket.index {
        500 => (SECOND * 60, OutcomeKind::Unreachable),
        _ => (SECOND, OutcomeKind::Verified),
    };
    let run = Simulation::new(limits(16, 2), hosts(1000, 1), &silent).run();
    let last = |run: &Simulation<'_>| {
        run.ended
            .iter()
            .filter(|(index, ..)| *index != 500)
            .map(|(_, _, at, ..)| *at)
            .max()
            .unwrap()
            + SECOND
    };
    let (clean, others) = (last(&clean), last(&run));
    assert!(clean.as_secs_f64() / others.as_secs_f64() >= 0.9, "{clean:?} {others:?}");
    let attempts: Vec<_> = run.ended.iter().filter(|(index, ..)| *index == 500).collect();
    assert_eq!(attempts.len(), 3);
    assert!(matches!(attempts[2], (_, 3, _, OutcomeKind::Unreachable, Finality::Final)));
}

#[test]
fn f6_a_slow_host_with_many_devices_holds_no_more_than_its_share() {
    let mut names = vec!["slow".to_owned(); 500];
    names.extend(hosts(500, 1));
    let attempt = |ticket: &Ticket| match ticket.index {
        ..500 => (SECOND * 30, OutcomeKind::Verified),
        _ => (SECOND, OutcomeKind::Verified),
    };
    let run = Simulation::new(limits(12, 2), names, &attempt).run();
    assert_eq!(run.ended.len(), 1000);
    let others = run.ended.iter().filter(|(index, ..)| *index >= 500);
    let last = others.map(|(_, _, at, ..)| *at).max().unwrap();
    // Ten of the twelve places are theirs.
    assert!(last <= SECOND * 60, "{last:?}");
}

#[test]
fn f7_no_host_sees_more_than_its_limit() {
    let attempt = |ticket: &Ticket| {
        let takes = u64::try_from(ticket.index % 7 + 1).unwrap();
        (Duration::from_millis(takes * 100), OutcomeKind::Verified)
    };
    for per_host in [1, 2, 5] {
        let run = Simulation::new(limits(64, per_host), hosts(20, 50), &attempt).run();
        assert_eq!(run.most_of_host, per_host);
        assert_eq!(run.most_at_once, 64.min(20 * per_host));
        assert_eq!(run.ended.len(), 1000);
    }
}

#[test]
fn what_passes_by_itself_is_tried_again_and_what_was_decided_is_not() {
    let kinds = [
        (OutcomeKind::Verified, 1),
        (OutcomeKind::Rejected, 1),
        (OutcomeKind::Undecidable, 1),
        (OutcomeKind::DeviceError, 1),
        (OutcomeKind::Cancelled, 1),
        (OutcomeKind::Unreachable, 3),
        (OutcomeKind::InternalError, 2),
    ];
    for (kind, attempts) in kinds {
        let attempt = |_: &Ticket| (SECOND, kind);
        let run = Simulation::new(limits(4, 2), hosts(1, 1), &attempt).run();
        assert_eq!(run.ended.len(), attempts, "{kind}");
        let finals = run.ended.iter().filter(|(.., finality)| *finality == Finality::Final);
        assert_eq!(finals.count(), 1);
        let mut begins = run.ended.iter().map(|(_, _, at, ..)| *at);
        let mut before = begins.next().unwrap();
        for (begin, pause) in begins.zip([SECOND, SECOND * 2]) {
            assert!(begin >= before + SECOND + pause, "a pause of {pause:?} at least");
            before = begin;
        }
    }
    let unreachable = Finding { passing: false, ..finding(OutcomeKind::Unreachable) };
    let schedule = Schedule::new(limits(1, 1), [("a", Some(0))], 1);
    let ticket = Ticket { index: 0, attempt: 1, due: Duration::ZERO };
    assert_eq!(schedule.finality(&ticket, &unreachable), Finality::Final);
}

#[test]
fn a_mistake_of_this_program_is_retried_even_after_the_last_attempt() {
    let attempt = |ticket: &Ticket| match ticket.attempt {
        1 => (SECOND, OutcomeKind::InternalError),
        _ => (SECOND, OutcomeKind::Verified),
    };
    let limits = Limits { attempts: 1, ..limits(1, 1) };
    let run = Simulation::new(limits, hosts(1, 1), &attempt).run();
    assert_eq!(run.ended.len(), 2);
    assert_eq!(run.ended[1].3, OutcomeKind::Verified);
}

/// It may be tried again as often as if the mistake had not been made.
#[test]
fn a_mistake_of_this_program_is_none_of_the_attempts() {
    let attempt = |ticket: &Ticket| match ticket.attempt {
        1 => (SECOND, OutcomeKind::InternalError),
        _ => (SECOND, OutcomeKind::Unreachable),
    };
    let run = Simulation::new(Limits { attempts: 2, ..limits(1, 1) }, hosts(1, 1), &attempt).run();
    assert_eq!(run.ended.len(), 3);
}

#[test]
fn limits_of_nothing_are_limits_of_one() {
    let attempt = |_: &Ticket| (SECOND, OutcomeKind::Unreachable);
    let limits = Limits { in_flight: 0, per_host: 0, rate: None, attempts: 0 };
    let run = Simulation::new(limits, hosts(2, 1), &attempt).run();
    assert_eq!((run.ended.len(), run.most_at_once), (2, 1));
}

#[test]
fn what_was_held_up_catches_up_with_a_tenth_of_a_second() {
    let limits = Limits { rate: Some(50.0), ..limits(64, 64) };
    let mut schedule = Schedule::new(limits, (0..100).map(|_| ("a", Some(0))), 1);
    let mut begin = |at| {
        let begun = |schedule: &mut Schedule| matches!(schedule.next(at), Next::Start(_));
        core::iter::repeat_with(|| begun(&mut schedule)).take_while(|begun| *begun).count()
    };
    assert_eq!(begin(SECOND), 6);
    assert_eq!(begin(SECOND * 60), 6);
}

#[test]
fn the_rate_holds() {
    let attempt = |_: &Ticket| (Duration::from_millis(1), OutcomeKind::Verified);
    let limits = Limits { rate: Some(50.0), ..limits(64, 64) };
    let run = Simulation::new(limits, hosts(1, 500), &attempt).run();
    let seconds = run.now.as_secs_f64();
    assert!((9.9..10.2).contains(&seconds), "500 at 50 in a second took {seconds} s");
}

#[test]
fn a_run_that_goes_on_leaves_out_what_has_ended() {
    let items = [("a", None), ("a", Some(2)), ("b", Some(0))];
    let mut schedule = Schedule::new(limits(4, 1), items, 1);
    let mut started = Vec::new();
    while let Next::Start(ticket) = schedule.next(Duration::ZERO) {
        started.push((ticket.index, ticket.attempt));
    }
    assert_eq!(started, [(1, 3), (2, 1)]);
    // It has as many attempts as any other.
    let ticket = Ticket { index: 1, attempt: 3, due: Duration::ZERO };
    let unreachable = finding(OutcomeKind::Unreachable);
    assert_eq!(schedule.finality(&ticket, &unreachable), Finality::TriedAgain);
}

#[test]
fn nothing_begins_after_the_end_was_asked_for() {
    let mut schedule = Schedule::new(limits(2, 2), (0..10).map(|_| ("a", Some(0))), 1);
    let Next::Start(first) = schedule.next(Duration::ZERO) else { panic!() };
    let Next::Start(second) = schedule.next(Duration::ZERO) else { panic!() };
    let unreachable = finding(OutcomeKind::Unreachable);
    let finality = schedule.finality(&first, &unreachable);
    schedule.ended(&first, &unreachable, finality, SECOND);
    let left = schedule.cancel();
    // The one that waits for another attempt is among them, with the number of that.
    assert_eq!(left.len(), 9);
    assert_eq!((left[0].index, left[0].attempt), (0, 2));
    assert_eq!(schedule.next(SECOND * 100), Next::Wait(None));
    let finality = schedule.finality(&second, &unreachable);
    schedule.ended(&second, &unreachable, finality, SECOND);
    assert_eq!(schedule.next(SECOND * 100), Next::Done);
}
