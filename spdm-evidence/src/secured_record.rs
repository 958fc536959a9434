//! Records of sessions (DSP0277) as transports carry them.

use core::fmt;

use spdm_codec::{AeadCipherSuite, DecodeError, RecordBinding, SecuredMessage, Side, Trace};
use spdm_untrusted::Untrusted;

use crate::capture::STORAGE_RESERVED;

/// Recognises how a transport carries records by the reserved bytes in front, where a `SessionID` is never 0, by its
/// padding, and by where `Length` is in the record.
pub(crate) fn binding_of(record: &[u8], padding: usize) -> RecordBinding {
    if record.starts_with(&STORAGE_RESERVED) {
        return RecordBinding::Storage;
    }
    let raw = Untrusted::new(record);
    let decodes =
        |binding: RecordBinding| SecuredMessage::decode(raw, binding.sequence_len(), 0).is_ok();
    if padding > 0 {
        RecordBinding::PciDoe
    } else if !decodes(RecordBinding::Mctp) && decodes(RecordBinding::Tcp) {
        RecordBinding::Tcp
    } else {
        RecordBinding::Mctp
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
        let record = Untrusted::new(self.binding.record(bytes));
        SecuredMessage::decode_traced(record, sequence_len, self.padding, trace).map(|_| ())
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
