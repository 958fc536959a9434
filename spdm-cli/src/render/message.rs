//! What a message says, in a few words.

use spdm_codec::{
    CertificateForm, Chunk, ErrorCode, ExtendedErrorData, Request, Response, SignatureRequest,
    SpdmVersion,
};

use super::field::{flags, operation, slot, versions};

/// The gist of a request.
pub(crate) fn request(request: &Request<'_>) -> String {
    match request {
        Request::NegotiateAlgorithms(decoded) => {
            let message = &decoded.message;
            let (asym, hash) = (flags(message.base_asym), flags(message.base_hash));
            format!("{asym}; {hash}")
        }
        Request::GetCertificate(decoded) => {
            let message = &decoded.message;
            let form = if message.form == CertificateForm::Large { ", large" } else { "" };
            let (slot, offset, length) = (message.slot, message.offset, message.length);
            format!("slot {slot}, offset {offset}, length {length}{form}")
        }
        Request::Challenge(decoded) => slot(decoded.message.slot.to_byte()),
        Request::GetMeasurements(decoded) => {
            let signed = match decoded.message.signature {
                Some(SignatureRequest { .. }) => "signed",
                None => "unsigned",
            };
            let which = operation(decoded.message.operation);
            format!("{which}, {signed}")
        }
        Request::RespondIfReady(decoded) => decoded.message.request_code.to_string(),
        Request::ChunkGet(decoded) => {
            format!("handle {}, chunk {}", decoded.message.handle, decoded.message.seq_no)
        }
        Request::ChunkSend(decoded) => chunk(&decoded.message.0),
        _ => String::new(),
    }
}

/// The gist of a response.
pub(crate) fn response(response: &Response<'_>) -> String {
    match response {
        Response::Version(decoded) => versions(decoded.message.entries.as_flattened()),
        Response::Capabilities(decoded) => flags(decoded.message.capability.flags),
        Response::Algorithms(decoded) => {
            let message = &decoded.message;
            let selected = [
                (!message.base_asym.is_empty()).then(|| flags(message.base_asym)),
                (!message.pqc_asym.is_empty()).then(|| flags(message.pqc_asym)),
                (!message.base_hash.is_empty()).then(|| flags(message.base_hash)),
            ];
            selected.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        Response::Digests(decoded) => {
            let slots: Vec<String> =
                decoded.message.provisioned.slots().map(|slot| slot.to_string()).collect();
            format!("slots {}", slots.join(", "))
        }
        Response::Certificate(decoded) => {
            let message = &decoded.message;
            let (slot, len, left) = (message.slot, message.portion.len(), message.remainder);
            format!("slot {slot}, {len} bytes, {left} to come")
        }
        Response::Measurements(decoded) => {
            let message = &decoded.message;
            let signed = if message.signature.is_empty() { "unsigned" } else { "signed" };
            format!("{} blocks, {signed}", message.record.number_of_blocks())
        }
        Response::Error(decoded) => {
            let message = &decoded.message;
            let more = match message.extended {
                ExtendedErrorData::ResponseNotReady(data) => {
                    format!(", {} again in 2^{} µs", data.request_code, data.rdt_exponent)
                }
                ExtendedErrorData::LargeResponse { handle } => format!(", handle {handle}"),
                _ if message.code == ErrorCode::VERSION_MISMATCH => String::new(),
                _ => format!(", data {:#04x}", message.data),
            };
            format!("{}{more}", message.code)
        }
        Response::ChunkResponse(decoded) => chunk(&decoded.message.0),
        _ => String::new(),
    }
}

fn chunk(chunk: &Chunk<'_>) -> String {
    format!("handle {}, chunk {}, {} bytes of it", chunk.handle, chunk.seq_no, chunk.bytes.len())
}

/// The version of a message by its first byte.
pub(crate) fn version(byte: u8) -> String {
    SpdmVersion::from_byte(byte).map_or_else(|| format!("{byte:#04x}"), |v| v.to_string())
}
