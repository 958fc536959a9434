//! OpaqueData of CHALLENGE_AUTH, MEASUREMENTS and later messages.

use crate::error::{DecodeError, EncodeError, Expected, wide};
use crate::reader::{Mark, Reader};
use crate::trace::Trace;
use crate::writer::Writer;

/// The longest OpaqueData in bytes, in every message.
pub const MAX_OPAQUE_DATA_LEN: u16 = 1024;

/// Standards bodies 0 to 11 are defined (DSP0274 1.4 §Standards body or vendor-defined header).
const LAST_STANDARDS_BODY: u8 = 11;

/// `SpecID` of the table in 1.0 and 1.1, little-endian on the wire.
const SPEC_ID: u32 = 0x444D_5446;
const OPAQUE_VERSION: u8 = 1;

/// How OpaqueData is to be read: ALGORITHMS' OtherParamsSelection from 1.2 on, the message before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpaqueFormat {
    /// Uninterpreted bytes: `OpaqueDataFmt0`, and CHALLENGE_AUTH and MEASUREMENTS before 1.2.
    #[default]
    FreeForm,
    /// No format was selected (1.2 and later): OpaqueDataLength must be 0.
    None,
    /// `OpaqueDataFmt1`: the general opaque data table (1.2 and later).
    Table,
    /// The general opaque data table with SpecID and OpaqueVersion (session messages of 1.1).
    TableWithSpecId,
}

impl OpaqueFormat {
    /// Bytes before the first element.
    const fn head(self) -> usize {
        match self {
            Self::FreeForm | Self::None => 0,
            Self::Table => 4,
            Self::TableWithSpecId => 8,
        }
    }
}

/// OpaqueData whose structure was checked against its format.
///
/// | offset | bytes | field of a table | |
/// |---|---|---|---|
/// | 0 | 4 | SpecID | 1.1 only |
/// | +0 | 1 | OpaqueVersion | 1.1 only |
/// | +0 | 1 | TotalElements | |
/// | +1 | 3, in 1.1 2 | Reserved | |
/// | then | | elements: ID, VendorLen v, VendorID\[v\], OpaqueElementDataLen u16, data, padding to 4 | |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpaqueData<'a> {
    bytes: &'a [u8],
    format: OpaqueFormat,
}

/// One element of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct OpaqueElement<'a> {
    /// `ID`: the standards body.
    pub id: u8,
    /// `VendorID`, as the standards body defines it; empty for DMTF.
    pub vendor_id: &'a [u8],
    /// `OpaqueElementData`.
    pub data: &'a [u8],
}

impl<'a> OpaqueData<'a> {
    /// No opaque data.
    pub const EMPTY: Self = Self { bytes: &[], format: OpaqueFormat::FreeForm };

    /// Bytes to be sent as they are: free form, or a table that [`Self::encode_table`] made.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes, format: OpaqueFormat::FreeForm }
    }

    /// All bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements of a table; none in the other formats.
    pub fn elements(&self) -> impl Iterator<Item = OpaqueElement<'a>> + 'a {
        let head = self.format.head();
        let mut rest = if head == 0 { &[] } else { self.bytes.get(head..).unwrap_or_default() };
        core::iter::from_fn(move || {
            let (element, _, after) = split_element(rest)?;
            rest = after;
            Some(element)
        })
    }

    /// Writes a table of `elements` into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short, something does not fit its field, or `format` is no table.
    pub fn encode_table(
        format: OpaqueFormat,
        elements: &[OpaqueElement<'_>],
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let count = u8::try_from(elements.len())
            .map_err(|_| EncodeError::TooLarge { field: "TotalElements" })?;
        let mut w = Writer::new(out);
        match format {
            OpaqueFormat::Table => w.bytes(&[count, 0, 0, 0]),
            OpaqueFormat::TableWithSpecId => {
                w.u32(SPEC_ID);
                w.bytes(&[OPAQUE_VERSION, count, 0, 0]);
            }
            OpaqueFormat::FreeForm | OpaqueFormat::None => {
                return Err(EncodeError::NotInVersion { field: "TotalElements" });
            }
        }
        for element in elements {
            let vendor_len = u8::try_from(element.vendor_id.len())
                .map_err(|_| EncodeError::TooLarge { field: "VendorLen" })?;
            w.bytes(&[element.id, vendor_len]);
            w.bytes(element.vendor_id);
            w.len16(element.data.len(), "OpaqueElementDataLen")?;
            w.bytes(element.data);
            w.zeros(w.position().wrapping_neg() % 4);
        }
        w.finish()
    }

    /// `OpaqueDataLength` and `OpaqueData`.
    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        format: OpaqueFormat,
    ) -> Result<Self, &'t DecodeError> {
        Self::read_length(r, format)?.read_data(r)
    }

    /// `OpaqueDataLength`, where other fields lie between it and `OpaqueData`.
    pub(crate) fn read_length<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        format: OpaqueFormat,
    ) -> Result<OpaqueLength, &'t DecodeError> {
        let at = r.mark("OpaqueDataLength");
        let len = r.u16("OpaqueDataLength")?;
        let most = if format == OpaqueFormat::None { 0 } else { MAX_OPAQUE_DATA_LEN };
        if len > most {
            return Err(at.value(&Expected::AtMost(most.into()), len));
        }
        // A table without elements is not allowed: without opaque data the length is 0.
        let is_table = format.head() > 0 && len > 0;
        if is_table && len % 4 != 0 {
            return Err(at.value(&Expected::Rule("a multiple of 4"), len));
        }
        Ok(OpaqueLength { format, len, is_table })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.write_length(w)?;
        w.bytes(self.bytes);
        Ok(())
    }

    pub(crate) fn write_length(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        if self.bytes.len() > usize::from(MAX_OPAQUE_DATA_LEN) {
            return Err(EncodeError::TooLarge { field: "OpaqueDataLength" });
        }
        w.len16(self.bytes.len(), "OpaqueDataLength")
    }
}

