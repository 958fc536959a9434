//! Moving messages.

use core::time::Duration;

use crate::limits::Limits;

/// How a binding marks a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "every binding distinguishes these two")]
pub enum MessageKind {
    /// An SPDM message in the clear.
    Plain,
    /// A secured message (DSP0277 record).
    Secured,
}

/// A message that was received into the caller's buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "implementers build it")]
pub struct Received {
    /// How it was marked.
    pub kind: MessageKind,
    /// Its length in bytes, from the start of the buffer, padding included.
    pub len: usize,
}

/// A blocking transport to one device.
///
/// One message goes out, one comes back: a requester never sends a second request before the first was
/// answered or [abandoned](Self::abandon).
pub trait Transport {
    /// What can go wrong on the way; a timeout is not an error here.
    type Error: core::error::Error;

    /// What can be carried.
    fn limits(&self) -> Limits;

    /// Sends one message, marked as `kind` in the way of the binding. A transport that cannot mark secured messages
    /// refuses them: it never sends one as a plain message.
    ///
    /// # Errors
    /// When the message could not be handed over within `timeout`, or cannot be carried.
    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error>;

    /// Receives one message into `buffer`, or `None` after `timeout`. A requester that finds that a message belongs elsewhere
    /// receives again: where the medium has one answer for each request, that is `None` at once.
    ///
    /// # Errors
    /// When the transport failed or the message does not fit into `buffer`.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Self::Error>;

    /// Gives up the outstanding exchange: an answer that still comes must never be delivered as the answer
    /// to a later request. A transport that cannot tell them apart closes.
    fn abandon(&mut self);
}

/// [`Transport`] for asynchronous programs. A future that is dropped must leave the transport usable, or
/// closed.
pub trait AsyncTransport {
    /// What can go wrong on the way; a timeout is not an error here.
    type Error: core::error::Error;

    /// What can be carried.
    fn limits(&self) -> Limits;

    /// Sends one message, marked as `kind` in the way of the binding. A transport that cannot mark secured messages
    /// refuses them: it never sends one as a plain message.
    ///
    /// # Errors
    /// When the message could not be handed over within `timeout`, or cannot be carried.
    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Receives one message into `buffer`, or `None` after `timeout`. A requester that finds that a message belongs elsewhere
    /// receives again: where the medium has one answer for each request, that is `None` at once.
    ///
    /// # Errors
    /// When the transport failed or the message does not fit into `buffer`.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<Received>, Self::Error>>;

    /// Gives up the outstanding exchange; see [`Transport::abandon`].
    fn abandon(&mut self);
}

/// A borrowed transport is a transport.
impl<T: Transport + ?Sized> Transport for &mut T {
    type Error = T::Error;

    fn limits(&self) -> Limits {
        (**self).limits()
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error> {
        (**self).send(kind, message, timeout)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Self::Error> {
        (**self).receive(buffer, timeout)
    }

    fn abandon(&mut self) {
        (**self).abandon();
    }
}
