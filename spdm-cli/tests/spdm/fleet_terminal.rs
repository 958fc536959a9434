//! What a person sees of a run over many devices while it goes on.

use core::fmt::Write as _;
use std::net::TcpListener;

use crate::fleet::good;
use crate::process::{Folder, command, run};
use crate::terminal::{COLUMNS, Terminal, on_terminal, screen};

/// Thirty devices that answer, and one that never does.
fn attest(folder: &Folder, silent: &TcpListener) -> String {
    let site = good(folder);
    let mut list = format!("tcp:{}\n", silent.local_addr().unwrap());
    for number in 0..30 {
        writeln!(list, "{}", site.target(number)).unwrap();
    }
    let targets = folder.write("targets.txt", list);
    format!(
        "fleet attest --targets {targets} --trust {} --timeout 2.5 --attempts 1 -j 8",
        site.root
    )
}

#[test]
fn a_terminal_shows_how_far_a_run_is_and_who_is_slow() {
    let (folder, silent) = (Folder::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let line = attest(&folder, &silent);
    let told = |options: &str| {
        let line = format!("{line} {options}");
        on_terminal(command(&line.split_whitespace().collect::<Vec<_>>()))
    };
    let (code, text) = told("");
    assert_eq!(code, Some(3), "{text:?}");
    let slow = format!("tcp:{} 1 s", silent.local_addr().unwrap());
    for shown in ["30/31", "30 verified", &slow, "━"] {
        assert!(text.contains(shown), "{shown}: {text:?}");
    }
    // It is drawn in place, in lines that fit, and nothing of it stays.
    let half = text.rfind("30/31").unwrap();
    let shown = screen(&text[..half + 5]);
    assert!(shown.iter().any(|line| line.contains("30/31")), "{shown:?}");
    assert_eq!(text.matches("30/31").count().min(2), 2, "{text:?}");
    let lines = shown.iter().filter(|line| !line.is_empty()).count();
    assert!(lines <= 4, "{shown:?}");
    let columns = usize::from(COLUMNS);
    assert!(shown.iter().all(|line| line.chars().count() <= columns), "{shown:?}");
    assert!(screen(&text).iter().all(String::is_empty), "{:?}", screen(&text));
    for option in ["-q", "--json"] {
        assert_eq!(told(option), (Some(3), String::new()), "{option}");
    }
}

#[test]
fn without_a_terminal_a_run_is_quiet_and_complete() {
    let (folder, silent) = (Folder::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let ran = run(&attest(&folder, &silent));
    assert_eq!((ran.code, ran.err.as_str()), (3, ""), "{ran:?}");
    assert!(
        ran.out.starts_with("NOT VERIFIED") && ran.out.contains("1 of 31 devices"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\r'), "{:?}", ran.out);
}

#[test]
fn the_table_stays_whole_where_both_outputs_are_the_terminal() {
    let (folder, silent) = (Folder::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let terminal = Terminal::open(COLUMNS);
    let line = attest(&folder, &silent);
    let mut command = command(&line.split_whitespace().collect::<Vec<_>>());
    command.env("TERM", "xterm").stdout(terminal.theirs()).stderr(terminal.theirs());
    let (code, text) = terminal.shows(command);
    assert_eq!(code, Some(3), "{text:?}");
    let shown = screen(&text);
    let shown: Vec<_> = shown.iter().filter(|line| !line.is_empty()).collect();
    assert!(shown[0].starts_with("NOT VERIFIED"), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains('━')), "{shown:?}");
    // The same lines as without a terminal, but for those that are folded.
    let plain = run(&line);
    let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
    for line in plain.out.lines().skip(1) {
        assert!(shown.iter().any(|shown| first(shown) == first(line)), "{line}: {shown:?}");
    }
}
