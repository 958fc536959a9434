//! KEY_EXCHANGE and KEY_EXCHANGE_RSP.

use bitflags::bitflags;

use crate::challenge::MeasurementSummary;
use crate::code::Code;
use crate::cx::{Cx, Handshake};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::nonce::{RequesterNonce, ResponderNonce};
use crate::opaque::OpaqueData;
use crate::reader::Reader;
use crate::slot::{KeySlot, SlotId};
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

bitflags! {
    /// `SessionPolicy` of KEY_EXCHANGE and PSK_EXCHANGE (1.2). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct SessionPolicy: u8 {
        /// `TerminationPolicy`: the session survives a firmware update of the Responder.
        const TERMINATION_POLICY = 1 << 0;
        /// `EventAllPolicy` (1.3): subscribes to all events.
        const EVENT_ALL_POLICY = 1 << 1;
        const _ = !0;
    }
}

impl SessionPolicy {
    /// Reserved before 1.2.
    pub(crate) fn read(byte: u8, version: SpdmVersion) -> (Self, u8) {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => (Self::empty(), byte),
            _ => (Self::from_bits_retain(byte), 0),
        }
    }

    pub(crate) fn to_byte(self, version: SpdmVersion) -> Result<u8, EncodeError> {
        if version < SpdmVersion::V1_2 && !self.is_empty() {
            return Err(EncodeError::NotInVersion { field: "SessionPolicy" });
        }
        Ok(self.bits())
    }
}

/// Reads a measurement summary type out of Param1.
pub(crate) fn read_summary<'a, 't, T: Trace<'a>>(
    r: &Reader<'a, 't, T>,
    header: Header,
) -> Result<MeasurementSummary, &'t DecodeError> {
    MeasurementSummary::from_byte(header.param1).ok_or_else(|| {
        let at = r.param1("MeasurementSummaryHashType");
        at.value(&Expected::Rule("0, 1 or 0xff"), header.param1)
    })
}

/// KEY_EXCHANGE (DSP0274 1.1 §KEY_EXCHANGE). Dq is [`Cx::request_exchange_len`].
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: requested measurement summary | |
/// | 3 | 1 | Param2: SlotID, 0xFF for a provisioned public key | |
/// | 4 | 2 | ReqSessionID | |
/// | 6 | 1 | SessionPolicy | 1.2 |
/// | 7 | 1 | Reserved | |
/// | 8 | 32 | RandomData | |
/// | 40 | Dq | ExchangeData | |
/// | +0 | 2 | OpaqueDataLength o | |
/// | +2 | o | OpaqueData | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyExchange<'a> {
    /// The measurement summary that is asked for.
    pub summary: MeasurementSummary,
    /// `SlotID`.
    pub slot: KeySlot,
    /// `ReqSessionID`.
    pub req_session_id: u16,
    /// `SessionPolicy` (1.2).
    pub session_policy: SessionPolicy,
    /// `RandomData`.
    pub random_data: RequesterNonce,
    /// `ExchangeData`: a DHE public key or a KEM encapsulation key.
    pub exchange_data: &'a [u8],
    /// `OpaqueData`: the versions of DSP0277 that are offered.
    pub opaque: OpaqueData<'a>,
}

impl<'a> Body<'a> for KeyExchange<'a> {
    const BODY_NAME: &'static str = "KEY_EXCHANGE";
    const BODY_CODE: Code = Code::KEY_EXCHANGE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let summary = read_summary(r, header)?;
        let slot = KeySlot::from_byte(header.param2).ok_or_else(|| {
            r.param2("SlotID").value(&Expected::Rule("0 to 7 or 0xff"), header.param2)
        })?;
        let req_session_id = r.u16("ReqSessionID")?;
        let (session_policy, reserved) = SessionPolicy::read(r.u8("SessionPolicy")?, cx.version);
        r.note_reserved(reserved);
        r.reserved(1)?;
        Ok(Self {
            summary,
            slot,
            req_session_id,
            session_policy,
            random_data: RequesterNonce(*r.array("RandomData")?),
            exchange_data: r.bytes("ExchangeData", cx.request_exchange_len)?,
            opaque: OpaqueData::read(r, cx.session_opaque_format())?,
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.summary.to_byte(), self.slot.to_byte()])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.u16(self.req_session_id);
        w.u8(self.session_policy.to_byte(version)?);
        w.u8(0);
        w.bytes(&self.random_data.0);
        w.bytes(self.exchange_data);
        self.opaque.write(w)
    }
}

/// `MutAuthRequested` of KEY_EXCHANGE_RSP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these four")]
pub enum MutAuthRequested {
    /// 0: no mutual authentication.
    #[default]
    No,
    /// 1: without the encapsulated request flow.
    WithoutEncapsulation,
    /// 2: with the encapsulated request flow.
    WithEncapsulation,
    /// 4: with an implicit GET_DIGESTS.
    WithGetDigests,
}

