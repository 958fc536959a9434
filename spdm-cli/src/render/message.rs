//! One-line summaries of messages.

use spdm_codec::{
    AckPayload, CertificateForm, Chunk, ErrorCode, ExtendedErrorData, KeyOperation,
    KeyPairOperation, MutAuthRequested, OpaqueData, Request, Response, SecuredMessageData,
    SetCertificateOperation, SpdmVersion, StandardsBody, VendorDefined,
};

use super::field::{
    flags, ide_km, key_operation, operation, protocol, slot, standards_body, tdisp, versions,
};

/// The summary of a request.
pub(crate) fn request(request: &Request<'_>) -> String {
    match request {
        Request::NegotiateAlgorithms(decoded) => {
            let message = &decoded.message;
            let asym = [
                (!message.base_asym.is_empty()).then(|| flags(message.base_asym)),
                (!message.pqc_asym.is_empty()).then(|| flags(message.pqc_asym)),
            ];
            let asym = asym.into_iter().flatten().collect::<Vec<_>>().join(", ");
            format!("{asym}; {}", flags(message.base_hash))
        }
        Request::GetCertificate(decoded) => {
            let message = &decoded.message;
            let form = if message.form == CertificateForm::Large { ", large" } else { "" };
            let (slot, offset, length) = (message.slot, message.offset, message.length);
            format!("slot {slot}, offset {offset}, length {length}{form}")
        }
        Request::Challenge(decoded) => slot(decoded.message.slot.to_byte()),
        Request::GetMeasurements(decoded) => {
            let which = operation(decoded.message.operation);
            format!("{which}, {}", signed(decoded.message.signature.is_some()))
        }
        Request::RespondIfReady(decoded) => decoded.message.request_code.to_string(),
        Request::ChunkGet(decoded) => {
            format!("handle {}, chunk {}", decoded.message.handle, decoded.message.seq_no)
        }
        Request::ChunkSend(decoded) => chunk(&decoded.message.0),
        Request::KeyExchange(decoded) => {
            let message = &decoded.message;
            let (slot, id) = (slot(message.slot.to_byte()), message.req_session_id);
            format!("{slot}, ReqSessionID {id:#06x}{}", secured_messages(&message.opaque))
        }
        Request::Finish(decoded) => signed(decoded.message.signature.is_some()).to_owned(),
        Request::PskExchange(decoded) => {
            let message = &decoded.message;
            let (id, hint) = (message.req_session_id, hex::encode(message.psk_hint));
            format!("hint {hint}, ReqSessionID {id:#06x}{}", secured_messages(&message.opaque))
        }
        Request::KeyUpdate(decoded) => key_update(decoded.message.operation),
        Request::DeliverEncapsulatedResponse(decoded) => {
            format!("to request {}", decoded.message.request_id)
        }
        Request::GetCsr(decoded) => {
            format!("{} bytes of requester info", decoded.message.requester_info.len())
        }
        Request::SetCertificate(decoded) => {
            let slot = decoded.message.slot;
            match decoded.message.operation {
                SetCertificateOperation::Install(chain) => {
                    format!("slot {slot}, {} bytes", chain.len())
                }
                SetCertificateOperation::Erase => format!("slot {slot}, erase"),
            }
        }
        Request::GetMeasurementExtensionLog(decoded) => {
            format!("offset {}, length {}", decoded.message.offset, decoded.message.length)
        }
        Request::GetKeyPairInfo(decoded) => format!("key pair {}", decoded.message.key_pair_id),
        Request::SetKeyPairInfo(decoded) => {
            let operation = match decoded.message.operation {
                KeyPairOperation::ParameterChange(_) => "change parameters",
                KeyPairOperation::Erase => "erase",
                KeyPairOperation::Generate(_) => "generate",
            };
            format!("key pair {}, {operation}", decoded.message.key_pair_id)
        }
        Request::GetEndpointInfo(decoded) => signed(decoded.message.nonce.is_some()).to_owned(),
        Request::VendorDefined(decoded) => vendor_defined(&decoded.message.0),
        _ => String::new(),
    }
}

