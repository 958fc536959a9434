//! Connections with sessions: handshakes of both kinds, and operations inside and outside of what they open, in any
//! order.

use spdm_codec::{CapabilityFlags, MeasurementSummary, SessionPolicy, SlotId};
use spdm_crypto::rustcrypto::Running;
use spdm_crypto::{Bank, PskBytes};
use spdm_requester::{
    Bounds, Connection, Flow, Negotiated, Offer, Operation, Proof, Recovered, Requester,
    SessionHandle, SessionPlan, Sessions, Storage, UpdatedKeys,
};
use spdm_transport::{Duration, Limits};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Identity};

use super::ROUND_TRIPS;
use super::line::{Line, drive};
use super::operations::{At, challenge, fetch_chain, get_digests, measure, negotiate};
use super::transcripts::Witness;
use crate::hashed::{PROVIDER, repeat_nonces};
use crate::input::Input;
use crate::peer::{self, CREDENTIALS, HINT, PSK, Peer};

/// How many operations follow a negotiation at most.
const MOST: usize = 10;
/// What a requester keeps at once.
const SESSIONS: usize = 2;

/// Opens sessions with a device, and does in them what the input says.
///
/// # Panics
/// When a session is established without the signature and the HMACs that have to be there, when something is accepted
/// that came another way than it had to, or when a message does what a session that is over does not allow.
pub fn connect_with_sessions(data: &[u8]) {
    repeat_nonces();
    let mut input = Input::new(data);
    let offer = peer::Offer::read(&mut input);
    let sizes = input.byte();
    let operations = if input.is_empty() { USUAL.to_vec() } else { operations(&mut input) };
    let mut line = Line::new(input, Peer::new(&offer));
    let chain = chain_of(&offer);
    let key = Identity::Chain(chain).key();
    let witness = Witness::of_sessions(key, &CREDENTIALS.chain, offer.padding(), &line.arrived);
    let mut sink = witness.clone();
    let (mut message, mut connection) = (vec![0; 0x4000], Connection::default());
    let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<SESSIONS>::new());
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let limits = Limits::new(0x1_0000, 0x1_0000).with_padding(offer.padding());
    let mut wanted = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
    wanted.capabilities |= CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
    wanted.data_transfer_size = if sizes & 1 == 0 { 4608 } else { 42 };
    let mut bounds = Bounds::default();
    bounds.round_trips = ROUND_TRIPS;
    bounds.resends = sizes >> 1 & 3;
    bounds.time = Duration::from_secs(3600);
    let requester = Requester::new(PROVIDER, storage, limits.with_records(offer.binding))
        .with_offer(wanted)
        .with_bounds(bounds)
        .with_sink(&mut sink);
    let Some(requester) = negotiate(requester, &mut line) else { return };
    run(requester, &mut line, &witness, &chain, &operations);
}

/// A session, measurements in it, and its end.
const USUAL: [[u8; 2]; 3] = [[0, 1], [8, 5], [12, 0]];

/// What is done, and how: two bytes each. They come first, so that a change of the answers changes nothing of them.
fn operations(input: &mut Input<'_>) -> Vec<[u8; 2]> {
    let count = usize::from(input.byte()) % (MOST + 1);
    (0..count).map(|_| [input.byte(), input.byte()]).collect()
}

/// A session that was opened, as far as the requester says.
#[derive(Clone, Copy)]
struct Known {
    session: SessionHandle,
    over: bool,
}

fn run<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, Peer>,
    witness: &Witness,
    chain: &Chain<'_>,
    operations: &[[u8; 2]],
) {
    let mut at = At::Negotiated(requester);
    let mut known: Vec<Known> = Vec::new();
    let mut buffer = vec![0; 0x4000];
    for [operation, detail] in operations.iter().copied() {
        let requester = match at {
            At::Start(requester) => {
                known.iter_mut().for_each(|known| known.over = true);
                match negotiate(requester, line) {
                    Some(requester) => requester,
                    None => return,
                }
            }
            At::Negotiated(requester) => requester,
        };
        let session = usize::from(detail >> 6) % known.len().max(1);
        let session = known.get(session).map(|known| known.session);
        at = match (operation & 15, session) {
            (0..=2, _) => key_exchange(requester, line, witness, chain, detail, &mut known),
            (3, _) => psk_exchange(requester, line, witness, detail, &mut known),
            (4, _) => get_digests(requester, line),
            (5, _) => challenge(requester, line, witness, *chain, detail),
            (6, _) => measure(requester, line, witness, identity(chain, detail), detail),
            (7, _) => {
                let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
                fetch_chain(flow, line).0
            }
            (_, Some(session)) => {
                witness.enter(Some(session));
                let mut known = known.iter_mut().filter(|known| known.session == session);
                let known = known.next().expect("it is known");
                let next = inside(requester, line, witness, chain, known, operation, detail);
                witness.enter(None);
                next
            }
            (15, None) => At::Start(requester.restart()),
            (_, None) => At::Negotiated(requester),
        };
    }
}

