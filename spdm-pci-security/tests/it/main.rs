//! Answers of devices that lie.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what they expect with a panic"
)]

mod emulated;
mod ide_km;
mod report;
mod tdisp;

use spdm_codec::pci_sig::{PCI_SIG_VENDOR_ID, PciSigProtocol};
use spdm_codec::{StandardsBody, VendorDefined, VendorDefinedForm, VendorDefinedResponse};

/// An encoded answer.
fn encoded(answer: &PciSigProtocol<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    let len = answer.encode(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// The response that carries it.
fn response(payload: &[u8]) -> VendorDefinedResponse<'_> {
    VendorDefinedResponse(VendorDefined {
        form: VendorDefinedForm::Normal,
        standard_id: StandardsBody::PCI_SIG,
        vendor_id: &PCI_SIG_VENDOR_ID,
        payload,
    })
}
