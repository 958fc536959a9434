//! A whole attestation (SPDM 1.2: negotiation, digests, a chain of three certificates, CHALLENGE, signed
//! measurements) against recorded answers, so that only the requester is measured; beside it, in the same
//! run, the floor: the same signatures on ready digests, and the same bytes hashed at once.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench attest --features crypto
//! cargo bench --manifest-path benches/Cargo.toml --bench attest -- --gate
//! cargo bench --manifest-path benches/Cargo.toml --bench attest --features crypto -- --gate --spdm "$PWD/target/release/spdm"
//! ```
//!
//! Without the feature `crypto` only the backend without C is measured. The gate is the ratio of instructions, which
//! valgrind counts: it is the same on every machine. Time is reported. Exits 1 where a limit is exceeded. With
//! `--gate` no time is measured, and what valgrind could not count is a limit exceeded.
//!
//! Behind it come sessions: KEY_EXCHANGE with FINISH, measurements in them, and single records.
//!
//! `--spdm FILE` counts the whole process, too: what the command takes for `attest` beyond `info`, with the last backend,
//! is little more than the attestation measured here.

mod exchange;
mod session;

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;
use std::{env, fs, process};

use allocation_counter::measure;
use spdm_benches::floor::Floor;
use spdm_benches::replay::{
    Buffers, Fixed, Frozen, NOW, Recording, Replay, SESSION_SUITES, SUITES, Suite,
};
use spdm_crypto::{Bank, HashBank, Provider, RunningHash};
use spdm_requester::{
    Attest, AttestationPlan, Connection, Flow, Negotiated, Requester, Storage, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Policy, ValidityCheck};

/// Round trips of an attestation whose chain fits a message.
const ROUND_TRIPS: usize = 7;
/// Signatures: two links, CHALLENGE, measurements.
const SIGNATURES: usize = 4;
/// What a requester may take besides lent buffers, in bytes.
const STATE: usize = 4096;
/// The most instructions that `spdm attest` may take beyond `spdm info`, relative to the attestation.
const MOST_OF_PROCESS: f64 = 1.15;
/// The suite with which the whole process is measured, and its options for `spdm emulate`.
const PROCESS_SUITE: &str = "ECDSA_P384/SHA_384";
const PROCESS_DEVICE: [&str; 6] =
    ["--versions", "1.2", "--base-asym", "ECDSA_P384", "--base-hash", "SHA_384"];
/// How long each figure is measured.
const TIME: Duration = Duration::from_millis(1500);

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extent {
    /// Everything that can be.
    All,
    /// What is the same on every machine; all of it has to be measured.
    Gate,
}

/// A crypto backend to measure.
trait Backend {
    const NAME: &'static str;
    const PROVIDER: Provider;
    /// The most instructions that an attestation may take, relative to the floor.
    const MOST: f64;
    /// The most that one with ML-DSA-87 may take.
    const MOST_ML_DSA_87: u64;
    /// How often the backend itself allocates for ECDSA.
    const ALLOCATIONS: u64;
    /// The most instructions of KEY_EXCHANGE and FINISH relative to the primitives, by suite.
    const MOST_OF_SESSION: [f64; SESSION_SUITES.len()];
    const EXCHANGE: session::RunExchange;
    type Running: RunningHash + 'static;
}

struct RustCrypto;

impl Backend for RustCrypto {
    const NAME: &'static str = "rustcrypto";
    const PROVIDER: Provider = Provider { random: &Fixed, ..spdm_crypto::rustcrypto::PROVIDER };
    const MOST: f64 = 1.015;
    const MOST_ML_DSA_87: u64 = 21_000_000;
    const ALLOCATIONS: u64 = 0;
    const MOST_OF_SESSION: [f64; SESSION_SUITES.len()] = [1.05, 1.05, 1.158, 1.158];
    const EXCHANGE: session::RunExchange = exchange::with_rustcrypto;
    type Running = spdm_crypto::rustcrypto::Running;
}

#[cfg(feature = "crypto")]
struct AwsLc;

