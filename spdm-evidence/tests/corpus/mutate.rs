//! One flipped bit or one missing byte of a response at a time.

use std::collections::BTreeSet;

use spdm_codec::{Code, Cx, Field, Header, MeasCap, Response, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{Evidence, RecordedExchange, Verifier};
use spdm_requester::{Connection, Crypto, Negotiated};
use spdm_untrusted::Untrusted;

/// A field that may change without a report noticing, in a response that no signature covers, and why.
/// What a signature covers may not change at all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Allowed {
    pub(crate) message: &'static str,
    pub(crate) field: &'static str,
    pub(crate) clause: &'static str,
}

/// DSP0274 §Transcript and transcript hash calculation: DIGESTS and CERTIFICATE are signed by the
/// CHALLENGE_AUTH that follows, and by nothing where none does.
const NOT_CHALLENGED: &str = "B is signed by the CHALLENGE_AUTH that follows only";
/// What the judge passes on unread: it enters other transcripts than those of CHALLENGE_AUTH and
/// MEASUREMENTS, or none, and nothing in a report rests on it.
const NOT_JUDGED: &str = "enters neither M1 nor L1";

const fn allowed(message: &'static str, field: &'static str, clause: &'static str) -> Allowed {
    Allowed { message, field, clause }
}

/// Fields that may change. An entry that is not used is a mistake, too.
pub(crate) const ALLOWED: &[Allowed] = &[
    allowed("DIGESTS", "Param1", NOT_CHALLENGED),
    allowed("DIGESTS", "Digest", NOT_CHALLENGED),
    allowed("DIGESTS", "KeyPairID", NOT_CHALLENGED),
    allowed("DIGESTS", "CertificateInfo", NOT_CHALLENGED),
    allowed("DIGESTS", "KeyUsageMask", NOT_CHALLENGED),
    allowed("CERTIFICATE", "Param1", NOT_CHALLENGED),
    allowed("CERTIFICATE", "Param2", NOT_CHALLENGED),
    allowed("CERTIFICATE", "RemainderLength", NOT_CHALLENGED),
    allowed("CERTIFICATE", "Reserved", NOT_CHALLENGED),
    allowed("CERTIFICATE", "LargeRemainderLength", NOT_CHALLENGED),
];

/// Messages that may change in every byte.
pub(crate) const ALLOWED_MESSAGES: &[Allowed] = &[
    allowed("ENCAPSULATED_REQUEST", "*", NOT_JUDGED),
    allowed("ENCAPSULATED_RESPONSE_ACK", "*", NOT_JUDGED),
    allowed("FINISH_RSP", "*", NOT_JUDGED),
    allowed("PSK_EXCHANGE_RSP", "*", NOT_JUDGED),
    allowed("CSR", "*", NOT_JUDGED),
    allowed("KEY_PAIR_INFO", "*", NOT_JUDGED),
    allowed("SET_KEY_PAIR_INFO_ACK", "*", NOT_JUDGED),
    allowed("MEASUREMENT_EXTENSION_LOG", "*", NOT_JUDGED),
];

/// A change that a report did not notice.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Survivor {
    pub(crate) message: &'static str,
    pub(crate) field: &'static str,
    pub(crate) exchange: usize,
    pub(crate) at: usize,
    pub(crate) mask: u8,
    pub(crate) coverage: Coverage,
}

/// Whether a signature covers a response.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Coverage {
    Signed,
    Unsigned,
}

impl Coverage {
    fn new(exchanges: &[RecordedExchange], index: usize) -> Self {
        let code = |exchange: &RecordedExchange| Code(exchange.request[1]);
        let mut from_here = exchanges[index..].iter();
        let chain = |code| [Code::GET_DIGESTS, Code::GET_CERTIFICATE].contains(&code);
        let signed = match code(&exchanges[index]) {
            Code::GET_VERSION
            | Code::GET_CAPABILITIES
            | Code::NEGOTIATE_ALGORITHMS
            | Code::CHALLENGE
            | Code::KEY_EXCHANGE => true,
            Code::GET_ENDPOINT_INFO => exchanges[index].request[4] & 1 != 0,
            asked if chain(asked) => {
                let mut behind = from_here.skip(1).map(code);
                behind.find(|code| *code != Code::GET_CERTIFICATE) == Some(Code::CHALLENGE)
            }
            Code::GET_MEASUREMENTS => from_here
                .find(|exchange| {
                    code(exchange) != Code::GET_MEASUREMENTS || exchange.request[2] & 1 != 0
                })
                .is_some_and(|exchange| code(exchange) == Code::GET_MEASUREMENTS),
            _ => false,
        };
        if signed { Self::Signed } else { Self::Unsigned }
    }
}

