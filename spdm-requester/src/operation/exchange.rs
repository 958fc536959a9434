//! One request and its response, for messages that have no operation of their own.

use core::marker::PhantomData;
use core::mem;

use spdm_codec::{Code, Message};
use spdm_untrusted::Untrusted;

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Misuse};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// A request and its response: see [`Requester::exchange`].
#[derive(Debug)]
pub struct SingleExchange<'q, 'b, Q, R> {
    request: Q,
    buffer: &'b mut [u8],
    response: Option<R>,
    /// The bytes that the request borrows from.
    borrowed: PhantomData<&'q ()>,
}

impl<'a> Requester<'a, Negotiated> {
    /// Sends any request of the codec that has no operation of its own, and decodes its response, which is copied
    /// into `buffer`: vendor-defined messages (and what travels in them, IDE_KM and TDISP).
    ///
    /// It is checked that the response is the one to this request, in the negotiated version, and well formed. What
    /// it says is for the caller to judge, and no signature in it is verified. Where a request is longer than
    /// [`Offer::longest_request`](crate::Offer::longest_request), that has to be raised before the negotiation.
    ///
    /// Fails with [`Misuse::OwnOperation`] for requests that would change what the requester knows of the
    /// connection. A response type that does not belong to the request does not compile.
    ///
    /// ```
    /// use spdm_codec::{GetKeyPairInfo, KeyPairInfo};
    /// use spdm_requester::{Negotiated, Requester, RunError, blocking};
    /// use spdm_transport::{Clock, Transport};
    ///
    /// fn key_pairs<T: Transport, C: Clock>(
    ///     requester: Requester<'_, Negotiated>,
    ///     device: &mut T,
    ///     clock: &C,
    /// ) -> Result<u8, RunError<T::Error>> {
    ///     let mut buffer = [0; 1024];
    ///     let request = GetKeyPairInfo { key_pair_id: 1 };
    ///     let flow = requester.exchange::<_, KeyPairInfo<'_>>(request, &mut buffer);
    ///     let (_, info) = blocking::run(flow, device, clock).map_err(|failure| failure.error)?;
    ///     Ok(info.total_key_pairs)
    /// }
    /// ```
    #[must_use]
    pub fn exchange<'q, 'b, Q: Message<'q>, R: Message<'b>>(
        self,
        request: Q,
        buffer: &'b mut [u8],
    ) -> Flow<'a, SingleExchange<'q, 'b, Q, R>> {
        const { assert!(R::CODE.0 == Q::CODE.response().0, "not the response to this request") };
        let operation = SingleExchange { request, buffer, response: None, borrowed: PhantomData };
        Flow::new(self.core, operation)
    }
}

/// Whether only an operation of its own may send it: it changes what is known of the connection, or it belongs to
/// the way that other messages travel, or to sessions.
const fn has_own_operation(request: Code) -> bool {
    matches!(
        request,
        Code::GET_VERSION
            | Code::GET_CAPABILITIES
            | Code::NEGOTIATE_ALGORITHMS
            | Code::GET_DIGESTS
            | Code::GET_CERTIFICATE
            | Code::CHALLENGE
            | Code::GET_MEASUREMENTS
            | Code::CHUNK_SEND
            | Code::CHUNK_GET
            | Code::RESPOND_IF_READY
            | Code::KEY_EXCHANGE
            | Code::FINISH
            | Code::PSK_EXCHANGE
            | Code::PSK_FINISH
            | Code::HEARTBEAT
            | Code::KEY_UPDATE
            | Code::END_SESSION
            | Code::SET_CERTIFICATE
            | Code::SET_KEY_PAIR_INFO
            | Code::SLOT_MANAGEMENT
            | Code::GET_ENCAPSULATED_REQUEST
            | Code::DELIVER_ENCAPSULATED_RESPONSE
            | Code::GET_MEASUREMENT_EXTENSION_LOG
            | Code::GET_ENDPOINT_INFO
            | Code::GET_SUPPORTED_EVENT_TYPES
            | Code::SUBSCRIBE_EVENT_TYPES
    )
}

impl<'q, 'b, Q: Message<'q>, R: Message<'b>> SingleExchange<'q, 'b, Q, R> {
    /// Copies the response out of the message buffer and decodes it.
    fn decode<'f>(&mut self, env: &Env<'_, 'f>, answer: &Answer<'_, '_>) -> Result<R, &'f Error> {
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let bytes = answer.response.into_inner_less_safe();
        let buffer = mem::take(&mut self.buffer);
        let len = buffer.len();
        let Some(place) = buffer.get_mut(..bytes.len()) else {
            let (buffer, needed) = (Buffer::Response, bytes.len());
            return Err(env.errors.stop(Error::BufferTooSmall { buffer, needed, len }));
        };
        place.copy_from_slice(bytes);
        Ok(env.errors.decode::<R>(Untrusted::new(place), &cx)?.message)
    }
}

impl<'q, 'b, Q: Message<'q>, R: Message<'b>> sealed::Operation for SingleExchange<'q, 'b, Q, R> {
    type Phase = Negotiated;
    type Output = R;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let version = ask.agreed()?.version;
        if has_own_operation(Q::CODE) {
            return Err(ask.errors.misuse(Misuse::OwnOperation { request: Q::CODE }));
        }
        ask.encode(&self.request, version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        // Decoded first: nothing of a response that cannot be is accepted.
        let decoded = self.decode(env, answer);
        let decoded =
            decoded.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.response = Some(decoded);
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<R, &'f Error> {
        self.response.take().ok_or_else(|| errors.unfinished())
    }
}
