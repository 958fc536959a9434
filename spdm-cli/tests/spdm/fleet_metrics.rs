//! `spdm fleet attest --metrics ADDRESS`: what is scraped is what the journal says.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::fleet::{counts, finals, good, other, outcomes};
use crate::process::{Folder, Run, command, run};

/// The metrics at an address, without the header.
fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (header, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(header.starts_with("HTTP/1.0 200 OK\r\n"), "{header}");
    text.to_owned()
}

/// Scrapes until a line is there.
fn scrape_until(address: &str, line: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = scrape(address);
        if text.contains(line) {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{line}: {text}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn metrics_are_those_of_the_run_while_it_goes_on_and_at_its_end() {
    let folder = Folder::new();
    let (site, bad) = (good(&folder), other(&folder));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list =
        format!("tcp:{} class=ssd\n{} class=gpu\n", silent.local_addr().unwrap(), bad.target(1));
    for number in 2..22 {
        writeln!(list, "{} class=gpu", site.target(number)).unwrap();
    }
    let (targets, out) = (folder.write("targets.txt", list), folder.path("out.jsonl"));
    // A page that nobody reads yet: the run has ended, and the command has not.
    let page = folder.path("page.html");
    assert!(Command::new("mkfifo").arg(&page).status().unwrap().success());
    let mut pipe = File::options().read(true).write(true).open(&page).unwrap();
    pipe.write_all(&[b' '; 60 << 10]).unwrap();
    let line = format!(
        "fleet attest --targets {targets} --trust {} --out {out} --html {page} --timeout 3 --attempts 1 --metrics 127.0.0.1:0",
        site.root
    );
    let args: Vec<_> = line.split_whitespace().collect();
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("metrics are at http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let runs = scrape_until(address, "spdm_items{state=\"verified\"} 20\n");
    for line in [
        "spdm_items{state=\"rejected\"} 1\n",
        "spdm_items{state=\"pending\"} 1\n",
        "spdm_in_flight 1\n",
        "spdm_attempts_total{class=\"gpu\"} 21\n",
    ] {
        assert!(runs.contains(line), "{line}{runs}");
    }
    assert!(!runs.contains("class=\"ssd\""), "{runs}");
    let ended = scrape_until(address, "spdm_items{state=\"pending\"} 0\n");
    for line in [
        "spdm_items{state=\"verified\"} 20\n",
        "spdm_items{state=\"rejected\"} 1\n",
        "spdm_items{state=\"unreachable\"} 1\n",
        "spdm_in_flight 0\n",
        "spdm_attempts_total{class=\"ssd\"} 1\n",
        "spdm_outcomes_total{outcome=\"verified\",fault=\"none\",class=\"gpu\",transport=\"tcp\"} 20\n",
        "spdm_outcomes_total{outcome=\"rejected\",fault=\"device\",class=\"gpu\",transport=\"tcp\"} 1\n",
        "spdm_outcomes_total{outcome=\"unreachable\",fault=\"transport\",class=\"ssd\",transport=\"tcp\"} 1\n",
        "spdm_stage_seconds_count{stage=\"device\"} 22\n",
    ] {
        assert!(ended.contains(line), "{line}{ended}");
    }
    assert!(!ended.contains("127."), "no device is a label: {ended}");
    assert!(child.try_wait().unwrap().is_none());
    // Somebody reads the page.
    thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
    let ran: Run = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 1, "{ran:?}");
    TcpStream::connect(address).unwrap_err();
    let expected = counts(&[("verified", 20), ("rejected", 1), ("unreachable", 1)]);
    assert_eq!(finals(&outcomes(&out)), expected);
    // The same numbers as of the journal afterwards.
    let file = folder.path("m.prom");
    let report = run(&format!("fleet report {out} -q --metrics {file}"));
    assert_eq!(report.code, 1, "{report:?}");
    let of = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("spdm_"));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(of(&fs::read_to_string(file).unwrap()), of(&ended));
}
