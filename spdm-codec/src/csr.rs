//! GET_CSR and CSR.

use crate::code::Code;
use crate::cx::Cx;
use crate::digests::{CERT_MODEL, CertificateModel};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::opaque::OpaqueData;
use crate::reader::{Mark, Reader};
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

const OVERWRITE: u8 = 0x80;

/// What becomes of a CSR that the Responder still holds (1.3: Param2 bit 7).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum PendingCsr {
    /// It is kept.
    #[default]
    Keep,
    /// `Overwrite`: it is discarded.
    Overwrite,
}

/// The parameters that GET_CSR got with 1.3.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct CsrAttributes {
    /// Param1: `KeyPairID`, 0 without a multi-key connection.
    pub key_pair_id: u8,
    /// Param2 bits 2:0: `CSRCertModel`.
    pub model: CertificateModel,
    /// Param2 bits 5:3: `CSRTrackingTag`, 0 to 7; 0 for a new request.
    pub tracking_tag: u8,
    /// Param2 bit 7.
    pub pending: PendingCsr,
}

impl CsrAttributes {
    /// What the bits of Param2, which are at `at`, mean.
    pub(crate) fn read<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        key_pair_id: u8,
        bits: u8,
        at: Mark<'t>,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(bits & 0x40);
        let model = CertificateModel::from_bits(bits & 7);
        let model = model.ok_or_else(|| at.value(&CERT_MODEL, bits & 7))?;
        let pending = if bits & OVERWRITE == 0 { PendingCsr::Keep } else { PendingCsr::Overwrite };
        Ok(Self { key_pair_id, model, tracking_tag: (bits >> 3) & 7, pending })
    }

    /// Param2.
    pub(crate) const fn bits(&self) -> Result<u8, EncodeError> {
        if self.tracking_tag > 7 {
            return Err(EncodeError::TooLarge { field: "CSRTrackingTag" });
        }
        let overwrite = match self.pending {
            PendingCsr::Keep => 0,
            PendingCsr::Overwrite => OVERWRITE,
        };
        Ok(self.model.to_byte() | self.tracking_tag << 3 | overwrite)
    }
}

/// GET_CSR (DSP0274 1.2 §GET_CSR).
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: KeyPairID | 1.3 |
/// | 3 | 1 | Param2: 2:0 CSRCertModel, 5:3 CSRTrackingTag, 7 Overwrite | 1.3 |
/// | 4 | 2 | RequesterInfoLength r | |
/// | 6 | 2 | OpaqueDataLength o | |
/// | 8 | r | RequesterInfo | |
/// | +0 | o | OpaqueData | |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetCsr<'a> {
    /// Param1 and Param2, from 1.3 on.
    pub attributes: Option<CsrAttributes>,
    /// `RequesterInfo`: a DER `CertificationRequestInfo`.
    pub requester_info: &'a [u8],
    /// `OpaqueData`.
    pub opaque: OpaqueData<'a>,
}

impl<'a> Body<'a> for GetCsr<'a> {
    const BODY_NAME: &'static str = "GET_CSR";
    const BODY_CODE: Code = Code::GET_CSR;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let attributes = if cx.version >= SpdmVersion::V1_3 {
            let at = r.param2("CSRCertModel");
            Some(CsrAttributes::read(r, header.param1, header.param2, at)?)
        } else {
            r.note_reserved(header.param1 | header.param2);
            None
        };
        let requester_info = r.u16("RequesterInfoLength")?;
        let opaque = OpaqueData::read_length(r, cx.opaque_format)?;
        Ok(Self {
            attributes,
            requester_info: r.bytes("RequesterInfo", requester_info.into())?,
            opaque: opaque.read_data(r)?,
        })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        if version < SpdmVersion::V1_3 {
            absent(self.attributes.as_ref(), "CSRTrackingTag")?;
            return Ok([0, 0]);
        }
        let attributes = self.attributes.ok_or(EncodeError::Missing { field: "CSRTrackingTag" })?;
        Ok([attributes.key_pair_id, attributes.bits()?])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.len16(self.requester_info.len(), "RequesterInfoLength")?;
        self.opaque.write_length(w)?;
        w.bytes(self.requester_info);
        w.bytes(self.opaque.as_bytes());
        Ok(())
    }
}

/// CSR (DSP0274 1.2 §CSR).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 2 | CSRLength c, not 0 |
/// | 6 | 2 | Reserved |
/// | 8 | c | CSRdata |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Csr<'a> {
    /// `CSRdata`: a PKCS#10 request in DER.
    pub csr: &'a [u8],
}

impl<'a> Body<'a> for Csr<'a> {
    const BODY_NAME: &'static str = "CSR";
    const BODY_CODE: Code = Code::CSR;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let at = r.mark("CSRLength");
        let len = r.u16("CSRLength")?;
        if len == 0 {
            return Err(at.value(&Expected::AtLeast(1), len));
        }
        r.reserved(2)?;
        Ok(Self { csr: r.bytes("CSRdata", len.into())? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.len16(self.csr.len(), "CSRLength")?;
        w.zeros(2);
        w.bytes(self.csr);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Csr, GetCsr, PendingCsr};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{CertificateModel, Cx, SpdmVersion};

    #[test]
    fn attributes_since_1_3() {
        let bytes = [0x13, 0xED, 2, 0x80 | 5 << 3 | 1, 2, 0, 1, 0, 0xAA, 0xBB, 0xCC];
        let cx = Cx::new(SpdmVersion::V1_3);
        let message: GetCsr<'_> = round_trip(&bytes, &cx);
        let attributes = message.attributes.unwrap();
        assert_eq!((attributes.key_pair_id, attributes.tracking_tag), (2, 5));
        assert_eq!(attributes.model, CertificateModel::DeviceCert);
        assert_eq!(attributes.pending, PendingCsr::Overwrite);
        assert_eq!(message.opaque.as_bytes(), [0xCC]);
        every_prefix_fails::<GetCsr<'_>>(&bytes, &cx);
        let bytes = [0x12, 0xED, 0, 0, 2, 0, 0, 0, 0xAA, 0xBB];
        let message: GetCsr<'_> = round_trip(&bytes, &Cx::new(SpdmVersion::V1_2));
        assert!(message.attributes.is_none());
    }

    #[test]
    fn an_empty_csr_is_refused() {
        let cx = Cx::new(SpdmVersion::V1_2);
        let bytes = [0x12, 0x6D, 0, 0, 2, 0, 0, 0, 0x30, 0];
        let message: Csr<'_> = round_trip(&bytes, &cx);
        assert_eq!(message.csr, [0x30, 0]);
        every_prefix_fails::<Csr<'_>>(&bytes, &cx);
        one_byte_more::<Csr<'_>>(&[&bytes[..], &[0]].concat(), &cx);
        expect_value::<Csr<'_>>(&[0x12, 0x6D, 0, 0, 0, 0, 0, 0], &cx, "CSRLength", 4, 0);
    }
}
