//! What the host, the Requester of a recording, proves of itself in mutual authentication, apart from what the device proves:
//! its answers to encapsulated requests, and the signatures of FINISH, CHALLENGE_AUTH and ENDPOINT_INFO with its key
//! (DSP0274 §Mutual authentication).
//!
//! Its chain comes from the recording and is not appraised: who the host is nobody says, and nothing here verifies a device.

mod answers;
mod chains;
mod encapsulated_flow;
mod findings;
mod finish;
mod shown;
mod signer;

use std::collections::BTreeMap;

use spdm_codec::{BasicMutAuth, Code, Cx, KeyExchangeRsp, KeySlot, MutAuthRequested, SlotId};
use spdm_requester::{AttestationCheck, Crypto, Negotiated};

use crate::recording::RecordedExchange;
use answers::Answered;
use chains::HostChains;
use encapsulated_flow::{EncapsulatedFlow, Step};
pub(crate) use findings::HostFindings;
pub(crate) use finish::HostTranscript;
pub(crate) use signer::finish_cx;
use signer::host_cx;

/// Host keys that are not in a recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostIdentity<'j> {
    /// The certificate chain structure of a slot that no encapsulated GET_CERTIFICATE read.
    pub(crate) chain: Option<&'j [u8]>,
    /// The raw public key, for slot 0xFF.
    pub(crate) key: Option<&'j [u8]>,
}

/// Where a flow of encapsulated requests travels: each place has its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// In the clear.
    Plain,
    /// In the session with this ID.
    Session(u32),
}

/// What the judge needs of the connection.
#[derive(Clone, Copy)]
pub(crate) struct Agreed<'x> {
    pub(crate) negotiated: &'x Negotiated,
    /// A: GET_VERSION to ALGORITHMS.
    pub(crate) vca: &'x [u8],
    /// Bytes that the transport may append to a message.
    pub(crate) padding: usize,
}

impl Agreed<'_> {
    /// To decode the inner messages with: the sides have changed places.
    fn inner_cx(&self) -> Cx {
        host_cx(self.negotiated, self.padding)
    }
}

/// The first encapsulated exchange of a session, which may be D of the host.
#[derive(Debug, Eq, PartialEq)]
enum FirstExchange {
    Awaited,
    /// It was GET_DIGESTS: the answer.
    Digests(Vec<u8>),
    Other,
}

/// A session whose handshake is not over.
#[derive(Debug)]
struct HandshakingSession {
    /// The place of its transcript in the bank.
    place: usize,
    mut_auth: MutAuthRequested,
    /// `SlotIDParam`, or what the final acknowledgement says.
    slot: KeySlot,
    first: FirstExchange,
}

/// What the host of a recording proves.
#[derive(Debug, Default)]
pub(crate) struct HostJudge<'j> {
    identity: HostIdentity<'j>,
    chains: HostChains,
    plain: EncapsulatedFlow,
    inside: BTreeMap<u32, EncapsulatedFlow>,
    sessions: BTreeMap<u32, HandshakingSession>,
    /// The session of the latest KEY_EXCHANGE: where its handshake is in the clear, its flow and its FINISH name none.
    latest: Option<u32>,
    /// What the last CHALLENGE_AUTH of the device asked for.
    basic: BasicMutAuth,
    found: HostFindings,
}

impl<'j> HostJudge<'j> {
    pub(crate) fn new(identity: HostIdentity<'j>) -> Self {
        Self { identity, ..Self::default() }
    }

    /// What was found so far.
    pub(crate) const fn found(&self) -> &HostFindings {
        &self.found
    }

    /// The device answered CHALLENGE.
    pub(crate) const fn challenged(&mut self, basic: BasicMutAuth) {
        self.basic = basic;
    }

    /// KEY_EXCHANGE_RSP began a session, whose transcript is in this place of the bank.
    pub(crate) fn begin(&mut self, id: u32, place: usize, message: &KeyExchangeRsp<'_>) {
        self.forget(id);
        self.sessions.retain(|_, session| session.place != place);
        let (mut_auth, first) = (message.mut_auth, FirstExchange::Awaited);
        let slot = match mut_auth {
            MutAuthRequested::WithoutEncapsulation => message.req_slot,
            _ => KeySlot::Slot(SlotId::ZERO),
        };
        self.sessions.insert(id, HandshakingSession { place, mut_auth, slot, first });
        self.latest = Some(id);
    }

    /// A session begins of which nothing is known: one before with its ID is over, and it is the latest.
    pub(crate) fn unknown(&mut self, id: u32) {
        self.forget(id);
        self.latest = Some(id);
    }

    /// A session with this ID is over.
    pub(crate) fn forget(&mut self, id: u32) {
        self.sessions.remove(&id);
        self.inside.remove(&id);
    }

    /// An exchange of the encapsulated request flow, or of anything else.
    pub(crate) fn exchange(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        place: Place,
        exchange: &RecordedExchange,
    ) {
        let code = exchange.request.get(1).copied().map(Code);
        let flow = match place {
            Place::Plain => &mut self.plain,
            Place::Session(id) => self.inside.entry(id).or_default(),
        };
        let (Some(code), Some(response)) = (code, &exchange.response) else { return };
        let cx = Cx::new(agreed.negotiated.version).with_padding(agreed.padding);
        let session = match place {
            Place::Plain => self.latest,
            Place::Session(id) => Some(id),
        };
        let session = session.filter(|id| self.sessions.contains_key(id));
        let step = match code {
            Code::GET_ENCAPSULATED_REQUEST => flow.start(&exchange.request, response, &cx),
            Code::DELIVER_ENCAPSULATED_RESPONSE => {
                let of_session = session.and_then(|id| self.sessions.get(&id));
                let implied = of_session.is_some_and(|session| {
                    session.mut_auth == MutAuthRequested::WithGetDigests
                        && session.first == FirstExchange::Awaited
                });
                flow.deliver(&exchange.request, response, &cx, implied)
            }
            _ => return,
        };
        match step {
            Err(why) => self.found.fail(AttestationCheck::HostFlow, why),
            Ok(Step::Asked | Step::Refused) => {}
            Ok(Step::Answered { answered, ends_with }) => {
                self.answered(crypto, agreed, place, session, &answered);
                if let (Some(slot), Some(id)) = (ends_with, session)
                    && let Some(session) = self.sessions.get_mut(&id)
                    && session.mut_auth != MutAuthRequested::WithoutEncapsulation
                {
                    session.slot = KeySlot::Slot(slot);
                }
            }
        }
    }

    /// An encapsulated request was answered, and the device acknowledged it.
    fn answered(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        place: Place,
        session: Option<u32>,
        answered: &Answered,
    ) {
        let may_challenge = place == Place::Plain
            && session.is_none_or(|id| self.latest == Some(id))
            && self.basic == BasicMutAuth::Requested;
        let judged = self.judge_answer(crypto, agreed, place, answered, may_challenge);
        self.found.answers += 1;
        let digests = match judged {
            Ok(digests) => digests,
            Err((check, why)) => return self.found.fail(check, why),
        };
        if let Some(session) = session.and_then(|id| self.sessions.get_mut(&id))
            && session.first == FirstExchange::Awaited
        {
            session.first = digests.map_or(FirstExchange::Other, FirstExchange::Digests);
        }
    }
}
