//! With whom a session is opened, for what is done in it.

use std::path::{Path, PathBuf};

use clap::Args;
use spdm_codec::SlotId;

use super::{DeviceArgs, IdentityArgs, TrustArgs, values};
use crate::consent::OptionFiles;
use crate::exit::Failure;
use crate::overheard::SlotOption;

/// What both kinds of options say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerChoice<'p> {
    pub(crate) slot: SlotId,
    /// The option that names it.
    pub(crate) slot_option: SlotOption,
    pub(crate) peer_key: Option<&'p Path>,
    pub(crate) secrets_out: Option<&'p Path>,
}

/// Of a verb that is nothing without a session.
#[derive(Args, Debug)]
pub(crate) struct SessionVerbArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) peer: PeerArgs,
}

/// With whom its session is opened.
#[derive(Args, Debug)]
#[command(next_help_heading = "Session")]
pub(crate) struct PeerArgs {
    /// The slot whose key signs KEY_EXCHANGE
    #[arg(long, value_name = "N", value_parser = values::slot, default_value = "0")]
    pub(crate) slot: SlotId,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE", conflicts_with = "slot")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

impl SessionVerbArgs {
    /// The files that the options name.
    pub(crate) fn files(&self) -> OptionFiles<'_> {
        let peer_key = self.peer.peer_key.as_deref();
        OptionFiles { trust: &self.trust, peer_key, identity: &self.peer.identity }
    }
}

impl PeerArgs {
    pub(crate) fn choice(&self) -> PeerChoice<'_> {
        PeerChoice {
            slot: self.slot,
            slot_option: SlotOption::Slot,
            peer_key: self.peer_key.as_deref(),
            secrets_out: self.secrets_out.as_deref(),
        }
    }
}

/// Of a verb that does what it does in a session, too.
#[derive(Args, Debug)]
#[command(next_help_heading = "Session")]
pub(crate) struct OptionalSessionArgs {
    /// In a session, which KEY_EXCHANGE and FINISH open with a device that is trusted; it is closed afterwards
    #[arg(long)]
    pub(crate) session: bool,
    /// The slot whose key signs KEY_EXCHANGE
    #[arg(long, value_name = "N", value_parser = values::slot, default_value = "0", requires = "session")]
    pub(crate) session_slot: SlotId,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE", conflicts_with = "session_slot")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(long, value_name = "FILE", requires = "session")]
    pub(crate) secrets_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

impl OptionalSessionArgs {
    /// The files that the options name.
    pub(crate) fn files<'f>(&'f self, trust: &'f TrustArgs) -> OptionFiles<'f> {
        OptionFiles { trust, peer_key: self.peer_key.as_deref(), identity: &self.identity }
    }

    /// With whom; `None` where nothing is asked in a session.
    pub(crate) fn choice(&self) -> Option<PeerChoice<'_>> {
        self.session.then_some(PeerChoice {
            slot: self.session_slot,
            slot_option: SlotOption::SessionSlot,
            peer_key: self.peer_key.as_deref(),
            secrets_out: self.secrets_out.as_deref(),
        })
    }

    /// Without a session nobody is known by a key, and nobody is told who the host is.
    pub(crate) fn check_keys_unused(&self) -> Result<(), Failure> {
        match self.peer_key {
            Some(_) if !self.session => Err(unverified("--peer-key")),
            _ => self.check_identity_unused(),
        }
    }

    /// Without a session nobody is told who the host is.
    pub(crate) fn check_identity_unused(&self) -> Result<(), Failure> {
        match self.identity.identity_key {
            Some(_) if !self.session => Err(unverified("--identity-key")),
            _ => Ok(()),
        }
    }

    /// [`Self::check_keys_unused`], also for anchors: who says whom to trust expects that somebody is verified.
    pub(crate) fn check_unused(&self, trust: &TrustArgs) -> Result<(), Failure> {
        self.check_keys_unused()?;
        match trust.names_anchors() && !self.session {
            true => Err(unverified("--trust")),
            false => Ok(()),
        }
    }
}

/// An option that says nothing without a session.
pub(crate) fn unverified(option: &str) -> Failure {
    Failure::usage(format!("nobody is verified without --session: leave out {option}"))
}
