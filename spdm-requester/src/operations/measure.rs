//! GET_MEASUREMENTS.

use core::mem;

use spdm_codec::{
    CapabilityFlags, ContentChanged, GetMeasurements, KeySlot, MeasCap, MeasurementAttributes,
    MeasurementOperation, MeasurementRecord, Message, Nonce, SignatureRequest, SpdmVersion,
};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::unfinished;
use crate::connection::{MeasurementSignature, Verdict};
use crate::error::{Buffer, Error, Incompatible, Misuse};
use crate::negotiated::Negotiated;
use crate::operation::{Ask, Judge, Next, sealed};
use crate::possession::Possession;

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

#[derive(Clone, Copy, Debug)]
struct Signer<'c> {
    identity: Identity<'c>,
    nonce: Nonce,
}

/// Measurements: see [`Requester::measure_signed`](crate::Requester::measure_signed).
#[derive(Debug)]
pub struct Measure<'i, 'm, 'c> {
    agreed: Negotiated,
    selection: Selection<'i>,
    attributes: MeasurementAttributes,
    signer: Option<Signer<'c>>,
    buffer: &'m mut [u8],
    len: usize,
    blocks: u8,
    /// Exchanges that are complete.
    exchanges: u16,
    measured: Option<Measured<'m, 'c>>,
}

impl<'i, 'm, 'c> Measure<'i, 'm, 'c> {
    pub(crate) const fn signed(
        agreed: Negotiated,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        identity: Identity<'c>,
        nonce: Nonce,
        buffer: &'m mut [u8],
    ) -> Self {
        let mut measure = Self::unsigned(agreed, selection, attributes, buffer);
        measure.signer = Some(Signer { identity, nonce });
        measure
    }

    pub(crate) const fn unsigned(
        agreed: Negotiated,
        selection: Selection<'i>,
        attributes: MeasurementAttributes,
        buffer: &'m mut [u8],
    ) -> Self {
        Self {
            agreed,
            selection,
            attributes,
            signer: None,
            buffer,
            len: 0,
            blocks: 0,
            exchanges: 0,
            measured: None,
        }
    }

    fn operation(&self) -> Result<MeasurementOperation, Error> {
        match self.selection {
            Selection::Count => Ok(MeasurementOperation::Count),
            Selection::All => Ok(MeasurementOperation::All),
            Selection::Indices(indices) => {
                let (done, ahead) = indices
                    .split_at_checked(self.exchanges.into())
                    .ok_or(Error::Misuse(Misuse::Selection))?;
                match ahead.first() {
                    Some(index) if !matches!(index, 0 | 0xFF) && !done.contains(index) => {
                        Ok(MeasurementOperation::Index(*index))
                    }
                    _ => Err(Error::Misuse(Misuse::Selection)),
                }
            }
        }
    }

    fn is_last(&self) -> bool {
        match self.selection {
            Selection::Count | Selection::All => true,
            Selection::Indices(indices) => usize::from(self.exchanges) + 1 >= indices.len(),
        }
    }

    fn check_capability(&self) -> Result<(), Error> {
        let signs = CapabilityFlags::MEAS_CAP_SIG;
        match self.agreed.responder.flags.meas_cap() {
            MeasCap::None | MeasCap::Reserved => Err(Incompatible::Capability("MEAS_CAP").into()),
            _ if self.signer.is_some() => self.agreed.require(signs, "MEAS_CAP with signatures"),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, record: &MeasurementRecord<'_>) -> Result<(), Error> {
        let bytes = record.as_bytes();
        let needed = self.len.saturating_add(bytes.len());
        let len = self.buffer.len();
        let place = self.buffer.get_mut(self.len..needed).ok_or(Error::BufferTooSmall {
            buffer: Buffer::Record,
            needed,
            len,
        })?;
        place.copy_from_slice(bytes);
        self.len = needed;
        self.blocks = self.blocks.saturating_add(record.number_of_blocks());
        Ok(())
    }
}

impl<'m, 'c> sealed::Operation for Measure<'_, 'm, 'c> {
    type Phase = Negotiated;
    type Output = Measured<'m, 'c>;

    fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error> {
        self.check_capability()?;
        let version = self.agreed.version;
        let signer = self.signer.as_ref().filter(|_| self.is_last());
        // 1.0 has no SlotIDParam: slot 0 signs.
        let slot = |identity: &Identity<'_>| match (version, identity.key_slot()) {
            (SpdmVersion::V1_0, KeySlot::Slot(slot)) if slot.get() == 0 => Ok(None),
            (SpdmVersion::V1_0, _) => Err(Error::Misuse(Misuse::Identity)),
            (_, slot) => Ok(Some(slot)),
        };
        let signature = match signer {
            None => None,
            Some(Signer { identity, nonce }) => {
                self.agreed.check_identity(identity)?;
                Some(SignatureRequest { nonce: *nonce, slot: slot(identity)? })
            }
        };
        let context = match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => None,
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => Some(ask.random()?),
        };
        let operation = self.operation()?;
        let message =
            GetMeasurements { attributes: self.attributes, operation, signature, context };
        Ok(message.encode(version, out)?)
    }

    fn accept(
        &mut self,
        judge: &mut Judge<'_>,
        request: &[u8],
        response: Untrusted<&[u8]>,
    ) -> Result<Next, Error> {
        let identity = self.signer.as_ref().map(|signer| &signer.identity);
        let verdict = judge.accept(request, response, identity)?;
        let Verdict::Measurements { message, signature } = verdict else {
            return Err(unfinished());
        };
        let last = self.is_last();
        self.keep(&message.record)?;
        self.exchanges = self.exchanges.saturating_add(1);
        if !last {
            return Ok(Next::Again);
        }
        let possession = match signature {
            MeasurementSignature::Verified { possession, exchanges }
                if exchanges >= self.exchanges =>
            {
                Some(possession)
            }
            // The signature must cover every record that is handed out. Unsigned exchanges directly before
            // this operation belong to the same transcript.
            MeasurementSignature::Verified { .. } => return Err(unfinished()),
            _ if self.signer.is_some() => return Err(unfinished()),
            _ => None,
        };
        let bytes = mem::take(&mut self.buffer).get(..self.len).unwrap_or_default();
        self.measured = Some(Measured {
            record: MeasurementRecord::from_encoded(self.blocks, bytes),
            indices: (self.selection == Selection::Count).then_some(message.total_indices),
            content_changed: message.content_changed,
            possession,
        });
        Ok(Next::Done)
    }

    fn finish(self) -> Result<(Negotiated, Measured<'m, 'c>), Error> {
        Ok((self.agreed, self.measured.ok_or_else(unfinished)?))
    }

    fn phase_after_refusal(&self) -> Option<Negotiated> {
        Some(self.agreed)
    }
}
