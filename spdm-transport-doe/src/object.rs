//! Data objects (PCIe 6.0 §6.30.1): a header of two DWORDs, and content in DWORDs.

use core::fmt;

use spdm_transport::{Allowed, FieldError, MessageKind};

/// DWORDs of the header.
pub(crate) const HEADER_DWORDS: u32 = 2;
/// DWORDs of the longest object; its Length is written as 0.
const MAX_DWORDS: u32 = 1 << 18;

/// The most bytes that one object carries after its header.
pub const MAX_CONTENT: usize = 4 * ((1 << 18) - 2);

/// Zeros at the end of an object that may be padding, in bytes: a message need not fill its last DWORD.
pub const MAX_PADDING: usize = 3;

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

    /// The type that carries messages of this kind.
    #[must_use]
    pub const fn of(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Plain => Self::CMA_SPDM,
            MessageKind::Secured => Self::SECURED_CMA_SPDM,
        }
    }

    /// The kind of message that an object of this type carries; `None` where it is none of SPDM.
    #[must_use]
    pub const fn kind(self) -> Option<MessageKind> {
        match self {
            Self::CMA_SPDM => Some(MessageKind::Plain),
            Self::SECURED_CMA_SPDM => Some(MessageKind::Secured),
            _ => None,
        }
    }

    /// Whether `answer` may follow an object of this type. A secured message may be refused in the clear:
    /// whether that is acceptable is for the session to decide. Nothing else is answered with another type.
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

/// The header of an object: DWORD 0 has the type, DWORD 1 the length.
///
/// This is the layout only. What an answer's header may hold depends on what was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields of the header")]
pub struct ObjectHeader {
    /// Vendor ID and Data Object Type.
    pub object: ObjectType,
    /// Bits 31 to 24 of DWORD 0, which are reserved.
    pub reserved: u8,
    /// Length in DWORDs, this header included: 1 to 2^18. On the wire it has 18 bits, and 2^18 is 0; the bits above are
    /// reserved, and ignored.
    pub dwords: u32,
}

impl ObjectHeader {
    /// Bytes on the wire.
    pub const LEN: usize = 8;

    /// The header of an object with so many bytes of content; `None` for more than [`MAX_CONTENT`].
    #[must_use]
    pub fn new(object: ObjectType, content_len: usize) -> Option<Self> {
        let dwords = u32::try_from(content_len.div_ceil(4)).ok()?.checked_add(HEADER_DWORDS)?;
        (dwords <= MAX_DWORDS).then_some(Self { object, reserved: 0, dwords })
    }

    /// The bytes on the wire.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [v0, v1] = self.object.vendor.to_le_bytes();
        let [l0, l1, l2, l3] = (self.dwords % MAX_DWORDS).to_le_bytes();
        [v0, v1, self.object.object_type, self.reserved, l0, l1, l2, l3]
    }

    /// Reads the bytes on the wire; every value has a meaning.
    #[must_use]
    pub const fn decode([b0, b1, b2, b3, l0, l1, l2, l3]: [u8; Self::LEN]) -> Self {
        let (object, reserved) = decode_type([b0, b1, b2, b3]);
        Self { object, reserved, dwords: decode_length([l0, l1, l2, l3]) }
    }

    /// Bytes of content, padding included; `None` where the length does not even cover the header.
    #[must_use]
    pub fn content_len(self) -> Option<usize> {
        let dwords = usize::try_from(self.dwords.checked_sub(HEADER_DWORDS)?).ok()?;
        dwords.checked_mul(4)
    }
}

/// DWORD 0: the type, and the reserved bits.
const fn decode_type([v0, v1, object_type, reserved]: [u8; 4]) -> (ObjectType, u8) {
    (ObjectType { vendor: u16::from_le_bytes([v0, v1]), object_type }, reserved)
}

/// DWORD 1: the length in DWORDs.
const fn decode_length(dword: [u8; 4]) -> u32 {
    match u32::from_le_bytes(dword) % MAX_DWORDS {
        0 => MAX_DWORDS,
        dwords => dwords,
    }
}

/// An object that is to be handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingObject<'c> {
    header: ObjectHeader,
    content: &'c [u8],
}

impl<'c> OutgoingObject<'c> {
    /// An object with this content; `None` where it is empty or too long.
    pub(crate) fn new(object: ObjectType, content: &'c [u8]) -> Option<Self> {
        if content.is_empty() {
            return None;
        }
        Some(Self { header: ObjectHeader::new(object, content.len())?, content })
    }

    pub(crate) const fn object(self) -> ObjectType {
        self.header.object
    }

    /// Header, content and padding.
    pub(crate) fn dwords(self) -> impl Iterator<Item = u32> {
        let [b0, b1, b2, b3, l0, l1, l2, l3] = self.header.encode();
        let content = self.content.chunks(4).map(|bytes| {
            let mut dword = [0; 4];
            for (to, from) in dword.iter_mut().zip(bytes) {
                *to = *from;
            }
            dword
        });
        [[b0, b1, b2, b3], [l0, l1, l2, l3]].into_iter().chain(content).map(u32::from_le_bytes)
    }
}

/// Checks DWORD 0 of an answer: its type.
pub(crate) fn check_type(asked: ObjectType, dword: u32) -> Result<ObjectType, FieldError> {
    let (got, reserved) = decode_type(dword.to_le_bytes());
    let wrong =
        |field, allowed, got| Err(FieldError { field, allowed: Allowed::Exactly(allowed), got });
    if got.vendor != asked.vendor {
        return wrong("Vendor ID", asked.vendor.into(), got.vendor.into());
    }
    if !asked.is_answered_by(got) {
        return wrong("Data Object Type", asked.object_type.into(), got.object_type.into());
    }
    if reserved != 0 {
        return wrong("Reserved", 0, reserved.into());
    }
    Ok(got)
}

