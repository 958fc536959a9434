//! GET_MEASUREMENTS.

use core::mem;

use spdm_codec::{
    CapabilityFlags, ContentChanged, GetMeasurements, KeySlot, MeasCap, MeasurementAttributes,
    MeasurementOperation, MeasurementRecord, RequesterNonce, SignatureRequest, SpdmVersion,
};
use spdm_x509::Identity;

use crate::accepted::{Accepted, MeasurementSignature};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible, Misuse};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::possession::Possession;
use crate::requester::Requester;

/// Which measurements are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Selection<'i> {
    /// Only how many there are.
    Count,
    /// All, in one exchange.
    All,
    /// These, one exchange each, in this order; with a signature, the last one carries it and covers all.
    Indices(&'i [u8]),
}

/// What GET_MEASUREMENTS brought.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Measured<'m, 'c> {
    /// The measurement blocks, in the lent buffer.
    pub record: MeasurementRecord<'m>,
    /// How many indices the device has, for [`Selection::Count`].
    pub indices: Option<u8>,
    /// Whether the device noticed a change while it answered (1.2).
    pub content_changed: ContentChanged,
    /// The proof that the device signed all of this; `None` where no signature was asked for.
    pub possession: Option<Possession<'c>>,
}

/// What GET_MEASUREMENTS asks, and what came so far, whoever is to sign.
#[derive(Debug)]
pub(super) struct Reading<'i, 'm> {
    selection: Selection<'i>,
    attributes: MeasurementAttributes,
    /// Where a signature is asked for.
    nonce: Option<RequesterNonce>,
    buffer: &'m mut [u8],
    len: usize,
    blocks: u8,
    /// Exchanges that are complete.
    exchanges: u16,
}

impl<'i, 'm> Reading<'i, 'm> {
    pub(super) const fn new(
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        nonce: Option<RequesterNonce>,
        buffer: &'m mut [u8],
    ) -> Self {
        Self { selection, attributes, nonce, buffer, len: 0, blocks: 0, exchanges: 0 }
    }

    fn operation(&self) -> Option<MeasurementOperation> {
        match self.selection {
            Selection::Count => Some(MeasurementOperation::Count),
            Selection::All => Some(MeasurementOperation::All),
            Selection::Indices(indices) => {
                let (done, ahead) = indices.split_at_checked(self.exchanges.into())?;
                let index = ahead.first()?;
                let valid = !matches!(index, 0 | 0xFF) && !done.contains(index);
                valid.then_some(MeasurementOperation::Index(*index))
            }
        }
    }

    fn is_last(&self) -> bool {
        match self.selection {
            Selection::Count | Selection::All => true,
            Selection::Indices(indices) => usize::from(self.exchanges) + 1 >= indices.len(),
        }
    }

    fn agreed<'f, 'q>(&self, ask: &Ask<'q, 'f>) -> Result<&'q Negotiated, &'f Error> {
        let agreed = ask.agreed()?;
        match agreed.responder.flags.meas_cap() {
            MeasCap::None | MeasCap::Reserved => {
                Err(ask.errors.incompatible(Incompatible::Capability("MEAS_CAP")))
            }
            _ if self.nonce.is_some() => {
                ask.require(CapabilityFlags::MEAS_CAP_SIG, "MEAS_CAP with signatures")
            }
            _ => Ok(agreed),
        }
    }

