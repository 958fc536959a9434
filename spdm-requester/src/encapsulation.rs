//! Encapsulated requests (DSP0274 1.1 §Encapsulated request): the device asks, the requester answers. A flow of them stands
//! between two requests of an operation, or is all that an operation does.
//!
//! The answers are made here and not by spdm-responder's handlers: the transcript of the requester's own CHALLENGE_AUTH is
//! another one in 1.1, KEY_UPDATE acts on the requester's sessions, and the two sides share no check.

mod judge;
mod reply;

use spdm_codec::{
    AckPayload, Code, ConnectionKeys, EncapsulatedRequest, EncapsulatedResponseAck, ErrorCode,
    Expected, GetEncapsulatedRequest, HEADER_LEN, InnerMessage, KeySlot, Message, SlotId,
    SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::answer::Answer;
use crate::core::Core;
use crate::env::Env;
use crate::error::{Bound, Error, Incompatible};
use crate::error_cell::{At, ErrorCell};
use crate::local_identity::{AuthenticationFault, LocalIdentity};
use crate::operation::Next;
use crate::operation::receive_events::EventReceiver;
use crate::operation::sealed::Operation;
use crate::session::SessionHandle;
use reply::Reply;

/// Encapsulated requests of one flow that are answered whatever the chains are like.
const MOST_REQUESTS: usize = 64;
/// A portion that a device reads a chain in is this long at least, as a rule.
const LEAST_PORTION: usize = 64;

/// What a flow is for: it decides what the device may ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// Behind CHALLENGE_AUTH with BasicMutAuthReq: the only one in which CHALLENGE is answered. Anywhere else the device could
    /// have signed whatever it likes.
    Basic,
    /// Between KEY_EXCHANGE_RSP and FINISH.
    Session(SessionHandle),
    /// The requester asks whether the device wants something.
    Poll,
}

/// What the requester sends next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// GET_ENCAPSULATED_REQUEST.
    Ask,
    /// DELIVER_ENCAPSULATED_RESPONSE.
    Deliver { request_id: u8, reply: Reply },
}

/// Whether the device replaces its key in a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum KeyChange {
    None,
    /// UpdateKey was acknowledged; VerifyNewKey is due.
    Unverified,
}

/// A flow of encapsulated requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    purpose: Purpose,
    /// What the operation does behind it.
    then: Next,
    turn: Turn,
    requests: u16,
    refused: u16,
    key_change: KeyChange,
    session: SessionFate,
    /// Whose key has answered CHALLENGE.
    challenged: Option<KeySlot>,
}

/// Whether encapsulated requests are answered now.
#[derive(Debug)]
pub(crate) enum Encapsulation {
    None,
    Running(Running),
}

/// How a flow ended.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Operation`")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Which slot of ours the device has chosen.
    pub(crate) slot: Option<SlotId>,
    /// Encapsulated requests, and how many of them were answered with ERROR.
    pub(crate) requests: u16,
    pub(crate) refused: u16,
    pub(crate) session: SessionFate,
}

/// Whether the session in which a device was asked what it wants goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it goes on or it does not")]
pub enum SessionFate {
    /// It does, or there is none.
    #[default]
    GoesOn,
    /// The device has ended it with END_SESSION (1.4): its keys are erased.
    Ended,
}

/// What follows an ENCAPSULATED_RESPONSE_ACK.
enum Progress {
    More,
    Over(Outcome),
}

/// What the requester's signatures are made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    pub(crate) version: SpdmVersion,
    pub(crate) asym: AsymAlgorithm,
    pub(crate) hash: HashAlgorithm,
    /// Whether the Requester has several keys.
    pub(crate) keys: ConnectionKeys,
}

