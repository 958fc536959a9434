//! PSK_EXCHANGE and PSK_FINISH.

use spdm_codec::{
    CapabilityFlags, Code, Expected, MeasCap, MeasurementSummary, OpaqueData, PskExchange,
    PskExchangeRsp, PskFinishRsp, PskRequesterContext,
};
use spdm_crypto::{Digest, Direction, PreSharedKey};

use super::session_handshake::{
    Agreement, OPAQUE_ROOM, Opened, Place, SecondMessage, SessionPlan, SessionTerms, establish,
    keep, offer, prepare, schedule, transcript_of,
};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::env::{Ask, Env, fill};
use crate::error::{Error, SessionFault};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;
use crate::summary::SummaryHash;

const MESSAGE: &str = "PSK_EXCHANGE_RSP";

/// PSK_EXCHANGE and PSK_FINISH: see [`Requester::open_psk_session`].
#[derive(Debug)]
pub struct OpenPskSession<'k> {
    hint: &'k [u8],
    psk: &'k dyn PreSharedKey,
    plan: SessionPlan,
    place: Option<Place>,
    finish: Option<SecondMessage>,
    /// All of the output but the export secret.
    agreed: Option<(Agreement, Option<SummaryHash>)>,
    opened: Option<(Opened, Option<SummaryHash>)>,
}

impl<'a> Requester<'a, Negotiated> {
    /// PSK_EXCHANGE and, where the device has a context of its own, PSK_FINISH: a session with who holds the pre-shared key
    /// that `hint` names. That is no proof of an identity, and never makes a [`Verified`](crate::Verified) device. With
    /// the session comes the hash of the measurements, where the plan asks for it.
    ///
    /// A device without a context (`PSK_CAP` 1) adds nothing random: an old session can be played back to us.
    #[must_use]
    pub fn open_psk_session<'k>(
        self,
        plan: SessionPlan,
        hint: &'k [u8],
        psk: &'k dyn PreSharedKey,
    ) -> Flow<'a, OpenPskSession<'k>> {
        let operation = OpenPskSession {
            hint,
            psk,
            plan,
            place: None,
            finish: None,
            agreed: None,
            opened: None,
        };
        Flow::new(self.core, operation)
    }
}