/// Checks DWORD 1 of an answer whose content is to go into `room` bytes: how many DWORDs of content follow.
pub(crate) fn check_length(object: ObjectType, dword: u32, room: usize) -> Result<u32, FieldError> {
    let wrong = |allowed, got| Err(FieldError { field: "Length", allowed, got });
    let (least, most) = object.lengths();
    let length = decode_length(dword.to_le_bytes());
    if !(least..=most).contains(&length) {
        return wrong(Allowed::Range(least, most), length);
    }
    let content = length - HEADER_DWORDS;
    let fits = u32::try_from(room / 4).unwrap_or(MAX_DWORDS);
    if content > fits {
        return wrong(Allowed::AtMost(fits.saturating_add(HEADER_DWORDS)), length);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::{
        Allowed, FieldError, MAX_CONTENT, ObjectHeader, ObjectType, OutgoingObject, check_length,
        check_type,
    };
    use std::vec;
    use std::vec::Vec;

    fn dwords(object: ObjectType, content: &[u8]) -> Option<Vec<u32>> {
        Some(OutgoingObject::new(object, content)?.dwords().collect())
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
    fn headers() {
        let object = ObjectType::CMA_SPDM;
        for (len, dwords, wire) in [
            (0, 2, [1, 0, 1, 0, 2, 0, 0, 0]),
            (1, 3, [1, 0, 1, 0, 3, 0, 0, 0]),
            (8, 4, [1, 0, 1, 0, 4, 0, 0, 0]),
            (MAX_CONTENT, 1 << 18, [1, 0, 1, 0, 0, 0, 0, 0]),
        ] {
            let header = ObjectHeader::new(object, len).unwrap();
            assert_eq!(
                (header, header.encode()),
                (ObjectHeader { object, reserved: 0, dwords }, wire)
            );
            assert_eq!(ObjectHeader::decode(wire), header);
            assert_eq!(header.content_len(), Some(len.next_multiple_of(4)));
        }
        assert_eq!(ObjectHeader::new(object, MAX_CONTENT + 1), None);
        assert_eq!(ObjectHeader::new(object, usize::MAX), None);
        let reserved = ObjectHeader::decode([0x98, 0x1e, 2, 0x80, 1, 0, 0xfc, 0xff]);
        let object = ObjectType { vendor: 0x1e98, object_type: 2 };
        assert_eq!(reserved, ObjectHeader { object, reserved: 0x80, dwords: 1 });
        assert_eq!(reserved.content_len(), None);
    }

    #[test]
    fn n31_every_wrong_first_dword() {
        let plain = ObjectType::CMA_SPDM;
        assert_eq!(check_type(plain, 0x0001_0001), Ok(plain));
        for (dword, field, allowed, got) in [
            (0xFFFF_FFFF, "Vendor ID", 1, 0xFFFF),
            (0x0001_0002, "Vendor ID", 1, 2),
            (0x0001_0101, "Vendor ID", 1, 0x101),
            (0x0000_0001, "Data Object Type", 1, 0),
            (0x0002_0001, "Data Object Type", 1, 2),
            (0x00FF_0001, "Data Object Type", 1, 0xFF),
            (0x0101_0001, "Reserved", 0, 1),
            (0x8001_0001, "Reserved", 0, 0x80),
        ] {
            let allowed = Allowed::Exactly(allowed);
            let error = FieldError { field, allowed, got };
            assert_eq!(check_type(plain, dword), Err(error), "{dword:#x}");
        }
    }

    #[test]
    fn only_a_secured_message_may_be_refused_in_the_clear() {
        let (plain, secured) = (ObjectType::CMA_SPDM, ObjectType::SECURED_CMA_SPDM);
        assert_eq!(check_type(secured, 0x0002_0001), Ok(secured));
        assert_eq!(check_type(secured, 0x0001_0001), Ok(plain));
        assert!(check_type(secured, 0x0000_0001).is_err());
        assert!(check_type(ObjectType::DISCOVERY, 0x0001_0001).is_err());
    }

    #[test]
    fn n31_every_wrong_length() {
        let plain = ObjectType::CMA_SPDM;
        let room = MAX_CONTENT;
        assert_eq!(check_length(plain, 3, room), Ok(1));
        // Reserved bits above the 18 of Length are ignored.
        assert_eq!(check_length(plain, 0xFFFC_0003, room), Ok(1));
        assert_eq!(check_length(plain, 0, room), Ok(0x3_FFFE));
        for length in [1, 2] {
            let allowed = Allowed::Range(3, 0x4_0000);
            let error = FieldError { field: "Length", allowed, got: length };
            assert_eq!(check_length(plain, length, room), Err(error));
        }
        // The caller's buffer: whole DWORDs only.
        assert_eq!(check_length(plain, 4, 8), Ok(2));
        let error = FieldError { field: "Length", allowed: Allowed::AtMost(3), got: 4 };
        assert_eq!(check_length(plain, 4, 7), Err(error));
        let error = FieldError { field: "Length", allowed: Allowed::AtMost(3), got: 1 << 18 };
        assert_eq!(check_length(plain, 0, 7), Err(error));
        assert!(check_length(plain, 3, 0).is_err());
        let discovery = ObjectType::DISCOVERY;
        assert_eq!(check_length(discovery, 3, 4), Ok(1));
        for length in [2, 4, 0] {
            assert!(check_length(discovery, length, room).is_err(), "{length}");
        }
    }
}
