//! Messages over security commands.

use spdm_transport::{
    Clock, Duration, Instant, Limits, MessageKind, Received, RecordBinding, Transport,
};

use crate::DMTF;
use crate::discovery::Discovery;
use crate::error::StorageError;
use crate::pending::PendingInfo;
use crate::protocol::SecurityProtocol;
use crate::protocol_list::ProtocolList;
use crate::specific::{SpdmOperation, Specific};

/// How often a drive is asked whether its answer is there, unless another interval is set.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Every small payload is fetched into as much memory: some drivers refuse less.
const SMALL: usize = 32;

/// A drive that is reached through its security commands.
///
/// Nothing in a message says which request it answers. After [`abandon`](Transport::abandon), or an error of an
/// exchange, the transport is therefore out of step, until [`recover`](Self::recover) has fetched what was still to
/// come.
///
/// A secured message travels as SPDM operation 6, and so does its answer, where the drive's discovery data has it; its
/// bytes are those that DSP0286 gives it, the four reserved ones in front of the record included.
#[derive(Debug)]
pub struct StorageTransport<P, C> {
    protocol: P,
    clock: C,
    limits: Limits,
    poll_interval: Duration,
    discovery: Discovery,
    state: StorageState,
    /// The kind of the last request: its answer is fetched as the same.
    asked: MessageKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StorageState {
    /// Nothing is to come.
    Idle,
    /// A request was sent.
    Awaiting,
    /// It was answered, and nothing else is to come.
    Answered,
    /// A request was given up; its answer may still come.
    OutOfStep,
}

impl<P: SecurityProtocol, C: Clock> StorageTransport<P, C> {
    /// Asks the drive whether it knows SPDM. An answer that another program left there is fetched into `scratch`
    /// and forgotten; the drive's longest must fit. One that the drive is still computing for another program
    /// cannot be told from an answer to this one: a drive is for one program at a time.
    ///
    /// # Errors
    /// [`StorageError::NoSpdm`]; otherwise when the drive fails.
    pub fn open(
        mut protocol: P,
        clock: C,
        scratch: &mut [u8],
        timeout: Duration,
    ) -> Result<Self, StorageError<P::Error>> {
        let mut list = [0; ProtocolList::MAX_LEN];
        let len = protocol.receive(ProtocolList::PROTOCOL, 0, &mut list, timeout);
        let len = len.map_err(StorageError::Command)?;
        let list = ProtocolList::decode(list.get(..len).unwrap_or_default())?;
        if !list.contains(DMTF) {
            return Err(StorageError::NoSpdm);
        }
        let mut data = [0; SMALL];
        let discovery = Specific::of(SpdmOperation::Discovery).encode();
        let len = protocol.receive(DMTF, discovery, &mut data, timeout);
        let len = len.map_err(StorageError::Command)?;
        let discovery = Discovery::decode(data.get(..len).unwrap_or_default())?;
        if !discovery.supports(SpdmOperation::Message)
            || !discovery.supports(SpdmOperation::PendingInfo)
        {
            return Err(StorageError::NoSpdm);
        }
        let max = protocol.max_transfer();
        let mut limits = Limits::new(max, max);
        if discovery.supports(SpdmOperation::SecuredMessage) {
            limits = limits.with_records(RecordBinding::Storage);
        }
        let (poll_interval, state) = (POLL_INTERVAL, StorageState::Idle);
        let asked = MessageKind::Plain;
        let mut transport =
            Self { protocol, clock, limits, poll_interval, discovery, state, asked };
        if let Some(len) = transport.pending(timeout)? {
            transport.forget(len, scratch, timeout)?;
        }
        Ok(transport)
    }

    /// Sets the worst-case round trip; it is one second otherwise.
    #[must_use]
    pub fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.limits = self.limits.with_round_trip(round_trip);
        self
    }

    /// Sets the pause between two questions whether an answer is there; it is 2 ms otherwise.
    #[must_use]
    pub fn with_poll_interval(mut self, poll_interval: Duration) -> Self {
        self.poll_interval = poll_interval;
        self
    }

    /// What the drive says that it supports.
    #[must_use]
    pub const fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Gets back into step: waits for the answer to the request that was given up, and forgets it. It is fetched
    /// into `scratch`.
    ///
    /// # Errors
    /// [`StorageError::Unanswered`] after `timeout`; otherwise when the drive fails. It stays out of step.
    pub fn recover(
        &mut self,
        scratch: &mut [u8],
        timeout: Duration,
    ) -> Result<(), StorageError<P::Error>> {
        if matches!(self.state, StorageState::Idle | StorageState::Answered) {
            return Ok(());
        }
        self.state = StorageState::OutOfStep;
        let deadline = self.clock.now().after(timeout);
        let len = self.await_answer(deadline)?.ok_or(StorageError::Unanswered)?;
        self.fetch(len, scratch, deadline.since(self.clock.now()))?;
        self.state = StorageState::Idle;
        Ok(())
    }

