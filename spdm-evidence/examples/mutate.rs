//! Flips a bit of each byte of each response in captures that verify, and cuts each response at each
//! place: no change may go unnoticed but those that the list in `tests/corpus/mutate.rs` allows.
//!
//! ```text
//! cargo run --release -p spdm-evidence --example mutate -- CORPUS [N]
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test over more captures than fit into the test run"
)]

#[path = "../tests/corpus/folder.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod folder;
#[path = "../tests/corpus/mutate.rs"]
mod mutate;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{Evidence, ReadOptions, Verifier};
use spdm_x509::{Anchor, ValidityCheck};

/// 2026-11-01.
const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(corpus) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: mutate CORPUS [N]");
        return ExitCode::from(2);
    };
    let count: usize = arguments.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(20);
    let roots = folder::roots(&corpus);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let mut used = BTreeSet::new();
    let mut unexpected = 0;
    let captures = folder::captures(&corpus);
    let verified = captures.iter().filter(|capture| capture.is("attest")).filter_map(|capture| {
        let evidence = Evidence::read(&capture.read(&corpus), &ReadOptions::default()).ok()?;
        let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
        reports.iter().all(|report| report.verified()).then_some((&capture.name, evidence))
    });
    // First those with requests that none before had; then a spread over the rest, whose neighbours are alike.
    let mut seen = BTreeSet::new();
    let (mut selected, rest): (Vec<_>, Vec<_>) = verified.partition(|(_, evidence)| {
        let exchanges = evidence.recordings.iter().flat_map(|recording| &recording.exchanges);
        let before = seen.len();
        seen.extend(exchanges.map(|exchange| exchange.request[1]));
        seen.len() > before
    });
    let step = (rest.len() / count.saturating_sub(selected.len()).max(1)).max(1);
    selected.extend(rest.into_iter().step_by(step));
    for (name, evidence) in selected.iter().take(count) {
        let outcome =
            mutate::mutate(evidence, &verifier, |_, _| true, |at| vec![1 << ((at + 3) % 8)]);
        println!("{name}: {} changes", outcome.changes);
        for survivor in &outcome.survivors {
            match survivor.allowed() {
                Some(entry) => {
                    used.insert(*entry);
                }
                None => {
                    unexpected += 1;
                    println!("  not noticed: {survivor:?}");
                }
            }
        }
    }
    for entry in
        mutate::ALLOWED.iter().chain(mutate::ALLOWED_MESSAGES).filter(|entry| !used.contains(entry))
    {
        unexpected += 1;
        println!("not used: {entry:?}");
    }
    if unexpected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
