//! The state of one session: keys, numbers, times.

use core::fmt;
use core::ops::Range;

use spdm_codec::{Code, RecordBinding, RecordPrivacy};
use spdm_crypto::{
    DataSecret, Direction, HandshakeSecrets, KeyScheduleError, Provider, RecordError, RecordForm,
    RecordStream,
};
use spdm_transport::Instant;

use super::handle::SessionHandle;
use crate::error::SessionFault;

/// Memory of one session, lent by the caller. Its keys are erased when the session ends, however it ends, and when the
/// memory is dropped.
pub struct SessionSlot {
    /// Which session is here: that of the handle with the same one.
    pub(super) generation: u32,
    pub(crate) form: RecordForm,
    /// A record was sent, and nothing has answered it yet.
    unanswered: bool,
    /// `HeartbeatPeriod` in seconds; 0 for none.
    heartbeat_period: u8,
    /// How many records a key of the handshake protects, as a power of two.
    aead_limit: u8,
    /// GET_MEASUREMENTS exchanges since the last signed one.
    pub(crate) measured: u16,
    /// The last record in either direction.
    last: Option<Instant>,
    pub(super) keys: Keys,
}

pub(super) enum Keys {
    /// There is no session here.
    None,
    /// After KEY_EXCHANGE_RSP or PSK_EXCHANGE_RSP. Each direction has one record as a rule, whose key is derived then.
    Handshake {
        secrets: HandshakeSecrets,
        sent: u64,
        received: u64,
    },
    Established(Established),
}

/// The keys of a session that is established, with the secrets that the next ones are made of.
pub(crate) struct Established {
    pub(crate) request_secret: DataSecret,
    pub(crate) request: RecordStream,
    pub(crate) response_secret: DataSecret,
    pub(crate) response: RecordStream,
    /// The message that comes under the next key of the Responder: KEY_UPDATE_ACK, where UpdateAllKeys was sent, or what
    /// follows the requester's own acknowledgement.
    pub(crate) next_key_with: Option<Code>,
}

impl Established {
    /// Both streams, from the first record, each key for at most 2 to the power of `aead_limit` of them.
    pub(crate) fn new(
        request_secret: DataSecret,
        response_secret: DataSecret,
        aead_limit: u8,
    ) -> Result<Self, KeyScheduleError> {
        let request = RecordStream::new(request_secret.record_key()?).with_limit(aead_limit);
        let response = RecordStream::new(response_secret.record_key()?).with_limit(aead_limit);
        Ok(Self { request_secret, request, response_secret, response, next_key_with: None })
    }

    /// Requests use the next key from now on.
    pub(crate) fn update_request(&mut self) -> Result<(), KeyScheduleError> {
        let secret = self.request_secret.updated()?;
        let stream = self.request.renewed(secret.record_key()?);
        (self.request_secret, self.request) = (secret, stream);
        Ok(())
    }

    /// Opens a record; `None` for application data. While the Responder's key is replaced, one message comes under the next
    /// key, and errors under the old one (DSP0274 §Key update): whichever opens the record is the right one.
    fn open(
        &mut self,
        form: &RecordForm,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Option<Range<usize>>, SessionFault> {
        let Some(first) = self.next_key_with else {
            return match self.response.open(form, record, padding) {
                Err(RecordError::Protocol) => Ok(None),
                opened => Ok(Some(opened?)),
            };
        };
        let secret = self.response_secret.updated()?;
        let mut stream = self.response.renewed(secret.record_key()?);
        let (opened, only) = match stream.open(form, record, padding) {
            Err(RecordError::Tag | RecordError::Sequence) => {
                (self.response.open(form, record, padding)?, Code::ERROR)
            }
            opened => {
                let opened = opened?;
                (self.response_secret, self.response) = (secret, stream);
                self.next_key_with = None;
                (opened, first)
            }
        };
        // Of the message alone: what lies behind a short one is the padding or the tag, whose bytes are random.
        match record.get(opened.clone()).and_then(|message| message.get(1)) {
            Some(code) if *code == only.0 => Ok(Some(opened)),
            _ => Err(SessionFault::Key),
        }
    }
}

impl SessionSlot {
    /// Memory without a session.
    #[must_use]
    pub const fn new() -> Self {
        let form = RecordForm {
            binding: RecordBinding::PciDoe,
            privacy: RecordPrivacy::Encrypted,
            session_id: 0,
        };
        Self {
            generation: 0,
            form,
            unanswered: false,
            heartbeat_period: 0,
            aead_limit: 0,
            measured: 0,
            last: None,
            keys: Keys::None,
        }
    }

