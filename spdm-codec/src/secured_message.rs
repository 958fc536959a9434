//! Secured messages (DSP0277): the record around an encrypted or authenticated message.

use spdm_untrusted::Untrusted;

use crate::error::{DecodeError, EncodeError, Expected};
use crate::opaque::OpaqueElement;
use crate::reader::{Reader, read_from};
use crate::trace::{NoTrace, Seen, Trace};
use crate::writer::Writer;

/// Length of the AEAD tag in bytes, the same for every cipher suite.
pub const TAG_LEN: usize = 16;

/// A secured message (DSP0277 §Secured message format). `n` is a property of the transport: 0 for DOE and
/// TCP, 2 for MCTP and storage.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | SessionID |
/// | 4 | n | sequence number, its low bytes |
/// | 4+n | 2 | Length of what follows, tag included |
/// | 6+n | | data, encrypted or in the clear |
/// | end | 16 | tag |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SecuredMessage<'a> {
    /// `SessionID`: the Requester's half in the low 16 bits, the Responder's in the high ones.
    pub session_id: u32,
    /// The low bytes of the sequence number, little-endian.
    pub sequence: &'a [u8],
    /// The data: ciphertext, or the message itself in a session that only authenticates.
    pub data: &'a [u8],
    /// The AEAD tag.
    pub tag: [u8; TAG_LEN],
}

impl<'a> SecuredMessage<'a> {
    /// Bytes before the data: the associated data of the encryption.
    #[must_use]
    pub const fn header_len(sequence_len: usize) -> usize {
        sequence_len.saturating_add(6)
    }

    /// Decodes a record; `padding` is what the transport may append.
    ///
    /// # Errors
    /// [`DecodeError`] where the record is shorter than it says, or `Length` leaves no room for the tag.
    pub fn decode(
        bytes: Untrusted<&'a [u8]>,
        sequence_len: usize,
        padding: usize,
    ) -> Result<Self, DecodeError> {
        Self::decode_traced(bytes, sequence_len, padding, &mut NoTrace)
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_traced<T: Trace<'a>>(
        bytes: Untrusted<&'a [u8]>,
        sequence_len: usize,
        padding: usize,
        trace: &mut T,
    ) -> Result<Self, DecodeError> {
        bytes.validate_with(|raw| {
            read_from("secured message", raw, Seen(trace), |r| {
                let session_id = r.u32("SessionID")?;
                let sequence = r.bytes("SequenceNumber", sequence_len)?;
                let at = r.mark("Length");
                let len = r.u16("Length")?;
                let data_len = usize::from(len).checked_sub(TAG_LEN).ok_or_else(|| {
                    at.value(&Expected::AtLeast(u64::try_from(TAG_LEN).unwrap_or(u64::MAX)), len)
                })?;
                let data = r.bytes("ApplicationData", data_len)?;
                let tag = *r.array("MAC")?;
                r.finish(padding)?;
                Ok(Self { session_id, sequence, data, tag })
            })
        })
    }

    /// Encodes the record into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or `Length` cannot say the length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.u32(self.session_id);
        w.bytes(self.sequence);
        w.len16(self.data.len().saturating_add(TAG_LEN), "Length")?;
        w.bytes(self.data);
        w.bytes(&self.tag);
        w.finish()
    }
}

/// What is encrypted in a session with ENCRYPT_CAP.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | ApplicationDataLength l |
/// | 2 | l | ApplicationData |
/// | 2+l | | RandomData |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Plaintext<'a> {
    /// `ApplicationData`: a message, after the transport's own prefix where it has one.
    pub data: &'a [u8],
    /// `RandomData`: as much as the sender likes.
    pub random: &'a [u8],
}

impl<'a> Plaintext<'a> {
    /// Splits a decrypted plaintext.
    ///
    /// # Errors
    /// [`DecodeError`] where `ApplicationDataLength` is larger than what follows it.
    pub fn decode(bytes: Untrusted<&'a [u8]>) -> Result<Self, DecodeError> {
        bytes.validate_with(|raw| {
            read_from("secured message plaintext", raw, NoTrace, |r| {
                let len = r.u16("ApplicationDataLength")?;
                Ok(Self {
                    data: r.bytes("ApplicationData", len.into())?,
                    random: r.rest("RandomData"),
                })
            })
        })
    }

    /// Encodes the plaintext into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or `ApplicationDataLength` cannot say the length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.len16(self.data.len(), "ApplicationDataLength")?;
        w.bytes(self.data);
        w.bytes(self.random);
        w.finish()
    }
}

/// The opaque elements of DSP0277 in KEY_EXCHANGE, PSK_EXCHANGE and their responses (standards body DMTF).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | SMDataVersion: 1 |
/// | 1 | 1 | SMDataID |
/// | 2 | | 0: version u16; 1: count u8 and versions u16; 2: exponent u8 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecuredMessageData<'a> {
    /// SMDataID 0: the version that the Responder selected.
    VersionSelection(SecuredMessageVersion),
    /// SMDataID 1: the versions that the Requester offers, little-endian.
    SupportedVersions(&'a [[u8; 2]]),
    /// SMDataID 2 (DSP0277 1.3): records per key, as a power of two, at most [`NO_AEAD_LIMIT`], which counts where there is
    /// no such element.
    AeadLimit(u8),
}

/// The exponent of a limit that is none: the sequence number has no more bits (DSP0277 1.3 §AEAD limit).
pub const NO_AEAD_LIMIT: u8 = 64;

/// A version of DSP0277.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with parts")]
pub struct SecuredMessageVersion(pub u16);

