//! GET_ENCAPSULATED_REQUEST and DELIVER_ENCAPSULATED_RESPONSE (DSP0274 1.1 §Encapsulated requests).

use spdm_codec::{
    AckPayload, CapabilityFlags, Code, Cx, Decoded, DeliverEncapsulatedResponse,
    EncapsulatedRequest, EncapsulatedResponseAck, EndSessionAck, ErrorCode, GetEncapsulatedRequest,
    HEADER_LEN, Header, InnerMessage, KeyOperation, KeyUpdate, Message, SlotId, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::flow::{Flow, Purpose, Step};
use crate::mutual::{Proof, Requester, encapsulates};
#[cfg(feature = "events")]
use crate::own_event;
use crate::refusal::Refusal;
use crate::requester_authentication::{OwnRequest, RequestOutcome};
use crate::requester_chain::Rest;
use crate::scope::Scope;
use crate::session::{After, Session, SessionSlot};
use crate::turn::{Turn, decode_padded};
use crate::{requester_chain, requester_challenge, requester_key_update};

/// The longest request but SEND_EVENT that is made: CHALLENGE.
pub(crate) const MAX_REQUEST: usize = 64;

impl Refusal {
    /// What is wrong is an answer, where this device has not failed itself.
    fn of_response(self) -> Self {
        if self == Self::unspecified() { self } else { Self::new(ErrorCode::INVALID_RESPONSE_CODE) }
    }
}

impl Turn<'_> {
    /// An answer of the Requester. What a transport has appended lies behind it.
    pub(crate) fn decode_inner<'m, M: Message<'m>>(
        &self,
        response: &'m [u8],
        cx: Cx,
    ) -> Result<Decoded<'m, M>, Refusal> {
        decode_padded(self.padding(), response, cx)
    }
}

/// What an accepted answer leads to.
pub(crate) enum Next {
    /// The flow goes on with its next request.
    Ask(Flow),
    /// The flow is over; with a session the slot that signs FINISH.
    Over(Option<SlotId>),
}

/// Whose flow a message is about. While the handshake of a session is in the clear, its messages travel outside of it.
pub(crate) fn owner(turn: &Turn<'_>) -> Scope {
    let clear = turn.clear_handshake.filter(|_| turn.scope == Scope::Plain);
    let asks = |index: &usize| {
        let session = turn.sessions.get(*index).and_then(|slot| slot.0.as_ref());
        session.is_some_and(|session| session.requester.flow.is_some())
    };
    clear.filter(asks).map_or(turn.scope, Scope::Session)
}

/// The flow of a context.
pub(crate) fn flow<'s>(
    turn: &'s Turn<'_>,
    of_connection: &'s Requester,
    owner: Scope,
) -> Option<&'s Flow> {
    match owner {
        Scope::Plain => of_connection.flow.as_ref(),
        Scope::Session(index) => {
            let session = turn.sessions.get(index)?.0.as_ref()?;
            session.requester.flow.as_ref()
        }
    }
}

pub(crate) fn requester<'s>(
    turn: &'s mut Turn<'_>,
    agreement: &'s mut Agreement,
    owner: Scope,
) -> Result<&'s mut Requester, Refusal> {
    match owner {
        Scope::Plain => Ok(&mut agreement.requester),
        Scope::Session(index) => Ok(&mut session(turn, index)?.requester),
    }
}

/// What both requests demand.
fn admit(turn: &Turn<'_>, agreement: &Agreement, code: Code) -> Result<Scope, Refusal> {
    if !encapsulates(&agreement.peer) {
        return Err(Refusal::unsupported(code));
    }
    if let Scope::Session(index) = turn.scope
        && let Some(slot) = turn.sessions.get(index)
        && slot.0.as_ref().is_some_and(Session::is_clear_handshake)
    {
        return Err(Refusal::session_required(agreement.peer.version));
    }
    Ok(owner(turn))
}

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let owner = admit(turn, agreement, Code::GET_ENCAPSULATED_REQUEST)?;
    turn.decode_with::<GetEncapsulatedRequest>(agreement.cx())?;
    let begun = match flow(turn, &agreement.requester, owner).copied() {
        Some(flow) => flow,
        None => Flow::announced(Purpose::Own(own_request(turn, agreement, owner)?)),
    };
    // A Requester that did not get the answer is asked the same again.
    let flow = match begun.step {
        Step::Announced => begun.goes_on(first(turn, agreement, begun.purpose)?)?,
        _ => begun,
    };
    let request_id = flow.request_id.unwrap_or_default();
    let request = InnerMessage::new(&[]);
    answer.encode(&EncapsulatedRequest { request_id, request }, version)?;
    let (_, room) = answer.parts();
    let mut request = Draft::new(room);
    let written = match &flow.step {
        #[cfg(feature = "events")]
        Step::SendEvent => own_event::write(turn, version, owner, &mut request),
        step => step.write(version, &mut request),
    };
    let len = request.len();
    answer.advance(len);
    if let Err(refusal) = written.and_then(|()| agreement.peer.check_size(answer.len())) {
        // What cannot be asked now, is not asked for ever.
        if let Purpose::Own(_) = flow.purpose {
            requester(turn, agreement, owner)?.flow = None;
            ended(turn, owner, &flow, RequestOutcome::Failed);
        }
        return Err(refusal);
    }
    turn.compose(agreement.cx(), answer);
    requester(turn, agreement, owner)?.flow = Some(flow);
    Ok(())
}

