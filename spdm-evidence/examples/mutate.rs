//! Flips a bit of each byte of each response in captures that verify, and cuts each response at each
//! place: no change may go unnoticed but those that the list in `tests/mutation` allows.
//!
//! ```text
//! cargo run --release -p spdm-evidence --example mutate -- CORPUS [N]
//! ```

#[path = "../tests/corpus/mod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod corpus;
#[path = "../tests/mutation/mod.rs"]
mod mutation;

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
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: mutate CORPUS [N]");
        return ExitCode::from(2);
    };
    let count = arguments.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(20);
    let roots = corpus::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let mut used = BTreeSet::new();
    let mut unexpected = 0;
    let captures = corpus::captures(&folder);
    let verified = captures.iter().filter_map(|capture| {
        let evidence = Evidence::read(&capture.read(&folder), &ReadOptions::default()).ok()?;
        let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
        reports.iter().all(|report| report.verified()).then_some((&capture.name, evidence))
    });
    // Spread over the corpus, whose neighbours are alike.
    let verified: Vec<_> = verified.collect();
    let step = verified.len().div_ceil(count).max(1);
    for (name, evidence) in verified.iter().step_by(step).take(count) {
        let outcome = mutation::mutate(evidence, &verifier, 1, |at| vec![1 << (at % 8)]);
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
    for entry in mutation::ALLOWED.iter().filter(|entry| !used.contains(entry)) {
        unexpected += 1;
        println!("not used: {entry:?}");
    }
    if unexpected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
