//! Messages of SPDM (DMTF DSP0274 1.0 to 1.4): decoding and encoding of requests and responses.
//!
//! `no_std`, no allocation, no unsafe. Decoding borrows from the received bytes, which come wrapped in
//! [`Untrusted`]; whatever is wrong with them becomes a [`DecodeError`] that
//! names message, field, offset, expectation and value.
//!
//! ```
//! use spdm_codec::{Cx, Message, SpdmVersion, Untrusted, Version};
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
//! * One type per message; [`Request`], [`Response`] and [`AnyMessage`] stand for any of them.
//! * What a later version added is an `Option`: `None` before.
//! * [`Cx`] holds what decoding depends on besides the bytes: version, negotiated sizes, padding. A [`Follower`]
//!   builds it from the messages of the negotiation.
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
mod algorithm_bits;
mod any;
mod any_message;
mod capabilities;
mod certificate;
mod chain;
mod challenge;
mod chunk;
mod chunk_error;
mod code;
mod csr;
mod cx;
mod digests;
mod encapsulated;
mod end_session;
mod endpoint_info;
mod error;
mod error_response;
mod event_groups;
mod events;
mod ext_algorithms;
mod finish;
mod flag_rules;
mod flags;
mod follower;
mod get_version;
mod header;
mod header_only;
mod key_exchange;
mod key_pair_info;
mod key_update;
mod large_message;
mod measurement_block;
mod measurement_extension_log;
mod measurements;
mod message;
mod negotiate_algorithms;
mod nonce;
mod opaque;
mod pci_identity;
pub mod pci_sig;
mod psk_exchange;
mod psk_finish;
mod reader;
mod record_binding;
mod record_protection;
mod respond_if_ready;
mod secured_message;
mod sent_chunk;
mod set_certificate;
mod slot;
#[cfg(feature = "experimental")]
mod slot_management;
mod spdm_version;
mod standards_body;
#[cfg(test)]
mod testing;
mod trace;
mod vendor_defined;
mod wire;
mod writer;

pub use alg_structs::{AlgStructs, ExternalAlgStructs};
pub use algorithm_bits::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, DheNamedGroup, KemAlgo, KeyScheduleAlgo,
    MeasurementHashAlgo, MeasurementSpecification, MelSpecification, OtherParams, PqcAsymAlgo,
};
pub use any::{Request, Response};
pub use any_message::AnyMessage;
pub use capabilities::{
    AlgorithmsBlock, Capabilities, Capability, GetCapabilities, MIN_DATA_TRANSFER_SIZE,
    SupportedAlgorithms, TransferSizes,
};
pub use certificate::{Certificate, CertificateForm, CertificateRequest, GetCertificate};
pub use chain::CertChain;
pub use challenge::{BasicMutAuth, Challenge, ChallengeAuth, MeasurementSummary};
pub use chunk::{
    Chunk, ChunkAckAttributes, ChunkAttributes, ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck,
};
pub use chunk_error::ChunkError;
pub use code::Code;
pub use csr::{Csr, CsrAttributes, GetCsr, PendingCsr};
pub use cx::{ConnectionKeys, Cx, Handshake};
pub use digests::{CertificateModel, Digests, KeyUsage, SlotDigest, SlotKey, SlotKeys};
pub use encapsulated::{
    AckPayload, DeliverEncapsulatedResponse, EncapsulatedRequest, EncapsulatedResponseAck,
    InnerMessage,
};
pub use end_session::{EndSession, EndSessionAttributes};
pub use endpoint_info::{
    DeviceClassIdentifier, DeviceClassIdentifiers, EndpointInfo, EndpointInfoSignature,
    EndpointInfoSubCode, GetEndpointInfo,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, Expected};
