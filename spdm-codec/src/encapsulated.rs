//! ENCAPSULATED_REQUEST, DELIVER_ENCAPSULATED_RESPONSE and ENCAPSULATED_RESPONSE_ACK: requests in the
//! other direction. The inner messages have no length field: they run to the end of the wrapper, so that
//! transport padding lies behind them.

use spdm_untrusted::Untrusted;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

/// A message inside a message, with whatever follows it: decode it with
/// [`Cx::padding`] as large as the transport's, and go on with [`Decoded::bytes`](crate::Decoded::bytes).
#[derive(Clone, Copy, Debug)]
pub struct InnerMessage<'a>(Untrusted<&'a [u8]>);

impl<'a> InnerMessage<'a> {
    /// A message to be wrapped.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Untrusted::new(bytes))
    }

    /// The bytes, to be decoded.
    #[must_use]
    pub const fn bytes(&self) -> Untrusted<&'a [u8]> {
        self.0
    }

    fn raw(&self) -> &'a [u8] {
        self.0.into_inner_less_safe()
    }

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        field: &'static str,
    ) -> Result<Self, &'t DecodeError> {
        // At least one byte; a header is for the inner decoder to ask for.
        let left = r.left().max(1);
        r.bytes(field, left).map(Self::new)
    }
}

impl PartialEq for InnerMessage<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for InnerMessage<'_> {}

/// ENCAPSULATED_REQUEST (DSP0274 1.1 §ENCAPSULATED_REQUEST).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: RequestID |
/// | 4 | | EncapsulatedRequest |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EncapsulatedRequest<'a> {
    /// `RequestID`.
    pub request_id: u8,
    /// `EncapsulatedRequest`.
    pub request: InnerMessage<'a>,
}

impl<'a> Body<'a> for EncapsulatedRequest<'a> {
    const BODY_NAME: &'static str = "ENCAPSULATED_REQUEST";
    const BODY_CODE: Code = Code::ENCAPSULATED_REQUEST;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let request = InnerMessage::read(r, "EncapsulatedRequest")?;
        Ok(Self { request_id: header.param1, request })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.request_id, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(self.request.raw());
        Ok(())
    }
}

/// DELIVER_ENCAPSULATED_RESPONSE (DSP0274 1.1 §DELIVER_ENCAPSULATED_RESPONSE).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: RequestID |
/// | 4 | | EncapsulatedResponse |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct DeliverEncapsulatedResponse<'a> {
    /// `RequestID` of the request that is answered.
    pub request_id: u8,
    /// `EncapsulatedResponse`.
    pub response: InnerMessage<'a>,
}

impl<'a> Body<'a> for DeliverEncapsulatedResponse<'a> {
    const BODY_NAME: &'static str = "DELIVER_ENCAPSULATED_RESPONSE";
    const BODY_CODE: Code = Code::DELIVER_ENCAPSULATED_RESPONSE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let response = InnerMessage::read(r, "EncapsulatedResponse")?;
        Ok(Self { request_id: header.param1, response })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.request_id, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(self.response.raw());
        Ok(())
    }
}

/// What ENCAPSULATED_RESPONSE_ACK carries: Param2 and what follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum AckPayload<'a> {
    /// 0: nothing; the flow ends.
    Absent,
    /// 1: the next request.
    Request(InnerMessage<'a>),
    /// 2: the Requester's slot; the flow ends.
    ReqSlotNumber(u8),
}

/// ENCAPSULATED_RESPONSE_ACK (DSP0274 1.1 §ENCAPSULATED_RESPONSE_ACK).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: RequestID of the next request | |
/// | 3 | 1 | Param2: payload type | |
/// | 4 | 1 | AckRequestID | 1.2 |
/// | 5 | 3 | Reserved | 1.2 |
/// | 4, from 1.2 on 8 | | the next request, or one byte of slot number | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EncapsulatedResponseAck<'a> {
    /// `RequestID` of the next request.
    pub request_id: u8,
    /// `AckRequestID`: which response is acknowledged, from 1.2 on.
    pub ack_request_id: Option<u8>,
    /// Param2 and what it announces.
    pub payload: AckPayload<'a>,
}

