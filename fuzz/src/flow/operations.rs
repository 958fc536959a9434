//! Single operations, in any order.

use spdm_codec::{MeasurementAttributes, MeasurementSummary, NONCE_LEN, RequesterNonce, SlotId};
use spdm_emulator::Device;
use spdm_requester::{Failure, Fresh, Negotiated, Proof, Recovered, Requester, Selection, Stage};
use spdm_x509::{Chain, Identity};

use super::line::{Endpoint, Line, drive};
use super::transcripts::Witness;
use super::{Memory, Setup};

/// How many operations follow a negotiation at most.
const MOST: usize = 6;

/// Where a requester is.
pub(super) enum At<'a> {
    Start(Requester<'a, Fresh>),
    Negotiated(Requester<'a, Negotiated>),
}

impl<'a> At<'a> {
    /// What is left after an error is the whole connection or nothing of it.
    pub(super) fn after<E>(failure: Failure<'a, Negotiated, E>) -> Self {
        match failure.requester {
            Recovered::Kept(requester) | Recovered::SessionLost(requester) => {
                assert_eq!(requester.connection().stage(), Stage::Negotiated);
                assert_eq!(requester.connection().negotiated(), Some(requester.negotiated()));
                Self::Negotiated(requester)
            }
            Recovered::Fresh(requester) => {
                let connection = requester.connection();
                assert_eq!(connection.stage(), Stage::NotStarted);
                assert!(connection.vca().is_empty() && connection.negotiated().is_none());
                assert_eq!(connection.provisioned_slots().count(), 0);
                Self::Start(requester)
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Negotiates, and then does what the input says.
pub(super) fn run(setup: &Setup, line: &mut Line<'_, Device>) {
    let witness = Witness::of_device(&line.device, setup.padding, &line.arrived);
    let (mut memory, mut sink) = (Memory::new(), witness.clone());
    let mut at = At::Start(setup.requester(&mut memory, &mut sink));
    let mut chains: [Vec<u8>; MOST] = core::array::from_fn(|_| vec![0; 0x4000]);
    let mut chain: Option<Chain<'_>> = None;
    for buffer in &mut chains {
        let requester = match at {
            At::Start(requester) => match negotiate(requester, line) {
                Some(requester) => requester,
                None => return,
            },
            At::Negotiated(requester) => requester,
        };
        let (operation, detail) = (line.input.byte() & 7, line.input.byte());
        at = match (operation, chain) {
            // Once more from the start; chains outlive their connection.
            (0, _) => At::Start(requester.restart()),
            (1, _) => get_digests(requester, line),
            (5, Some(chain)) => challenge(requester, line, &witness, chain, detail),
            (6, Some(chain)) => {
                measure(requester, line, &witness, Some(Identity::Chain(chain)), detail)
            }
            (7, _) => measure(requester, line, &witness, None, detail),
            _ => {
                let slot = SlotId::new(if detail & 0x0F == 0x0F { detail >> 4 & 7 } else { 0 });
                let flow = requester.fetch_chain(slot.unwrap_or(SlotId::ZERO), buffer);
                let (next, fetched) = fetch_chain(flow, line);
                chain = fetched.or(chain);
                next
            }
        };
    }
}

pub(super) fn negotiate<'a, E: Endpoint>(
    requester: Requester<'a, Fresh>,
    line: &mut Line<'_, E>,
) -> Option<Requester<'a, Negotiated>> {
    let mut flow = requester.negotiate();
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, ())) => {
            assert!(driven.is_ok());
            Some(requester)
        }
        Err(failure) => {
            assert!(matches!(failure.requester, Recovered::Fresh(_)));
            None
        }
    }
}

pub(super) fn get_digests<'a, E: Endpoint>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, E>,
) -> At<'a> {
    let mut flow = requester.get_digests();
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, ())) => {
            assert!(driven.is_ok());
            At::Negotiated(requester)
        }
        Err(failure) => At::after(failure),
    }
}

