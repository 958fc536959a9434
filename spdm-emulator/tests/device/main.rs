//! The device as a Requester sees it: bytes in, bytes out, and transcripts composed here.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is the failure"
)]

mod attestation;
mod certificates;
mod faults;
mod identity;
mod negotiation;
mod provisioning;
mod requester;
mod script;
mod sessions;
mod slot_management;
