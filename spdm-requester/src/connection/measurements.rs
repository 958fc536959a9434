//! GET_MEASUREMENTS and MEASUREMENTS.

use spdm_codec::{
    Code, ContentChanged, Expected, GetMeasurements, KeySlot, Measurement, MeasurementBlock,
    MeasurementForm, MeasurementHashAlgo, MeasurementOperation, Measurements, SlotId, SpdmVersion,
};
use spdm_x509::Identity;

use super::challenge::check_identity;
use super::proof::{SignedExchange, prove};
use super::{Connection, Scope};
use crate::accepted::{Accepted, MeasurementSignature};
use crate::answer::Answer;
use crate::error::{Error, Violation};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::Negotiated;
use crate::possession::Proof;
use crate::transcript::Crypto;

const MESSAGE: &str = "MEASUREMENTS";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_measurements<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::GET_MEASUREMENTS));
        };
        let asked = self.request::<GetMeasurements>(errors, request, negotiated.version)?;
        let question = &asked.message;
        let signature_len = match question.signature {
            Some(_) => negotiated.signature_len(),
            None => 0,
        };
        let cx = negotiated.cx(self.answer_padding()).with_signature_len(signature_len);
        let decoded = errors.decode::<Measurements<'_>>(response, &cx)?;
        let message = decoded.message;
        self.check_blocks(errors, negotiated, question, &message)?;
        check_echoes(errors, question, &message)?;

        let head = if negotiated.version >= SpdmVersion::V1_2 { self.vca.as_bytes() } else { &[] };
        let l1 = match &mut self.scope {
            Scope::Plain => &mut self.l1,
            Scope::Session { l1, .. } => l1,
        };
        let signature = match (&question.signature, negotiated.hash()) {
            (None, Ok(hash)) => {
                l1.add(errors, crypto, hash, head, [asked.bytes, decoded.bytes])?;
                MeasurementSignature::NotRequested
            }
            // A peer that never signs may have no hash; then there is no transcript to keep.
            (None, Err(_)) => MeasurementSignature::NotRequested,
            (Some(_), Err(error)) if identity.is_some() => return Err(errors.incompatible(error)),
            (Some(_), Err(_)) => {
                l1.reset();
                MeasurementSignature::NotChecked
            }
            (Some(asks), Ok(_)) => {
                // Before 1.1 there is no SlotIDParam: slot 0 signs.
                let slot = asks.slot.unwrap_or(KeySlot::Slot(SlotId::ZERO));
                check_identity(errors, negotiated, slot, identity)?;
                let exchanges = l1.exchanges().saturating_add(1);
                let signed = SignedExchange {
                    proof: Proof::Measurements,
                    request: asked.bytes,
                    response: decoded.bytes,
                    signature: message.signature,
                    nonce: &asks.nonce,
                    compat: self.compat,
                };
                match prove(errors, crypto, negotiated, l1, head, identity, &signed)? {
                    None => MeasurementSignature::NotChecked,
                    Some(possession) => MeasurementSignature::Verified { possession, exchanges },
                }
            }
        };
        if question.operation == MeasurementOperation::Count {
            self.indices = Some(message.total_indices);
        }
        Ok(Accepted::Measurements { message, signature })
    }

    fn check_blocks<'f>(
        &self,
        errors: &'f ErrorCell,
        negotiated: &Negotiated,
        question: &GetMeasurements,
        message: &Measurements<'_>,
    ) -> Result<(), &'f Error> {
        let blocks = message.record.number_of_blocks();
        let value = |expected: &Expected| {
            Err(errors.value(&At(MESSAGE, "NumberOfBlocks"), expected, blocks))
        };
        match question.operation {
            MeasurementOperation::Count if blocks != 0 => return value(&Expected::Exactly(0)),
            MeasurementOperation::Count if matches!(message.total_indices, 0 | 0xFF) => {
                let (at, got) = (&At(MESSAGE, "Param1"), message.total_indices);
                return Err(errors.value(at, &Expected::Range(1, 0xFE), got));
            }
            MeasurementOperation::Count => return Ok(()),
            MeasurementOperation::Index(_) if blocks != 1 => return value(&Expected::Exactly(1)),
            MeasurementOperation::All => {
                let most = self.indices.unwrap_or(0xFE);
                if blocks == 0 || blocks > most {
                    return value(&Expected::Range(1, most.into()));
                }
            }
            MeasurementOperation::Index(_) => {}
        }
        let mut blocks = message.record.iter();
        blocks.try_for_each(|block| check_block(errors, negotiated, question, &block))
    }
}

fn check_block<'f>(
    errors: &'f ErrorCell,
    negotiated: &Negotiated,
    question: &GetMeasurements,
    block: &MeasurementBlock<'_>,
) -> Result<(), &'f Error> {
    if let MeasurementOperation::Index(index) = question.operation
        && block.index != index
    {
        let expected = Expected::Exactly(index.into());
        return Err(errors.value(&At(MESSAGE, "Index"), &expected, block.index));
    }
    let selected = &negotiated.selected;
    if block.specification() != selected.measurement_specification {
        let violation = Violation::NotOffered {
            offered: selected.measurement_specification.bits().into(),
            got: block.specification().bits().into(),
        };
        return Err(errors.misbehaved(&At(MESSAGE, "MeasurementSpecification"), violation));
    }
    let Measurement::Dmtf(measurement) = block.measurement else { return Ok(()) };
    let hash = selected.measurement_hash;
    if measurement.form == MeasurementForm::RawBitStream || hash.is_empty() {
        return Ok(());
    }
    let len = measurement.value.len();
    let expected = match hash.digest_len() {
        Some(digest_len) if digest_len == len => return Ok(()),
        Some(digest_len) => Expected::Exactly(u64::try_from(digest_len).unwrap_or(u64::MAX)),
        None => Expected::Rule("a raw bit stream, for there is no measurement hash"),
    };
    debug_assert!(hash.digest_len().is_some() || hash == MeasurementHashAlgo::RAW_BIT_STREAM);
    Err(errors.value(&At(MESSAGE, "DMTFSpecMeasurementValueSize"), &expected, len))
}

fn check_echoes<'f>(
    errors: &'f ErrorCell,
    question: &GetMeasurements,
    message: &Measurements<'_>,
) -> Result<(), &'f Error> {
    if message.context != question.context {
        return Err(errors.differs(&At(MESSAGE, "RequesterContext"), "the request's"));
    }
    let Some(signature) = &question.signature else {
        // Only a signed answer can say whether something changed.
        return match message.content_changed {
            ContentChanged::NotDetected => Ok(()),
            _ => Err(errors.unexpected(&At(MESSAGE, "content changed"))),
        };
    };
    if let (Some(expected), Some(got)) = (signature.slot, message.slot)
        && expected != got
    {
        let expected = Expected::Exactly(expected.to_nibble().into());
        return Err(errors.value(&At(MESSAGE, "SlotID"), &expected, got.to_nibble()));
    }
    if message.nonce.0 == signature.nonce.0 {
        return Err(errors.differs(&At(MESSAGE, "Nonce"), "a nonce of the Responder's own"));
    }
    Ok(())
}
