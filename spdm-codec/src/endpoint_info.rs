//! GET_ENDPOINT_INFO and ENDPOINT_INFO (1.3).

use spdm_untrusted::Untrusted;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::nonce::{RequesterNonce, ResponderNonce};
use crate::reader::{Reader, length, next_of, read_from};
use crate::slot::KeySlot;
use crate::spdm_version::SpdmVersion;
use crate::standards_body::VendorHeader;
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

const SIGNATURE_REQUESTED: u8 = 0x01;

/// `SubCode`: Param1 of GET_ENDPOINT_INFO. Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct EndpointInfoSubCode(pub u8);

impl EndpointInfoSubCode {
    /// 1: the device class identifiers.
    pub const DEVICE_CLASS_IDENTIFIER: Self = Self(1);
}

/// GET_ENDPOINT_INFO (DSP0274 1.3 §GET_ENDPOINT_INFO).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: SubCode |
/// | 3 | 1 | Param2: 3:0 SlotID |
/// | 4 | 1 | RequestAttributes: 0 signature requested |
/// | 5 | 3 | Reserved |
/// | 8 | 32 | Nonce, with a signature |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetEndpointInfo {
    /// `SubCode`.
    pub sub_code: EndpointInfoSubCode,
    /// `SlotID`; slot 0 without a signature.
    pub slot: KeySlot,
    /// `Nonce`, where a signature is requested.
    pub nonce: Option<RequesterNonce>,
}

fn read_slot<'a, 't, T: Trace<'a>>(
    r: &mut Reader<'a, 't, T>,
    header: Header,
) -> Result<KeySlot, &'t DecodeError> {
    r.note_reserved(header.param2 & 0xF0);
    let nibble = header.param2 & 0x0F;
    KeySlot::from_nibble(nibble)
        .ok_or_else(|| r.param2("SlotID").value(&Expected::Rule("a slot or a public key"), nibble))
}

impl<'a> Body<'a> for GetEndpointInfo {
    const BODY_NAME: &'static str = "GET_ENDPOINT_INFO";
    const BODY_CODE: Code = Code::GET_ENDPOINT_INFO;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let slot = read_slot(r, header)?;
        let attributes = r.u8("RequestAttributes")?;
        r.note_reserved(attributes & !SIGNATURE_REQUESTED);
        r.reserved(3)?;
        let nonce = match attributes & SIGNATURE_REQUESTED {
            0 => None,
            _ => Some(RequesterNonce(*r.array("Nonce")?)),
        };
        Ok(Self { sub_code: EndpointInfoSubCode(header.param1), slot, nonce })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.sub_code.0, self.slot.to_nibble()])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u8(if self.nonce.is_some() { SIGNATURE_REQUESTED } else { 0 });
        w.zeros(3);
        if let Some(nonce) = &self.nonce {
            w.bytes(&nonce.0);
        }
        Ok(())
    }
}

/// The Responder's nonce and signature in ENDPOINT_INFO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EndpointInfoSignature<'a> {
    /// `Nonce` of the Responder.
    pub nonce: ResponderNonce,
    /// `Signature`.
    pub bytes: &'a [u8],
}

/// ENDPOINT_INFO (DSP0274 1.3 §ENDPOINT_INFO). S is [`Cx::signature_len`], 0 where no signature was
/// requested; then there is no nonce either.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 3 | 1 | Param2: 3:0 SlotID |
/// | 4 | 4 | Reserved |
/// | 8 | 32 | Nonce, with a signature |
/// | 8 or 40 | 4 | EPInfoLen l |
/// | +4 | l | EPInfo |
/// | +0 | S | Signature |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EndpointInfo<'a> {
    /// `SlotID`.
    pub slot: KeySlot,
    /// `EPInfo`.
    pub info: &'a [u8],
    /// Nonce and signature, where they were requested.
    pub signature: Option<EndpointInfoSignature<'a>>,
}

impl<'a> Body<'a> for EndpointInfo<'a> {
    const BODY_NAME: &'static str = "ENDPOINT_INFO";
    const BODY_CODE: Code = Code::ENDPOINT_INFO;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1);
        let slot = read_slot(r, header)?;
        r.reserved(4)?;
        let nonce =
            if cx.signature_len > 0 { Some(ResponderNonce(*r.array("Nonce")?)) } else { None };
        let len = r.u32("EPInfoLen")?;
        let info = r.bytes("EPInfo", length(len))?;
        let signature = match nonce {
            None => None,
            Some(nonce) => {
                let bytes = r.bytes("Signature", cx.signature_len)?;
                Some(EndpointInfoSignature { nonce, bytes })
            }
        };
        Ok(Self { slot, info, signature })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, self.slot.to_nibble()])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.zeros(4);
        if let Some(signature) = &self.signature {
            w.bytes(&signature.nonce.0);
        }
        let field = "EPInfoLen";
        w.u32(u32::try_from(self.info.len()).map_err(|_| EncodeError::TooLarge { field })?);
        w.bytes(self.info);
        if let Some(signature) = &self.signature {
            w.bytes(signature.bytes);
        }
        Ok(())
    }
}

