//! What a Requester says of a slot or a bank: the structures of SLOT_MANAGEMENT.

use spdm_untrusted::Untrusted;

use crate::csr::CsrAttributes;
use crate::cx::Cx;
use crate::digests::{CERT_MODEL, CertificateModel};
use crate::error::{DecodeError, EncodeError, Expected};
use crate::key_pair_info::{KeyPairAsymAlgo, SizedPqcAsymAlgo};
use crate::opaque::OpaqueData;
use crate::reader::{Reader, length, read_from};
use crate::slot::SlotId;
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

/// The highest `BankID`; banks count from 0.
pub const MAX_BANK_ID: u8 = 239;

/// `ConfigAlgo` of ManageBank, and `Erase` of ManageSlot.
const OPERATION: u8 = 1;

/// Reads a structure and what a transport has appended.
fn read_all<'a, R>(
    name: &'static str,
    structure: Untrusted<&'a [u8]>,
    cx: &Cx,
    read: impl for<'t> FnOnce(&mut Reader<'a, 't, NoTrace>) -> Result<R, &'t DecodeError>,
) -> Result<R, DecodeError> {
    structure.validate_with(|raw| {
        read_from(name, raw, NoTrace, |r| {
            let value = read(r)?;
            r.finish(cx.padding)?;
            Ok(value)
        })
    })
}

/// `SlotAddress`: which slot of which bank a request is about; all of GetBankDetails and GetCertificateChain.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | ReqLength: 8 |
/// | 2 | 2 | Reserved |
/// | 4 | 1 | BankID |
/// | 5 | 1 | 3:0 SlotID |
/// | 6 | 2 | Reserved |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotAddress {
    /// `BankID`, 0 to [`MAX_BANK_ID`].
    pub bank_id: u8,
    /// `SlotID`; 0 where a request is about a bank.
    pub slot: SlotId,
}

impl SlotAddress {
    const LEN: u16 = 8;

    /// Reads a structure that is the address alone.
    ///
    /// # Errors
    /// [`DecodeError`] where the structure is too short, says another length, or names no bank or slot.
    pub fn decode(structure: Untrusted<&[u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_all("SlotAddress", structure, cx, Self::read)
    }

    fn read<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let at = r.mark("ReqLength");
        let len = r.u16("ReqLength")?;
        if len != Self::LEN {
            return Err(at.value(&Expected::Exactly(Self::LEN.into()), len));
        }
        r.reserved(2)?;
        let at = r.mark("BankID");
        let bank_id = r.u8("BankID")?;
        if bank_id > MAX_BANK_ID {
            return Err(at.value(&Expected::Range(0, MAX_BANK_ID.into()), bank_id));
        }
        let at = r.mark("SlotID");
        let bits = r.u8("SlotID")?;
        r.note_reserved(bits & 0xF0);
        let slot = SlotId::new(bits & 0x0F);
        let slot = slot.ok_or_else(|| at.value(&Expected::Range(0, 7), bits & 0x0F))?;
        r.reserved(2)?;
        Ok(Self { bank_id, slot })
    }

    /// The eight bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 8] {
        let [low, high] = Self::LEN.to_le_bytes();
        [low, high, 0, 0, self.bank_id, self.slot.get(), 0, 0]
    }
}

/// GetCSR: a certification request for a slot of a bank.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | [`SlotAddress`] |
/// | 8 | 1 | KeyPairID |
/// | 9 | 1 | RequestAttributes, as Param2 of GET_CSR |
/// | 10 | 2 | Reserved |
/// | 12 | 2 | RequesterInfoLength r |
/// | 14 | 2 | OpaqueDataLength o |
/// | 16 | r, o | RequesterInfo, OpaqueData |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotCsrRequest<'a> {
    /// The slot.
    pub address: SlotAddress,
    /// Key pair, model, tag and what becomes of other requests.
    pub attributes: CsrAttributes,
    /// `RequesterInfo`: a DER `CertificationRequestInfo`.
    pub requester_info: &'a [u8],
    /// `OpaqueData`.
    pub opaque: OpaqueData<'a>,
}

impl<'a> SlotCsrRequest<'a> {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_all("GetCSR", structure, cx, |r| {
            let address = SlotAddress::read(r)?;
            let key_pair_id = r.u8("KeyPairID")?;
            let at = r.mark("RequestAttributes");
            let bits = r.u8("RequestAttributes")?;
            let attributes = CsrAttributes::read(r, key_pair_id, bits, at)?;
            r.reserved(2)?;
            let requester_info = r.u16("RequesterInfoLength")?;
            let opaque = OpaqueData::read_length(r, cx.opaque_format)?;
            let requester_info = r.bytes("RequesterInfo", requester_info.into())?;
            Ok(Self { address, attributes, requester_info, opaque: opaque.read_data(r)? })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.bytes(&self.address.to_bytes());
        w.bytes(&[self.attributes.key_pair_id, self.attributes.bits()?, 0, 0]);
        w.len16(self.requester_info.len(), "RequesterInfoLength")?;
        self.opaque.write_length(&mut w)?;
        w.bytes(self.requester_info);
        w.bytes(self.opaque.as_bytes());
        w.finish()
    }
}

/// ManageBank with `ConfigAlgo`: another algorithm for a bank.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | [`SlotAddress`] |
/// | 8 | 1 | Operation: 1 |
/// | 9 | 3 | Reserved |
/// | 12 | 4 | SelectAsymAlgo |
/// | 16 | 1+n | SelectPqcAsymAlgoLen n, SelectPqcAsymAlgo |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ManageBank<'a> {
    /// The bank.
    pub address: SlotAddress,
    /// `SelectAsymAlgo`.
    pub asym: KeyPairAsymAlgo,
    /// `SelectPqcAsymAlgo`.
    pub pqc: SizedPqcAsymAlgo<'a>,
}

