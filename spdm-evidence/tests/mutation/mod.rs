//! One flipped bit or one missing byte of a response at a time.

use std::collections::BTreeSet;

use spdm_codec::{CapabilityFlags, Code, Cx, Field, Header, MeasCap, Response, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, Digest, HashAlgorithm};
use spdm_evidence::{Evidence, Exchange, Verifier};
use spdm_requester::{Bench, Connection, Negotiated};
use spdm_untrusted::Untrusted;

/// A field whose value may change without a report noticing, and the clause that allows it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Allowed {
    pub(crate) message: &'static str,
    pub(crate) field: &'static str,
    pub(crate) clause: &'static str,
}

const fn allowed(message: &'static str, field: &'static str, clause: &'static str) -> Allowed {
    Allowed { message, field, clause }
}

/// Everything that may change. An entry that is not used is a mistake, too.
pub(crate) const ALLOWED: &[Allowed] = &[];

/// A change that a report did not notice.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Survivor {
    pub(crate) message: &'static str,
    pub(crate) field: &'static str,
    pub(crate) exchange: usize,
    pub(crate) at: usize,
    pub(crate) mask: u8,
}

impl Survivor {
    pub(crate) fn allowed(&self) -> Option<&'static Allowed> {
        let fits = |text: &str, pattern: &str| pattern == "*" || text == pattern;
        ALLOWED
            .iter()
            .find(|entry| fits(self.message, entry.message) && fits(self.field, entry.field))
    }
}

/// Where the fields of a response lie, and how long the message is without padding.
struct Layout {
    message: &'static str,
    fields: Vec<(&'static str, usize)>,
    len: usize,
}

impl Layout {
    fn new(exchange: &Exchange, negotiated: Option<&Negotiated>) -> Option<Self> {
        let response = exchange.response.as_deref()?;
        let header = Header::peek(Untrusted::new(response)).unwrap();
        let mut cx = negotiated.map_or_else(
            || {
                let version = SpdmVersion::from_byte(header.version);
                Cx::new(version.unwrap()).with_padding(usize::MAX)
            },
            |negotiated| negotiated.cx(usize::MAX),
        );
        if let Some(negotiated) = negotiated {
            let signed = match header.code {
                Code::CHALLENGE_AUTH => true,
                Code::MEASUREMENTS => exchange.request[2] & 1 != 0,
                _ => false,
            };
            let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
            let summary = exchange.request[3] != 0 && measures;
            cx = cx
                .with_signature_len(if signed { negotiated.signature_len() } else { 0 })
                .with_summary_len(if summary { negotiated.hash_len() } else { 0 });
        }
        let mut fields = Vec::new();
        let mut trace = |field: Field<'_>| fields.push((field.name, field.at));
        let decoded =
            Response::decode_traced(Untrusted::new(response), &cx, &mut trace).unwrap();
        let message = header.code.name().unwrap();
        Some(Self { message, len: decoded.bytes().len(), fields })
    }

    fn field(&self, at: usize) -> &'static str {
        let before = self.fields.iter().rev().find(|(_, start)| *start <= at);
        before.map_or("SPDMVersion", |(name, _)| name)
    }
}

fn negotiate(exchanges: &[Exchange], padding: usize) -> Negotiated {
    let mut hashes = Bank::<Running, 2>::new();
    let mut connection = Connection::new(padding);
    for exchange in exchanges {
        let mut bench = Bench { provider: &PROVIDER, hashes: &mut hashes };
        let response = Untrusted::new(exchange.response.as_deref().unwrap());
        connection.sent(&exchange.request).unwrap();
        connection.accept(&mut bench, &exchange.request, response, None).unwrap();
        if let Some(negotiated) = connection.negotiated() {
            return *negotiated;
        }
    }
    panic!("no negotiation")
}

fn is_verified(verifier: &Verifier<'_>, evidence: &Evidence) -> bool {
    let reports = verifier.verify(&mut Bank::<Running, 2>::new(), evidence);
    reports.iter().any(|report| report.verified())
}

/// What a run found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) changes: usize,
    pub(crate) survivors: BTreeSet<Survivor>,
}

/// Flips bits of every `step`th byte of every response from CAPABILITIES on, with the masks that `masks`
/// gives for the byte, and cuts every response at every `step`th place.
pub(crate) fn mutate(
    evidence: &Evidence,
    verifier: &Verifier<'_>,
    step: usize,
    masks: impl Fn(usize) -> Vec<u8>,
) -> Outcome {
    let mut outcome = Outcome::default();
    assert!(is_verified(verifier, evidence), "the evidence itself");
    let mut changed = evidence.clone();
    for (place, recording) in evidence.recordings.iter().enumerate() {
        let negotiated = negotiate(&recording.exchanges, recording.padding);
        for (index, exchange) in recording.exchanges.iter().enumerate() {
            let known = (index > 2).then_some(&negotiated);
            let Some(layout) = Layout::new(exchange, known) else { continue };
            let original = exchange.response.clone().unwrap();
            let mut try_with = |bytes: Vec<u8>| {
                changed.recordings[place].exchanges[index].response = Some(bytes);
                is_verified(verifier, &changed)
            };
            let first = if index == 0 { layout.len } else { 0 };
            for at in (first..layout.len).step_by(step) {
                for mask in masks(at) {
                    let mut bytes = original.clone();
                    bytes[at] ^= mask;
                    outcome.changes += 1;
                    if try_with(bytes) {
                        let (message, field) = (layout.message, layout.field(at));
                        let survivor = Survivor { message, field, exchange: index, at, mask };
                        outcome.survivors.insert(survivor);
                    }
                }
            }
            for len in (0..layout.len).step_by(step) {
                outcome.changes += 1;
                if try_with(original[..len].to_vec()) {
                    let (message, field) = (layout.message, "length");
                    let survivor = Survivor { message, field, exchange: index, at: len, mask: 0 };
                    outcome.survivors.insert(survivor);
                }
            }
            try_with(original);
        }
    }
    outcome
}
