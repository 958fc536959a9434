//! Any request, any response.

use spdm_untrusted::{Untrusted, Validate};

use crate::capabilities::{Capabilities, GetCapabilities};
use crate::certificate::{Certificate, GetCertificate};
use crate::challenge::{Challenge, ChallengeAuth};
use crate::chunk::{ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck};
use crate::code::Code;
use crate::csr::{Csr, GetCsr};
use crate::cx::Cx;
use crate::digests::Digests;
use crate::encapsulated::{
    DeliverEncapsulatedResponse, EncapsulatedRequest, EncapsulatedResponseAck,
};
use crate::end_session::EndSession;
use crate::endpoint_info::{EndpointInfo, GetEndpointInfo};
use crate::error::{DecodeError, EncodeError};
use crate::error_response::ErrorResponse;
use crate::events::{SendEvent, SubscribeEventTypes, SupportedEventTypes};
use crate::finish::{Finish, FinishRsp};
use crate::get_version::{GetVersion, Version};
use crate::header::Header;
use crate::header_only::{
    EndSessionAck, EventAck, GetDigests, GetEncapsulatedRequest, GetSupportedEventTypes, Heartbeat,
    HeartbeatAck, SetKeyPairInfoAck, SubscribeEventTypesAck,
};
use crate::key_exchange::{KeyExchange, KeyExchangeRsp};
use crate::key_pair_info::{GetKeyPairInfo, KeyPairInfo, SetKeyPairInfo};
use crate::key_update::{KeyUpdate, KeyUpdateAck};
use crate::measurement_extension_log::{
    GetMeasurementExtensionLog, MeasurementExtensionLogPortion,
};
use crate::measurements::{GetMeasurements, Measurements};
use crate::message::{Decoded, Message};
use crate::negotiate_algorithms::{Algorithms, NegotiateAlgorithms};
use crate::psk_exchange::{PskExchange, PskExchangeRsp};
use crate::psk_finish::{PskFinish, PskFinishRsp};
use crate::respond_if_ready::RespondIfReady;
use crate::set_certificate::{SetCertificate, SetCertificateRsp};
#[cfg(feature = "experimental")]
use crate::slot_management::{SlotManagement, SlotManagementResp};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Trace};
use crate::vendor_defined::{VendorDefinedRequest, VendorDefinedResponse};
use crate::writer::Writer;

