//! What the software device wants to know of its requesters.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Who the requester is, to an emulated device.
#[derive(Args, Debug)]
#[command(next_help_heading = "Mutual authentication")]
pub(crate) struct MutualAuthArgs {
    /// Asks requesters who they are, where they can prove it (repeatable: basic beside one of the others)
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) mutual_auth: Vec<MutualAuthKind>,
    /// Refuses requesters that cannot prove who they are
    #[arg(long, requires = "mutual_auth")]
    pub(crate) require_mutual_auth: bool,
    /// Roots that a requester's chain may lead to, PEM or DER (repeatable)
    #[arg(long, value_name = "FILE", requires = "mutual_auth")]
    pub(crate) requester_root: Vec<PathBuf>,
    /// The requester's chain, root first, PEM or DER: what session needs, and no other kind
    #[arg(long, value_name = "FILE", requires = "mutual_auth")]
    pub(crate) requester_chain: Option<PathBuf>,
    /// The public key of a requester without certificates (DER or PEM): slot 0xFF
    #[arg(long, value_name = "FILE", requires = "mutual_auth")]
    pub(crate) requester_key: Option<PathBuf>,
    /// The requester's slot that is asked for
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=7))]
    pub(crate) requester_slot: u8,
    /// Makes an identity for requesters, and trusts its root: writes key.pem and chain.pem to this folder
    #[arg(long, value_name = "DIR", requires = "mutual_auth")]
    pub(crate) requester_out: Option<PathBuf>,
    /// Asks for a new key of the device once in each session, where the requester polls
    #[arg(long)]
    pub(crate) ask_key_update: bool,
}

/// How a device asks its requester who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum MutualAuthKind {
    /// With CHALLENGE_AUTH: basic mutual authentication
    Basic,
    /// With KEY_EXCHANGE_RSP, without encapsulated requests (MutAuthRequested 1)
    Session,
    /// With KEY_EXCHANGE_RSP and encapsulated requests (2)
    Encapsulated,
    /// With KEY_EXCHANGE_RSP, which implies GET_DIGESTS (4)
    Digests,
}