/// The summary of a response.
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
            let signed = signed(!message.signature.is_empty());
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
        Response::KeyExchangeRsp(decoded) => {
            let message = &decoded.message;
            let mutual = match message.mut_auth {
                MutAuthRequested::No => "",
                _ => ", asks for mutual authentication",
            };
            let (id, versions) = (message.rsp_session_id, secured_messages(&message.opaque));
            format!("RspSessionID {id:#06x}{versions}{mutual}")
        }
        Response::PskExchangeRsp(decoded) => {
            let message = &decoded.message;
            let (id, versions) = (message.rsp_session_id, secured_messages(&message.opaque));
            format!("RspSessionID {id:#06x}{versions}")
        }
        Response::KeyUpdateAck(decoded) => key_update(decoded.message.operation),
        Response::EncapsulatedRequest(decoded) => format!("request {}", decoded.message.request_id),
        Response::EncapsulatedResponseAck(decoded) => match decoded.message.payload {
            AckPayload::Absent => "the flow ends".to_owned(),
            AckPayload::Request(_) => format!("request {}", decoded.message.request_id),
            AckPayload::ReqSlotNumber(number) => {
                format!("the flow ends, {} of the Requester", slot(number & 0x0F))
            }
        },
        Response::Csr(decoded) => format!("{} bytes", decoded.message.csr.len()),
        Response::MeasurementExtensionLog(decoded) => {
            let message = &decoded.message;
            format!("{} bytes, {} to come", message.portion.len(), message.remainder)
        }
        Response::KeyPairInfo(decoded) => {
            let message = &decoded.message;
            let algorithm = flags(message.current_asym_algo);
            format!("key pair {} of {}, {algorithm}", message.key_pair_id, message.total_key_pairs)
        }
        Response::EndpointInfo(decoded) => signed(decoded.message.signature.is_some()).to_owned(),
        Response::VendorDefined(decoded) => vendor_defined(&decoded.message.0),
        _ => String::new(),
    }
}

const fn signed(signed: bool) -> &'static str {
    if signed { "signed" } else { "unsigned" }
}

fn key_update(operation: KeyOperation) -> String {
    key_operation(operation.to_byte()).unwrap_or_default().to_owned()
}

/// The versions of DSP0277 that are offered or selected.
fn secured_messages(opaque: &OpaqueData<'_>) -> String {
    let decoded =
        opaque.elements().filter_map(|element| SecuredMessageData::decode(&element)?.ok());
    let versions = decoded.filter_map(|data| match data {
        SecuredMessageData::VersionSelection(version) => Some(versions(&version.0.to_le_bytes())),
        SecuredMessageData::SupportedVersions(list) => Some(versions(list.as_flattened())),
        _ => None,
    });
    versions.map(|versions| format!(", DSP0277 {versions}")).collect()
}

fn vendor_defined(message: &VendorDefined<'_>) -> String {
    let body = standards_body(message.standard_id.0);
    let id = hex::encode(message.vendor_id);
    let names = if message.standard_id == StandardsBody::PCI_SIG {
        pci_sig_names(message.payload)
    } else {
        None
    };
    match names {
        Some(names) => format!("{body}, {names}"),
        None if id.is_empty() => format!("{body}, {} bytes", message.payload.len()),
        None => format!("{body} {id}, {} bytes", message.payload.len()),
    }
}

/// Protocol and message of PCI-SIG.
fn pci_sig_names(payload: &[u8]) -> Option<String> {
    let (name, message) = match payload {
        [0, object, ..] => (protocol(0)?, ide_km(*object)?),
        [1, _, message, ..] => (protocol(1)?, tdisp(*message)?),
        _ => return None,
    };
    Some(format!("{name} {message}"))
}

fn chunk(chunk: &Chunk<'_>) -> String {
    format!("handle {}, chunk {}, {} bytes of it", chunk.handle, chunk.seq_no, chunk.bytes.len())
}

/// The version of a message by its first byte.
pub(crate) fn version(byte: u8) -> String {
    SpdmVersion::from_byte(byte).map_or_else(|| format!("{byte:#04x}"), |v| v.to_string())
}
