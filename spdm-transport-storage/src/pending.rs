//! Pending info: whether an answer is there, and how long it is (DSP0286), little-endian.

use spdm_transport::{Allowed, FieldError};

use crate::error::too_short;

/// StorageBindingVersion: 1.0.
pub(crate) const BINDING_VERSION: u16 = 0x1000;
/// What is understood: every version 1.
const BINDING_VERSIONS: Allowed = Allowed::Range(0x1000, 0x1fff);

/// Whether an answer is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "both ends build it")]
pub struct PendingInfo {
    /// The answer's length in bytes; `None` while there is none.
    pub response: Option<u32>,
}

impl PendingInfo {
    /// Bytes on the wire.
    pub const LEN: usize = 12;

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let [v0, v1] = BINDING_VERSION.to_le_bytes();
        let [r0, r1, r2, r3] = self.response.unwrap_or_default().to_le_bytes();
        [12, 0, v0, v1, u8::from(self.response.is_some()), 0, 0, 0, r0, r1, r2, r3]
    }

    /// Reads the bytes that a drive sent; what follows is reserved.
    ///
    /// # Errors
    /// [`FieldError`] when the data is short, of another binding version, or announces an empty answer.
    pub fn decode(bytes: &[u8]) -> Result<Self, FieldError> {
        let data = bytes.first_chunk::<{ Self::LEN }>();
        let data = data.ok_or_else(|| too_short("Pending info", Self::LEN, bytes.len()))?;
        let [l0, l1, v0, v1, flags, _, _, _, r0, r1, r2, r3] = *data;
        check_header([l0, l1, v0, v1], Self::LEN)?;
        if flags & 1 == 0 {
            return Ok(Self { response: None });
        }
        match u32::from_le_bytes([r0, r1, r2, r3]) {
            0 => {
                let allowed = Allowed::AtLeast(1);
                Err(FieldError { field: "ResponseLength", allowed, got: 0 })
            }
            len => Ok(Self { response: Some(len) }),
        }
    }
}

/// Checks DataLength and StorageBindingVersion, with which both payloads begin.
pub(crate) fn check_header([l0, l1, v0, v1]: [u8; 4], least: usize) -> Result<(), FieldError> {
    let len = u16::from_le_bytes([l0, l1]);
    if usize::from(len) < least {
        return Err(too_short("DataLength", least, usize::from(len)));
    }
    let version = u16::from_le_bytes([v0, v1]);
    if version >> 12 != BINDING_VERSION >> 12 {
        return Err(FieldError {
            field: "StorageBindingVersion",
            allowed: BINDING_VERSIONS,
            got: u32::from(version),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Allowed, FieldError, PendingInfo};

    #[test]
    fn answers_and_none() {
        for (response, wire) in [
            (None, [12, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]),
            (Some(0x0102), [12, 0, 0, 0x10, 1, 0, 0, 0, 2, 1, 0, 0]),
            (Some(u32::MAX), [12, 0, 0, 0x10, 1, 0, 0, 0, 255, 255, 255, 255]),
        ] {
            assert_eq!(PendingInfo { response }.encode(), wire);
            assert_eq!(PendingInfo::decode(&wire), Ok(PendingInfo { response }));
            let reserved = [&wire[..], &[0xff; 20]].concat();
            assert_eq!(PendingInfo::decode(&reserved), Ok(PendingInfo { response }));
            for len in 0..wire.len() {
                let error = PendingInfo::decode(&wire[..len]).unwrap_err();
                assert_eq!((error.field, error.got), ("Pending info", u32::try_from(len).unwrap()));
            }
        }
        let reserved_flags = [12, 0, 0, 0x10, 0xfe, 0xff, 0xff, 0xff, 9, 0, 0, 0];
        assert_eq!(PendingInfo::decode(&reserved_flags), Ok(PendingInfo { response: None }));
        let empty = FieldError { field: "ResponseLength", allowed: Allowed::AtLeast(1), got: 0 };
        assert_eq!(PendingInfo::decode(&[12, 0, 0, 0x10, 1, 0, 0, 0, 0, 0, 0, 0]), Err(empty));
    }
}
