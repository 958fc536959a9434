//! GET_MEASUREMENT_EXTENSION_LOG, until the log is complete.

use core::mem;

use spdm_codec::{
    CapabilityFlags, Expected, GetMeasurementExtensionLog, MeasurementExtensionLog,
    MeasurementExtensionLogPortion, MelEntry, MelSpecification,
};
use spdm_untrusted::Untrusted;

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

const MESSAGE: &str = "MEASUREMENT_EXTENSION_LOG";
const LOG: &str = "measurement extension log";
/// Bytes of the response in front of a portion.
const RESPONSE_HEADER: usize = 12;

/// A measurement extension log, complete and well formed, in the lent buffer. Nothing signs it, in a session or not:
/// whoever answers can write what it likes, and it may have grown while it was read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UnsignedLog<'m> {
    /// The log.
    pub log: MeasurementExtensionLog<'m>,
    /// How many responses it came in. Only a log that came in one is sure to be of one moment.
    pub responses: u32,
}

impl<'m> UnsignedLog<'m> {
    /// The first entry whose `MELIndex` is not above that of the entry before it: no rule forbids one, but a log that is
    /// only ever extended has none.
    #[must_use]
    pub fn first_out_of_order(&self) -> Option<MelEntry<'m>> {
        let mut last = None;
        self.log.iter().find(|entry| {
            let before = last.replace(entry.mel_index);
            before.is_some_and(|before| entry.mel_index <= before)
        })
    }
}

/// The measurement extension log: see [`Requester::fetch_measurement_extension_log`].
#[derive(Debug)]
pub struct FetchLog<'m> {
    buffer: &'m mut [u8],
    /// Bytes of the log that came.
    have: usize,
    responses: u32,
    /// `Length` of the last request.
    asked: u32,
    /// Bytes of the whole log as the first response stated them; it may grow afterwards.
    first_total: Option<u32>,
    /// Bytes of the whole log as its own header states them.
    whole: Option<usize>,
    log: Option<UnsignedLog<'m>>,
}

impl<'a> Requester<'a, Negotiated> {
    /// The measurement extension log (1.3), into the lent buffer: GET_MEASUREMENT_EXTENSION_LOG in the largest portions that
    /// fit. A log that is longer than the buffer fails with [`Error::BufferTooSmall`], which says how long it is. The DMTF
    /// format has to be offered before the negotiation ([`Offer::mel_specification`](crate::Offer::mel_specification)).
    ///
    /// Each response must continue the one before it, and the log that they make must have the entries that its header
    /// states. Nothing signs the log.
    #[must_use]
    pub fn fetch_measurement_extension_log<'m>(
        self,
        buffer: &'m mut [u8],
    ) -> Flow<'a, FetchLog<'m>> {
        let operation = FetchLog {
            buffer,
            have: 0,
            responses: 0,
            asked: 0,
            first_total: None,
            whole: None,
            log: None,
        };
        Flow::new(self.core, operation)
    }
}

