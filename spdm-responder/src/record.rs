//! Records of a session (DSP0277): with which key they are opened, and what follows where that fails.

use core::ops::Range;

use spdm_codec::RecordBinding;
use spdm_crypto::{RecordError, RecordForm};

use crate::device::Device;
use crate::session::{KeyUsed, Session};

/// The session of a record.
pub(crate) fn session_id(binding: RecordBinding, carried: &[u8]) -> Option<u32> {
    binding.record(carried).first_chunk().map(|id| u32::from_le_bytes(*id))
}

/// What a record is.
pub(crate) enum Opened {
    /// A message, there in the record.
    Message(Range<usize>),
    /// Application data, which is for others.
    Other,
    /// Damaged, replayed, or under another key: the session is lost.
    Bad,
}

/// Decrypts a record in place, with the key that is due or, after KEY_UPDATE, with the one before. Each is tried as a
/// whole, its sequence number included; only that of the one that fits moves.
pub(crate) fn open(
    session: &mut Session,
    form: &RecordForm,
    padding: usize,
    record: &mut [u8],
) -> Opened {
    session.used = KeyUsed::Due;
    let mut opened = session.requests.open(form, record, padding);
    if let (Err(RecordError::Sequence | RecordError::Tag), Some(update)) =
        (&opened, &mut session.update)
    {
        session.used = KeyUsed::Old;
        opened = update.old_requests.open(form, record, padding);
    }
    match opened {
        Ok(message) => Opened::Message(message),
        Err(RecordError::Protocol) => Opened::Other,
        Err(_) => Opened::Bad,
    }
}

/// The most RandomData that is sent.
const MAX_RANDOM: usize = 32;

/// Makes a record of the message that lies in `out` behind the head of `form`; its length. `None` where there is no
/// number left or the backend fails: then nothing may be sent.
pub(crate) fn seal(
    session: &mut Session,
    form: &RecordForm,
    device: &mut dyn Device,
    len: usize,
    out: &mut [u8],
) -> Option<usize> {
    let mut random = [0; MAX_RANDOM];
    let most = form.binding.max_random_len().min(MAX_RANDOM);
    if most > 0 {
        device.random(&mut random).ok()?;
    }
    let [count, ..] = random;
    let random = random.get(..usize::from(count) % (most + 1))?;
    // What does not fit is left out: nobody misses it.
    let room = out.len().checked_sub(form.head_len() + len + spdm_crypto::TAG_LEN)?;
    let random = random.get(..room).unwrap_or(random);
    session.responses.seal(form, out, len, random).ok()
}
