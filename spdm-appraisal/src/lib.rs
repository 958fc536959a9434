//! Reference values against SPDM measurements: is what a device runs what it should run?
//!
//! Every format of reference values becomes a list of [`ReferenceState`]s, every kind of evidence a list of [`Element`]s, and
//! one [`Comparison`] serves all:
//!
//! ```text
//! Untrusted<&[u8]> ── Corim::read ──> Corim ── states ──> ReferenceState …  ┐
//! MeasurementRecord ── record_elements ──> Element …                        ┴─ Comparison::new ──> Verdict, Outcome …
//! ```
//!
//! A file of reference values never makes a device verified: it can only add a check. Whose files are taken is apart from
//! whose devices are trusted: [`ReferenceTrust`].
//!
//! ```
//! use spdm_appraisal::{
//!     Comparison, Corim, Dialect, Element, Environment, Environments, Error, Evidence, Extent,
//!     ReferenceTrust, Verdict, record_elements,
//! };
//! use spdm_codec::MeasurementRecord;
//! use spdm_crypto::HashAlgorithm;
//! use spdm_untrusted::Untrusted;
//!
//! fn appraise(
//!     file: &[u8],
//!     record: &MeasurementRecord<'_>,
//!     device: Environment<'_>,
//!     trust: &ReferenceTrust<'_>,
//! ) -> Result<Verdict, Error> {
//!     let corim = Corim::read(Untrusted::new(file), Dialect::Strict, trust, &mut [0; 8192])?;
//!     let mut places = [Element::EMPTY; 64];
//!     let elements = record_elements(record, Some(HashAlgorithm::Sha384), &mut places);
//!     let evidence = Evidence {
//!         environments: Environments::Known(&[device]),
//!         elements: elements.unwrap_or_default(),
//!         keys: &[],
//!         extent: Extent::Whole,
//!     };
//!     let comparison = Comparison::new(&evidence, corim.states(), trust.provider);
//!     Ok(comparison.map_or(Verdict::Mismatch, |comparison| comparison.verdict()))
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "swid")]
extern crate alloc;

mod bundle;
mod cbor;
mod claims;
mod cmw;
mod comid;
mod comparison;
mod concise_evidence;
mod corim;
mod cose;
mod dialect;
mod digest;
mod eat;
mod element;
mod environment;
mod error;
mod keys;
mod manifest;
mod nvidia;
mod rim_locators;
mod satisfaction;
mod signed;
mod signer_chain;
mod state;
#[cfg(feature = "swid")]
mod swid;
mod toc;
mod token;
mod validity;
mod x5chain;

pub use bundle::{Bundle, BundlePart, BundleParts, DevicePart, MAX_PARTS};
pub use cbor::Label;
pub use claims::{Claims, Flags, Indirect, IntRange, RawValue, Registers, Svn, Version};
pub use cmw::{
    CBOR_TUNNEL, COLLECTION_TYPE, Indicator, JSON_TUNNEL, MAX_COLLECTIONS, MessageKind,
    MessageType, WrappedMessage, WrapperEvent, WrapperPlace, is_wrapper, read_wrapper,
};
pub use comparison::{
    Alternative, Comparison, Environments, Evidence, Extent, MAX_ELEMENTS, Outcome, TooMany,
    Verdict, alternatives,
};
pub use concise_evidence::ConciseEvidence;
pub use corim::{Corim, CorimId, Ignored, MAX_FILE, MAX_MEASUREMENTS, Notes, States};
pub use dialect::Dialect;
pub use digest::{Digest, DigestAlgorithm, DigestValue, Digests};
pub use eat::{DebugStatus, Divergence, Eat, OemId};
pub use element::{Element, TooManyElements, record_elements};
pub use environment::{ElementId, Environment, Identifier};
pub use error::{Error, ReadError, Rule};
pub use keys::{CryptoKey, EvidenceKey, KeyList};
pub use manifest::{MANIFEST_INDICES, Manifest, ManifestBlock};
pub use nvidia::{Nvdec0, NvidiaOpaque, OpaqueError, RimName, VbiosVersion};
pub use rim_locators::RimLocators;
pub use satisfaction::Difference;
pub use signed::{REFERENCE_SIGNER, ReferenceKey, ReferenceTrust};
pub use state::{Authority, Origin, ReferenceState, ReferenceValue, ReferenceValues};
#[cfg(feature = "swid")]
pub use swid::{Swid, SwidMismatch, SwidStates};
pub use toc::SpdmToc;
pub use token::{Token, TokenSigner, TokenTrust};
