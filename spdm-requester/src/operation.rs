//! What an operation is: its requests, its output, and the phase it leaves the requester in.

use spdm_codec::TransferSizes;
use spdm_crypto::{HashBank, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::config::Offer;
use crate::connection::{Connection, Verdict};
use crate::error::Error;
use crate::sink::{Exchange, Sink};
use crate::transcript::Bench;

/// Something that a requester does in one or more exchanges. Sealed: the operations are
/// [`Negotiate`](crate::Negotiate), [`GetDigests`](crate::GetDigests), [`FetchChain`](crate::FetchChain),
/// [`Challenge`](crate::Challenge), [`Measure`](crate::Measure), [`Recognize`](crate::Recognize) and
/// [`Attest`](crate::Attest).
pub trait Operation: sealed::Operation {}

impl<O: sealed::Operation> Operation for O {}

pub(crate) mod sealed {
    use super::{Ask, Error, Judge, Next, Untrusted};

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Operation {
        /// The phase that the requester is in afterwards.
        type Phase;
        /// What the caller gets.
        type Output;

        /// Encodes the next request into `out` and returns its length in bytes.
        fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Error>;

        /// Takes the answer to the last request; never an ERROR.
        fn accept(
            &mut self,
            judge: &mut Judge<'_>,
            request: &[u8],
            response: Untrusted<&[u8]>,
        ) -> Result<Next, Error>;

        /// The phase and the output, once [`Next::Done`] was returned.
        fn finish(self) -> Result<(Self::Phase, Self::Output), Error>;

        /// The phase to go back to where the peer refuses; `None` where the connection is lost then.
        fn phase_after_refusal(&self) -> Option<Self::Phase>;
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

/// What an operation may look at while it makes a request.
#[expect(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug)]
pub struct Ask<'q> {
    pub(crate) connection: &'q Connection,
    pub(crate) provider: &'q Provider,
    pub(crate) offer: &'q Offer,
    /// The largest response that comes in one message, in bytes, without padding.
    pub(crate) room: usize,
    /// What the Requester receives, from 1.2 on.
    pub(crate) sizes: TransferSizes,
    /// Bytes of the message buffer.
    pub(crate) message_len: usize,
}

impl Ask<'_> {
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.provider.random.fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(bytes)
    }
}

/// The judge's bench, as an operation sees it.
#[expect(unnameable_types, reason = "sealed")]
#[expect(missing_debug_implementations, reason = "sealed")]
pub struct Judge<'j> {
    pub(crate) connection: &'j mut Connection,
    pub(crate) provider: &'j Provider,
    pub(crate) hashes: &'j mut dyn HashBank,
    pub(crate) sink: Option<&'j mut (dyn Sink + 'static)>,
}

impl Judge<'_> {
    /// [`Connection::accept`], shown to the sink.
    pub(crate) fn accept<'r, 'c>(
        &mut self,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Verdict<'r, 'c>, Error> {
        let mut bench = Bench { provider: self.provider, hashes: self.hashes };
        let result = self.connection.accept(&mut bench, request, response, identity);
        if let Some(sink) = self.sink.as_deref_mut() {
            let exchange = Exchange { request, response };
            match &result {
                Ok(verdict) => sink.accepted(exchange, verdict, self.connection),
                Err(error) => sink.rejected(exchange, error),
            }
        }
        result
    }

    /// Shows the sink a message that is refused before it is a response.
    pub(crate) fn reject(&mut self, request: &[u8], response: Untrusted<&[u8]>, error: &Error) {
        if let Some(sink) = self.sink.as_deref_mut() {
            sink.rejected(Exchange { request, response }, error);
        }
    }
}
