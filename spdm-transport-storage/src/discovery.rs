//! Discovery data: what a drive supports (DSP0286), little-endian.

use spdm_transport::FieldError;

use crate::error::too_short;
use crate::pending::{BINDING_VERSION, check_header};
use crate::specific::SpdmOperation;

/// What a drive supports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Discovery {
    connections: u8,
    operations: u8,
}

impl Discovery {
    /// Bytes on the wire.
    pub const LEN: usize = 32;

    /// Discovery data of a drive with this many connections, 1 to 4, which knows everything but secured messages.
    #[must_use]
    pub fn new(connections: u8) -> Self {
        let operations =
            [SpdmOperation::Discovery, SpdmOperation::PendingInfo, SpdmOperation::Message];
        let operations = operations.into_iter().fold(0, |set, operation| set | bit(operation));
        Self { connections: connections.clamp(1, 4), operations }
    }

    /// The same with secured messages.
    #[must_use]
    pub const fn with_secured_messages(mut self) -> Self {
        self.operations |= bit(SpdmOperation::SecuredMessage);
        self
    }

    /// How many connections the drive has, 1 to 4.
    #[must_use]
    pub const fn connections(&self) -> u8 {
        self.connections
    }

    /// Whether the drive knows this operation.
    #[must_use]
    pub const fn supports(&self, operation: SpdmOperation) -> bool {
        self.operations & bit(operation) != 0
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let [version_low, version_high] = BINDING_VERSION.to_le_bytes();
        let start =
            [LEN, 0, version_low, version_high, self.connections - 1, 0, 0, 0, self.operations];
        for (place, byte) in out.iter_mut().zip(start) {
            *place = byte;
        }
        out
    }

    /// Reads the bytes that a drive sent; what follows is reserved.
    ///
    /// # Errors
    /// [`FieldError`] when the data is short, or of another binding version.
    pub fn decode(bytes: &[u8]) -> Result<Self, FieldError> {
        let data = bytes.first_chunk::<{ Self::LEN }>();
        let data = data.ok_or_else(|| too_short("Discovery data", Self::LEN, bytes.len()))?;
        let [l0, l1, v0, v1, parameters, _, _, _, operations, ..] = *data;
        check_header([l0, l1, v0, v1], Self::LEN)?;
        Ok(Self { connections: (parameters & 3) + 1, operations })
    }
}

const LEN: u8 = 32;

const fn bit(operation: SpdmOperation) -> u8 {
    1 << operation.code()
}

#[cfg(test)]
mod tests {
    use super::{Discovery, SpdmOperation};
    use spdm_transport::Allowed;

    #[test]
    fn data_of_a_drive() {
        let discovery = Discovery::new(1);
        let mut wire = [0; 32];
        wire[..9].copy_from_slice(&[32, 0, 0x00, 0x10, 0, 0, 0, 0, 0b0010_0110]);
        assert_eq!(discovery.encode(), wire);
        assert_eq!(Discovery::decode(&wire), Ok(discovery));
        assert!(discovery.supports(SpdmOperation::Message));
        assert!(!discovery.supports(SpdmOperation::SecuredMessage));
        for connections in 1..=4 {
            let discovery = Discovery::new(connections);
            assert_eq!(discovery.connections(), connections);
            assert_eq!(Discovery::decode(&discovery.encode()), Ok(discovery));
        }
        // Reserved bits and bytes are ignored, and more data may follow.
        let mut reserved = [0xff; 40];
        reserved[..4].copy_from_slice(&wire[..4]);
        assert_eq!(Discovery::decode(&reserved).unwrap().connections(), 4);
    }

    #[test]
    fn wrong_data() {
        let wire = Discovery::new(1).encode();
        for len in 0..wire.len() {
            let error = Discovery::decode(&wire[..len]).unwrap_err();
            assert_eq!((error.field, error.allowed), ("Discovery data", Allowed::AtLeast(32)));
        }
        let with = |at: usize, byte: u8| {
            let mut wire = wire;
            wire[at] = byte;
            let error = Discovery::decode(&wire).unwrap_err();
            (error.field, error.allowed, error.got)
        };
        assert_eq!(with(0, 31), ("DataLength", Allowed::AtLeast(32), 31));
        assert_eq!(with(3, 0), ("StorageBindingVersion", Allowed::Range(0x1000, 0x1fff), 0));
        assert_eq!(
            with(3, 0x20),
            ("StorageBindingVersion", Allowed::Range(0x1000, 0x1fff), 0x2000)
        );
    }
}