    fn signature<'f>(
        &self,
        ask: &Ask<'_, 'f>,
        agreed: &Negotiated,
        identity: Option<&Identity<'_>>,
    ) -> Result<Option<SignatureRequest>, &'f Error> {
        let Some(nonce) = self.nonce.filter(|_| self.is_last()) else { return Ok(None) };
        let identity = identity.ok_or_else(|| ask.errors.misuse(Misuse::Identity))?;
        agreed.check_identity(ask.errors, identity)?;
        // 1.0 has no SlotIDParam: slot 0 signs.
        let slot = match (agreed.version, identity.key_slot()) {
            (SpdmVersion::V1_0, KeySlot::Slot(slot)) if slot.get() == 0 => None,
            (SpdmVersion::V1_0, KeySlot::Slot(slot)) => {
                let slot = slot.get();
                return Err(ask.errors.incompatible(Incompatible::MeasurementSlot { slot }));
            }
            (SpdmVersion::V1_0, _) => return Err(ask.errors.misuse(Misuse::Identity)),
            (_, slot) => Some(slot),
        };
        Ok(Some(SignatureRequest { nonce, slot }))
    }

    pub(super) fn request<'f>(
        &self,
        ask: &Ask<'_, 'f>,
        identity: Option<&Identity<'_>>,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let agreed = self.agreed(ask)?;
        let message = GetMeasurements {
            attributes: self.attributes,
            signature: self.signature(ask, agreed, identity)?,
            context: ask.context(agreed.version)?,
            operation: self.operation().ok_or_else(|| ask.errors.misuse(Misuse::Selection))?,
        };
        ask.encode(&message, agreed.version, out)
    }

    /// Keeps a record behind those before it, in the lent buffer.
    fn keep<'f>(
        &mut self,
        errors: &'f ErrorCell,
        record: &MeasurementRecord<'_>,
    ) -> Result<(), &'f Error> {
        let bytes = record.as_bytes();
        let needed = self.len.saturating_add(bytes.len());
        let (buffer, len) = (Buffer::Record, self.buffer.len());
        let place = self.buffer.get_mut(self.len..needed);
        let place =
            place.ok_or_else(|| errors.stop(Error::BufferTooSmall { buffer, needed, len }))?;
        place.copy_from_slice(bytes);
        self.len = needed;
        self.blocks = self.blocks.saturating_add(record.number_of_blocks());
        Ok(())
    }

    /// What came before a failure will never be signed: it does not stay in the caller's buffer.
    pub(super) fn failed(&mut self) {
        self.buffer.get_mut(..self.len).unwrap_or_default().fill(0);
    }

    /// Takes an answer; what was measured after the last one.
    pub(super) fn answered<'f, 'c>(
        &mut self,
        env: &mut Env<'_, 'f>,
        identity: Option<&Identity<'c>>,
        answer: &Answer<'_, '_>,
    ) -> Result<Option<Measured<'m, 'c>>, &'f Error> {
        let Accepted::Measurements { message, signature } = env.accept(answer, identity)? else {
            return Err(env.errors.unfinished());
        };
        let last = self.is_last();
        self.keep(env.errors, &message.record)?;
        self.exchanges = self.exchanges.saturating_add(1);
        if !last {
            return Ok(None);
        }
        let possession = match signature {
            MeasurementSignature::Verified { possession, exchanges }
                if exchanges >= self.exchanges =>
            {
                Some(possession)
            }
            // The signature must cover every record that is handed out. Unsigned exchanges directly before
            // this operation belong to the same transcript.
            MeasurementSignature::Verified { .. } => return Err(env.errors.unfinished()),
            _ if self.nonce.is_some() => return Err(env.errors.unfinished()),
            _ => None,
        };
        let bytes = mem::take(&mut self.buffer).get(..self.len).unwrap_or_default();
        Ok(Some(Measured {
            record: MeasurementRecord::from_encoded(self.blocks, bytes),
            indices: (self.selection == Selection::Count).then_some(message.total_indices),
            content_changed: message.content_changed,
            possession,
        }))
    }
}

/// Measurements: see [`Requester::measure_signed`](crate::Requester::measure_signed).
#[derive(Debug)]
pub struct Measure<'i, 'm, 'c> {
    signer: Option<Identity<'c>>,
    reading: Reading<'i, 'm>,
    measured: Option<Measured<'m, 'c>>,
}

impl<'i, 'm, 'c> Measure<'i, 'm, 'c> {
    pub(crate) const fn signed(
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        identity: Identity<'c>,
        nonce: RequesterNonce,
        buffer: &'m mut [u8],
    ) -> Self {
        let reading = Reading::new(selection, attributes, Some(nonce), buffer);
        Self { signer: Some(identity), reading, measured: None }
    }

    pub(crate) const fn unsigned(
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        buffer: &'m mut [u8],
    ) -> Self {
        let reading = Reading::new(selection, attributes, None, buffer);
        Self { signer: None, reading, measured: None }
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_MEASUREMENTS with a signature of `identity` over a nonce. The record is written into the lent
    /// buffer; it is the caller's only after the signature verified: nothing stays there of a flow that fails,
    /// but something may of one that is dropped. Through 1.1 the signature does not cover the negotiation;
    /// [`Self::challenge`] does.
    #[must_use]
    pub fn measure_signed<'i, 'm, 'c>(
        self,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        identity: Identity<'c>,
        nonce: RequesterNonce,
        record: &'m mut [u8],
    ) -> Flow<'a, Measure<'i, 'm, 'c>> {
        let measure = Measure::signed(selection, attributes, identity, nonce, record);
        Flow::new(self.core, measure)
    }

    /// GET_MEASUREMENTS without a signature: nothing of the record is authentic.
    #[must_use]
    pub fn measure_unsigned<'i, 'm>(
        self,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        record: &'m mut [u8],
    ) -> Flow<'a, Measure<'i, 'm, 'static>> {
        Flow::new(self.core, Measure::unsigned(selection, attributes, record))
    }
}

impl<'m, 'c> sealed::Operation for Measure<'_, 'm, 'c> {
    type Phase = Negotiated;
    type Output = Measured<'m, 'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        self.reading.request(ask, self.signer.as_ref(), out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        self.measured = self.reading.answered(env, self.signer.as_ref(), answer)?;
        Ok(if self.measured.is_some() { Next::Done } else { Next::Again })
    }

    fn failed(&mut self) {
        self.reading.failed();
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Measured<'m, 'c>, &'f Error> {
        self.measured.ok_or_else(|| errors.unfinished())
    }
}