impl<'x, 'f> Env<'x, 'f> {
    /// What was agreed on for signatures of the requester.
    pub(crate) fn suite(&self) -> Result<Suite, &'f Error> {
        let errors = self.errors;
        let agreed = self.agreed()?;
        let hash = agreed.hash().map_err(|error| errors.incompatible(error))?;
        let asym = agreed.requester_asym().map_err(|error| errors.incompatible(error))?;
        Ok(Suite { version: agreed.version, asym, hash, keys: agreed.requester_keys() })
    }

    /// Who the requester is.
    pub(crate) fn identity(&self) -> Result<&'x LocalIdentity<'x>, &'f Error> {
        let missing = AuthenticationFault::NoIdentity;
        self.identity.ok_or_else(|| self.errors.stop(missing))
    }

    /// CHALLENGE_AUTH asks for basic mutual authentication.
    pub(crate) fn begin_basic(&mut self) -> Result<(), &'f Error> {
        if !self.agreed()?.encapsulates() {
            let at = &At("CHALLENGE_AUTH", "BasicMutAuthReq");
            return Err(self.errors.unexpected(at));
        }
        let suite = self.suite()?;
        self.connection.begin_mutual(self.errors, self.hashes, suite.hash)?;
        self.begin(Running::new(Purpose::Basic, Turn::Ask))
    }

    /// KEY_EXCHANGE_RSP asks for mutual authentication with encapsulated requests.
    pub(crate) fn begin_in_handshake(&mut self, session: SessionHandle) -> Result<(), &'f Error> {
        self.begin(Running::new(Purpose::Session(session), Turn::Ask))
    }

    /// The same, with GET_DIGESTS as asked.
    pub(crate) fn begin_with_digests(&mut self, session: SessionHandle) -> Result<(), &'f Error> {
        let turn = Turn::Deliver { request_id: 0, reply: Reply::Digests };
        self.begin(Running { requests: 1, ..Running::new(Purpose::Session(session), turn) })
    }

    fn begin(&mut self, flow: Running) -> Result<(), &'f Error> {
        self.identity()?;
        *self.encapsulation = Encapsulation::Running(flow);
        Ok(())
    }

    /// The answer is one to the operation, or to a flow of encapsulated requests that stands in between.
    pub(crate) fn answered_by<O: Operation>(
        &mut self,
        operation: &mut O,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let Encapsulation::Running(mut flow) = *self.encapsulation else {
            let next = operation.answered(self, answer)?;
            let Encapsulation::Running(begun) = self.encapsulation else { return Ok(next) };
            begun.then = next;
            return Ok(Next::Again);
        };
        match flow.take(self, operation.event_receiver(), answer)? {
            Progress::More => {
                *self.encapsulation = Encapsulation::Running(flow);
                Ok(Next::Again)
            }
            Progress::Over(outcome) => {
                if flow.session == SessionFate::Ended
                    && let Some((session, sessions)) =
                        self.connection.via().zip(self.sessions.as_deref_mut())
                {
                    sessions.end(session);
                }
                if let Some(slot) = flow.challenged {
                    self.connection.authenticated_as = Some(slot);
                }
                Ok(self.end(operation, flow.then, &outcome))
            }
        }
    }

    fn end<O: Operation>(&mut self, operation: &mut O, then: Next, outcome: &Outcome) -> Next {
        *self.encapsulation = Encapsulation::None;
        operation.encapsulated(outcome);
        then
    }

    /// The device refused a request of the operation, or one of a flow in between. That it has nothing to ask is no failure,
    /// and what it makes of a mutual authentication that it broke off itself shows its answer to FINISH.
    pub(crate) fn refused_by<O: Operation>(
        &mut self,
        operation: &mut O,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        let Encapsulation::Running(flow) = *self.encapsulation else {
            return operation.refused(self, error);
        };
        let Error::Refused(refusal) = error else { return Ok(None) };
        let nothing =
            matches!(refusal.code, ErrorCode::NO_PENDING_REQUESTS | ErrorCode::UNEXPECTED_REQUEST);
        let goes_on = match flow.purpose {
            Purpose::Basic => false,
            Purpose::Session(_) => error.leaves_session(),
            Purpose::Poll => nothing && matches!(flow.turn, Turn::Ask),
        };
        Ok(goes_on.then(|| self.end(operation, flow.then, &flow.outcome(None))))
    }
}

impl Core<'_> {
    /// The next request of a flow of encapsulated requests, or one of the operation that it has to sign.
    pub(crate) fn encapsulated<'f, O: Operation>(
        &mut self,
        errors: &'f ErrorCell,
        operation: &mut O,
    ) -> Result<Option<usize>, &'f Error> {
        let most = self.most_to_send();
        let (mut env, out) = self.compose(errors);
        let Encapsulation::Running(flow) = *env.encapsulation else {
            return operation.signed_request(&mut env, out);
        };
        let out = out.get_mut(..most).unwrap_or_default();
        flow.request(&mut env, out).map(Some)
    }

    /// The next operation asks the device what it wants.
    pub(crate) const fn poll(&mut self) {
        self.encapsulation = Encapsulation::Running(Running::new(Purpose::Poll, Turn::Ask));
    }
}

impl Running {
    const fn new(purpose: Purpose, turn: Turn) -> Self {
        Self {
            purpose,
            then: Next::Done,
            turn,
            requests: 0,
            refused: 0,
            key_change: KeyChange::None,
            session: SessionFate::GoesOn,
            challenged: None,
        }
    }

    const fn outcome(&self, slot: Option<SlotId>) -> Outcome {
        let Self { requests, refused, session, .. } = *self;
        Outcome { slot, requests, refused, session }
    }

