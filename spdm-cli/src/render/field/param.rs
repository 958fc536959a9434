//! Param1 and Param2, whose meaning depends on the message.

use spdm_codec::{
    ChunkAckAttributes, ChunkAttributes, Code, EndSessionAttributes, ErrorCode,
    MeasurementAttributes, MeasurementOperation, SessionPolicy, SpdmVersion,
};

use super::{certificate_model, flags, operation, slot, slots};

const V1_1: u8 = SpdmVersion::V1_1.to_byte();
const V1_2: u8 = SpdmVersion::V1_2.to_byte();
const V1_3: u8 = SpdmVersion::V1_3.to_byte();
const SIGNATURE_INCLUDED: u8 = 1;
const ERASE: u8 = 0x80;
const OVERWRITE: u8 = 0x80;
const LARGE: u8 = 0x80;

pub(super) fn param1(code: Code, version: u8, byte: u8) -> Option<String> {
    Some(match code {
        Code::ERROR => ErrorCode(byte).to_string(),
        Code::GET_MEASUREMENTS => flags(MeasurementAttributes::from_bits_retain(byte)),
        Code::GET_CERTIFICATE | Code::CERTIFICATE => slot(byte & 0x0F),
        Code::CHALLENGE => slot(byte),
        Code::CHALLENGE_AUTH | Code::SET_CERTIFICATE_RSP => slot(byte & 0x0F),
        Code::RESPOND_IF_READY => Code(byte).to_string(),
        Code::CHUNK_SEND | Code::CHUNK_RESPONSE => flags(ChunkAttributes::from_bits_retain(byte)),
        Code::CHUNK_SEND_ACK => flags(ChunkAckAttributes::from_bits_retain(byte)),
        Code::DIGESTS if version >= V1_3 => format!("supported {}", slots(byte)),
        Code::KEY_EXCHANGE | Code::PSK_EXCHANGE => summary(byte)?.to_owned(),
        Code::KEY_EXCHANGE_RSP | Code::PSK_EXCHANGE_RSP => heartbeat(byte),
        Code::FINISH if byte & SIGNATURE_INCLUDED == 0 => "no signature".to_owned(),
        Code::FINISH => "signature included".to_owned(),
        Code::KEY_UPDATE | Code::KEY_UPDATE_ACK => key_operation(byte)?.to_owned(),
        Code::END_SESSION => flags(EndSessionAttributes::from_bits_retain(byte)),
        Code::ENCAPSULATED_REQUEST
        | Code::DELIVER_ENCAPSULATED_RESPONSE
        | Code::ENCAPSULATED_RESPONSE_ACK => format!("request {byte}"),
        Code::GET_CSR if version >= V1_3 => format!("key pair {byte}"),
        Code::SET_CERTIFICATE => set_certificate(version, byte),
        Code::GET_ENDPOINT_INFO if byte == 1 => "device class identifiers".to_owned(),
        Code::SET_KEY_PAIR_INFO => key_pair_operation(byte)?.to_owned(),
        Code::SUPPORTED_EVENT_TYPES | Code::SUBSCRIBE_EVENT_TYPES => format!("{byte} groups"),
        Code::VENDOR_DEFINED_REQUEST | Code::VENDOR_DEFINED_RESPONSE if byte & LARGE != 0 => {
            "large".to_owned()
        }
        _ => return None,
    })
}

pub(super) fn param2(code: Code, version: u8, byte: u8) -> Option<String> {
    Some(match code {
        Code::GET_MEASUREMENTS => operation(MeasurementOperation::from_byte(byte)),
        Code::CHALLENGE => summary(byte)?.to_owned(),
        Code::CHALLENGE_AUTH => slots(byte),
        Code::DIGESTS => format!("provisioned {}", slots(byte)),
        Code::MEASUREMENTS if version >= V1_1 => slot(byte & 0x0F),
        Code::CERTIFICATE if version >= V1_3 => certificate_model(byte & 7),
        Code::CHUNK_SEND | Code::CHUNK_SEND_ACK | Code::CHUNK_GET | Code::CHUNK_RESPONSE => {
            format!("handle {byte}")
        }
        Code::RESPOND_IF_READY => format!("token {byte}"),
        Code::KEY_EXCHANGE | Code::FINISH => slot(byte),
        Code::PSK_EXCHANGE if version >= V1_2 => flags(SessionPolicy::from_bits_retain(byte)),
        Code::KEY_UPDATE | Code::KEY_UPDATE_ACK => format!("tag {byte}"),
        Code::ENCAPSULATED_RESPONSE_ACK => payload_type(byte)?.to_owned(),
        Code::GET_CSR if version >= V1_3 => csr(byte),
        Code::SET_CERTIFICATE if version >= V1_3 => format!("key pair {byte}"),
        Code::GET_ENDPOINT_INFO | Code::ENDPOINT_INFO => slot(byte & 0x0F),
        _ => return None,
    })
}

/// The measurement summary that is asked for.
const fn summary(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "no summary",
        1 => "summary of the TCB",
        0xFF => "summary of all measurements",
        _ => return None,
    })
}

fn heartbeat(seconds: u8) -> String {
    match seconds {
        0 => "no heartbeat".to_owned(),
        seconds => format!("heartbeat every {seconds} s"),
    }
}

/// KeyOperation of KEY_UPDATE.
pub(crate) const fn key_operation(byte: u8) -> Option<&'static str> {
    Some(match byte {
        1 => "UpdateKey",
        2 => "UpdateAllKeys",
        3 => "VerifyNewKey",
        _ => return None,
    })
}

/// What ENCAPSULATED_RESPONSE_ACK carries.
const fn payload_type(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "the flow ends",
        1 => "the next request",
        2 => "the slot of the Requester",
        _ => return None,
    })
}

const fn key_pair_operation(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "ParameterChange",
        1 => "KeyPairErase",
        2 => "GenerateKeyPair",
        _ => return None,
    })
}

fn set_certificate(version: u8, byte: u8) -> String {
    let slot = slot(byte & 0x0F);
    if version < V1_3 {
        return slot;
    }
    let erase = if byte & ERASE == 0 { "" } else { ", erase" };
    format!("{slot}, {}{erase}", certificate_model(byte >> 4 & 7))
}

fn csr(byte: u8) -> String {
    let overwrite = if byte & OVERWRITE == 0 { "" } else { ", overwrite" };
    format!("{}, tracking tag {}{overwrite}", certificate_model(byte & 7), byte >> 3 & 7)
}
