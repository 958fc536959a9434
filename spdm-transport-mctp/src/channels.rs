//! One request and its answer, whichever way they are waited for.

use core::fmt;

use mctp::{Eid, MCTP_TYPE_SPDM, MCTP_TYPE_SPDM_SECURED, MsgIC, MsgType};
use spdm_transport::{Duration, Limits, MessageKind, Received, RecordBinding};

use crate::endpoint::Endpoint;
use crate::error::MctpError;

/// How many channels of given-up requests are kept. MCTP has eight tags for an endpoint, and one is in use.
const RETIRED: usize = 7;

/// The channel in use, and those of requests that were given up.
pub(crate) struct RequestChannels<E: Endpoint> {
    endpoint: E,
    pub(crate) limits: Limits,
    live: Option<E::Channel>,
    /// The last request was answered.
    answered: bool,
    retired: [Option<E::Channel>; RETIRED],
    /// The place in `retired` that is filled next.
    oldest: usize,
}

impl<E: Endpoint> RequestChannels<E> {
    pub(crate) fn new(endpoint: E, max_message: usize) -> Self {
        Self {
            endpoint,
            limits: Limits::new(max_message, max_message).with_records(RecordBinding::Mctp),
            live: None,
            answered: false,
            retired: [const { None }; RETIRED],
            oldest: 0,
        }
    }

    pub(crate) const fn set_round_trip(&mut self, round_trip: Duration) {
        self.limits = self.limits.with_round_trip(round_trip);
    }

    /// A channel for a request of `len` bytes. One that was not answered before is given up.
    pub(crate) fn begin(&mut self, len: usize) -> Result<&mut E::Channel, MctpError> {
        let max = self.limits.max_send;
        if len == 0 || len > max {
            return Err(MctpError::MessageLength { max, got: len });
        }
        self.retire();
        self.answered = false;
        let channel = self.endpoint.open()?;
        Ok(self.live.insert(channel))
    }

    /// Gives up a request that could not be sent, or not as a whole.
    pub(crate) fn begun(&mut self, sent: Result<(), MctpError>) -> Result<(), MctpError> {
        if sent.is_err() {
            self.retire();
        }
        sent
    }

    /// The channel of the outstanding request; `None` where it was answered: there is one answer to each.
    pub(crate) fn live(&mut self) -> Result<Option<&mut E::Channel>, MctpError> {
        match &mut self.live {
            None if !self.answered => Err(MctpError::NoRequest),
            live => Ok(live.as_mut()),
        }
    }

    /// Gives up the outstanding request. Its channel stays open, or else the stack would give its tag to the
    /// next request, and take a late answer for that one's.
    pub(crate) fn retire(&mut self) {
        if let Some(channel) = self.live.take() {
            if let Some(place) = self.retired.get_mut(self.oldest) {
                *place = Some(channel);
            }
            self.oldest = (self.oldest + 1) % RETIRED;
        }
    }

    /// Ends the exchange with what the channel received into a buffer of `room` bytes.
    pub(crate) fn end(
        &mut self,
        room: usize,
        received: mctp::Result<(MsgType, MsgIC, usize)>,
    ) -> Result<Received, MctpError> {
        let checked = check(room.min(self.limits.max_receive), received);
        match checked {
            // Answered: the tag may be used again.
            Ok(_) => (self.live, self.answered) = (None, true),
            Err(_) => self.retire(),
        }
        checked
    }
}

impl<E: Endpoint> fmt::Debug for RequestChannels<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MctpTransport")
            .field("limits", &self.limits)
            .field("outstanding", &self.live.is_some())
            .finish_non_exhaustive()
    }
}

/// Checks that this is a message of SPDM, and that it fits.
fn check(
    room: usize,
    received: mctp::Result<(MsgType, MsgIC, usize)>,
) -> Result<Received, MctpError> {
    let (message_type, integrity_check, len) = received.map_err(|error| match error {
        mctp::Error::NoSpace => MctpError::TooLong { room },
        other => other.into(),
    })?;
    if integrity_check.0 {
        return Err(MctpError::IntegrityCheck);
    }
    let kind = match message_type {
        MCTP_TYPE_SPDM => MessageKind::Plain,
        MCTP_TYPE_SPDM_SECURED => MessageKind::Secured,
        MsgType(other) => return Err(MctpError::MessageType(other)),
    };
    match len {
        0 => Err(MctpError::Empty),
        _ if len > room => Err(MctpError::TooLong { room }),
        _ => Ok(Received { kind, len }),
    }
}

/// The message type of a request.
pub(crate) const fn message_type(kind: MessageKind) -> MsgType {
    match kind {
        MessageKind::Plain => MCTP_TYPE_SPDM,
        MessageKind::Secured => MCTP_TYPE_SPDM_SECURED,
    }
}

/// Whether an endpoint with this ID can answer.
pub(crate) fn check_endpoint(eid: Eid) -> Result<(), MctpError> {
    Eid::new_normal(eid.0).map(drop).map_err(|_| MctpError::EndpointId(eid.0))
}
