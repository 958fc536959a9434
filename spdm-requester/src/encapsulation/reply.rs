//! The answers to encapsulated requests.

use spdm_codec::{
    BasicMutAuth, Certificate, CertificateForm, CertificateModel, Challenge, ChallengeAuth, Code,
    ConnectionKeys, Digests, EndSessionAck, EndpointInfo, EndpointInfoSignature, ErrorCode,
    ErrorResponse, EventAck, ExtendedErrorData, GetCertificate, KeyOperation, KeySlot,
    KeyUpdateAck, KeyUsage, Message, NONCE_LEN, OpaqueData, ResponderNonce, SlotId, SlotKeys,
    SlotMask, SpdmVersion,
};
use spdm_crypto::{Digest, SignedMessage, SigningContext};

use super::{Purpose, Running, Suite};
use crate::env::{Env, fill};
use crate::error::{Error, SessionFault};
use crate::local_identity::AuthenticationFault;
use crate::session::SessionHandle;
use crate::transcript::RunningTranscript;

/// An answer that is to be delivered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Digests,
    Certificate(GetCertificate),
    ChallengeAuth(Challenge),
    KeyUpdateAck {
        operation: KeyOperation,
        tag: u8,
    },
    EventAck,
    /// With a signature, where one was asked for.
    EndpointInfo(Option<SignedInfo>),
    EndSessionAck,
    Error {
        code: ErrorCode,
        data: u8,
    },
}

/// GET_ENDPOINT_INFO with a nonce.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedInfo {
    pub(super) slot: KeySlot,
    /// The request, which is signed with the answer.
    pub(super) request: [u8; GET_ENDPOINT_INFO_LEN],
}

/// GET_ENDPOINT_INFO with a nonce, in bytes.
const GET_ENDPOINT_INFO_LEN: usize = 40;

const SLOTS: usize = 8;

impl Reply {
    pub(super) const fn error(code: ErrorCode) -> Self {
        Self::Error { code, data: 0 }
    }

    /// Writes the answer; its length in bytes. What belongs to the transcript of a mutual authentication enters it.
    pub(super) fn encode<'f>(
        &self,
        env: &mut Env<'_, 'f>,
        flow: &Running,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let version = env.agreed()?.version;
        match self {
            Self::Digests => {
                let suite = env.suite()?;
                let len = digests(env, suite, out)?;
                let answer = out.get(..len).unwrap_or_default();
                match flow.purpose {
                    Purpose::Session(session) if flow.requests == 1 => {
                        enter_keys(env, session, suite, answer)?;
                    }
                    _ => transcribe(env, flow.purpose, answer)?,
                }
                Ok(len)
            }
            Self::Certificate(question) => {
                let len = certificate(env, env.suite()?, question, out)?;
                transcribe(env, flow.purpose, out.get(..len).unwrap_or_default())?;
                Ok(len)
            }
            Self::ChallengeAuth(question) => challenge_auth(env, env.suite()?, question, out),
            Self::KeyUpdateAck { operation, tag } => {
                let len =
                    encode(env, &KeyUpdateAck { operation: *operation, tag: *tag }, version, out)?;
                if *operation == KeyOperation::UpdateKey {
                    expect_next_key(env)?;
                }
                Ok(len)
            }
            Self::EndpointInfo(asked) => endpoint_info(env, asked.as_ref(), out),
            Self::EndSessionAck => encode(env, &EndSessionAck, version, out),
            Self::EventAck => encode(env, &EventAck, version, out),
            Self::Error { code, data } => {
                let extended = ExtendedErrorData::Other(&[]);
                encode(env, &ErrorResponse { code: *code, data: *data, extended }, version, out)
            }
        }
    }
}

fn encode<'f, 'm>(
    env: &Env<'_, 'f>,
    message: &impl Message<'m>,
    version: SpdmVersion,
    out: &mut [u8],
) -> Result<usize, &'f Error> {
    message.encode(version, out).map_err(|error| env.errors.stop(error))
}

fn transcribe<'f>(env: &mut Env<'_, 'f>, purpose: Purpose, answer: &[u8]) -> Result<(), &'f Error> {
    match purpose {
        Purpose::Basic => env.connection.add_to_mutual(env.errors, env.hashes, answer),
        Purpose::Session(_) | Purpose::Poll => Ok(()),
    }
}