    pub(crate) const fn is_free(&self) -> bool {
        matches!(self.keys, Keys::None)
    }

    pub(super) const fn is_established(&self) -> bool {
        matches!(self.keys, Keys::Established(_))
    }

    /// A handshake begins where there is no session.
    pub(crate) fn begin(
        &mut self,
        session: SessionHandle,
        form: RecordForm,
        secrets: HandshakeSecrets,
        heartbeat_period: u8,
        aead_limit: u8,
    ) {
        self.generation = session.generation();
        self.form = form;
        (self.heartbeat_period, self.aead_limit) = (heartbeat_period, aead_limit);
        self.keys = Keys::Handshake { secrets, sent: 0, received: 0 };
    }

    /// Erases the keys.
    pub(crate) fn end(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.keys = Keys::None;
        self.form.session_id = 0;
        (self.unanswered, self.heartbeat_period, self.measured) = (false, 0, 0);
        self.last = None;
    }

    pub(crate) const fn handshake(&self) -> Option<&HandshakeSecrets> {
        match &self.keys {
            Keys::Handshake { secrets, .. } => Some(secrets),
            _ => None,
        }
    }

    /// The session is established, with these keys. Those of the handshake are erased where they are.
    pub(crate) fn establish(&mut self, keys: Established, now: Instant) {
        self.keys = Keys::Established(keys);
        self.last = Some(now);
    }

    /// The flow that ran in it is over: this many exchanges of measurements are not signed.
    pub(crate) const fn left(&mut self, measured: u16) {
        self.measured = measured;
        if let Keys::Established(keys) = &mut self.keys {
            keys.next_key_with = None;
        }
    }

    /// The next answer, this message, comes under the next key.
    pub(crate) const fn expect_next_key(&mut self, with: Code) {
        if let Keys::Established(keys) = &mut self.keys {
            keys.next_key_with = Some(with);
        }
    }

    /// Whatever answer is still to come is not waited for.
    pub(crate) const fn forgo_answer(&mut self) {
        self.unanswered = false;
    }

    pub(crate) const fn established(&mut self) -> Option<&mut Established> {
        match &mut self.keys {
            Keys::Established(keys) => Some(keys),
            _ => None,
        }
    }

    /// The time at which a HEARTBEAT is due: half a period after the last record.
    pub(super) fn heartbeat_due(&self) -> Option<Instant> {
        let half = u64::from(self.heartbeat_period).saturating_mul(500_000);
        match (&self.keys, self.last) {
            (Keys::Established(_), Some(last)) if half > 0 => Some(last.after_micros(half)),
            _ => None,
        }
    }

    /// Whether the key of requests or of responses is nearly used up.
    pub(super) const fn is_worn(&self) -> bool {
        match &self.keys {
            Keys::Established(keys) => keys.request.is_worn() || keys.response.is_worn(),
            _ => false,
        }
    }

    /// Whether a record may be sent at `now`.
    fn may_send(&self, now: Instant) -> Result<(), SessionFault> {
        // The device has ended a session that was silent for two periods (DSP0274 §HEARTBEAT).
        let silence = u64::from(self.heartbeat_period).saturating_mul(2_000_000);
        if silence > 0 && self.last.is_some_and(|last| now > last.after_micros(silence)) {
            return Err(SessionFault::Over);
        }
        if self.unanswered { Err(SessionFault::Unanswered) } else { Ok(()) }
    }

