//! Which message types an endpoint takes: Get Message Type Support of the MCTP control protocol (DSP0236).

use core::fmt;

/// The MCTP message type of the control protocol.
pub(crate) const CONTROL: mctp::MsgType = mctp::MCTP_TYPE_CONTROL;
const COMMAND: u8 = 0x05;
/// Rq in the first byte: the message is a request.
const REQUEST: u8 = 0x80;
const SUCCESS: u8 = 0;

/// The message types that an endpoint says it takes. DSP0239 lists what they mean.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct MessageTypes([u128; 2]);

impl MessageTypes {
    /// SPDM (DSP0275).
    pub const SPDM: u8 = 0x05;
    /// Secured messages (DSP0276).
    pub const SECURED: u8 = 0x06;

    /// The request, without the message type. One request for each message tag needs no instance ID.
    pub(crate) const fn request() -> [u8; 2] {
        [REQUEST, COMMAND]
    }

    /// Reads the answer to [`request`](Self::request).
    ///
    /// # Errors
    /// [`MessageTypesError`]. What follows a list is an error too.
    pub(crate) fn read(answer: &[u8]) -> Result<Self, MessageTypesError> {
        let (&[header, command, code], rest) =
            answer.split_first_chunk().ok_or(MessageTypesError::Malformed)?;
        if header != 0 || command != COMMAND {
            return Err(MessageTypesError::Malformed);
        }
        if code != SUCCESS {
            return Err(MessageTypesError::Refused { code });
        }
        match rest.split_first() {
            Some((&count, list)) if list.len() == usize::from(count) => {
                Ok(list.iter().copied().collect())
            }
            _ => Err(MessageTypesError::Malformed),
        }
    }

    /// Whether a type is among them.
    #[must_use]
    pub const fn contains(&self, number: u8) -> bool {
        let [low, high] = self.0;
        let half = if number < 128 { low } else { high };
        half >> (number % 128) & 1 == 1
    }

    /// All of them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|number| self.contains(*number))
    }
}

impl FromIterator<u8> for MessageTypes {
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        let [mut low, mut high] = [0; 2];
        for number in numbers {
            let half = if number < 128 { &mut low } else { &mut high };
            *half |= 1 << (number % 128);
        }
        Self([low, high])
    }
}

impl fmt::Debug for MessageTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Why the message types of an endpoint are not known, although it answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MessageTypesError {
    /// The answer is none to Get Message Type Support.
    Malformed,
    /// The endpoint refused.
    Refused {
        /// The completion code.
        code: u8,
    },
}

impl fmt::Display for MessageTypesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the answer to Get Message Type Support is malformed"),
            Self::Refused { code } => {
                write!(f, "Get Message Type Support was refused with completion code {code:#04x}")
            }
        }
    }
}

impl core::error::Error for MessageTypesError {}

#[cfg(test)]
mod tests {
    use super::{MessageTypes, MessageTypesError};
    use std::vec::Vec;

    #[test]
    fn answers() {
        let types = MessageTypes::read(&[0, 5, 0, 3, 0, 5, 0xFE]).unwrap();
        assert_eq!(types.iter().collect::<Vec<_>>(), [0, 5, 0xFE]);
        assert!(types.contains(MessageTypes::SPDM) && !types.contains(MessageTypes::SECURED));
        let all: Vec<u8> = [0, 5, 0, 255].into_iter().chain(1..=255).collect();
        assert_eq!(MessageTypes::read(&all).unwrap().iter().count(), 255);
        assert_eq!(MessageTypes::read(&[0, 5, 0, 0]), Ok(MessageTypes::default()));
        let twice = MessageTypes::read(&[0, 5, 0, 2, 5, 5]).unwrap();
        assert_eq!(twice.iter().collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn answers_of_an_attacker() {
        for answer in [
            &[][..],
            &[0],
            &[0, 5],
            &[0, 5, 0],
            &[0, 5, 0, 1],
            &[0, 5, 0, 1, 5, 5],
            &[0, 5, 0, 255, 5],
            // A request, another instance, a datagram; another command.
            &[0x80, 5, 0, 1, 5],
            &[1, 5, 0, 1, 5],
            &[0x40, 5, 0, 1, 5],
            &[0, 4, 0, 1, 5],
        ] {
            assert_eq!(MessageTypes::read(answer), Err(MessageTypesError::Malformed), "{answer:?}");
        }
        for answer in [&[0, 5, 5][..], &[0, 5, 5, 1, 5]] {
            let refused = MessageTypesError::Refused { code: 5 };
            assert_eq!(MessageTypes::read(answer), Err(refused), "{answer:?}");
        }
    }
}
