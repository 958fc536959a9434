//! Many devices at once: how many are attested in a second, by one core and by two, how that grows with the number of
//! devices, and how much memory it takes. Devices are recorded attestations, so that neither keys are made nor answers
//! signed while it is measured; everything else is what `spdm fleet attest` does: schedule, threads, report, finding, journal.
//! They are measured twice: as devices of one authority, whose certificate alone was verified before, and as devices that are
//! known, whose chains are neither fetched nor verified again.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench fleet --features fleet
//! cargo bench --manifest-path benches/Cargo.toml --bench fleet --features fleet -- --gate
//! ```
//!
//! With `--gate` it exits 1 where a hundred thousand devices take longer than ten times ten thousand by more than a tenth,
//! where two cores do less than 1.6 times what one does, where 256 devices in flight take 200 MB, or where one core attests
//! less than four fifths of the devices whose signatures alone it could verify: three for a device of one authority, two for
//! one that is known. It wants a machine for itself.
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use core::hint::black_box;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;
use std::{env, fs, io, process};

use spdm_benches::replay::{Buffers, Fixed, Frozen, NOW, Recording, Replay, SUITES};
use spdm_codec::SpdmVersion;
use spdm_crypto::aws_lc_rs::{PROVIDER, Running};
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{
    AsymAlgorithm, Bank, EcCurve, HashAlgorithm, Provider, Sign as _, SignedMessage, SigningContext,
};
use spdm_evidence::{Freshness, ReportBuilder};
use spdm_fleet::{
    Attempt, Attester, Finding, Inputs, Job, Journal, JournalFile, JournalHead, Limits, Outcome,
    OutcomeKind, OutcomeSink, Run, Tally, Target, Timestamp, Work, run,
};
use spdm_requester::{
    AttestationPlan, ChainCache, KeySource, KnownChain, Requester, Storage, blocking,
};
use spdm_transport::{Limits as TransportLimits, Transport as _};
use spdm_x509::{Anchor, LinkCache, LinkId, Policy, ValidityCheck};

/// How many devices there are.
const SIZES: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
/// In flight, where memory is measured.
const MOST_IN_FLIGHT: usize = 256;
/// The most memory, in KiB.
const MOST_MEMORY: u64 = 200_000;
/// How much longer ten times as many devices may take.
const MOST_GROWTH: f64 = 10.0 * 1.1;
/// How much more two cores do at least.
const LEAST_GAIN: f64 = 1.6;
/// Which part of the time goes into signatures at least.
const LEAST_SHARE: f64 = 0.8;
/// How often a signature is verified to know how long that takes.
const VERIFICATIONS: u32 = 2_000;

const RANDOM: Provider = Provider { random: &Fixed, ..PROVIDER };

/// Signatures of certificates that were verified before.
#[derive(Debug, Default)]
struct Verified(Mutex<Vec<LinkId>>);

impl Verified {
    /// Those of authorities: a chain is verified from its root to its leaf.
    fn without_leaf(self) -> Authorities {
        let mut links = self.0.into_inner().expect("nobody panicked");
        links.pop();
        Authorities(links)
    }
}

impl LinkCache for Verified {
    fn contains(&self, _: &LinkId) -> bool {
        false
    }

    fn insert(&self, link: &LinkId) {
        self.0.lock().expect("nobody panicked").push(*link);
    }
}

/// Signatures of certificates of authorities. Those of devices are new each time.
#[derive(Debug)]
struct Authorities(Vec<LinkId>);

impl LinkCache for Authorities {
    fn contains(&self, link: &LinkId) -> bool {
        self.0.contains(link)
    }

    fn insert(&self, _: &LinkId) {}
}

/// Attests recordings.
struct Recorded<'r> {
    recording: &'r Recording,
    links: &'r Authorities,
    known: ChainCache<'r>,
}

