//! The verbs that ask what a device tells besides measurements.

use clap::Args;

use super::values::SlotChoice;
use super::{DeviceArgs, TrustArgs};

/// `spdm mel`.
#[derive(Args, Debug)]
pub(crate) struct MelArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `spdm endpoint`.
#[derive(Args, Debug)]
pub(crate) struct EndpointArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The slot whose key signs, or any: the first one that is provisioned
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Without a signature: nothing of the answer is authentic
    #[arg(long)]
    pub(crate) unsigned: bool,
}