macro_rules! any_message {
    ($(#[doc = $doc:literal])*
        $any:ident { $($(#[cfg($cfg:meta)])? $variant:ident($message:ty) = $code:ident,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum $any<'a> {
            $(
                $(#[cfg($cfg)])?
                #[doc = concat!("`", stringify!($code), "`")]
                $variant(Decoded<'a, $message>),
            )*
            /// A message that this crate does not decode.
            Other {
                /// Its header.
                header: Header,
                /// All its bytes, transport padding included.
                bytes: &'a [u8],
            },
        }

        /// [`Self::decode`].
        impl<'a> Validate<&'a [u8]> for $any<'a> {
            type Context = Cx;
            type Error = DecodeError;

            fn validate(raw: &'a [u8], cx: Cx) -> Result<Self, DecodeError> {
                Self::decode(Untrusted::new(raw), &cx)
            }
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
                    $($(#[cfg($cfg)])? Code::$code => {
                        <$message>::decode_traced(bytes, cx, trace).map(Self::$variant)
                    })*
                    _ => Ok(Self::Other { header, bytes: bytes.into_inner_less_safe() }),
                }
            }

            /// The `RequestResponseCode`.
            #[must_use]
            pub const fn code(&self) -> Code {
                match self {
                    $($(#[cfg($cfg)])? Self::$variant(_) => Code::$code,)*
                    Self::Other { header, .. } => header.code,
                }
            }

            /// Exactly the bytes of the message: what enters a transcript.
            #[must_use]
            pub const fn bytes(&self) -> &'a [u8] {
                match self {
                    $($(#[cfg($cfg)])? Self::$variant(decoded) => decoded.bytes,)*
                    Self::Other { bytes, .. } => bytes,
                }
            }

            /// Encodes the message again, in the version of its header, and returns its length in bytes.
            /// Where no reserved byte or bit was set, these are [`Self::bytes`].
            ///
            /// # Errors
            /// [`EncodeError`] as for the message.
            pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
                match self {
                    $($(#[cfg($cfg)])? Self::$variant(decoded) => encode_again(decoded, out),)*
                    Self::Other { bytes, .. } => {
                        let mut w = Writer::new(out);
                        w.bytes(bytes);
                        w.finish()
                    }
                }
            }
        }
    };
}

/// Encodes a decoded message in the version of its header.
fn encode_again<'a, M: Message<'a>>(
    decoded: &Decoded<'a, M>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let byte = decoded.bytes.first().copied().unwrap_or_default();
    // Only an ERROR may carry a version that is not one; its layout is the same in all.
    let version = SpdmVersion::from_byte(byte).unwrap_or(SpdmVersion::V1_0);
    let len = decoded.message.encode(version, out)?;
    if let Some(place) = out.first_mut() {
        *place = byte;
    }
    Ok(len)
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
        KeyExchange(KeyExchange<'a>) = KEY_EXCHANGE,
        Finish(Finish<'a>) = FINISH,
        PskExchange(PskExchange<'a>) = PSK_EXCHANGE,
        PskFinish(PskFinish<'a>) = PSK_FINISH,
        Heartbeat(Heartbeat) = HEARTBEAT,
        KeyUpdate(KeyUpdate) = KEY_UPDATE,
        GetEncapsulatedRequest(GetEncapsulatedRequest) = GET_ENCAPSULATED_REQUEST,
        DeliverEncapsulatedResponse(DeliverEncapsulatedResponse<'a>) = DELIVER_ENCAPSULATED_RESPONSE,
        EndSession(EndSession) = END_SESSION,
        GetCsr(GetCsr<'a>) = GET_CSR,
        SetCertificate(SetCertificate<'a>) = SET_CERTIFICATE,
        GetMeasurementExtensionLog(GetMeasurementExtensionLog) = GET_MEASUREMENT_EXTENSION_LOG,
        GetKeyPairInfo(GetKeyPairInfo) = GET_KEY_PAIR_INFO,
        SetKeyPairInfo(SetKeyPairInfo<'a>) = SET_KEY_PAIR_INFO,
        GetEndpointInfo(GetEndpointInfo) = GET_ENDPOINT_INFO,
        GetSupportedEventTypes(GetSupportedEventTypes) = GET_SUPPORTED_EVENT_TYPES,
        SubscribeEventTypes(SubscribeEventTypes<'a>) = SUBSCRIBE_EVENT_TYPES,
        SendEvent(SendEvent<'a>) = SEND_EVENT,
        VendorDefined(VendorDefinedRequest<'a>) = VENDOR_DEFINED_REQUEST,
        #[cfg(feature = "experimental")]
        SlotManagement(SlotManagement<'a>) = SLOT_MANAGEMENT,
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
        KeyExchangeRsp(KeyExchangeRsp<'a>) = KEY_EXCHANGE_RSP,
        FinishRsp(FinishRsp<'a>) = FINISH_RSP,
        PskExchangeRsp(PskExchangeRsp<'a>) = PSK_EXCHANGE_RSP,
        PskFinishRsp(PskFinishRsp<'a>) = PSK_FINISH_RSP,
        HeartbeatAck(HeartbeatAck) = HEARTBEAT_ACK,
        KeyUpdateAck(KeyUpdateAck) = KEY_UPDATE_ACK,
        EncapsulatedRequest(EncapsulatedRequest<'a>) = ENCAPSULATED_REQUEST,
        EncapsulatedResponseAck(EncapsulatedResponseAck<'a>) = ENCAPSULATED_RESPONSE_ACK,
        EndSessionAck(EndSessionAck) = END_SESSION_ACK,
        Csr(Csr<'a>) = CSR,
        SetCertificateRsp(SetCertificateRsp) = SET_CERTIFICATE_RSP,
        MeasurementExtensionLog(MeasurementExtensionLogPortion<'a>) = MEASUREMENT_EXTENSION_LOG,
        KeyPairInfo(KeyPairInfo<'a>) = KEY_PAIR_INFO,
        SetKeyPairInfoAck(SetKeyPairInfoAck) = SET_KEY_PAIR_INFO_ACK,
        EndpointInfo(EndpointInfo<'a>) = ENDPOINT_INFO,
        SupportedEventTypes(SupportedEventTypes<'a>) = SUPPORTED_EVENT_TYPES,
        SubscribeEventTypesAck(SubscribeEventTypesAck) = SUBSCRIBE_EVENT_TYPES_ACK,
        EventAck(EventAck) = EVENT_ACK,
        VendorDefined(VendorDefinedResponse<'a>) = VENDOR_DEFINED_RESPONSE,
        #[cfg(feature = "experimental")]
        SlotManagement(SlotManagementResp<'a>) = SLOT_MANAGEMENT_RESP,
    }
}
