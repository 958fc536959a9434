//! Services that answer for devices.

use std::path::PathBuf;

use clap::Args;

/// How Redfish services are reached, for targets such as redfish://bmc-7.
#[derive(Args, Debug)]
pub(crate) struct RedfishArgs {
    /// Who logs in to Redfish services: JSON with "default" and "hosts", user and password or token (docs/fleet-redfish.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) redfish_credentials: Option<PathBuf>,
    /// Certificates of the authorities that sign those of Redfish services, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) redfish_ca: Option<PathBuf>,
    /// Leaves out components that a Redfish service calls disabled; without it they are undecidable
    #[arg(long)]
    pub(crate) redfish_skip_disabled: bool,
}
