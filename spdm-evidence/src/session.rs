//! Opening the records of sessions (DSP0277), which are given in the order in which they were captured.

use std::collections::BTreeMap;

use spdm_codec::{AeadCipherSuite, RecordBinding, RecordProtection, SecuredMessage, Side};
use spdm_crypto::{
    AeadAlgorithm, Provider, RecordError, RecordForm, RecordKey, RecordStream, SequenceOrder,
};
use spdm_untrusted::Untrusted;

use crate::secrets::{Key, Secrets, SessionKeys};
use crate::secured_record::{NotOpened, SecuredRecord};

/// The sessions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// `None` where there are no secrets at all.
    keys: Option<Keys>,
    open: BTreeMap<u32, Session>,
}

/// What opens records.
#[derive(Debug)]
struct Keys {
    /// Keys of sessions of which no record was opened yet.
    waiting: Vec<SessionKeys>,
    provider: Provider,
}

/// A session whose keys are known.
#[derive(Debug)]
struct Session {
    requester: KeyChain,
    responder: KeyChain,
    /// The side whose record probably comes next.
    next: Side,
}

/// The records that one side sends in a session: its keys, in order of use, and the next sequence number.
#[derive(Debug)]
struct KeyChain {
    keys: Vec<Key>,
    current: usize,
    sequence: u64,
}

/// A record that is to be opened.
struct SealedRecord<'a> {
    provider: &'a Provider,
    algorithm: AeadAlgorithm,
    form: RecordForm,
    bytes: &'a [u8],
    padding: usize,
}

impl Sessions {
    pub(crate) fn new(secrets: Secrets, provider: &Provider) -> Self {
        let keys = Keys { waiting: secrets.sessions, provider: *provider };
        Self { keys: Some(keys), open: BTreeMap::new() }
    }

    /// A session begins: an earlier one with the same ID is over.
    pub(crate) fn begin(&mut self, id: u32) {
        self.open.remove(&id);
    }

    pub(crate) fn end_all(&mut self) {
        self.open.clear();
    }

    /// Opens a record: what became of it, and the data of the application.
    pub(crate) fn open(
        &mut self,
        bytes: &[u8],
        binding: RecordBinding,
        padding: usize,
        protection: RecordProtection,
    ) -> (SecuredRecord, Option<Vec<u8>>) {
        let mut record =
            SecuredRecord { binding, padding, session_id: None, opened: Err(NotOpened::NoSecrets) };
        let sequence_len = binding.sequence_len();
        let raw = Untrusted::new(binding.record(bytes));
        let message = match SecuredMessage::decode(raw, sequence_len, padding) {
            Ok(message) => message,
            Err(error) => {
                record.opened = Err(NotOpened::Record(error));
                return (record, None);
            }
        };
        record.session_id = Some(message.session_id);
        let (session_id, privacy) = (message.session_id, protection.privacy);
        let form = RecordForm { binding, privacy, session_id };
        match self.open_record(bytes, form, padding, protection.suite) {
            Ok((sender, data)) => {
                record.opened = Ok(sender);
                (record, Some(data))
            }
            Err(error) => {
                record.opened = Err(error);
                (record, None)
            }
        }
    }

    fn open_record(
        &mut self,
        bytes: &[u8],
        form: RecordForm,
        padding: usize,
        suite: AeadCipherSuite,
    ) -> Result<(Side, Vec<u8>), NotOpened> {
        let Some(Keys { waiting, provider }) = &mut self.keys else {
            return Err(NotOpened::NoSecrets);
        };
        let id = form.session_id;
        let known = self.open.get(&id).map(|session| session.key_len());
        let key_len = known.or_else(|| waiting.iter().find(|keys| keys.id == id)?.key_len());
        let Some(key_len) = key_len else { return Err(NotOpened::NoKeys) };
        let suite = suite_of(suite, key_len);
        let algorithm = AeadAlgorithm::from_cipher_suite(suite)
            .filter(|algorithm| provider.aead(*algorithm).is_some())
            .ok_or(NotOpened::Cipher(suite))?;
        let sealed = SealedRecord { provider, algorithm, form, bytes, padding };
        if let Some(session) = self.open.get_mut(&id) {
            let (sender, data) = session.open(&sealed).ok_or(NotOpened::Tag)?;
            return data.map(|data| (sender, data));
        }
        // A session may have ended before its first record: its keys stay, and those of a later session with the
        // same ID open the record.
        for index in 0..waiting.len() {
            let Some(keys) = waiting.get(index).filter(|keys| keys.id == id) else { continue };
            let mut session = Session::new(keys);
            if let Some((sender, data)) = session.open(&sealed) {
                waiting.remove(index);
                self.open.insert(id, session);
                return data.map(|data| (sender, data));
            }
        }
        Err(NotOpened::Tag)
    }
}

