//! The registry of standards bodies, and the header that names one of them.

use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::Reader;
use crate::trace::Trace;
use crate::writer::Writer;

/// A standards body (DSP0274 §Registry or standards body ID). Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with names")]
pub struct StandardsBody(pub u16);

impl StandardsBody {
    /// DMTF.
    pub const DMTF: Self = Self(0);
    /// Trusted Computing Group.
    pub const TCG: Self = Self(1);
    /// USB.
    pub const USB: Self = Self(2);
    /// PCI-SIG.
    pub const PCI_SIG: Self = Self(3);
    /// IANA enterprise numbers.
    pub const IANA: Self = Self(4);
    /// HDBaseT.
    pub const HDBASET: Self = Self(5);
    /// MIPI.
    pub const MIPI: Self = Self(6);
    /// CXL.
    pub const CXL: Self = Self(7);
    /// JEDEC.
    pub const JEDEC: Self = Self(8);
    /// VESA.
    pub const VESA: Self = Self(9);
    /// IANA CBOR tags.
    pub const IANA_CBOR: Self = Self(10);
    /// Specifications of DMTF, by DSP number.
    pub const DMTF_DSP: Self = Self(11);

    /// The name, where the body is known.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DMTF => "DMTF",
            Self::TCG => "TCG",
            Self::USB => "USB",
            Self::PCI_SIG => "PCI-SIG",
            Self::IANA => "IANA",
            Self::HDBASET => "HDBaseT",
            Self::MIPI => "MIPI",
            Self::CXL => "CXL",
            Self::JEDEC => "JEDEC",
            Self::VESA => "VESA",
            Self::IANA_CBOR => "IANA CBOR",
            Self::DMTF_DSP => "DMTF DSP",
            _ => return None,
        })
    }

    /// The lengths in bytes that its vendor identifiers may have; `None` where the body is unknown.
    #[must_use]
    pub const fn vendor_id_lens(self) -> Option<&'static [u8]> {
        Some(match self {
            Self::DMTF | Self::VESA => &[0],
            Self::TCG | Self::USB | Self::PCI_SIG | Self::MIPI | Self::CXL | Self::JEDEC => &[0, 2],
            Self::IANA | Self::HDBASET => &[0, 4],
            Self::IANA_CBOR => &[1, 2, 3, 5, 9],
            Self::DMTF_DSP => &[2],
            _ => return None,
        })
    }

    pub(crate) fn allows(self, vendor_id_len: u8) -> bool {
        self.vendor_id_lens().is_none_or(|lens| lens.contains(&vendor_id_len))
    }
}

/// The standards body or vendor-defined header, SVH (DSP0274 1.3).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | ID |
/// | 1 | 1 | VendorIDLen v |
/// | 2 | v | VendorID |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct VendorHeader<'a> {
    /// `ID`: the standards body.
    pub id: StandardsBody,
    /// `VendorID`, as the standards body defines it.
    pub vendor_id: &'a [u8],
}

impl<'a> VendorHeader<'a> {
    /// Length in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.vendor_id.len().saturating_add(2)
    }

    pub(crate) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
    ) -> Result<Self, &'t DecodeError> {
        let id = StandardsBody(r.u8("ID")?.into());
        let at = r.mark("VendorIDLen");
        let len = r.u8("VendorIDLen")?;
        if !id.allows(len) {
            return Err(at.value(&Expected::Rule("a length that the standards body allows"), len));
        }
        Ok(Self { id, vendor_id: r.bytes("VendorID", len.into())? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.u8(u8::try_from(self.id.0).map_err(|_| EncodeError::TooLarge { field: "ID" })?);
        let field = "VendorIDLen";
        w.u8(u8::try_from(self.vendor_id.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.bytes(self.vendor_id);
        Ok(())
    }
}
