//! The operations, one file each.

mod attest;
mod attest_provisioned;
mod attestation;
mod challenge;
mod fetch_chain;
mod get_digests;
mod measure;
mod negotiate;
mod recognize;
mod slot_choice;

pub use attest::Attest;
pub use attest_provisioned::AttestProvisioned;
pub use attestation::{AttestationPlan, Attested, Requirement};
pub use challenge::Challenge;
pub use fetch_chain::FetchChain;
pub use get_digests::GetDigests;
pub use measure::{Measure, Measured, Selection};
pub use negotiate::Negotiate;
pub use recognize::Recognize;
pub use slot_choice::SlotChoice;