impl<'a> ManageBank<'a> {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`], also for an unknown operation.
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_all("ManageBank", structure, cx, |r| {
            let address = SlotAddress::read(r)?;
            read_operation(r)?;
            let asym = KeyPairAsymAlgo::from_bits_retain(r.u32("SelectAsymAlgo")?);
            let fields = ["SelectPqcAsymAlgoLen", "SelectPqcAsymAlgo"];
            Ok(Self { address, asym, pqc: SizedPqcAsymAlgo::read(r, fields)? })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        write_operation(&mut w, &self.address);
        w.u32(self.asym.bits());
        self.pqc.write(&mut w, "SelectPqcAsymAlgoLen")?;
        w.finish()
    }
}

/// ManageSlot with `Erase`: the chain of a slot is removed.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | [`SlotAddress`] |
/// | 8 | 1 | Operation: 1 |
/// | 9 | 3 | Reserved |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ManageSlot {
    /// The slot.
    pub address: SlotAddress,
}

impl ManageSlot {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`], also for an unknown operation.
    pub fn decode(structure: Untrusted<&[u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_all("ManageSlot", structure, cx, |r| {
            let address = SlotAddress::read(r)?;
            read_operation(r)?;
            Ok(Self { address })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        write_operation(&mut w, &self.address);
        w.finish()
    }
}

fn read_operation<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<(), &'t DecodeError> {
    let at = r.mark("Operation");
    let operation = r.u8("Operation")?;
    if operation != OPERATION {
        return Err(at.value(&Expected::Exactly(OPERATION.into()), operation));
    }
    r.reserved(3)
}

fn write_operation(w: &mut Writer<'_>, address: &SlotAddress) {
    w.bytes(&address.to_bytes());
    w.bytes(&[OPERATION, 0, 0, 0]);
}

/// SetCertificate: a chain for a slot of a bank.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | [`SlotAddress`] |
/// | 8 | 4 | CertLength c |
/// | 12 | 1 | CertAttributes: 2:0 model |
/// | 13 | 1 | KeyPairID: not in 1.4.0, and disputed |
/// | 14 | 2 | Reserved |
/// | 16 | c | certificate chain structure |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotCertificate<'a> {
    /// The slot.
    pub address: SlotAddress,
    /// The model on a multi-key connection.
    pub model: CertificateModel,
    /// `KeyPairID`, 0 without a multi-key connection.
    pub key_pair_id: u8,
    /// The certificate chain structure.
    pub chain: &'a [u8],
}