pub(super) fn fetch_chain<'a, 'c, E: Endpoint>(
    mut flow: spdm_requester::Flow<'a, spdm_requester::FetchChain<'c>>,
    line: &mut Line<'_, E>,
) -> (At<'a>, Option<Chain<'c>>) {
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, chain)) => {
            assert!(driven.is_ok());
            // It is the one that DIGESTS announced.
            let stated = requester.connection().slot_digest(chain.slot());
            assert_eq!(stated, Some(chain.digest()));
            (At::Negotiated(requester), Some(chain))
        }
        Err(failure) => (At::after(failure), None),
    }
}

pub(super) fn challenge<'a, E: Endpoint>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, E>,
    witness: &Witness,
    chain: Chain<'_>,
    detail: u8,
) -> At<'a> {
    let (nonce, before) = (RequesterNonce([detail; NONCE_LEN]), witness.proofs());
    let identity = Identity::Chain(chain);
    let summary = match detail & 3 {
        1 => MeasurementSummary::Tcb,
        2 => MeasurementSummary::All,
        _ => MeasurementSummary::None,
    };
    let mut flow = requester.challenge(identity, summary, nonce);
    let driven = drive(&mut flow, line);
    match flow.finish() {
        Ok((requester, possession)) => {
            assert!(driven.is_ok());
            assert_eq!((possession.proof(), possession.nonce()), (Proof::Challenge, &nonce));
            assert_eq!(possession.identity().digest(), chain.digest());
            assert_eq!(witness.proofs(), [&before[..], &[Proof::Challenge]].concat());
            At::Negotiated(requester)
        }
        Err(failure) => At::after(failure),
    }
}

/// Measures, by index, by count, all or raw; with a signature where there is an identity.
pub(super) fn measure<'a, E: Endpoint>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line<'_, E>,
    witness: &Witness,
    identity: Option<Identity<'_>>,
    detail: u8,
) -> At<'a> {
    let selection = match detail & 7 {
        0 => Selection::Count,
        1 => Selection::Indices(&[1]),
        2 => Selection::Indices(&[2, 1, 3]),
        // The device has no such index.
        3 => Selection::Indices(&[1, 0xEE]),
        4 => Selection::Indices(&[0xFD]),
        _ => Selection::All,
    };
    let mut attributes = MeasurementAttributes::empty();
    attributes.set(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED, detail & 8 != 0);
    attributes.set(MeasurementAttributes::NEW_MEASUREMENT_REQUESTED, detail & 16 != 0);
    let (nonce, before) = (RequesterNonce([detail; NONCE_LEN]), witness.proofs());
    let mut record = vec![0; if detail & 32 == 0 { 0x800 } else { 0x60 }];
    let mut flow = match identity {
        Some(identity) => {
            requester.measure_signed(selection, attributes, identity, nonce, &mut record)
        }
        None => requester.measure_unsigned(selection, attributes, &mut record),
    };
    let driven = drive(&mut flow, line);
    let (at, measured) = match flow.finish() {
        Ok((requester, measured)) => {
            assert!(driven.is_ok());
            let expected = identity.map(|identity| *identity.digest());
            let possession = measured.possession;
            assert_eq!(possession.map(|possession| *possession.identity().digest()), expected);
            assert!(possession.is_none_or(|possession| *possession.nonce() == nonce));
            let indices: Vec<u8> = measured.record.iter().map(|block| block.index).collect();
            match selection {
                Selection::Count => assert!(indices.is_empty() && measured.indices.is_some()),
                Selection::Indices(asked) => assert_eq!(indices, asked),
                _ => assert!(!indices.is_empty()),
            }
            (At::Negotiated(requester), true)
        }
        Err(failure) => (At::after(failure), false),
    };
    if measured {
        let own = identity.map(|_| Proof::Measurements);
        assert_eq!(witness.proofs(), before.into_iter().chain(own).collect::<Vec<_>>());
    } else {
        assert!(record.iter().all(|byte| *byte == 0), "measurements that nobody vouches for");
    }
    at
}
