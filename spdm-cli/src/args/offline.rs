//! The verbs that read files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::AsymAlgorithm;
use spdm_evidence::{Format, Proof};

use super::values::{self, NonceChoice, SlotChoice};
use super::{EarArgs, OWN, ReferenceArgs, TokenArgs, TrustArgs, Workaround};

/// `spdm verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyVerbArgs {
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
    #[command(flatten)]
    pub(crate) ear: EarArgs,
}

/// What to verify, and how.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Files, or - for standard input; folders are walked
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) token: TokenArgs,
    /// What the verdict needs beyond its checks: JSON (docs/schema/policy.json), or Rego in a build with that feature
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The nonce that a signature must cover: 64 hex digits or @FILE; not given: freshness is not judged
    #[arg(help_heading = OWN, long, value_name = "NONCE", value_parser = NonceChoice::parse)]
    pub(crate) nonce: Option<NonceChoice>,
    /// Which signatures the verdict needs: challenge, measurements, key-exchange, or several of them; otherwise those
    /// that the recorded requester asked for, at least one
    #[arg(help_heading = OWN, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) require: Vec<RequiredSignature>,
    /// The only slot to judge, or any
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "any")]
    pub(crate) slot: SlotChoice,
    /// The lowest version to accept
    #[arg(help_heading = OWN, long, value_name = "1.x")]
    pub(crate) min_version: Option<SpdmVersion>,
    /// A workaround for known devices (repeatable)
    #[arg(help_heading = OWN, long, value_name = "NAME")]
    pub(crate) compat: Vec<Workaround>,
    /// capture, transcript, nvidia, redfish, cmw, bundle or json; otherwise the file's beginning tells
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::format)]
    pub(crate) format: Option<Format>,
    /// The chain of evidence that has none: a chain structure, or certificates in PEM, DER or JSON
    #[arg(help_heading = OWN, long, visible_alias = "certificate", value_name = "FILE")]
    pub(crate) chain: Option<PathBuf>,
    /// The signature algorithm of a bare measurement of 1.0 or 1.1; ECDSA_P384 where the file does not name it either
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::asym)]
    pub(crate) base_asym: Option<AsymAlgorithm>,
    /// The hash algorithm of a bare measurement of 1.0 or 1.1; SHA_384 where the file does not name it either
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::hash)]
    pub(crate) base_hash: Option<spdm_crypto::HashAlgorithm>,
    /// Keys of sessions, as decode takes them: the sessions of captures are judged, too
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

/// A signature that a verdict needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum RequiredSignature {
    /// That of CHALLENGE_AUTH
    Challenge,
    /// That of MEASUREMENTS, over one measurement at least
    Measurements,
    /// That of KEY_EXCHANGE_RSP, which begins a session
    KeyExchange,
}

impl RequiredSignature {
    /// What the library is to require.
    pub(crate) const fn proof(self) -> Proof {
        match self {
            Self::Challenge => Proof::Challenge,
            Self::Measurements => Proof::Measurements,
            Self::KeyExchange => Proof::KeyExchange,
        }
    }
}

/// `spdm chain`.
#[derive(Args, Debug)]
pub(crate) struct ChainArgs {
    /// The chain as GET_CERTIFICATE delivers it, or PEM certificates; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The slot that it is from
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = values::slot, default_value = "0")]
    pub(crate) slot: SlotId,
    /// The negotiated version: it decides over the leaf's profile
    #[arg(help_heading = OWN, long, value_name = "1.x", default_value = "1.2")]
    pub(crate) max_version: SpdmVersion,
    /// The certificate model of the slot
    #[arg(help_heading = OWN, long, value_name = "MODEL", default_value = "unknown")]
    pub(crate) model: ModelChoice,
    /// The negotiated signature algorithm; the leaf's key tells otherwise
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::any_asym)]
    pub(crate) base_asym: Option<AsymAlgorithm>,
    /// The negotiated hash algorithm; RootHash tells otherwise
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::hash)]
    pub(crate) base_hash: Option<spdm_crypto::HashAlgorithm>,
    /// What was found for every rule
    #[arg(help_heading = OWN, long)]
    pub(crate) explain: bool,
}

/// The certificate model of a slot.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModelChoice {
    /// Not known
    Unknown,
    /// The leaf is the device certificate
    Device,
    /// The leaf is an alias certificate
    Alias,
    /// Generic
    Generic,
}

/// `spdm decode`.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// capture, hex or binary; otherwise the file's beginning tells
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<InputFormat>,
    /// Keys of sessions, to open secured messages with: a JSON log of the reference implementation's form
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

/// What a file to decode is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum InputFormat {
    /// pcap or pcapng
    Capture,
    /// Hexadecimal text
    Hex,
    /// The messages themselves
    Binary,
}
