//! Many devices at once: how many are attested in a second, by one core and by two, how that grows with the number of
//! devices, and how much memory it takes. Devices are recorded attestations, so that neither keys are made nor answers
//! signed while it is measured; everything else is what `spdm fleet attest` does: schedule, threads, report, finding, journal.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench fleet --features fleet
//! cargo bench --manifest-path benches/Cargo.toml --bench fleet --features fleet -- --gate
//! ```
//!
//! With `--gate` it exits 1 where a hundred thousand devices take longer than ten times ten thousand by more than a tenth, or
//! where 256 of them in flight take 200 MB.
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;
use std::{env, fs, io, process};

use spdm_benches::replay::{Buffers, Fixed, Frozen, NOW, Recording, Replay, SUITES, Suite};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, Provider};
use spdm_evidence::{Freshness, ReportBuilder};
use spdm_fleet::{
    Attempt, Attester, Finding, Inputs, Job, Journal, JournalFile, JournalHead, Limits, Outcome,
    OutcomeKind, OutcomeSink, Run, Tally, Target, Timestamp, Work, run,
};
use spdm_requester::{AttestationPlan, ChainCache, KeySource, Requester, Storage, blocking};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, LinkTable, Policy, ValidityCheck};

/// How many devices there are.
const SIZES: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
/// In flight, where memory is measured.
const MOST_IN_FLIGHT: usize = 256;
/// The most memory, in KiB.
const MOST_MEMORY: u64 = 200_000;
/// How much longer ten times as many devices may take.
const MOST_GROWTH: f64 = 10.0 * 1.1;

const RANDOM: Provider = Provider { random: &Fixed, ..PROVIDER };

/// Attests recordings.
struct Recorded {
    recording: Recording,
    links: Mutex<LinkTable<256>>,
}

impl Attester for Recorded {
    fn attest(&self, _: &Work<'_>) -> Attempt {
        let begun = Instant::now();
        let recording = &self.recording;
        let mut line = Replay::new(recording);
        let mut buffers = Buffers::of(recording.message);
        let mut hashes = Bank::<Running, 2>::new();
        let anchors = [Anchor::Certificate(&recording.root)];
        let mut policy = Policy::new(&RANDOM, &anchors, ValidityCheck::At(NOW));
        policy.link_cache = Some(&self.links);
        let storage = Storage::new(&mut buffers.message, &mut hashes, &mut buffers.connection);
        let requester = Requester::new(RANDOM, storage, line.limits());
        let source = KeySource::Chain { known: ChainCache::new(&[]), buffer: &mut buffers.chain };
        let mut report = ReportBuilder::new("recorded", Freshness::Own, &RANDOM);
        let flow = requester.examine(AttestationPlan::new(&policy), source, &mut buffers.record);
        let _ = blocking::run(flow.observed_by(&mut report), &mut line, &Frozen);
        let report = report.build();
        Attempt {
            finding: Finding::of(&report, None),
            report: serde_json::value::to_raw_value(&report).ok(),
            evidence: None,
            inputs: Inputs::default(),
            device_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            verify_ms: 0,
            round_trips: u32::try_from(line.sent).unwrap_or(u32::MAX),
        }
    }
}

/// The journal, and a count.
struct Sink<'j> {
    journal: Journal<'j>,
    tally: Tally,
}

impl OutcomeSink for Sink<'_> {
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        self.tally.add(outcome.outcome);
        self.journal.append(&outcome).map_err(io::Error::other)
    }
}

/// How long so many devices take.
fn time(attester: &Recorded, devices: usize, in_flight: usize) -> Duration {
    let target = |number: usize| {
        Target::new(format!("tcp:10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255))
    };
    let targets: Vec<_> = (0..devices).map(target).collect();
    let path = env::temp_dir().join(format!("spdm-bench-fleet-{}.jsonl", process::id()));
    let mut file = JournalFile::open(&path).expect("a temporary folder");
    let job = Job { name: "bench".to_owned(), digest: String::new() };
    let head = JournalHead::new(job, devices as u64, Timestamp::now());
    let journal = file.begin(&head).expect("an empty file");
    let mut sink = Sink { journal, tally: Tally::default() };
    let cancel = AtomicBool::new(false);
    let the_run = Run {
        job: "bench",
        targets: &targets,
        before: &[],
        limits: Limits { in_flight, per_host: 2, rate: None, attempts: 1 },
        deadline: Duration::from_secs(60),
        worker: "bench/1",
        provider: &PROVIDER,
        cancel: &cancel,
        seed: 1,
    };
    let begun = Instant::now();
    run(&the_run, attester, &mut sink, &()).expect("a journal");
    let took = begun.elapsed();
    assert_eq!(sink.tally.count(OutcomeKind::Verified), devices as u64, "every one is verified");
    drop(sink);
    fs::remove_file(&path).expect("the journal");
    took
}

/// The most memory that the process ever had, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
}

fn main() -> ExitCode {
    // Under `cargo test --benches` nothing is measured.
    if env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let gate = env::args().any(|argument| argument == "--gate");
    let suites: &[Suite] = if gate { &SUITES[1..2] } else { &SUITES[..2] };
    let mut holds = true;
    for suite in suites {
        let attester = Recorded { recording: Recording::of(*suite), links: Mutex::default() };
        println!(
            "{}\n{:>9} {:>12} {:>12} {:>9}",
            suite.name, "devices", "one core/s", "two cores/s", "MB"
        );
        let mut before: Option<Duration> = None;
        for devices in SIZES {
            let one = time(&attester, devices, 1);
            let two = time(&attester, devices, 2);
            let rate = |took: Duration| devices as f64 / took.as_secs_f64();
            let memory = most_memory() / 1000;
            println!("{devices:>9} {:>12.0} {:>12.0} {memory:>9}", rate(one), rate(two));
            let growth = before.map(|before| one.as_secs_f64() / before.as_secs_f64());
            if devices > 10_000 && growth.is_some_and(|growth| growth > MOST_GROWTH) {
                println!("not linear: {:.2} times as long", growth.unwrap_or_default());
                holds = false;
            }
            before = Some(one);
        }
        let took = time(&attester, SIZES[SIZES.len() - 1], MOST_IN_FLIGHT);
        let memory = most_memory();
        println!(
            "{MOST_IN_FLIGHT} in flight: {:.1} s, {} MB at most",
            took.as_secs_f64(),
            memory / 1000
        );
        holds &= memory < MOST_MEMORY;
    }
    if gate && !holds { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
