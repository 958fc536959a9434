//! `spdm fleet collect`.

use std::path::PathBuf;

use clap::Args;
use spdm_fleet::WantedMeasurements;
use spdm_transport::Duration;

use super::super::values::{self, SlotChoice};
use super::super::{ChallengeChoice, ConnectionArgs};

/// `spdm fleet collect`.
#[derive(Args, Debug)]
pub(crate) struct FleetCollectArgs {
    /// The devices, as for fleet attest; - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) targets: PathBuf,
    /// Where evidence goes: one line for each device in FILE.jsonl, otherwise one file for each in this folder
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// The key of nonces, for fleet verify to tell fresh evidence from old: 32 bytes, or 64 hex digits. Whoever has it can make
    /// evidence look later than it is
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The name of the job: fleet verify needs the same
    #[arg(long, value_name = "NAME", default_value = "fleet")]
    pub(crate) job: String,
    /// Devices that are asked at once
    #[arg(short = 'j', long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,
    /// Of them, those of one host
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) per_host: u16,
    /// How often a device is tried that does not answer
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: u32,
    /// Seconds that one attempt at a device may take
    #[arg(long, value_name = "SECS", value_parser = values::seconds, default_value = "60")]
    pub(crate) deadline: Duration,
    /// The slot, or any: the first one that is provisioned
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    #[command(flatten)]
    pub(crate) want: FleetWantArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// What is to be collected.
#[derive(Args, Debug)]
pub(crate) struct FleetWantArgs {
    /// Which measurements: all, none, or indices such as 1,3-5
    #[arg(long, value_name = "WHICH", default_value = "all")]
    pub(crate) measurements: WantedMeasurements,
    /// none waives CHALLENGE
    #[arg(long, value_name = "WHETHER", default_value = "required")]
    pub(crate) challenge: ChallengeChoice,
}
