//! A run over many devices that a person ends.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use crate::fleet::{counts, finals, good, outcomes};
use crate::process::{Folder, Run, command, run};

fn interrupt(child: &Child) {
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Starts a run, and waits until its journal has so many lines.
fn started(line: &str, out: &str, lines: usize) -> Child {
    let args: Vec<_> = line.split_whitespace().collect();
    let child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while fs::read_to_string(out).map_or(0, |text| text.lines().count()) < lines {
        assert!(begun.elapsed() < Duration::from_secs(20), "the run never came so far");
        sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn the_end_that_a_person_asks_for() {
    let folder = Folder::new();
    let site = good(&folder);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list = format!("tcp:{}\n", silent.local_addr().unwrap());
    for number in 0..50 {
        // One host: the rest has to wait behind the silent one.
        writeln!(list, "{} host=one", site.target(number)).unwrap();
    }
    let list = list.replacen('\n', " host=one\n", 1);
    let (targets, out) = (folder.write("targets.txt", list), folder.path("out.jsonl"));
    let line = format!(
        "fleet attest --targets {targets} --trust {} --out {out} --per-host 1 --timeout 2 --attempts 1",
        site.root
    );
    let child = started(&line, &out, 1);
    sleep(Duration::from_millis(300));
    interrupt(&child);
    let ran: Run = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("stopped; with --out, --resume goes on from here"), "{}", ran.err);
    let cut = outcomes(&out);
    // What was in flight came to its own end, and the rest is cancelled.
    assert_eq!(finals(&cut), counts(&[("unreachable", 1)]));
    assert_eq!(cut.iter().filter(|outcome| outcome["outcome"] == "cancelled").count(), 50);
    let resumed = run(&format!("{line} --resume").replace("--per-host 1", "--per-host 8"));
    assert_eq!(resumed.code, 3, "{resumed:?}");
    assert_eq!(finals(&outcomes(&out)), counts(&[("verified", 50), ("unreachable", 1)]));
}

#[test]
fn a_second_interrupt_leaves_at_once_and_the_journal_is_valid() {
    let folder = Folder::new();
    let site = good(&folder);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list = format!("tcp:{}\n", silent.local_addr().unwrap());
    for number in 0..8 {
        writeln!(list, "{}", site.target(number)).unwrap();
    }
    let (targets, out) = (folder.write("targets.txt", list), folder.path("out.jsonl"));
    let line = format!(
        "fleet attest --targets {targets} --trust {} --out {out} --timeout 50 --attempts 1",
        site.root
    );
    // All but the silent one have ended.
    let mut child = started(&line, &out, 9);
    interrupt(&child);
    sleep(Duration::from_millis(400));
    assert!(child.try_wait().unwrap().is_none(), "what is in flight goes on");
    let begun = Instant::now();
    interrupt(&child);
    let ended = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(ended.status.signal(), Some(2), "{ended:?}");
    assert_eq!(finals(&outcomes(&out)), counts(&[("verified", 8)]));
    let told = run(&format!("fleet report {out}"));
    assert_eq!((told.code, told.err.as_str()), (1, ""), "{told:?}");
    assert!(told.out.contains("1 were not tried"), "{}", told.out);
    // It goes on where it was; nobody listens there any more.
    drop(silent);
    let resumed = run(&format!("{line} --resume"));
    assert_eq!(resumed.code, 3, "{resumed:?}");
    let all = outcomes(&out);
    assert_eq!(finals(&all), counts(&[("verified", 8), ("unreachable", 1)]));
    assert_eq!(all.len(), 9, "what had ended is not done again");
}
