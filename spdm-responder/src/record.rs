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
    /// Data of another protocol, there in the record.
    Data(Range<usize>),
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
    let mut opened = session.requests.open_data(form, record, padding);
    if let (Err(RecordError::Sequence | RecordError::Tag), Some(update)) =
        (&opened, &mut session.update)
    {
        session.used = KeyUsed::Old;
        opened = update.old_requests.open_data(form, record, padding);
    }
    let Ok(range) = opened else { return Opened::Bad };
    let data = record.get(range.clone()).unwrap_or_default();
    match form.binding.spdm_message(data) {
        Some(message) => Opened::Message(range.end.saturating_sub(message.len())..range.end),
        None => Opened::Data(range),
    }
}

/// The most RandomData that is sent.
const MAX_RANDOM: usize = 32;

/// What is to be sealed, `len` bytes of it.
#[derive(Clone, Copy)]
pub(crate) enum Unsealed {
    /// A message, behind the head of the record's form.
    Message { len: usize },
    /// Data of another protocol, behind the head for data.
    Data { len: usize },
}

/// Makes a record of what lies in `out`; its length. `None` where there is no number left or the backend fails: then
/// nothing may be sent.
pub(crate) fn seal(
    session: &mut Session,
    form: &RecordForm,
    device: &mut dyn Device,
    unsealed: Unsealed,
    out: &mut [u8],
) -> Option<usize> {
    let mut random = [0; MAX_RANDOM];
    let most = form.binding.max_random_len().min(MAX_RANDOM);
    if most > 0 {
        device.random(&mut random).ok()?;
    }
    let [count, ..] = random;
    let random = random.get(..usize::from(count) % (most + 1))?;
    let taken = match unsealed {
        Unsealed::Message { len } => form.head_len() + len,
        Unsealed::Data { len } => form.data_head_len() + len,
    };
    // What does not fit is left out: nobody misses it.
    let room = out.len().checked_sub(taken + spdm_crypto::TAG_LEN)?;
    let random = random.get(..room).unwrap_or(random);
    let sealed = match unsealed {
        Unsealed::Message { len } => session.responses.seal(form, out, len, random),
        Unsealed::Data { len } => session.responses.seal_data(form, out, len, random),
    };
    sealed.ok()
}
