//! Telling the secrets of sessions to somebody who asked for them.

use core::fmt;
use core::ops::Range;

use spdm_codec::Code;
use spdm_crypto::{
    Direction, HandshakeSecrets, KeyExchangeAlgorithm, Provider, RecordKey, SharedSecret,
};
use spdm_transport::Instant;

use super::bank::{Arrived, SessionBank, Sessions, Unsealed, sealed};
use super::handle::SessionHandle;
use super::slot::SessionSlot;
use crate::env::Env;
use crate::error::{Error, SessionFault};
use crate::error_cell::ErrorCell;
use crate::requester::SessionDue;

/// Is told the secrets of sessions as they are made: for key logs, which open captures. **Whoever has them reads the
/// session, and can forge records of it.**
pub trait KeyLog: fmt::Debug + Send {
    /// A secret of the session with this `SessionID`, before anything is sealed or opened with it.
    fn secret(&mut self, session_id: u32, secret: SessionSecret<'_>);
}

/// A secret of a session. A session with a pre-shared key begins with [`Self::Handshake`]: the caller has the key that it
/// is made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SessionSecret<'s> {
    /// What KEY_EXCHANGE agreed on, of which all other secrets are made.
    KeyExchange {
        /// How.
        algorithm: KeyExchangeAlgorithm,
        /// The secret.
        shared: &'s SharedSecret,
    },
    /// The keys of the records of the handshake.
    Handshake {
        /// Of what we send.
        request: &'s RecordKey,
        /// Of what the device sends.
        response: &'s RecordKey,
    },
    /// The keys of the records behind the handshake.
    Data {
        /// Of what we send.
        request: &'s RecordKey,
        /// Of what the device sends.
        response: &'s RecordKey,
    },
    /// The key that takes another's place with KEY_UPDATE.
    Updated {
        /// Whose.
        sender: Direction,
        /// The key.
        key: &'s RecordKey,
    },
}

/// Memory for `N` sessions whose secrets are told to `log`: in the place of [`Sessions`], and only there where somebody is
/// to read the sessions.
#[derive(Debug)]
pub struct LoggedSessions<L, const N: usize> {
    sessions: Sessions<N>,
    log: L,
}

impl<L: KeyLog, const N: usize> LoggedSessions<L, N> {
    /// No session.
    #[must_use]
    pub const fn new(log: L) -> Self {
        Self { sessions: Sessions::new(), log }
    }

    /// What was logged.
    #[must_use]
    pub const fn log(&self) -> &L {
        &self.log
    }
}

impl<L: KeyLog + 'static, const N: usize> SessionBank for LoggedSessions<L, N> {}

impl<L: KeyLog + 'static, const N: usize> sealed::Bank for LoggedSessions<L, N> {
    fn free(&self) -> Option<SessionHandle> {
        self.sessions.free()
    }

    fn slot(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        self.sessions.slot(session)
    }

    fn due(&self) -> Option<SessionDue> {
        self.sessions.due()
    }

    fn seal<'f>(
        &mut self,
        errors: &'f ErrorCell,
        session: SessionHandle,
        provider: &Provider,
        now: Instant,
        message: Unsealed<'_>,
        buffer: &mut [u8],
    ) -> Result<u32, &'f Error> {
        self.sessions.seal(errors, session, provider, now, message, buffer)
    }

    /// The Responder's key changes with the record that it first opens.
    fn take<'f>(
        &mut self,
        errors: &'f ErrorCell,
        via: Option<SessionHandle>,
        arrived: Arrived<'_>,
    ) -> Result<Option<Range<usize>>, &'f Error> {
        let mut next_key_with = || self.sessions.slot(via?)?.established()?.next_key_with;
        let was_due = next_key_with().is_some();
        let taken = self.sessions.take(errors, via, arrived)?;
        if was_due
            && let Some(slot) = via.and_then(|session| self.sessions.slot(session))
            && let session_id = slot.form.session_id
            && let Some(keys) = slot.established()
            && keys.next_key_with.is_none()
        {
            let key = keys.response_secret.record_key();
            let key = &key.map_err(|error| errors.stop(SessionFault::from(error)))?;
            let sender = Direction::Response;
            self.log.secret(session_id, SessionSecret::Updated { sender, key });
        }
        Ok(taken)
    }

    fn expired<'f>(&self, errors: &'f ErrorCell, request: Code) -> &'f Error {
        self.sessions.expired(errors, request)
    }

    fn end(&mut self, session: SessionHandle) {
        self.sessions.end(session);
    }

    fn end_flow(&mut self) {
        self.sessions.end_flow();
    }

    fn end_all(&mut self) {
        self.sessions.end_all();
    }

    fn key_log(&mut self) -> Option<&mut dyn KeyLog> {
        Some(&mut self.log)
    }
}

/// The calls of the operations: without a log nothing is derived for them.
impl<'f> Env<'_, 'f> {
    /// A handshake has keys, which are made of `shared` or of a pre-shared key.
    pub(crate) fn log_handshake(
        &mut self,
        session_id: u32,
        shared: Option<(KeyExchangeAlgorithm, &SharedSecret)>,
        secrets: &HandshakeSecrets,
    ) -> Result<(), &'f Error> {
        let errors = self.errors;
        let Some(log) = self.key_log() else { return Ok(()) };
        let key = |sender| {
            secrets.record_key(sender).map_err(|error| errors.stop(SessionFault::from(error)))
        };
        let (request, response) = (&key(Direction::Request)?, &key(Direction::Response)?);
        if let Some((algorithm, shared)) = shared {
            log.secret(session_id, SessionSecret::KeyExchange { algorithm, shared });
        }
        log.secret(session_id, SessionSecret::Handshake { request, response });
        Ok(())
    }

    /// A session is established.
    pub(crate) fn log_data(&mut self, session: SessionHandle) -> Result<(), &'f Error> {
        self.log_established(session, |session_id, [request, response], log| {
            log.secret(session_id, SessionSecret::Data { request, response });
        })
    }

    /// Requests use another key from now on.
    pub(crate) fn log_updated_request(&mut self, session: SessionHandle) -> Result<(), &'f Error> {
        self.log_established(session, |session_id, [key, _], log| {
            log.secret(session_id, SessionSecret::Updated { sender: Direction::Request, key });
        })
    }

    /// Tells the log of the keys of both directions.
    fn log_established(
        &mut self,
        session: SessionHandle,
        tell: impl FnOnce(u32, [&RecordKey; 2], &mut dyn KeyLog),
    ) -> Result<(), &'f Error> {
        let errors = self.errors;
        if self.key_log().is_none() {
            return Ok(());
        }
        let slot = self.sessions.as_deref_mut().and_then(|sessions| sessions.slot(session));
        let Some((session_id, keys)) =
            slot.and_then(|slot| Some((slot.form.session_id, slot.established()?)))
        else {
            return Ok(());
        };
        let keys = [&keys.request_secret, &keys.response_secret].map(|secret| {
            secret.record_key().map_err(|error| errors.stop(SessionFault::from(error)))
        });
        let [request, response] = keys;
        let (request, response) = (request?, response?);
        if let Some(log) = self.key_log() {
            tell(session_id, [&request, &response], log);
        }
        Ok(())
    }

    fn key_log(&mut self) -> Option<&mut dyn KeyLog> {
        self.sessions.as_deref_mut()?.key_log()
    }
}
