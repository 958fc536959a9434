//! Any request, any response.

use spdm_untrusted::Untrusted;

use crate::algorithms::{Algorithms, NegotiateAlgorithms};
use crate::capabilities::{Capabilities, GetCapabilities};
use crate::certificate::{Certificate, GetCertificate};
use crate::challenge::{Challenge, ChallengeAuth};
use crate::chunk::{ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck};
use crate::digests::{Digests, GetDigests};
use crate::error::DecodeError;
use crate::error_response::ErrorResponse;
use crate::get_version::{GetVersion, Version};
use crate::measurements::{GetMeasurements, Measurements};
use crate::message::{Code, Cx, Decoded, Header, Message};
use crate::respond_if_ready::RespondIfReady;
use crate::trace::{NoTrace, Trace};

macro_rules! any_message {
    ($(#[doc = $doc:literal])* $any:ident { $($variant:ident($message:ty) = $code:ident,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum $any<'a> {
            $(#[doc = concat!("`", stringify!($code), "`")] $variant(Decoded<'a, $message>),)*
            /// A message that this crate does not decode.
            Other {
                /// Its header.
                header: Header,
                /// All its bytes, transport padding included.
                bytes: &'a [u8],
            },
        }

        impl<'a> $any<'a> {
            /// Decodes the message that its code names.
            ///
            /// # Errors
            /// [`DecodeError`] as for the message; for [`Self::Other`] only when there is no header.
            pub fn decode(bytes: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
                Self::decode_traced(bytes, cx, &mut NoTrace)
            }

            /// [`Self::decode`] that shows every field to `trace` on the way.
            ///
            /// # Errors
            /// As [`Self::decode`].
            pub fn decode_traced<T: Trace<'a>>(
                bytes: Untrusted<&'a [u8]>,
                cx: &Cx,
                trace: &mut T,
            ) -> Result<Self, DecodeError> {
                let header = Header::peek(bytes)?;
                match header.code {
                    $(Code::$code => {
                        <$message>::decode_traced(bytes, cx, trace).map(Self::$variant)
                    })*
                    _ => Ok(Self::Other { header, bytes: bytes.into_inner_less_safe() }),
                }
            }

            /// The `RequestResponseCode`.
            #[must_use]
            pub const fn code(&self) -> Code {
                match self {
                    $(Self::$variant(_) => Code::$code,)*
                    Self::Other { header, .. } => header.code,
                }
            }

            /// Exactly the bytes of the message: what enters a transcript.
            #[must_use]
            pub const fn bytes(&self) -> &'a [u8] {
                match self {
                    $(Self::$variant(decoded) => decoded.bytes,)*
                    Self::Other { bytes, .. } => bytes,
                }
            }
        }
    };
}

any_message! {
    /// Any request.
    Request {
        GetVersion(GetVersion) = GET_VERSION,
        GetCapabilities(GetCapabilities) = GET_CAPABILITIES,
        NegotiateAlgorithms(NegotiateAlgorithms<'a>) = NEGOTIATE_ALGORITHMS,
        GetDigests(GetDigests) = GET_DIGESTS,
        GetCertificate(GetCertificate) = GET_CERTIFICATE,
        Challenge(Challenge) = CHALLENGE,
        GetMeasurements(GetMeasurements) = GET_MEASUREMENTS,
        RespondIfReady(RespondIfReady) = RESPOND_IF_READY,
        ChunkSend(ChunkSend<'a>) = CHUNK_SEND,
        ChunkGet(ChunkGet) = CHUNK_GET,
    }
}

any_message! {
    /// Any response. The sizes that [`Cx`] needs come from the negotiation and from the request.
    Response {
        Version(Version<'a>) = VERSION,
        Capabilities(Capabilities<'a>) = CAPABILITIES,
        Algorithms(Algorithms<'a>) = ALGORITHMS,
        Digests(Digests<'a>) = DIGESTS,
        Certificate(Certificate<'a>) = CERTIFICATE,
        ChallengeAuth(ChallengeAuth<'a>) = CHALLENGE_AUTH,
        Measurements(Measurements<'a>) = MEASUREMENTS,
        Error(ErrorResponse<'a>) = ERROR,
        ChunkSendAck(ChunkSendAck<'a>) = CHUNK_SEND_ACK,
        ChunkResponse(ChunkResponse<'a>) = CHUNK_RESPONSE,
    }
}
