//! Many devices. One file per verb.

mod attest;
mod collect;
mod redfish;
mod report;
mod verify;

use clap::{Args, Subcommand};

use super::help;
use crate::time::At;
pub(crate) use attest::{ClassArgs, FleetAttestArgs, MetricsPlace, ProfileArgs};
pub(crate) use collect::{FleetCollectArgs, FleetWantArgs};
pub(crate) use redfish::RedfishArgs;
pub(crate) use report::{FleetReportArgs, FleetViewArgs, GroupingChoice, StorePlace};
pub(crate) use verify::FleetVerifyArgs;

/// `spdm fleet`.
#[derive(Args, Debug)]
pub(crate) struct FleetArgs {
    #[command(subcommand)]
    pub(crate) verb: FleetVerb,
}

/// What to do with many devices.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetVerb {
    /// Attest every device of a list: one outcome for each, whatever happens on the way
    #[command(after_help = help::FLEET_ATTEST)]
    Attest(Box<FleetAttestArgs>),
    /// Collect evidence of every device of a list, for fleet verify to judge somewhere else
    #[command(after_help = help::FLEET_COLLECT)]
    Collect(FleetCollectArgs),
    /// Judge what fleet collect collected: one outcome for each device of a list
    #[command(after_help = help::FLEET_VERIFY)]
    Verify(Box<FleetVerifyArgs>),
    /// What the journal of a run says: a table, and files for other programs
    #[command(after_help = help::FLEET_REPORT)]
    Report(FleetReportArgs),
}

impl FleetArgs {
    /// The time that validity periods are held against.
    pub(crate) const fn at(&self) -> At {
        match &self.verb {
            FleetVerb::Attest(args) => args.class.options.trust.at,
            FleetVerb::Verify(args) => args.class.options.trust.at,
            FleetVerb::Collect(_) | FleetVerb::Report(_) => At::Now,
        }
    }
}
