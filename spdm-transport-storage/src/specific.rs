//! The Security Protocol Specific field of DMTF's protocol: operation and connection (DSP0286).

use spdm_codec::Expected;

use crate::error::FieldError;

/// What a security command is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// What the drive supports; IF-RECV only.
    Discovery,
    /// Whether an answer is there; IF-RECV only.
    PendingInfo,
    /// An SPDM message: IF-SEND of a request, IF-RECV of its answer.
    Message,
    /// A secured message, likewise.
    SecuredMessage,
}

impl Operation {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Discovery => 1,
            Self::PendingInfo => 2,
            Self::Message => 5,
            Self::SecuredMessage => 6,
        }
    }

    /// The operation with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Discovery),
            2 => Some(Self::PendingInfo),
            5 => Some(Self::Message),
            6 => Some(Self::SecuredMessage),
            _ => None,
        }
    }
}

/// The two bytes of the field: SPSP0 has the operation and the connection, SPSP1 is 0.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the field has these two")]
pub struct Specific {
    /// What the command is for.
    pub operation: Operation,
    /// Which of the drive's connections, 0 to 3.
    pub connection: u8,
}

impl Specific {
    /// This operation on connection 0.
    #[must_use]
    pub const fn of(operation: Operation) -> Self {
        Self { operation, connection: 0 }
    }

    /// SPSP1 in the high byte, SPSP0 in the low one.
    #[must_use]
    pub fn encode(self) -> u16 {
        u16::from(self.operation.code() << 2 | self.connection & CONNECTION)
    }

    /// The reverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`FieldError`] when SPSP1 is not 0, or SPSP0 has an unknown operation.
    pub fn decode(specific: u16) -> Result<Self, FieldError> {
        let [spsp1, spsp0] = specific.to_be_bytes();
        if spsp1 != 0 {
            let expected = Expected::Exactly(0);
            return Err(FieldError { field: "SPSP1", expected, got: u32::from(spsp1) });
        }
        let operation = Operation::from_code(spsp0 >> 2).ok_or_else(|| FieldError {
            field: "SPSP0",
            expected: Expected::Rule("operation 1, 2, 5 or 6"),
            got: u32::from(spsp0),
        })?;
        Ok(Self { operation, connection: spsp0 & CONNECTION })
    }
}

const CONNECTION: u8 = 3;

#[cfg(test)]
mod tests {
    use super::{Expected, FieldError, Operation, Specific};

    #[test]
    fn fields() {
        for (operation, wire) in [
            (Operation::Discovery, 0x04),
            (Operation::PendingInfo, 0x08),
            (Operation::Message, 0x14),
            (Operation::SecuredMessage, 0x18),
        ] {
            assert_eq!(Specific::of(operation).encode(), wire);
            for connection in 0..4 {
                let specific = Specific { operation, connection };
                assert_eq!(specific.encode(), wire | u16::from(connection));
                assert_eq!(Specific::decode(specific.encode()), Ok(specific));
            }
        }
        for wire in (0..=0xff).filter(|wire| ![1, 2, 5, 6].contains(&(wire >> 2))) {
            let error = Specific::decode(wire).unwrap_err();
            assert_eq!((error.field, error.got), ("SPSP0", u32::from(wire)));
        }
        let expected = Expected::Exactly(0);
        let error = FieldError { field: "SPSP1", expected, got: 1 };
        assert_eq!(Specific::decode(0x0114), Err(error));
    }
}
