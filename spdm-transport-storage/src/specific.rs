//! The Security Protocol Specific field of DMTF's protocol: operation and connection (DSP0286).

use spdm_transport::{Allowed, FieldError, MessageKind};

/// What a security command is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SpdmOperation {
    /// What the drive supports; IF-RECV only.
    Discovery,
    /// Whether an answer is there; IF-RECV only.
    PendingInfo,
    /// An SPDM message: IF-SEND of a request, IF-RECV of its answer.
    Message,
    /// A secured message, likewise.
    SecuredMessage,
}

impl SpdmOperation {
    /// The operation that carries messages of this kind.
    #[must_use]
    pub const fn of(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Plain => Self::Message,
            MessageKind::Secured => Self::SecuredMessage,
        }
    }

    /// The kind of message that it carries; `None` for the others.
    #[must_use]
    pub const fn kind(self) -> Option<MessageKind> {
        match self {
            Self::Message => Some(MessageKind::Plain),
            Self::SecuredMessage => Some(MessageKind::Secured),
            Self::Discovery | Self::PendingInfo => None,
        }
    }

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

/// Which of a drive's connections a command is about: the field has two bits for it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ConnectionId(u8);

impl ConnectionId {
    /// The connection that every drive has.
    pub const ZERO: Self = Self(0);

    const MAX: u8 = 3;

    /// The connection with this number, 0 to 3.
    ///
    /// # Errors
    /// [`FieldError`] for any other number: no command can name it.
    pub fn new(number: u8) -> Result<Self, FieldError> {
        if number > Self::MAX {
            let allowed = Allowed::Range(0, Self::MAX.into());
            return Err(FieldError { field: "ConnectionID", allowed, got: number.into() });
        }
        Ok(Self(number))
    }

    /// Its number, 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// The two bytes of the field: SPSP0 has the operation and the connection, SPSP1 is 0.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the field has these two")]
pub struct Specific {
    /// What the command is for.
    pub operation: SpdmOperation,
    /// Which of the drive's connections it is about.
    pub connection: ConnectionId,
}

impl Specific {
    /// This operation on connection 0.
    #[must_use]
    pub const fn of(operation: SpdmOperation) -> Self {
        Self { operation, connection: ConnectionId::ZERO }
    }

    /// SPSP1 in the high byte, SPSP0 in the low one.
    #[must_use]
    pub fn encode(self) -> u16 {
        u16::from(self.operation.code() << 2 | self.connection.0)
    }

    /// The reverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`FieldError`] when SPSP1 is not 0, or SPSP0 has an unknown operation.
    pub fn decode(specific: u16) -> Result<Self, FieldError> {
        let [spsp1, spsp0] = specific.to_be_bytes();
        if spsp1 != 0 {
            let allowed = Allowed::Exactly(0);
            return Err(FieldError { field: "SPSP1", allowed, got: spsp1.into() });
        }
        let operation = SpdmOperation::from_code(spsp0 >> 2).ok_or_else(|| FieldError {
            field: "SPSP0",
            allowed: Allowed::Rule("operation 1, 2, 5 or 6"),
            got: u32::from(spsp0),
        })?;
        Ok(Self { operation, connection: ConnectionId(spsp0 & ConnectionId::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, ConnectionId, FieldError, SpdmOperation, Specific};

    #[test]
    fn fields() {
        for (operation, wire) in [
            (SpdmOperation::Discovery, 0x04),
            (SpdmOperation::PendingInfo, 0x08),
            (SpdmOperation::Message, 0x14),
            (SpdmOperation::SecuredMessage, 0x18),
        ] {
            assert_eq!(Specific::of(operation).encode(), wire);
            for number in 0..4 {
                let connection = ConnectionId::new(number).unwrap();
                assert_eq!(connection.number(), number);
                let specific = Specific { operation, connection };
                assert_eq!(specific.encode(), wire | u16::from(number));
                assert_eq!(Specific::decode(specific.encode()), Ok(specific));
            }
        }
        for wire in (0..=0xff).filter(|wire| ![1, 2, 5, 6].contains(&(wire >> 2))) {
            let error = Specific::decode(wire).unwrap_err();
            assert_eq!((error.field, error.got), ("SPSP0", u32::from(wire)));
        }
        let allowed = Allowed::Exactly(0);
        let error = FieldError { field: "SPSP1", allowed, got: 1 };
        assert_eq!(Specific::decode(0x0114), Err(error));
    }

    /// A number that does not fit is refused: it would name another connection.
    #[test]
    fn connections_that_no_command_can_name() {
        for number in 4..=u8::MAX {
            let error = ConnectionId::new(number).unwrap_err();
            let allowed = Allowed::Range(0, 3);
            assert_eq!(error, FieldError { field: "ConnectionID", allowed, got: number.into() });
        }
        assert_eq!(ConnectionId::default(), ConnectionId::ZERO);
    }
}
