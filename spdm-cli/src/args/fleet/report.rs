//! `spdm fleet report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_fleet::{FailOn, OutcomeKind};

use super::attest::{fail_on, outcome};

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
    /// Which outcomes make the exit code another than 0: all but verified, or these
    #[arg(long, value_name = "OUTCOME,…", value_delimiter = ',', value_parser = outcome)]
    pub(crate) fail_on: Vec<OutcomeKind>,
    /// The metrics of the run, as the textfile collector of node_exporter reads them
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

impl FleetReportArgs {
    /// Which outcomes make the exit code another than 0.
    pub(crate) fn fail_on(&self) -> FailOn {
        fail_on(&self.fail_on)
    }
}

/// What else is made of a journal.
#[derive(Args, Debug)]
pub(crate) struct FleetViewArgs {
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
