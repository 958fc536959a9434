//! What is trusted, and what a verdict needs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::PciIdentity;
use spdm_requester::Compat;
use spdm_x509::{ChainLimits, Profile};

use super::reference::ReferenceArgs;
use super::token::TokenArgs;
use super::values::{NonceChoice, RootHash, San};
use crate::time::At;

pub(super) const PCI_ID_HELP: &str = "The PCI function: VVVV:DDDD:CCCCCC:RR[:SVSV:SDSD][:SERIAL16]";

/// Whom to trust, and when.
#[derive(Args, Debug)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// Trust anchors, PEM or DER; of a folder every .pem, .crt, .cer and .der file (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) trust: Vec<PathBuf>,
    /// SHA-256, SHA-384 or SHA-512 of a root certificate to trust (repeatable)
    #[arg(long, value_name = "HEX", value_parser = RootHash::parse)]
    pub(crate) trust_root_hash: Vec<RootHash>,
    /// Certificate authorities below a root to trust, PEM or DER: the chain must contain one, and its path starts there
    /// (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) trust_intermediate: Vec<PathBuf>,
    /// Certificates that are revoked, by their issuer and serial number; PEM or DER (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) revoked: Vec<PathBuf>,
    /// SHA-256, SHA-384 or SHA-512 of the SubjectPublicKeyInfo of a revoked key (repeatable)
    #[arg(long, value_name = "HEX", value_parser = RootHash::parse)]
    pub(crate) revoked_key: Vec<RootHash>,
    /// The name that the leaf must carry: none, pci-cma (with --pci-id), dmtf or dmtf:MANUFACTURER:PRODUCT:SERIAL
    /// where * stands for anything. For pci: targets pci-cma, of the function itself; otherwise none
    #[arg(long, value_name = "POLICY", value_parser = San::parse)]
    pub(crate) san: Option<San>,
    #[arg(long, value_name = "ID", help = PCI_ID_HELP)]
    pub(crate) pci_id: Option<PciIdentity>,
    /// The time of validity: RFC 3339, unix:N, now or unchecked
    #[arg(long, value_name = "TIME", value_parser = At::parse, default_value = "now")]
    pub(crate) at: At,
    /// What is demanded of certificates: strict is the strictest that is right for the version; compatible puts up
    /// with careless ones
    #[arg(long, value_name = "PROFILE", default_value = "strict")]
    pub(crate) profile: ProfileChoice,
    /// The most certificates that a chain may have
    #[arg(long, value_name = "N", default_value_t = ChainLimits::DEFAULT.max_certificates, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_certificates: u16,
}

impl TrustArgs {
    /// Whether somebody says whom to trust.
    pub(crate) const fn names_anchors(&self) -> bool {
        !self.trust.is_empty() || !self.trust_root_hash.is_empty()
    }
}

/// What is demanded of certificates.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileChoice {
    /// The strictest that is right for the version
    Strict,
    /// Puts up with careless certificates, such as serial number 0 or a leaf without basicConstraints
    Compatible,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Compatible => Self::COMPATIBLE,
            ProfileChoice::Strict => Self::STRICT,
        }
    }
}

/// What a verdict needs besides trust.
#[derive(Args, Debug)]
#[command(next_help_heading = "Judgement")]
pub(crate) struct JudgeArgs {
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) token: TokenArgs,
    /// What the verdict needs beyond its checks: JSON (docs/schema/policy.json), or Rego in a build with that feature
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// The nonce of a verdict.
#[derive(Args, Debug)]
#[command(next_help_heading = "Judgement")]
pub(crate) struct NonceArgs {
    /// The nonce of GET_MEASUREMENTS (of CHALLENGE with --measurements none): 64 hex digits, @FILE or random
    #[arg(long, value_name = "NONCE", value_parser = NonceChoice::parse, default_value = "random")]
    pub(crate) nonce: NonceChoice,
}

/// A workaround for known devices. None of them weakens a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Workaround {
    /// ECDSA signatures of 1.0 and 1.1 may have their numbers in little-endian order
    LittleEndianEcdsa,
}

/// Workarounds, as the library takes them.
pub(crate) fn compat(workarounds: &[Workaround]) -> Compat {
    let mut compat = Compat::NONE;
    for workaround in workarounds {
        match workaround {
            Workaround::LittleEndianEcdsa => compat.little_endian_ecdsa = true,
        }
    }
    compat
}
