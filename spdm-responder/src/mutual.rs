//! Who the Requester is: what is asked of it, and what it has proven (DSP0274 1.1 §Mutual authentication).
//!
//! A flow of encapsulated requests belongs to one context, a session or the connection itself, and so does what it
//! proves. One chain of a Requester is in the device's room at a time: who reads the next takes it from who read the last.

use spdm_codec::{
    BaseAsymAlgo, BasicMutAuth, CapabilityFlags, Code, Cx, ErrorCode, Finish, KeySlot,
    MutAuthRequested, PqcAsymAlgo, SlotId, SpdmVersion,
};
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, SignedMessage, SigningContext};

use crate::agreement::{Agreement, Peer, Phase, Selection, Suite};
use crate::closing::session;
use crate::connection::Connection;
use crate::encapsulated::{flow, owner};
use crate::flow::{Flow, Purpose};
use crate::refusal::Refusal;
use crate::requester_authentication::{AuthenticationDemand, RequesterAuthentication};
use crate::session::{After, SessionSlot};
use crate::transcript::{self, MUTUAL};
use crate::turn::Turn;

/// What a connection or a session knows of its Requester, and what it asks it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requester {
    pub(crate) proof: Proof,
    pub(crate) flow: Option<Flow>,
}

/// How far a Requester has proven who it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Proof {
    #[default]
    NotRequested,
    /// The flow that tells whose key signs is not over.
    Awaited,
    /// FINISH has to carry the signature of this key.
    Due(RequesterKey),
    /// The flow ended without that.
    Missed,
    /// A signature of this slot's key was verified.
    Given(KeySlot),
}

impl Proof {
    const fn given(&self) -> Option<KeySlot> {
        match self {
            Self::Given(slot) => Some(*slot),
            _ => None,
        }
    }
}

/// Whose key signs, and who has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RequesterKey {
    pub(crate) slot: KeySlot,
    pub(crate) source: KeySource,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeySource {
    /// The device was told before.
    Provisioned,
    /// The chain in the device's room.
    Judged,
}

impl SessionSlot {
    /// The slot of the Requester whose signature the mutual authentication of this session has verified; `None` where
    /// it was not asked for, or is not over.
    #[must_use]
    pub fn authenticated_requester(&self) -> Option<KeySlot> {
        self.0.as_ref().and_then(|session| session.requester.proof.given())
    }
}

impl Connection {
    /// The slot of the Requester whose signature basic mutual authentication has verified on this connection.
    #[must_use]
    pub const fn authenticated_requester(&self) -> Option<KeySlot> {
        match &self.phase {
            Phase::Negotiated(agreement) => agreement.requester.proof.given(),
            _ => None,
        }
    }
}

impl Agreement {
    /// What the Requester's own messages can be decoded with.
    pub(crate) fn requester_cx(&self, suite: &Suite) -> Cx {
        self.cx()
            .with_signature_len(suite.asym.signature_len())
            .with_connection_keys(self.selection.requester_keys)
    }
}

impl Refusal {
    /// The Requester cannot authenticate itself, which this device demands. Before 1.3 there is no code for it.
    const fn invalid_policy(version: SpdmVersion) -> Self {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => Self::unspecified(),
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => Self::new(ErrorCode::INVALID_POLICY),
        }
    }
}

/// What KEY_EXCHANGE_RSP asks for.
pub(crate) struct SessionDemand {
    requested: MutAuthRequested,
    slot: KeySlot,
    /// What TH names the Requester with, where that is known already.
    identity: Digest,
}

impl SessionDemand {
    fn nothing() -> Self {
        let slot = KeySlot::Slot(SlotId::ZERO);
        Self { requested: MutAuthRequested::No, slot, identity: Digest::default() }
    }

    pub(crate) const fn requested(&self) -> MutAuthRequested {
        self.requested
    }

    /// `SlotIDParam`.
    pub(crate) const fn slot(&self) -> KeySlot {
        match self.requested {
            MutAuthRequested::WithoutEncapsulation => self.slot,
            _ => KeySlot::Slot(SlotId::ZERO),
        }
    }

    /// KEY_EXCHANGE_RSP is complete in TH: what its session has to prove from now on.
    pub(crate) fn enter(&self, turn: &mut Turn<'_>, th: usize) -> Result<Requester, Refusal> {
        let (proof, flow) = match self.requested {
            MutAuthRequested::No => (Proof::NotRequested, None),
            MutAuthRequested::WithoutEncapsulation => {
                turn.hashes.update(th, self.identity.as_bytes())?;
                let source = KeySource::Provisioned;
                (Proof::Due(RequesterKey { slot: self.slot, source }), None)
            }
            MutAuthRequested::WithEncapsulation => {
                (Proof::Awaited, Some(Flow::announced(Purpose::Session)))
            }
            MutAuthRequested::WithGetDigests => (Proof::Awaited, Some(Flow::implied())),
        };
        Ok(Requester { proof, flow })
    }
}

