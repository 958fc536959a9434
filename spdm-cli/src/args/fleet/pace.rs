//! How much happens at once, and how long it may take.

use clap::Args;
use spdm_fleet::Limits;
use spdm_transport::Duration;

use super::super::values;

/// How much of a run happens at once, and how long it may take.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FleetPaceArgs {
    /// Devices that are asked at once
    #[arg(short = 'j', long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,
    /// Of them, those of one host
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=4096))]
    per_host: u16,
    /// How often a device is tried that does not answer
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// Seconds that one attempt at a device may take
    #[arg(long, value_name = "SECS", value_parser = values::seconds, default_value = "60")]
    pub(crate) deadline: Duration,
}

impl FleetPaceArgs {
    /// The limits of a run in which so many attempts begin in a second.
    pub(crate) fn limits(self, rate: Option<f64>) -> Limits {
        Limits {
            in_flight: usize::from(self.jobs),
            per_host: usize::from(self.per_host),
            rate,
            attempts: self.attempts,
        }
    }
}
