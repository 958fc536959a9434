//! `spdm fleet`: many devices. One file per verb.

mod attest;
mod report;
mod shown;
mod views;

#[cfg(test)]
pub(crate) use shown::ShownSummary;

use crate::args::{FleetArgs, FleetVerb};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Does what the verb says.
pub(crate) fn run(
    args: &FleetArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    match &args.verb {
        FleetVerb::Attest(args) => attest::run(args, crypto, console),
        FleetVerb::Report(args) => report::run(args, crypto, console),
    }
}
