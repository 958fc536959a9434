//! Runs a file of certificate chains with verdicts: `corpus FILE`.
//!
//! Prints one line per mismatch, then the counts; the exit status is 1 where there is a mismatch.

#[path = "../tests/corpus/case.rs"]
mod case;

use core::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: corpus FILE")?;
    let summary = case::run_all(&std::fs::read_to_string(file)?)?;
    for mismatch in &summary.mismatches {
        println!("{mismatch}");
    }
    println!(
        "{} accepted, {} refused, {} either, {} mismatches",
        summary.accepted,
        summary.refused,
        summary.either,
        summary.mismatches.len(),
    );
    Ok(if summary.mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
