//! Records of sessions (DSP0277) as transports carry them.

use core::fmt;

use spdm_codec::{AeadCipherSuite, DecodeError, SecuredMessage, Side, Trace};
use spdm_untrusted::Untrusted;

/// MCTP message type of SPDM, which is also that of DSP0287.
const SPDM: u8 = 0x05;

/// How a transport carries records: sequence bytes in the header, and what is in front of the message inside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RecordBinding {
    /// DSP0276: two sequence bytes; the message follows its MCTP message type.
    Mctp,
    /// PCI DOE: no sequence bytes, nothing in front of the message.
    PciDoe,
    /// DSP0287: no sequence bytes; the message follows a header of four bytes.
    Tcp,
}

impl RecordBinding {
    /// Recognises the binding by the padding of the transport and by where `Length` is in the record.
    pub(crate) fn of(record: &[u8], padding: usize) -> Self {
        let raw = Untrusted::new(record);
        if padding > 0 {
            Self::PciDoe
        } else if SecuredMessage::decode(raw, Self::Mctp.sequence_len(), 0).is_err()
            && SecuredMessage::decode(raw, Self::Tcp.sequence_len(), 0).is_ok()
        {
            Self::Tcp
        } else {
            Self::Mctp
        }
    }

    /// Bytes of the sequence number in the header.
    pub(crate) const fn sequence_len(self) -> usize {
        match self {
            Self::Mctp => 2,
            Self::PciDoe | Self::Tcp => 0,
        }
    }

    /// The SPDM message in the data of an application; `None` where it is of another protocol.
    pub(crate) fn spdm_message(self, data: &[u8]) -> Option<&[u8]> {
        match (self, data) {
            (Self::PciDoe, message) | (Self::Mctp, [SPDM, message @ ..]) => Some(message),
            (Self::Tcp, [_, _, _, SPDM, message @ ..]) => Some(message),
            (Self::Mctp | Self::Tcp, _) => None,
        }
    }
}

/// A record and what became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SecuredRecord {
    /// How the transport carries it.
    pub(crate) binding: RecordBinding,
    /// How many bytes the transport may append to it.
    pub(crate) padding: usize,
    /// `SessionID`; `None` where the record is too short to have one.
    pub session_id: Option<u32>,
    /// The side whose key opened it, or why no key did.
    pub opened: Result<Side, NotOpened>,
}

impl SecuredRecord {
    /// Shows every field of the record, which has these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] where the record is malformed.
    pub fn trace<'a, T: Trace<'a>>(
        &self,
        bytes: &'a [u8],
        trace: &mut T,
    ) -> Result<(), DecodeError> {
        let sequence_len = self.binding.sequence_len();
        SecuredMessage::decode_traced(Untrusted::new(bytes), sequence_len, self.padding, trace)
            .map(|_| ())
    }
}

/// Why a record was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotOpened {
    /// It is malformed.
    Record(DecodeError),
    /// No secrets were given.
    NoSecrets,
    /// The secrets hold no key of this session.
    NoKeys,
    /// The cipher suite is not implemented, or not built in.
    Cipher(AeadCipherSuite),
    /// The tag is wrong under every key of the session.
    Tag,
    /// The tag is right, but what was encrypted is malformed.
    Plaintext(DecodeError),
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) | Self::Plaintext(error) => error.fmt(f),
            Self::NoSecrets => f.write_str("no secrets were given"),
            Self::NoKeys => f.write_str("the secrets hold no keys of this session"),
            Self::Cipher(suite) => match suite.iter_names().next() {
                Some((name, _)) => write!(f, "{name} is not built in"),
                None => f.write_str("no cipher suite that is built in was selected"),
            },
            Self::Tag => f.write_str("the tag is wrong under every key of the session"),
        }
    }
}
