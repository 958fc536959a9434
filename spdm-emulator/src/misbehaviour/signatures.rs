//! Faults of the signatures of CHALLENGE_AUTH, MEASUREMENTS and ENDPOINT_INFO.

use spdm_codec::{NONCE_LEN, RequesterNonce};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashError, SignError, SignedMessage, SigningContext};
use spdm_responder::{Device, Signing};

use crate::entropy::Entropy;
use crate::fault::Fault;
use crate::keys::KeyRole;
use crate::mint::ecdsa_der;
use crate::patch::{patch, put};

/// Offset of Nonce in the request that is answered.
const fn request_nonce(context: SigningContext) -> usize {
    match context {
        SigningContext::ResponderEndpointInfo => 8,
        // CHALLENGE and GET_MEASUREMENTS.
        _ => 4,
    }
}

/// Signs as the faults want it; `history` is the Requester's nonce in the signed request before.
pub(super) fn sign(
    faults: &[Fault],
    entropy: &Entropy,
    history: &mut Option<RequesterNonce>,
    signing: &mut Signing<'_>,
    device: &mut dyn Device,
) -> Result<Vec<u8>, SignError> {
    let request = signing.request().to_vec();
    let nonce_at = request_nonce(signing.context());
    let nonce = request.get(nonce_at..).and_then(|rest| rest.first_chunk()).copied();
    let stale = history.replace(RequesterNonce(nonce.unwrap_or([0; NONCE_LEN])));
    let (mut context, suite) = (signing.context(), signing.suite());
    let mut digest = signing.digest_after(&request).map_err(no_hash)?;
    let mut other_key = None;
    for fault in faults {
        match fault {
            Fault::StaleNonceSignature => {
                let mut request = request.clone();
                put(&mut request, nonce_at, &stale.map_or([0; NONCE_LEN], |nonce| nonce.0));
                digest = signing.digest_after(&request).map_err(no_hash)?;
            }
            Fault::MissingVcaSignature => {
                let transcript = [request.as_slice(), signing.answer()];
                let without = PROVIDER.hash.digest(suite.hash, &transcript);
                digest = without.map_err(|_| SignError::Failed)?;
            }
            Fault::WrongContextSignature => context = other(context),
            Fault::OtherKeySignature => {
                let another = entropy.key(suite.asym, KeyRole::Another);
                other_key = Some(another.map_err(|_| SignError::Failed)?);
            }
            _ => {}
        }
    }
    let message = SignedMessage::new(signing.version(), context, digest);
    let mut signature = vec![0; suite.asym.signature_len()];
    match &other_key {
        Some(key) => message.sign(key, suite.hash, &mut signature)?,
        None => device.sign(signing.slot(), &suite, &message, &mut signature)?,
    };
    for fault in faults {
        misbehave(*fault, suite.asym, &mut signature);
    }
    Ok(signature)
}

fn no_hash(_: HashError) -> SignError {
    SignError::Failed
}

fn other(context: SigningContext) -> SigningContext {
    match context {
        SigningContext::ResponderChallengeAuth => SigningContext::ResponderMeasurements,
        _ => SigningContext::ResponderChallengeAuth,
    }
}

fn misbehave(fault: Fault, asym: AsymAlgorithm, signature: &mut Vec<u8>) {
    match fault {
        Fault::BadSignature => {
            let last = signature.len().saturating_sub(1);
            patch(signature, last, |byte| byte ^ 1);
        }
        Fault::ZeroSignature => signature.fill(0),
        Fault::OnesSignature => signature.fill(0xFF),
        Fault::DerSignature if matches!(asym, AsymAlgorithm::Ecdsa(_)) => {
            if let Ok(der) = ecdsa_der(signature) {
                *signature = der;
            }
        }
        _ => {}
    }
}
