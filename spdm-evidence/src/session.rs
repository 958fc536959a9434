//! Opening the records of sessions (DSP0277), which are given in the order in which they were captured.

use std::collections::BTreeMap;

use spdm_codec::{
    AeadCipherSuite, Plaintext, RecordBinding, RecordPrivacy, RecordProtection, SecuredMessage,
    Side,
};
use spdm_crypto::{AeadAlgorithm, Provider, RecordKey, SequenceOrder};
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
    requester: RecordStream,
    responder: RecordStream,
    /// The side whose record probably comes next.
    next: Side,
}

/// The records that one side sends in a session: its keys, in order of use, and the next sequence number.
#[derive(Debug)]
struct RecordStream {
    keys: Vec<Key>,
    current: usize,
    sequence: u64,
}

/// A record that is to be opened.
struct SealedRecord<'a> {
    provider: &'a Provider,
    algorithm: AeadAlgorithm,
    privacy: RecordPrivacy,
    header: &'a [u8],
    message: SecuredMessage<'a>,
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
        let bytes = binding.record(bytes);
        let message = match SecuredMessage::decode(Untrusted::new(bytes), sequence_len, padding) {
            Ok(message) => message,
            Err(error) => {
                record.opened = Err(NotOpened::Record(error));
                return (record, None);
            }
        };
        record.session_id = Some(message.session_id);
        let header = bytes.get(..SecuredMessage::header_len(sequence_len)).unwrap_or_default();
        match self.open_message(header, message, protection) {
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

    fn open_message(
        &mut self,
        header: &[u8],
        message: SecuredMessage<'_>,
        protection: RecordProtection,
    ) -> Result<(Side, Vec<u8>), NotOpened> {
        let Some(Keys { waiting, provider }) = &mut self.keys else {
            return Err(NotOpened::NoSecrets);
        };
        let id = message.session_id;
        let known = self.open.get(&id).map(|session| session.key_len());
        let key_len = known.or_else(|| waiting.iter().find(|keys| keys.id == id)?.key_len());
        let Some(key_len) = key_len else { return Err(NotOpened::NoKeys) };
        let suite = suite_of(protection.suite, key_len);
        let algorithm = AeadAlgorithm::from_cipher_suite(suite)
            .filter(|algorithm| provider.aead(*algorithm).is_some())
            .ok_or(NotOpened::Cipher(suite))?;
        let privacy = protection.privacy;
        let sealed = SealedRecord { provider, algorithm, privacy, header, message };
        if let Some(session) = self.open.get_mut(&id) {
            let (sender, plain) = session.open(&sealed).ok_or(NotOpened::Tag)?;
            return sealed.data(&plain).map(|data| (sender, data));
        }
        // A session may have ended before its first record: its keys stay, and those of a later session with the
        // same ID open the record.
        for index in 0..waiting.len() {
            let Some(keys) = waiting.get(index).filter(|keys| keys.id == id) else { continue };
            let mut session = Session::new(keys);
            if let Some((sender, plain)) = session.open(&sealed) {
                waiting.remove(index);
                self.open.insert(id, session);
                return sealed.data(&plain).map(|data| (sender, data));
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
        let direction =
            |keys: &[Key]| RecordStream { keys: keys.to_vec(), current: 0, sequence: 0 };
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
    fn open(&mut self, sealed: &SealedRecord<'_>) -> Option<(Side, Vec<u8>)> {
        [self.next, self.next.other()].into_iter().find_map(|sender| {
            let direction = match sender {
                Side::Requester => &mut self.requester,
                Side::Responder => &mut self.responder,
            };
            let plain = direction.open(sealed)?;
            self.next = sender.other();
            Some((sender, plain))
        })
    }
}

impl RecordStream {
    /// Opens a record with the current key, or with a later one that comes into use with it. Nothing
    /// changes where the tag is wrong.
    fn open(&mut self, sealed: &SealedRecord<'_>) -> Option<Vec<u8>> {
        let later = self.keys.iter().enumerate().skip(self.current);
        let (current, sequence, plain) = later.into_iter().find_map(|(index, key)| {
            let sequence = if index == self.current { self.sequence } else { 0 };
            Some((index, sequence, sealed.open(key, sequence)?))
        })?;
        self.current = current;
        // At the end of the number space the key is used up: no record has the number `u64::MAX`.
        self.sequence = sequence.saturating_add(1);
        Some(plain)
    }
}

impl SealedRecord<'_> {
    /// What was encrypted, or authenticated; `None` where the tag is wrong.
    fn open(&self, key: &Key, sequence: u64) -> Option<Vec<u8>> {
        let bytes = sequence.to_le_bytes();
        if !bytes.starts_with(self.message.sequence) {
            return None;
        }
        let (provider, algorithm) = (self.provider, self.algorithm);
        let key = RecordKey::import(provider, algorithm, &key.key, &key.iv).ok()?;
        // What DSP0277 1.2 says, then the other reading of 1.0 and 1.1.
        let orders = [SequenceOrder::LittleEndian, SequenceOrder::BigEndian];
        orders.into_iter().find_map(|order| {
            let tag = &self.message.tag;
            match self.privacy {
                RecordPrivacy::Encrypted => {
                    let mut plain = self.message.data.to_vec();
                    key.open(sequence, order, self.header, &mut plain, tag).ok()?;
                    Some(plain)
                }
                RecordPrivacy::Authenticated => {
                    let associated = [self.header, self.message.data].concat();
                    key.open(sequence, order, &associated, &mut [], tag).ok()?;
                    Some(self.message.data.to_vec())
                }
            }
        })
    }

    /// The data of the application.
    fn data(&self, plain: &[u8]) -> Result<Vec<u8>, NotOpened> {
        match self.privacy {
            RecordPrivacy::Authenticated => Ok(plain.to_vec()),
            RecordPrivacy::Encrypted => Plaintext::decode(Untrusted::new(plain))
                .map(|plain| plain.data.to_vec())
                .map_err(NotOpened::Plaintext),
        }
    }
}
