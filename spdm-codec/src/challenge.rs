//! CHALLENGE and CHALLENGE_AUTH.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::nonce::{RequesterContext, RequesterNonce, ResponderNonce};
use crate::opaque::OpaqueData;
use crate::reader::Reader;
use crate::slot::{KeySlot, SlotMask};
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// Which measurements `MeasurementSummaryHash` is to cover.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum MeasurementSummary {
    /// 0: no hash.
    #[default]
    None,
    /// 1: the trusted computing base.
    Tcb,
    /// 0xFF: all measurements.
    All,
}

impl MeasurementSummary {
    /// The value of the field.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Tcb => 1,
            Self::All => 0xFF,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Tcb),
            0xFF => Some(Self::All),
            _ => None,
        }
    }
}

/// CHALLENGE (DSP0274 §CHALLENGE): 36 bytes, 44 from 1.3 on.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: SlotID, 0xFF for a provisioned public key | |
/// | 3 | 1 | Param2: requested measurement summary | |
/// | 4 | 32 | Nonce | |
/// | 36 | 8 | RequesterContext | 1.3 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Challenge {
    /// `SlotID`.
    pub slot: KeySlot,
    /// The measurement summary that is asked for.
    pub summary: MeasurementSummary,
    /// `Nonce`.
    pub nonce: RequesterNonce,
    /// `RequesterContext`, from 1.3 on.
    pub context: Option<RequesterContext>,
}

impl<'a> Body<'a> for Challenge {
    const BODY_NAME: &'static str = "CHALLENGE";
    const BODY_CODE: Code = Code::CHALLENGE;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let slot = KeySlot::from_byte(header.param1).ok_or_else(|| {
            r.param1("SlotID").value(&Expected::Rule("0 to 7 or 0xff"), header.param1)
        })?;
        let summary = MeasurementSummary::from_byte(header.param2).ok_or_else(|| {
            let at = r.param2("MeasurementSummaryHashType");
            at.value(&Expected::Rule("0, 1 or 0xff"), header.param2)
        })?;
        let nonce = r.array("Nonce")?;
        let context = RequesterContext::read(r, cx)?;
        Ok(Self {
            slot,
            summary,
            nonce: RequesterNonce(*nonce),
            context: context.copied().map(RequesterContext),
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.slot.to_byte(), self.summary.to_byte()])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(&self.nonce.0);
        RequesterContext::write(self.context, w, version)
    }
}

/// `BasicMutAuthReq` of CHALLENGE_AUTH (1.1: Param1 bit 7, deprecated since 1.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum BasicMutAuth {
    /// The bit is clear.
    #[default]
    NotRequested,
    /// The Responder wants to authenticate the Requester.
    Requested,
}

const BASIC_MUT_AUTH_REQ: u8 = 0x80;

/// CHALLENGE_AUTH (DSP0274 §CHALLENGE_AUTH). H, MSH and S are [`Cx::hash_len`], [`Cx::summary_len`] and
/// [`Cx::signature_len`].
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: SlotID; from 1.1 on 3:0 SlotID, 7 BasicMutAuthReq | |
/// | 3 | 1 | Param2: slot mask | |
/// | 4 | H | CertChainHash | |
/// | +0 | 32 | Nonce | |
/// | +32 | MSH | MeasurementSummaryHash | |
/// | +0 | 2 | OpaqueDataLength o | |
/// | +2 | o | OpaqueData | |
/// | +0 | 8 | RequesterContext | 1.3 |
/// | +0 | S | Signature | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ChallengeAuth<'a> {
    /// `SlotID`.
    pub slot: KeySlot,
    /// `BasicMutAuthReq`.
    pub basic_mut_auth: BasicMutAuth,
    /// `SlotMask`.
    pub slot_mask: SlotMask,
    /// `CertChainHash`.
    pub cert_chain_hash: &'a [u8],
    /// `Nonce` of the Responder.
    pub nonce: ResponderNonce,
    /// `MeasurementSummaryHash`; empty where none was asked for.
    pub measurement_summary_hash: &'a [u8],
    /// `OpaqueData`.
    pub opaque: OpaqueData<'a>,
    /// `RequesterContext`, from 1.3 on.
    pub context: Option<RequesterContext>,
    /// `Signature`.
    pub signature: &'a [u8],
}

