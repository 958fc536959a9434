//! TDISP: assigning device interfaces to trusted virtual machines.

use bitflags::bitflags;

use crate::error::{DecodeError, EncodeError};
use crate::reader::{Reader, length};
use crate::trace::Trace;
use crate::writer::Writer;

/// `FunctionID`: bits 15:0 Requester ID, 23:16 segment, 24 segment valid.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number")]
pub struct FunctionId(pub u32);

bitflags! {
    /// `Flags` of LOCK_INTERFACE_REQUEST. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct LockFlags: u16 {
        /// No firmware update while locked.
        const NO_FW_UPDATE = 1 << 0;
        /// The system cache line size is 128 bytes.
        const SYSTEM_CACHE_LINE_SIZE = 1 << 1;
        /// The MSI-X table is locked, too.
        const LOCK_MSIX = 1 << 2;
        /// Peer-to-peer streams may be bound.
        const BIND_P2P = 1 << 3;
        /// All requests are redirected.
        const ALL_REQUEST_REDIRECT = 1 << 4;
        const _ = !0;
    }
}

/// LOCK_INTERFACE_REQUEST.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct LockInterface {
    /// `Flags`.
    pub flags: LockFlags,
    /// `Default StreamID`.
    pub default_stream_id: u8,
    /// `MMIO_REPORTING_OFFSET`.
    pub mmio_reporting_offset: u64,
    /// `BIND_P2P_ADDR_MASK`.
    pub bind_p2p_addr_mask: u64,
}

/// TDISP_CAPABILITIES.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct TdispCapabilities<'a> {
    /// `DSM_CAPS`.
    pub dsm_caps: u32,
    /// `REQ_MSGS_SUPPORTED`: a bitmap of request codes.
    pub req_msgs_supported: &'a [u8; 16],
    /// `LOCK_INTERFACE_FLAGS_SUPPORTED`.
    pub lock_flags_supported: LockFlags,
    /// `DEV_ADDR_WIDTH` in bits.
    pub dev_addr_width: u8,
    /// `NUM_REQ_THIS`.
    pub num_req_this: u8,
    /// `NUM_REQ_ALL`.
    pub num_req_all: u8,
}

/// `TDI_STATE`. Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with names")]
pub struct InterfaceState(pub u8);

impl InterfaceState {
    /// 0: CONFIG_UNLOCKED.
    pub const CONFIG_UNLOCKED: Self = Self(0);
    /// 1: CONFIG_LOCKED.
    pub const CONFIG_LOCKED: Self = Self(1);
    /// 2: RUN.
    pub const RUN: Self = Self(2);
    /// 3: ERROR.
    pub const ERROR: Self = Self(3);
}

/// TDISP_ERROR.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct TdispError<'a> {
    /// `ERROR_CODE`: 1 invalid request, 3 busy, 4 invalid state, 5 unspecified, 7 unsupported, 0x41 version,
    /// 0x101 interface, 0x102 nonce, 0x103 entropy, 0x104 configuration.
    pub code: u32,
    /// `ERROR_DATA`.
    pub data: u32,
    /// `EXTENDED_ERROR_DATA`.
    pub extended: &'a [u8],
}

/// A TDISP message (PCIe 6.1 §11.3). Offsets from the byte after the protocol byte:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | TDISPVersion |
/// | 1 | 1 | MessageType |
/// | 2 | 2 | Reserved |
/// | 4 | 4 | FunctionID |
/// | 8 | 8 | Reserved |
/// | 16 | | payload |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Tdisp<'a> {
    /// `TDISPVersion`, for example 0x10.
    pub version: u8,
    /// `FunctionID`.
    pub function_id: FunctionId,
    /// What `MessageType` and payload say.
    pub body: TdispBody<'a>,
}

