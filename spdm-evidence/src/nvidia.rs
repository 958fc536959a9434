//! Evidence as NVIDIA's attestation tools write it: a signed MEASUREMENTS of SPDM 1.1 and a chain in PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use spdm_codec::{Cx, GetMeasurements, KeySlot, Message, RequesterNonce, SlotId, SpdmVersion};
use spdm_untrusted::Untrusted;

use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::recording::{ChainContent, Recording, SlotChain};
use crate::standard_transcript;

/// One element of the array. Other members, such as driver versions, are not signed and are ignored.
#[derive(Deserialize)]
struct Element {
    evidence: String,
    certificate: String,
    nonce: Option<String>,
}

fn decode(text: &str, field: &'static str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text.trim()).map_err(|_| Error::Base64 { field })
}

fn nonce(text: &str) -> Result<RequesterNonce, Error> {
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(RequesterNonce).ok_or(Error::Hex { field: "nonce" })
}

pub(crate) fn read(json: &[u8]) -> Result<Evidence, Error> {
    let elements: Vec<Element> =
        serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
    let recordings = elements.iter().map(|element| {
        let transcript = decode(&element.evidence, "evidence")?;
        let pem = decode(&element.certificate, "certificate")?;
        let pem = core::str::from_utf8(&pem).map_err(|_| Error::Pem)?;
        // These devices speak 1.1 with P-384 and SHA-384.
        let mut recording = standard_transcript::read_one(&transcript, Presumption::default())?;
        let content = ChainContent::Certificates(CertificateList::from_pem(pem)?);
        recording.chains.push(SlotChain { slot: slot(&recording), content });
        recording.claimed_nonce = element.nonce.as_deref().map(nonce).transpose()?;
        Ok(recording)
    });
    let recordings = recordings.collect::<Result<_, Error>>()?;
    Ok(Evidence { recordings, ..Evidence::default() })
}

/// The slot of the signed request.
fn slot(recording: &Recording) -> SlotId {
    let cx = Cx::new(SpdmVersion::V1_1);
    let request = recording.exchanges.last().map_or(&[][..], |exchange| &exchange.request);
    let request = GetMeasurements::decode(Untrusted::new(request), &cx);
    let signature = request.ok().and_then(|decoded| decoded.message.signature);
    match signature.and_then(|signature| signature.slot) {
        Some(KeySlot::Slot(slot)) => slot,
        _ => SlotId::ZERO,
    }
}
