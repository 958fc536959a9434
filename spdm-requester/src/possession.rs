//! Proof that a device holds a key.

use spdm_codec::{RequesterNonce, SpdmVersion};
use spdm_x509::{Identity, Trusted};

use crate::summary::SummaryHash;

/// Which message carried the signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Proof {
    /// CHALLENGE_AUTH.
    Challenge,
    /// MEASUREMENTS.
    Measurements,
    /// KEY_EXCHANGE_RSP: the session that it opened belongs to the holder of the key.
    KeyExchange,
}

/// The peer holds the private key of an identity: a signature of it over a transcript with our nonce
/// verified. Whether the identity can be trusted is another question.
///
/// Only [`Connection::accept`](crate::Connection::accept) makes one.
#[derive(Clone, Copy, Debug)]
pub struct Possession<'c> {
    identity: Identity<'c>,
    nonce: RequesterNonce,
    proof: Proof,
    version: SpdmVersion,
    summary: Option<SummaryHash>,
}

/// Whether both are of the same slot, version, algorithms, key and digest.
pub(crate) fn is_same(held: &Identity<'_>, trusted: &Identity<'_>) -> bool {
    let context = |identity: &Identity<'_>| match identity {
        Identity::Chain(chain) => Some(*chain.context()),
        Identity::Key(_) => None,
    };
    context(held) == context(trusted)
        && held.key_slot() == trusted.key_slot()
        && held.hash() == trusted.hash()
        && held.asym() == trusted.asym()
        && held.digest() == trusted.digest()
        && held.key() == trusted.key()
}

impl<'c> Possession<'c> {
    pub(crate) const fn new(
        identity: Identity<'c>,
        nonce: RequesterNonce,
        proof: Proof,
        version: SpdmVersion,
    ) -> Self {
        Self { identity, nonce, proof, version, summary: None }
    }

    pub(crate) const fn with_summary(mut self, summary: Option<SummaryHash>) -> Self {
        self.summary = summary;
        self
    }

    /// Whether it is the trusted identity that signed: the same slot, version, algorithms, key and digest.
    pub(crate) fn is_of(&self, trusted: &Trusted<'_>) -> bool {
        is_same(&self.identity, trusted.identity())
    }

    /// Whose key signed.
    #[must_use]
    pub const fn identity(&self) -> &Identity<'c> {
        &self.identity
    }

    /// The Requester's nonce in the signed transcript.
    #[must_use]
    pub const fn nonce(&self) -> &RequesterNonce {
        &self.nonce
    }

    /// Which message carried the signature.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// What the signature says of the measurements, where CHALLENGE or KEY_EXCHANGE asked for it.
    #[must_use]
    pub const fn summary(&self) -> Option<&SummaryHash> {
        self.summary.as_ref()
    }

    /// Whether the signature covers the negotiation, GET_VERSION to ALGORITHMS: those of CHALLENGE_AUTH and
    /// KEY_EXCHANGE_RSP do in every version, that of MEASUREMENTS since 1.2 (DSP0274 §Transcript and transcript hash calculation).
    #[must_use]
    pub fn covers_negotiation(&self) -> bool {
        self.proof != Proof::Measurements || self.version >= SpdmVersion::V1_2
    }

    /// The negotiated version.
    #[must_use]
    pub const fn version(&self) -> SpdmVersion {
        self.version
    }
}
