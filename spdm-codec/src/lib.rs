//! Messages of SPDM (DMTF DSP0274 1.0 to 1.4): bytes to meaning and back, for requests and responses.
//!
//! `no_std`, no allocation, no unsafe. Decoding borrows from the received bytes, which come wrapped in
//! [`Untrusted`](spdm_untrusted::Untrusted); whatever is wrong with them becomes a [`DecodeError`] that
//! names message, field, offset, expectation and value.
//!
//! ```
//! use spdm_codec::{Cx, Message, SpdmVersion, Version};
//! use spdm_untrusted::Untrusted;
//!
//! let received = [0x10, 0x04, 0, 0, 0, 2, 0x00, 0x12, 0x00, 0x13];
//! let cx = Cx::new(SpdmVersion::V1_0);
//! let version = Version::decode(Untrusted::new(&received), &cx)?.message;
//! let best = version.iter().filter_map(|entry| entry.version()).max();
//! assert_eq!(best, Some(SpdmVersion::V1_3));
//!
//! let error = Version::decode(Untrusted::new(&received[..7]), &cx).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "VERSION: VersionNumberEntry at offset 6 takes 4 bytes, but the message ends after 1",
//! );
//! # Ok::<(), spdm_codec::DecodeError>(())
//! ```
//!
//! * One type per message; [`Request`] and [`Response`] stand for any of them.
//! * What a later version added is an `Option`: `None` before.
//! * [`Cx`] holds what decoding depends on besides the bytes: version, negotiated sizes, padding.
//! * Lists are checked once while decoding and iterated without errors.
//! * [`Message::decode_traced`] shows every field with its offset to a closure: a dump costs one line.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod alg_structs;
mod algorithm;
mod algorithms;
mod any;
mod capabilities;
mod certificate;
mod chain;
mod challenge;
mod chunk;
mod digests;
mod error;
mod error_response;
mod flags;
mod get_version;
mod measurement_block;
mod measurements;
mod message;
mod opaque;
mod pci_identity;
mod reader;
mod respond_if_ready;
mod slot;
mod spdm_version;
#[cfg(test)]
mod testing;
mod trace;
mod writer;

pub use alg_structs::AlgStructs;
pub use algorithm::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, DheNamedGroup, KemAlgo, KeyScheduleAlgo,
    MeasurementHashAlgo, MeasurementSpecification, MelSpecification, OtherParams, PqcAsymAlgo,
};
pub use algorithms::{Algorithms, ExtAlgorithm, ExtAlgorithms, NegotiateAlgorithms};
pub use any::{Request, Response};
pub use capabilities::{
    AlgorithmsBlock, Capabilities, Capability, GetCapabilities, MIN_DATA_TRANSFER_SIZE,
    SupportedAlgorithms, TransferSizes,
};
pub use certificate::{Certificate, CertificateForm, CertificateRequest, GetCertificate};
pub use chain::CertChain;
pub use challenge::{
    BasicMutAuth, Challenge, ChallengeAuth, MeasurementSummary, NONCE_LEN, Nonce,
    REQUESTER_CONTEXT_LEN, RequesterContext,
};
pub use chunk::{
    Chunk, ChunkAckAttributes, ChunkAttributes, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck,
};
pub use digests::{CertificateModel, Digests, GetDigests, KeyUsage, SlotDigest, SlotKey, SlotKeys};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, Expected};
pub use error_response::{ErrorCode, ErrorResponse, ExtendedErrorData, ResponseNotReady};
pub use flags::{CapabilityExtFlags, CapabilityFlags, MeasCap};
pub use get_version::{GetVersion, Version, VersionNumberEntry};
pub use measurement_block::{
    DEVICE_MODE_INDEX, DeviceMode, DmtfMeasurement, MANIFEST_INDEX, Measurement, MeasurementBlock,
    MeasurementForm, MeasurementRecord, MeasurementType,
};
pub use measurements::{
    ContentChanged, GetMeasurements, MeasurementAttributes, MeasurementOperation, Measurements,
    SignatureRequest,
};
pub use message::{Code, ConnectionKeys, Cx, Decoded, HEADER_LEN, Header, Message};
pub use opaque::{MAX_OPAQUE_DATA_LEN, OpaqueData, OpaqueElement, OpaqueFormat};
pub use pci_identity::{PciIdentity, PciIdentitySyntax};
pub use respond_if_ready::RespondIfReady;
pub use slot::{KeySlot, SlotId, SlotMask};
pub use spdm_version::{SpdmVersion, UnknownVersion};
pub use trace::{Field, Trace};
