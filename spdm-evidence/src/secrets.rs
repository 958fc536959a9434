//! The keys of sessions, as an endpoint that keeps a log of them wrote them down.

use core::fmt;

use spdm_crypto::NONCE_LEN;

use crate::error::Error;

pub(crate) const HANDSHAKE_KEYS: &str = "generate_session_handshake_key";
pub(crate) const DATA_KEYS: &str = "generate_session_data_key";

/// Keys of sessions, in the order in which they came into use.
///
/// The file is a JSON array of pairs, in order:
///
/// | pair | meaning |
/// |---|---|
/// | `["#", "…generate_session_handshake_key[ID]"]` | a session begins: key and IV of the Requester follow, then those of the Responder |
/// | `["#", "…generate_session_data_key[ID]"]` | the same for the keys behind the handshake |
/// | `["DHE Secret", hex]` or `["KEM Secret", hex]` or `["PSK", hex]` | what the session's keys are made of |
/// | `["th2 hash", hex]` | the transcript hash at the end of the handshake |
/// | `["key", hex]`, `["iv", hex]` | a key and its IV; anywhere else they are an update |
/// | `[">" or "<", "MESSAGE@ID"]` | a request or response, in the session ID or 0: updates before a request are of its session |
/// | any other label | ignored |
///
/// Session IDs are hexadecimal.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secrets {
    pub(crate) sessions: Vec<SessionKeys>,
}

/// The keys of a session. Which direction an update is for, the log does not say: both get it.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct SessionKeys {
    pub(crate) id: u32,
    pub(crate) requester: Vec<Key>,
    pub(crate) responder: Vec<Key>,
    /// What they are made of, where the log says so.
    pub(crate) origin: Option<KeyOrigin>,
    /// TH2, where the log says so.
    pub(crate) th2: Vec<u8>,
}

/// What the keys of a session are made of.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum KeyOrigin {
    /// The shared secret of KEY_EXCHANGE.
    Exchanged(Vec<u8>),
    /// The key of PSK_EXCHANGE.
    PreShared(Vec<u8>),
}

/// A key with its IV.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Key {
    pub(crate) key: Vec<u8>,
    pub(crate) iv: [u8; NONCE_LEN],
}

impl Secrets {
    /// Reads a file of secrets.
    ///
    /// # Errors
    /// [`Error::Json`] for another form, [`Error::Hex`] for a key, an IV or a session ID that is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let entries: Vec<(String, String)> =
            serde_json::from_slice(bytes).map_err(|error| Error::Json(error.to_string()))?;
        let mut reader = Reader::default();
        for (label, value) in &entries {
            reader.entry(label, value)?;
        }
        reader.end_updates(None);
        Ok(Self { sessions: reader.sessions })
    }

    /// How many sessions there are keys of.
    #[must_use]
    pub const fn session_count(&self) -> usize {
        self.sessions.len()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("session_count", &self.session_count()).finish()
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Reader {
    sessions: Vec<SessionKeys>,
    /// The session whose keys come next, and how many of the two came.
    group: Option<(usize, usize)>,
    key: Vec<u8>,
    updates: Vec<Key>,
}

impl Reader {
    fn entry(&mut self, label: &str, value: &str) -> Result<(), Error> {
        match label {
            "#" if value.contains(HANDSHAKE_KEYS) => {
                let id = session_id(value.rsplit('[').next().unwrap_or_default())?;
                self.group = Some((self.sessions.len(), 0));
                let (requester, responder) = (Vec::new(), Vec::new());
                let (origin, th2) = (None, Vec::new());
                self.sessions.push(SessionKeys { id, requester, responder, origin, th2 });
            }
            "#" if value.contains(DATA_KEYS) => {
                let id = session_id(value.rsplit('[').next().unwrap_or_default())?;
                self.group = self.latest(id).map(|index| (index, 0));
            }
            "key" => self.key = hex::decode(value).map_err(|_| Error::Hex { field: "key" })?,
            "iv" => {
                let mut iv = [0; NONCE_LEN];
                hex::decode_to_slice(value, &mut iv).map_err(|_| Error::Hex { field: "iv" })?;
                let key = core::mem::take(&mut self.key);
                self.key(Key { key, iv });
            }
            "DHE Secret" | "KEM Secret" | "PSK" | "th2 hash" => {
                let bytes = hex::decode(value).map_err(|_| Error::Hex { field: "secret" })?;
                let of_group = self.group.and_then(|(index, _)| self.sessions.get_mut(index));
                match (of_group, label) {
                    (None, _) => {}
                    (Some(session), "th2 hash") => session.th2 = bytes,
                    (Some(session), "PSK") => session.origin = Some(KeyOrigin::PreShared(bytes)),
                    (Some(session), _) => session.origin = Some(KeyOrigin::Exchanged(bytes)),
                }
            }
            ">" => {
                let id = session_id(value.rsplit('@').next().unwrap_or_default())?;
                self.end_updates(Some(id));
            }
            "<" => self.group = None,
            _ => {}
        }
        Ok(())
    }

    fn latest(&self, id: u32) -> Option<usize> {
        self.sessions.iter().rposition(|session| session.id == id)
    }

    fn key(&mut self, key: Key) {
        let Some((index, count)) = self.group else { return self.updates.push(key) };
        let Some(session) = self.sessions.get_mut(index) else { return };
        match count {
            0 => session.requester.push(key),
            1 => session.responder.push(key),
            _ => self.updates.push(key),
        }
        self.group = Some((index, count + 1));
    }

    /// Gives the updates to the session; without one that is known, to the last.
    fn end_updates(&mut self, id: Option<u32>) {
        self.group = None;
        let of_id = id.and_then(|id| self.latest(id));
        let updates = core::mem::take(&mut self.updates);
        let Some(index) = of_id.or_else(|| self.sessions.len().checked_sub(1)) else { return };
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.requester.extend(updates.iter().cloned());
        session.responder.extend(updates);
    }
}

/// A session ID, with or without what brackets leave behind it.
fn session_id(digits: &str) -> Result<u32, Error> {
    let digits = digits.trim_end_matches(']');
    u32::from_str_radix(digits, 16).map_err(|_| Error::Hex { field: "session ID" })
}
