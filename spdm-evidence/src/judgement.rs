//! A recording before the judge: [`Connection`] decides over every exchange, as it does live.

use core::fmt;

use spdm_codec::{
    Challenge, Code, Cx, ErrorCode, GetMeasurements, Header, KeySlot, Message, Nonce, SlotId,
    SpdmVersion,
};
use spdm_crypto::{Digest, HashBank, Provider};
use spdm_requester::{
    Bench, Connection, Error, MeasurementSignature, Negotiated, Possession, Proof, Verdict,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext, ChainError, Identity, ProvisionedKey};

use crate::exchange::{Exchange, Negotiation, Recording};
use crate::report::MeasuredValue;

/// A chain as CERTIFICATE messages or the evidence itself brought it.
#[derive(Clone, Debug)]
pub(crate) struct FetchedChain {
    /// The exchange that completed it; `None` where it came with the evidence.
    pub(crate) completed_by: Option<usize>,
    pub(crate) context: ChainContext,
    pub(crate) bytes: Vec<u8>,
}

/// A fetched chain, parsed: or why it cannot be.
#[derive(Debug)]
pub(crate) struct HeldChain<'c> {
    pub(crate) completed_by: Option<usize>,
    pub(crate) slot: SlotId,
    pub(crate) digest: Digest,
    pub(crate) parsed: Result<Chain<'c>, ChainError>,
}

/// An ERROR in answer to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) request: Code,
    pub(crate) code: ErrorCode,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the device answered {} with ERROR {}", self.request, self.code)
    }
}

/// A signature that was asked for, and what became of it.
#[derive(Debug)]
pub(crate) struct Attempt<'c> {
    pub(crate) proof: Proof,
    pub(crate) slot: KeySlot,
    pub(crate) nonce: Nonce,
    pub(crate) outcome: Outcome<'c>,
    /// What a signature over measurements covers.
    pub(crate) values: Vec<MeasuredValue>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few values per connection")]
pub(crate) enum Outcome<'c> {
    Verified(Possession<'c>),
    /// No key to check it with.
    NotChecked,
    Failed,
    Refused(Refused),
}

/// Everything that the judge said about a recording.
#[derive(Debug, Default)]
pub(crate) struct Judgement<'c> {
    pub(crate) negotiated: Option<Negotiated>,
    pub(crate) attempts: Vec<Attempt<'c>>,
    /// Measurements that no signature covers, per exchange.
    pub(crate) unsigned: Vec<Vec<MeasuredValue>>,
    /// Slots whose chain was compared with DIGESTS; mismatches are among the failures.
    pub(crate) digests_checked: Vec<SlotId>,
    /// In the order of the recording.
    pub(crate) failures: Vec<Error>,
}

/// Starts the judge over a recording.
pub(crate) fn connection(recording: &Recording) -> Result<Connection, Error> {
    match recording.negotiation {
        Negotiation::Recorded => Ok(Connection::new(recording.padding)),
        Negotiation::Presumed(negotiated) => Connection::presume(negotiated, recording.padding),
    }
}

/// First pass: the chains that the recording holds, in the order of their completion, and what was
/// negotiated. Errors end it; the second pass reports them.
pub(crate) fn fetch_chains(
    recording: &Recording,
    bench: &mut Bench<'_>,
) -> (Option<Negotiated>, Vec<FetchedChain>) {
    let mut chains = Vec::new();
    let mut portions: [Vec<u8>; 8] = Default::default();
    let Ok(mut connection) = connection(recording) else { return (None, chains) };
    let mut agreed = connection.negotiated().copied();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let Some(response) = &exchange.response else { continue };
        if connection.sent(&exchange.request).is_err() {
            break;
        }
        let verdict = connection.accept(bench, &exchange.request, Untrusted::new(response), None);
        // RequestResynch ends the connection, not what was agreed on before.
        agreed = connection.negotiated().copied().or(agreed);
        let (offset, message) = match verdict {
            Ok(Verdict::Certificate { offset, message }) => (offset, message),
            Ok(_) | Err(Error::Incompatible(_)) => continue,
            Err(_) => break,
        };
        let Some(chain) = portions.get_mut(message.slot.index()) else { continue };
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if message.portion.is_empty() || at > chain.len() {
            continue;
        }
        chain.truncate(at);
        chain.extend_from_slice(message.portion);
        let context = agreed.and_then(|n| n.chain_context(message.slot, message.model).ok());
        if message.remainder == 0
            && let Some(context) = context
        {
            let bytes = core::mem::take(chain);
            chains.push(FetchedChain { completed_by: Some(index), context, bytes });
        }
    }
    (agreed, chains)
}

/// The second pass.
pub(crate) struct Judge<'j, 'c> {
    pub(crate) recording: &'j Recording,
    pub(crate) provider: &'j Provider,
    pub(crate) chains: &'j [HeldChain<'c>],
    pub(crate) peer_key: Option<&'c [u8]>,
}

