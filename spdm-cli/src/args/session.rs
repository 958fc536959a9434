//! `spdm session`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::SessionPolicy;
use spdm_fleet::WantedMeasurements;
use spdm_requester::UpdatedKeys;

use super::live::{KnownArgs, MeasuringArgs};
use super::send::MessagesArgs;
use super::values::{PskHint, SlotChoice};
use super::{DeviceArgs, EarArgs, IdentityArgs, JudgeArgs, NonceArgs, OWN, TrustArgs};

/// `spdm session`.
#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) nonce: NonceArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// The slot whose key signs KEY_EXCHANGE, or any: the first one whose chain is trusted
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Which measurements are read in the session: all, none, or indices such as 1,3-5
    #[arg(help_heading = OWN, long, value_name = "WHICH", default_value = "all")]
    pub(crate) measurements: WantedMeasurements,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    #[command(flatten)]
    pub(crate) ear: EarArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    #[command(flatten)]
    pub(crate) course: CourseArgs,
    #[command(flatten)]
    pub(crate) messages: MessagesArgs,
}

/// What the session is like, and what happens in it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Session")]
pub(crate) struct CourseArgs {
    /// Opens the session with a pre-shared key, the bytes of this file, instead of the device's identity: nothing is
    /// verified, and measurements are not signed
    #[arg(long, value_name = "FILE", conflicts_with_all = IDENTITY)]
    pub(crate) psk: Option<PathBuf>,
    /// Which key it is, in the device's words: hex digits (none where the device knows one key only)
    #[arg(long, value_name = "HEX", value_parser = PskHint::parse, requires = "psk")]
    pub(crate) psk_hint: Option<PskHint>,
    /// New keys (KEY_UPDATE) for requests, or for both directions (repeatable: one update after the other)
    #[arg(long, value_name = "WHOSE")]
    pub(crate) update_keys: Vec<KeysChoice>,
    /// Sends this many HEARTBEATs
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) heartbeat: u32,
    /// Asks the device this many times whether it wants something, and answers what it asks: GET_DIGESTS, GET_CERTIFICATE,
    /// GET_ENDPOINT_INFO, KEY_UPDATE and END_SESSION (GET_ENCAPSULATED_REQUEST)
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) poll: u32,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets_out: Option<PathBuf>,
    /// Offers a handshake in the clear (HANDSHAKE_IN_THE_CLEAR_CAP); the device decides
    #[arg(long, conflicts_with = "psk")]
    pub(crate) clear_handshake: bool,
    /// What becomes of the session when firmware or configuration of the device is updated (TerminationPolicy, 1.2): the
    /// device ends it, or may keep it
    #[arg(long, value_name = "WHAT", default_value = "end")]
    pub(crate) session_policy: PolicyChoice,
    /// Also asks a device in the session whose identity is not trusted. It is not verified all the same
    #[arg(long, conflicts_with = "psk")]
    pub(crate) allow_untrusted: bool,
}

/// What becomes of a session when the device is updated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PolicyChoice {
    /// The device ends it
    End,
    /// The device may keep it
    Keep,
}

impl From<PolicyChoice> for SessionPolicy {
    fn from(choice: PolicyChoice) -> Self {
        match choice {
            PolicyChoice::End => Self::empty(),
            PolicyChoice::Keep => Self::TERMINATION_POLICY,
        }
    }
}

/// Options about an identity: with a pre-shared key there is none.
const IDENTITY: [&str; 22] = [
    "trust",
    "trust_root_hash",
    "trust_intermediate",
    "revoked",
    "revoked_key",
    "san",
    "pci_id",
    "peer_key",
    "reference",
    "reference_trust",
    "reference_key",
    "reference_complete",
    "environment",
    "eat_nonce",
    "evidence_key",
    "policy",
    "ear",
    "nonce",
    "slot",
    "known",
    "at",
    "identity_key",
];

/// Which keys are replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum KeysChoice {
    /// Those of requests (UpdateKey)
    Requests,
    /// Those of requests and of responses (UpdateAllKeys)
    Both,
}

impl From<KeysChoice> for UpdatedKeys {
    fn from(choice: KeysChoice) -> Self {
        match choice {
            KeysChoice::Requests => Self::Requests,
            KeysChoice::Both => Self::Both,
        }
    }
}
