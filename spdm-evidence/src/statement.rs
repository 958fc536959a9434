//! The signatures of a connection, each with everything that is needed to verify it elsewhere.

use core::cell::RefCell;

use spdm_codec::{
    Challenge, GetMeasurements, KeySlot, Message, RequesterContext, RequesterNonce, ResponderNonce,
    SlotId,
};
use spdm_crypto::{Digest, HashAlgorithm, HashBank, HashError, SignedMessage, SigningContext};
use spdm_requester::{Accepted, Crypto, Error as Refused, Negotiated, Proof};
use spdm_untrusted::Untrusted;

use crate::error::Error;
use crate::recording::{RecordedExchange, Recording};
use crate::standard_transcript::NO_CRYPTO;

/// One signature of a device, and what it signs. The signature is not verified.
///
/// To verify it, hash the transcript with the base hash, put [`Self::prefix`] in front of the
/// digest, and verify the signature over that with the key of the slot.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// CHALLENGE_AUTH or MEASUREMENTS.
    pub proof: Proof,
    /// The slot whose key signed.
    pub slot: KeySlot,
    /// The version, algorithms and capabilities.
    pub negotiated: Negotiated,
    /// The Requester's nonce.
    pub requester_nonce: RequesterNonce,
    /// The Responder's nonce.
    pub responder_nonce: ResponderNonce,
    /// RequesterContext (1.3).
    pub context: Option<RequesterContext>,
    /// M1 or L1, without the signature: from 1.2 on with the negotiation, and of a CHALLENGE with the digests
    /// and chains that were fetched before it.
    pub transcript: Vec<u8>,
    /// The combined prefix of 100 bytes (1.2), else empty.
    pub prefix: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The digest of the slot's chain, where DIGESTS or CHALLENGE_AUTH states it.
    pub chain_digest: Option<Vec<u8>>,
}

/// Stands in for running hashes: keeps the bytes that they are fed with.
#[derive(Debug, Default)]
struct Tape {
    places: [Vec<u8>; 2],
    /// What was signed last.
    closed: RefCell<Vec<u8>>,
}

impl Tape {
    fn place(&mut self, place: usize) -> Result<&mut Vec<u8>, HashError> {
        let places = self.places.len();
        self.places.get_mut(place).ok_or(HashError::NoPlace { place, places })
    }
}

impl HashBank for Tape {
    fn places(&self) -> usize {
        self.places.len()
    }

    fn start(&mut self, place: usize, _: HashAlgorithm) -> Result<(), HashError> {
        self.place(place)?.clear();
        Ok(())
    }

    fn update(&mut self, place: usize, bytes: &[u8]) -> Result<(), HashError> {
        self.place(place)?.extend(bytes);
        Ok(())
    }

    fn snapshot(&self, place: usize) -> Result<Digest, HashError> {
        let places = self.places.len();
        let bytes = self.places.get(place).ok_or(HashError::NoPlace { place, places })?;
        self.closed.replace(bytes.clone());
        Digest::new(&[]).ok_or(HashError::NotStarted { place })
    }

    fn fork(&mut self, from: usize, to: usize) -> Result<(), HashError> {
        let copy = self.place(from)?.clone();
        *self.place(to)? = copy;
        Ok(())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Recording {
    /// Every signature of the recording with its transcript, in order, up to where the peer broke the
    /// protocol. The judge of live connections puts the transcripts together; signatures are not verified.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the negotiation is not as the judge demands.
    pub fn statements(&self) -> Result<Vec<Statement>, Error> {
        let mut tape = Tape::default();
        let mut connection =
            self.connection().map_err(|_| Error::Unwritable("there is no negotiation"))?;
        let mut statements = Vec::new();
        for exchange in &self.exchanges {
            let result = read(exchange, &mut tape, &mut connection, &mut statements);
            if result.is_err() {
                break;
            }
        }
        Ok(statements)
    }
}

fn read(
    exchange: &RecordedExchange,
    tape: &mut Tape,
    connection: &mut spdm_requester::Connection,
    statements: &mut Vec<Statement>,
) -> Result<(), Refused> {
    let request = exchange.request.as_slice();
    let mut crypto = Crypto { provider: &NO_CRYPTO, hashes: tape };
    // A recording may go on after a request without an answer that counts: it is given up.
    connection.give_up_request();
    connection.sent(request)?;
    for interim in &exchange.interim {
        connection.accept(&mut crypto, request, Untrusted::new(interim), None)?;
    }
    let Some(response) = &exchange.response else { return Ok(()) };
    let verdict = connection.accept(&mut crypto, request, Untrusted::new(response), None)?;
    let Some(negotiated) = connection.negotiated().copied() else { return Ok(()) };
    let stated = |slot| match slot {
        KeySlot::Slot(slot) => {
            connection.slot_digest(slot).map(|digest| digest.as_bytes().to_vec())
        }
        KeySlot::PublicKey => None,
    };
    let cx = negotiated.cx(usize::MAX);
    let statement = match verdict {
        Accepted::ChallengeAuth { message, .. } => {
            let asked = Challenge::decode(Untrusted::new(request), &cx)?.message;
            Statement {
                proof: Proof::Challenge,
                slot: asked.slot,
                negotiated,
                requester_nonce: asked.nonce,
                responder_nonce: message.nonce,
                context: asked.context,
                transcript: tape.closed.take(),
                prefix: prefix(&negotiated, SigningContext::ResponderChallengeAuth),
                signature: message.signature.to_vec(),
                chain_digest: Some(message.cert_chain_hash.to_vec()),
            }
        }
        Accepted::Measurements { message, .. } => {
            let asked = GetMeasurements::decode(Untrusted::new(request), &cx)?.message;
            let Some(signature) = asked.signature else { return Ok(()) };
            // Before 1.1 there is no SlotIDParam: slot 0 signs.
            let slot = signature.slot.unwrap_or(KeySlot::Slot(SlotId::ZERO));
            Statement {
                proof: Proof::Measurements,
                slot,
                negotiated,
                requester_nonce: signature.nonce,
                responder_nonce: message.nonce,
                context: asked.context,
                transcript: tape.closed.take(),
                prefix: prefix(&negotiated, SigningContext::ResponderMeasurements),
                signature: message.signature.to_vec(),
                chain_digest: stated(slot),
            }
        }
        _ => return Ok(()),
    };
    statements.push(statement);
    Ok(())
}

/// The combined prefix does not depend on what is signed.
fn prefix(negotiated: &Negotiated, context: SigningContext) -> Vec<u8> {
    let nothing = Digest::new(&[]);
    let message = nothing.map(|digest| SignedMessage::new(negotiated.version, context, digest));
    let prefix = message.and_then(|message| message.combined_prefix().copied());
    prefix.map(Vec::from).unwrap_or_default()
}