/// encapD: DIGESTS enters the transcript of a session where it answers the first request of its flow and the Requester has
/// several keys (DSP0274 1.3 §Transcript for KEY_EXCHANGE). A later one does not.
fn enter_keys<'f>(
    env: &mut Env<'_, 'f>,
    session: SessionHandle,
    suite: Suite,
    digests: &[u8],
) -> Result<(), &'f Error> {
    match suite.keys {
        ConnectionKeys::Multi => {
            let th = RunningTranscript::place_of_session(session.index());
            env.hashes.update(th, digests).map_err(|error| env.errors.stop(error))
        }
        _ => Ok(()),
    }
}

/// The acknowledgement of KEY_UPDATE_ACK comes under the device's next key (DSP0274 §KEY_UPDATE).
fn expect_next_key<'f>(env: &mut Env<'_, 'f>) -> Result<(), &'f Error> {
    let session = env.connection.via();
    let slot = session.zip(env.sessions.as_deref_mut());
    let slot = slot.and_then(|(session, sessions)| sessions.slot(session));
    let slot = slot.ok_or_else(|| env.errors.stop(SessionFault::Over))?;
    slot.expect_next_key(Code::ENCAPSULATED_RESPONSE_ACK);
    Ok(())
}

fn digests<'f>(env: &Env<'_, 'f>, suite: Suite, out: &mut [u8]) -> Result<usize, &'f Error> {
    let errors = env.errors;
    let identity = env.identity()?;
    let provisioned = identity.provisioned(suite.asym);
    let mut digests = [0; SLOTS * Digest::MAX];
    let mut len = 0_usize;
    let (mut pairs, mut infos, mut usages) = ([0; SLOTS], [0; SLOTS], [[0; 2]; SLOTS]);
    let places = pairs.iter_mut().zip(&mut infos).zip(&mut usages);
    for (slot, ((pair, info), usage)) in provisioned.slots().zip(places) {
        let key = identity.slot_key(slot);
        *pair = key.key_pair_id;
        *info = key.model.to_byte();
        *usage = key.usage.bits().to_le_bytes();
        let Some(chain) = identity.chain(slot, suite.asym) else { continue };
        let digest = chain.digest(env.provider, suite.hash);
        let digest = digest.map_err(|error| errors.stop(spdm_crypto::HashError::from(error)))?;
        let end = len.saturating_add(digest.as_bytes().len());
        if let Some(place) = digests.get_mut(len..end) {
            place.copy_from_slice(digest.as_bytes());
        }
        len = end;
    }
    let count = provisioned.count();
    let keys = SlotKeys {
        key_pair_id: pairs.get(..count).unwrap_or_default(),
        certificate_info: infos.get(..count).unwrap_or_default(),
        key_usage: usages.get(..count).unwrap_or_default(),
    };
    let message = Digests {
        supported: (suite.version >= SpdmVersion::V1_3).then_some(provisioned),
        provisioned,
        digests: digests.get(..len).unwrap_or_default(),
        keys: (suite.keys == ConnectionKeys::Multi).then_some(keys),
    };
    encode(env, &message, suite.version, out)
}

fn certificate<'f>(
    env: &Env<'_, 'f>,
    suite: Suite,
    question: &GetCertificate,
    out: &mut [u8],
) -> Result<usize, &'f Error> {
    let errors = env.errors;
    let header = match question.form {
        CertificateForm::Normal => 8,
        CertificateForm::Large => 16,
    };
    let empty = AuthenticationFault::SlotEmpty { slot: question.slot };
    let identity = env.identity()?;
    let chain = identity.chain(question.slot, suite.asym);
    let chain = chain.ok_or_else(|| errors.stop(empty))?;
    let offset = usize::try_from(question.offset).unwrap_or(usize::MAX);
    // The portion is copied into the second half of the room, and from there into the message.
    let most = out.len().saturating_sub(header) / 2;
    let most = most.min(usize::try_from(question.length).unwrap_or(usize::MAX));
    let (front, back) = out.split_at_mut(out.len().saturating_sub(most));
    let len = chain.copy(env.provider, suite.hash, offset, back);
    let len = len.map_err(|error| errors.stop(spdm_crypto::HashError::from(error)))?;
    let remainder = chain.len(suite.hash).saturating_sub(offset).saturating_sub(len);
    let message = Certificate {
        slot: question.slot,
        model: match suite.keys {
            ConnectionKeys::Multi => identity.slot_key(question.slot).model,
            _ => CertificateModel::None,
        },
        form: question.form,
        portion: back.get(..len).unwrap_or_default(),
        remainder: u32::try_from(remainder).unwrap_or(u32::MAX).min(question.form.max_len()),
    };
    encode(env, &message, suite.version, front)
}

