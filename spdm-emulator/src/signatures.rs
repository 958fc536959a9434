//! Signatures of CHALLENGE_AUTH and MEASUREMENTS.

use spdm_codec::{NONCE_LEN, RequesterNonce, SpdmVersion};
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{AsymAlgorithm, Digest, Sign, SignedMessage, SigningContext};

use crate::agreement::SigningSuite;
use crate::device_transcript::DeviceTranscript;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::keys::KeyRole;
use crate::mint::ecdsa_der;
use crate::patch::{patch, put};
use crate::turn::Turn;

/// Offset of Nonce in CHALLENGE and GET_MEASUREMENTS.
const REQUEST_NONCE: usize = 4;

/// A response that is complete but for its signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) context: SigningContext,
    pub(crate) version: SpdmVersion,
    pub(crate) request: &'a [u8],
    pub(crate) nonce: RequesterNonce,
    pub(crate) response: &'a [u8],
}

impl Unsigned<'_> {
    /// The signature; the turn's history keeps the nonce.
    pub(crate) fn sign(
        &self,
        turn: &mut Turn<'_>,
        suite: &SigningSuite,
        signer: &dyn Sign,
    ) -> Result<Vec<u8>, ErrorAnswer> {
        let stale =
            turn.history.nonce.replace(self.nonce).unwrap_or(RequesterNonce([0; NONCE_LEN]));
        let mut signing = SignatureInput {
            digest: self.digest(&suite.transcript, self.request),
            context: self.context,
            other_key: None,
        };
        for fault in &turn.faults {
            match fault {
                Fault::StaleNonceSignature => {
                    let mut request = self.request.to_vec();
                    put(&mut request, REQUEST_NONCE, &stale.0);
                    signing.digest = self.digest(&suite.transcript, &request);
                }
                Fault::MissingVcaSignature => {
                    let empty = DeviceTranscript::new(self.version, suite.hash, &[])?;
                    signing.digest = self.digest(&empty, self.request);
                }
                Fault::WrongContextSignature => signing.context = other(self.context),
                Fault::OtherKeySignature => {
                    let another = turn.entropy.key(suite.asym, KeyRole::Another);
                    signing.other_key = Some(another.map_err(|_| ErrorAnswer::unexpected())?);
                }
                _ => {}
            }
        }
        let message = SignedMessage::new(self.version, signing.context, signing.digest);
        let signer = signing.other_key.as_ref().map_or(signer, |key| key);
        let mut signature = vec![0; signer.algorithm().signature_len()];
        message.sign(signer, suite.hash, &mut signature)?;
        for fault in &turn.faults {
            misbehave(*fault, suite.asym, &mut signature);
        }
        Ok(signature)
    }

    fn digest(&self, transcript: &DeviceTranscript, request: &[u8]) -> Digest {
        match self.context {
            SigningContext::ResponderChallengeAuth => transcript.m1(request, self.response),
            _ => transcript.l1(request, self.response),
        }
    }
}

struct SignatureInput {
    digest: Digest,
    context: SigningContext,
    /// What signs in place of the leaf's key.
    other_key: Option<SoftwareKey>,
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
