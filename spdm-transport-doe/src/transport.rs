//! The transport, and how it waits in programs that block.

use spdm_transport::{Clock, Duration, Limits, MessageKind, Received, RecordBinding, Transport};

use crate::config_space::ConfigSpace;
use crate::discovery::DiscoveryWalk;
use crate::engine::{Engine, Readiness, Span};
use crate::error::DoeError;
use crate::mailbox::Mailbox;
use crate::mailbox_timing::MailboxTiming;
use crate::object::{MAX_CONTENT, MAX_PADDING, ObjectType, OutgoingObject};
use crate::register::DoeStatus;

/// The largest message that a DOE transport takes unless told otherwise, in bytes, and so the DataTransferSize that a
/// requester announces: with its header it fills an object of 4608 bytes.
///
/// That is what QEMU's mailboxes hold, which drop a longer object silently, and the buffer of devices with
/// the DMTF reference implementation's defaults. What is longer comes in portions or chunks.
pub const DEFAULT_MAX_RECEIVE: usize = 4600;

/// A device behind one mailbox: a [`Transport`] with a [`Clock`], an
/// [`AsyncTransport`](spdm_transport::AsyncTransport) with an [`AsyncClock`](spdm_transport::AsyncClock).
///
/// Nothing happens at the mailbox before the first object; then what others left in it is aborted, after a mailbox
/// that is Busy was given time. After an error, an [`abandon`](Transport::abandon) and a drop in the middle of an exchange
/// the object under way is aborted, and the next one is handed over only when the mailbox shows that there is nothing
/// left in it.
///
/// There is no lock between users of a mailbox: a program that uses it at the same time takes our answers, or loses its own.
#[derive(Debug)]
pub struct DoeTransport<S: ConfigSpace, C> {
    pub(crate) engine: Engine<S>,
    pub(crate) clock: C,
    pub(crate) limits: Limits,
}

/// One second for an answer (PCIe 6.0 §6.30.2), up to three bytes of padding.
const LIMITS: Limits = Limits::new(MAX_CONTENT, DEFAULT_MAX_RECEIVE)
    .with_padding(MAX_PADDING)
    .with_records(RecordBinding::PciDoe);

impl<S: ConfigSpace, C> DoeTransport<S, C> {
    /// A device behind this mailbox.
    pub fn new(mailbox: Mailbox<S>, clock: C) -> Self {
        Self { engine: Engine::new(mailbox), clock, limits: LIMITS }
    }

    /// Sets how long to wait for the mailbox.
    #[must_use]
    pub fn with_timing(mut self, timing: MailboxTiming) -> Self {
        self.engine.timing = timing;
        self
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.limits = self.limits.with_round_trip(round_trip);
        self
    }

    /// Sets the largest message that is taken, in bytes; it is [`DEFAULT_MAX_RECEIVE`] otherwise, and
    /// [`MAX_CONTENT`] at most.
    #[must_use]
    pub fn with_max_receive(mut self, len: usize) -> Self {
        self.limits.max_receive = len.min(MAX_CONTENT);
        self
    }

    /// What DOE Status showed last.
    pub const fn status(&self) -> DoeStatus {
        self.engine.status
    }

    /// The mailbox.
    pub const fn mailbox(&self) -> &Mailbox<S> {
        self.engine.mailbox()
    }
}

impl<S: ConfigSpace, C: Clock> DoeTransport<S, C> {
    /// Asks which objects the mailbox knows, and gives each to `found`, within `timeout` for all of them.
    ///
    /// # Errors
    /// [`DoeError`]; [`DoeError::DiscoveryLoop`] where the list has no end.
    pub fn discover(
        &mut self,
        timeout: Duration,
        mut found: impl FnMut(ObjectType),
    ) -> Result<(), DoeError<S::Error>> {
        let span = Span::new(self.clock.now(), timeout);
        let mut discovery = DiscoveryWalk::new(self.mailbox().version());
        while let Some(request) = discovery.request() {
            self.hand_over(ObjectType::DISCOVERY, &request, span)?;
            let mut answer = [0; 4];
            if self.take(&mut answer, span)?.is_none() {
                self.engine.abandon(self.clock.now());
                return Err(DoeError::Timeout { status: self.status(), waited: timeout });
            }
            found(discovery.accept(answer)?);
        }
        Ok(())
    }

    fn hand_over(
        &mut self,
        object: ObjectType,
        content: &[u8],
        span: Span,
    ) -> Result<(), DoeError<S::Error>> {
        let len = content.len();
        let outgoing =
            OutgoingObject::new(object, content).ok_or(DoeError::MessageLength { len })?;
        while let Readiness::NotBefore(until) = self.engine.prepare(span, self.clock.now())? {
            self.clock.sleep_until(until);
        }
        self.engine.write(outgoing, span, || self.clock.now())
    }

    fn take(
        &mut self,
        buffer: &mut [u8],
        span: Span,
    ) -> Result<Option<Received>, DoeError<S::Error>> {
        loop {
            match self.engine.await_answer(span, self.clock.now())? {
                Some(Readiness::Ready) => {
                    return self.engine.read(buffer, span, || self.clock.now());
                }
                Some(Readiness::NotBefore(until)) => self.clock.sleep_until(until),
                None => return Ok(None),
            }
        }
    }
}

impl<S: ConfigSpace, C: Clock> Transport for DoeTransport<S, C> {
    type Error = DoeError<S::Error>;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error> {
        let span = Span::new(self.clock.now(), timeout);
        self.hand_over(ObjectType::of(kind), message, span)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Self::Error> {
        self.take(buffer, Span::new(self.clock.now(), timeout))
    }

    fn abandon(&mut self) {
        self.engine.abandon(self.clock.now());
    }
}