    pub(super) fn seal(
        &mut self,
        provider: &Provider,
        now: Instant,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, SessionFault> {
        self.may_send(now)?;
        let mut random = [0; MAX_RANDOM];
        let random = random_of(self.form.binding, provider, &mut random)?;
        let form = &self.form;
        let sealed = match &mut self.keys {
            Keys::None => return Err(SessionFault::Over),
            Keys::Handshake { secrets, sent, .. } => {
                let key = secrets.record_key(Direction::Request)?;
                let mut stream = RecordStream::resumed(key, *sent).with_limit(self.aead_limit);
                let sealed = stream.seal(form, buffer, len, random)?;
                *sent = stream.sequence();
                sealed
            }
            Keys::Established(keys) => keys.request.seal(form, buffer, len, random)?,
        };
        (self.unanswered, self.last) = (true, Some(now));
        Ok(sealed)
    }

    /// Makes a record of data of another protocol; its length in bytes.
    pub(super) fn seal_data(
        &mut self,
        provider: &Provider,
        now: Instant,
        data: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize, SessionFault> {
        self.may_send(now)?;
        let form = &self.form;
        let Keys::Established(keys) = &mut self.keys else { return Err(SessionFault::Over) };
        if form.binding.spdm_message(data).is_some() {
            return Err(SessionFault::SpdmMessage);
        }
        let mut random = [0; MAX_RANDOM];
        let random = random_of(form.binding, provider, &mut random)?;
        // Where it does not fit, sealing says so.
        let place = buffer.get_mut(form.data_head_len()..).unwrap_or_default();
        place.iter_mut().zip(data).for_each(|(place, byte)| *place = *byte);
        let sealed = keys.request.seal_data(form, buffer, data.len(), random)?;
        self.last = Some(now);
        Ok(sealed)
    }

    /// Opens a record of data of another protocol.
    pub(super) fn open_data(
        &mut self,
        now: Instant,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Range<usize>, SessionFault> {
        let form = &self.form;
        let Keys::Established(keys) = &mut self.keys else { return Err(SessionFault::Over) };
        let opened = keys.response.open_data(form, record, padding)?;
        self.last = Some(now);
        let data = record.get(opened.clone()).unwrap_or_default();
        match form.binding.spdm_message(data) {
            Some(_) => Err(SessionFault::SpdmMessage),
            None => Ok(opened),
        }
    }

    /// Opens a record; `None` for application data, which answers nothing.
    pub(super) fn open(
        &mut self,
        now: Instant,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Option<Range<usize>>, SessionFault> {
        let form = &self.form;
        let opened = match &mut self.keys {
            Keys::None => return Err(SessionFault::Over),
            Keys::Handshake { secrets, received, .. } => {
                let key = secrets.record_key(Direction::Response)?;
                let mut stream = RecordStream::resumed(key, *received).with_limit(self.aead_limit);
                let opened = stream.open(form, record, padding)?;
                *received = stream.sequence();
                Some(opened)
            }
            Keys::Established(keys) => keys.open(form, record, padding)?,
        };
        self.last = Some(now);
        if opened.is_some() {
            self.unanswered = false;
        }
        Ok(opened)
    }
}

/// The most random bytes behind a message that we send.
const MAX_RANDOM: usize = 16;

/// Random bytes, a random number of them, where the transport has them: they hide the length of the message.
fn random_of<'r>(
    binding: RecordBinding,
    provider: &Provider,
    bytes: &'r mut [u8; MAX_RANDOM],
) -> Result<&'r [u8], SessionFault> {
    if binding.max_random_len() < MAX_RANDOM {
        return Ok(&[]);
    }
    provider.random.fill(bytes).map_err(|_| SessionFault::Random)?;
    let [len, random @ ..] = bytes;
    Ok(random.get(..usize::from(*len) % MAX_RANDOM).unwrap_or_default())
}

impl Default for SessionSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SessionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSlot")
            .field("session_id", &self.form.session_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::SessionSlot;

    #[test]
    fn a_session_takes_at_most_what_is_documented() {
        assert!(size_of::<SessionSlot>() <= 640, "{}", size_of::<SessionSlot>());
        assert!(size_of::<crate::Error>() <= 80, "{}", size_of::<crate::Error>());
    }
}
