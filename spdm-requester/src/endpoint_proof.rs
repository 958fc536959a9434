//! Who signed an endpoint info.

use spdm_codec::RequesterNonce;
use spdm_x509::{Identity, Trusted};

use crate::possession::is_same;

/// The holder of an identity's key signed an ENDPOINT_INFO with our nonce (DSP0274 1.3 §ENDPOINT_INFO). Whether the identity
/// can be trusted is another question.
///
/// It is no [`Possession`](crate::Possession) and never makes a [`Verified`](crate::Verified): a device may have a key for
/// this alone, and nothing of what was measured is in what is signed. The negotiation is.
#[derive(Clone, Copy, Debug)]
pub struct EndpointProof<'c> {
    identity: Identity<'c>,
    nonce: RequesterNonce,
}

impl<'c> EndpointProof<'c> {
    pub(crate) const fn new(identity: Identity<'c>, nonce: RequesterNonce) -> Self {
        Self { identity, nonce }
    }

    /// Whether it is the trusted identity that signed: the same slot, version, algorithms, key and digest.
    #[must_use]
    pub fn is_of(&self, trusted: &Trusted<'_>) -> bool {
        is_same(&self.identity, trusted.identity())
    }

    /// Whose key signed.
    #[must_use]
    pub const fn identity(&self) -> &Identity<'c> {
        &self.identity
    }

    /// The Requester's nonce in what was signed.
    #[must_use]
    pub const fn nonce(&self) -> &RequesterNonce {
        &self.nonce
    }
}
