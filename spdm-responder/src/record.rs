//! Records of a session (DSP0277): opened and sealed in place.

use spdm_codec::{RecordPrivacy, SecuredMessage, TAG_LEN};
use spdm_crypto::SequenceOrder;
use spdm_untrusted::Untrusted;

use crate::device::Device;
use crate::session::{Channel, KeyUsed, Session};

/// ApplicationDataLength.
const LENGTH_LEN: usize = 2;
/// The most RandomData that is sent.
const MAX_RANDOM: usize = 32;

/// What a transport does with records (DSP0277, and the binding of the transport).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct RecordFormat {
    /// How many bytes of the sequence number are sent: 0 with DOE and TCP, 2 with MCTP and storage.
    pub sequence_len: usize,
    /// Up to how many random bytes follow a message that is encrypted, at most 32.
    pub max_random: usize,
    /// What stands in front of the message inside.
    pub prefix: InnerPrefix,
}

/// What stands in front of a message inside of a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum InnerPrefix {
    /// Nothing (DOE).
    #[default]
    None,
    /// The MCTP message type of SPDM.
    Mctp,
    /// The header of the TCP binding: PayloadLength, version 1, type 5.
    Tcp,
}

/// SPDM among the message types of MCTP and TCP.
const SPDM_TYPE: u8 = 5;
const TCP_VERSION: u8 = 1;

impl InnerPrefix {
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Mctp => 1,
            Self::Tcp => 4,
        }
    }

    /// Writes it in front of a message of `len` bytes.
    fn write(self, place: &mut [u8], len: usize) {
        let [low, high] = u16::try_from(len.saturating_add(2)).unwrap_or(u16::MAX).to_le_bytes();
        let bytes: &[u8] = match self {
            Self::None => &[],
            Self::Mctp => &[SPDM_TYPE],
            Self::Tcp => &[low, high, TCP_VERSION, SPDM_TYPE],
        };
        place.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    /// What stands behind it; `None` where it is not one of SPDM.
    fn strip(self, data: &[u8]) -> Option<core::ops::Range<usize>> {
        let message = self.len()..data.len();
        let fits = match (self, data) {
            (Self::None, _) => true,
            (Self::Mctp, [kind, ..]) => *kind == SPDM_TYPE,
            (Self::Tcp, [low, high, version, kind, rest @ ..]) => {
                let len = usize::from(u16::from_le_bytes([*low, *high]));
                (*version, *kind, len) == (TCP_VERSION, SPDM_TYPE, rest.len() + 2)
            }
            _ => false,
        };
        fits.then_some(message)
    }
}

/// The session of a record.
pub(crate) fn session_id(record: &[u8]) -> Option<u32> {
    record.first_chunk().map(|id| u32::from_le_bytes(*id))
}

/// What a record is.
pub(crate) enum Opened {
    /// A message, there in the record.
    Message(core::ops::Range<usize>),
    /// Application data, which is for others.
    Other,
    /// Damaged, replayed, or under another key: the session is lost.
    Bad,
}

/// Decrypts a record in place, with the key that is due or, after KEY_UPDATE, with the one before.
pub(crate) fn open(
    session: &mut Session,
    format: &RecordFormat,
    privacy: RecordPrivacy,
    padding: usize,
    record: &mut [u8],
) -> Opened {
    let decoded = SecuredMessage::decode(Untrusted::new(&*record), format.sequence_len, padding);
    let Ok(SecuredMessage { data, .. }) = decoded else { return Opened::Bad };
    let header_len = SecuredMessage::header_len(format.sequence_len);
    let end = header_len + data.len();
    session.used = KeyUsed::Due;
    if open_with(&mut session.requests, format, privacy, end, record).is_none() {
        session.used = KeyUsed::Old;
        let update = session.update.as_mut();
        let old = update
            .and_then(|update| open_with(&mut update.old_requests, format, privacy, end, record));
        if old.is_none() {
            return Opened::Bad;
        }
    }
    let inner = match privacy {
        RecordPrivacy::Authenticated => header_len..end,
        RecordPrivacy::Encrypted => {
            let start = header_len + LENGTH_LEN;
            let len = record.get(header_len..start).and_then(|len| len.first_chunk());
            let len = len.map_or(usize::MAX, |len| u16::from_le_bytes(*len).into());
            match start.checked_add(len) {
                Some(inner_end) if inner_end <= end => start..inner_end,
                _ => return Opened::Bad,
            }
        }
    };
    let message = format.prefix.strip(record.get(inner.clone()).unwrap_or_default());
    match message {
        Some(message) => Opened::Message(inner.start + message.start..inner.start + message.end),
        None => Opened::Other,
    }
}