    /// Asks until an answer is there: its length, or `None` after the deadline.
    fn await_answer(&mut self, deadline: Instant) -> Result<Option<u32>, StorageError<P::Error>> {
        loop {
            let pending = self.pending(deadline.since(self.clock.now()))?;
            let now = self.clock.now();
            if pending.is_some() || now >= deadline {
                return Ok(pending);
            }
            self.clock.sleep_until(now.after(self.poll_interval).min(deadline));
        }
    }

    /// The length of the answer that is there.
    fn pending(&mut self, timeout: Duration) -> Result<Option<u32>, StorageError<P::Error>> {
        let mut data = [0; SMALL];
        let pending = Specific::of(SpdmOperation::PendingInfo).encode();
        let len = self.protocol.receive(DMTF, pending, &mut data, timeout);
        let len = len.map_err(StorageError::Command)?;
        Ok(PendingInfo::decode(data.get(..len).unwrap_or_default())?.response)
    }

    /// Fetches the answer that is there, as a message of the request's kind: nothing in it says which it is.
    fn fetch(
        &mut self,
        announced: u32,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, StorageError<P::Error>> {
        let room = buffer.len().min(self.limits.max_receive);
        let len = usize::try_from(announced).ok().filter(|len| *len <= room);
        let place = len.and_then(|len| buffer.get_mut(..len));
        let place = place.ok_or(StorageError::TooLong { room, announced })?;
        let message = Specific::of(SpdmOperation::of(self.asked)).encode();
        let got = self.protocol.receive(DMTF, message, place, timeout);
        let got = got.map_err(StorageError::Command)?;
        if got < place.len() {
            return Err(StorageError::Short { announced: place.len(), got });
        }
        Ok(place.len())
    }

    /// Fetches an answer of another program: a drive gives it as the kind that it is, which nothing says.
    fn forget(
        &mut self,
        announced: u32,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<(), StorageError<P::Error>> {
        let mut fetched = self.fetch(announced, buffer, timeout);
        if matches!(fetched, Err(StorageError::Command(_)))
            && self.discovery.supports(SpdmOperation::SecuredMessage)
        {
            self.asked = MessageKind::Secured;
            fetched = self.fetch(announced, buffer, timeout);
        }
        fetched.map(|_| ())
    }

    fn answer(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, StorageError<P::Error>> {
        let deadline = self.clock.now().after(timeout);
        let Some(len) = self.await_answer(deadline)? else { return Ok(None) };
        let len = self.fetch(len, buffer, deadline.since(self.clock.now()))?;
        self.state = StorageState::Answered;
        Ok(Some(Received { kind: self.asked, len }))
    }
}

impl<P: SecurityProtocol, C: Clock> Transport for StorageTransport<P, C> {
    type Error = StorageError<P::Error>;

    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error> {
        if !self.discovery.supports(SpdmOperation::of(kind)) {
            return Err(StorageError::NoSecuredMessages);
        }
        let max = self.limits.max_send;
        if message.is_empty() || message.len() > max {
            return Err(StorageError::MessageLength { max, got: message.len() });
        }
        if !matches!(self.state, StorageState::Idle | StorageState::Answered) {
            self.state = StorageState::OutOfStep;
            return Err(StorageError::OutOfStep);
        }
        // A drive that reports an error may have taken the request all the same.
        self.state = StorageState::OutOfStep;
        self.asked = kind;
        let specific = Specific::of(SpdmOperation::of(kind)).encode();
        let sent = self.protocol.send(DMTF, specific, message, timeout);
        sent.map_err(StorageError::Command)?;
        self.state = StorageState::Awaiting;
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, Self::Error> {
        match self.state {
            StorageState::Awaiting => {}
            StorageState::Answered => return Ok(None),
            StorageState::Idle | StorageState::OutOfStep => return Err(StorageError::NoRequest),
        }
        let result = self.answer(buffer, timeout);
        if result.is_err() {
            self.state = StorageState::OutOfStep;
        }
        result
    }

    fn abandon(&mut self) {
        if self.state == StorageState::Awaiting {
            self.state = StorageState::OutOfStep;
        }
    }
}
