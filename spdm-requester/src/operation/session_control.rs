//! HEARTBEAT, KEY_UPDATE and END_SESSION.

use spdm_codec::{
    CapabilityFlags, Code, EndSession, EndSessionAck, EndSessionAttributes, Expected, Heartbeat,
    HeartbeatAck, KeyOperation, KeyUpdate, KeyUpdateAck, Message,
};

use crate::answer::Answer;
use crate::env::{Ask, Env, fill};
use crate::error::{Error, Misuse, SessionFault};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;
use crate::session::SessionHandle;

/// HEARTBEAT: see [`Requester::heartbeat`].
#[derive(Debug)]
pub struct SendHeartbeat;

/// END_SESSION: see [`Requester::close_session`].
#[derive(Debug)]
pub struct CloseSession;

/// KEY_UPDATE: see [`Requester::update_keys`].
#[derive(Debug)]
pub struct UpdateKeys {
    keys: UpdatedKeys,
    stage: UpdateStage,
    tag: u8,
}

/// Which keys of a session are replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these two")]
pub enum UpdatedKeys {
    /// Ours: `UpdateKey`.
    Requests,
    /// Both sides': `UpdateAllKeys`.
    Both,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UpdateStage {
    Update,
    Verify,
}

impl<'a> Requester<'a, Negotiated> {
    /// The next operation runs in this session: its messages are sealed, and nothing of it enters the transcripts of the
    /// connection. Any operation that may run there, such as [`Self::measure_signed`], [`Self::get_digests`] or
    /// [`Self::exchange`]; others fail with [`Misuse::Order`]. The handle of a session that is over fails with
    /// [`SessionFault::Over`].
    #[must_use]
    pub fn in_session(mut self, session: SessionHandle) -> Self {
        self.core.enter(session);
        self
    }

    /// HEARTBEAT in this session: [`Self::session_due`] says when.
    #[must_use]
    pub fn heartbeat(self, session: SessionHandle) -> Flow<'a, SendHeartbeat> {
        Flow::new(self.in_session(session).core, SendHeartbeat)
    }

    /// KEY_UPDATE in this session: new keys for our direction or for both. A failure after the device took the new keys ends
    /// the session.
    #[must_use]
    pub fn update_keys(self, session: SessionHandle, keys: UpdatedKeys) -> Flow<'a, UpdateKeys> {
        let mut core = self.in_session(session).core;
        if let (UpdatedKeys::Both, Some(slot)) = (keys, core.slot(session)) {
            slot.expect_next_key(Code::KEY_UPDATE_ACK);
        }
        Flow::new(core, UpdateKeys { keys, stage: UpdateStage::Update, tag: 0 })
    }

    /// END_SESSION: the session is over and its keys are erased, whatever the device answers.
    #[must_use]
    pub fn close_session(self, session: SessionHandle) -> Flow<'a, CloseSession> {
        let mut core = self.in_session(session).core;
        if let Some(slot) = core.slot(session) {
            slot.forgo_answer();
        }
        Flow::new(core, CloseSession)
    }
}

/// Both sides need the capability.
fn need<'f>(
    ask: &Ask<'_, 'f>,
    flags: CapabilityFlags,
    name: &'static str,
) -> Result<spdm_codec::SpdmVersion, &'f Error> {
    let agreed = ask.require(flags, name)?;
    if !agreed.both(flags) {
        return Err(ask.errors.misuse(Misuse::NotOffered(name)));
    }
    Ok(agreed.version)
}

/// Decodes an answer that is of no use before it is accepted.
pub(super) fn decode<'f, 'r, M: Message<'r>>(
    env: &mut Env<'_, 'f>,
    answer: &Answer<'_, 'r>,
) -> Result<M, &'f Error> {
    let errors = env.errors;
    let cx = env.agreed()?.cx(env.connection.answer_padding());
    let decoded = errors
        .decode::<M>(answer.response, &cx)
        .inspect_err(|error| env.reject(answer.request, answer.response, error))?;
    Ok(decoded.message)
}

impl sealed::Operation for SendHeartbeat {
    type Phase = Negotiated;
    type Output = ();

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let version = need(ask, CapabilityFlags::HBEAT_CAP, "HBEAT_CAP")?;
        ask.encode(&Heartbeat, version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let HeartbeatAck = decode(env, answer)?;
        env.accept(answer, None)?;
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<(), &'f Error> {
        Ok(())
    }
}

impl sealed::Operation for CloseSession {
    type Phase = Negotiated;
    type Output = ();

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let version = ask.agreed()?.version;
        ask.encode(&EndSession { attributes: EndSessionAttributes::empty() }, version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let EndSessionAck = decode(env, answer)?;
        env.accept(answer, None)?;
        if let (Some(session), Some(sessions)) = (env.connection.via(), env.sessions.as_deref_mut())
        {
            sessions.end(session);
        }
        Ok(Next::Done)
    }

    fn ends_session(&self) -> bool {
        true
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<(), &'f Error> {
        Ok(())
    }
}

impl UpdateKeys {
    const fn operation(&self) -> KeyOperation {
        match (self.stage, self.keys) {
            (UpdateStage::Verify, _) => KeyOperation::VerifyNewKey,
            (UpdateStage::Update, UpdatedKeys::Requests) => KeyOperation::UpdateKey,
            (UpdateStage::Update, UpdatedKeys::Both) => KeyOperation::UpdateAllKeys,
        }
    }
}

impl sealed::Operation for UpdateKeys {
    type Phase = Negotiated;
    type Output = ();

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let version = need(ask, CapabilityFlags::KEY_UPD_CAP, "KEY_UPD_CAP")?;
        let mut tag = [0];
        fill(ask.provider, ask.errors, &mut tag)?;
        [self.tag] = tag;
        ask.encode(&KeyUpdate { operation: self.operation(), tag: self.tag }, version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        const MESSAGE: &str = "KEY_UPDATE_ACK";
        let errors = env.errors;
        let message: KeyUpdateAck = decode(env, answer)?;
        let echoes = [
            ("KeyOperation", self.operation().to_byte(), message.operation.to_byte()),
            ("Tag", self.tag, message.tag),
        ];
        for (field, sent, got) in echoes {
            if sent != got {
                let expected = Expected::Exactly(sent.into());
                let error = errors.value(&At(MESSAGE, field), &expected, got);
                env.reject(answer.request, answer.response, error);
                return Err(error);
            }
        }
        env.accept(answer, None)?;
        if self.stage == UpdateStage::Verify {
            return Ok(Next::Done);
        }
        let session = env.connection.via().ok_or_else(|| errors.unfinished())?;
        let slot = env.sessions.as_deref_mut().and_then(|sessions| sessions.slot(session));
        let keys = slot.and_then(|slot| slot.established());
        let keys = keys.ok_or_else(|| errors.stop(SessionFault::Over))?;
        keys.update_request().map_err(|error| errors.stop(SessionFault::from(error)))?;
        self.stage = UpdateStage::Verify;
        env.log_updated_request(session)?;
        Ok(Next::Again)
    }

    /// The device uses the new keys: nothing but their confirmation is an end.
    fn ends_session(&self) -> bool {
        self.stage == UpdateStage::Verify
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<(), &'f Error> {
        Ok(())
    }
}
