//! Why an answer is not taken.

use core::fmt;

use spdm_codec::DecodeError;
use spdm_codec::pci_sig::{FunctionId, InterfaceState, KpAckStatus};

/// Why an answer of a device is not taken. Nothing of it was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The vendor-defined message is not of PCI-SIG.
    OtherVendor,
    /// The payload cannot be decoded.
    Decode(DecodeError),
    /// It is of the other protocol, IDE_KM or TDISP.
    OtherProtocol,
    /// The answer to another question.
    OtherMessage {
        /// `MessageType` or `ObjectID` that was expected.
        expected: u8,
        /// The one that came.
        got: u8,
    },
    /// `TDISPVersion` of another version than was asked in.
    OtherVersion(u8),
    /// The device speaks no version of TDISP that is known here.
    NoVersion,
    /// `FunctionID` of another interface.
    OtherFunction {
        /// The interface that was asked.
        expected: FunctionId,
        /// The one that answered.
        got: FunctionId,
    },
    /// TDISP_ERROR.
    Refused {
        /// `ERROR_CODE`.
        code: u32,
        /// `ERROR_DATA`.
        data: u32,
    },
    /// `TDI_STATE` that PCIe 6.1 does not have.
    UnknownState(InterfaceState),
    /// A field does not fit the question or the fields around it.
    Value {
        /// The field, in the words of PCI-SIG.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        got: u64,
    },
    /// LOCK_INTERFACE_REQUEST asks for flags that the device does not support.
    UnsupportedFlags(u16),
    /// The device interface report does not fit the caller's memory.
    ReportTooLarge {
        /// Its bytes.
        needed: usize,
        /// Bytes of the memory.
        len: usize,
    },
    /// Another key, stream or port than was asked about.
    OtherKey,
    /// KP_ACK with another status than success.
    KeyRefused(KpAckStatus),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherVendor => f.write_str("the answer is not of PCI-SIG's protocols"),
            Self::Decode(error) => error.fmt(f),
            Self::OtherProtocol => f.write_str("the answer is of another protocol of PCI-SIG"),
            Self::OtherMessage { expected, got } => {
                write!(f, "the answer is message {got:#04x} instead of {expected:#04x}")
            }
            Self::OtherVersion(got) => {
                write!(f, "the answer is of TDISP {}.{}", got >> 4, got & 0xF)
            }
            Self::NoVersion => f.write_str("the device does not speak TDISP 1.0"),
            Self::OtherFunction { expected, got } => {
                write!(f, "function {:#x} answers for function {:#x}", got.0, expected.0)
            }
            Self::Refused { code, data } => {
                let name = refusal(*code);
                write!(f, "the device refuses: TDISP_ERROR {code:#x} ({name}), data {data:#x}")
            }
            Self::UnknownState(state) => write!(f, "TDI_STATE is {}, which is none", state.0),
            Self::Value { field, expected, got } => {
                write!(f, "{field} is {got}, and must be {expected}")
            }
            Self::UnsupportedFlags(flags) => {
                write!(f, "the device does not support the lock flags {flags:#x}")
            }
            Self::ReportTooLarge { needed, len } => {
                write!(
                    f,
                    "the device interface report has {needed} bytes, and there is room for {len}"
                )
            }
            Self::OtherKey => f.write_str("the answer is about another key than the request"),
            Self::KeyRefused(status) => {
                let name = match *status {
                    KpAckStatus::INCORRECT_LENGTH => "incorrect length",
                    KpAckStatus::UNSUPPORTED_PORT_INDEX => "unsupported PortIndex",
                    KpAckStatus::UNSUPPORTED_VALUE => "unsupported value",
                    KpAckStatus::UNSPECIFIED_FAILURE => "unspecified failure",
                    _ => "unknown status",
                };
                write!(f, "the device refuses the key: status {} ({name})", status.0)
            }
        }
    }
}

impl core::error::Error for Fault {}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

/// The name of an `ERROR_CODE` of TDISP (PCIe 6.1 §11.3.24).
const fn refusal(code: u32) -> &'static str {
    match code {
        0x1 => "INVALID_REQUEST",
        0x3 => "BUSY",
        0x4 => "INVALID_INTERFACE_STATE",
        0x5 => "UNSPECIFIED",
        0x7 => "UNSUPPORTED_REQUEST",
        0x41 => "VERSION_MISMATCH",
        0xFF => "VENDOR_SPECIFIC_ERROR",
        0x101 => "INVALID_INTERFACE",
        0x102 => "INVALID_NONCE",
        0x103 => "INSUFFICIENT_ENTROPY",
        0x104 => "INVALID_DEVICE_CONFIGURATION",
        _ => "unknown code",
    }
}
