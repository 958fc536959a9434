//! FINISH and FINISH_RSP.

use crate::code::Code;
use crate::cx::{Cx, Handshake};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::opaque::OpaqueData;
use crate::reader::Reader;
use crate::slot::KeySlot;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

const SIGNATURE_INCLUDED: u8 = 0x01;

/// Reads OpaqueData where a message got it with 1.4.
pub(crate) fn read_opaque_of_1_4<'a, 't, T: Trace<'a>>(
    r: &mut Reader<'a, 't, T>,
    cx: &Cx,
) -> Result<Option<OpaqueData<'a>>, &'t DecodeError> {
    if cx.version < SpdmVersion::V1_4 {
        return Ok(None);
    }
    OpaqueData::read(r, cx.session_opaque_format()).map(Some)
}

/// Writes OpaqueData where a message got it with 1.4.
pub(crate) fn write_opaque_of_1_4(
    w: &mut Writer<'_>,
    version: SpdmVersion,
    opaque: Option<&OpaqueData<'_>>,
) -> Result<(), EncodeError> {
    if version < SpdmVersion::V1_4 {
        return absent(opaque, "OpaqueData");
    }
    opaque.ok_or(EncodeError::Missing { field: "OpaqueData" })?.write(w)
}

/// The Requester's signature in FINISH.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct RequesterSignature<'a> {
    /// Param2: the Requester's slot, 0xFF for a provisioned public key.
    pub slot: KeySlot,
    /// `Signature`.
    pub bytes: &'a [u8],
}

/// FINISH (DSP0274 1.1 §FINISH). Sr and H are [`Cx::requester_signature_len`] and [`Cx::hash_len`].
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: 0 signature included | |
/// | 3 | 1 | Param2: slot of the Requester, with a signature | |
/// | 4 | 2 | OpaqueDataLength o | 1.4 |
/// | 6 | o | OpaqueData | 1.4 |
/// | +0 | Sr | Signature, where it is included | |
/// | +0 | H | RequesterVerifyData | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Finish<'a> {
    /// `OpaqueData`, from 1.4 on.
    pub opaque: Option<OpaqueData<'a>>,
    /// `Signature` with the slot of its key, where mutual authentication takes place.
    pub signature: Option<RequesterSignature<'a>>,
    /// `RequesterVerifyData`.
    pub verify_data: &'a [u8],
}

impl<'a> Body<'a> for Finish<'a> {
    const BODY_NAME: &'static str = "FINISH";
    const BODY_CODE: Code = Code::FINISH;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 & !SIGNATURE_INCLUDED);
        let opaque = read_opaque_of_1_4(r, cx)?;
        let signature = if header.param1 & SIGNATURE_INCLUDED == 0 {
            r.note_reserved(header.param2);
            None
        } else {
            let slot = KeySlot::from_byte(header.param2).ok_or_else(|| {
                r.param2("SlotID").value(&Expected::Rule("0 to 7 or 0xff"), header.param2)
            })?;
            let bytes = r.bytes("Signature", cx.requester_signature_len)?;
            Some(RequesterSignature { slot, bytes })
        };
        Ok(Self { opaque, signature, verify_data: r.bytes("RequesterVerifyData", cx.hash_len)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok(match &self.signature {
            None => [0, 0],
            Some(signature) => [SIGNATURE_INCLUDED, signature.slot.to_byte()],
        })
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_opaque_of_1_4(w, version, self.opaque.as_ref())?;
        if let Some(signature) = &self.signature {
            w.bytes(signature.bytes);
        }
        w.bytes(self.verify_data);
        Ok(())
    }
}

/// FINISH_RSP (DSP0274 1.1 §FINISH_RSP).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 4 | 2 | OpaqueDataLength o | 1.4 |
/// | 6 | o | OpaqueData | 1.4 |
/// | +0 | H | ResponderVerifyData, where the handshake is in the clear | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct FinishRsp<'a> {
    /// `OpaqueData`, from 1.4 on.
    pub opaque: Option<OpaqueData<'a>>,
    /// `ResponderVerifyData`; empty unless the handshake is in the clear.
    pub verify_data: &'a [u8],
}

impl<'a> Body<'a> for FinishRsp<'a> {
    const BODY_NAME: &'static str = "FINISH_RSP";
    const BODY_CODE: Code = Code::FINISH_RSP;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let opaque = read_opaque_of_1_4(r, cx)?;
        let verify_len = match cx.handshake {
            Handshake::Secured => 0,
            Handshake::InTheClear => cx.hash_len,
        };
        Ok(Self { opaque, verify_data: r.bytes("ResponderVerifyData", verify_len)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_opaque_of_1_4(w, version, self.opaque.as_ref())?;
        w.bytes(self.verify_data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Finish, FinishRsp};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, Handshake, SpdmVersion};
    use std::vec::Vec;

    fn head(version: SpdmVersion, code: u8, param1: u8) -> Vec<u8> {
        let mut bytes = std::vec![version.to_byte(), code, param1, 0];
        if version >= SpdmVersion::V1_4 {
            bytes.extend([0, 0]);
        }
        bytes
    }

    #[test]
    fn with_and_without_signature() {
        for version in [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_4] {
            let cx = Cx::new(version).with_hash_len(32).with_requester_signature_len(64);
            let plain = [head(version, 0xE5, 0), std::vec![9; 32]].concat();
            let message: Finish<'_> = round_trip(&plain, &cx);
            assert!(message.signature.is_none());
            every_prefix_fails::<Finish<'_>>(&plain, &cx);
            let mut signed = [head(version, 0xE5, 1), std::vec![9; 96]].concat();
            signed[3] = 3;
            let message: Finish<'_> = round_trip(&signed, &cx);
            assert_eq!(message.signature.unwrap().bytes.len(), 64);
            every_prefix_fails::<Finish<'_>>(&signed, &cx);
            signed[3] = 9;
            expect_value::<Finish<'_>>(&signed, &cx, "SlotID", 3, 9);
        }
    }

    #[test]
    fn verify_data_only_in_the_clear() {
        for version in [SpdmVersion::V1_1, SpdmVersion::V1_3, SpdmVersion::V1_4] {
            for (handshake, len) in [(Handshake::Secured, 0), (Handshake::InTheClear, 32)] {
                let cx = Cx::new(version).with_hash_len(32).with_handshake(handshake);
                let bytes = [head(version, 0x65, 0), std::vec![9; len]].concat();
                round_trip::<FinishRsp<'_>>(&bytes, &cx);
                every_prefix_fails::<FinishRsp<'_>>(&bytes, &cx);
                one_byte_more::<FinishRsp<'_>>(&[&bytes[..], &[0]].concat(), &cx);
            }
        }
    }
}
