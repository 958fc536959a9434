//! What an operation is: its requests, its output, and the phase it leaves the requester in.

pub(crate) mod attest;
pub(crate) mod attestation_plan;
pub(crate) mod challenge;
pub(crate) mod event_types;
pub(crate) mod examine;
pub(crate) mod examine_in_session;
pub(crate) mod examined;
pub(crate) mod exchange;
pub(crate) mod fetch_chain;
pub(crate) mod fetch_digests;
pub(crate) mod fetch_endpoint_info;
pub(crate) mod fetch_every_chain;
pub(crate) mod fetch_log;
pub(crate) mod get_csr;
pub(crate) mod key_pairs;
pub(crate) mod measure;
pub(crate) mod negotiate;
pub(crate) mod open_psk_session;
pub(crate) mod open_session;
#[cfg(feature = "mutual-auth")]
pub(crate) mod receive_events;
pub(crate) mod recognize;
mod sequence;
#[cfg(feature = "mutual-auth")]
pub(crate) mod serve_device;
pub(crate) mod session_control;
pub(crate) mod session_handshake;
pub(crate) mod set_certificate;
#[cfg(feature = "mutual-auth")]
mod signed_finish;
pub(crate) mod slot_choice;
#[cfg(feature = "experimental")]
pub(crate) mod slots;

use crate::answer::Answer;
use crate::connection::Connection;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::negotiated::Negotiated;

/// Something that a requester does in one or more exchanges. Sealed: the operations are
/// [`Negotiate`](crate::Negotiate), [`FetchDigests`](crate::FetchDigests), [`FetchChain`](crate::FetchChain),
/// [`FetchEveryChain`](crate::FetchEveryChain), [`ProvePossession`](crate::ProvePossession),
/// [`Measure`](crate::Measure), [`FetchLog`](crate::FetchLog), [`FetchEndpointInfo`](crate::FetchEndpointInfo),
/// [`FetchEventTypes`](crate::FetchEventTypes), [`Subscribe`](crate::Subscribe), [`Recognize`](crate::Recognize),
/// [`FetchCsr`](crate::FetchCsr), [`SetSlot`](crate::SetSlot), [`FetchKeyPair`](crate::FetchKeyPair),
/// [`SetKeyPair`](crate::SetKeyPair),
/// [`SingleExchange`](crate::SingleExchange), [`Attest`](crate::Attest), [`Examine`](crate::Examine),
/// [`ExamineInSession`](crate::ExamineInSession),
/// [`OpenSession`](crate::OpenSession), [`OpenPskSession`](crate::OpenPskSession),
/// [`SendHeartbeat`](crate::SendHeartbeat), [`UpdateKeys`](crate::UpdateKeys),
/// [`CloseSession`](crate::CloseSession) and, with the feature `experimental`, those of SLOT_MANAGEMENT, with `mutual-auth` `ServeDevice` and `ReceiveEvents`.
pub trait Operation: sealed::Operation {}

impl<O: sealed::Operation> Operation for O {}

pub(crate) mod sealed {
    use super::{Answer, Ask, Env, Error, ErrorCell, Next, Phase};

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Operation {
        /// The phase that the requester is in afterwards.
        type Phase: Phase;
        /// What the caller gets.
        type Output;

        /// Encodes the next request into `out` and returns its length in bytes.
        fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error>;

        /// Encodes the next request, where it takes more than [`Ask`] lends, such as the requester's signature; `None` where
        /// [`Self::request`] makes it.
        #[cfg(feature = "mutual-auth")]
        fn signed_request<'f>(
            &mut self,
            _: &mut Env<'_, 'f>,
            _: &mut [u8],
        ) -> Result<Option<usize>, &'f Error> {
            Ok(None)
        }

        /// A flow of encapsulated requests, which stood between two requests or was all of it, is over.
        #[cfg(feature = "mutual-auth")]
        fn encapsulated(&mut self, _: &crate::encapsulation::Outcome) {}

        /// What takes the events that the device tells meanwhile; `None` where nothing is subscribed to.
        #[cfg(feature = "mutual-auth")]
        fn event_receiver(&mut self) -> Option<&mut dyn super::receive_events::EventReceiver> {
            None
        }

        /// The last request was answered, and not with ERROR: has the answer accepted, and uses it.
        fn answered<'f>(
            &mut self,
            env: &mut Env<'_, 'f>,
            answer: &Answer<'_, '_>,
        ) -> Result<Next, &'f Error>;

        /// The device refused the last request, or lacks what it takes (`Error::is_refusal`): what follows where
        /// the operation can do without it, else `None`. Each call has to bring the operation forward.
        fn refused<'f>(
            &mut self,
            _: &mut Env<'_, 'f>,
            _: &Error,
        ) -> Result<Option<Next>, &'f Error> {
            Ok(None)
        }

        /// Whether the session that it runs in is over where it fails, even where the peer merely refused.
        fn ends_session(&self) -> bool {
            false
        }

        /// The operation ends with this error.
        fn stopped(&mut self, _: &Error) {}

        /// It came to nothing: nothing half-done stays with the caller.
        fn failed(&mut self) {}

        /// The output, once [`Next::Done`] was returned; it is called once. Not by value: an operation is large, and
        /// would be on the stack twice.
        fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Self::Output, &'f Error>;
    }
}

/// A phase that an operation leaves the requester in, or returns it to where the peer refuses.
#[expect(unnameable_types, reason = "sealed")]
pub trait Phase: Sized {
    /// `None` where the connection is not that far.
    fn of(connection: &Connection) -> Option<Self>;
}

impl Phase for Negotiated {
    fn of(connection: &Connection) -> Option<Self> {
        connection.negotiated().copied()
    }
}

/// What follows an accepted answer.
#[expect(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Another request.
    Again,
    /// The operation is complete.
    Done,
}
