//! SPDM certificate chains: their format, the path to a trust anchor, the leaf's profile and names.
//!
//! Bytes become a [`Chain`] (well formed, with a usable leaf key), and a [`Policy`] makes a [`Trusted`] of
//! it. Only the second means anything about who the device is:
//!
//! ```text
//! Untrusted<&[u8]> ── Chain::parse ──> Chain ── Policy::validate ──> Trusted
//!                                        └───── Policy::appraise ──> Appraisal: every check, to be shown
//! Untrusted<&[u8]> ── ProvisionedKey::parse ── Trusted::provisioned ──> Trusted (slot 0xFF)
//! Untrusted<&[u8]> ── SigningRequest::parse ──> SigningRequest (CSR)
//!                     Chain ── Policy::validate_to_install ──> InstallableChain (SET_CERTIFICATE)
//! ```
//!
//! What it does not do: it builds no paths (a chain is in order or refused), and fetches nothing: what is
//! revoked, the caller says.
//!
//! ```
//! use spdm_codec::{SlotId, SpdmVersion};
//! use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Provider};
//! use spdm_untrusted::Untrusted;
//! use spdm_x509::{
//!     Anchor, CertModel, Chain, ChainContext, ChainError, Policy, Trusted, ValidityCheck,
//! };
//!
//! fn trust<'c>(
//!     received: Untrusted<&'c [u8]>,
//!     vendor_root: &[u8],
//!     now: u64,
//!     provider: &Provider,
//! ) -> Result<Trusted<'c>, ChainError> {
//!     let context = ChainContext::new(
//!         SlotId::ZERO,
//!         SpdmVersion::V1_2,
//!         CertModel::DeviceCert,
//!         AsymAlgorithm::Ecdsa(EcCurve::P384),
//!         HashAlgorithm::Sha384,
//!     );
//!     let chain = Chain::parse(received, context, provider)?;
//!     let anchors = [Anchor::Certificate(vendor_root)];
//!     Policy::new(provider, &anchors, ValidityCheck::At(now)).validate(&chain)
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

// What mints certificates for the tests in here and for those beside names the crate in the same way.
#[cfg(test)]
extern crate self as spdm_x509;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod anchor;
mod appraisal;
mod certificate;
mod chain;
mod check;
mod defect;
mod error;
mod extension;
mod field;
mod finding;
mod identity;
mod installation;
mod leaf;
mod ledger;
mod link_cache;
mod name;
mod name_constraints;
mod oid;
mod origin;
mod outcome;
mod path;
mod policy;
mod profile;
mod public_key;
mod requester_info;
mod revocation;
mod rule;
mod san_policy;
mod signature;
mod signing_request;
mod subject_alt_name;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod tlv;
mod trusted;
mod verified_links;

pub use anchor::Anchor;
pub use appraisal::{Appraisal, Conclusion, ContentAppraisal};
pub use certificate::X509Certificate;
pub use chain::{CertModel, CertificateSpace, Chain, ChainContext, ChainHolder, ParsedChain};
pub use check::Check;
pub use error::ChainError;
pub use extension::{BasicConstraints, X509KeyUsage};
pub use finding::{Finding, Ruling};
pub use identity::{Identity, ProvisionedKey};
pub use installation::InstallableChain;
pub use link_cache::{LinkCache, LinkId, LinkTable};
pub use name::Name;
pub use oid::Oid;
pub use outcome::CheckOutcome;
pub use policy::{ChainLimits, Policy, ValidityCheck};
pub use profile::{Demand, Profile, Tolerance};
pub use public_key::KeyAlgorithm;
pub use requester_info::RequesterInfo;
pub use revocation::{Revocation, Revocations};
pub use rule::Rule;
pub use san_policy::SanPolicy;
pub use signing_request::{RequestContext, SigningRequest};
pub use subject_alt_name::{GeneralName, OtherName};
pub use text::Text;
pub use time::Time;
pub use trusted::Trusted;
pub use verified_links::VerifiedLinks;