/// An `OpaqueDataLength` that was read and is legal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpaqueLength {
    format: OpaqueFormat,
    len: u16,
    is_table: bool,
}

impl OpaqueLength {
    /// `OpaqueData`.
    pub(crate) fn read_data<'a, 't, T: Trace<'a>>(
        self,
        r: &mut Reader<'a, 't, T>,
    ) -> Result<OpaqueData<'a>, &'t DecodeError> {
        let at = r.mark("OpaqueData");
        let bytes = r.bytes("OpaqueData", self.len.into())?;
        if self.is_table {
            check_table(bytes, self.format, at)?;
        }
        Ok(OpaqueData { bytes, format: self.format })
    }
}

/// Splits the first element and its padding off; `None` at the end (the structure was checked before).
fn split_element(bytes: &[u8]) -> Option<(OpaqueElement<'_>, &[u8], &[u8])> {
    let [id, vendor_len, rest @ ..] = bytes else { return None };
    let (vendor_id, rest) = rest.split_at_checked(usize::from(*vendor_len))?;
    let (len, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    let (padding, rest) = rest.split_at_checked(rest.len() % 4)?;
    Some((OpaqueElement { id: *id, vendor_id, data }, padding, rest))
}

fn check_table<'t>(
    bytes: &[u8],
    format: OpaqueFormat,
    at: Mark<'t>,
) -> Result<(), &'t DecodeError> {
    if format == OpaqueFormat::TableWithSpecId {
        // Checked first, so that bytes that are not a table at all are not reported as a short table.
        let spec_id = bytes.first_chunk().copied().map_or(0, u32::from_le_bytes);
        if spec_id != SPEC_ID {
            return Err(at.named("SpecID").value(&Expected::Exactly(SPEC_ID.into()), spec_id));
        }
    }
    let whole = &Expected::Rule("a whole element table");
    let (head, mut rest) =
        bytes.split_at_checked(format.head()).ok_or_else(|| at.value(whole, length_of(bytes)))?;
    let (count, count_at) = match *head {
        [count, _, _, _] => (count, 0),
        [_, _, _, _, version, count, _, _] => {
            if version != OPAQUE_VERSION {
                let at = at.named("OpaqueVersion").plus(4);
                let expected = const { &Expected::Exactly(wide(OPAQUE_VERSION)) };
                return Err(at.value(expected, version));
            }
            (count, 5)
        }
        _ => return Err(at.value(whole, length_of(bytes))),
    };
    if count == 0 {
        let at = at.named("TotalElements").plus(count_at);
        return Err(at.value(&Expected::AtLeast(1), count));
    }
    for _ in 0..count {
        let at = at.plus(bytes.len() - rest.len());
        let Some((element, padding, after)) = split_element(rest) else {
            let expected = &Expected::Rule("a whole element inside OpaqueData");
            return Err(at.named("OpaqueElement").value(expected, length_of(rest)));
        };
        if element.id > LAST_STANDARDS_BODY {
            let expected = const { &Expected::AtMost(wide(LAST_STANDARDS_BODY)) };
            return Err(at.named("ID").value(expected, element.id));
        }
        if let Some(byte) = padding.iter().find(|byte| **byte != 0) {
            let at = at.named("AlignPadding").plus(rest.len() - after.len() - padding.len());
            return Err(at.value(&Expected::Exactly(0), *byte));
        }
        rest = after;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let at = at.named("TotalElements").plus(bytes.len() - rest.len());
    Err(at.value(&Expected::Rule("elements up to the end of OpaqueData"), count))
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{OpaqueData, OpaqueElement, OpaqueFormat};
    use crate::error::{DecodeError, DecodeErrorKind};
    use crate::reader::read_from;
    use crate::trace::NoTrace;
    use std::vec::Vec;

    fn read(bytes: &[u8], format: OpaqueFormat) -> Result<OpaqueData<'_>, DecodeError> {
        read_from("TEST", bytes, NoTrace, |r| OpaqueData::read(r, format))
    }

    fn with_len(body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap();
        [&len.to_le_bytes(), body].concat()
    }

    const ELEMENTS: [OpaqueElement<'_>; 2] = [
        OpaqueElement { id: 0, vendor_id: &[], data: &[1, 1, 2, 0, 0x10, 0, 0x11] },
        OpaqueElement { id: 3, vendor_id: &[1, 0], data: &[9, 8, 7, 6] },
    ];

    #[test]
    fn tables_round_trip() {
        for format in [OpaqueFormat::Table, OpaqueFormat::TableWithSpecId] {
            let mut out = [0xEE; 64];
            let len = OpaqueData::encode_table(format, &ELEMENTS, &mut out).unwrap();
            assert_eq!(len % 4, 0);
            let bytes = with_len(&out[..len]);
            let opaque = read(&bytes, format).unwrap();
            assert_eq!(opaque.elements().collect::<Vec<_>>(), ELEMENTS);
            for short in 0..len {
                assert!(OpaqueData::encode_table(format, &ELEMENTS, &mut out[..short]).is_err());
            }
        }
    }

    #[test]
    fn n7_lengths() {
        for (len, left, format) in [
            (1025_u16, 1025, OpaqueFormat::FreeForm),
            (0xFFFF, 4, OpaqueFormat::Table),
            (5, 5, OpaqueFormat::Table),
        ] {
            let bytes = [&len.to_le_bytes()[..], &std::vec![0; left]].concat();
            let error = read(&bytes, format).unwrap_err();
            assert_eq!((error.field, error.at), ("OpaqueDataLength", 0));
            assert!(matches!(error.kind, DecodeErrorKind::Value { got, .. } if got == len.into()));
        }
        let error = read(&[8, 0, 1, 2, 3, 4, 5, 6, 7], OpaqueFormat::FreeForm).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Truncated { needed: 8, left: 7 });
    }

    #[test]
    fn n7_elements() {
        let cases: [(&[u8], &str, usize); 9] = [
            (&[0, 0, 0, 0], "TotalElements", 2),
            (&[1, 0, 0, 0], "OpaqueElement", 6),
            (&[2, 0, 0, 0, 0, 0, 0, 0], "OpaqueElement", 10),
            (&[255, 0, 0, 0, 0, 0, 0, 0], "OpaqueElement", 10),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "TotalElements", 10),
            (&[1, 0, 0, 0, 0, 0, 1, 0], "OpaqueElement", 6),
            (&[1, 0, 0, 0, 0, 1, 0, 0], "OpaqueElement", 6),
            (&[1, 0, 0, 0, 12, 0, 0, 0], "ID", 6),
            (&[1, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 1], "AlignPadding", 11),
        ];
        for (body, field, at) in cases {
            let error = read(&with_len(body), OpaqueFormat::Table).unwrap_err();
            assert_eq!((error.field, error.at), (field, at), "{body:?}: {error}");
        }
    }

    #[test]
    fn n7_heads_of_session_tables() {
        let cases: [(&[u8], &str, usize); 4] = [
            (&[0, 0, 0, 0], "SpecID", 2),
            (b"FTMD", "OpaqueData", 2),
            (b"FTMD\x02\x01\0\0", "OpaqueVersion", 6),
            (b"FTMD\x01\0\0\0", "TotalElements", 7),
        ];
        for (body, field, at) in cases {
            let error = read(&with_len(body), OpaqueFormat::TableWithSpecId).unwrap_err();
            assert_eq!((error.field, error.at), (field, at), "{body:?}: {error}");
        }
    }

    #[test]
    fn n8_no_format_no_data() {
        assert!(read(&[0, 0], OpaqueFormat::None).is_ok());
        let error = read(&[1, 0, 7], OpaqueFormat::None).unwrap_err();
        assert_eq!((error.field, error.at), ("OpaqueDataLength", 0));
    }
}
