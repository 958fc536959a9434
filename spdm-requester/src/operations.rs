//! The operations, one file each.

mod attest;
mod attestation_plan;
mod challenge;
mod examine;
mod fetch_chain;
mod get_digests;
mod measure;
mod negotiate;
mod recognize;
mod sequence;
mod slot_choice;

pub use attest::{Attest, Attested};
pub use attestation_plan::{AttestationPlan, KeySource, Requirement};
pub use challenge::Challenge;
pub use examine::{Examine, Examined};
pub use fetch_chain::FetchChain;
pub use get_digests::GetDigests;
pub use measure::{Measure, Measured, Selection};
pub use negotiate::Negotiate;
pub use recognize::Recognize;
pub use slot_choice::SlotChoice;
