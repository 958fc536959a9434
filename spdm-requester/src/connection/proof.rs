//! What CHALLENGE_AUTH, MEASUREMENTS and KEY_EXCHANGE_RSP prove.

use spdm_codec::{RequesterNonce, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Provider, SignedMessage, SigningContext};
use spdm_x509::Identity;

use crate::config::Compat;
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
    pub(super) compat: Compat,
}

/// Bytes of the longest ECDSA signature: that of P-521.
const MAX_ECDSA_LEN: usize = 132;

/// Whether it is the signature of a device of 1.0 or 1.1 that writes both numbers in little-endian order.
// Apart: it is not on the stack where signatures are right.
#[cold]
#[inline(never)]
fn is_swapped(
    provider: &Provider,
    negotiated: &Negotiated,
    hash: HashAlgorithm,
    identity: &Identity<'_>,
    signed: &SignedMessage,
    signature: &[u8],
) -> bool {
    let mut swapped = [0; MAX_ECDSA_LEN];
    let out = match (negotiated.version, identity.asym()) {
        (SpdmVersion::V1_0 | SpdmVersion::V1_1, AsymAlgorithm::Ecdsa(_)) => {
            swapped.get_mut(..signature.len())
        }
        _ => None,
    };
    let Some(out) = out else { return false };
    out.copy_from_slice(signature);
    let (r, s) = out.split_at_mut(signature.len() / 2);
    for number in [r, s] {
        number.reverse();
    }
    signed.verify(provider, identity.asym(), hash, identity.key(), out).is_ok()
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
    let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
    let SignedExchange { request, response, signature, .. } = *signed;
    let digest = transcript.sign_off(errors, crypto, hash, head, [request, response], signature)?;
    verify(errors, crypto.provider, negotiated, digest, identity, signed)
}

/// Verifies the signature over the transcript with this digest; `None` where no identity was given to do that with.
pub(super) fn verify<'f, 'c>(
    errors: &'f ErrorCell,
    provider: &Provider,
    negotiated: &Negotiated,
    digest: Digest,
    identity: Option<&Identity<'c>>,
    signed: &SignedExchange<'_>,
) -> Result<Option<Possession<'c>>, &'f Error> {
    let (message, context) = match signed.proof {
        Proof::Challenge => ("CHALLENGE_AUTH", SigningContext::ResponderChallengeAuth),
        Proof::Measurements => ("MEASUREMENTS", SigningContext::ResponderMeasurements),
        Proof::KeyExchange => ("KEY_EXCHANGE_RSP", SigningContext::ResponderKeyExchangeRsp),
    };
    let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
    let Some(identity) = identity else { return Ok(None) };
    let SignedExchange { proof, signature, nonce, compat, .. } = *signed;
    let signed = SignedMessage::new(negotiated.version, context, digest);
    let (asym, key) = (identity.asym(), identity.key());
    if signed.verify(provider, asym, hash, key, signature).is_err() {
        let swapped = is_swapped(provider, negotiated, hash, identity, &signed, signature);
        match (swapped, compat.little_endian_ecdsa) {
            (true, true) => {}
            (true, false) => return Err(errors.stop(Error::SignatureOrder { message })),
            (false, _) => return Err(errors.stop(Error::Signature { message })),
        }
    }
    Ok(Some(Possession::new(*identity, *nonce, proof, negotiated.version)))
}