#[cfg(feature = "crypto")]
impl Backend for AwsLc {
    const NAME: &'static str = "aws-lc-rs";
    const PROVIDER: Provider = Provider { random: &Fixed, ..spdm_crypto::aws_lc_rs::PROVIDER };
    const MOST: f64 = 1.04;
    const MOST_ML_DSA_87: u64 = 13_000_000;
    const ALLOCATIONS: u64 = 1;
    const MOST_OF_SESSION: [f64; SESSION_SUITES.len()] = [1.10, 1.10, 1.10, 1.10];
    const EXCHANGE: session::RunExchange = exchange::with_aws_lc;
    type Running = spdm_crypto::aws_lc_rs::Running;
}

/// A backend without its type.
struct Measured {
    name: &'static str,
    most: f64,
    most_ml_dsa_87: u64,
    allocations: u64,
    attest: fn(&Recording, &mut Buffers) -> usize,
    floor: fn(&Floor),
    /// Bytes of the two running hashes.
    hashes: usize,
}

const fn measured<B: Backend>() -> Measured {
    Measured {
        name: B::NAME,
        most: B::MOST,
        most_ml_dsa_87: B::MOST_ML_DSA_87,
        allocations: B::ALLOCATIONS,
        attest: |recording, buffers| {
            attest(recording, B::PROVIDER, &mut Bank::<B::Running, 2>::new(), buffers)
        },
        floor: |floor| floor.run(&B::PROVIDER),
        hashes: size_of::<Bank<B::Running, 2>>(),
    }
}

/// Everything that is measured: a backend more is a line more.
const BACKENDS: &[Measured] = &[
    measured::<RustCrypto>(),
    #[cfg(feature = "crypto")]
    measured::<AwsLc>(),
];

/// What is measured of sessions.
const SESSIONS: &[session::Measured] = &[
    session::measured::<RustCrypto>(),
    #[cfg(feature = "crypto")]
    session::measured::<AwsLc>(),
];

/// Attests; returns the number of round trips.
fn attest(
    recording: &Recording,
    provider: Provider,
    hashes: &mut (dyn HashBank + 'static),
    buffers: &mut Buffers,
) -> usize {
    let anchors = [Anchor::Certificate(&recording.root)];
    let policy = Policy::new(&provider, &anchors, ValidityCheck::At(NOW));
    let mut replay = Replay::new(recording);
    let Buffers { message, chain, record, connection } = buffers;
    let storage = Storage::new(message, hashes, connection);
    let requester = Requester::new(provider, storage, replay.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), chain, record);
    let result = blocking::run(flow, &mut replay, &Frozen);
    result.map_err(|failure| failure.error).expect("the device is attested");
    replay.sent
}

fn floor_of(recording: &Recording) -> Floor {
    Floor::of(recording, |recording, spy, hashes| {
        attest(recording, spy, hashes, &mut Buffers::of(recording.message));
    })
}

/// Microseconds of the fastest run of each.
fn fastest(mut first: impl FnMut(), mut second: impl FnMut()) -> [f64; 2] {
    let mut best = [Duration::MAX; 2];
    let end = Instant::now() + TIME * 2;
    while Instant::now() < end {
        for (place, run) in best.iter_mut().zip([&mut first as &mut dyn FnMut(), &mut second]) {
            let started = Instant::now();
            run();
            *place = (*place).min(started.elapsed());
        }
    }
    best.map(|time| time.as_secs_f64() * 1e6)
}

/// What this program does once more under valgrind: `what` of `backend`, `times` times.
fn child(what: &str, backend: &str, path: &Path, times: usize) {
    let backend = BACKENDS.iter().find(|known| known.name == backend).expect("a backend");
    let recording = Recording::read(path).expect("a recording");
    if what == "floor" {
        let floor = floor_of(&recording);
        (0..times).for_each(|_| (backend.floor)(&floor));
    } else {
        let mut buffers = Buffers::of(recording.message);
        (0..times)
            .for_each(|_| assert_eq!((backend.attest)(&recording, &mut buffers), ROUND_TRIPS));
    }
}