/// Tries one key: header, sequence number included, and tag have to fit. Only then the counter moves.
fn open_with(
    channel: &mut Channel,
    format: &RecordFormat,
    privacy: RecordPrivacy,
    end: usize,
    record: &mut [u8],
) -> Option<()> {
    let sequence = channel.sequence.to_le_bytes();
    let received = record.get(4..4 + format.sequence_len)?;
    let next = channel.sequence.checked_add(1)?;
    if sequence.get(..format.sequence_len) != Some(received) {
        return None;
    }
    let order = SequenceOrder::LittleEndian;
    let (sealed, tag) = record.split_at_mut_checked(end)?;
    let tag = tag.first_chunk()?;
    let opened = match privacy {
        RecordPrivacy::Encrypted => {
            let header_len = SecuredMessage::header_len(format.sequence_len);
            let (header, data) = sealed.split_at_mut_checked(header_len)?;
            channel.key.open(channel.sequence, order, header, data, tag)
        }
        RecordPrivacy::Authenticated => {
            channel.key.open(channel.sequence, order, sealed, &mut [], tag)
        }
    };
    opened.ok()?;
    channel.sequence = next;
    Some(())
}

/// Bytes in front of a message in a record.
pub(crate) const fn head(format: &RecordFormat, privacy: RecordPrivacy) -> usize {
    let length = match privacy {
        RecordPrivacy::Encrypted => LENGTH_LEN,
        RecordPrivacy::Authenticated => 0,
    };
    SecuredMessage::header_len(format.sequence_len) + length + format.prefix.len()
}

/// Bytes behind it, at most.
pub(crate) const TAIL: usize = MAX_RANDOM + TAG_LEN;

/// Makes a record of the message that lies behind [`head`] in `out`; its length. `None` where there are no numbers left
/// or the backend fails: then nothing may be sent.
pub(crate) fn seal(
    session: &mut Session,
    format: &RecordFormat,
    privacy: RecordPrivacy,
    device: &mut dyn Device,
    len: usize,
    out: &mut [u8],
) -> Option<usize> {
    let channel = &mut session.responses;
    let next = channel.sequence.checked_add(1)?;
    let head = head(format, privacy);
    let header_len = SecuredMessage::header_len(format.sequence_len);
    let inner_len = format.prefix.len() + len;
    let mut end = head + len;
    if privacy == RecordPrivacy::Encrypted && format.max_random > 0 {
        let mut count = [0];
        device.random(&mut count).ok()?;
        let count = usize::from(count[0]) % (format.max_random.min(MAX_RANDOM) + 1);
        device.random(out.get_mut(end..end + count)?).ok()?;
        end += count;
    }
    let (sealed, tag) = out.split_at_mut_checked(end)?;
    let (header, data) = sealed.split_at_mut_checked(header_len)?;
    let (id, rest) = header.split_first_chunk_mut()?;
    *id = session.id.to_le_bytes();
    let (number, length) = rest.split_at_mut_checked(format.sequence_len)?;
    number.copy_from_slice(channel.sequence.to_le_bytes().get(..format.sequence_len)?);
    length.copy_from_slice(&u16::try_from(data.len() + TAG_LEN).ok()?.to_le_bytes());
    let mut body = &mut *data;
    if privacy == RecordPrivacy::Encrypted {
        let (length, rest) = body.split_first_chunk_mut()?;
        *length = u16::try_from(inner_len).ok()?.to_le_bytes();
        body = rest;
    }
    format.prefix.write(body, len);
    let order = SequenceOrder::LittleEndian;
    let made = match privacy {
        RecordPrivacy::Encrypted => channel.key.seal(channel.sequence, order, header, data),
        RecordPrivacy::Authenticated => channel.key.seal(channel.sequence, order, sealed, &mut []),
    };
    *tag.first_chunk_mut()? = made.ok()?;
    channel.sequence = next;
    Some(end + TAG_LEN)
}
