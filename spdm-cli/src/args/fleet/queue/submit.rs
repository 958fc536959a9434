//! `spdm fleet submit`.

use core::time::Duration;
use std::path::PathBuf;

use clap::Args;

use super::super::FleetWantArgs;
use super::super::verify::window;
use super::{QueueArgs, job};

/// `spdm fleet submit`.
#[derive(Args, Debug)]
pub(crate) struct FleetSubmitArgs {
    /// The job's name: whoever watches needs it. A job that is known gets only the devices that have no last outcome yet
    #[arg(long, value_name = "NAME", value_parser = job)]
    pub(crate) job: String,
    /// The devices, as for fleet attest; - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) targets: PathBuf,
    /// The key of nonces: 32 bytes, or 64 hex digits. Judges have the same, collectors must not have it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Seconds that may pass until a verdict: what was not collected by then is tried again
    #[arg(long, value_name = "SECS", value_parser = window, default_value = "600")]
    pub(crate) freshness: Duration,
    #[command(flatten)]
    pub(crate) want: FleetWantArgs,
    /// Seconds without a sign of life after which what a worker had is given to another one. What the first one says who
    /// submits anything holds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(5..=3600), default_value = "30")]
    pub(crate) ack_wait: u64,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
}