impl Attester for Recorded<'_> {
    fn attest(&self, _: &Work<'_>) -> Attempt {
        let begun = Instant::now();
        let recording = self.recording;
        let mut line = Replay::new(recording);
        let mut buffers = Buffers::of(recording.message);
        let mut hashes = Bank::<Running, 2>::new();
        let anchors = [Anchor::Certificate(&recording.root)];
        let mut policy = Policy::new(&RANDOM, &anchors, ValidityCheck::At(NOW));
        policy.link_cache = Some(self.links);
        let storage = Storage::new(&mut buffers.message, &mut hashes, &mut buffers.connection);
        let requester = Requester::new(RANDOM, storage, line.limits());
        let source = KeySource::Chain { known: self.known, buffer: &mut buffers.chain };
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
fn time(attester: &Recorded<'_>, devices: usize, in_flight: usize) -> Duration {
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
    let suite = SUITES[1];
    println!("{}, aws-lc-rs", suite.name);
    let limits = TransportLimits::new(suite.message, suite.message);
    let (mut buffers, verified) = (Buffers::of(suite.message), Verified::default());
    let mut known = None;
    let whole = Recording::with(suite, limits, |root, device| {
        let anchors = [Anchor::Certificate(root)];
        let mut policy = Policy::new(&RANDOM, &anchors, ValidityCheck::At(NOW));
        policy.link_cache = Some(&verified);
        let mut hashes = Bank::<Running, 2>::new();
        let storage = Storage::new(&mut buffers.message, &mut hashes, &mut buffers.connection);
        let requester = Requester::new(RANDOM, storage, limits);
        let plan = AttestationPlan::new(&policy);
        let flow = requester.attest(plan, &mut buffers.chain, &mut buffers.record);
        let (_, attested) = blocking::run(flow, device, &Frozen)
            .map_err(|failure| failure.error)
            .expect("attested");
        known = KnownChain::new(&attested.trusted);
    });
    let (links, known) = (verified.without_leaf(), [known.expect("a chain")]);
    let known = ChainCache::new(&known);
    let short = Recording::with(suite, limits, |root, device| {
        let anchors = [Anchor::Certificate(root)];
        let policy = Policy::new(&RANDOM, &anchors, ValidityCheck::At(NOW));
        let mut buffers = Buffers::of(suite.message);
        let mut hashes = Bank::<Running, 2>::new();
        let storage = Storage::new(&mut buffers.message, &mut hashes, &mut buffers.connection);
        let requester = Requester::new(RANDOM, storage, limits);
        let source = KeySource::Chain { known, buffer: &mut buffers.chain };
        let flow = requester.examine(AttestationPlan::new(&policy), source, &mut buffers.record);
        let (_, examined) = blocking::run(flow, device, &Frozen)
            .map_err(|failure| failure.error)
            .expect("examined");
        examined.verified.expect("the device is authenticated");
    });
    let each = verification();
    println!("a signature: {:.1} us", each.as_secs_f64() * 1e6);
    let all_hold =
        [("of one authority", &whole, ChainCache::EMPTY, 3), ("known", &short, known, 2)].map(
            |(name, recording, known, signatures)| {
                measure(name, &Recorded { recording, links: &links, known }, each * signatures)
            },
        );
    if gate && all_hold.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How long the verification of one signature takes.
fn verification() -> Duration {
    let (asym, hash) = (AsymAlgorithm::Ecdsa(EcCurve::P384), HashAlgorithm::Sha384);
    let transcript = PROVIDER.hash.digest(hash, &[b"a transcript"]).expect("a digest");
    let context = SigningContext::ResponderMeasurements;
    let message = SignedMessage::new(SpdmVersion::V1_2, context, transcript);
    let key = SoftwareKey::from_seed(asym, [1; 32]).expect("a key");
    let mut signature = vec![0; asym.signature_len()];
    key.sign(hash, message.as_signed(), &mut signature).expect("a signature");
    let public = key.public_key();
    let begun = Instant::now();
    for _ in 0..VERIFICATIONS {
        let verified = message.verify(&PROVIDER, asym, hash, black_box(&public), &signature);
        assert_eq!(verified, Ok(()));
    }
    begun.elapsed() / VERIFICATIONS
}

/// Says how fast devices are attested, and whether that is what it should be where signatures alone take so long.
fn measure(name: &str, attester: &Recorded<'_>, signatures: Duration) -> bool {
    println!("{name}\n{:>9} {:>12} {:>12} {:>9}", "devices", "one core/s", "two cores/s", "MB");
    let mut holds = true;
    let mut before: Option<Duration> = None;
    for devices in SIZES {
        let one = time(attester, devices, 1);
        let two = time(attester, devices, 2);
        let rate = |took: Duration| devices as f64 / took.as_secs_f64();
        let memory = most_memory() / 1000;
        println!("{devices:>9} {:>12.0} {:>12.0} {memory:>9}", rate(one), rate(two));
        let growth = before.map(|before| one.as_secs_f64() / before.as_secs_f64());
        if devices > 10_000 {
            let growth = growth.unwrap_or_default();
            let gain = one.as_secs_f64() / two.as_secs_f64();
            let share = rate(one) * signatures.as_secs_f64();
            println!(
                "{growth:.2} times as long as a tenth of them; two cores do {gain:.2} times as much; {share:.2} of the time is \
                 signatures"
            );
            holds &= growth <= MOST_GROWTH && gain >= LEAST_GAIN && share >= LEAST_SHARE;
        }
        before = Some(one);
    }
    let took = time(attester, SIZES[SIZES.len() - 1], MOST_IN_FLIGHT);
    let memory = most_memory();
    println!(
        "{MOST_IN_FLIGHT} in flight: {:.1} s, {} MB at most",
        took.as_secs_f64(),
        memory / 1000
    );
    holds && memory < MOST_MEMORY
}
