//! Reading the device interface report in portions.

use crate::fault::Fault;
use crate::tdisp::GetReport;

/// Puts the portions of a device interface report together, in memory of the caller.
///
/// ```text
/// while let Some(question) = reader.next() {
///     let (portion, remainder) = … interface.ask(question) …;
///     reader.take(portion, remainder)?;
/// }
/// InterfaceReport::decode(Untrusted::new(reader.report()))
/// ```
#[derive(Debug)]
pub struct ReportReader<'m> {
    memory: &'m mut [u8],
    len: usize,
    portion: u16,
    /// Bytes of the whole report, as the first portion said.
    total: Option<usize>,
}

impl<'m> ReportReader<'m> {
    /// Nothing was read yet; `portion` is the length in bytes that is asked for, at least 1.
    #[must_use]
    pub fn new(memory: &'m mut [u8], portion: u16) -> Self {
        Self { memory, len: 0, portion: portion.max(1), total: None }
    }

    /// The next portion to ask for; `None` where the report is whole.
    #[must_use]
    pub fn next(&self) -> Option<GetReport> {
        let left = match self.total {
            Some(total) => total.saturating_sub(self.len),
            None => usize::from(self.portion),
        };
        let length = u16::try_from(left).unwrap_or(u16::MAX).min(self.portion);
        let offset = u16::try_from(self.len).ok()?;
        (length > 0).then_some(GetReport { offset, length })
    }

    /// Takes the answer to [`Self::next`].
    ///
    /// # Errors
    /// [`Fault::Value`] where the report is longer or shorter than the portions before said, [`Fault::ReportTooLarge`]
    /// where it does not fit: with the first portion, before anything else is asked.
    pub fn take(&mut self, portion: &[u8], remainder: u16) -> Result<(), Fault> {
        let asked = self.next().map_or(0, |question| usize::from(question.length));
        if portion.is_empty() || portion.len() > asked {
            let got = u64::try_from(portion.len()).unwrap_or(u64::MAX);
            let (field, expected) = ("PORTION_LENGTH", "1 to LENGTH");
            return Err(Fault::Value { field, expected, got });
        }
        let end = self.len.saturating_add(portion.len());
        let total = end.saturating_add(remainder.into());
        if self.total.is_some_and(|known| known != total) {
            let (field, expected) = ("REMAINDER_LENGTH", "what the portions before left over");
            return Err(Fault::Value { field, expected, got: remainder.into() });
        }
        // OFFSET has 16 bits.
        if total > usize::from(u16::MAX) {
            let (field, expected) = ("REMAINDER_LENGTH", "within 65535 bytes of the report");
            return Err(Fault::Value { field, expected, got: remainder.into() });
        }
        let len = self.memory.len();
        let place = self.memory.get_mut(self.len..end).filter(|_| total <= len);
        let place = place.ok_or(Fault::ReportTooLarge { needed: total, len })?;
        place.copy_from_slice(portion);
        (self.len, self.total) = (end, Some(total));
        Ok(())
    }

    /// What was read: the whole report where [`Self::next`] is `None`.
    #[must_use]
    pub fn report(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}