/// Without a negotiation in the capture the length of the key tells the cipher suite.
fn suite_of(selected: AeadCipherSuite, key_len: usize) -> AeadCipherSuite {
    match (selected.is_empty(), key_len) {
        (false, _) => selected,
        (true, 16) => AeadCipherSuite::AES_128_GCM,
        (true, _) => AeadCipherSuite::AES_256_GCM,
    }
}

impl SessionKeys {
    fn key_len(&self) -> Option<usize> {
        self.requester.first().map(|key| key.key.len())
    }
}

impl Session {
    fn new(keys: &SessionKeys) -> Self {
        let direction = |keys: &[Key]| KeyChain { keys: keys.to_vec(), current: 0, sequence: 0 };
        Self {
            requester: direction(&keys.requester),
            responder: direction(&keys.responder),
            next: Side::Requester,
        }
    }

    fn key_len(&self) -> usize {
        self.requester.keys.first().map_or(0, |key| key.key.len())
    }

    /// Captures do not say who sent a record: the tag does.
    fn open(&mut self, sealed: &SealedRecord<'_>) -> Option<(Side, Opened)> {
        [self.next, self.next.other()].into_iter().find_map(|sender| {
            let direction = match sender {
                Side::Requester => &mut self.requester,
                Side::Responder => &mut self.responder,
            };
            let data = direction.open(sealed)?;
            self.next = sender.other();
            Some((sender, data))
        })
    }
}

impl KeyChain {
    /// Opens a record with the current key, or with a later one that comes into use with it. Nothing
    /// changes where the tag is wrong.
    fn open(&mut self, sealed: &SealedRecord<'_>) -> Option<Opened> {
        let later = self.keys.iter().enumerate().skip(self.current);
        let (current, sequence, data) = later.into_iter().find_map(|(index, key)| {
            let sequence = if index == self.current { self.sequence } else { 0 };
            Some((index, sequence, sealed.open(key, sequence)?))
        })?;
        self.current = current;
        // At the end of the number space the key is used up: no record has the number `u64::MAX`.
        self.sequence = sequence.saturating_add(1);
        Some(data)
    }
}

/// What was sent, where the tag is right: it may be malformed all the same.
type Opened = Result<Vec<u8>, NotOpened>;

impl SealedRecord<'_> {
    /// `None` where the tag is wrong.
    fn open(&self, key: &Key, sequence: u64) -> Option<Opened> {
        // What DSP0277 1.2 says, then the other reading of 1.0 and 1.1.
        let orders = [SequenceOrder::LittleEndian, SequenceOrder::BigEndian];
        orders.into_iter().find_map(|order| {
            let key = RecordKey::import(self.provider, self.algorithm, &key.key, &key.iv).ok()?;
            let mut stream = RecordStream::resumed(key, sequence).with_order(order);
            let mut record = self.bytes.to_vec();
            match stream.open_data(&self.form, &mut record, self.padding) {
                Ok(place) => Some(Ok(record.get(place).unwrap_or_default().to_vec())),
                // Its header was decoded before.
                Err(RecordError::Decode(error)) => Some(Err(NotOpened::Plaintext(error))),
                Err(_) => None,
            }
        })
    }
}
