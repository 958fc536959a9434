//! `spdm fleet attest`.

use std::path::PathBuf;

use clap::Args;

/// `spdm fleet attest`.
#[derive(Args, Debug)]
pub(crate) struct FleetAttestArgs {
    /// The devices: text, CSV or JSON lines; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) targets: PathBuf,
}
