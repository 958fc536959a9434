//! What does the device want?

use crate::answer::Answer;
use crate::encapsulation::{Outcome, SessionFate};
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// GET_ENCAPSULATED_REQUEST: see [`Requester::serve_device`].
#[derive(Debug)]
pub struct ServeDevice {
    served: Option<Served>,
}

/// What a device wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Served {
    /// Encapsulated requests that it sent; 0 where it wanted nothing.
    pub requests: u16,
    /// How many of them were answered with ERROR.
    pub refused: u16,
    /// Whether the session goes on in which it was asked.
    pub session: SessionFate,
}

impl Served {
    pub(super) const fn of(outcome: &Outcome) -> Self {
        let Outcome { requests, refused, session, .. } = *outcome;
        Self { requests, refused, session }
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// Asks the device whether it wants something, and answers its encapsulated requests until it wants nothing more (both
    /// sides need ENCAP_CAP). A device that wants nothing says so, which is no failure.
    ///
    /// Answered are GET_DIGESTS, GET_CERTIFICATE and GET_ENDPOINT_INFO, and behind [`Self::in_session`] KEY_UPDATE, by which
    /// the device replaces the key of its answers, and END_SESSION (1.4). Never CHALLENGE: who asks for it here wants something signed, not to know who it talks to.
    /// Nor SEND_EVENT: [`Self::receive_events`] takes it.
    #[must_use]
    pub fn serve_device(mut self) -> Flow<'a, ServeDevice> {
        self.core.poll();
        Flow::new(self.core, ServeDevice { served: None })
    }
}

impl sealed::Operation for ServeDevice {
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

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Served, &'f Error> {
        self.served.ok_or_else(|| errors.unfinished())
    }
}
