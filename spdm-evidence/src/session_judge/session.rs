//! A session that is alive: its records, and what its messages do to its keys.

use spdm_codec::{Code, ErrorCode, HEADER_LEN, KeyOperation, Side};
use spdm_crypto::{DataSecret, HandshakeSecrets, RecordError, RecordForm, RecordStream};

use super::findings::{Opening, Unsigned};
use crate::collector::Collector;
use crate::host::HostTranscript;
use crate::note::Note;
use crate::recording::{Broken, RecordedExchange};
use crate::secrets::SessionKeys;

/// A session that is alive.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) opening: Opening,
    pub(super) form: RecordForm,
    /// Its index among those of the connection.
    pub(crate) index: usize,
    /// The place of its transcript in the bank.
    pub(super) place: usize,
    pub(super) is_mutual: bool,
    /// Whether its transcript has what the host adds.
    pub(super) transcript: HostTranscript,
    pub(super) keys: SessionKeys,
    pub(super) phase: Phase,
    pub(super) request: RecordStream,
    pub(super) response: RecordStream,
    /// The next key of the Responder, while an UpdateAllKeys or an update that the device asked for is under way.
    pub(super) next_response: Option<(DataSecret, RecordStream)>,
    /// The side whose record probably comes next.
    pub(super) next: Side,
    /// Records so far.
    pub(super) records: usize,
    pub(super) collector: Collector,
    /// Exchanges of measurements that are not signed, and what they said.
    pub(crate) measured: u16,
    pub(crate) unsigned: Unsigned,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few values per connection")]
pub(super) enum Phase {
    Handshake(HandshakeSecrets),
    Established { request: DataSecret, response: DataSecret },
}

/// What a message of a session changes.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) exchanges: Vec<RecordedExchange>,
    pub(super) notes: Vec<Note>,
    /// Keys that came into use.
    pub(super) updated: usize,
    pub(super) is_over: bool,
}

impl Session {
    /// Captures do not say who sent a record: the tag does. The message is `None` where it is of another protocol.
    pub(super) fn open(
        &mut self,
        bytes: &[u8],
        padding: usize,
    ) -> Result<(Side, Option<Vec<u8>>, usize), RecordError> {
        let mut first = None;
        for sender in [self.next, self.next.other()] {
            let opened = match sender {
                Side::Requester => {
                    open(&mut self.request, &self.form, bytes, padding).map(|m| (m, 0))
                }
                Side::Responder => self.open_response(bytes, padding),
            };
            match opened {
                Ok((message, updated)) => {
                    self.next = sender.other();
                    return Ok((sender, message, updated));
                }
                Err(error @ (RecordError::Tag | RecordError::Sequence)) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or(RecordError::Tag))
    }

    /// While an UpdateAllKeys or an update by the device is under way its answer comes under the next key, and an ERROR under
    /// the old one.
    fn open_response(
        &mut self,
        bytes: &[u8],
        padding: usize,
    ) -> Result<(Option<Vec<u8>>, usize), RecordError> {
        if let Some((_, stream)) = &mut self.next_response {
            match open(stream, &self.form, bytes, padding) {
                Err(RecordError::Tag | RecordError::Sequence) => {}
                opened => {
                    let opened = opened?;
                    if let (Some((secret, stream)), Phase::Established { response, .. }) =
                        (self.next_response.take(), &mut self.phase)
                    {
                        (*response, self.response) = (secret, stream);
                    }
                    return Ok((opened, 1));
                }
            }
        }
        open(&mut self.response, &self.form, bytes, padding).map(|message| (message, 0))
    }

    /// What a message does to the keys and the exchanges.
    pub(super) fn follow(&mut self, sender: Side, message: &[u8]) -> Result<Followed, String> {
        let mut followed = Followed::default();
        let [_, code, param1, ..] = *message else {
            return Err("a message without a header".to_owned());
        };
        match (sender, Code(code)) {
            (_, Code::GET_VERSION) => return Err("GET_VERSION inside a session".to_owned()),
            (Side::Requester, code) if !code.is_request() => {
                return Err(format!("the requester sent {code}"));
            }
            (Side::Responder, code) if code.is_request() => {
                return Err(format!("the device sent {code}"));
            }
            (Side::Requester, Code::KEY_UPDATE)
                if param1 == KeyOperation::UpdateAllKeys.to_byte() =>
            {
                self.next_response = self.updated(Side::Responder);
            }
            (Side::Responder, Code::KEY_UPDATE_ACK)
                if param1 != KeyOperation::VerifyNewKey.to_byte() =>
            {
                if self.next_response.is_some() {
                    return Err("KEY_UPDATE_ACK came under the old key".to_owned());
                }
                if let Some((secret, stream)) = self.updated(Side::Requester)
                    && let Phase::Established { request, .. } = &mut self.phase
                {
                    (*request, self.request) = (secret, stream);
                    followed.updated = 1;
                }
            }
            // The answer that is not ready comes under the new key.
            (Side::Responder, Code::ERROR) if param1 != ErrorCode::RESPONSE_NOT_READY.0 => {
                self.next_response = None;
            }
            // What acknowledges it comes under the new key.
            (Side::Requester, Code::DELIVER_ENCAPSULATED_RESPONSE) => {
                let inner = message.get(HEADER_LEN..).unwrap_or_default();
                let is_update = matches!(inner, [_, code, operation, ..]
                    if *code == Code::KEY_UPDATE_ACK.0
                        && *operation == KeyOperation::UpdateKey.to_byte());
                if is_update {
                    self.next_response = self.updated(Side::Responder);
                }
            }
            (Side::Responder, Code::ENCAPSULATED_RESPONSE_ACK) if self.next_response.is_some() => {
                return Err("ENCAPSULATED_RESPONSE_ACK came under the old key".to_owned());
            }
            _ => {}
        }
        followed.is_over = Code(code) == Code::END_SESSION_ACK;
        self.collector.take(message);
        let (exchanges, notes, broken) = self.collector.exchanges();
        (followed.exchanges, followed.notes) = (exchanges, notes);
        match broken {
            None => Ok(followed),
            Some(broken) => Err(broken_off(&broken)),
        }
    }

    /// The next secret of a side.
    fn updated(&self, side: Side) -> Option<(DataSecret, RecordStream)> {
        let Phase::Established { request, response } = &self.phase else { return None };
        let secret = match side {
            Side::Requester => request,
            Side::Responder => response,
        };
        let secret = secret.updated().ok()?;
        let stream = RecordStream::new(secret.record_key().ok()?);
        Some((secret, stream))
    }
}

fn broken_off(broken: &Broken) -> String {
    broken.to_string()
}

/// Opens a record with one key.
fn open(
    stream: &mut RecordStream,
    form: &RecordForm,
    bytes: &[u8],
    padding: usize,
) -> Result<Option<Vec<u8>>, RecordError> {
    let mut record = bytes.to_vec();
    match stream.open(form, &mut record, padding) {
        Ok(place) => Ok(Some(record.get(place).unwrap_or_default().to_vec())),
        // Its tag is right: it is of an application.
        Err(RecordError::Protocol) => Ok(None),
        Err(error) => Err(error),
    }
}