impl OpenPskSession<'_> {
    fn psk_exchange<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let errors = ask.errors;
        if ask.agreed()?.psk_context().is_none() {
            let what = crate::error::Incompatible::Capability("PSK_CAP");
            return Err(errors.incompatible(what));
        }
        let (agreed, place) = prepare(ask, CapabilityFlags::empty(), "PSK_CAP")?;
        let mut context = [0; Digest::MAX];
        let context = context.get_mut(..agreed.hash_len()).unwrap_or_default();
        fill(ask.provider, errors, context)?;
        let mut opaque = [0; OPAQUE_ROOM];
        let opaque_len = offer(errors, agreed, self.plan.secured_versions, &mut opaque)?;
        let measures = agreed.responder.flags.meas_cap() != MeasCap::None;
        let request = PskExchange {
            summary: if measures { self.plan.summary } else { MeasurementSummary::None },
            session_policy: agreed.session_policy(self.plan.policy),
            req_session_id: place.session.req_session_id(),
            psk_hint: self.hint,
            context: PskRequesterContext(context),
            opaque: OpaqueData::from_bytes(opaque.get(..opaque_len).unwrap_or_default()),
        };
        self.place = Some(place);
        ask.encode(&request, agreed.version, out)
    }

    fn exchanged<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let place = self.place.ok_or_else(|| errors.unfinished())?;
        let session = place.session;
        let agreed = *env.agreed()?;
        let th = transcript_of(session);
        let mut handshake = None;
        env.accept_by(answer, |connection, errors, crypto| {
            let keyed = connection.accept_psk_exchange(errors, crypto, answer, session.index())?;
            let secrets = schedule(errors, crypto.provider, &agreed)?
                .from_psk(self.psk, &keyed.th1)
                .map_err(|error| errors.stop(SessionFault::from(error)))?;
            let verify_data = keyed.message.verify_data;
            secrets
                .check_verify_data(Direction::Response, &keyed.th1, verify_data)
                .map_err(|_| errors.stop(SessionFault::VerifyData { message: MESSAGE }))?;
            let hashes = &mut *crypto.hashes;
            hashes.update(th, verify_data).map_err(|error| errors.stop(error))?;
            let finish = match agreed.psk_context() {
                Some(PskContext::Both) => {
                    let code = Code::PSK_FINISH;
                    Some(SecondMessage::new(errors, agreed.version, code, &secrets, hashes, th)?)
                }
                _ => None,
            };
            let accepted = Accepted::Other(answer.header);
            handshake = Some((keyed, secrets, finish));
            Ok(accepted)
        })?;
        let Some((keyed, secrets, finish)) = handshake else { return Err(errors.unfinished()) };
        env.log_handshake(keyed.session_id, None, &secrets)?;
        let terms = SessionTerms {
            session_id: keyed.session_id,
            heartbeat_period: keyed.message.heartbeat_period,
            secured_version: keyed.secured_version,
            aead_limit: keyed.aead_limit,
        };
        let agreement = keep(env, place, &keyed.th1, terms, secrets)?;
        self.agreed = Some((agreement, keyed.summary));
        match finish {
            Some(finish) => {
                self.finish = Some(finish);
                env.enter(agreement.session);
                Ok(Next::Again)
            }
            None => self.established(env),
        }
    }

    fn finished<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let Place { session, .. } = self.place.ok_or_else(|| errors.unfinished())?;
        let cx = env.agreed()?.session_cx(env.connection.answer_padding());
        let decoded = errors
            .decode::<PskFinishRsp<'_>>(answer.response, &cx)
            .inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        let th = transcript_of(session);
        env.hashes.update(th, decoded.bytes).map_err(|error| errors.stop(error))?;
        env.accept(answer, None)?;
        self.established(env)
    }

    fn established<'f>(&mut self, env: &mut Env<'_, 'f>) -> Result<Next, &'f Error> {
        let (agreement, summary) = self.agreed.ok_or_else(|| env.errors.unfinished())?;
        self.opened = Some((establish(env, &agreement)?, summary));
        Ok(Next::Done)
    }
}

/// Who adds something random to a session with a pre-shared key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PskContext {
    /// The Requester alone.
    Requester,
    /// Both sides.
    Both,
}

impl Negotiated {
    /// `None` where one side has no PSK_CAP.
    pub(crate) fn psk_context(&self) -> Option<PskContext> {
        match (self.requester.flags.psk_cap(), self.responder.flags.psk_cap()) {
            (0, _) | (_, 0) => None,
            (_, 1) => Some(PskContext::Requester),
            _ => Some(PskContext::Both),
        }
    }
}

/// `ResponderContext`: none where the device has none, else as long as a digest at least.
pub(crate) fn check_context<'f>(
    errors: &'f ErrorCell,
    agreed: &Negotiated,
    message: &PskExchangeRsp<'_>,
) -> Result<(), &'f Error> {
    let len = message.context.0.len();
    let expected = match agreed.psk_context() {
        Some(PskContext::Both) if len < agreed.hash_len() => {
            Expected::AtLeast(u64::try_from(agreed.hash_len()).unwrap_or(u64::MAX))
        }
        Some(PskContext::Both) => return Ok(()),
        _ if len == 0 => return Ok(()),
        _ => Expected::Exactly(0),
    };
    Err(errors.value(&At(MESSAGE, "ResponderContextLength"), &expected, len))
}

impl sealed::Operation for OpenPskSession<'_> {
    type Phase = Negotiated;
    type Output = (Opened, Option<SummaryHash>);

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        match &self.finish {
            None => self.psk_exchange(ask, out),
            Some(finish) => finish.encode(ask, ask.agreed()?.version, out),
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match self.finish {
            None => self.exchanged(env, answer),
            Some(_) => self.finished(env, answer),
        }
    }

    fn ends_session(&self) -> bool {
        self.finish.is_some()
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Self::Output, &'f Error> {
        self.opened.take().ok_or_else(|| errors.unfinished())
    }
}
