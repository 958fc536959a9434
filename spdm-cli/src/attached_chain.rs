//! `--chain`: the certificate chain of evidence that has none.

use std::path::Path;

use spdm_codec::SlotId;
use spdm_evidence::{ChainContent, Evidence, Recording, SlotChain};

use crate::args::SlotChoice;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::{file, trust};

/// A chain that an option names.
#[derive(Debug)]
pub(crate) struct GivenChain<'p> {
    path: &'p Path,
    content: ChainContent,
}

impl<'p> GivenChain<'p> {
    /// Reads the file; `None` where none is named.
    pub(crate) fn read(path: Option<&'p Path>, console: &Console) -> Result<Option<Self>, Failure> {
        let Some(path) = path else { return Ok(None) };
        Ok(Some(Self { path, content: trust::chain(path, console)? }))
    }
}

/// Gives the connections a chain. One that they hold themselves must be the same: then a note says so.
pub(crate) fn attach_chain(
    evidence: &mut Evidence,
    given: &GivenChain<'_>,
    slot: SlotChoice,
    crypto: Crypto,
) -> Result<Option<String>, Failure> {
    let chain = &given.content;
    let slot = match slot {
        SlotChoice::Any => measured_slot(&evidence.recordings).unwrap_or(SlotId::ZERO),
        SlotChoice::Slot(slot) => slot,
    };
    let mut bank = crypto.bank();
    let mut hashing = spdm_requester::Crypto { provider: crypto.provider, hashes: bank.as_mut() };
    let fetched = evidence.recordings.iter().flat_map(|recording| {
        let own = recording.chains.iter().cloned();
        own.chain(recording.fetched(&mut hashing)).collect::<Vec<_>>()
    });
    let held: Vec<SlotChain> = evidence.chains.iter().cloned().chain(fetched).collect();
    let of_slot = || held.iter().filter(|held| held.slot == slot);
    let target = &evidence.target;
    if of_slot().any(|held| !held.content.agrees(chain)) {
        let path = file::name(given.path);
        let message =
            format!("--chain {path} is not the chain of slot {slot} that {target} holds itself");
        return Err(Failure::usage(message).with_hint(Some("leave out --chain")));
    }
    let other = held.first();
    let note = match of_slot().next() {
        Some(_) => {
            Some(format!("{target} holds this chain of slot {slot} itself: --chain is not needed"))
        }
        None => other.map(|other| {
            let other = other.slot;
            format!("--chain is taken for slot {slot}; {target} holds the chain of slot {other}")
        }),
    };
    evidence.attach(slot, chain.clone());
    Ok(note)
}

/// The one slot whose key signed the measurements of all connections.
fn measured_slot(recordings: &[Recording]) -> Option<SlotId> {
    let mut slots = recordings.iter().map(Recording::measured_slot);
    let first = slots.next()??;
    slots.all(|slot| slot == Some(first)).then_some(first)
}
