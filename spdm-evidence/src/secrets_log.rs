//! The secrets of live sessions, written down in the form that [`Secrets`](crate::Secrets) reads.

use core::fmt;

use spdm_crypto::{KeyExchangeAlgorithm, RecordKey};
use spdm_requester::{KeyLog, SessionSecret};
use zeroize::Zeroizing;

use crate::secrets::{DATA_KEYS, HANDSHAKE_KEYS};

/// A log of the secrets of sessions, for [`LoggedSessions`](spdm_requester::LoggedSessions): what
/// [`Secrets::read`](crate::Secrets::read) reads. **Whoever has it reads and forges everything in the sessions.** It is
/// erased when it is dropped.
///
/// ```
/// use spdm_evidence::{Secrets, SecretsLog};
/// use spdm_requester::LoggedSessions;
///
/// let sessions = LoggedSessions::<SecretsLog, 1>::new(SecretsLog::new());
/// // ... sessions are lent to a requester, and open one ...
/// let file = sessions.log().to_json();
/// assert_eq!(Secrets::read(&file)?.session_count(), 0);
/// # Ok::<(), spdm_evidence::Error>(())
/// ```
#[derive(Default)]
pub struct SecretsLog {
    entries: Vec<Entry>,
    /// What sessions without a key exchange are made of.
    psk: Option<Zeroizing<Vec<u8>>>,
    /// The last key exchange, until its session has keys.
    exchanged: Option<(u32, Entry)>,
}

/// A pair of the file.
type Entry = (&'static str, Zeroizing<String>);

impl SecretsLog {
    /// An empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), psk: None, exchanged: None }
    }

    /// A log of sessions with this pre-shared key.
    #[must_use]
    pub fn with_psk(mut self, psk: &[u8]) -> Self {
        self.psk = Some(Zeroizing::new(psk.to_vec()));
        self
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Nothing is moved while it grows, and nothing of a value needs an escape.
        let lens = self.entries.iter().map(|(label, value)| label.len() + value.len() + 8);
        let mut file = Zeroizing::new(Vec::with_capacity(lens.sum::<usize>() + 4));
        file.push(b'[');
        for (index, (label, value)) in self.entries.iter().enumerate() {
            let separator = if index == 0 { "\n" } else { ",\n" };
            for part in [separator, "[\"", label, "\",\"", value, "\"]"] {
                file.extend_from_slice(part.as_bytes());
            }
        }
        file.extend_from_slice(b"\n]\n");
        file
    }

    fn push(&mut self, label: &'static str, value: String) {
        self.entries.push((label, Zeroizing::new(value)));
    }

    /// A backend that keeps its keys logs none: a session without them is not opened.
    fn key(&mut self, key: &RecordKey) {
        if let Some((key, iv)) = key.expose_secret() {
            self.push("key", hex::encode(key));
            self.push("iv", hex::encode(iv));
        }
    }
}

impl KeyLog for SecretsLog {
    fn secret(&mut self, session_id: u32, secret: SessionSecret<'_>) {
        match secret {
            SessionSecret::KeyExchange { algorithm, shared } => {
                let label = match algorithm {
                    KeyExchangeAlgorithm::MlKem(_) => "KEM Secret",
                    _ => "DHE Secret",
                };
                let value = Zeroizing::new(hex::encode(shared.expose_secret()));
                self.exchanged = Some((session_id, (label, value)));
            }
            SessionSecret::Handshake { request, response } => {
                self.push("#", format!("{HANDSHAKE_KEYS}[{session_id:08x}]"));
                let exchanged = self.exchanged.take().filter(|(id, _)| *id == session_id);
                if let Some((_, entry)) = exchanged {
                    self.entries.push(entry);
                } else if let Some(psk) = &self.psk {
                    let value = Zeroizing::new(hex::encode(psk));
                    self.entries.push(("PSK", value));
                }
                self.key(request);
                self.key(response);
            }
            SessionSecret::Data { request, response } => {
                self.push("#", format!("{DATA_KEYS}[{session_id:08x}]"));
                self.key(request);
                self.key(response);
            }
            // The form does not say whose key it is, only of which session.
            SessionSecret::Updated { key, .. } => {
                self.key(key);
                self.push(">", format!("KEY_UPDATE@{session_id:08x}"));
            }
            _ => {}
        }
    }
}

impl fmt::Debug for SecretsLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsLog").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_crypto::{AeadAlgorithm, Direction, RecordKey};
    use spdm_requester::{KeyLog as _, SessionSecret};

    use super::SecretsLog;
    use crate::secrets::{KeyOrigin, Secrets};

    fn key(byte: u8) -> RecordKey {
        let algorithm = AeadAlgorithm::Aes128Gcm;
        RecordKey::import(&PROVIDER, algorithm, &[byte; 16], &[byte; 12]).unwrap()
    }

    /// Two sessions at once: the updates of one are not the other's.
    #[test]
    fn what_is_logged_is_read_again() {
        let mut log = SecretsLog::new().with_psk(&[9; 5]);
        for (id, first) in [(1, 10), (0xFFFF_0001, 20)] {
            let (request, response) = (&key(first), &key(first + 1));
            log.secret(id, SessionSecret::Handshake { request, response });
        }
        let (request, response) = (&key(12), &key(13));
        log.secret(1, SessionSecret::Data { request, response });
        for (sender, byte) in [(Direction::Response, 14), (Direction::Request, 15)] {
            log.secret(1, SessionSecret::Updated { sender, key: &key(byte) });
        }
        let secrets = Secrets::read(&log.to_json()).unwrap();
        let [first, second] = &secrets.sessions[..] else { unreachable!() };
        assert_eq!((first.id, second.id), (1, 0xFFFF_0001));
        assert!(matches!(&first.origin, Some(KeyOrigin::PreShared(psk)) if psk == &[9; 5]));
        let bytes = |keys: &[crate::secrets::Key]| keys.iter().map(|k| k.iv[0]).collect::<Vec<_>>();
        assert_eq!(bytes(&first.requester), [10, 12, 14, 15]);
        assert_eq!(bytes(&first.responder), [11, 13, 14, 15]);
        assert_eq!((bytes(&second.requester), bytes(&second.responder)), (vec![20], vec![21]));
    }

    #[test]
    fn a_log_does_not_show_what_is_in_it() {
        let mut log = SecretsLog::new().with_psk(b"pre-shared");
        let (request, response) = (&key(0xAB), &key(0xAB));
        log.secret(1, SessionSecret::Handshake { request, response });
        let shown = format!("{log:?} {:?}", Secrets::read(&log.to_json()).unwrap());
        assert_eq!(shown, "SecretsLog { entries: 6, .. } Secrets { session_count: 1 }");
    }
}
