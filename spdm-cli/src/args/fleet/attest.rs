//! `spdm fleet attest`.

use core::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};

use super::super::{AttestOptions, ConnectionArgs, KnownArgs};
use super::{FleetPaceArgs, FleetViewArgs, RedfishArgs};

/// The options that a class profile has instead. By name: clap leaves the group of a struct empty that has another one in it.
pub(super) const OF_CLASSES: [&str; 41] = [
    "allow_bound",
    "allow_tsm",
    "framing",
    "binding",
    "timeout",
    "min_version",
    "max_version",
    "compat",
    "alpha_versions",
    "base_asym",
    "base_hash",
    "transfer_size",
    "multi_key",
    "trust",
    "trust_root_hash",
    "trust_intermediate",
    "revoked",
    "revoked_key",
    "san",
    "pci_id",
    "at",
    "profile",
    "max_certificates",
    "peer_key",
    "reference",
    "reference_trust",
    "reference_key",
    "reference_complete",
    "environment",
    "eat_nonce",
    "evidence_key",
    "policy",
    "identity",
    "identity_key",
    "identity_slot",
    "slot",
    "measurements",
    "raw",
    "new_measurements",
    "challenge",
    "session",
];

/// `spdm fleet attest`.
#[derive(Args, Debug)]
pub(crate) struct FleetAttestArgs {
    /// The devices, one per line: text (tcp:10.0.0.7:4194 class=ssd rack=r12), CSV with a header, JSON, or what spdm list
    /// --json prints; - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) targets: PathBuf,
    #[command(flatten)]
    pub(crate) pace: FleetPaceArgs,
    /// The most attempts that begin in a second, such as 50/s
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// The options of each class of devices: JSON (docs/schema/class-profile.json). The options below are not given then
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_CLASSES)]
    pub(crate) class_profile: Option<PathBuf>,
    /// Writes the outcomes, one JSON object per line: the result, and what --resume goes on from
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Goes on with the run in --out: devices that have an outcome are left out
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Writes the evidence of each attempt into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) views: FleetViewArgs,
    /// The metrics: at an address such as 127.0.0.1:9464, for whoever scrapes them while the run goes on; or in a file in
    /// the end, for the textfile collector of node_exporter
    #[arg(long, value_name = "ADDR|FILE", value_parser = MetricsPlace::parse)]
    pub(crate) metrics: Option<MetricsPlace>,
    #[command(flatten)]
    pub(crate) redfish: RedfishArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) class: ClassArgs,
}

/// Where the metrics of a run are.
#[derive(Clone, Debug)]
pub(crate) enum MetricsPlace {
    /// Whoever connects gets them.
    Address(SocketAddr),
    /// They are written in the end.
    File(PathBuf),
}

impl MetricsPlace {
    /// What is no address is the name of a file, but for the name of a host with a port.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.contains('/') && port.parse::<u16>().is_ok() => {
                Err(format!(
                    "expected an IP address with a port such as 127.0.0.1:{port}, or a file such as ./{text}"
                ))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

/// What holds for the devices of a class: the options of `spdm attest`.
#[derive(Args, Debug)]
pub(crate) struct ClassArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) options: AttestOptions,
}

/// The options of a class, as a profile has them.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    pub(crate) class: ClassArgs,
}

/// `50/s`, or `50`.
fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let rate = number.parse().ok().filter(|rate: &f64| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "expected a number per second such as 50/s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{MetricsPlace, OF_CLASSES, ProfileArgs};

    #[test]
    fn a_host_with_a_port_is_no_file_of_metrics() {
        for address in ["127.0.0.1:9464", "[::1]:9464"] {
            assert!(
                matches!(MetricsPlace::parse(address), Ok(MetricsPlace::Address(_))),
                "{address}"
            );
        }
        for file in ["metrics.prom", "./localhost:9464", "a:b"] {
            assert!(matches!(MetricsPlace::parse(file), Ok(MetricsPlace::File(_))), "{file}");
        }
        let error = MetricsPlace::parse("localhost:9464").err();
        assert_eq!(
            error.as_deref(),
            Some(
                "expected an IP address with a port such as 127.0.0.1:9464, or a file such as ./localhost:9464"
            )
        );
    }

    #[test]
    fn a_profile_has_all_of_its_options_instead() {
        let command = ProfileArgs::command();
        let options: Vec<_> =
            command.get_arguments().map(|option| option.get_id().as_str()).collect();
        assert_eq!(options, OF_CLASSES);
    }
}