impl<'a> SlotCertificate<'a> {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        read_all("SetCertificate", structure, cx, |r| {
            let address = SlotAddress::read(r)?;
            let len = r.u32("CertLength")?;
            let at = r.mark("CertAttributes");
            let bits = r.u8("CertAttributes")?;
            r.note_reserved(bits & !7);
            let model = CertificateModel::from_bits(bits & 7);
            let model = model.ok_or_else(|| at.value(&CERT_MODEL, bits & 7))?;
            let key_pair_id = r.u8("KeyPairID")?;
            r.reserved(2)?;
            let chain = r.bytes("CertChain", length(len))?;
            Ok(Self { address, model, key_pair_id, chain })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.bytes(&self.address.to_bytes());
        let len = u32::try_from(self.chain.len());
        w.u32(len.map_err(|_| EncodeError::TooLarge { field: "CertLength" })?);
        w.bytes(&[self.model.to_byte(), self.key_pair_id, 0, 0]);
        w.bytes(self.chain);
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{ManageBank, ManageSlot, SlotAddress, SlotCertificate, SlotCsrRequest};
    use crate::error::DecodeErrorKind;
    use crate::{
        CertificateModel, CsrAttributes, Cx, DecodeError, KeyPairAsymAlgo, OpaqueData, PendingCsr,
        SizedPqcAsymAlgo, SlotId, SpdmVersion, Untrusted,
    };

    const CX: Cx = Cx::new(SpdmVersion::V1_4);
    const ADDRESS: SlotAddress = SlotAddress { bank_id: 239, slot: SlotId::ZERO };

    fn address(bytes: [u8; 8]) -> (&'static str, usize) {
        let error = SlotAddress::decode(Untrusted::new(&bytes), &CX).unwrap_err();
        (error.field, error.at)
    }

    #[test]
    fn p30_the_address() {
        assert_eq!(ADDRESS.to_bytes(), [8, 0, 0, 0, 239, 0, 0, 0]);
        assert_eq!(SlotAddress::decode(Untrusted::new(&ADDRESS.to_bytes()), &CX), Ok(ADDRESS));
        for len in [0, 7, 9, 255] {
            assert_eq!(address([len, 0, 0, 0, 0, 0, 0, 0]), ("ReqLength", 0));
        }
        assert_eq!(address([8, 1, 0, 0, 0, 0, 0, 0]), ("ReqLength", 0));
        assert_eq!(address([8, 0, 0, 0, 240, 0, 0, 0]), ("BankID", 4));
        assert_eq!(address([8, 0, 0, 0, 255, 0, 0, 0]), ("BankID", 4));
        assert_eq!(address([8, 0, 0, 0, 0, 8, 0, 0]), ("SlotID", 5));
        let longer = [8, 0, 0, 0, 1, 0, 0, 0, 0];
        assert!(SlotAddress::decode(Untrusted::new(&longer), &CX).is_err());
        assert!(SlotAddress::decode(Untrusted::new(&longer), &CX.with_padding(3)).is_ok());
    }

    /// Every prefix is too short.
    fn prefixes<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, DecodeError>) {
        for len in 0..bytes.len() {
            let error = decode(&bytes[..len]).err().unwrap();
            assert!(matches!(error.kind, DecodeErrorKind::Truncated { .. }), "{len}: {error}");
        }
    }

    #[test]
    fn p30_structures_of_requests() {
        let mut out = [0xEE; 64];
        let attributes = CsrAttributes {
            key_pair_id: 2,
            model: CertificateModel::DeviceCert,
            tracking_tag: 5,
            pending: PendingCsr::Overwrite,
        };
        let csr = SlotCsrRequest {
            address: ADDRESS,
            attributes,
            requester_info: &[0xAA, 0xBB],
            opaque: OpaqueData::EMPTY,
        };
        let len = csr.encode(&mut out).unwrap();
        assert_eq!(out[8..len], [2, 0xA9, 0, 0, 2, 0, 0, 0, 0xAA, 0xBB]);
        let bytes = &out[..len];
        assert_eq!(SlotCsrRequest::decode(Untrusted::new(bytes), &CX), Ok(csr));
        prefixes(bytes, |bytes| SlotCsrRequest::decode(Untrusted::new(bytes), &CX).map(|_| ()));

        let bank = ManageBank {
            address: ADDRESS,
            asym: KeyPairAsymAlgo::ECC_384,
            pqc: SizedPqcAsymAlgo { bytes: &[1, 2, 3] },
        };
        let mut out = [0xEE; 64];
        let len = bank.encode(&mut out).unwrap();
        assert_eq!(out[8..len], [1, 0, 0, 0, 16, 0, 0, 0, 3, 1, 2, 3]);
        let bytes = &out[..len];
        assert_eq!(ManageBank::decode(Untrusted::new(bytes), &CX), Ok(bank));
        prefixes(bytes, |bytes| ManageBank::decode(Untrusted::new(bytes), &CX).map(|_| ()));
        out[16] = 255;
        let error = ManageBank::decode(Untrusted::new(&out[..len]), &CX).unwrap_err();
        assert_eq!(error.field, "SelectPqcAsymAlgo");

        let slot = ManageSlot { address: ADDRESS };
        let mut out = [0xEE; 12];
        assert_eq!(slot.encode(&mut out), Ok(12));
        assert_eq!(ManageSlot::decode(Untrusted::new(&out), &CX), Ok(slot));
        prefixes(&out, |bytes| ManageSlot::decode(Untrusted::new(bytes), &CX));
        for operation in [0, 2, 255] {
            out[8] = operation;
            let error = ManageSlot::decode(Untrusted::new(&out), &CX).unwrap_err();
            assert_eq!((error.field, error.at), ("Operation", 8));
        }

        let model = CertificateModel::AliasCert;
        let chain = SlotCertificate { address: ADDRESS, model, key_pair_id: 3, chain: &[9, 8, 7] };
        let mut out = [0xEE; 19];
        assert_eq!(chain.encode(&mut out), Ok(19));
        assert_eq!(out[8..], [3, 0, 0, 0, 2, 3, 0, 0, 9, 8, 7]);
        assert_eq!(SlotCertificate::decode(Untrusted::new(&out), &CX), Ok(chain));
        prefixes(&out, |bytes| SlotCertificate::decode(Untrusted::new(bytes), &CX).map(|_| ()));
        out[8..12].fill(0xFF);
        let error = SlotCertificate::decode(Untrusted::new(&out), &CX).unwrap_err();
        assert_eq!(error.field, "CertChain");
        out[12] = 4;
        let error = SlotCertificate::decode(Untrusted::new(&out), &CX).unwrap_err();
        assert_eq!((error.field, error.at), ("CertAttributes", 12));
    }
}