impl MutAuthRequested {
    /// The value of the field.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::No => 0,
            Self::WithoutEncapsulation => 1,
            Self::WithEncapsulation => 2,
            Self::WithGetDigests => 4,
        }
    }

    /// The bits that are not reserved.
    const MASK: u8 = 7;

    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::No),
            1 => Some(Self::WithoutEncapsulation),
            2 => Some(Self::WithEncapsulation),
            4 => Some(Self::WithGetDigests),
            _ => None,
        }
    }
}

/// KEY_EXCHANGE_RSP (DSP0274 1.1 §KEY_EXCHANGE_RSP). Dp, MSH, S and H are [`Cx::response_exchange_len`],
/// [`Cx::summary_len`], [`Cx::signature_len`] and [`Cx::hash_len`].
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: HeartbeatPeriod in seconds |
/// | 3 | 1 | Reserved |
/// | 4 | 2 | RspSessionID |
/// | 6 | 1 | MutAuthRequested: 2:0 |
/// | 7 | 1 | SlotIDParam: 3:0 slot of the Requester |
/// | 8 | 32 | RandomData |
/// | 40 | Dp | ExchangeData |
/// | +0 | MSH | MeasurementSummaryHash |
/// | +0 | 2 | OpaqueDataLength o |
/// | +2 | o | OpaqueData |
/// | +0 | S | Signature |
/// | +0 | H | ResponderVerifyData, unless the handshake is in the clear |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyExchangeRsp<'a> {
    /// `HeartbeatPeriod` in seconds; 0 for none.
    pub heartbeat_period: u8,
    /// `RspSessionID`.
    pub rsp_session_id: u16,
    /// `MutAuthRequested` bits 2:0.
    pub mut_auth: MutAuthRequested,
    /// `SlotIDParam` bits 3:0; they say something only where `mut_auth` is [`MutAuthRequested::WithoutEncapsulation`], and
    /// what is neither a slot nor a public key is slot 0 elsewhere.
    pub req_slot: KeySlot,
    /// `RandomData`.
    pub random_data: ResponderNonce,
    /// `ExchangeData`: a DHE public key or a KEM ciphertext.
    pub exchange_data: &'a [u8],
    /// `MeasurementSummaryHash`; empty where none was asked for.
    pub measurement_summary_hash: &'a [u8],
    /// `OpaqueData`: the version of DSP0277 that was selected.
    pub opaque: OpaqueData<'a>,
    /// `Signature`.
    pub signature: &'a [u8],
    /// `ResponderVerifyData`; empty where the handshake is in the clear.
    pub verify_data: &'a [u8],
}