/// The first request of a flow.
fn first(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    purpose: Purpose,
) -> Result<Step, Refusal> {
    match purpose {
        Purpose::Session => Ok(Step::GetDigests),
        Purpose::Challenge
            if agreement.peer.requester.contains(CapabilityFlags::PUB_KEY_ID_CAP) =>
        {
            requester_challenge::of_provisioned_key(turn, agreement)
        }
        Purpose::Challenge => Ok(Step::GetDigests),
        Purpose::Own(OwnRequest::UpdateKey) => {
            let mut tag = [0];
            turn.device.random(&mut tag)?;
            let [tag] = tag;
            Ok(Step::update_key(tag))
        }
        Purpose::Own(OwnRequest::EndSession) => Ok(Step::EndSession),
        #[cfg(feature = "events")]
        Purpose::Own(OwnRequest::SendEvent) => Ok(Step::SendEvent),
    }
}

/// What the device wants to ask on its own and may ask here.
fn own_request(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    owner: Scope,
) -> Result<OwnRequest, Refusal> {
    let nothing = match agreement.peer.version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => Refusal::unexpected(),
        SpdmVersion::V1_3 | SpdmVersion::V1_4 => Refusal::new(ErrorCode::NO_PENDING_REQUESTS),
    };
    let session_id = session_id(turn, owner);
    let asks = turn.device.own_requests().ok_or(nothing)?;
    let request = asks.next(session_id).ok_or(nothing)?;
    let allowed = match (request, owner) {
        (OwnRequest::UpdateKey, Scope::Session(index)) => {
            let both = agreement.peer.both();
            let slot = turn.sessions.get(index).and_then(|slot| slot.0.as_ref());
            let ready = slot.is_some_and(|s| s.is_established() && s.update.is_none());
            both.contains(CapabilityFlags::KEY_UPD_CAP) && ready
        }
        (OwnRequest::EndSession, Scope::Session(index)) => {
            agreement.peer.version >= SpdmVersion::V1_4 && turn.is_established(index)
        }
        #[cfg(feature = "events")]
        (OwnRequest::SendEvent, Scope::Session(index)) => own_event::is_due(turn, index),
        (_, Scope::Plain) => false,
    };
    if allowed { Ok(request) } else { Err(nothing) }
}

fn session_id(turn: &Turn<'_>, owner: Scope) -> Option<u32> {
    match owner {
        Scope::Plain => None,
        Scope::Session(index) => turn.sessions.get(index).and_then(SessionSlot::session_id),
    }
}

