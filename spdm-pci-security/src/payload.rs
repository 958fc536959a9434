//! A question, the vendor-defined request that carries it, and what may answer it.

use core::fmt;

use spdm_codec::pci_sig::{PCI_SIG_VENDOR_ID, PciSigProtocol};
use spdm_codec::{
    EncodeError, StandardsBody, VendorDefined, VendorDefinedForm, VendorDefinedRequest,
    VendorDefinedResponse,
};
use spdm_untrusted::Untrusted;
use zeroize::Zeroize as _;

use crate::fault::Fault;

/// What a host asks a device, and what answers it.
pub trait Question {
    /// What the answer says.
    type Answer<'r>;

    /// The message.
    fn message(&self) -> PciSigProtocol<'_>;

    /// Takes the answer, where it is one to this question.
    ///
    /// # Errors
    /// [`Fault`]: what does not fit.
    fn accept<'r>(&self, answer: PciSigProtocol<'r>) -> Result<Self::Answer<'r>, Fault>;

    /// [`Self::accept`] for a VENDOR_DEFINED_RESPONSE: registry and vendor are checked, too.
    ///
    /// # Errors
    /// As [`Self::accept`].
    fn judge<'r>(&self, answer: &VendorDefinedResponse<'r>) -> Result<Self::Answer<'r>, Fault> {
        let VendorDefinedResponse(VendorDefined { standard_id, vendor_id, payload, .. }) = *answer;
        if standard_id != StandardsBody::PCI_SIG || vendor_id != PCI_SIG_VENDOR_ID {
            return Err(Fault::OtherVendor);
        }
        self.accept(PciSigProtocol::decode(Untrusted::new(payload))?)
    }
}

/// The longest question: KEY_PROG and START_INTERFACE_REQUEST are below it.
const MAX_LEN: usize = 64;

/// An encoded question. It may hold a key, and is erased when it is dropped.
#[derive(Clone)]
pub struct Payload {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Payload {
    /// Encodes a question.
    ///
    /// # Errors
    /// [`EncodeError`] where it is longer than any question of this crate.
    pub fn of(question: &impl Question) -> Result<Self, EncodeError> {
        let mut payload = Self { bytes: [0; MAX_LEN], len: 0 };
        payload.len = question.message().encode(&mut payload.bytes)?;
        Ok(payload)
    }

    /// The request that carries it, for `Requester::exchange`.
    #[must_use]
    pub fn request(&self) -> VendorDefinedRequest<'_> {
        VendorDefinedRequest(VendorDefined {
            form: VendorDefinedForm::Normal,
            standard_id: StandardsBody::PCI_SIG,
            vendor_id: &PCI_SIG_VENDOR_ID,
            payload: self.bytes.get(..self.len).unwrap_or_default(),
        })
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
