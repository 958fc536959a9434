//! `spdm ide`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{OWN, SessionVerbArgs};

/// `spdm ide`.
#[derive(Args, Debug)]
pub(crate) struct IdeArgs {
    #[command(flatten)]
    pub(crate) verb: SessionVerbArgs,
    /// What is done, in this order, in one session
    #[arg(help_heading = OWN, value_name = "STEP", required = true)]
    pub(crate) steps: Vec<IdeStep>,
    /// The port (PortIndex): otherwise every one for query, and 0 for keys
    #[arg(help_heading = OWN, long, value_name = "N")]
    pub(crate) port: Option<u8>,
    /// The stream (StreamID): otherwise 0
    #[arg(help_heading = OWN, long, value_name = "N")]
    pub(crate) stream_id: Option<u8>,
    /// The key set, 0 or 1: otherwise 0
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(crate) key_set: Option<u8>,
    /// The keys of program (docs/schema/ide-keys.json); go and stop concern the same ones, and without all of the key set
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Does program, go and stop: without, nothing is sent
    #[arg(help_heading = OWN, long)]
    pub(crate) yes: bool,
}

/// A step of `spdm ide`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum IdeStep {
    /// QUERY: the ports, and the registers of their IDE capability
    Query,
    /// KEY_PROG: the keys of --keys
    Program,
    /// K_SET_GO: keys come into use
    Go,
    /// K_SET_STOP: keys are in use no more
    Stop,
}

impl IdeStep {
    /// Whether the device is another one afterwards.
    pub(crate) const fn changes(self) -> bool {
        !matches!(self, Self::Query)
    }

    /// As the command line names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Program => "program",
            Self::Go => "go",
            Self::Stop => "stop",
        }
    }
}
