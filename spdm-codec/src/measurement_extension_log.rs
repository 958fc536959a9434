//! GET_MEASUREMENT_EXTENSION_LOG, MEASUREMENT_EXTENSION_LOG, and the log itself (1.3).

use spdm_untrusted::Untrusted;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::measurement_block::DmtfMeasurement;
use crate::message::sealed::Body;
use crate::reader::{Reader, length, next_of, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

/// GET_MEASUREMENT_EXTENSION_LOG (DSP0274 1.3 §GET_MEASUREMENT_EXTENSION_LOG).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 4 | Offset |
/// | 8 | 4 | Length |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetMeasurementExtensionLog {
    /// `Offset` in bytes.
    pub offset: u32,
    /// `Length` in bytes: the largest portion wanted.
    pub length: u32,
}

impl<'a> Body<'a> for GetMeasurementExtensionLog {
    const BODY_NAME: &'static str = "GET_MEASUREMENT_EXTENSION_LOG";
    const BODY_CODE: Code = Code::GET_MEASUREMENT_EXTENSION_LOG;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        Ok(Self { offset: r.u32("Offset")?, length: r.u32("Length")? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u32(self.offset);
        w.u32(self.length);
        Ok(())
    }
}

/// MEASUREMENT_EXTENSION_LOG (DSP0274 1.3 §MEASUREMENT_EXTENSION_LOG).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 4 | PortionLength p |
/// | 8 | 4 | RemainderLength |
/// | 12 | p | MEL |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct MeasurementExtensionLogPortion<'a> {
    /// The bytes of the log.
    pub portion: &'a [u8],
    /// `RemainderLength`: bytes of the log that follow this portion.
    pub remainder: u32,
}

impl<'a> Body<'a> for MeasurementExtensionLogPortion<'a> {
    const BODY_NAME: &'static str = "MEASUREMENT_EXTENSION_LOG";
    const BODY_CODE: Code = Code::MEASUREMENT_EXTENSION_LOG;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let portion = r.u32("PortionLength")?;
        let remainder = r.u32("RemainderLength")?;
        Ok(Self { portion: r.bytes("MEL", length(portion))?, remainder })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        let field = "PortionLength";
        w.u32(u32::try_from(self.portion.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.u32(self.remainder);
        w.bytes(self.portion);
        Ok(())
    }
}

/// The measurement extension log in the DMTF format, all portions put together.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | NumberOfEntries |
/// | 4 | 4 | MELEntriesLength |
/// | 8 | 8 | Reserved |
/// | 16 | | entries |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MeasurementExtensionLog<'a> {
    entries: &'a [u8],
    count: u32,
}

/// An entry of the log.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | MELIndex |
/// | 4 | 1 | MeasIndex |
/// | 5 | 3 | Reserved |
/// | 8 | | a measurement in the DMTF format |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct MelEntry<'a> {
    /// `MELIndex`.
    pub mel_index: u32,
    /// `MeasIndex`: the measurement that the entry extends.
    pub meas_index: u8,
    /// What was measured.
    pub measurement: DmtfMeasurement<'a>,
}

impl<'a> MelEntry<'a> {
    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let mel_index = r.u32("MELIndex")?;
        let meas_index = r.u8("MeasIndex")?;
        r.reserved(3)?;
        Ok(Self { mel_index, meas_index, measurement: DmtfMeasurement::read(r, None)? })
    }
}

impl<'a> MeasurementExtensionLog<'a> {
    /// Bytes of a whole log, its header included, as the header says: `None` where the header is not complete.
    #[must_use]
    pub fn stated_len(start: Untrusted<&[u8]>) -> Option<u64> {
        let len = start.validate_with(|raw| {
            read_from("measurement extension log", raw, NoTrace, |r| {
                r.u32("NumberOfEntries")?;
                let len = r.u32("MELEntriesLength")?;
                r.reserved(8)?;
                Ok(u64::from(len) + 16)
            })
        });
        len.ok()
    }

    /// Checks a whole log.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of the log, where an entry does not fit or the entries
    /// are not as many or as long as the log says.
    pub fn decode(bytes: Untrusted<&'a [u8]>) -> Result<Self, DecodeError> {
        bytes.validate_with(|raw| {
            read_from("measurement extension log", raw, NoTrace, |r| {
                let at_count = r.mark("NumberOfEntries");
                let count = r.u32("NumberOfEntries")?;
                let len = r.u32("MELEntriesLength")?;
                r.reserved(8)?;
                let entries = r.within("MELEntries", length(len), |r| {
                    let entries = r.remaining();
                    for _ in 0..count {
                        MelEntry::read(r)?;
                    }
                    if r.left() > 0 {
                        let expected = Expected::Rule("entries up to MELEntriesLength");
                        return Err(at_count.value(&expected, count));
                    }
                    Ok(entries)
                })?;
                r.finish(0)?;
                Ok(Self { entries, count })
            })
        })
    }

    /// `NumberOfEntries`.
    #[must_use]
    pub const fn number_of_entries(&self) -> u32 {
        self.count
    }

    /// The entries, in the Responder's order.
    pub fn iter(&self) -> impl Iterator<Item = MelEntry<'a>> + 'a {
        let mut rest = self.entries;
        core::iter::from_fn(move || next_of("measurement extension log", &mut rest, MelEntry::read))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        GetMeasurementExtensionLog, MeasurementExtensionLog, MeasurementExtensionLogPortion,
    };
    use crate::testing::{every_prefix_fails, one_byte_more, round_trip};
    use crate::{Cx, SpdmVersion};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    #[test]
    fn portions() {
        let cx = Cx::new(SpdmVersion::V1_3);
        let bytes = [0x13, 0xEF, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
        let message: GetMeasurementExtensionLog = round_trip(&bytes, &cx);
        assert_eq!((message.offset, message.length), (1, 2));
        every_prefix_fails::<GetMeasurementExtensionLog>(&bytes, &cx);
        let bytes = [0x13, 0x6F, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9];
        let message: MeasurementExtensionLogPortion<'_> = round_trip(&bytes, &cx);
        assert_eq!((message.portion, message.remainder), (&[9][..], 2));
        every_prefix_fails::<MeasurementExtensionLogPortion<'_>>(&bytes, &cx);
        one_byte_more::<MeasurementExtensionLogPortion<'_>>(&[&bytes[..], &[0]].concat(), &cx);
    }

    #[test]
    fn entries() {
        let mut log = std::vec![2, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        log.extend([1, 0, 0, 0, 5, 0, 0, 0, 0x81, 2, 0, 7, 8]);
        log.extend([2, 0, 0, 0, 6, 0, 0, 0, 0x09, 0, 0]);
        let decoded = MeasurementExtensionLog::decode(Untrusted::new(&log)).unwrap();
        let values: Vec<_> = decoded.iter().map(|e| (e.meas_index, e.measurement.value)).collect();
        assert_eq!(values, [(5, &[7, 8][..]), (6, &[])]);
        for len in 0..log.len() {
            let stated = MeasurementExtensionLog::stated_len(Untrusted::new(&log[..len]));
            assert_eq!(stated, (len >= 16).then_some(40));
            assert!(MeasurementExtensionLog::decode(Untrusted::new(&log[..len])).is_err());
        }
        for count in [0, 1, 3, 0xFF] {
            let mut log = log.clone();
            log[0] = count;
            assert!(MeasurementExtensionLog::decode(Untrusted::new(&log)).is_err());
        }
    }
}