/// EPInfo of [`EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER`].
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | NumIdentifiers |
/// | 1 | 3 | Reserved |
/// | 4 | | identifiers: IDElemLength u8, SVH, NumSubIDs u8, each SubIDLen u8 and SubIdentifier |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeviceClassIdentifiers<'a> {
    elements: &'a [u8],
    count: u8,
}

/// One device class identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceClassIdentifier<'a> {
    /// Who defines the class.
    pub header: VendorHeader<'a>,
    sub_ids: &'a [u8],
}

impl<'a> DeviceClassIdentifier<'a> {
    /// `SubIdentifier`s, as the standards body defines them.
    pub fn sub_ids(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.sub_ids;
        core::iter::from_fn(move || {
            let (len, after) = rest.split_first()?;
            let (sub_id, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            Some(sub_id)
        })
    }

    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let at = r.mark("IDElemLength");
        let len = r.u8("IDElemLength")?;
        r.within("DeviceClassIdentifier", len.into(), |r| {
            let header = VendorHeader::read(r)?;
            let count = r.u8("NumSubIDs")?;
            let sub_ids = r.remaining();
            for _ in 0..count {
                let len = r.u8("SubIDLen")?;
                r.bytes("SubIdentifier", len.into())?;
            }
            if r.left() > 0 {
                return Err(at.value(&Expected::Rule("the length of the identifier"), len));
            }
            Ok(Self { header, sub_ids })
        })
    }
}

impl<'a> DeviceClassIdentifiers<'a> {
    /// Checks the whole EPInfo.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of EPInfo.
    pub fn decode(info: Untrusted<&'a [u8]>) -> Result<Self, DecodeError> {
        info.validate_with(|raw| {
            read_from("EPInfo", raw, NoTrace, |r| {
                let count = r.u8("NumIdentifiers")?;
                r.reserved(3)?;
                let elements = r.remaining();
                for _ in 0..count {
                    DeviceClassIdentifier::read(r)?;
                }
                r.finish(0)?;
                Ok(Self { elements, count })
            })
        })
    }

    /// `NumIdentifiers`.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// The identifiers.
    pub fn iter(&self) -> impl Iterator<Item = DeviceClassIdentifier<'a>> + 'a {
        let mut rest = self.elements;
        core::iter::from_fn(move || next_of("EPInfo", &mut rest, DeviceClassIdentifier::read))
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceClassIdentifiers, EndpointInfo, GetEndpointInfo};
    use crate::testing::{every_prefix_fails, one_byte_more, round_trip};
    use crate::{Cx, SpdmVersion};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    #[test]
    fn with_and_without_signature() {
        let cx = Cx::new(SpdmVersion::V1_3);
        round_trip::<GetEndpointInfo>(&[0x13, 0x87, 1, 0, 0, 0, 0, 0], &cx);
        let bytes = [&[0x13, 0x87, 1, 0x0F, 1, 0, 0, 0][..], &[7; 32]].concat();
        round_trip::<GetEndpointInfo>(&bytes, &cx);
        every_prefix_fails::<GetEndpointInfo>(&bytes, &cx);
        let bytes = [0x13, 0x07, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 8, 9];
        let message: EndpointInfo<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.info, [8, 9]);
        one_byte_more::<EndpointInfo<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        let cx = cx.with_signature_len(64);
        let bytes =
            [&[0x13, 0x07, 0, 1, 0, 0, 0, 0][..], &[7; 32], &[1, 0, 0, 0, 9], &[0xAB; 64]].concat();
        let message: EndpointInfo<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.signature.unwrap().bytes.len(), 64);
        every_prefix_fails::<EndpointInfo<'_>>(&bytes, &cx);
    }

    #[test]
    fn device_classes() {
        let info = [2, 0, 0, 0, 3, 0, 0, 0, 9, 3, 2, 0x34, 0x12, 2, 1, 7, 1, 8];
        let decoded = DeviceClassIdentifiers::decode(Untrusted::new(&info)).unwrap();
        let subs: Vec<Vec<&[u8]>> = decoded.iter().map(|id| id.sub_ids().collect()).collect();
        assert_eq!(subs, [std::vec![], std::vec![&[7][..], &[8]]]);
        for len in 0..info.len() {
            assert!(DeviceClassIdentifiers::decode(Untrusted::new(&info[..len])).is_err());
        }
    }
}
