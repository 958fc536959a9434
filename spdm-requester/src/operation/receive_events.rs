//! Which events has the device to tell of?

use core::fmt;

use spdm_codec::SpdmVersion;
use spdm_untrusted::Untrusted;

use crate::answer::Answer;
use crate::encapsulation::Outcome;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::events::{Events, Subscription};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::serve_device::Served;
use crate::operation::{Next, sealed};
use crate::requester::Requester;
use crate::session::SessionHandle;

/// GET_ENCAPSULATED_REQUEST of a subscriber: see [`Requester::receive_events`].
pub struct ReceiveEvents<'e, 's> {
    subscription: &'e mut Subscription<'s>,
    sink: &'e mut (dyn EventSink + Send + 'e),
    served: Option<Served>,
}

impl fmt::Debug for ReceiveEvents<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveEvents").field("served", &self.served).finish_non_exhaustive()
    }
}

/// Takes what a device tells.
pub trait EventSink {
    /// The events of one SEND_EVENT, checked against the subscription. EVENT_ACK follows, so that they do not come again.
    fn received(&mut self, events: &Events<'_>);

    /// A SEND_EVENT that breaks a rule: nothing of it counts, and it is answered with ERROR(InvalidRequest).
    fn refused(&mut self, error: &Error) {
        let _ = error;
    }
}

/// What takes SEND_EVENT.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Operation`")]
pub trait EventReceiver {
    /// Takes the events of a whole message, or none of them.
    fn receive(
        &mut self,
        version: SpdmVersion,
        message: Untrusted<&[u8]>,
    ) -> Result<(), InvalidEvents>;
}

/// ERROR(InvalidRequest) is to be answered.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Operation`")]
#[derive(Clone, Copy, Debug)]
pub struct InvalidEvents;

impl<'a> Requester<'a, Negotiated> {
    /// Asks the device in this session whether it wants something, and hands what it tells with SEND_EVENT (1.3) to `sink`,
    /// each message once it was checked against the subscription. What else it asks is answered as by
    /// [`Self::serve_device`]. Both sides need ENCAP_CAP, the device EVENT_CAP.
    ///
    /// It asks once: where [`Served::requests`] is 0, the device has nothing to tell, and the caller asks again after a
    /// while; else at once. In between, [`Self::session_due`] says when a heartbeat is due. The subscription has to be the
    /// one of this session, see [`Self::subscribe`].
    #[must_use]
    pub fn receive_events<'e, 's>(
        self,
        session: SessionHandle,
        subscription: &'e mut Subscription<'s>,
        sink: &'e mut (dyn EventSink + Send + 'e),
    ) -> Flow<'a, ReceiveEvents<'e, 's>> {
        let mut core = self.in_session(session).core;
        core.poll();
        Flow::new(core, ReceiveEvents { subscription, sink, served: None })
    }
}

impl EventReceiver for ReceiveEvents<'_, '_> {
    fn receive(
        &mut self,
        version: SpdmVersion,
        message: Untrusted<&[u8]>,
    ) -> Result<(), InvalidEvents> {
        match self.subscription.receive(version, message) {
            Ok(events) => {
                self.sink.received(&events);
                Ok(())
            }
            Err(error) => {
                self.sink.refused(&error);
                Err(InvalidEvents)
            }
        }
    }
}

impl sealed::Operation for ReceiveEvents<'_, '_> {
    type Phase = Negotiated;
    type Output = Served;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, _: &mut [u8]) -> Result<usize, &'f Error> {
        // All of it is the flow of encapsulated requests.
        Err(ask.errors.unfinished())
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        _: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        Err(env.errors.unfinished())
    }

    fn encapsulated(&mut self, outcome: &Outcome) {
        self.served = Some(Served::of(outcome));
    }

    fn event_receiver(&mut self) -> Option<&mut dyn EventReceiver> {
        Some(self)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Served, &'f Error> {
        self.served.ok_or_else(|| errors.unfinished())
    }
}
