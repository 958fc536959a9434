//! `spdm fleet collect`.

use std::path::PathBuf;

use clap::Args;
use spdm_fleet::WantedMeasurements;

use super::super::values::SlotChoice;
use super::super::{ChallengeChoice, ConnectionArgs};
use super::FleetPaceArgs;

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
    #[command(flatten)]
    pub(crate) pace: FleetPaceArgs,
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
