//! A connection to a device, whatever kind it is.

use core::fmt;

use spdm_evidence::ReportErrorKind;
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};

use crate::exit::Exit;

/// A connection to a device.
pub(crate) trait DeviceLine: Transport<Error = LineError> + fmt::Debug {
    /// What is known about a device that did not answer, as the end of a sentence: registers or addresses.
    fn silence(&self) -> Option<String> {
        None
    }

    /// What a person can try where the device answers nothing, or nothing that can be read.
    fn unanswered_hint(&self) -> Option<&'static str> {
        None
    }

    /// How long one wait may be, where a wait that ended with nothing can go on with the next one.
    fn longest_wait(&self) -> Duration {
        Duration::MAX
    }

    /// Ends the connection in good order.
    fn hang_up(self: Box<Self>) {}
}

/// A transport whose errors are turned into [`LineError`]: `impl From` of its error says how.
#[derive(Debug)]
pub(crate) struct TransportLine<T>(pub(crate) T);

impl<T: Transport<Error: Into<LineError>>> Transport for TransportLine<T> {
    type Error = LineError;

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError> {
        self.0.send(kind, message, timeout).map_err(Into::into)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        self.0.receive(buffer, timeout).map_err(Into::into)
    }

    fn abandon(&mut self) {
        self.0.abandon();
    }
}

/// Why a message could not be carried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LineError {
    pub(crate) exit: Exit,
    /// A word for programs.
    pub(crate) kind: ReportErrorKind,
    /// A sentence for people.
    pub(crate) message: String,
    /// What a person can try.
    pub(crate) hint: Option<&'static str>,
}

impl LineError {
    /// The transport failed.
    pub(crate) fn transport(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Transport,
            kind: ReportErrorKind::Transport,
            message: message.to_string(),
            hint: None,
        }
    }

    /// The device did not react in time.
    pub(crate) fn timeout(message: impl fmt::Display) -> Self {
        Self { kind: ReportErrorKind::Timeout, ..Self::transport(message) }
    }

    /// What came is no message of this transport: the device's fault.
    pub(crate) fn framing(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Protocol, kind: ReportErrorKind::Framing, ..Self::transport(message) }
    }

    /// What is asked for cannot be done over this line.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, kind: ReportErrorKind::Request, ..Self::transport(message) }
    }

    /// Names the option whose bound was hit.
    pub(crate) fn named(mut self, option: &str) -> Self {
        self.message = format!("{} ({option})", self.message);
        self
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
