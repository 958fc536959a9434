//! Captures and evidence of SPDM connections (DMTF DSP0274), and their offline verification.
//!
//! ```text
//! bytes ── Evidence::read ──> Evidence { Recording … } ── Verifier::verify ──> Report per connection and slot
//!   pcap, pcapng                                               │
//!   Standard Measurement Transcript                            └ spdm_requester::Connection: the same judge
//!   JSON of attestation tools                                    that a live connection has
//!   own JSON (docs/schema/evidence.json)
//! ```
//!
//! A [`Report`] says `verified` only where a signature of the leaf key over the recorded transcript holds,
//! the chain leads to a trust anchor of the caller, nothing that was checked failed, and nothing that the
//! caller required was left out. A live requester fills the same [`ReportBuilder`].
//!
//! ```
//! use spdm_crypto::rustcrypto::{PROVIDER, Running};
//! use spdm_crypto::Bank;
//! use spdm_evidence::{Error, Evidence, ReadOptions, Verifier};
//! use spdm_x509::{Anchor, ValidityCheck};
//!
//! fn verify(file: &[u8], root: &[u8], now: u64) -> Result<bool, Error> {
//!     let evidence = Evidence::read(file, &ReadOptions::default())?;
//!     let anchors = [Anchor::Certificate(root)];
//!     let verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(now));
//!     let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
//!     Ok(!reports.is_empty() && reports.iter().all(|report| report.verified()))
//! }
//! ```
#![forbid(unsafe_code)]

mod bundle;
mod capture;
mod certificate_list;
mod chain_library;
mod collector;
mod connections;
mod conversation;
pub mod dice;
mod document;
mod ear;
mod error;
mod evidence;
mod evidence_reader;
mod file_kind;
mod format;
mod host;
mod known_chains;
mod known_devices;
mod listing;
mod note;
#[cfg(feature = "schema")]
mod pattern;
mod pem;
mod policy;
mod public_key;
mod recorder;
mod recording;
mod reference;
mod replay;
mod replay_hashes;
mod report;
#[cfg(feature = "schema")]
pub mod schema;
mod secrets;
mod secrets_log;
mod secured_record;
mod session;
mod session_judge;
mod sha256;
mod standard_transcript;
mod statement;
mod text;
mod tool_json;
mod unpacked;
mod verify;
mod wire_records;
mod written;

pub use bundle::BundledPart;
pub use capture::{
    Capture, CaptureBinding, CaptureDirection, CaptureEvent, CaptureForm, CaptureReader,
    CaptureWriter, CapturedMessage, Channel, Layer, Peers,
};
pub use certificate_list::{CertificateList, ListOrder};
pub use conversation::{Content, Conversation, FoundMessage, Origin};
pub use ear::{Ear, EarKeyError};
pub use error::{Error, PemFault};
pub use evidence::{Evidence, Presumption};
pub use evidence_reader::EvidenceReader;
pub use file_kind::FileKind;
pub use format::{Format, ReadOptions, Records};
pub use known_chains::KnownChains;
pub use known_devices::{KnownDevice, KnownDevices};
pub use listing::Listing;
pub use note::{CountedNote, Note, NoteCounter};
pub use policy::{PolicySummary, VerdictPolicy, WAIVABLE, WaiverStatus, WaiverSummary};
pub use public_key::public_key;
pub use recorder::Recorder;
pub use recording::{
    Broken, CapturedRecord, ChainContent, Negotiation, RecordedExchange, Recording, SlotChain,
};
pub use reference::{
    AssertedEnvironment, ClassId, Completeness, DeviceEnvironment, ExpectedForm, ExpectedOrigin,
    ExpectedValue, Reference, ReferenceFile, ReferenceFormat, ReferenceVerdict, WrittenReference,
};
pub use report::{
    Basis, BasisSignature, CheckResult, ClaimedDigest, ClaimedElement, ClaimedEnvironment,
    ClaimedRegister, ClaimsSummary, DeviceModes, DeviceRequests, ExitClass, Freshness,
    HandshakeProtection, IdentitySummary, MeasuredValue, NegotiationCover, Nonces,
    RecordProtection, ReferenceFileSummary, ReferenceStatus, ReferenceSummary, Report,
    ReportBuilder, ReportError, ReportErrorKind, SessionEnd, SessionKeys, SessionKind,
    SessionSummary, TokenClaims, TokenOptions, VendorExchange, missing_algorithm,
};
pub use secrets::Secrets;
pub use secrets_log::SecretsLog;
pub use secured_record::{NotOpened, SecuredRecord};
pub use sha256::sha256_hex;
pub use spdm_requester::{AttestationCheck, CheckStatus, Proof};
pub use statement::Statement;
pub use text::{plain_text, printable_text};
pub use tool_json::{WrappedReference, wrapped_references};
pub use unpacked::Unpacked;
pub use verify::{Judge, Signatures, Verifier};
pub use wire_records::WireRecords;
pub use written::Written;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