impl<'m> FetchLog<'m> {
    /// Whether a portion is one that was asked for, of a log that did not shrink: bytes of the whole log as it states them.
    fn check<'f>(
        &self,
        errors: &'f ErrorCell,
        asked: u32,
        message: &MeasurementExtensionLogPortion<'_>,
    ) -> Result<u32, &'f Error> {
        let len = message.portion.len();
        if len == 0 || u32::try_from(len).map_or(true, |len| len > asked) {
            let expected = Expected::Range(1, asked.into());
            return Err(errors.value(&At(MESSAGE, "PortionLength"), &expected, len));
        }
        let least = self.first_total.unwrap_or(0);
        let least = self.whole.and_then(|whole| u32::try_from(whole).ok()).unwrap_or(least);
        let end = u32::try_from(self.have.saturating_add(len)).ok();
        let total = end.and_then(|end| end.checked_add(message.remainder));
        total.filter(|total| *total >= least).ok_or_else(|| {
            let rule = Expected::Rule("what is left of a log that does not shrink or pass 4 GiB");
            errors.value(&At(MESSAGE, "RemainderLength"), &rule, message.remainder)
        })
    }

    /// Keeps a portion of a log that has `total` bytes.
    fn keep<'f>(
        &mut self,
        errors: &'f ErrorCell,
        portion: &[u8],
        total: u32,
    ) -> Result<(), &'f Error> {
        let first_total = *self.first_total.get_or_insert(total);
        let (buffer, len) = (Buffer::Response, self.buffer.len());
        let too_small = |needed: u64| {
            let needed = usize::try_from(needed).unwrap_or(usize::MAX);
            errors.stop(Error::BufferTooSmall { buffer, needed, len })
        };
        if usize::try_from(first_total).map_or(true, |total| total > len) {
            return Err(too_small(first_total.into()));
        }
        let end = self.have.saturating_add(portion.len());
        let place = self.buffer.get_mut(self.have..end).ok_or_else(|| too_small(total.into()))?;
        place.copy_from_slice(portion);
        self.have = end;
        self.responses = self.responses.saturating_add(1);
        let so_far = Untrusted::new(self.buffer.get(..end).unwrap_or_default());
        if let (None, Some(whole)) = (self.whole, MeasurementExtensionLog::stated_len(so_far)) {
            // What was there from the start belongs to the log, and it is no longer than what is there now.
            if !(u64::from(first_total)..=u64::from(total)).contains(&whole) {
                let expected = Expected::Range(first_total.into(), total.into());
                return Err(errors.value(&At(LOG, "length with its header"), &expected, whole));
            }
            let fits = usize::try_from(whole).ok().filter(|whole| *whole <= len);
            self.whole = Some(fits.ok_or_else(|| too_small(whole))?);
        }
        Ok(())
    }

    /// Reads the log, once there is no more of it.
    fn complete<'f>(&mut self, errors: &'f ErrorCell) -> Result<(), &'f Error> {
        // Where it cannot be read, the buffer is still here to be cleared.
        let bytes = self.buffer.get(..self.have).unwrap_or_default();
        MeasurementExtensionLog::decode(Untrusted::new(bytes))
            .map_err(|error| errors.stop(error))?;
        let bytes = mem::take(&mut self.buffer).get(..self.have).unwrap_or_default();
        let log = MeasurementExtensionLog::decode(Untrusted::new(bytes));
        let log = log.map_err(|error| errors.stop(error))?;
        self.log = Some(UnsignedLog { log, responses: self.responses });
        Ok(())
    }
}

impl<'m> sealed::Operation for FetchLog<'m> {
    type Phase = Negotiated;
    type Output = UnsignedLog<'m>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::MEL_CAP, "MEL_CAP")?;
        if !agreed.selected.mel_specification.contains(MelSpecification::DMTF) {
            let field = "MELspecificationSel";
            return Err(ask.errors.incompatible(Incompatible::NoAlgorithm { field }));
        }
        let left = self.whole.unwrap_or(self.buffer.len()).saturating_sub(self.have);
        let most = ask.room.saturating_sub(RESPONSE_HEADER).min(left).max(1);
        let message = GetMeasurementExtensionLog {
            offset: u32::try_from(self.have).unwrap_or(u32::MAX),
            length: u32::try_from(most).unwrap_or(u32::MAX),
        };
        self.asked = message.length;
        ask.encode(&message, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let errors = env.errors;
        let checked = errors
            .decode::<MeasurementExtensionLogPortion<'_>>(answer.response, &cx)
            .and_then(|decoded| {
                let total = self.check(errors, self.asked, &decoded.message)?;
                Ok((decoded.message, total))
            })
            .inspect_err(|error| env.reject(answer.request, answer.response, error));
        let (message, total) = checked?;
        env.accept(answer, None)?;
        self.keep(errors, message.portion, total)?;
        let is_whole = self.whole.is_some_and(|whole| self.have >= whole);
        if !is_whole && message.remainder > 0 {
            return Ok(Next::Again);
        }
        self.complete(errors)?;
        Ok(Next::Done)
    }

    /// Half a log is of no use to the caller.
    fn failed(&mut self) {
        self.buffer.get_mut(..self.have).unwrap_or_default().fill(0);
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<UnsignedLog<'m>, &'f Error> {
        self.log.ok_or_else(|| errors.unfinished())
    }
}
