//! The protocols of PCI-SIG inside vendor-defined messages.

use spdm_codec::pci_sig::{LockFlags, PCI_SIG_VENDOR_ID, PciSigProtocol};
use spdm_codec::{Field, StandardsBody, VendorDefined};
use spdm_untrusted::Untrusted;

use super::{Fields, Row, flags};

impl Fields {
    /// Takes the payload of a vendor-defined message apart, where its protocol is known.
    pub(crate) fn vendor_defined(&mut self, message: &VendorDefined<'_>) {
        let pci_sig =
            message.standard_id == StandardsBody::PCI_SIG && message.vendor_id == PCI_SIG_VENDOR_ID;
        let Some(payload) = self.rows.last().map(|row| row.at).filter(|_| pci_sig) else { return };
        let mut rows = Vec::new();
        let mut protocol = None;
        let decoded =
            PciSigProtocol::decode_traced(Untrusted::new(message.payload), &mut |field: Field<
                '_,
            >| {
                if field.name == "ProtocolID" {
                    protocol = field.bytes.first().copied();
                }
                let (name, at, bytes) = (field.name, payload + field.at, field.bytes.to_vec());
                let meaning = meaning(protocol, name, &bytes);
                rows.push(Row { name, at, bytes, meaning });
            });
        if decoded.is_ok() {
            self.rows.pop();
            self.rows.extend(rows);
        }
    }
}

/// The name of a protocol of PCI-SIG.
pub(crate) const fn protocol(id: u8) -> Option<&'static str> {
    Some(match id {
        0 => "IDE_KM",
        1 => "TDISP",
        _ => return None,
    })
}

fn meaning(protocol_id: Option<u8>, name: &str, bytes: &[u8]) -> Option<String> {
    let byte = *bytes.first()?;
    let text = match (protocol_id, name) {
        (_, "ProtocolID") => protocol(byte)?,
        (Some(0), "ObjectID") => ide_km(byte)?,
        (Some(0), "KeySubStream") => return Some(key_sub_stream(byte)),
        (Some(0), "Status") => kp_ack_status(byte)?,
        (Some(1), "MessageType") => tdisp(byte)?,
        (Some(1), "TDI_STATE") => interface_state(byte)?,
        (Some(1), "TDISPVersion") => return Some(format!("{}.{}", byte >> 4, byte & 0x0F)),
        (Some(1), "FLAGS" | "LOCK_INTERFACE_FLAGS_SUPPORTED") => {
            let bits = u16::from_le_bytes(*bytes.first_chunk()?);
            return Some(flags(LockFlags::from_bits_retain(bits)));
        }
        (_, "Reserved") => return None,
        _ => return number(bytes),
    };
    Some(text.to_owned())
}

fn number(bytes: &[u8]) -> Option<String> {
    let mut value = [0; 8];
    value.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(value).to_string())
}

/// The name of an IDE_KM message.
pub(crate) const fn ide_km(object: u8) -> Option<&'static str> {
    Some(match object {
        0 => "QUERY",
        1 => "QUERY_RESP",
        2 => "KEY_PROG",
        3 => "KP_ACK",
        4 => "K_SET_GO",
        5 => "K_SET_STOP",
        6 => "K_GOSTOP_ACK",
        _ => return None,
    })
}

/// The name of a TDISP message.
pub(crate) const fn tdisp(message: u8) -> Option<&'static str> {
    Some(match message {
        0x81 => "GET_TDISP_VERSION",
        0x01 => "TDISP_VERSION",
        0x82 => "GET_TDISP_CAPABILITIES",
        0x02 => "TDISP_CAPABILITIES",
        0x83 => "LOCK_INTERFACE_REQUEST",
        0x03 => "LOCK_INTERFACE_RESPONSE",
        0x84 => "GET_DEVICE_INTERFACE_REPORT",
        0x04 => "DEVICE_INTERFACE_REPORT",
        0x85 => "GET_DEVICE_INTERFACE_STATE",
        0x05 => "DEVICE_INTERFACE_STATE",
        0x86 => "START_INTERFACE_REQUEST",
        0x06 => "START_INTERFACE_RESPONSE",
        0x87 => "STOP_INTERFACE_REQUEST",
        0x07 => "STOP_INTERFACE_RESPONSE",
        0x88 => "BIND_P2P_STREAM_REQUEST",
        0x08 => "BIND_P2P_STREAM_RESPONSE",
        0x89 => "UNBIND_P2P_STREAM_REQUEST",
        0x09 => "UNBIND_P2P_STREAM_RESPONSE",
        0x8A => "SET_MMIO_ATTRIBUTE_REQUEST",
        0x0A => "SET_MMIO_ATTRIBUTE_RESPONSE",
        0x8B => "VDM_REQUEST",
        0x0B => "VDM_RESPONSE",
        0x7F => "TDISP_ERROR",
        _ => return None,
    })
}

fn key_sub_stream(byte: u8) -> String {
    let key_set = byte & 1;
    let direction = if byte & 2 == 0 { "receive" } else { "transmit" };
    let stream = match byte >> 4 {
        0 => "PR".to_owned(),
        1 => "NPR".to_owned(),
        2 => "CPL".to_owned(),
        other => format!("sub-stream {other}"),
    };
    format!("key set {key_set}, {direction}, {stream}")
}

const fn kp_ack_status(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "successful",
        1 => "incorrect length",
        2 => "unsupported port index",
        3 => "unsupported value",
        4 => "unspecified failure",
        _ => return None,
    })
}

/// The name of a state of a device interface.
pub(crate) const fn interface_state(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "CONFIG_UNLOCKED",
        1 => "CONFIG_LOCKED",
        2 => "RUN",
        3 => "ERROR",
        _ => return None,
    })
}
