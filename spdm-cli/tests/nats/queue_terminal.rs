//! `spdm fleet watch` on a terminal.

use core::time::Duration;
use std::fs;
use std::thread;
use std::time::Instant;

use spdm_fleet::{Finality, NatsSettings, NatsSite, OutcomeKind};

use crate::person::Person;
use crate::process::run;
use crate::queue::Queue;
use crate::stand::JOB;
use crate::terminal::screen_of;
use crate::watch::publish;

const TARGETS: [&str; 3] = ["tcp:127.2.0.1:1", "tcp:127.2.0.2:1", "tcp:127.2.0.3:1"];
/// What a person takes for at once, on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Three devices that were submitted, and somebody who watches them.
fn watched(name: &str, options: &str, columns: u16) -> Option<(Queue, NatsSite, Person)> {
    let queue = Queue::start(name)?;
    queue.list(&TARGETS);
    // The first one who comes says how the streams are made: what two judges say is kept, however alike their names are.
    let short = Duration::from_millis(100);
    let settings =
        NatsSettings { duplicate_window: short, max_age: short, ..NatsSettings::default() };
    let site = queue.server.site_of(&settings);
    assert_eq!(queue.submit("").code, 0);
    let line = format!("fleet watch {} --job {JOB} {options}", queue.option());
    let line = line.replace("FOLDER", &queue.folder.path("."));
    let person = Person::runs(&line, columns);
    person.sees("0/3");
    Some((queue, site, person))
}

/// The lines of a screen that hold anything, none of which is wider than it.
fn lines(text: &str, columns: u16) -> Vec<String> {
    let shown = screen_of(text, columns);
    assert!(shown.iter().all(|line| line.chars().count() <= usize::from(columns)), "{shown:?}");
    shown.into_iter().filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_terminal_shows_how_far_a_job_is_and_its_summary_in_the_end() {
    for columns in [80, 40] {
        let name = format!("cli-wide-{columns}");
        let Some((_queue, site, person)) = watched(&name, "", columns) else { return };
        publish(&site, TARGETS[0], 1, OutcomeKind::Verified, Finality::Final);
        publish(&site, TARGETS[1], 1, OutcomeKind::Rejected, Finality::Final);
        person.sees("2/3");
        person.sees("1 rejected");
        let now = lines(&person.seen(), columns);
        assert_eq!(now.len(), 1, "drawn in place, in a line that fits: {now:?}");
        assert!(now[0].contains('━') && now[0].contains("2/3"), "{now:?}");
        publish(&site, TARGETS[2], 1, OutcomeKind::Verified, Finality::Final);
        let (code, text) = person.waits();
        assert_eq!(code, Some(1), "{text:?}");
        let shown = lines(&text, columns);
        // Nothing of the bar stays.
        assert!(shown[0].starts_with("NOT VERIFIED"), "{shown:?}");
        assert!(!shown.iter().any(|line| line.contains('━')), "{shown:?}");
        assert!(shown.iter().any(|line| line.contains("By class")), "{shown:?}");
        assert_eq!(text.matches("\x1b[?25l").count(), text.matches("\x1b[?25h").count());
    }
}

#[test]
fn ctrl_c_ends_a_watch_at_once_with_what_is_known() {
    let Some((queue, site, mut person)) = watched("cli-ctrl-c", "--out FOLDER/out.jsonl", 80)
    else {
        return;
    };
    publish(&site, TARGETS[0], 1, OutcomeKind::Verified, Finality::Final);
    publish(&site, TARGETS[1], 1, OutcomeKind::Verified, Finality::Final);
    person.sees("2/3");
    let asked = Instant::now();
    person.types_ctrl_c();
    let (code, text) = person.waits();
    assert!(asked.elapsed() < AT_ONCE, "{:?}: {text:?}", asked.elapsed());
    assert_eq!(code, Some(1), "{text:?}");
    let shown = lines(&text, 80);
    assert!(shown[0].ends_with("1 device has no last outcome"), "{shown:?}");
    assert!(
        shown.iter().any(|line| line.split_whitespace().eq(["default", "2", "2"])),
        "{shown:?}"
    );
    assert!(!shown.iter().any(|line| line.contains('━')), "{shown:?}");
    let out = queue.folder.path("out.jsonl");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1 + 2);
    let report = run(&format!("fleet report {out}"));
    assert_eq!((report.code, report.err.as_str()), (1, ""), "{report:?}");
}

#[test]
fn ctrl_c_ends_a_watch_whose_server_is_silent() {
    let Some((queue, _site, mut person)) = watched("cli-silent", "", 80) else { return };
    queue.server.pause();
    // Whoever asks how much waits is in the middle of it.
    thread::sleep(Duration::from_millis(1500));
    let asked = Instant::now();
    person.types_ctrl_c();
    let (code, text) = person.waits();
    queue.server.resume();
    assert!(asked.elapsed() < AT_ONCE, "{:?}: {text:?}", asked.elapsed());
    assert_eq!(code, Some(1), "{text:?}");
}

#[test]
fn what_is_said_while_a_job_goes_on_stands_above_the_bar() {
    let Some((_queue, site, person)) = watched("cli-above", "", 80) else { return };
    publish(&site, TARGETS[0], 1, OutcomeKind::Verified, Finality::Final);
    publish(&site, TARGETS[1], 1, OutcomeKind::Verified, Finality::Final);
    person.sees("2/3");
    // Two judges that differ, after which the bar is drawn again.
    thread::sleep(Duration::from_millis(500));
    publish(&site, TARGETS[1], 1, OutcomeKind::Rejected, Finality::Final);
    person.sees("two judges say");
    publish(&site, TARGETS[2], 1, OutcomeKind::Verified, Finality::Final);
    let (code, text) = person.waits();
    assert_eq!(code, Some(1), "{text:?}");
    let shown = lines(&text, 80);
    assert!(shown[0].starts_with("warning: tcp:127.2.0.2:1: two judges say"), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains('━')), "{shown:?}");
    assert!(shown.iter().any(|line| line.contains("1 internal_error")), "{shown:?}");
}
