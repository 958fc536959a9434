//! The records of a session (DSP0277): sealed and opened in place, in order.

use core::fmt;
use core::ops::Range;

use spdm_codec::{
    DecodeError, EncodeError, Plaintext, RecordBinding, RecordPrivacy, SecuredMessage,
};
use spdm_untrusted::Untrusted;

use crate::aead::{AeadError, TAG_LEN};
use crate::record_key::{RecordKey, SequenceOrder};

/// Bytes of `ApplicationDataLength`.
const DATA_LENGTH_LEN: usize = 2;

/// What the records of one session look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct RecordForm {
    /// How the transport carries them.
    pub binding: RecordBinding,
    /// Whether they are encrypted.
    pub privacy: RecordPrivacy,
    /// `SessionID`.
    pub session_id: u32,
}

impl RecordForm {
    /// Bytes in front of the SPDM message of a record.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.data_head_len().saturating_add(self.binding.prefix_len())
    }

    /// Bytes in front of the data of an application: in front of an SPDM message there is
    /// [`RecordBinding::prefix_len`] more.
    #[must_use]
    pub const fn data_head_len(&self) -> usize {
        let length = match self.privacy {
            RecordPrivacy::Encrypted => DATA_LENGTH_LEN,
            RecordPrivacy::Authenticated => 0,
        };
        let header = SecuredMessage::header_len(self.binding.sequence_len());
        let outside = self.binding.reserved_len().saturating_add(header);
        outside.saturating_add(length)
    }
}

