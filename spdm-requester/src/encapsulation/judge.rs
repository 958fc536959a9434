//! What an encapsulated request is answered with.

use spdm_codec::{
    CapabilityFlags, CertificateForm, CertificateRequest, Challenge, Code, EndSession,
    EndpointInfoSubCode, ErrorCode, GetCertificate, GetDigests, GetEndpointInfo, InnerMessage,
    KeyOperation, KeyUpdate, KeyUsage, MeasurementSummary, Message, SpdmVersion,
};

use super::reply::{Reply, SignedInfo};
use super::{KeyChange, Purpose, Running, SessionFate, is_allowed};
use crate::env::Env;
use crate::error::Error;
use crate::operation::receive_events::EventReceiver;

/// The answer, or the ERROR that takes its place.
type Verdict = Result<Reply, Reply>;

const INVALID: Reply = Reply::error(ErrorCode::INVALID_REQUEST);
const UNEXPECTED: Reply = Reply::error(ErrorCode::UNEXPECTED_REQUEST);

/// The request is not one of this requester: `Param2` names it.
const fn unsupported(code: Code) -> Reply {
    Reply::Error { code: ErrorCode::UNSUPPORTED_REQUEST, data: code.0 }
}

impl Running {
    /// Judges an encapsulated request. What is wrong with it is told to the device; only what is no message at all ends the
    /// flow.
    pub(super) fn judge<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        events: Option<&mut dyn EventReceiver>,
        inner: &InnerMessage<'_>,
    ) -> Result<Reply, &'f Error> {
        let header = env.errors.peek(inner.bytes())?;
        let agreed = *env.agreed()?;
        if header.version != agreed.version.to_byte() {
            return Ok(Reply::error(ErrorCode::VERSION_MISMATCH));
        }
        if self.session == SessionFate::Ended {
            return Ok(UNEXPECTED);
        }
        if let (Code::GET_ENDPOINT_INFO, Purpose::Session(_)) = (header.code, self.purpose) {
            return Ok(INVALID);
        }
        if !is_allowed(self.purpose, header.code, agreed.version) {
            return Ok(UNEXPECTED);
        }
        let verdict = match header.code {
            Code::GET_DIGESTS => self.digests(env, inner),
            Code::GET_CERTIFICATE => self.certificate(env, inner),
            Code::CHALLENGE => self.challenge(env, inner),
            Code::KEY_UPDATE => self.key_update(env, inner),
            Code::SEND_EVENT => send_event(env, events, inner),
            Code::GET_ENDPOINT_INFO => endpoint_info(env, inner),
            Code::END_SESSION => self.end_session(env, inner),
            code => Err(unsupported(code)),
        };
        Ok(verdict.unwrap_or_else(|refusal| refusal))
    }

    fn digests(&self, env: &mut Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
        let request = decode::<GetDigests>(env, inner)?.1;
        own(env, CapabilityFlags::CERT_CAP, Code::GET_DIGESTS)?;
        let suite = env.suite().map_err(|_| UNEXPECTED)?;
        let provisioned = env.identity.map(|identity| identity.provisioned(suite.asym));
        if provisioned.is_none_or(|slots| slots.count() == 0) {
            return Err(Reply::error(ErrorCode::UNSPECIFIED));
        }
        if self.purpose == Purpose::Basic {
            env.connection
                .begin_mutual(env.errors, env.hashes, suite.hash)
                .map_err(|_| Reply::error(ErrorCode::UNSPECIFIED))?;
        }
        self.transcribe(env, request)?;
        Ok(Reply::Digests)
    }

    fn certificate(&self, env: &mut Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
        let (question, request) = decode::<GetCertificate>(env, inner)?;
        own(env, CapabilityFlags::CERT_CAP, Code::GET_CERTIFICATE)?;
        let suite = env.suite().map_err(|_| UNEXPECTED)?;
        // What a slot could hold matters to SET_CERTIFICATE only.
        if question.request == CertificateRequest::SlotSize || question.length == 0 {
            return Err(INVALID);
        }
        if question.form == CertificateForm::Large {
            own(env, CapabilityFlags::LARGE_RESP_CAP, Code::GET_CERTIFICATE)
                .map_err(|_| INVALID)?;
        }
        let chain = env.identity.and_then(|identity| identity.chain(question.slot, suite.asym));
        let len = chain.ok_or(INVALID)?.len(suite.hash);
        if usize::try_from(question.offset).is_ok_and(|offset| offset < len) {
            self.transcribe(env, request)?;
            return Ok(Reply::Certificate(question));
        }
        Err(INVALID)
    }

    fn challenge(&mut self, env: &mut Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
        // One proof for each flow.
        if self.challenged.is_some() {
            return Err(UNEXPECTED);
        }
        let (question, request) = decode::<Challenge>(env, inner)?;
        own(env, CapabilityFlags::CHAL_CAP, Code::CHALLENGE)?;
        // A requester has no measurements.
        if question.summary != MeasurementSummary::None {
            return Err(INVALID);
        }
        let suite = env.suite().map_err(|_| UNEXPECTED)?;
        let identity = env.identity.ok_or(INVALID)?;
        let signer = identity.signer(env.provider, question.slot, &suite, KeyUsage::CHALLENGE);
        if signer.is_err() {
            return Err(INVALID);
        }
        self.transcribe(env, request)?;
        self.challenged = Some(question.slot);
        Ok(Reply::ChallengeAuth(question))
    }

    /// The device replaces the key of its own direction; it may not replace ours.
    fn key_update(&mut self, env: &Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
        let agreed = *env.agreed().map_err(|_| UNEXPECTED)?;
        if !agreed.both(CapabilityFlags::KEY_UPD_CAP) {
            return Err(unsupported(Code::KEY_UPDATE));
        }
        in_session(env, agreed.version)?;
        let KeyUpdate { operation, tag } = decode::<KeyUpdate>(env, inner)?.0;
        self.key_change = match (operation, self.key_change) {
            (KeyOperation::UpdateKey, KeyChange::None) => KeyChange::Unverified,
            (KeyOperation::VerifyNewKey, KeyChange::Unverified) => KeyChange::None,
            _ => return Err(INVALID),
        };
        Ok(Reply::KeyUpdateAck { operation, tag })
    }

    /// The device ends the session: nothing else follows.
    fn end_session(&mut self, env: &Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
        let agreed = env.agreed().map_err(|_| UNEXPECTED)?;
        in_session(env, agreed.version)?;
        decode::<EndSession>(env, inner)?;
        self.session = SessionFate::Ended;
        Ok(Reply::EndSessionAck)
    }

    /// The request enters the transcript that CHALLENGE_AUTH signs.
    fn transcribe(&self, env: &mut Env<'_, '_>, request: &[u8]) -> Result<(), Reply> {
        if self.purpose != Purpose::Basic {
            return Ok(());
        }
        let added = env.connection.add_to_mutual(env.errors, env.hashes, request);
        added.map_err(|_| Reply::error(ErrorCode::UNSPECIFIED))
    }
}