/// The messages of TDISP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TdispBody<'a> {
    /// 0x81 GET_TDISP_VERSION.
    GetVersion,
    /// 0x01 TDISP_VERSION: the versions.
    Version(&'a [u8]),
    /// 0x82 GET_TDISP_CAPABILITIES: TSM_CAPS.
    GetCapabilities(u32),
    /// 0x02 TDISP_CAPABILITIES.
    Capabilities(TdispCapabilities<'a>),
    /// 0x83 LOCK_INTERFACE_REQUEST.
    LockInterface(LockInterface),
    /// 0x03 LOCK_INTERFACE_RESPONSE: START_INTERFACE_NONCE.
    LockInterfaceResponse(&'a [u8; 32]),
    /// 0x84 GET_DEVICE_INTERFACE_REPORT: offset and length in bytes.
    GetReport {
        /// `OFFSET`.
        offset: u16,
        /// `LENGTH`.
        length: u16,
    },
    /// 0x04 DEVICE_INTERFACE_REPORT.
    Report {
        /// A portion of the report.
        portion: &'a [u8],
        /// `REMAINDER_LENGTH` in bytes.
        remainder: u16,
    },
    /// 0x85 GET_DEVICE_INTERFACE_STATE.
    GetState,
    /// 0x05 DEVICE_INTERFACE_STATE.
    State(InterfaceState),
    /// 0x86 START_INTERFACE_REQUEST: START_INTERFACE_NONCE.
    StartInterface(&'a [u8; 32]),
    /// 0x06 START_INTERFACE_RESPONSE.
    StartInterfaceResponse,
    /// 0x87 STOP_INTERFACE_REQUEST.
    StopInterface,
    /// 0x07 STOP_INTERFACE_RESPONSE.
    StopInterfaceResponse,
    /// 0x88 BIND_P2P_STREAM_REQUEST: the stream.
    BindP2pStream(u8),
    /// 0x08 BIND_P2P_STREAM_RESPONSE.
    BindP2pStreamResponse,
    /// 0x89 UNBIND_P2P_STREAM_REQUEST: the stream.
    UnbindP2pStream(u8),
    /// 0x09 UNBIND_P2P_STREAM_RESPONSE.
    UnbindP2pStreamResponse,
    /// 0x8A SET_MMIO_ATTRIBUTE_REQUEST: an MMIO range as it is on the wire.
    SetMmioAttribute(&'a [u8; 16]),
    /// 0x0A SET_MMIO_ATTRIBUTE_RESPONSE.
    SetMmioAttributeResponse,
    /// 0x7F TDISP_ERROR.
    Error(TdispError<'a>),
    /// 0x8B, 0x0B VDM and unknown messages.
    Other {
        /// `MessageType`.
        message_type: u8,
        /// The payload.
        payload: &'a [u8],
    },
}

impl<'a> TdispBody<'a> {
    /// `MessageType`.
    #[must_use]
    pub const fn message_type(&self) -> u8 {
        match self {
            Self::GetVersion => 0x81,
            Self::Version(_) => 0x01,
            Self::GetCapabilities(_) => 0x82,
            Self::Capabilities(_) => 0x02,
            Self::LockInterface(_) => 0x83,
            Self::LockInterfaceResponse(_) => 0x03,
            Self::GetReport { .. } => 0x84,
            Self::Report { .. } => 0x04,
            Self::GetState => 0x85,
            Self::State(_) => 0x05,
            Self::StartInterface(_) => 0x86,
            Self::StartInterfaceResponse => 0x06,
            Self::StopInterface => 0x87,
            Self::StopInterfaceResponse => 0x07,
            Self::BindP2pStream(_) => 0x88,
            Self::BindP2pStreamResponse => 0x08,
            Self::UnbindP2pStream(_) => 0x89,
            Self::UnbindP2pStreamResponse => 0x09,
            Self::SetMmioAttribute(_) => 0x8A,
            Self::SetMmioAttributeResponse => 0x0A,
            Self::Error(_) => 0x7F,
            Self::Other { message_type, .. } => *message_type,
        }
    }

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        message_type: u8,
    ) -> Result<Self, &'t DecodeError> {
        Ok(match message_type {
            0x81 => Self::GetVersion,
            0x01 => {
                let count = r.u8("VERSION_NUM_COUNT")?;
                Self::Version(r.bytes("VERSION_NUM_ENTRY", count.into())?)
            }
            0x82 => Self::GetCapabilities(r.u32("TSM_CAPS")?),
            0x02 => {
                let dsm_caps = r.u32("DSM_CAPS")?;
                let req_msgs_supported = r.array("REQ_MSGS_SUPPORTED")?;
                let flags = r.u16("LOCK_INTERFACE_FLAGS_SUPPORTED")?;
                r.reserved(3)?;
                Self::Capabilities(TdispCapabilities {
                    dsm_caps,
                    req_msgs_supported,
                    lock_flags_supported: LockFlags::from_bits_retain(flags),
                    dev_addr_width: r.u8("DEV_ADDR_WIDTH")?,
                    num_req_this: r.u8("NUM_REQ_THIS")?,
                    num_req_all: r.u8("NUM_REQ_ALL")?,
                })
            }
            0x83 => {
                let flags = LockFlags::from_bits_retain(r.u16("FLAGS")?);
                let default_stream_id = r.u8("Default StreamID")?;
                r.reserved(1)?;
                Self::LockInterface(LockInterface {
                    flags,
                    default_stream_id,
                    mmio_reporting_offset: r.u64("MMIO_REPORTING_OFFSET")?,
                    bind_p2p_addr_mask: r.u64("BIND_P2P_ADDR_MASK")?,
                })
            }
            0x03 => Self::LockInterfaceResponse(r.array("START_INTERFACE_NONCE")?),
            0x84 => Self::GetReport { offset: r.u16("OFFSET")?, length: r.u16("LENGTH")? },
            0x04 => {
                let portion = r.u16("PORTION_LENGTH")?;
                let remainder = r.u16("REMAINDER_LENGTH")?;
                Self::Report { portion: r.bytes("REPORT_BYTES", portion.into())?, remainder }
            }
            0x85 => Self::GetState,
            0x05 => Self::State(InterfaceState(r.u8("TDI_STATE")?)),
            0x86 => Self::StartInterface(r.array("START_INTERFACE_NONCE")?),
            0x06 => Self::StartInterfaceResponse,
            0x87 => Self::StopInterface,
            0x07 => Self::StopInterfaceResponse,
            0x88 => Self::BindP2pStream(r.u8("P2P_STREAM_ID")?),
            0x08 => Self::BindP2pStreamResponse,
            0x89 => Self::UnbindP2pStream(r.u8("P2P_STREAM_ID")?),
            0x09 => Self::UnbindP2pStreamResponse,
            0x8A => Self::SetMmioAttribute(r.array("MMIO_RANGE")?),
            0x0A => Self::SetMmioAttributeResponse,
            0x7F => Self::Error(TdispError {
                code: r.u32("ERROR_CODE")?,
                data: r.u32("ERROR_DATA")?,
                extended: r.rest("EXTENDED_ERROR_DATA"),
            }),
            _ => Self::Other { message_type, payload: r.rest("payload") },
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        match self {
            Self::GetVersion
            | Self::GetState
            | Self::StartInterfaceResponse
            | Self::StopInterface
            | Self::StopInterfaceResponse
            | Self::BindP2pStreamResponse
            | Self::UnbindP2pStreamResponse
            | Self::SetMmioAttributeResponse => {}
            Self::Version(versions) => {
                let field = "VERSION_NUM_COUNT";
                w.u8(u8::try_from(versions.len()).map_err(|_| EncodeError::TooLarge { field })?);
                w.bytes(versions);
            }
            Self::GetCapabilities(tsm_caps) => w.u32(*tsm_caps),
            Self::Capabilities(capabilities) => {
                w.u32(capabilities.dsm_caps);
                w.bytes(capabilities.req_msgs_supported);
                w.u16(capabilities.lock_flags_supported.bits());
                w.zeros(3);
                w.u8(capabilities.dev_addr_width);
                w.bytes(&[capabilities.num_req_this, capabilities.num_req_all]);
            }
            Self::LockInterface(lock) => {
                w.u16(lock.flags.bits());
                w.bytes(&[lock.default_stream_id, 0]);
                w.bytes(&lock.mmio_reporting_offset.to_le_bytes());
                w.bytes(&lock.bind_p2p_addr_mask.to_le_bytes());
            }
            Self::LockInterfaceResponse(nonce) | Self::StartInterface(nonce) => w.bytes(*nonce),
            Self::GetReport { offset, length } => {
                w.u16(*offset);
                w.u16(*length);
            }
            Self::Report { portion, remainder } => {
                w.len16(portion.len(), "PORTION_LENGTH")?;
                w.u16(*remainder);
                w.bytes(portion);
            }
            Self::State(state) => w.u8(state.0),
            Self::BindP2pStream(stream) | Self::UnbindP2pStream(stream) => w.u8(*stream),
            Self::SetMmioAttribute(range) => w.bytes(*range),
            Self::Error(error) => {
                w.u32(error.code);
                w.u32(error.data);
                w.bytes(error.extended);
            }
            Self::Other { payload, .. } => w.bytes(payload),
        }
        Ok(())
    }
}

impl<'a> Tdisp<'a> {
    pub(super) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
    ) -> Result<Self, &'t DecodeError> {
        let version = r.u8("TDISPVersion")?;
        let message_type = r.u8("MessageType")?;
        r.reserved(2)?;
        let function_id = FunctionId(r.u32("FunctionID")?);
        r.reserved(length(8))?;
        Ok(Self { version, function_id, body: TdispBody::read(r, message_type)? })
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.bytes(&[self.version, self.body.message_type(), 0, 0]);
        w.u32(self.function_id.0);
        w.zeros(8);
        self.body.write(w)
    }
}

#[cfg(test)]
mod tests {
    use super::{InterfaceState, TdispBody};
    use crate::pci_sig::PciSigProtocol;
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn message(message_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![1, 0x10, message_type, 0, 0, 0x00, 0x02, 0, 0];
        bytes.extend([0; 8]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn every_message() {
        let payloads: [(u8, usize, &[u8]); 22] = [
            (0x81, 0, &[]),
            (0x01, 3, &[2]),
            (0x82, 4, &[]),
            (0x02, 28, &[]),
            (0x83, 20, &[]),
            (0x03, 32, &[]),
            (0x84, 4, &[]),
            (0x04, 6, &[2, 0]),
            (0x85, 0, &[]),
            (0x05, 1, &[]),
            (0x86, 32, &[]),
            (0x06, 0, &[]),
            (0x87, 0, &[]),
            (0x07, 0, &[]),
            (0x88, 1, &[]),
            (0x08, 0, &[]),
            (0x89, 1, &[]),
            (0x09, 0, &[]),
            (0x8A, 16, &[]),
            (0x0A, 0, &[]),
            (0x7F, 8, &[]),
            (0x8B, 5, &[]),
        ];
        for (message_type, len, start) in payloads {
            let mut payload = std::vec![0; len];
            payload[..start.len()].copy_from_slice(start);
            let bytes = message(message_type, &payload);
            let decoded = PciSigProtocol::decode(Untrusted::new(&bytes)).unwrap();
            let mut out = [0; 64];
            let encoded = decoded.encode(&mut out).unwrap();
            assert_eq!(out[..encoded], bytes, "{message_type:#x}");
            if message_type != 0x8B {
                for short in 0..bytes.len() {
                    let cut = Untrusted::new(&bytes[..short]);
                    assert!(PciSigProtocol::decode(cut).is_err(), "{message_type:#x} {short}");
                }
            }
        }
    }

    #[test]
    fn states() {
        let bytes = message(0x05, &[2]);
        let PciSigProtocol::Tdisp(tdisp) = PciSigProtocol::decode(Untrusted::new(&bytes)).unwrap()
        else {
            panic!()
        };
        assert_eq!(tdisp.body, TdispBody::State(InterfaceState::RUN));
        assert_eq!(tdisp.function_id.0, 0x0200);
    }
}
