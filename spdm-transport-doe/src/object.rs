//! Data objects (PCIe 6.0 §6.30.1): what a mailbox carries, in DWORDs.

use core::fmt;

use spdm_codec::Expected;
use spdm_transport::MessageKind;

/// DWORDs of the header.
pub(crate) const HEADER_DWORDS: u32 = 2;
/// DWORDs of the longest object; its Length is written as 0.
const MAX_DWORDS: u32 = 1 << 18;

/// The most bytes that one object carries after its header.
pub const MAX_CONTENT: usize = 4 * ((1 << 18) - 2);

/// Bytes of a DWORD that may be padding.
pub(crate) const MAX_PADDING: usize = 3;

/// What an object is: who defined it, and its number there.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields of the header")]
pub struct ObjectType {
    /// Vendor ID; 1 is PCI-SIG.
    pub vendor: u16,
    /// Data Object Type.
    pub object_type: u8,
}

impl ObjectType {
    /// DOE Discovery.
    pub const DISCOVERY: Self = Self::pci_sig(0x00);
    /// CMA-SPDM: a message in the clear.
    pub const CMA_SPDM: Self = Self::pci_sig(0x01);
    /// Secured CMA-SPDM: a secured message.
    pub const SECURED_CMA_SPDM: Self = Self::pci_sig(0x02);

    const fn pci_sig(object_type: u8) -> Self {
        Self { vendor: 0x0001, object_type }
    }

    pub(crate) const fn of(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Plain => Self::CMA_SPDM,
            MessageKind::Secured => Self::SECURED_CMA_SPDM,
        }
    }

    /// The kind of message that an object of this type carries.
    pub(crate) const fn kind(self) -> MessageKind {
        match self {
            Self::SECURED_CMA_SPDM => MessageKind::Secured,
            _ => MessageKind::Plain,
        }
    }

    /// Whether `answer` may follow an object of this type. A secured message may be refused in the clear; the
    /// session judges that. Nothing else answers with another type.
    const fn is_answered_by(self, answer: Self) -> bool {
        matches!(
            (self, answer),
            (Self::DISCOVERY, Self::DISCOVERY)
                | (Self::CMA_SPDM, Self::CMA_SPDM)
                | (Self::SECURED_CMA_SPDM, Self::SECURED_CMA_SPDM | Self::CMA_SPDM)
        )
    }

    /// The fewest and most DWORDs of such an object, its header included.
    const fn lengths(self) -> (u32, u32) {
        match self {
            Self::DISCOVERY => (HEADER_DWORDS + 1, HEADER_DWORDS + 1),
            _ => (HEADER_DWORDS + 1, MAX_DWORDS),
        }
    }
}

/// The name that the PCIe or CXL specification gives it, or its numbers.
impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.vendor, self.object_type) {
            (0x0001, 0x00) => "discovery",
            (0x0001, 0x01) => "CMA-SPDM",
            (0x0001, 0x02) => "secured CMA-SPDM",
            (0x1E98, 0x00) => "CXL compliance",
            (0x1E98, 0x02) => "CXL table access",
            (vendor, object_type) => return write!(f, "{vendor:04x}:{object_type:02x}"),
        })
    }
}

/// What a device wrote into the header of an object, and should not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ObjectError {
    /// The field, as the PCIe specification spells it: for example `Length`.
    pub field: &'static str,
    /// What it may hold here.
    pub expected: Expected,
    /// What it held.
    pub got: u32,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, got } = self;
        write!(f, "data object: {field} is {got:#x}, but {expected} is expected")
    }
}

impl core::error::Error for ObjectError {}

/// An object that is to be handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'c> {
    pub(crate) object: ObjectType,
    length: u32,
    content: &'c [u8],
}

impl<'c> Outgoing<'c> {
    /// An object with this content; `None` where it is empty or too long.
    pub(crate) fn new(object: ObjectType, content: &'c [u8]) -> Option<Self> {
        if content.is_empty() || content.len() > MAX_CONTENT {
            return None;
        }
        let length = u32::try_from(content.len().div_ceil(4)).ok()? + HEADER_DWORDS;
        Some(Self { object, length: length % MAX_DWORDS, content })
    }

    /// Header, content and padding.
    pub(crate) fn dwords(self) -> impl Iterator<Item = u32> {
        let [v0, v1] = self.object.vendor.to_le_bytes();
        let first = u32::from_le_bytes([v0, v1, self.object.object_type, 0]);
        let content = self.content.chunks(4).map(|bytes| {
            let mut dword = [0; 4];
            for (to, from) in dword.iter_mut().zip(bytes) {
                *to = *from;
            }
            u32::from_le_bytes(dword)
        });
        [first, self.length].into_iter().chain(content)
    }
}

/// Judges the first DWORD of an answer.
pub(crate) fn answered(asked: ObjectType, dword: u32) -> Result<ObjectType, ObjectError> {
    let [v0, v1, object_type, reserved] = dword.to_le_bytes();
    let got = ObjectType { vendor: u16::from_le_bytes([v0, v1]), object_type };
    let wrong = |field, expected: u64, got| {
        Err(ObjectError { field, expected: Expected::Exactly(expected), got })
    };
    if got.vendor != asked.vendor {
        return wrong("Vendor ID", asked.vendor.into(), got.vendor.into());
    }
    if !asked.is_answered_by(got) {
        return wrong("Data Object Type", asked.object_type.into(), object_type.into());
    }
    if reserved != 0 {
        return wrong("Reserved", 0, reserved.into());
    }
    Ok(got)
}

