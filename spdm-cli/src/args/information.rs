//! The verbs that ask what a device tells besides measurements.

use clap::Args;

use super::values::SlotChoice;
use super::{DeviceArgs, OWN, OptionalSessionArgs, TrustArgs};

/// `spdm mel`.
#[derive(Args, Debug)]
pub(crate) struct MelArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// `spdm endpoint`.
#[derive(Args, Debug)]
pub(crate) struct EndpointArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    /// The slot whose key signs the info, or any: the first one that is provisioned. --peer-key FILE stands for a device
    /// without slots
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0", conflicts_with = "peer_key")]
    pub(crate) slot: SlotChoice,
    /// Without a signature: nothing of the answer is authentic
    #[arg(help_heading = OWN, long)]
    pub(crate) unsigned: bool,
}
