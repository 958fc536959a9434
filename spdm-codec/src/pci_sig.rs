//! PCI-SIG's vendor-defined protocols: the first payload byte names one.
//!
//! UNVERIFIED against the PCIe specification: the order of the key's DWORDs in KEY_PROG, which is handed
//! through as bytes, and the bits of FunctionID above 15.

mod ide_km;
mod interface_report;
mod tdisp;

pub use ide_km::{
    IdeKeyFlags, IdeKeyProgram, IdeKeySlot, IdeKm, IdeKpAck, IdeQueryResp, KpAckStatus,
};
pub use interface_report::{InterfaceInfo, InterfaceReport, MmioAttributes, MmioRange};
pub use tdisp::{
    FunctionId, InterfaceState, LockFlags, LockInterface, Tdisp, TdispBody, TdispCapabilities,
    TdispError,
};

use spdm_untrusted::Untrusted;

use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::read_from;
use crate::trace::{NoTrace, Seen, Trace};
use crate::writer::Writer;

/// `VendorID` of PCI-SIG's protocols.
pub const PCI_SIG_VENDOR_ID: [u8; 2] = [0x01, 0x00];

/// The payload of a vendor-defined message with StandardID 3 and [`PCI_SIG_VENDOR_ID`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PciSigProtocol<'a> {
    /// Protocol 0: IDE key management (PCIe 6.1 §6.33.3).
    IdeKm(IdeKm<'a>),
    /// Protocol 1: TEE device interface security (PCIe 6.1 §11).
    Tdisp(Tdisp<'a>),
}

impl<'a> PciSigProtocol<'a> {
    /// Decodes the payload of a request or of a response.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of the payload.
    pub fn decode(payload: Untrusted<&'a [u8]>) -> Result<Self, DecodeError> {
        Self::decode_traced(payload, &mut NoTrace)
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_traced<T: Trace<'a>>(
        payload: Untrusted<&'a [u8]>,
        trace: &mut T,
    ) -> Result<Self, DecodeError> {
        payload.validate_with(|raw| {
            read_from("PCI-SIG payload", raw, Seen(trace), |r| {
                let at = r.mark("ProtocolID");
                let message = match r.u8("ProtocolID")? {
                    0 => Self::IdeKm(IdeKm::read(r)?),
                    1 => Self::Tdisp(Tdisp::read(r)?),
                    other => return Err(at.value(&Expected::AtMost(1), other)),
                };
                r.finish(0)?;
                Ok(message)
            })
        })
    }

    /// Encodes the payload into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or a list does not fit its count.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        match self {
            Self::IdeKm(message) => {
                w.u8(0);
                message.write(&mut w)?;
            }
            Self::Tdisp(message) => {
                w.u8(1);
                message.write(&mut w)?;
            }
        }
        w.finish()
    }
}