fn identity<'c>(chain: &Chain<'c>, detail: u8) -> Option<Identity<'c>> {
    (detail & 1 != 0).then_some(Identity::Chain(*chain))
}

/// One operation in a session, which may be over.
fn inside<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, Peer>,
    witness: &Witness,
    chain: &Chain<'_>,
    known: &mut Known,
    operation: u8,
    detail: u8,
) -> At<'a> {
    let session = known.session;
    match operation & 15 {
        8 => measure(requester.in_session(session), line, witness, identity(chain, detail), detail),
        9 => get_digests(requester.in_session(session), line),
        10 => control(requester.heartbeat(session), line, known),
        11 => {
            let keys = if detail & 1 == 0 { UpdatedKeys::Requests } else { UpdatedKeys::Both };
            control(requester.update_keys(session, keys), line, known)
        }
        12 => {
            let next = control(requester.close_session(session), line, known);
            known.over = true;
            next
        }
        // Not allowed there: it fails, and nothing is sent.
        13 => challenge(requester.in_session(session), line, witness, *chain, detail),
        14 => {
            let mut buffer = vec![0; 0x4000];
            let flow = requester.in_session(session).fetch_chain(SlotId::ZERO, &mut buffer);
            fetch_chain(flow, line).0
        }
        _ => At::Start(requester.restart()),
    }
}

/// An operation whose result is that it was done.
fn control<'a, O: Operation<Phase = Negotiated, Output = ()>>(
    mut flow: Flow<'a, O>,
    line: &mut Line<'_, Peer>,
    known: &mut Known,
) -> At<'a> {
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, ())) => {
            assert!(driven.is_ok() && !known.over, "a session that is over");
            At::Negotiated(requester)
        }
        Err(failure) => {
            known.over |= matches!(failure.requester, Recovered::SessionLost(_));
            At::after(failure)
        }
    }
}

fn plan(detail: u8) -> SessionPlan {
    let mut plan = SessionPlan::DEFAULT;
    if detail & 1 != 0 {
        plan.summary = MeasurementSummary::All;
    }
    if detail & 2 != 0 {
        plan.policy = SessionPolicy::TERMINATION_POLICY;
    }
    if detail & 0x18 == 0x18 {
        plan.secured_versions = &[];
    }
    plan
}

fn key_exchange<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, Peer>,
    witness: &Witness,
    chain: &Chain<'_>,
    detail: u8,
    known: &mut Vec<Known>,
) -> At<'a> {
    let (before, established) = (witness.proofs(), witness.established());
    let mut flow = requester.open_session(plan(detail), Identity::Chain(*chain));
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, (opened, possession))) => {
            assert!(driven.is_ok());
            assert_eq!(possession.proof(), Proof::KeyExchange);
            assert_eq!(witness.proofs(), [&before[..], &[Proof::KeyExchange]].concat());
            assert_eq!(witness.established(), established + 1);
            known.push(Known { session: opened.session, over: false });
            At::Negotiated(requester)
        }
        Err(failure) => {
            assert_eq!(witness.established(), established, "it was established: {failure:?}");
            At::after(failure)
        }
    }
}

fn psk_exchange<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, Peer>,
    witness: &Witness,
    detail: u8,
    known: &mut Vec<Known>,
) -> At<'a> {
    let (before, established) = (witness.proofs(), witness.established());
    let psk = PskBytes(PSK);
    let mut flow = requester.open_psk_session(plan(detail), HINT, &psk);
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, (opened, ..))) => {
            assert!(driven.is_ok());
            assert_eq!(witness.proofs(), before, "a key that both have proves nothing");
            assert_eq!(witness.established(), established + 1);
            known.push(Known { session: opened.session, over: false });
            At::Negotiated(requester)
        }
        Err(failure) => At::after(failure),
    }
}

/// The chain of the device, as a connection of this version reads it.
fn chain_of(offer: &peer::Offer) -> Chain<'static> {
    let model = CertModel::DeviceCert;
    let context = ChainContext::new(SlotId::ZERO, offer.version, model, peer::ASYM, peer::HASH);
    Chain::parse(Untrusted::new(&CREDENTIALS.chain), context, &PROVIDER).expect("a chain")
}