impl<'c> Judge<'_, 'c> {
    /// Judges every exchange, and stops where the peer broke the protocol.
    pub(crate) fn judge(&self, hashes: &mut (dyn HashBank + 'static)) -> Judgement<'c> {
        let mut judgement = Judgement::default();
        let mut connection = match connection(self.recording) {
            Ok(connection) => connection,
            Err(error) => {
                judgement.failures.push(error);
                return judgement;
            }
        };
        let mut bench = Bench { provider: self.provider, hashes };
        for (index, exchange) in self.recording.exchanges.iter().enumerate() {
            let result =
                self.exchange(&mut connection, &mut bench, index, exchange, &mut judgement);
            judgement.negotiated = connection.negotiated().copied().or(judgement.negotiated);
            match result {
                Ok(()) => {}
                // The connection goes on: the peer goes on, too.
                Err(error @ (Error::Signature { .. } | Error::Incompatible(_))) => {
                    judgement.failures.push(error);
                }
                Err(error) => {
                    judgement.failures.push(error);
                    break;
                }
            }
        }
        judgement
    }

    fn exchange(
        &self,
        connection: &mut Connection,
        bench: &mut Bench<'_>,
        index: usize,
        exchange: &Exchange,
        judgement: &mut Judgement<'c>,
    ) -> Result<(), Error> {
        let request = &exchange.request;
        connection.sent(request)?;
        for interim in &exchange.interim {
            connection.accept(bench, request, Untrusted::new(interim), None)?;
        }
        let Some(response) = &exchange.response else { return Ok(()) };
        let asked = connection.negotiated().and_then(|n| asked_signature(request, n.version));
        let identity = match asked {
            Some((_, slot, _)) => self.identity(slot, index, connection)?,
            None => None,
        };
        let accepted =
            connection.accept(bench, request, Untrusted::new(response), identity.as_ref());
        let mut values = Vec::new();
        let outcome = match &accepted {
            Err(Error::Signature { .. }) => Some(Outcome::Failed),
            Err(_) => None,
            Ok(Verdict::ChallengeAuth { possession, .. }) => {
                Some(possession.map_or(Outcome::NotChecked, Outcome::Verified))
            }
            Ok(Verdict::Measurements { message, signature }) => {
                let own = MeasuredValue::of_record(&message.record);
                if let MeasurementSignature::Verified { possession, exchanges } = *signature {
                    // It covers the unsigned ones directly before it, too.
                    let before = usize::from(exchanges).saturating_sub(1);
                    let kept = judgement.unsigned.len().saturating_sub(before);
                    values = judgement.unsigned.split_off(kept).concat();
                    values.extend(own);
                    Some(Outcome::Verified(possession))
                } else {
                    judgement.unsigned.push(own);
                    asked.map(|_| Outcome::NotChecked)
                }
            }
            Ok(Verdict::Certificate { message, .. }) => {
                self.check_digest(connection, index, message.slot, judgement)?;
                None
            }
            Ok(Verdict::Error(error)) => {
                let request = Header::peek(Untrusted::new(request))?.code;
                Some(Outcome::Refused(Refused { request, code: error.code }))
            }
            Ok(_) => None,
        };
        if let (Some((proof, slot, nonce)), Some(outcome)) = (asked, outcome) {
            judgement.attempts.push(Attempt { proof, slot, nonce, outcome, values });
        }
        accepted.map(drop)
    }

    /// Whose key the answer to a request for a signature is checked with.
    fn identity(
        &self,
        slot: KeySlot,
        index: usize,
        connection: &Connection,
    ) -> Result<Option<Identity<'c>>, Error> {
        let KeySlot::Slot(slot) = slot else {
            let (Some(der), Some(negotiated)) = (self.peer_key, connection.negotiated()) else {
                return Ok(None);
            };
            let (asym, hash) = (negotiated.asym()?, negotiated.hash()?);
            let key = ProvisionedKey::parse(Untrusted::new(der), asym, hash, self.provider)?;
            return Ok(Some(Identity::Key(key)));
        };
        let of_slot = || self.chains.iter().filter(|chain| chain.slot == slot);
        let before = |chain: &&HeldChain<'_>| chain.completed_by.is_some_and(|by| by < index);
        let stated = connection.slot_digest(slot);
        let fits = |chain: &&HeldChain<'_>| stated.is_none_or(|stated| *stated == chain.digest);
        // The one that was fetched last; then any other.
        let fetched = of_slot().rev().filter(before);
        let chosen = fetched.chain(of_slot()).find(fits);
        match (chosen, of_slot().next_back()) {
            (Some(chain), _) => Ok(chain.parsed.as_ref().ok().copied().map(Identity::Chain)),
            (None, Some(other)) => {
                connection.check_chain_digest(slot, &other.digest).map(|()| None)
            }
            (None, None) => Ok(None),
        }
    }

    /// Compares a chain that is complete now with DIGESTS.
    fn check_digest(
        &self,
        connection: &Connection,
        index: usize,
        slot: SlotId,
        judgement: &mut Judgement<'c>,
    ) -> Result<(), Error> {
        let complete = self.chains.iter().find(|chain| chain.completed_by == Some(index));
        let Some(chain) = complete.filter(|_| connection.slot_digest(slot).is_some()) else {
            return Ok(());
        };
        connection.check_chain_digest(slot, &chain.digest)?;
        judgement.digests_checked.push(slot);
        Ok(())
    }
}

/// What a request for a signature asks: by which key, over which nonce.
fn asked_signature(request: &[u8], version: SpdmVersion) -> Option<(Proof, KeySlot, Nonce)> {
    let raw = Untrusted::new(request);
    let cx = Cx::new(version).with_padding(usize::MAX);
    match Header::peek(raw).ok()?.code {
        Code::CHALLENGE => {
            let message = Challenge::decode(raw, &cx).ok()?.message;
            Some((Proof::Challenge, message.slot, message.nonce))
        }
        Code::GET_MEASUREMENTS => {
            let signature = GetMeasurements::decode(raw, &cx).ok()?.message.signature?;
            // Before 1.1 there is no SlotIDParam: slot 0 signs.
            let slot = signature.slot.unwrap_or(KeySlot::Slot(SlotId::ZERO));
            Some((Proof::Measurements, slot, signature.nonce))
        }
        _ => None,
    }
}