/// Why a record was not made, or not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordError {
    /// It is malformed: its fields, or those of what was encrypted.
    Decode(DecodeError),
    /// The message does not fit a record, or the buffer.
    Encode(EncodeError),
    /// It belongs to another session.
    OtherSession {
        /// Its `SessionID`.
        got: u32,
    },
    /// Its header has another sequence number than is next.
    Sequence,
    /// Its tag is wrong: it was changed, or sealed with another key or sequence number.
    Tag,
    /// What was protected is no SPDM message in the way of the transport.
    Protocol,
    /// The key has no sequence number left: update it or end the session.
    Exhausted,
    /// The backend cannot encrypt with this key.
    Aead(AeadError),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::OtherSession { got } => write!(f, "the record is of session {got:#010x}"),
            Self::Sequence => f.write_str("the record's SequenceNumber is not the next one"),
            Self::Tag => f.write_str("the record's MAC is wrong"),
            Self::Protocol => f.write_str("the record holds no SPDM message"),
            Self::Exhausted => f.write_str("the session key has no sequence number left"),
            Self::Aead(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RecordError {}

/// The records that one side sends in a session under one key: they are numbered from 0, and none is left out, sent
/// twice or taken out of order (DSP0277 §Sequence number).
#[derive(Debug)]
pub struct RecordStream {
    key: RecordKey,
    order: SequenceOrder,
    /// Of the next record.
    sequence: u64,
    /// The first number that may not be used.
    end: u64,
}

impl RecordStream {
    /// A stream whose next record is the first one under this key.
    #[must_use]
    pub const fn new(key: RecordKey) -> Self {
        Self::resumed(key, 0)
    }

    /// A stream whose next record has this number.
    #[must_use]
    pub const fn resumed(key: RecordKey, sequence: u64) -> Self {
        Self { key, order: SequenceOrder::LittleEndian, sequence, end: u64::MAX }
    }

    /// Sets how the number enters the nonce.
    #[must_use]
    pub const fn with_order(mut self, order: SequenceOrder) -> Self {
        self.order = order;
        self
    }

    /// The stream under the key that follows: from its first record, with the same limit.
    #[must_use]
    pub const fn renewed(&self, key: RecordKey) -> Self {
        Self { key, order: self.order, sequence: 0, end: self.end }
    }

    /// Sets how many records the key protects at most: 2 to the power of `exponent` (DSP0277 1.3 §AEAD limit). No
    /// limit is above that of 64 bits.
    #[must_use]
    pub const fn with_limit(mut self, exponent: u8) -> Self {
        self.end = if exponent < 64 { 1 << exponent } else { u64::MAX };
        self
    }

    /// The number of the next record.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether three quarters of the numbers are used: a new key is due.
    #[must_use]
    pub const fn is_worn(&self) -> bool {
        self.sequence >= self.end - self.end / 4
    }

    fn next(&self) -> Result<u64, RecordError> {
        if self.sequence < self.end { Ok(self.sequence) } else { Err(RecordError::Exhausted) }
    }

    /// Makes a record of the message of `len` bytes that is in `buffer` behind [`RecordForm::head_len`] bytes, and
    /// returns the length of the record in bytes; it starts where `buffer` does. `random` goes behind the message.
    ///
    /// # Errors
    /// [`RecordError`]; then no number was used, and the buffer must not be sent.
    pub fn seal(
        &mut self,
        form: &RecordForm,
        buffer: &mut [u8],
        len: usize,
        random: &[u8],
    ) -> Result<usize, RecordError> {
        let (start, prefix_len) = (form.data_head_len(), form.binding.prefix_len());
        let prefix = buffer.get_mut(start..start.saturating_add(prefix_len));
        let needed = form.head_len().saturating_add(len).saturating_add(TAG_LEN);
        let room = RecordError::Encode(EncodeError::BufferTooSmall { needed });
        let prefix = prefix.ok_or(room)?;
        form.binding.write_prefix(len, prefix).map_err(RecordError::Encode)?;
        self.seal_data(form, buffer, prefix_len.saturating_add(len), random)
    }

    /// [`Self::seal`] for data of any protocol, `len` bytes behind [`RecordForm::data_head_len`]: what the transport puts
    /// in front of a message is part of them.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_data(
        &mut self,
        form: &RecordForm,
        buffer: &mut [u8],
        len: usize,
        random: &[u8],
    ) -> Result<usize, RecordError> {
        let sequence = self.next()?;
        let reserved_len = form.binding.reserved_len();
        let header_len = SecuredMessage::header_len(form.binding.sequence_len());
        let end = form.data_head_len().saturating_add(len).saturating_sub(reserved_len);
        let (protected_end, random) = match form.privacy {
            RecordPrivacy::Encrypted => (end.saturating_add(random.len()), random),
            RecordPrivacy::Authenticated => (end, &[][..]),
        };
        let record_len = protected_end.saturating_add(TAG_LEN);
        let carried_len = reserved_len.saturating_add(record_len);
        let room = EncodeError::BufferTooSmall { needed: carried_len };
        let carried = buffer.get_mut(..carried_len).ok_or(RecordError::Encode(room))?;
        let (reserved, record) = carried.split_at_mut(reserved_len);
        reserved.fill(0);
        let too_large = |field| RecordError::Encode(EncodeError::TooLarge { field });
        let length = u16::try_from(record_len.saturating_sub(header_len));
        let length = length.map_err(|_| too_large("Length"))?.to_le_bytes();
        let data_length = u16::try_from(len);
        let data_length = data_length.map_err(|_| too_large("ApplicationDataLength"))?;

        let number = sequence.to_le_bytes();
        let (header, protected) = record.split_at_mut(header_len);
        let number = number.get(..form.binding.sequence_len()).unwrap_or_default();
        let fields = form.session_id.to_le_bytes();
        let fields = fields.iter().chain(number).chain(&length);
        header.iter_mut().zip(fields).for_each(|(place, byte)| *place = *byte);
        let (protected, _) = protected.split_at_mut(protected_end.saturating_sub(header_len));
        let inside = match form.privacy {
            RecordPrivacy::Encrypted => {
                let (place, inside) = protected.split_at_mut(DATA_LENGTH_LEN);
                place.copy_from_slice(&data_length.to_le_bytes());
                inside
            }
            RecordPrivacy::Authenticated => &mut *protected,
        };
        let behind = inside.get_mut(len..).unwrap_or_default();
        behind.iter_mut().zip(random).for_each(|(place, byte)| *place = *byte);

        let sealed = match form.privacy {
            RecordPrivacy::Encrypted => self.key.seal(sequence, self.order, header, protected),
            RecordPrivacy::Authenticated => {
                let associated = record.get(..protected_end).unwrap_or_default();
                self.key.seal(sequence, self.order, associated, &mut [])
            }
        };
        let sealed = sealed.map_err(RecordError::Aead)?;
        let tag = record.get_mut(protected_end..).unwrap_or_default();
        tag.iter_mut().zip(sealed).for_each(|(place, byte)| *place = byte);
        self.sequence = sequence.saturating_add(1);
        Ok(carried_len)
    }

    /// Opens `record` in place, and returns where in it the SPDM message is. The transport may have appended `padding`
    /// bytes. Nothing of what was encrypted is there before its tag is found to be right.
    ///
    /// # Errors
    /// [`RecordError`]. Up to a wrong tag, the record is as before and no number was used: another key may be tried.
    pub fn open(
        &mut self,
        form: &RecordForm,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Range<usize>, RecordError> {
        let data = self.open_data(form, record, padding)?;
        let carried = record.get(data.clone()).unwrap_or_default();
        let message = form.binding.spdm_message(carried).ok_or(RecordError::Protocol)?;
        let start = data.start.saturating_add(carried.len().saturating_sub(message.len()));
        Ok(start..start.saturating_add(message.len()))
    }

    /// [`Self::open`], but returns where all of the data is that was sent, with what the transport puts in front of a
    /// message: it may be of another protocol than SPDM.
    ///
    /// # Errors
    /// [`RecordError`], as [`Self::open`]; not [`RecordError::Protocol`].
    pub fn open_data(
        &mut self,
        form: &RecordForm,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Range<usize>, RecordError> {
        let sequence = self.next()?;
        let sequence_len = form.binding.sequence_len();
        let reserved_len = form.binding.reserved_len();
        let record = record.get_mut(reserved_len..).unwrap_or_default();
        let message = SecuredMessage::decode(Untrusted::new(&*record), sequence_len, padding)
            .map_err(RecordError::Decode)?;
        if message.session_id != form.session_id {
            return Err(RecordError::OtherSession { got: message.session_id });
        }
        if !sequence.to_le_bytes().starts_with(message.sequence) {
            return Err(RecordError::Sequence);
        }
        let (data_len, tag) = (message.data.len(), message.tag);
        let header_len = SecuredMessage::header_len(sequence_len);
        let end = header_len.saturating_add(data_len);
        // Both are there: the record was decoded.
        let protected = record.get_mut(..end).unwrap_or_default();
        let opened = match form.privacy {
            RecordPrivacy::Encrypted => {
                let (header, data) = protected.split_at_mut_checked(header_len).unwrap_or_default();
                self.key.open(sequence, self.order, header, data, &tag)
            }
            RecordPrivacy::Authenticated => {
                self.key.open(sequence, self.order, protected, &mut [], &tag)
            }
        };
        opened.map_err(|_| RecordError::Tag)?;
        self.sequence = sequence.saturating_add(1);

        let data = protected.get(header_len..).unwrap_or_default();
        let (data, data_start) = match form.privacy {
            RecordPrivacy::Encrypted => {
                let plain = Plaintext::decode(Untrusted::new(data)).map_err(RecordError::Decode)?;
                (plain.data, header_len.saturating_add(DATA_LENGTH_LEN))
            }
            RecordPrivacy::Authenticated => (data, header_len),
        };
        let start = reserved_len.saturating_add(data_start);
        Ok(start..start.saturating_add(data.len()))
    }
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests {
    use super::*;
    use crate::aead::{AeadAlgorithm, NONCE_LEN};
    use crate::rustcrypto::PROVIDER;

    const ID: u32 = 0x1122_3344;

    fn stream(first: u64) -> RecordStream {
        let key = RecordKey::import(&PROVIDER, AeadAlgorithm::Aes256Gcm, &[7; 32], &[9; NONCE_LEN]);
        RecordStream::resumed(key.unwrap(), first)
    }

    fn forms() -> impl Iterator<Item = RecordForm> {
        let bindings = [
            RecordBinding::PciDoe,
            RecordBinding::Mctp,
            RecordBinding::Tcp,
            RecordBinding::Storage,
        ];
        bindings.into_iter().flat_map(|binding| {
            [RecordPrivacy::Encrypted, RecordPrivacy::Authenticated].map(|privacy| RecordForm {
                binding,
                privacy,
                session_id: ID,
            })
        })
    }

    /// A record of `message` in a buffer of its own.
    fn sealed(stream: &mut RecordStream, form: &RecordForm, message: &[u8]) -> std::vec::Vec<u8> {
        let mut buffer = [0xEE; 256];
        let head = form.head_len();
        buffer.get_mut(head..head + message.len()).unwrap().copy_from_slice(message);
        let len = stream.seal(form, &mut buffer, message.len(), &[0xAB; 5]).unwrap();
        buffer.get(..len).unwrap().to_vec()
    }

    #[test]
    fn a_sealed_message_is_opened_in_place() {
        for form in forms() {
            let (mut sender, mut receiver) = (stream(0), stream(0));
            for message in [&b"\x14\xe8\0\0"[..], &[0x55; 100], &[]] {
                let mut record = sealed(&mut sender, &form, message);
                let place = receiver.open(&form, &mut record, 0).unwrap();
                assert_eq!(record.get(place).unwrap(), message, "{form:?}");
            }
            assert_eq!(receiver.sequence(), 3);
        }
    }

    #[test]
    fn a_record_with_any_changed_byte_is_rejected_and_costs_no_number() {
        for form in forms() {
            let record = sealed(&mut stream(0), &form, b"\x14\xe8\0\0");
            for place in form.binding.reserved_len()..record.len() {
                let mut changed = record.clone();
                *changed.get_mut(place).unwrap() ^= 0x10;
                let before = changed.clone();
                let mut receiver = stream(0);
                let error = receiver.open(&form, &mut changed, 0).unwrap_err();
                assert_eq!(changed, before, "{form:?} {place}: {error}");
                assert_eq!(receiver.sequence(), 0, "{form:?} {place}");
                receiver.open(&form, &mut record.clone(), 0).unwrap();
            }
        }
    }

    #[test]
    fn records_are_taken_once_and_in_order() {
        for form in forms() {
            let mut sender = stream(0);
            let first = sealed(&mut sender, &form, b"one");
            let second = sealed(&mut sender, &form, b"two");
            let mut receiver = stream(0);
            let wrong = match form.binding {
                RecordBinding::Mctp | RecordBinding::Storage => RecordError::Sequence,
                _ => RecordError::Tag,
            };
            assert_eq!(receiver.open(&form, &mut second.clone(), 0), Err(wrong));
            receiver.open(&form, &mut first.clone(), 0).unwrap();
            assert_eq!(receiver.open(&form, &mut first.clone(), 0), Err(wrong));
            receiver.open(&form, &mut second.clone(), 0).unwrap();
        }
    }

    #[test]
    fn a_record_of_another_form_or_session_is_rejected() {
        for form in forms() {
            let record = sealed(&mut stream(0), &form, b"\x14\xe8\0\0");
            let other = RecordForm { session_id: ID + 1, ..form };
            assert_eq!(
                stream(0).open(&other, &mut record.clone(), 0),
                Err(RecordError::OtherSession { got: ID })
            );
            let privacy = match form.privacy {
                RecordPrivacy::Encrypted => RecordPrivacy::Authenticated,
                RecordPrivacy::Authenticated => RecordPrivacy::Encrypted,
            };
            let other = RecordForm { privacy, ..form };
            assert_eq!(stream(0).open(&other, &mut record.clone(), 0), Err(RecordError::Tag));
        }
    }

    #[test]
    fn reserved_bytes_in_front_of_a_record_are_zero_and_not_looked_at() {
        for form in forms() {
            let len = form.binding.reserved_len();
            let mut record = sealed(&mut stream(0), &form, b"\x14\xe8\0\0");
            let (reserved, _) = record.split_at_mut(len);
            assert!(reserved.iter().all(|byte| *byte == 0));
            reserved.fill(0xFF);
            stream(0).open(&form, &mut record, 0).unwrap();
        }
    }

    #[test]
    fn s66_the_last_number_is_not_used_and_the_header_wraps() {
        let form = RecordForm {
            binding: RecordBinding::Mctp,
            privacy: RecordPrivacy::Encrypted,
            session_id: ID,
        };
        let (mut sender, mut receiver) = (stream(0xFFFF), stream(0xFFFF));
        for number in [[0xFF, 0xFF], [0, 0]] {
            let mut record = sealed(&mut sender, &form, b"wraps");
            assert_eq!(record.get(4..6).unwrap(), number);
            receiver.open(&form, &mut record, 0).unwrap();
        }
        let (mut sender, mut receiver) = (stream(u64::MAX - 1), stream(u64::MAX - 1));
        let record = sealed(&mut sender, &form, b"last");
        receiver.open(&form, &mut record.clone(), 0).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(sender.seal(&form, &mut buffer, 4, &[]), Err(RecordError::Exhausted));
        assert_eq!(receiver.open(&form, &mut record.clone(), 0), Err(RecordError::Exhausted));
    }

    #[test]
    fn s66_a_limit_of_the_key_is_kept_by_both_sides() {
        let form = RecordForm {
            binding: RecordBinding::PciDoe,
            privacy: RecordPrivacy::Encrypted,
            session_id: ID,
        };
        let mut sender = stream(0).with_limit(3);
        let mut receiver = stream(0).with_limit(3);
        for number in 0..8 {
            assert_eq!(sender.is_worn(), number >= 6, "{number}");
            let mut record = sealed(&mut sender, &form, b"fits");
            receiver.open(&form, &mut record, 0).unwrap();
        }
        let mut buffer = [0; 64];
        assert_eq!(sender.seal(&form, &mut buffer, 4, &[]), Err(RecordError::Exhausted));
        let mut record = sealed(&mut stream(8), &form, b"ninth");
        assert_eq!(receiver.open(&form, &mut record, 0), Err(RecordError::Exhausted));
    }

    #[test]
    fn what_fits_no_record_or_buffer_is_refused() {
        let form = RecordForm {
            binding: RecordBinding::PciDoe,
            privacy: RecordPrivacy::Encrypted,
            session_id: ID,
        };
        let mut small = [0; 27];
        let needed = EncodeError::BufferTooSmall { needed: 28 };
        let mut sender = stream(0);
        assert_eq!(sender.seal(&form, &mut small, 4, &[]), Err(RecordError::Encode(needed)));
        let mut large = std::vec![0; 0x1_0020];
        let longest = 0xFFFF - TAG_LEN - DATA_LENGTH_LEN;
        let field = "Length";
        assert_eq!(
            sender.seal(&form, &mut large, longest + 1, &[]),
            Err(RecordError::Encode(EncodeError::TooLarge { field }))
        );
        assert_eq!(sender.sequence(), 0);
        let len = sender.seal(&form, &mut large, longest, &[]).unwrap();
        stream(0).open(&form, large.get_mut(..len).unwrap(), 0).unwrap();
    }

    #[test]
    fn s63_lengths_inside_a_record_are_checked_after_the_tag() {
        let form = RecordForm {
            binding: RecordBinding::PciDoe,
            privacy: RecordPrivacy::Encrypted,
            session_id: ID,
        };
        for (length, right) in [(3_u16, true), (4, true), (5, false), (0xFFFF, false)] {
            let mut plain = [0; 6];
            plain.get_mut(..2).unwrap().copy_from_slice(&length.to_le_bytes());
            let mut record = std::vec::Vec::from(ID.to_le_bytes());
            record.extend([22, 0]);
            let tag = {
                let RecordStream { key, .. } = stream(0);
                key.seal(0, SequenceOrder::LittleEndian, &record, &mut plain).unwrap()
            };
            record.extend(plain);
            record.extend(tag);
            let opened = stream(0).open(&form, &mut record, 0);
            assert_eq!(opened.is_ok(), right, "{length}: {opened:?}");
        }
    }
}
