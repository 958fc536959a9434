//! `spdm fleet work`.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Args, Parser as _, ValueEnum};

use super::super::super::{AttestOptions, values};
use super::super::attest::OF_CLASSES;
use super::super::verify::window;
use super::super::{ClassArgs, MetricsPlace, ProfileArgs};
use super::QueueArgs;
use crate::exit::Failure;

/// The longest deadline: a place at a host is kept for two minutes.
const MAX_DEADLINE: Duration = Duration::from_secs(100);

/// `spdm fleet work`.
#[derive(Args, Debug)]
pub(crate) struct FleetWorkArgs {
    /// What it does: collect reaches devices and has no verdict; judge has the key and the rules, and reaches no device
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum, default_values = ["collect", "judge"])]
    pub(crate) roles: Vec<RoleChoice>,
    /// Messages that it works on at once, in each role
    #[arg(short = 'j', long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,
    /// Ends once both queues are empty; without it, it works until SIGTERM or Ctrl-C
    #[arg(long)]
    pub(crate) drain: bool,
    /// Collects from devices of these classes alone
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// Devices of one host that are asked at once, by all collectors together; 2 where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) per_host: Option<u32>,
    /// Seconds that one attempt at a device may take, at most 100; 60 where it is not given
    #[arg(long, value_name = "SECS", value_parser = deadline)]
    pub(crate) deadline: Option<Duration>,
    /// The key of fleet submit, to judge. A collector is not given it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// How often a judge has a device tried that does not answer; 3 where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: Option<u32>,
    /// Seconds that may lie between the question and a judge's verdict, as for fleet submit; 600 where it is not given
    #[arg(long, value_name = "SECS", value_parser = window)]
    pub(crate) freshness: Option<Duration>,
    /// The options of each class of devices, as for fleet attest: a judge goes by what can be seen in evidence (a
    /// class that wants a session is undecidable: no collector opens one), a collector by how devices are reached and by the slot
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_CLASSES)]
    pub(crate) class_profile: Option<PathBuf>,
    /// The metrics of this worker: at an address such as 127.0.0.1:9464, or in a file in the end
    #[arg(long, value_name = "ADDR|FILE", value_parser = MetricsPlace::parse)]
    pub(crate) metrics: Option<MetricsPlace>,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
    #[command(flatten)]
    pub(crate) class: ClassArgs,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum RoleChoice {
    /// Asks devices
    Collect,
    /// Judges what they said
    Judge,
}

impl FleetWorkArgs {
    /// Whether this is among its roles.
    pub(crate) fn has(&self, role: RoleChoice) -> bool {
        self.roles.contains(&role)
    }

    /// Whether every option belongs to a role that it has, and each role has what it needs.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let of_judge = [
            ("--key", self.key.is_some()),
            ("--attempts", self.attempts.is_some()),
            ("--freshness", self.freshness.is_some()),
            ("an option about trust, verdicts or signatures", self.has_rules()),
        ];
        let of_collector = [
            ("--classes", !self.classes.is_empty()),
            ("--per-host", self.per_host.is_some()),
            ("--deadline", self.deadline.is_some()),
        ];
        let groups = [
            (RoleChoice::Judge, "--roles judge", &of_judge[..]),
            (RoleChoice::Collect, "--roles collect", &of_collector[..]),
        ];
        for (role, roles, options) in groups {
            let given = options.iter().find(|(_, is_given)| *is_given && !self.has(role));
            if let Some((option, _)) = given {
                return Err(Failure::usage(format!("{option} belongs to {roles}")));
            }
        }
        if self.has(RoleChoice::Judge) && self.key.is_none() {
            return Err(Failure::usage("to judge needs --key FILE, the key of fleet submit")
                .with_hint(Some("--roles collect asks devices without it")));
        }
        Ok(())
    }

    /// Whether anything but the slot is said about verdicts.
    fn has_rules(&self) -> bool {
        let Ok(ProfileArgs { class }) = ProfileArgs::try_parse_from([""; 0]) else { return true };
        let without = AttestOptions { slot: self.class.options.slot, ..class.options };
        format!("{without:?}") != format!("{:?}", self.class.options)
    }
}

fn deadline(text: &str) -> Result<Duration, String> {
    let deadline = values::seconds(text)?;
    let secs = MAX_DEADLINE.as_secs();
    (deadline <= MAX_DEADLINE)
        .then_some(deadline)
        .ok_or_else(|| format!("expected at most {secs} seconds"))
}
