//! `spdm fleet report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_fleet::{FailOn, OutcomeKind};

/// `spdm fleet report`.
#[derive(Args, Debug)]
pub(crate) struct FleetReportArgs {
    /// The journal of a run; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) journal: PathBuf,
    /// By what items are counted
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(crate) by: GroupingChoice,
    #[command(flatten)]
    pub(crate) views: FleetViewArgs,
    /// The metrics of the run, as the textfile collector of node_exporter reads them
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

/// What is made of outcomes: the exit code, and files for other programs.
#[derive(Args, Debug)]
pub(crate) struct FleetViewArgs {
    /// Which outcomes make the exit code another than 0: rejected, undecidable, unreachable, device_error; all of them where
    /// it is not given, or where nothing is verified
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = outcome)]
    fail_on: Vec<OutcomeKind>,
    /// JUnit XML: a suite per class, a case per device
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// A page to look at: one file, which needs no server and no network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Adds the outcomes to an SQLite file, which holds those of many runs; in programs with the feature sqlite
    #[arg(long, value_name = "sqlite:FILE", value_parser = StorePlace::parse)]
    pub(crate) store: Option<StorePlace>,
}

impl FleetViewArgs {
    /// Which outcomes make the exit code another than 0.
    pub(crate) fn fail_on(&self) -> FailOn {
        match &self.fail_on[..] {
            [] => FailOn::ANYTHING,
            kinds => FailOn::only(kinds.iter().copied()),
        }
    }
}

/// An outcome that `--fail-on` can name.
fn outcome(name: &str) -> Result<OutcomeKind, String> {
    let kind = OutcomeKind::named(name).filter(|kind| *kind != OutcomeKind::Verified);
    kind.ok_or_else(|| "expected rejected, undecidable, unreachable or device_error".to_owned())
}

/// Where outcomes are stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StorePlace {
    /// A file of SQLite.
    pub(crate) path: PathBuf,
}

impl StorePlace {
    fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sqlite:") {
            None | Some("" | "-") => Err("expected sqlite: and the name of a file".to_owned()),
            Some(path) => Ok(Self { path: path.into() }),
        }
    }
}

/// By what items are counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum GroupingChoice {
    /// Whose rules held
    #[default]
    Class,
    /// The machine that answers for it
    Host,
    /// Whose fault it is
    Fault,
}

#[cfg(test)]
mod tests {
    use super::StorePlace;

    #[test]
    fn a_store_is_a_file_of_sqlite() {
        let place = StorePlace::parse("sqlite:a:b.db").unwrap();
        assert_eq!(place, StorePlace { path: "a:b.db".into() });
        for wrong in ["a.db", "sqlite:", "sqlite:-", "postgres:a", ""] {
            assert!(StorePlace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