    fn request<'f>(&self, env: &mut Env<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let errors = env.errors;
        let agreed = *env.agreed()?;
        match &self.turn {
            Turn::Ask => {
                if !agreed.encapsulates() {
                    return Err(errors.incompatible(Incompatible::Capability("ENCAP_CAP")));
                }
                let len = GetEncapsulatedRequest.encode(agreed.version, out);
                len.map_err(|error| errors.stop(error))
            }
            Turn::Deliver { request_id, reply } => {
                let (head, inner) = out.split_at_mut_checked(HEADER_LEN).unwrap_or_default();
                let deliver = spdm_codec::DeliverEncapsulatedResponse {
                    request_id: *request_id,
                    response: InnerMessage::new(&[]),
                };
                let len =
                    deliver.encode(agreed.version, head).map_err(|error| errors.stop(error))?;
                Ok(len.saturating_add(reply.encode(env, self, inner)?))
            }
        }
    }

    /// Takes ENCAPSULATED_REQUEST or ENCAPSULATED_RESPONSE_ACK.
    fn take<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        events: Option<&mut dyn EventReceiver>,
        answer: &Answer<'_, '_>,
    ) -> Result<Progress, &'f Error> {
        let checked = self.check(env, answer);
        let (request_id, payload) =
            checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        match payload {
            AckPayload::Request(inner) => {
                let reply = self.judge(env, events, &inner)?;
                self.count(env, &reply)?;
                self.turn = Turn::Deliver { request_id, reply };
                Ok(Progress::More)
            }
            AckPayload::Absent => Ok(Progress::Over(self.outcome(None))),
            AckPayload::ReqSlotNumber(slot) => Ok(Progress::Over(self.outcome(SlotId::new(slot)))),
        }
    }

    /// What comes next, by the answer to what was sent last.
    fn check<'f, 'r>(
        &self,
        env: &Env<'_, 'f>,
        answer: &Answer<'_, 'r>,
    ) -> Result<(u8, AckPayload<'r>), &'f Error> {
        const MESSAGE: &str = "ENCAPSULATED_RESPONSE_ACK";
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let Turn::Deliver { request_id, .. } = self.turn else {
            let message = errors.decode::<EncapsulatedRequest<'_>>(answer.response, &cx)?.message;
            return Ok((message.request_id, AckPayload::Request(message.request)));
        };
        let message = errors.decode::<EncapsulatedResponseAck<'_>>(answer.response, &cx)?.message;
        if let Some(acknowledged) = message.ack_request_id
            && acknowledged != request_id
        {
            let expected = Expected::Exactly(request_id.into());
            return Err(errors.value(&At(MESSAGE, "AckRequestID"), &expected, acknowledged));
        }
        if let AckPayload::ReqSlotNumber(slot) = message.payload
            && SlotId::new(slot).is_none()
        {
            return Err(errors.value(&At(MESSAGE, "ReqSlotNumber"), &Expected::AtMost(7), slot));
        }
        let over = !matches!(message.payload, AckPayload::Request(_));
        if over && self.key_change == KeyChange::Unverified {
            // The device took its new key and never used it for what it is to be used for first.
            let expected = &Expected::Rule("1, for KEY_UPDATE with VerifyNewKey is due");
            return Err(errors.value(&At(MESSAGE, "PayloadType"), expected, answer.header.param2));
        }
        Ok((message.request_id, message.payload))
    }

    /// A device that asks for ever comes to an end.
    fn count<'f>(&mut self, env: &Env<'_, 'f>, reply: &Reply) -> Result<(), &'f Error> {
        let longest = env.identity.map_or(0, LocalIdentity::longest_chain);
        let most = MOST_REQUESTS.saturating_add(longest / LEAST_PORTION);
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        self.requests = self.requests.saturating_add(1);
        if matches!(reply, Reply::Error { .. }) {
            self.refused = self.refused.saturating_add(1);
        }
        if self.requests > most {
            return Err(env.errors.stop(Error::Bound(Bound::EncapsulatedRequests(most))));
        }
        Ok(())
    }
}

/// Which encapsulated requests a flow answers (DSP0274 §Encapsulated request).
const fn is_allowed(purpose: Purpose, code: Code, version: SpdmVersion) -> bool {
    match code {
        Code::GET_DIGESTS | Code::GET_CERTIFICATE => true,
        Code::CHALLENGE => matches!(purpose, Purpose::Basic),
        Code::KEY_UPDATE
        | Code::GET_ENDPOINT_INFO
        | Code::SEND_EVENT
        | Code::GET_SUPPORTED_EVENT_TYPES
        | Code::SUBSCRIBE_EVENT_TYPES => matches!(purpose, Purpose::Poll),
        Code::END_SESSION => {
            matches!((purpose, version), (Purpose::Poll, SpdmVersion::V1_4))
        }
        _ => false,
    }
}
