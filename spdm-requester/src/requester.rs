//! The requester and its two phases. The methods that begin an operation stand beside the operation.

use core::fmt;

use spdm_codec::{NONCE_LEN, RequesterNonce};
use spdm_crypto::Provider;
use spdm_transport::{Instant, Limits};

use crate::config::{Bounds, Compat, Offer, Timing};
use crate::connection::Connection;
use crate::core::{Core, Storage};
use crate::error::Error;
use crate::negotiated::Negotiated;
use crate::session::SessionHandle;
use crate::sink::Sink;

/// The phase before a negotiation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fresh;

/// The requester's side of one connection, without I/O: it makes [`Flow`](crate::Flow)s, and drivers such as
/// [`blocking::run`](crate::blocking::run) carry them out.
///
/// `P` is the phase: [`Fresh`], or [`Negotiated`] with what was agreed on.
pub struct Requester<'a, P> {
    pub(crate) core: Core<'a>,
    pub(crate) phase: P,
}

impl<P: fmt::Debug> fmt::Debug for Requester<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl<'a> Requester<'a, Fresh> {
    /// Forgets the connection.
    pub(crate) fn fresh(mut core: Core<'a>) -> Self {
        core.end_sessions();
        core.connection.forget();
        Self { core, phase: Fresh }
    }

    /// A requester that offers everything the backend implements; `limits` are the transport's.
    #[must_use]
    pub fn new(provider: Provider, storage: Storage<'a>, limits: Limits) -> Self {
        Self { core: Core::new(provider, storage, limits), phase: Fresh }
    }

    /// Replaces what is offered.
    #[must_use]
    pub fn with_offer(mut self, offer: Offer) -> Self {
        self.core.settings.offer = offer;
        self
    }

    /// Enables workarounds for known non-conforming devices.
    #[must_use]
    pub fn with_compat(self, compat: Compat) -> Self {
        self.core.connection.compat = compat;
        self
    }
}

impl<'a, P> Requester<'a, P> {
    /// Replaces the waiting times.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.core.settings.timing = timing;
        self
    }

    /// Replaces the limits of each operation.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.core.settings.bounds = bounds;
        self
    }

    /// Shows every exchange to `sink`, which may borrow and may live shorter than the lent memory.
    #[must_use]
    pub fn with_sink<'b>(self, sink: &'b mut (dyn Sink + Send + 'b)) -> Requester<'b, P>
    where
        'a: 'b,
    {
        Requester { core: self.core.with_sink(sink), phase: self.phase }
    }

    /// What is known of the connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.core.connection
    }

    /// A fresh nonce of the backend's random source.
    ///
    /// # Errors
    /// [`Error::Random`] where there is none or it failed.
    pub fn nonce(&self) -> Result<RequesterNonce, Error> {
        let mut nonce = [0; NONCE_LEN];
        self.core.provider.random.fill(&mut nonce).map_err(|_| Error::Random)?;
        Ok(RequesterNonce(nonce))
    }

    /// Forgets the negotiation.
    #[must_use]
    pub fn restart(self) -> Requester<'a, Fresh> {
        Requester::fresh(self.core)
    }
}

/// What a session needs, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionDue {
    /// [`Requester::heartbeat`] at this time, or the device ends the session.
    Heartbeat {
        /// The session.
        session: SessionHandle,
        /// When.
        at: Instant,
    },
    /// [`Requester::update_keys`] now: three quarters of the records of a key were sent.
    KeyUpdate {
        /// The session.
        session: SessionHandle,
    },
}

impl<'a> Requester<'a, Negotiated> {
    /// What is due next in a session. Nothing happens by itself: a driver that keeps sessions open asks.
    #[must_use]
    pub fn session_due(&self) -> Option<SessionDue> {
        self.core.sessions.as_deref()?.due()
    }

    /// What was agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.phase
    }
}
