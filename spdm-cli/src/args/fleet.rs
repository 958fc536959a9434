//! Many devices. One file per verb.

mod attest;
mod redfish;
mod report;

use clap::{Args, Subcommand};

use super::help;
use crate::time::At;
pub(crate) use attest::{ClassArgs, FleetAttestArgs, MetricsPlace, ProfileArgs};
pub(crate) use redfish::RedfishArgs;
pub(crate) use report::{FleetReportArgs, FleetViewArgs, GroupingChoice};

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
    /// What the journal of a run says: a table, and files for other programs
    #[command(after_help = help::FLEET_REPORT)]
    Report(FleetReportArgs),
}

impl FleetArgs {
    /// The time that validity periods are held against.
    pub(crate) const fn at(&self) -> At {
        match &self.verb {
            FleetVerb::Attest(args) => args.class.options.trust.at,
            FleetVerb::Report(_) => At::Now,
        }
    }
}