impl<'a> Body<'a> for ChallengeAuth<'a> {
    const BODY_NAME: &'static str = "CHALLENGE_AUTH";
    const BODY_CODE: Code = Code::CHALLENGE_AUTH;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let at = r.param1("SlotID");
        let (slot, attributes) = match cx.version {
            SpdmVersion::V1_0 => (KeySlot::from_byte(header.param1), 0),
            _ => (KeySlot::from_nibble(header.param1), header.param1 & 0xF0),
        };
        let slot =
            slot.ok_or_else(|| at.value(&Expected::Rule("a slot or a public key"), header.param1))?;
        r.note_reserved(attributes & !BASIC_MUT_AUTH_REQ);
        let basic_mut_auth = match attributes & BASIC_MUT_AUTH_REQ {
            0 => BasicMutAuth::NotRequested,
            _ => BasicMutAuth::Requested,
        };
        let cert_chain_hash = r.bytes("CertChainHash", cx.hash_len)?;
        let nonce = r.array("Nonce")?;
        let measurement_summary_hash = r.bytes("MeasurementSummaryHash", cx.summary_len)?;
        let opaque = OpaqueData::read(r, cx.opaque_format)?;
        let context = RequesterContext::read(r, cx)?;
        let signature = r.bytes("Signature", cx.signature_len)?;
        Ok(Self {
            slot,
            basic_mut_auth,
            slot_mask: SlotMask(header.param2),
            cert_chain_hash,
            nonce: ResponderNonce(*nonce),
            measurement_summary_hash,
            opaque,
            context: context.copied().map(RequesterContext),
            signature,
        })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        let param1 = match (version, self.basic_mut_auth) {
            (SpdmVersion::V1_0, BasicMutAuth::NotRequested) => self.slot.to_byte(),
            (SpdmVersion::V1_0, BasicMutAuth::Requested) => {
                return Err(EncodeError::NotInVersion { field: "BasicMutAuthReq" });
            }
            (_, BasicMutAuth::NotRequested) => self.slot.to_nibble(),
            (_, BasicMutAuth::Requested) => self.slot.to_nibble() | BASIC_MUT_AUTH_REQ,
        };
        Ok([param1, self.slot_mask.0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        w.bytes(self.cert_chain_hash);
        w.bytes(&self.nonce.0);
        w.bytes(self.measurement_summary_hash);
        self.opaque.write(w)?;
        RequesterContext::write(self.context, w, version)?;
        w.bytes(self.signature);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BasicMutAuth, Challenge, ChallengeAuth, MeasurementSummary};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, KeySlot, OpaqueFormat, SlotId, SpdmVersion};
    use std::vec::Vec;

    fn context_len(version: SpdmVersion) -> usize {
        if version >= SpdmVersion::V1_3 { 8 } else { 0 }
    }

    #[test]
    fn request_of_every_version() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version);
            let mut bytes = std::vec![version.to_byte(), 0x83, 0xFF, 0xFF];
            bytes.extend([7; 32]);
            bytes.extend(&[9; 8][..context_len(version)]);
            let message: Challenge = round_trip(&bytes, &cx);
            assert_eq!(message.slot, KeySlot::PublicKey);
            assert_eq!(message.summary, MeasurementSummary::All);
            assert_eq!(message.context.is_some(), version >= SpdmVersion::V1_3);
            every_prefix_fails::<Challenge>(&bytes, &cx);
            bytes[2] = 8;
            expect_value::<Challenge>(&bytes, &cx, "SlotID", 2, 8);
            (bytes[2], bytes[3]) = (7, 2);
            expect_value::<Challenge>(&bytes, &cx, "MeasurementSummaryHashType", 3, 2);
        }
    }

    fn response(version: SpdmVersion, summary: usize) -> Vec<u8> {
        let mut bytes = std::vec![version.to_byte(), 0x03, 1, 0x02];
        bytes.extend([0xC1; 48]);
        bytes.extend([7; 32]);
        bytes.extend(std::vec![0x55; summary]);
        bytes.extend([4, 0, 1, 2, 3, 4]);
        bytes.extend(&[9; 8][..context_len(version)]);
        bytes.extend([0xAB; 96]);
        bytes
    }

    #[test]
    fn response_of_every_version_with_and_without_summary() {
        for version in SpdmVersion::ALL {
            for summary in [0, 48] {
                let cx = Cx::new(version)
                    .with_hash_len(48)
                    .with_summary_len(summary)
                    .with_signature_len(96);
                let bytes = response(version, summary);
                let message: ChallengeAuth<'_> = round_trip(&bytes, &cx);
                assert_eq!(message.slot, KeySlot::Slot(SlotId::new(1).unwrap()));
                assert_eq!(message.opaque.as_bytes(), [1, 2, 3, 4]);
                assert_eq!(message.measurement_summary_hash.len(), summary);
                every_prefix_fails::<ChallengeAuth<'_>>(&bytes, &cx);
                one_byte_more::<ChallengeAuth<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            }
        }
    }

    #[test]
    fn param1_of_1_0_is_a_whole_slot() {
        let cx = |version| Cx::new(version).with_hash_len(48).with_signature_len(96);
        let mut bytes = response(SpdmVersion::V1_0, 0);
        bytes[2] = 0x81;
        expect_value::<ChallengeAuth<'_>>(&bytes, &cx(SpdmVersion::V1_0), "SlotID", 2, 0x81);
        let mut bytes = response(SpdmVersion::V1_1, 0);
        bytes[2] = 0x81;
        let message: ChallengeAuth<'_> = round_trip(&bytes, &cx(SpdmVersion::V1_1));
        assert_eq!(message.basic_mut_auth, BasicMutAuth::Requested);
        bytes[2] = 0x0F;
        let message: ChallengeAuth<'_> = round_trip(&bytes, &cx(SpdmVersion::V1_1));
        assert_eq!(message.slot, KeySlot::PublicKey);
    }

    #[test]
    fn n8_opaque_without_format() {
        let cx = Cx::new(SpdmVersion::V1_2)
            .with_hash_len(48)
            .with_signature_len(96)
            .with_opaque_format(OpaqueFormat::None);
        let bytes = response(SpdmVersion::V1_2, 0);
        expect_value::<ChallengeAuth<'_>>(&bytes, &cx, "OpaqueDataLength", 84, 4);
    }
}
