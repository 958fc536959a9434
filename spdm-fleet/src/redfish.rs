//! Devices behind the Redfish service of a management controller (DSP0266), which attests them with SPDM on our behalf:
//! ComponentIntegrity (DSP0268).
//!
//! ```text
//! redfish://HOST ── expand ──> redfish://HOST/redfish/v1/ComponentIntegrity/ID …
//!                                      │
//!                         collect: certificate, SPDMGetSignedMeasurements with our nonce, its task
//!                                      │
//!                                   evidence ──> spdm-evidence, which alone judges
//! ```
//!
//! The service is on the way to the device, and is not trusted: it can only bring what the device signed. Every answer is
//! bounded in bytes, depth and time, and none leads to another origin.

mod access;
mod address;
mod client;
mod components;
mod connector;
mod credentials;
mod error;
mod link;
mod measurements;
mod tls;

pub use access::{Access, AccessError};
pub use address::{AddressError, Origin, RedfishTarget, ResourcePath};
pub use client::{Deadline, MAX_BODY_LEN};
pub use components::{Components, Disabled, Expansion, MAX_COMPONENTS, components, expand};
pub use credentials::{Credentials, CredentialsError, EntryFault};
pub use error::RedfishError;
pub use measurements::{Collected, MeasurementRequest, collect};
pub use tls::{Authorities, AuthorityError};
