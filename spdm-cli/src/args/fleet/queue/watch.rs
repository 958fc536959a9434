//! `spdm fleet watch`.

use std::path::PathBuf;

use clap::Args;
use spdm_transport::Duration;

use super::super::super::values;
use super::super::{FleetViewArgs, MetricsPlace};
use super::{QueueArgs, job};

/// `spdm fleet watch`.
#[derive(Args, Debug)]
pub(crate) struct FleetWatchArgs {
    /// The job, as it was submitted
    #[arg(long, value_name = "NAME", value_parser = job)]
    pub(crate) job: String,
    /// Writes the outcomes, one JSON object per line, as fleet attest does
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Seconds after which it ends, whatever is missing; it waits for every device where it is not given
    #[arg(long, value_name = "SECS", value_parser = values::seconds)]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) views: FleetViewArgs,
    /// The metrics: at an address such as 127.0.0.1:9464, or in a file in the end, as for fleet attest
    #[arg(long, value_name = "ADDR|FILE", value_parser = MetricsPlace::parse)]
    pub(crate) metrics: Option<MetricsPlace>,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
}
