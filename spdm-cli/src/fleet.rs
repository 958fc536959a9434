//! `spdm fleet`: many devices. One file per verb.

mod attest;
mod attester;
mod class_demands;
pub(crate) mod class_profile;
mod class_rules;
mod collect;
mod collector;
mod evidence_files;
mod live_metrics;
mod offline_judge;
mod progress;
mod queue;
mod redfish;
mod report;
mod resume;
mod shown;
mod sink;
mod site_rules;
mod store;
mod targets;
mod verify;
mod views;

#[cfg(test)]
pub(crate) use queue::{ShownSubmission, ShownWork};
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
        FleetVerb::Collect(args) => collect::run(args, crypto, console),
        FleetVerb::Verify(args) => verify::run(args, crypto, console),
        FleetVerb::Report(args) => report::run(args, crypto, console),
        FleetVerb::Submit(args) => queue::submit(args, crypto, console),
        FleetVerb::Work(args) => queue::work(args, crypto, console),
        FleetVerb::Watch(args) => queue::watch(args, crypto, console),
    }
}
