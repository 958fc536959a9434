//! What it costs to hold measurements against reference values, in the report of an attestation, for one device and for
//! the largest number of measurements and values that a file can have.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench references --features references
//! cargo bench --manifest-path benches/Cargo.toml --bench references --features references -- --gate
//! ```
//!
//! With `--gate` it exits 1 where 64 measurements against 1 000 values take more than a millisecond, or where the time grows
//! faster than the values do.
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use core::hint::black_box;
use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use spdm_appraisal::{Dialect, ReferenceTrust};
use spdm_benches::replay::{Buffers, Fixed, Frozen, NOW, Recording, Replay, SUITES};
use spdm_codec::{DmtfMeasurement, MeasurementForm, MeasurementType};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, Provider};
use spdm_evidence::{
    CheckStatus, Freshness, MeasuredValue, Reference, ReferenceFile, ReportBuilder,
};
use spdm_requester::{
    AttestationCheck, AttestationPlan, ChainCache, KeySource, Requester, Storage, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Policy, ValidityCheck};

#[path = "../../spdm-appraisal/tests/it/build.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod build;

use build::{class, corim, digests, measurement, triple};

/// The most that 64 measurements against 1 000 values may take.
const MOST: Duration = Duration::from_millis(1);
/// How much longer four times as many values may take: four times, and what else the machine does.
const MOST_GROWTH: f64 = 5.0;
/// Of as many runs the fastest counts.
const RUNS: usize = 200;

fn main() -> ExitCode {
    // Under `cargo test --benches` nothing is measured.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let report = attested();
    println!(
        "{:>12} {:>8} {:>12} {:>12} {:>12}",
        "measurements", "values", "CoRIM", "read", "JSON"
    );
    let mut figures = Vec::new();
    for (measured, values) in [(64, 250), (64, 1_000), (64, 4_000), (254, 1_000), (254, 4_096)] {
        let (rim, json) = (rim(measured, values), json(measured, values));
        let (of_rim, of_json) =
            (appraisal(&report, measured, &rim), appraisal(&report, measured, &json));
        let reading = fastest(|| drop(black_box(read(&rim))));
        println!("{measured:>12} {values:>8} {of_rim:>12.1?} {reading:>12.1?} {of_json:>12.1?}");
        figures.push([of_rim, of_json]);
    }
    if !std::env::args().any(|argument| argument == "--gate") {
        return ExitCode::SUCCESS;
    }
    let [_, thousand, four_thousand, ..] = &figures[..] else { return ExitCode::FAILURE };
    for (less, more) in thousand.iter().zip(four_thousand) {
        let growth = more.as_secs_f64() / less.as_secs_f64();
        if *less > MOST || growth > MOST_GROWTH {
            println!("{less:.1?} for 1 000 values, {growth:.1} times as long for 4 000: too much");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The report of an attestation, to which measurements come.
fn attested() -> ReportBuilder {
    let recording = Recording::of(SUITES[1]);
    let provider = Provider { random: &Fixed, ..PROVIDER };
    let anchors = [Anchor::Certificate(&recording.root)];
    let policy = Policy::new(&provider, &anchors, ValidityCheck::At(NOW));
    let mut buffers = Buffers::of(recording.message);
    let Buffers { message, chain, record, connection } = &mut buffers;
    let mut replay = Replay::new(&recording);
    let mut hashes = Bank::<Running, 2>::new();
    let storage = Storage::new(message, &mut hashes, connection);
    let requester = Requester::new(provider, storage, replay.limits());
    let source = KeySource::Chain { known: ChainCache::new(&[]), buffer: chain };
    let mut report = ReportBuilder::new("bench", Freshness::Own, &PROVIDER);
    let flow = requester.examine(AttestationPlan::new(&policy), source, record);
    let attested = blocking::run(flow.observed_by(&mut report), &mut replay, &Frozen);
    let (_, examined) =
        attested.map_err(|failure| failure.error).expect("the device answers as on record");
    assert!(examined.verified.is_ok(), "the device is authenticated");
    report
}

/// A digest that belongs to an index.
fn digest(index: u64, alternative: u64) -> [u8; 48] {
    let mut digest = [0; 48];
    digest[..8].copy_from_slice(&index.to_be_bytes());
    digest[8..16].copy_from_slice(&alternative.to_be_bytes());
    digest
}

fn measurements(count: u64) -> Vec<MeasuredValue> {
    let of_index = |index| {
        let value = digest(index, 0);
        let value_type = MeasurementType::MutableFirmware;
        let measurement =
            DmtfMeasurement { value_type, form: MeasurementForm::Digest, value: &value };
        MeasuredValue::of_measurement(index.try_into().expect("an index"), &measurement)
    };
    (1..=count).map(of_index).collect()
}

/// As many states of one value, the alternatives for each index behind each other, the right one last.
fn rim(measured: u64, values: u64) -> Vec<u8> {
    let of_index = |at| {
        let (index, alternative) = (at % measured + 1, (values - 1 - at) / measured);
        let value = digest(index, alternative);
        triple(class("ACME", "WIDGET"), &[measurement(index, &[(2, digests(&[(7, &value)]))])])
    };
    corim(&(0..values).map(of_index).collect::<Vec<_>>())
}

fn json(measured: u64, values: u64) -> Vec<u8> {
    let row = |index: u64| {
        let alternatives = (values - index) / measured;
        let hex =
            |value: [u8; 48]| value.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let all =
            (0..=alternatives).rev().map(|other| format!("\"{}\"", hex(digest(index, other))));
        format!("{{\"index\":{index},\"any_of\":[{}]}}", all.collect::<Vec<_>>().join(","))
    };
    let rows = (1..=measured).map(row).collect::<Vec<_>>().join(",");
    format!("{{\"measurements\":[{rows}]}}").into_bytes()
}

fn read(file: &[u8]) -> Reference<'_> {
    let validity = ValidityCheck::At(NOW);
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &[], keys: &[], validity };
    let file = ReferenceFile::read("file", file, Dialect::Strict, &trust);
    Reference::new(vec![file.expect("reference values")])
}

/// How long a comparison takes, with all that the report says of it.
fn appraisal(report: &ReportBuilder, measured: u64, file: &[u8]) -> Duration {
    let reference = read(file);
    let mut report = report.clone();
    let _ = report.measurements(measurements(measured));
    let mut compared = report.clone();
    let _ = compared.reference(&reference);
    let check = AttestationCheck::MeasurementsReference;
    assert_eq!(compared.build().status(check), CheckStatus::Pass);
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        let mut compared = report.clone();
        let start = Instant::now();
        let _ = compared.reference(black_box(&reference));
        least = least.min(start.elapsed());
        drop(black_box(compared));
    }
    least
}

fn fastest(mut run: impl FnMut()) -> Duration {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}