pub use error_response::{ErrorCode, ErrorResponse, ExtendedErrorData, ResponseNotReady};
pub use event_groups::{DmtfEventType, EventGroup, EventGroupAttributes, EventGroupList};
pub use events::{
    DmtfEvent, Event, EventGroups, SendEvent, SubscribeEventTypes, SupportedEventTypes,
};
pub use ext_algorithms::{ExtAlgorithm, ExtAlgorithms};
pub use finish::{Finish, FinishRsp, RequesterSignature};
pub use flags::{CapabilityExtFlags, CapabilityFlags, MeasCap};
pub use follower::{Follower, Side, Strand};
pub use get_version::{GetVersion, Version, VersionNumberEntry};
pub use header::{HEADER_LEN, Header};
pub use header_only::{
    EndSessionAck, EventAck, GetDigests, GetEncapsulatedRequest, GetSupportedEventTypes, Heartbeat,
    HeartbeatAck, SetKeyPairInfoAck, SubscribeEventTypesAck,
};
pub use key_exchange::{KeyExchange, KeyExchangeRsp, MutAuthRequested, SessionPolicy};
pub use key_pair_info::{
    DesiredKeyPair, GetKeyPairInfo, KeyPairAsymAlgo, KeyPairCapabilities, KeyPairInfo,
    KeyPairOperation, KeyPairPqc, SetKeyPairInfo, SizedPqcAsymAlgo,
};
pub use key_update::{KeyOperation, KeyUpdate, KeyUpdateAck};
pub use large_message::{LargeMessage, Progress};
pub use measurement_block::{
    DEVICE_MODE_INDEX, DeviceMode, DmtfMeasurement, MANIFEST_INDEX, Measurement, MeasurementBlock,
    MeasurementForm, MeasurementRecord, MeasurementType,
};
pub use measurement_extension_log::{
    GetMeasurementExtensionLog, MeasurementExtensionLog, MeasurementExtensionLogPortion, MelEntry,
};
pub use measurements::{
    ContentChanged, GetMeasurements, MeasurementAttributes, MeasurementOperation, Measurements,
    SignatureRequest,
};
pub use message::{Decoded, Message};
pub use negotiate_algorithms::{Algorithms, NegotiateAlgorithms};
pub use nonce::{
    NONCE_LEN, REQUESTER_CONTEXT_LEN, RequesterContext, RequesterNonce, ResponderNonce,
};
pub use opaque::{MAX_OPAQUE_DATA_LEN, OpaqueData, OpaqueElement, OpaqueFormat};
pub use pci_identity::{PciIdentity, PciIdentitySyntax};
pub use psk_exchange::{PskExchange, PskExchangeRsp, PskRequesterContext, PskResponderContext};
pub use psk_finish::{PskFinish, PskFinishRsp};
pub use record_binding::RecordBinding;
pub use record_protection::{RecordPrivacy, RecordProtection};
pub use respond_if_ready::RespondIfReady;
pub use secured_message::{
    NO_AEAD_LIMIT, Plaintext, SecuredMessage, SecuredMessageData, SecuredMessageVersion, TAG_LEN,
};
pub use sent_chunk::{Acknowledged, SentChunk};
pub use set_certificate::{SetCertificate, SetCertificateOperation, SetCertificateRsp};
pub use slot::{KeySlot, SlotId, SlotMask};
#[cfg(feature = "experimental")]
pub use slot_management::{
    BankAttributes, BankDetails, BankElement, BankElements, BankInfo, KeyAlgorithms, MAX_BANK_ID,
    ManageBank, ManageSlot, SlotAddress, SlotAttributes, SlotBytes, SlotCertificate,
    SlotCsrRequest, SlotElement, SlotElements, SlotManagement, SlotManagementBody,
    SlotManagementResp, SlotManagementSubCode, SlotSubCodes,
};
pub use spdm_untrusted::{Untrusted, Validate};
pub use spdm_version::{SpdmVersion, UnknownVersion};
pub use standards_body::{StandardsBody, VendorHeader};
pub use trace::{Field, Trace};
pub use vendor_defined::{
    VendorDefined, VendorDefinedForm, VendorDefinedRequest, VendorDefinedResponse,
};