impl<'a> Body<'a> for KeyExchangeRsp<'a> {
    const BODY_NAME: &'static str = "KEY_EXCHANGE_RSP";
    const BODY_CODE: Code = Code::KEY_EXCHANGE_RSP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let rsp_session_id = r.u16("RspSessionID")?;
        let at = r.mark("MutAuthRequested");
        let requested = r.u8("MutAuthRequested")?;
        r.note_reserved(requested & !MutAuthRequested::MASK);
        let mut_auth = MutAuthRequested::from_bits(requested & MutAuthRequested::MASK)
            .ok_or_else(|| at.value(&Expected::Rule("0, 1, 2 or 4"), requested))?;
        let at = r.mark("SlotIDParam");
        let slot = r.u8("SlotIDParam")?;
        r.note_reserved(slot & 0xF0);
        let req_slot = match (KeySlot::from_nibble(slot), mut_auth) {
            (Some(slot), _) => slot,
            (None, MutAuthRequested::WithoutEncapsulation) => {
                return Err(at.value(&Expected::Rule("a slot or a public key"), slot));
            }
            // It says something only where no encapsulated request tells the slot.
            (None, _) => {
                r.note_reserved(slot);
                KeySlot::Slot(SlotId::ZERO)
            }
        };
        let verify_len = match cx.handshake {
            Handshake::Secured => cx.hash_len,
            Handshake::InTheClear => 0,
        };
        Ok(Self {
            heartbeat_period: header.param1,
            rsp_session_id,
            mut_auth,
            req_slot,
            random_data: ResponderNonce(*r.array("RandomData")?),
            exchange_data: r.bytes("ExchangeData", cx.response_exchange_len)?,
            measurement_summary_hash: r.bytes("MeasurementSummaryHash", cx.summary_len)?,
            opaque: OpaqueData::read(r, cx.session_opaque_format())?,
            signature: r.bytes("Signature", cx.signature_len)?,
            verify_data: r.bytes("ResponderVerifyData", verify_len)?,
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.heartbeat_period, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u16(self.rsp_session_id);
        w.bytes(&[self.mut_auth.to_byte(), self.req_slot.to_nibble()]);
        w.bytes(&self.random_data.0);
        w.bytes(self.exchange_data);
        w.bytes(self.measurement_summary_hash);
        self.opaque.write(w)?;
        w.bytes(self.signature);
        w.bytes(self.verify_data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyExchange, KeyExchangeRsp, MutAuthRequested, SessionPolicy};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, Handshake, KeySlot, Message as _, OpaqueFormat, SlotId, SpdmVersion};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn cx(version: SpdmVersion) -> Cx {
        Cx::new(version)
            .with_hash_len(48)
            .with_signature_len(96)
            .with_exchange_lens(96, 64)
            .with_opaque_format(OpaqueFormat::Table)
    }

    fn request(version: SpdmVersion) -> Vec<u8> {
        let policy = u8::from(version >= SpdmVersion::V1_2);
        let mut bytes = std::vec![version.to_byte(), 0xE4, 0xFF, 0xFF, 0xFE, 0xFF, policy, 0];
        bytes.extend([7; 32]);
        bytes.extend([8; 96]);
        bytes.extend([0, 0]);
        bytes
    }

    fn response(version: SpdmVersion, verify: usize) -> Vec<u8> {
        let mut bytes = std::vec![version.to_byte(), 0x64, 30, 0, 1, 0, 2, 0x0F];
        bytes.extend([7; 32]);
        bytes.extend([8; 64]);
        bytes.extend([0, 0]);
        bytes.extend([9; 96]);
        bytes.extend(std::vec![10; verify]);
        bytes
    }

    const VERSIONS: [SpdmVersion; 4] =
        [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];

    #[test]
    fn requests() {
        for version in VERSIONS {
            let bytes = request(version);
            let message: KeyExchange<'_> = round_trip(&bytes, &cx(version));
            assert_eq!((message.slot, message.req_session_id), (KeySlot::PublicKey, 0xFFFE));
            let since_1_2 = version >= SpdmVersion::V1_2;
            assert_eq!(
                message.session_policy.contains(SessionPolicy::TERMINATION_POLICY),
                since_1_2
            );
            every_prefix_fails::<KeyExchange<'_>>(&bytes, &cx(version));
        }
    }

    #[test]
    fn responses() {
        for version in VERSIONS {
            for (handshake, verify) in [(Handshake::Secured, 48), (Handshake::InTheClear, 0)] {
                let cx = cx(version).with_handshake(handshake);
                let bytes = response(version, verify);
                let message: KeyExchangeRsp<'_> = round_trip(&bytes, &cx);
                assert_eq!(message.mut_auth, MutAuthRequested::WithEncapsulation);
                assert_eq!(message.verify_data.len(), verify);
                every_prefix_fails::<KeyExchangeRsp<'_>>(&bytes, &cx);
                one_byte_more::<KeyExchangeRsp<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            }
        }
    }

    #[test]
    fn n23_mut_auth_and_slot() {
        let cx = cx(SpdmVersion::V1_2);
        for wrong in [3, 5, 6, 7, 0x0B, 0xFF] {
            let mut bytes = response(SpdmVersion::V1_2, 48);
            bytes[6] = wrong;
            expect_value::<KeyExchangeRsp<'_>>(&bytes, &cx, "MutAuthRequested", 6, wrong.into());
        }
        for slot in 8..=14 {
            let mut bytes = response(SpdmVersion::V1_2, 48);
            (bytes[6], bytes[7]) = (1, slot);
            expect_value::<KeyExchangeRsp<'_>>(&bytes, &cx, "SlotIDParam", 7, slot.into());
        }
    }

    #[test]
    fn s12_reserved_bits_and_a_slot_that_says_nothing_are_ignored() {
        let cx = cx(SpdmVersion::V1_2);
        for (requested, mut_auth) in [
            (0xF8, MutAuthRequested::No),
            (0x09, MutAuthRequested::WithoutEncapsulation),
            (0xFA, MutAuthRequested::WithEncapsulation),
            (0x84, MutAuthRequested::WithGetDigests),
        ] {
            for slot in 0..=0xFF_u8 {
                let named = matches!(slot & 0x0F, 0..=7 | 15);
                if !named && mut_auth == MutAuthRequested::WithoutEncapsulation {
                    continue;
                }
                let mut bytes = response(SpdmVersion::V1_2, 48);
                (bytes[6], bytes[7]) = (requested, slot);
                let decoded = KeyExchangeRsp::decode(Untrusted::new(&bytes), &cx).unwrap();
                assert_eq!(decoded.message.mut_auth, mut_auth);
                let expected = KeySlot::from_nibble(slot).unwrap_or(KeySlot::Slot(SlotId::ZERO));
                assert_eq!(decoded.message.req_slot, expected);
            }
        }
    }
}