/// What a Requester is asked with the session that it begins.
pub(crate) fn in_session(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
) -> Result<SessionDemand, Refusal> {
    let nothing = SessionDemand::nothing();
    let Some(policy) = turn.device.requester_authentication() else { return Ok(nothing) };
    let (demand, requested) = (policy.in_session(), policy.session_flow());
    if demand == AuthenticationDemand::No || requested == MutAuthRequested::No {
        return Ok(nothing);
    }
    let slot = asked_slot(policy, &agreement.peer);
    let identity = requester_suite(turn, agreement).and_then(|suite| {
        let encapsulated = requested != MutAuthRequested::WithoutEncapsulation;
        match slot {
            // With encapsulated requests a Requester shows a chain.
            KeySlot::PublicKey if encapsulated => None,
            _ if encapsulated => encapsulates(&agreement.peer).then(Digest::default),
            _ => identity(turn, slot, &suite),
        }
    });
    match identity {
        Some(identity) => Ok(SessionDemand { requested, slot, identity }),
        None => impossible(demand, agreement.peer.version).map(|()| nothing),
    }
}

/// Whether CHALLENGE_AUTH asks for basic mutual authentication.
pub(crate) fn with_challenge(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
) -> Result<BasicMutAuth, Refusal> {
    let Some(policy) = turn.device.requester_authentication() else {
        return Ok(BasicMutAuth::NotRequested);
    };
    let demand = policy.with_challenge();
    if demand == AuthenticationDemand::No {
        return Ok(BasicMutAuth::NotRequested);
    }
    let (peer, slot) = (&agreement.peer, asked_slot(policy, &agreement.peer));
    let possible = peer.requester.contains(CapabilityFlags::CHAL_CAP)
        && encapsulates(peer)
        && requester_suite(turn, agreement).is_some_and(|suite| match slot {
            KeySlot::PublicKey => identity(turn, slot, &suite).is_some(),
            KeySlot::Slot(_) => true,
        });
    if possible {
        return Ok(BasicMutAuth::Requested);
    }
    impossible(demand, peer.version).map(|()| BasicMutAuth::NotRequested)
}

/// CHALLENGE_AUTH is signed: what was asked for is awaited from now on.
pub(crate) fn challenge_answered(
    turn: &mut Turn<'_>,
    agreement: &mut Agreement,
    requested: BasicMutAuth,
) -> Result<(), Refusal> {
    let (BasicMutAuth::Requested, Some(hash)) = (requested, agreement.selection.hash) else {
        return Ok(());
    };
    // It begins as L1 does: with nothing, from 1.2 on with A.
    transcript::begin_l1(turn.hashes, agreement.peer.version, hash, MUTUAL)?;
    let flow = Some(Flow::announced(Purpose::Challenge));
    agreement.requester = Requester { proof: Proof::Awaited, flow };
    Ok(())
}

/// The Requester cannot do what is wanted of it.
const fn impossible(demand: AuthenticationDemand, version: SpdmVersion) -> Result<(), Refusal> {
    match demand {
        AuthenticationDemand::Required => Err(Refusal::invalid_policy(version)),
        AuthenticationDemand::No | AuthenticationDemand::IfPossible => Ok(()),
    }
}

/// Whose key is to sign.
pub(crate) fn asked_slot(policy: &dyn RequesterAuthentication, peer: &Peer) -> KeySlot {
    if peer.requester.contains(CapabilityFlags::PUB_KEY_ID_CAP) {
        return KeySlot::PublicKey;
    }
    KeySlot::Slot(policy.slot())
}

/// The algorithms of the Requester's signatures, where both sides authenticate each other and they can be verified.
pub(crate) fn requester_suite(turn: &Turn<'_>, agreement: &Agreement) -> Option<Suite> {
    let peer = &agreement.peer;
    let identity = CapabilityFlags::CERT_CAP | CapabilityFlags::PUB_KEY_ID_CAP;
    let mutual =
        peer.both().contains(CapabilityFlags::MUT_AUTH_CAP) && peer.requester.intersects(identity);
    let suite = agreement.selection.requester_suite().filter(|_| mutual)?;
    turn.provider.supports(suite.asym, suite.hash).then_some(suite)
}

/// What a transcript names a Requester with that the device was told of.
pub(crate) fn identity(turn: &mut Turn<'_>, slot: KeySlot, suite: &Suite) -> Option<Digest> {
    let (hash, policy) = (turn.provider.hash, turn.device.requester_authentication()?);
    let provisioned = policy.provisioned(slot, suite)?;
    hash.digest(suite.hash, &[provisioned.identity]).ok()
}

/// Whether encapsulated requests are supported: ENCAP_CAP of both sides, where in 1.2 MUT_AUTH_CAP stands for it, too.
pub(crate) fn encapsulates(peer: &Peer) -> bool {
    let encapsulation = CapabilityFlags::ENCAP_CAP;
    match peer.version {
        SpdmVersion::V1_0 => false,
        SpdmVersion::V1_1 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
            peer.both().contains(encapsulation)
        }
        SpdmVersion::V1_2 => {
            let either = encapsulation | CapabilityFlags::MUT_AUTH_CAP;
            peer.flags.intersects(either) && peer.requester.intersects(either)
        }
    }
}