pub(crate) fn deliver(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let version = agreement.peer.version;
    let owner = admit(turn, agreement, Code::DELIVER_ENCAPSULATED_RESPONSE)?;
    let asked = flow(turn, &agreement.requester, owner).copied().ok_or_else(Refusal::unexpected)?;
    let asked_id = asked.request_id.ok_or_else(Refusal::unexpected)?;
    let delivered = turn.decode_with::<DeliverEncapsulatedResponse<'_>>(agreement.cx())?;
    let response = delivered.bytes.get(HEADER_LEN..).unwrap_or_default();
    let header = Header::peek(Untrusted::new(response))?;
    if delivered.message.request_id != asked_id {
        return Err(Refusal::invalid());
    }
    // Unless the answer is accepted, the flow is over.
    requester(turn, agreement, owner)?.flow = None;
    let next = match header.code {
        Code::ERROR => {
            give_up(turn, agreement, owner, &asked)?;
            Next::Over(None)
        }
        _ => match accept(turn, agreement, owner, &asked, response) {
            Ok(next) => next,
            Err(refusal) => {
                give_up(turn, agreement, owner, &asked)?;
                return Err(refusal.of_response());
            }
        },
    };
    let mut room = [0; MAX_REQUEST];
    let mut request = Draft::new(&mut room);
    let (request_id, payload) = match next {
        Next::Ask(flow) => {
            flow.step.write(version, &mut request)?;
            requester(turn, agreement, owner)?.flow = Some(flow);
            let request = InnerMessage::new(request.as_bytes());
            (flow.request_id.unwrap_or_default(), AckPayload::Request(request))
        }
        // Nothing is said of slot 0.
        Next::Over(None | Some(SlotId::ZERO)) => (0, AckPayload::Absent),
        Next::Over(Some(slot)) => (0, AckPayload::ReqSlotNumber(slot.get())),
    };
    let ack_request_id = (version >= SpdmVersion::V1_2).then_some(asked_id);
    answer.encode(&EncapsulatedResponseAck { request_id, ack_request_id, payload }, version)?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// Takes the answer to what was asked.
fn accept(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    owner: Scope,
    asked: &Flow,
    response: &[u8],
) -> Result<Next, Refusal> {
    let step = match &asked.step {
        Step::Announced => return Err(Refusal::unexpected()),
        Step::GetDigests => {
            let reading = requester_chain::digests(turn, agreement, owner, asked, response)?;
            Some(Step::GetCertificate(reading))
        }
        Step::GetCertificate(reading) => {
            let reading = requester_chain::portion(turn, agreement, asked, reading, response)?;
            match (reading.rest(), asked.purpose) {
                (Rest::More, _) => Some(Step::GetCertificate(reading)),
                (Rest::Nothing, Purpose::Challenge) => {
                    let key = requester_chain::judge(turn, agreement, &reading)?;
                    Some(requester_challenge::of_chain(turn, key, &reading)?)
                }
                (Rest::Nothing, _) => {
                    let key = requester_chain::judge(turn, agreement, &reading)?;
                    requester_chain::enter(turn, owner, &reading)?;
                    requester(turn, agreement, owner)?.proof = Proof::Due(key);
                    return Ok(Next::Over(Some(reading.slot)));
                }
            }
        }
        Step::Challenge(challenge) => {
            requester_challenge::accept(turn, agreement, asked, challenge, response)?;
            agreement.requester.proof = Proof::Given(challenge.key.slot);
            None
        }
        Step::KeyUpdate(request) => {
            requester_key_update::accept(turn, agreement, owner, *request, response)?
        }
        Step::EndSession => {
            turn.decode_inner::<EndSessionAck>(response, agreement.cx())?;
            let Scope::Session(index) = owner else { return Err(Refusal::unexpected()) };
            // The last acknowledgement leaves under its keys.
            session(turn, index)?.after = After::End;
            None
        }
        #[cfg(feature = "events")]
        Step::SendEvent => {
            own_event::accept(turn, agreement, owner, response)?;
            None
        }
    };
    match step {
        Some(step) => Ok(Next::Ask(asked.goes_on(step)?)),
        None => {
            ended(turn, owner, asked, RequestOutcome::Answered);
            Ok(Next::Over(None))
        }
    }
}

/// The flow came to nothing: what it was to prove is not proven.
fn give_up(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    owner: Scope,
    asked: &Flow,
) -> Result<(), Refusal> {
    ended(turn, owner, asked, RequestOutcome::Failed);
    let verifies = matches!(
        asked.step,
        Step::KeyUpdate(KeyUpdate { operation: KeyOperation::VerifyNewKey, .. })
    );
    // The Requester has the new key already, and does not confirm it: both sides are apart.
    if let (true, Scope::Session(index)) = (verifies, owner) {
        session(turn, index)?.after = After::End;
    }
    let requester = requester(turn, agreement, owner)?;
    if requester.proof == Proof::Awaited {
        requester.proof = Proof::Missed;
    }
    Ok(())
}

fn ended(turn: &mut Turn<'_>, owner: Scope, asked: &Flow, outcome: RequestOutcome) {
    let session_id = session_id(turn, owner);
    if let (Purpose::Own(request), Some(asks)) = (asked.purpose, turn.device.own_requests()) {
        asks.ended(session_id, request, outcome);
    }
}
