//! What an operation is: its requests, its output, and the phase it leaves the requester in.

use spdm_codec::{
    CapabilityFlags, Message, REQUESTER_CONTEXT_LEN, RequesterContext, SpdmVersion, TransferSizes,
};
use spdm_crypto::{HashBank, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::config::Offer;
use crate::connection::{Case, Connection, Verdict};
use crate::error::Error;
use crate::fault::{Fault, Stop};
use crate::negotiated::Negotiated;
use crate::sink::{Exchange, Sink};
use crate::transcript::Bench;

/// Something that a requester does in one or more exchanges. Sealed: the operations are
/// [`Negotiate`](crate::Negotiate), [`GetDigests`](crate::GetDigests), [`FetchChain`](crate::FetchChain),
/// [`Challenge`](crate::Challenge), [`Measure`](crate::Measure), [`Recognize`](crate::Recognize),
/// [`Attest`](crate::Attest) and [`Examine`](crate::Examine).
pub trait Operation: sealed::Operation {}

impl<O: sealed::Operation> Operation for O {}

pub(crate) mod sealed {
    use super::{Ask, Error, Fault, Judge, Next, Phase, Stop, Untrusted};

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Operation {
        /// The phase that the requester is in afterwards.
        type Phase: Phase;
        /// What the caller gets.
        type Output;

        /// Encodes the next request into `out` and returns its length in bytes.
        fn request(&mut self, ask: &Ask<'_>, out: &mut [u8]) -> Result<usize, Stop>;

        /// Takes the answer to the last request; never an ERROR.
        fn accept(
            &mut self,
            judge: &mut Judge<'_>,
            request: &[u8],
            response: Untrusted<&[u8]>,
        ) -> Result<Next, Stop>;

        /// The device refused the last request, or lacks what it takes ([`Error::is_refusal`]): what follows where
        /// the operation can do without it, else `None`. Each call has to bring the operation forward.
        fn refused(&mut self, _: &mut Judge<'_>, _: &Error) -> Result<Option<Next>, Stop> {
            Ok(None)
        }

        /// The operation ends with this error.
        fn stopped(&mut self, _: &Error) {}

        /// It came to nothing: nothing half-done stays with the caller.
        fn failed(&mut self) {}

        /// The output, once [`Next::Done`] was returned.
        fn finish(self, fault: &Fault) -> Result<Self::Output, Stop>;
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

impl<'q> Ask<'q> {
    pub(crate) const fn fault(&self) -> &'q Fault {
        &self.connection.fault
    }

    /// What was agreed on.
    pub(crate) fn agreed(&self) -> Result<&'q Negotiated, Stop> {
        self.connection.negotiated().ok_or_else(|| self.fault().unfinished())
    }

    /// What was agreed on, where the Responder has all of `flags`; `name` is what the error calls them.
    pub(crate) fn require(
        &self,
        flags: CapabilityFlags,
        name: &'static str,
    ) -> Result<&'q Negotiated, Stop> {
        let agreed = self.agreed()?;
        agreed.require(flags, name).map_err(|error| self.fault().incompatible(error))?;
        Ok(agreed)
    }

    /// Encodes a request.
    pub(crate) fn encode<'m>(
        &self,
        message: &impl Message<'m>,
        version: SpdmVersion,
        out: &mut [u8],
    ) -> Result<usize, Stop> {
        message.encode(version, out).map_err(|error| self.fault().stop(error))
    }

    /// Requester context, from 1.3 on: random.
    pub(crate) fn context(&self, version: SpdmVersion) -> Result<Option<RequesterContext>, Stop> {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => Ok(None),
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
                let mut context = [0; REQUESTER_CONTEXT_LEN];
                fill(self.provider, self.fault(), &mut context)?;
                Ok(Some(RequesterContext(context)))
            }
        }
    }
}

/// Random bytes.
pub(crate) fn fill(provider: &Provider, fault: &Fault, bytes: &mut [u8]) -> Result<(), Stop> {
    provider.random.fill(bytes).map_err(|_| fault.stop(Error::Random))
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
    pub(crate) const fn fault(&self) -> &Fault {
        &self.connection.fault
    }

    /// What was agreed on.
    pub(crate) fn agreed(&self) -> Result<&Negotiated, Stop> {
        self.connection.negotiated().ok_or_else(|| self.fault().unfinished())
    }

    /// Judges an exchange and shows it to the sink.
    #[inline(never)]
    pub(crate) fn accept<'r, 'c>(
        &mut self,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Verdict<'r, 'c>, Stop> {
        let mut bench = Bench { provider: self.provider, hashes: self.hashes };
        let case = Case { request, response, identity };
        let result = self.connection.judge(&mut bench, &case);
        if let Some(sink) = self.sink.as_deref_mut() {
            let exchange = Exchange { request, response };
            match &result {
                Ok(verdict) => sink.accepted(exchange, verdict, self.connection),
                Err(stop) => sink.rejected(exchange, &self.connection.fault.error(*stop)),
            }
        }
        result
    }

    /// Shows the sink an answer that is refused before it can be judged.
    pub(crate) fn reject(&mut self, request: &[u8], response: Untrusted<&[u8]>, stop: Stop) {
        if let Some(sink) = self.sink.as_deref_mut() {
            sink.rejected(Exchange { request, response }, &self.connection.fault.error(stop));
        }
    }
}