/// What valgrind says of a run of `program`.
fn under_valgrind(tool: &[&str], program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("valgrind").args(tool).arg(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

/// Instructions of a run of `program`.
fn counted(program: &Path, args: &[&str]) -> Option<u64> {
    let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let text = under_valgrind(&tool, program, args)?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.trim().parse().ok()
}

/// Instructions of one run: the difference that two more make, halved.
fn instructions(what: &str, backend: &str, path: &str) -> Option<u64> {
    let program = env::current_exe().ok()?;
    let count = |times| counted(&program, &["--child", what, backend, path, times]);
    Some((count("3")? - count("1")?) / 2)
}

/// The deepest stack of one run in bytes, beyond that of the program without it.
fn stack(backend: &str, path: &str) -> Option<u64> {
    let peak = |times: &str| {
        let file = format!("{path}.massif");
        let out = format!("--massif-out-file={file}");
        let tool = ["--tool=massif", "--stacks=yes", "--heap=no", "--detailed-freq=1000000", &out];
        let program = env::current_exe().ok()?;
        under_valgrind(&tool, &program, &["--child", "attest", backend, path, times])?;
        let text = fs::read_to_string(&file).ok()?;
        fs::remove_file(&file).ok()?;
        let stacks = text.lines().filter_map(|line| line.strip_prefix("mem_stacks_B="));
        stacks.filter_map(|bytes| bytes.parse::<u64>().ok()).max()
    };
    // The program alone reads the recording; one run of it is deeper.
    Some(peak("1")?.saturating_sub(peak("0")?))
}

/// A device for the command, in a process of its own, which ends with this value.
struct Device {
    process: Child,
    target: String,
}

impl Device {
    fn start(spdm: &Path, root: &Path) -> Self {
        let mut process = Command::new(spdm)
            .args(["emulate", "--listen", "127.0.0.1:0", "--root-out"])
            .arg(root)
            .args(PROCESS_DEVICE)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line.split_whitespace().nth(2).expect("listening on ADDRESS");
        Self { target: format!("tcp:{address}"), process }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the command takes little more for an attestation than the attestation takes here. What it does for `info`
/// does not count: to start, to read its options, to connect and to negotiate.
fn process_is_within(spdm: &Path, backend: &str) -> bool {
    let suite = SUITES.into_iter().find(|suite| suite.name == PROCESS_SUITE).expect("a suite");
    let folder = env::temp_dir();
    let recording = folder.join(format!("spdm-process-{}", process::id()));
    let root = recording.with_extension("pem");
    Recording::of(suite).write(&recording).expect("a temporary file");
    let device = Device::start(spdm, &root);
    let root_name = root.to_string_lossy();
    let patient = ["--timeout", "60", "--deadline", "600", "--backend", backend];
    let attest = ["attest", &device.target, "--trust", &root_name];
    let process = counted(spdm, &[&attest[..], &patient].concat())
        .zip(counted(spdm, &[&["info", &device.target][..], &patient].concat()))
        .map(|(attest, info)| attest - info);
    let counted = process.zip(instructions("attest", backend, &recording.to_string_lossy()));
    let _ = fs::remove_file(&recording);
    let _ = fs::remove_file(&root);
    let Some((process, attestation)) = counted else {
        println!("  the command could not be counted");
        return false;
    };
    let ratio = ratio(process, attestation);
    println!("spdm attest less spdm info, {backend}, {PROCESS_SUITE}: {process}, {ratio:.3} of it");
    if ratio > MOST_OF_PROCESS {
        println!(
            "  more than {MOST_OF_PROCESS} times the attestation's {attestation} instructions"
        );
    }
    ratio <= MOST_OF_PROCESS
}

/// Measures one backend with one suite; whether it is within all limits.
fn row(backend: &Measured, suite: Suite, extent: Extent) -> bool {
    let recording = Recording::of(suite);
    let floor = floor_of(&recording);
    let mut buffers = Buffers::of(recording.message);
    let mut round_trips = 0;
    let allocated = measure(|| round_trips = (backend.attest)(&recording, &mut buffers));
    let times = (extent == Extent::All).then(|| {
        fastest(
            || {
                (backend.attest)(&recording, &mut buffers);
            },
            || (backend.floor)(&floor),
        )
    });
    let path = env::temp_dir().join(format!("spdm-attest-{}", process::id()));
    recording.write(&path).expect("a temporary file");
    let name = path.to_string_lossy();
    let counted =
        instructions("attest", backend.name, &name).zip(instructions("floor", backend.name, &name));
    let stack = stack(backend.name, &name);
    let _ = fs::remove_file(&path);

    println!(
        "{:<11} {:<20} {:>9} {:>9} {:>6}  {:>11} {:>11} {:>6}  {:>6} {:>5} {:>5} {:>6}",
        backend.name,
        suite.name,
        times.map_or("-".to_owned(), |[attest, _]| format!("{attest:.1}")),
        times.map_or("-".to_owned(), |[_, least]| format!("{least:.1}")),
        times.map_or("-".to_owned(), |[attest, least]| format!("{:.3}", attest / least)),
        counted.map_or("-".to_owned(), |(all, _)| all.to_string()),
        counted.map_or("-".to_owned(), |(_, least)| least.to_string()),
        counted.map_or("-".to_owned(), |(all, least)| format!("{:.3}", ratio(all, least))),
        allocated.count_total,
        round_trips,
        floor.signatures(),
        stack.map_or("-".to_owned(), |bytes| bytes.to_string()),
    );
    let ecdsa = suite.name.starts_with("ECDSA");
    let mut good = true;
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            println!("  {} {}: {what}", backend.name, suite.name);
            good = false;
        }
    };
    demand(floor.signatures() == SIGNATURES, "another number of signatures");
    demand(round_trips == ROUND_TRIPS, "another number of round trips");
    let counts = extent == Extent::All || counted.is_some() && stack.is_some();
    demand(counts, "valgrind is missing or failed: no instructions were counted");
    demand(!ecdsa || allocated.count_total <= backend.allocations, "something was allocated");
    let within = counted.is_none_or(|(all, least)| ratio(all, least) <= backend.most);
    demand(within, &format!("more than {} times the instructions of the floor", backend.most));
    let (ml_dsa_87, most) = (suite.name.starts_with("ML_DSA_87"), backend.most_ml_dsa_87);
    let within = counted.is_none_or(|(all, _)| !ml_dsa_87 || all <= most);
    demand(within, &format!("more than {most} instructions"));
    good
}

#[expect(clippy::cast_precision_loss, reason = "millions")]
fn ratio(all: u64, least: u64) -> f64 {
    all as f64 / least as f64
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    if let [_, flag, what, backend, path, times] = args.as_slice()
        && flag == "--child"
    {
        child(what, backend, Path::new(path), times.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if let [_, flag, backend, paths @ ..] = args.as_slice()
        && flag == "--session-child"
    {
        let backend = SESSIONS.iter().find(|known| known.name == backend).expect("a backend");
        session::child(backend, paths);
        return ExitCode::SUCCESS;
    }
    let extent = match args.iter().any(|arg| arg == "--gate") {
        true => Extent::Gate,
        false => Extent::All,
    };
    let (connection, flow) = (size_of::<Connection>(), size_of::<Flow<'_, Attest<'_, '_, '_>>>());
    let requester = size_of::<Requester<'_, Negotiated>>();
    println!(
        "connection: {connection} bytes, requester: {requester}, attestation under way: {flow}"
    );
    let mut good = connection + flow <= STATE;
    if !good {
        println!("  more than {STATE} bytes of state");
    }
    for backend in BACKENDS {
        println!("running hashes of {}: {} bytes", backend.name, backend.hashes);
    }
    println!(
        "{:<11} {:<20} {:>9} {:>9} {:>6}  {:>11} {:>11} {:>6}  {:>6} {:>5} {:>5} {:>6}",
        "backend",
        "suite",
        "us",
        "floor us",
        "ratio",
        "instr",
        "floor",
        "ratio",
        "allocs",
        "trips",
        "sigs",
        "stack"
    );
    for backend in BACKENDS {
        for suite in SUITES {
            good &= row(backend, suite, extent);
        }
    }
    good &= session::all(SESSIONS, extent);
    let spdm = args.iter().position(|arg| arg == "--spdm").and_then(|place| args.get(place + 1));
    if let (Some(spdm), Some(backend)) = (spdm, BACKENDS.last()) {
        good &= process_is_within(Path::new(spdm), backend.name);
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("NOT CHECKED: valgrind is missing, so no instructions were counted");
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
