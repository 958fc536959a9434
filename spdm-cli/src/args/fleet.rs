//! Many devices. One file per verb.

mod attest;
mod collect;
mod pace;
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "read where the feature is"))]
mod queue;
mod redfish;
mod report;
mod verify;

use clap::{Args, Subcommand};

use super::help;
use crate::time::At;
pub(crate) use attest::{ClassArgs, FleetAttestArgs, MetricsPlace, ProfileArgs};
pub(crate) use collect::{FleetCollectArgs, FleetWantArgs};
pub(crate) use pace::FleetPaceArgs;
pub(crate) use queue::{FleetSubmitArgs, FleetWatchArgs, FleetWorkArgs};
#[cfg(feature = "nats")]
pub(crate) use queue::{QueueArgs, RoleChoice};
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
    /// Put the devices of a list into a queue, for workers on any machine (feature nats)
    #[command(
        after_help = help::FLEET_SUBMIT,
        override_usage = "spdm fleet submit [OPTIONS] --queue <URL> --job <NAME>
                         --targets <FILE|-> --key <FILE>"
    )]
    Submit(FleetSubmitArgs),
    /// Work for queues: collect evidence of devices, judge what others collected (feature nats)
    #[command(after_help = help::FLEET_WORK)]
    Work(Box<FleetWorkArgs>),
    /// Wait for the outcomes of a job: what fleet attest shows, of many workers (feature nats)
    #[command(after_help = help::FLEET_WATCH)]
    Watch(FleetWatchArgs),
}

impl FleetArgs {
    /// The time that validity periods are held against.
    pub(crate) const fn at(&self) -> At {
        match &self.verb {
            FleetVerb::Attest(args) => args.class.options.trust.at,
            FleetVerb::Verify(args) => args.class.options.trust.at,
            FleetVerb::Work(args) => args.class.options.trust.at,
            FleetVerb::Collect(_)
            | FleetVerb::Report(_)
            | FleetVerb::Submit(_)
            | FleetVerb::Watch(_) => At::Now,
        }
    }
}
