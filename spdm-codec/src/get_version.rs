//! GET_VERSION and VERSION.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::{Header, VersionRule};
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// GET_VERSION (DSP0274 §GET_VERSION): header only, `SPDMVersion` always 0x10. It restarts the connection.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: reserved |
/// | 3 | 1 | Param2: reserved |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetVersion;

impl<'a> Body<'a> for GetVersion {
    const BODY_NAME: &'static str = "GET_VERSION";
    const BODY_CODE: Code = Code::GET_VERSION;
    const VERSION: VersionRule = VersionRule::Always1_0;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        Ok(Self)
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// VERSION (DSP0274 §VERSION): the versions a Responder speaks. `SPDMVersion` is always 0x10.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 1 | Reserved |
/// | 5 | 1 | VersionNumberEntryCount n |
/// | 6 | 2n | VersionNumberEntry |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version<'a> {
    /// The entries, little-endian, in the Responder's order.
    pub entries: &'a [[u8; 2]],
}

/// One entry of VERSION.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VersionNumberEntry(pub u16);

impl VersionNumberEntry {
    /// The entry that announces `version`, update and alpha 0.
    #[must_use]
    pub const fn new(version: SpdmVersion) -> Self {
        Self(u16::from_be_bytes([version.to_byte(), 0]))
    }

    /// The `SPDMVersion` byte of later messages: major and minor.
    #[must_use]
    pub const fn version_byte(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// The version, where this crate knows it. Update and alpha are ignored.
    #[must_use]
    pub const fn version(self) -> Option<SpdmVersion> {
        SpdmVersion::from_byte(self.version_byte())
    }

    /// The alpha version, bits 3:0; 0 for a released specification.
    #[must_use]
    pub const fn alpha(self) -> u8 {
        self.0.to_le_bytes()[0] & 0x0F
    }

    /// The update version, bits 7:4.
    #[must_use]
    pub const fn update(self) -> u8 {
        self.0.to_le_bytes()[0] >> 4
    }
}

impl<'a> Version<'a> {
    /// The entries in the Responder's order.
    pub fn iter(&self) -> impl Iterator<Item = VersionNumberEntry> + 'a {
        self.entries.iter().map(|entry| VersionNumberEntry(u16::from_le_bytes(*entry)))
    }
}

impl<'a> Body<'a> for Version<'a> {
    const BODY_NAME: &'static str = "VERSION";
    const BODY_CODE: Code = Code::VERSION;
    const VERSION: VersionRule = VersionRule::Always1_0;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        r.reserved(1)?;
        let at = r.mark("VersionNumberEntryCount");
        let count = r.u8("VersionNumberEntryCount")?;
        if count == 0 {
            return Err(at.value(&Expected::AtLeast(1), count));
        }
        let bytes = r.bytes("VersionNumberEntry", usize::from(count) * 2)?;
        Ok(Self { entries: bytes.as_chunks().0 })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u8(0);
        let field = "VersionNumberEntryCount";
        w.u8(u8::try_from(self.entries.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.bytes(self.entries.as_flattened());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{GetVersion, Version, VersionNumberEntry};
    use crate::testing::{every_prefix_fails, expect_value, round_trip};
    use crate::{Cx, Message, SpdmVersion};
    use spdm_untrusted::Untrusted;

    const CX: Cx = Cx::new(SpdmVersion::V1_2);
    // As the DMTF responder answers.
    const VERSION: &[u8] = &[0x10, 4, 0, 0, 0, 5, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0x13, 0, 0x14];

    #[test]
    fn vectors() {
        round_trip::<GetVersion>(&[0x10, 0x84, 0, 0], &CX);
        let v = round_trip::<Version<'_>>(VERSION, &CX);
        let mut known = [SpdmVersion::V1_0; 5];
        for (place, entry) in known.iter_mut().zip(v.iter()) {
            *place = entry.version().unwrap();
        }
        assert_eq!(known, SpdmVersion::ALL);
        every_prefix_fails::<Version<'_>>(VERSION, &CX);
    }

    #[test]
    fn the_header_version_is_always_1_0() {
        expect_value::<Version<'_>>(&[0x12, 4, 0, 0, 0, 1, 0, 0x12], &CX, "SPDMVersion", 0, 0x12);
    }

    #[test]
    fn no_entries_is_an_error() {
        expect_value::<Version<'_>>(&[0x10, 4, 0, 0, 0, 0], &CX, "VersionNumberEntryCount", 5, 0);
    }

    #[test]
    fn reserved_bytes_are_noted() {
        let d = Version::decode(Untrusted::new(&[0x10, 4, 0, 0, 9, 1, 0, 0x12]), &CX).unwrap();
        assert!(d.reserved_nonzero());
    }

    #[test]
    fn alpha_and_update() {
        let e = VersionNumberEntry(0x1234);
        assert_eq!((e.version(), e.update(), e.alpha()), (Some(SpdmVersion::V1_2), 3, 4));
    }
}