fn challenge_auth<'f>(
    env: &mut Env<'_, 'f>,
    suite: Suite,
    question: &Challenge,
    out: &mut [u8],
) -> Result<usize, &'f Error> {
    let errors = env.errors;
    let mut nonce = [0; NONCE_LEN];
    fill(env.provider, errors, &mut nonce)?;
    let identity = env.identity()?;
    let signer = identity.signer(env.provider, question.slot, &suite, KeyUsage::CHALLENGE);
    let (key, digest) = signer.map_err(|fault| errors.stop(fault))?;
    let digest = digest.map_err(|error| errors.stop(spdm_crypto::HashError::from(error)))?;
    let message = ChallengeAuth {
        slot: question.slot,
        basic_mut_auth: BasicMutAuth::NotRequested,
        slot_mask: match question.slot {
            KeySlot::Slot(_) => identity.provisioned(suite.asym),
            KeySlot::PublicKey => SlotMask(0),
        },
        cert_chain_hash: digest.as_bytes(),
        nonce: ResponderNonce(nonce),
        measurement_summary_hash: &[],
        opaque: OpaqueData::EMPTY,
        context: question.context,
        signature: &[],
    };
    let len = encode(env, &message, suite.version, out)?;
    let (written, room) = out.split_at_mut(len);
    let transcript = env.connection.sign_off_mutual(errors, env.hashes, written)?;
    let context = SigningContext::RequesterChallengeAuth;
    let signed = SignedMessage::new(suite.version, context, transcript);
    let signature = signed.sign(key, suite.hash, room);
    let signature = signature.map_err(|error| errors.stop(AuthenticationFault::Sign(error)))?;
    Ok(len.saturating_add(signature))
}

/// ENDPOINT_INFO, signed where that was asked for: over A and this exchange (IL1, DSP0274 1.3 §ENDPOINT_INFO).
fn endpoint_info<'f>(
    env: &Env<'_, 'f>,
    asked: Option<&SignedInfo>,
    out: &mut [u8],
) -> Result<usize, &'f Error> {
    let errors = env.errors;
    let version = env.agreed()?.version;
    let identity = env.identity()?;
    let info = identity.endpoint_info().unwrap_or_default();
    let Some(SignedInfo { slot, request }) = asked else {
        let slot = KeySlot::Slot(SlotId::ZERO);
        return encode(env, &EndpointInfo { slot, info, signature: None }, version, out);
    };
    let suite = env.suite()?;
    let signer = identity.signer(env.provider, *slot, &suite, KeyUsage::ENDPOINT_INFO);
    let (key, _) = signer.map_err(|fault| errors.stop(fault))?;
    let mut nonce = [0; NONCE_LEN];
    fill(env.provider, errors, &mut nonce)?;
    let signature = Some(EndpointInfoSignature { nonce: ResponderNonce(nonce), bytes: &[] });
    let len = encode(env, &EndpointInfo { slot: *slot, info, signature }, version, out)?;
    let (written, room) = out.split_at_mut(len);
    let il1 = [env.connection.negotiation(), &request[..], written];
    let digest = env.provider.hash.digest(suite.hash, &il1);
    let digest = digest.map_err(|error| errors.stop(spdm_crypto::HashError::from(error)))?;
    let signed = SignedMessage::new(version, SigningContext::RequesterEndpointInfo, digest);
    let signature = signed.sign(key, suite.hash, room);
    let signature = signature.map_err(|error| errors.stop(AuthenticationFault::Sign(error)))?;
    Ok(len.saturating_add(signature))
}
