//! `spdm fleet verify`.

use core::time::Duration;
use std::path::PathBuf;

use clap::Args;
use spdm_fleet::Nonces;

use super::FleetViewArgs;
use super::attest::{ClassArgs, OF_CLASSES};

/// `spdm fleet verify`.
#[derive(Args, Debug)]
pub(crate) struct FleetVerifyArgs {
    /// What fleet collect wrote: FILE.jsonl, or a folder
    #[arg(value_name = "EVIDENCE")]
    pub(crate) evidence: PathBuf,
    /// The devices, as whoever judges lists them: what a collector says of target and class does not count
    #[arg(long, value_name = "FILE|-")]
    pub(crate) targets: PathBuf,
    /// The key of nonces that was given to fleet collect
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The name of the job, as for fleet collect
    #[arg(long, value_name = "NAME", default_value = "fleet")]
    pub(crate) job: String,
    /// Seconds that may lie between the question and this verdict
    #[arg(long, value_name = "SECS", value_parser = window, default_value = "600")]
    pub(crate) freshness: Duration,
    /// The options of each class of devices, as for fleet attest
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_CLASSES)]
    pub(crate) class_profile: Option<PathBuf>,
    /// Writes the outcomes, one JSON object per line: what fleet report reads
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) views: FleetViewArgs,
    /// Writes the metrics into a file, for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) class: ClassArgs,
}

/// `--freshness`: shorter than the skew of two clocks it would refuse what is fresh.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    let window = text.parse().ok().map(Duration::from_secs);
    let window = window.filter(|window| *window >= Nonces::SKEW);
    window.ok_or_else(|| format!("expected seconds, at least {}", Nonces::SKEW.as_secs()))
}