/// Judges the second DWORD of an answer that is to go into `room` bytes: the DWORDs that follow.
pub(crate) fn content_dwords(
    object: ObjectType,
    dword: u32,
    room: usize,
) -> Result<u32, ObjectError> {
    let wrong = |expected, got| Err(ObjectError { field: "Length", expected, got });
    let (least, most) = object.lengths();
    let length = match dword % MAX_DWORDS {
        0 => MAX_DWORDS,
        length => length,
    };
    if !(least..=most).contains(&length) {
        return wrong(Expected::Range(least.into(), most.into()), length);
    }
    let content = length - HEADER_DWORDS;
    let fits = u32::try_from(room / 4).unwrap_or(MAX_DWORDS);
    if content > fits {
        return wrong(Expected::AtMost(u64::from(fits) + u64::from(HEADER_DWORDS)), length);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::{
        Expected, MAX_CONTENT, ObjectError, ObjectType, Outgoing, answered, content_dwords,
    };
    use std::vec;
    use std::vec::Vec;

    fn dwords(object: ObjectType, content: &[u8]) -> Option<Vec<u32>> {
        Some(Outgoing::new(object, content)?.dwords().collect())
    }

    #[test]
    fn objects_of_requests() {
        let (plain, secured) = (ObjectType::CMA_SPDM, ObjectType::SECURED_CMA_SPDM);
        assert_eq!(dwords(plain, &[1, 2, 3, 4]), Some(vec![0x0001_0001, 3, 0x0403_0201]));
        assert_eq!(dwords(secured, &[1, 2, 3, 4, 5]), Some(vec![0x0002_0001, 4, 0x0403_0201, 5]));
        // The longest object: 2^18 DWORDs are written as 0.
        let longest = vec![0xA5; MAX_CONTENT];
        let length = |content: &[u8]| Some(dwords(plain, content)?.get(1).copied());
        assert_eq!(length(&longest), Some(Some(0)));
        assert_eq!(length(&longest[4..]), Some(Some(0x3_FFFF)));
        assert_eq!(length(&vec![0; MAX_CONTENT + 1]), None);
        assert_eq!(length(&[]), None);
    }

    #[test]
    fn n31_every_wrong_first_dword() {
        let plain = ObjectType::CMA_SPDM;
        assert_eq!(answered(plain, 0x0001_0001), Ok(plain));
        for (dword, field, expected, got) in [
            (0xFFFF_FFFF, "Vendor ID", 1, 0xFFFF),
            (0x0001_0002, "Vendor ID", 1, 2),
            (0x0001_0101, "Vendor ID", 1, 0x101),
            (0x0000_0001, "Data Object Type", 1, 0),
            (0x0002_0001, "Data Object Type", 1, 2),
            (0x00FF_0001, "Data Object Type", 1, 0xFF),
            (0x0101_0001, "Reserved", 0, 1),
            (0x8001_0001, "Reserved", 0, 0x80),
        ] {
            let expected = Expected::Exactly(expected);
            let error = ObjectError { field, expected, got };
            assert_eq!(answered(plain, dword), Err(error), "{dword:#x}");
        }
    }

    #[test]
    fn only_a_secured_message_may_be_refused_in_the_clear() {
        let (plain, secured) = (ObjectType::CMA_SPDM, ObjectType::SECURED_CMA_SPDM);
        assert_eq!(answered(secured, 0x0002_0001), Ok(secured));
        assert_eq!(answered(secured, 0x0001_0001), Ok(plain));
        assert!(answered(secured, 0x0000_0001).is_err());
        assert!(answered(ObjectType::DISCOVERY, 0x0001_0001).is_err());
    }

    #[test]
    fn n31_every_wrong_length() {
        let plain = ObjectType::CMA_SPDM;
        let room = MAX_CONTENT;
        assert_eq!(content_dwords(plain, 3, room), Ok(1));
        // Reserved bits above the 18 of Length are ignored.
        assert_eq!(content_dwords(plain, 0xFFFC_0003, room), Ok(1));
        assert_eq!(content_dwords(plain, 0, room), Ok(0x3_FFFE));
        for length in [1, 2] {
            let expected = Expected::Range(3, 0x4_0000);
            let error = ObjectError { field: "Length", expected, got: length };
            assert_eq!(content_dwords(plain, length, room), Err(error));
        }
        // The caller's buffer: whole DWORDs only.
        assert_eq!(content_dwords(plain, 4, 8), Ok(2));
        let error = ObjectError { field: "Length", expected: Expected::AtMost(3), got: 4 };
        assert_eq!(content_dwords(plain, 4, 7), Err(error));
        let error = ObjectError { field: "Length", expected: Expected::AtMost(3), got: 1 << 18 };
        assert_eq!(content_dwords(plain, 0, 7), Err(error));
        assert!(content_dwords(plain, 3, 0).is_err());
        let discovery = ObjectType::DISCOVERY;
        assert_eq!(content_dwords(discovery, 3, 4), Ok(1));
        for length in [2, 4, 0] {
            assert!(content_dwords(discovery, length, room).is_err(), "{length}");
        }
    }
}
