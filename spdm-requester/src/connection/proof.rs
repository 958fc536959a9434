//! What CHALLENGE_AUTH and MEASUREMENTS prove.

use spdm_codec::RequesterNonce;
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_x509::Identity;

use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::negotiated::Negotiated;
use crate::possession::{Possession, Proof};
use crate::transcript::{Crypto, RunningTranscript};

/// An exchange that ends with a signature of the peer.
pub(super) struct SignedExchange<'x> {
    pub(super) proof: Proof,
    pub(super) request: &'x [u8],
    pub(super) response: &'x [u8],
    pub(super) signature: &'x [u8],
    /// The Requester's.
    pub(super) nonce: &'x RequesterNonce,
}

/// Ends the transcript, which starts with `head`, and verifies the signature over it; `None` where no identity
/// was given to do that with.
#[inline(never)]
pub(super) fn prove<'f, 'c>(
    errors: &'f ErrorCell,
    crypto: &mut Crypto<'_>,
    negotiated: &Negotiated,
    transcript: &mut RunningTranscript,
    head: &[u8],
    identity: Option<&Identity<'c>>,
    signed: &SignedExchange<'_>,
) -> Result<Option<Possession<'c>>, &'f Error> {
    let (message, context) = match signed.proof {
        Proof::Challenge => ("CHALLENGE_AUTH", SigningContext::ResponderChallengeAuth),
        Proof::Measurements => ("MEASUREMENTS", SigningContext::ResponderMeasurements),
    };
    let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
    let SignedExchange { proof, request, response, signature, nonce } = *signed;
    let digest = transcript.sign_off(errors, crypto, hash, head, [request, response], signature)?;
    let Some(identity) = identity else { return Ok(None) };
    SignedMessage::new(negotiated.version, context, digest)
        .verify(crypto.provider, identity.asym(), hash, identity.key(), signature)
        .map_err(|_| errors.stop(Error::Signature { message }))?;
    Ok(Some(Possession::new(*identity, *nonce, proof, negotiated.version)))
}
