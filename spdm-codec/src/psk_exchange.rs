//! PSK_EXCHANGE and PSK_EXCHANGE_RSP.

use crate::challenge::MeasurementSummary;
use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::Header;
use crate::key_exchange::{SessionPolicy, read_summary};
use crate::message::sealed::Body;
use crate::opaque::OpaqueData;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// `RequesterContext` of PSK_EXCHANGE: at least H random bytes of the Requester.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct PskRequesterContext<'a>(pub &'a [u8]);

/// `ResponderContext` of PSK_EXCHANGE_RSP: at least H random bytes of the Responder, or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct PskResponderContext<'a>(pub &'a [u8]);

/// PSK_EXCHANGE (DSP0274 1.1 §PSK_EXCHANGE).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: requested measurement summary | |
/// | 3 | 1 | Param2: SessionPolicy | 1.2 |
/// | 4 | 2 | ReqSessionID | |
/// | 6 | 2 | PSKHintLength p | |
/// | 8 | 2 | RequesterContextLength r | |
/// | 10 | 2 | OpaqueDataLength o | |
/// | 12 | p | PSKHint | |
/// | +0 | r | RequesterContext | |
/// | +0 | o | OpaqueData | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct PskExchange<'a> {
    /// The measurement summary that is asked for.
    pub summary: MeasurementSummary,
    /// `SessionPolicy` (1.2).
    pub session_policy: SessionPolicy,
    /// `ReqSessionID`.
    pub req_session_id: u16,
    /// `PSKHint`.
    pub psk_hint: &'a [u8],
    /// `RequesterContext`.
    pub context: PskRequesterContext<'a>,
    /// `OpaqueData`: the versions of DSP0277 that are offered.
    pub opaque: OpaqueData<'a>,
}

impl<'a> Body<'a> for PskExchange<'a> {
    const BODY_NAME: &'static str = "PSK_EXCHANGE";
    const BODY_CODE: Code = Code::PSK_EXCHANGE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let summary = read_summary(r, header)?;
        let (session_policy, reserved) = SessionPolicy::read(header.param2, cx.version);
        r.note_reserved(reserved);
        let req_session_id = r.u16("ReqSessionID")?;
        let psk_hint = r.u16("PSKHintLength")?;
        let context = r.u16("RequesterContextLength")?;
        let opaque = OpaqueData::read_length(r, cx.session_opaque_format())?;
        Ok(Self {
            summary,
            session_policy,
            req_session_id,
            psk_hint: r.bytes("PSKHint", psk_hint.into())?,
            context: PskRequesterContext(r.bytes("RequesterContext", context.into())?),
            opaque: opaque.read_data(r)?,
        })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.summary.to_byte(), self.session_policy.to_byte(version)?])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u16(self.req_session_id);
        w.len16(self.psk_hint.len(), "PSKHintLength")?;
        w.len16(self.context.0.len(), "RequesterContextLength")?;
        self.opaque.write_length(w)?;
        w.bytes(self.psk_hint);
        w.bytes(self.context.0);
        w.bytes(self.opaque.as_bytes());
        Ok(())
    }
}

/// PSK_EXCHANGE_RSP (DSP0274 1.1 §PSK_EXCHANGE_RSP). MSH and H are [`Cx::summary_len`] and
/// [`Cx::hash_len`].
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: HeartbeatPeriod in seconds |
/// | 4 | 2 | RspSessionID |
/// | 6 | 2 | Reserved |
/// | 8 | 2 | ResponderContextLength c |
/// | 10 | 2 | OpaqueDataLength o |
/// | 12 | MSH | MeasurementSummaryHash |
/// | +0 | c | ResponderContext |
/// | +0 | o | OpaqueData |
/// | +0 | H | ResponderVerifyData |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct PskExchangeRsp<'a> {
    /// `HeartbeatPeriod` in seconds; 0 for none.
    pub heartbeat_period: u8,
    /// `RspSessionID`.
    pub rsp_session_id: u16,
    /// `MeasurementSummaryHash`; empty where none was asked for.
    pub measurement_summary_hash: &'a [u8],
    /// `ResponderContext`; empty where the Responder has none.
    pub context: PskResponderContext<'a>,
    /// `OpaqueData`: the version of DSP0277 that was selected.
    pub opaque: OpaqueData<'a>,
    /// `ResponderVerifyData`.
    pub verify_data: &'a [u8],
}

impl<'a> Body<'a> for PskExchangeRsp<'a> {
    const BODY_NAME: &'static str = "PSK_EXCHANGE_RSP";
    const BODY_CODE: Code = Code::PSK_EXCHANGE_RSP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let rsp_session_id = r.u16("RspSessionID")?;
        r.reserved(2)?;
        let context = r.u16("ResponderContextLength")?;
        let opaque = OpaqueData::read_length(r, cx.session_opaque_format())?;
        Ok(Self {
            heartbeat_period: header.param1,
            rsp_session_id,
            measurement_summary_hash: r.bytes("MeasurementSummaryHash", cx.summary_len)?,
            context: PskResponderContext(r.bytes("ResponderContext", context.into())?),
            opaque: opaque.read_data(r)?,
            verify_data: r.bytes("ResponderVerifyData", cx.hash_len)?,
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.heartbeat_period, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u16(self.rsp_session_id);
        w.zeros(2);
        w.len16(self.context.0.len(), "ResponderContextLength")?;
        self.opaque.write_length(w)?;
        w.bytes(self.measurement_summary_hash);
        w.bytes(self.context.0);
        w.bytes(self.opaque.as_bytes());
        w.bytes(self.verify_data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PskExchange, PskExchangeRsp};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn both_directions() {
        for version in [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_4] {
            let cx = Cx::new(version).with_hash_len(32).with_summary_len(32);
            let mut bytes = std::vec![version.to_byte(), 0xE6, 1, 0, 0xFF, 0xFF, 3, 0, 4, 0, 0, 0];
            bytes.extend([1, 2, 3, 4, 5, 6, 7]);
            let message: PskExchange<'_> = round_trip(&bytes, &cx);
            assert_eq!((message.psk_hint, message.context.0), (&[1, 2, 3][..], &[4, 5, 6, 7][..]));
            every_prefix_fails::<PskExchange<'_>>(&bytes, &cx);
            let mut bytes = std::vec![version.to_byte(), 0x66, 9, 0, 1, 0, 0, 0, 2, 0, 0, 0];
            bytes.extend([7; 66]);
            let message: PskExchangeRsp<'_> = round_trip(&bytes, &cx);
            assert_eq!((message.context.0.len(), message.verify_data.len()), (2, 32));
            every_prefix_fails::<PskExchangeRsp<'_>>(&bytes, &cx);
            one_byte_more::<PskExchangeRsp<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            (bytes[10], bytes[11]) = (1, 4);
            expect_value::<PskExchangeRsp<'_>>(&bytes, &cx, "OpaqueDataLength", 10, 1025);
        }
    }
}
