//! From a decoded message back to its bytes.

use spdm_codec::{AnyMessage, EncodeError, Message, Request, Response, SpdmVersion};

/// What encoding a message again gives.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) result: Result<Vec<u8>, EncodeError>,
    pub(crate) reserved_nonzero: bool,
}

fn encode<'a>(
    message: &impl Message<'a>,
    version: SpdmVersion,
    len: usize,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = vec![0; len];
    let len = message.encode(version, &mut out)?;
    out.truncate(len);
    Ok(out)
}

macro_rules! again {
    ($message:expr, $version:expr, $any:ident, $($variant:ident)*) => {
        match $message {
            $($any::$variant(decoded) => Again {
                result: encode(&decoded.message, $version, decoded.bytes.len()),
                reserved_nonzero: decoded.reserved_nonzero(),
            },)*
            other => panic!("{} is not decoded", other.code()),
        }
    };
}

pub(crate) fn again(message: &AnyMessage<'_>, version: SpdmVersion) -> Again {
    match message {
        AnyMessage::Request(request) => again!(
            request, version, Request,
            GetVersion GetCapabilities NegotiateAlgorithms GetDigests GetCertificate Challenge
            GetMeasurements RespondIfReady ChunkSend ChunkGet KeyExchange Finish PskExchange
            PskFinish Heartbeat KeyUpdate GetEncapsulatedRequest DeliverEncapsulatedResponse
            EndSession GetCsr SetCertificate GetMeasurementExtensionLog GetKeyPairInfo
            SetKeyPairInfo GetEndpointInfo GetSupportedEventTypes SubscribeEventTypes SendEvent
            VendorDefined
        ),
        AnyMessage::Response(response) => again!(
            response, version, Response,
            Version Capabilities Algorithms Digests Certificate ChallengeAuth Measurements Error
            ChunkSendAck ChunkResponse KeyExchangeRsp FinishRsp PskExchangeRsp PskFinishRsp
            HeartbeatAck KeyUpdateAck EncapsulatedRequest EncapsulatedResponseAck EndSessionAck
            Csr SetCertificateRsp MeasurementExtensionLog KeyPairInfo SetKeyPairInfoAck
            EndpointInfo SupportedEventTypes SubscribeEventTypesAck EventAck VendorDefined
        ),
    }
}
