//! What carries messages to a device, whatever the target is.

use core::fmt;

use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};

use crate::exit::Exit;

/// A transport of a target. Its errors say what they mean to the command.
pub(crate) trait Route: Transport<Error: Into<LineError>> + fmt::Debug {
    /// What is known about a device that did not answer, as the end of a sentence: registers, addresses, the time.
    fn silence(&self) -> Option<String> {
        None
    }

    /// Ends the connection in good order.
    fn hang_up(self)
    where
        Self: Sized,
    {
    }
}

/// Any [`Route`], behind a pointer.
pub(crate) trait Carrier: fmt::Debug {
    /// See [`Transport::limits`].
    fn limits(&self) -> Limits;

    /// See [`Transport::send`].
    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError>;

    /// See [`Transport::receive`].
    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError>;

    /// See [`Transport::abandon`].
    fn abandon(&mut self);

    /// See [`Route::silence`].
    fn silence(&self) -> Option<String>;

    /// See [`Route::hang_up`].
    fn hang_up(self: Box<Self>);
}

impl<R: Route> Carrier for R {
    fn limits(&self) -> Limits {
        Transport::limits(self)
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError> {
        Transport::send(self, kind, message, timeout).map_err(Into::into)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        Transport::receive(self, buffer, timeout).map_err(Into::into)
    }

    fn abandon(&mut self) {
        Transport::abandon(self);
    }

    fn silence(&self) -> Option<String> {
        Route::silence(self)
    }

    fn hang_up(self: Box<Self>) {
        Route::hang_up(*self);
    }
}

/// Why a message could not be carried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LineError {
    pub(crate) exit: Exit,
    /// A word for programs.
    pub(crate) kind: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    /// What a person can try.
    pub(crate) hint: Option<&'static str>,
}

impl LineError {
    /// The transport failed.
    pub(crate) fn transport(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Transport, kind: "transport", message: message.to_string(), hint: None }
    }

    /// The device did not react in time.
    pub(crate) fn timeout(message: impl fmt::Display) -> Self {
        Self { kind: "timeout", ..Self::transport(message) }
    }

    /// What came is no message of this transport: the device's fault.
    pub(crate) fn framing(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Protocol, kind: "framing", ..Self::transport(message) }
    }

    /// Adds what a person can try.
    pub(crate) const fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for LineError {}
