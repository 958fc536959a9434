//! The responder against requests that are made here, byte by byte.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is the failure"
)]

mod attestation;
mod bounds;
mod hook;
mod large;
mod order;
mod sim;