/// The device tells of events, in a session that is subscribed to some.
fn send_event(
    env: &Env<'_, '_>,
    events: Option<&mut dyn EventReceiver>,
    inner: &InnerMessage<'_>,
) -> Verdict {
    let agreed = env.agreed().map_err(|_| UNEXPECTED)?;
    if !agreed.responder.flags.contains(CapabilityFlags::EVENT_CAP) {
        return Err(unsupported(Code::SEND_EVENT));
    }
    in_session(env, agreed.version)?;
    let received = events.map(|events| events.receive(agreed.version, inner.bytes()));
    match received {
        Some(Ok(())) => Ok(Reply::EventAck),
        Some(Err(_)) | None => Err(INVALID),
    }
}

/// The device asks what the requester is.
fn endpoint_info(env: &Env<'_, '_>, inner: &InnerMessage<'_>) -> Verdict {
    let unsupported = unsupported(Code::GET_ENDPOINT_INFO);
    let own = env.agreed().map_err(|_| UNEXPECTED)?.requester.flags;
    let identity = env.identity.filter(|identity| identity.endpoint_info().is_some());
    let identity = identity.filter(|_| own.ep_info_cap() != 0).ok_or(unsupported)?;
    let (question, bytes) = decode::<GetEndpointInfo>(env, inner)?;
    if question.sub_code != EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER {
        return Err(INVALID);
    }
    if question.nonce.is_none() {
        return Ok(Reply::EndpointInfo(None));
    }
    if !own.contains(CapabilityFlags::EP_INFO_CAP_SIG) {
        return Err(unsupported);
    }
    let suite = env.suite().map_err(|_| UNEXPECTED)?;
    let usage = KeyUsage::ENDPOINT_INFO;
    if identity.signer(env.provider, question.slot, &suite, usage).is_err() {
        return Err(INVALID);
    }
    let request = *bytes.first_chunk().ok_or(INVALID)?;
    Ok(Reply::EndpointInfo(Some(SignedInfo { slot: question.slot, request })))
}

/// Refuses what comes outside of sessions.
fn in_session(env: &Env<'_, '_>, version: SpdmVersion) -> Result<(), Reply> {
    if env.connection.via().is_some() {
        return Ok(());
    }
    Err(Reply::error(match version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => ErrorCode::UNSPECIFIED,
        _ => ErrorCode::SESSION_REQUIRED,
    }))
}

/// The request, and its bytes without what a transport appended.
fn decode<'a, M: Message<'a>>(
    env: &Env<'_, '_>,
    inner: &InnerMessage<'a>,
) -> Result<(M, &'a [u8]), Reply> {
    let cx = env.agreed().map_err(|_| UNEXPECTED)?.cx(env.connection.answer_padding());
    let decoded = M::decode(inner.bytes(), &cx).map_err(|_| INVALID)?;
    Ok((decoded.message, decoded.bytes))
}

/// Refuses what the requester has not announced.
fn own(env: &Env<'_, '_>, flag: CapabilityFlags, code: Code) -> Result<(), Reply> {
    let agreed = env.agreed().map_err(|_| UNEXPECTED)?;
    if agreed.requester.flags.contains(flag) { Ok(()) } else { Err(unsupported(code)) }
}