/// Whether signatures of this pair can be verified: a Requester's algorithm is chosen by that.
pub(crate) fn can_verify(turn: &Turn<'_>, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
    turn.provider.supports(asym, hash)
}

impl Selection {
    /// The algorithms of the Requester's signatures, where this crate has them.
    pub(crate) fn requester_suite(&self) -> Option<Suite> {
        let (base, pqc): (Option<BaseAsymAlgo>, Option<PqcAsymAlgo>) = self.requester_asym;
        let base = base.and_then(AsymAlgorithm::from_base_asym);
        let asym = base.or_else(|| pqc.and_then(AsymAlgorithm::from_pqc_asym))?;
        Some(Suite { asym, hash: self.hash? })
    }
}

/// Bytes of the Requester's signature in FINISH.
pub(crate) fn signature_len(selection: &Selection) -> usize {
    selection.requester_suite().map_or(0, |suite| suite.asym.signature_len())
}

/// FINISH has a signature exactly where one is due, of the slot that was told (DSP0274 §FINISH).
pub(crate) fn check_finish(
    turn: &mut Turn<'_>,
    index: usize,
    finish: &Finish<'_>,
) -> Result<(), Refusal> {
    let session = session(turn, index)?;
    let fits = match (session.requester.proof, &finish.signature) {
        (Proof::NotRequested, None) => true,
        (Proof::Due(key), Some(signature)) => signature.slot == key.slot,
        (Proof::Awaited | Proof::Missed | Proof::Given(_), _) => {
            // Without the flow that was asked for there will be no session.
            session.after = After::End;
            return Err(Refusal::unexpected());
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Refusal::invalid()) }
}

/// Verifies the signature in FINISH, where one is due; where it is wrong, the session ends once that was said.
pub(crate) fn verify_finish(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    request: &[u8],
    finish: &Finish<'_>,
) -> Result<(), Refusal> {
    let Some(signature) = finish.signature else { return Ok(()) };
    let Proof::Due(key) = session(turn, index)?.requester.proof else {
        return Err(Refusal::unexpected());
    };
    let behind = signature.bytes.len().saturating_add(finish.verify_data.len());
    let signed = request.get(..request.len().saturating_sub(behind)).unwrap_or_default();
    let th = transcript::session_th(index);
    let digest = transcript::digest(turn.hashes, th, &[signed])?;
    let verified =
        verify(turn, agreement, SigningContext::RequesterFinish, key, digest, signature.bytes);
    verified.inspect_err(|_| end(turn, index))
}

fn end(turn: &mut Turn<'_>, index: usize) {
    if let Ok(session) = session(turn, index) {
        session.after = After::End;
    }
}

/// Verifies a signature of a Requester.
pub(crate) fn verify(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    context: SigningContext,
    key: RequesterKey,
    digest: Digest,
    signature: &[u8],
) -> Result<(), Refusal> {
    let wrong = Refusal::new(ErrorCode::DECRYPT_ERROR);
    let suite = requester_suite(turn, agreement).ok_or(wrong)?;
    let policy = turn.device.requester_authentication().ok_or(wrong)?;
    let public_key = match key.source {
        KeySource::Judged => policy.judged_key(),
        KeySource::Provisioned => policy.provisioned(key.slot, &suite).ok_or(wrong)?.key,
    };
    let message = SignedMessage::new(agreement.peer.version, context, digest);
    let verified = message.verify(turn.provider, suite.asym, suite.hash, public_key, signature);
    verified.map_err(|_| wrong)
}

/// FINISH was right: its session has proven what was asked for.
pub(crate) fn finished(turn: &mut Turn<'_>, index: usize) {
    if let Ok(session) = session(turn, index)
        && let Proof::Due(key) = session.requester.proof
    {
        session.requester.proof = Proof::Given(key.slot);
    }
}

/// Whether the Requester of this session has proven who it is.
#[cfg(feature = "provisioning")]
pub(crate) fn has_proven(turn: &Turn<'_>, index: usize) -> bool {
    turn.sessions.get(index).is_some_and(|slot| slot.authenticated_requester().is_some())
}

/// Nothing else comes while a Requester proves who it is, and no other KEY_UPDATE while a key is being updated.
pub(crate) fn check_in_flight(
    turn: &Turn<'_>,
    of_connection: &Requester,
    code: Code,
) -> Result<(), Refusal> {
    let encapsulated =
        matches!(code, Code::GET_ENCAPSULATED_REQUEST | Code::DELIVER_ENCAPSULATED_RESPONSE);
    let owner = owner(turn);
    let Some(flow) = flow(turn, of_connection, owner) else { return Ok(()) };
    if encapsulated || !flow.holds_back(code) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::REQUEST_IN_FLIGHT))
}