impl<'a> Body<'a> for EncapsulatedResponseAck<'a> {
    const BODY_NAME: &'static str = "ENCAPSULATED_RESPONSE_ACK";
    const BODY_CODE: Code = Code::ENCAPSULATED_RESPONSE_ACK;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let ack_request_id = if cx.version >= SpdmVersion::V1_2 {
            let id = r.u8("AckRequestID")?;
            r.reserved(3)?;
            Some(id)
        } else {
            None
        };
        let payload = match header.param2 {
            0 => AckPayload::Absent,
            1 => AckPayload::Request(InnerMessage::read(r, "EncapsulatedRequest")?),
            2 => AckPayload::ReqSlotNumber(r.u8("ReqSlotNumber")?),
            other => return Err(r.param2("PayloadType").value(&Expected::AtMost(2), other)),
        };
        Ok(Self { request_id: header.param1, ack_request_id, payload })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let payload = match self.payload {
            AckPayload::Absent => 0,
            AckPayload::Request(_) => 1,
            AckPayload::ReqSlotNumber(_) => 2,
        };
        Ok([self.request_id, payload])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        if version >= SpdmVersion::V1_2 {
            let field = "AckRequestID";
            w.u8(self.ack_request_id.ok_or(EncodeError::Missing { field })?);
            w.zeros(3);
        } else {
            absent(self.ack_request_id.as_ref(), "AckRequestID")?;
        }
        match self.payload {
            AckPayload::Absent => {}
            AckPayload::Request(request) => w.bytes(request.raw()),
            AckPayload::ReqSlotNumber(slot) => w.u8(slot),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AckPayload, DeliverEncapsulatedResponse, EncapsulatedRequest, EncapsulatedResponseAck,
    };
    use crate::testing::{every_prefix_fails, expect_value, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn n26_an_empty_inner_message_is_refused() {
        let cx = Cx::new(SpdmVersion::V1_1);
        let bytes = [0x11, 0x6A, 5, 0, 0x11];
        let message: EncapsulatedRequest<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.request_id, 5);
        every_prefix_fails::<EncapsulatedRequest<'_>>(&bytes, &cx);
        let bytes = [0x11, 0xEB, 5, 0, 0x11];
        round_trip::<DeliverEncapsulatedResponse<'_>>(&bytes, &cx);
        every_prefix_fails::<DeliverEncapsulatedResponse<'_>>(&bytes, &cx);
    }

    #[test]
    fn acknowledgements() {
        let cx = Cx::new(SpdmVersion::V1_1);
        let message: EncapsulatedResponseAck<'_> = round_trip(&[0x11, 0x6B, 0, 0], &cx);
        assert_eq!(message.payload, AckPayload::Absent);
        let bytes = [0x11, 0x6B, 2, 1, 0x11, 0x82];
        let message: EncapsulatedResponseAck<'_> = round_trip(&bytes, &cx);
        assert!(matches!(message.payload, AckPayload::Request(_)));
        let cx = Cx::new(SpdmVersion::V1_2);
        let bytes = [0x12, 0x6B, 0, 2, 7, 0, 0, 0, 3];
        let message: EncapsulatedResponseAck<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.payload, AckPayload::ReqSlotNumber(3));
        assert_eq!(message.ack_request_id, Some(7));
        every_prefix_fails::<EncapsulatedResponseAck<'_>>(&bytes, &cx);
        let bytes = [0x12, 0x6B, 0, 3, 7, 0, 0, 0];
        expect_value::<EncapsulatedResponseAck<'_>>(&bytes, &cx, "PayloadType", 3, 3);
    }
}