impl Survivor {
    pub(crate) fn allowed(&self) -> Option<&'static Allowed> {
        if self.coverage == Coverage::Signed {
            return None;
        }
        let fits = |entry: &&Allowed| {
            entry.message == self.message && ["*", self.field].contains(&entry.field)
        };
        ALLOWED.iter().chain(ALLOWED_MESSAGES).find(fits)
    }
}

/// Where the fields of a response lie, and how long the message is without padding.
struct Layout {
    message: &'static str,
    fields: Vec<(&'static str, usize)>,
    len: usize,
}

impl Layout {
    fn new(exchange: &RecordedExchange, negotiated: Option<&Negotiated>) -> Option<Self> {
        let response = exchange.response.as_deref()?;
        let header = Header::peek(Untrusted::new(response)).unwrap();
        let message = header.code.name().unwrap();
        if ALLOWED_MESSAGES.iter().any(|entry| entry.message == message) {
            return Some(Self { message, fields: Vec::new(), len: response.len() });
        }
        let mut cx = negotiated.map_or_else(
            || {
                let version = SpdmVersion::from_byte(header.version);
                Cx::new(version.unwrap()).with_padding(usize::MAX)
            },
            |negotiated| negotiated.cx(usize::MAX),
        );
        if let Some(negotiated) = negotiated {
            let signed = match header.code {
                Code::CHALLENGE_AUTH | Code::KEY_EXCHANGE_RSP => true,
                Code::MEASUREMENTS => exchange.request[2] & 1 != 0,
                _ => false,
            };
            let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
            let summary = match header.code {
                Code::KEY_EXCHANGE_RSP => exchange.request[2],
                _ => exchange.request[3],
            };
            let summary = summary != 0 && measures;
            cx = cx
                .with_signature_len(if signed { negotiated.signature_len() } else { 0 })
                .with_summary_len(if summary { negotiated.hash_len() } else { 0 });
            if let Ok(exchange) = negotiated.key_exchange() {
                cx = cx
                    .with_exchange_lens(exchange.request_len(), exchange.response_len())
                    .with_handshake(negotiated.handshake());
            }
        }
        let mut fields = Vec::new();
        let mut trace = |field: Field<'_>| fields.push((field.name, field.at));
        let decoded = Response::decode_traced(Untrusted::new(response), &cx, &mut trace).unwrap();
        Some(Self { message, len: decoded.bytes().len(), fields })
    }

    fn field(&self, at: usize) -> &'static str {
        let before = self.fields.iter().rev().find(|(_, start)| *start <= at);
        before.map_or("SPDMVersion", |(name, _)| name)
    }
}

fn negotiate(exchanges: &[RecordedExchange], padding: usize) -> Negotiated {
    let mut hashes = Bank::<Running, 2>::new();
    let mut connection = Connection::new(padding);
    for exchange in exchanges {
        let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut hashes };
        let response = Untrusted::new(exchange.response.as_deref().unwrap());
        connection.sent(&exchange.request).unwrap();
        connection.accept(&mut crypto, &exchange.request, response, None).unwrap();
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

/// Flips bits of every response from CAPABILITIES on at the wanted `places`, with the masks that `masks`
/// gives for the place, and cuts every response at the wanted places.
pub(crate) fn mutate(
    evidence: &Evidence,
    verifier: &Verifier<'_>,
    places: impl Fn(usize, usize) -> bool,
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
            let coverage = Coverage::new(&recording.exchanges, index);
            let survivor = |field, at, mask| {
                let message = layout.message;
                Survivor { message, field, exchange: index, at, mask, coverage }
            };
            let mut try_with = |bytes: Vec<u8>| {
                changed.recordings[place].exchanges[index].response = Some(bytes);
                is_verified(verifier, &changed)
            };
            let first = if index == 0 { layout.len } else { 0 };
            for at in (first..layout.len).filter(|at| places(*at, layout.len)) {
                for mask in masks(at) {
                    let mut bytes = original.clone();
                    bytes[at] ^= mask;
                    outcome.changes += 1;
                    if try_with(bytes) {
                        outcome.survivors.insert(survivor(layout.field(at), at, mask));
                    }
                }
            }
            for len in (0..layout.len).filter(|len| places(*len, layout.len)) {
                outcome.changes += 1;
                if try_with(original[..len].to_vec()) {
                    outcome.survivors.insert(survivor("length", len, 0));
                }
            }
            try_with(original);
        }
    }
    outcome
}
