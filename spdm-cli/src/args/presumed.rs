//! The algorithms of a file that does not say them.

use clap::{ArgMatches, Args, Command, FromArgMatches};
use spdm_evidence::Presumption;

use super::values::{AsymList, HashList};
use crate::exit::Failure;

/// `--base-asym` and `--base-hash` of a verb that asks a device or reads a file: they are among the options of the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresumedArgs {
    asym: Option<AsymList>,
    hash: Option<HashList>,
}

impl PresumedArgs {
    /// What they say of a file: a signature is of one algorithm.
    pub(crate) fn presumption(self) -> Result<Presumption, Failure> {
        let several =
            |option| move || Failure::usage(format!("{option}: a file is signed with one of them"));
        let asym = self.asym.map(|list| list.only().ok_or_else(several("--base-asym")));
        let hash = self.hash.map(|list| list.only().ok_or_else(several("--base-hash")));
        Ok(Presumption { asym: asym.transpose()?, hash: hash.transpose()? })
    }
}

impl FromArgMatches for PresumedArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (asym, hash) = (matches.get_one("base_asym"), matches.get_one("base_hash"));
        Ok(Self { asym: asym.copied(), hash: hash.copied() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// It has no options of its own.
impl Args for PresumedArgs {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
