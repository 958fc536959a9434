//! crate docs follow
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod algorithm;
mod error;
mod flags;
mod get_version;
mod message;
mod pci_identity;
mod reader;
mod slot;
mod spdm_version;
#[cfg(test)]
mod testing;
mod trace;
mod writer;

pub use algorithm::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, DheNamedGroup, KemAlgo, KeyScheduleAlgo,
    MeasurementHashAlgo, MeasurementSpecification, MelSpecification, OtherParams, PqcAsymAlgo,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, Expected};
pub use flags::{CapabilityExtFlags, CapabilityFlags, MeasCap};
pub use get_version::{GetVersion, Version, VersionNumberEntry};
pub use message::{Code, ConnectionKeys, Cx, Decoded, HEADER_LEN, Header, Message};
pub use pci_identity::{PciIdentity, PciIdentitySyntax};
pub use slot::{KeySlot, SlotId, SlotMask};
pub use spdm_version::{SpdmVersion, UnknownVersion};
pub use trace::{Field, Trace};
