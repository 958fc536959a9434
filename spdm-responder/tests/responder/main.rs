//! The responder against requests that are made here, byte by byte.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is the failure"
)]

mod attestation;
mod bounds;
mod establishment;
mod failures;
mod hook;
mod initiator;
mod large;
mod order;
mod records;
mod session_rules;
mod sim;