impl SecuredMessageVersion {
    /// Whether an [AEAD limit](SecuredMessageData::AeadLimit) means something in it: from 1.3 on. It is ignored in others.
    #[must_use]
    pub const fn has_aead_limit(self) -> bool {
        self.version_byte() >= 0x13
    }

    /// Major and minor version, for example 0x11.
    #[must_use]
    pub const fn version_byte(self) -> u8 {
        self.0.to_be_bytes()[0]
    }
}

impl<'a> SecuredMessageData<'a> {
    const DATA_VERSION: u8 = 1;

    /// Reads an element; `None` where it is not one of DSP0277.
    ///
    /// # Errors
    /// [`DecodeError`] where it is one, but malformed.
    pub fn decode(element: &OpaqueElement<'a>) -> Option<Result<Self, DecodeError>> {
        if element.id != 0 || !element.vendor_id.is_empty() {
            return None;
        }
        match element.data {
            [Self::DATA_VERSION, 0..=2, ..] => {
                Some(read_from("OpaqueElementData", element.data, NoTrace, Self::read))
            }
            _ => None,
        }
    }

    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        r.u8("SMDataVersion")?;
        let data = match r.u8("SMDataID")? {
            0 => Self::VersionSelection(SecuredMessageVersion(r.u16("SelectedVersion")?)),
            1 => {
                let at = r.mark("SecuredMessageVersionCount");
                let count = r.u8("SecuredMessageVersionCount")?;
                if count == 0 {
                    return Err(at.value(&Expected::AtLeast(1), count));
                }
                let len = 2 * usize::from(count);
                Self::SupportedVersions(r.bytes("SecuredMessageVersion", len)?.as_chunks().0)
            }
            _ => {
                let at = r.mark("AEADLimitExponent");
                let exponent = r.u8("AEADLimitExponent")?;
                if exponent > NO_AEAD_LIMIT {
                    return Err(at.value(&Expected::AtMost(NO_AEAD_LIMIT.into()), exponent));
                }
                Self::AeadLimit(exponent)
            }
        };
        r.finish(0)?;
        Ok(data)
    }

    /// Encodes the data of an element into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or there are more than 255 versions.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.u8(Self::DATA_VERSION);
        match self {
            Self::VersionSelection(version) => {
                w.u8(0);
                w.u16(version.0);
            }
            Self::SupportedVersions(versions) => {
                let field = "SecuredMessageVersionCount";
                let count =
                    u8::try_from(versions.len()).map_err(|_| EncodeError::TooLarge { field })?;
                w.bytes(&[1, count]);
                w.bytes(versions.as_flattened());
            }
            Self::AeadLimit(exponent) => w.bytes(&[2, *exponent]),
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Plaintext, SecuredMessage, SecuredMessageData};
    use crate::OpaqueElement;
    use crate::error::DecodeErrorKind;
    use spdm_untrusted::Untrusted;

    #[test]
    fn records() {
        for sequence_len in [0, 2] {
            let mut bytes = std::vec![0xFF, 0xFF, 1, 0];
            bytes.extend(std::vec![5; sequence_len]);
            bytes.extend([18, 0, 7, 8]);
            bytes.extend([9; 16]);
            let decoded = SecuredMessage::decode(Untrusted::new(&bytes), sequence_len, 0).unwrap();
            assert_eq!((decoded.session_id, decoded.data), (0x1_FFFF, &[7, 8][..]));
            let mut out = [0; 64];
            let len = decoded.encode(&mut out).unwrap();
            assert_eq!(out[..len], bytes);
            for short in 0..bytes.len() {
                let bytes = Untrusted::new(&bytes[..short]);
                assert!(SecuredMessage::decode(bytes, sequence_len, 3).is_err());
            }
            bytes.push(0);
            assert!(SecuredMessage::decode(Untrusted::new(&bytes), sequence_len, 0).is_err());
            assert!(SecuredMessage::decode(Untrusted::new(&bytes), sequence_len, 3).is_ok());
        }
    }

    #[test]
    fn n25_lengths() {
        let mut bytes = [0; 22];
        bytes[4] = 15;
        let error = SecuredMessage::decode(Untrusted::new(&bytes), 0, 0).unwrap_err();
        assert_eq!((error.field, error.at), ("Length", 4));
        let plain = [3, 0, 1, 2];
        let error = Plaintext::decode(Untrusted::new(&plain)).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Truncated { needed: 3, left: 2 });
        let plain = [1, 0, 1, 2];
        let decoded = Plaintext::decode(Untrusted::new(&plain)).unwrap();
        assert_eq!((decoded.data, decoded.random), (&[1][..], &[2][..]));
    }

    #[test]
    fn version_lists() {
        let element = |data| OpaqueElement { id: 0, vendor_id: &[], data };
        for data in [&[1, 1, 2, 0, 0x10, 0, 0x11][..], &[1, 0, 0, 0x11], &[1, 2, 64]] {
            let decoded = SecuredMessageData::decode(&element(data)).unwrap().unwrap();
            let mut out = [0; 16];
            let len = decoded.encode(&mut out).unwrap();
            assert_eq!(&out[..len], data);
            for short in 2..data.len() {
                assert!(SecuredMessageData::decode(&element(&data[..short])).unwrap().is_err());
            }
        }
        for bad in [&[1, 1, 0][..], &[1, 2, 65], &[1, 0, 0, 0x11, 0]] {
            assert!(SecuredMessageData::decode(&element(bad)).unwrap().is_err());
        }
        assert!(SecuredMessageData::decode(&element(&[2, 0])).is_none());
    }
}
