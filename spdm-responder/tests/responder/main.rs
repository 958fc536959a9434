//! The responder against requests that are made here, byte by byte.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is the failure"
)]
#![cfg_attr(
    feature = "mutual-auth",
    expect(clippy::panic, reason = "helpers of tests: a panic is the failure")
)]

mod attestation;
mod bounds;
mod establishment;
mod events;
mod failures;
mod hook;
#[cfg(feature = "mutual-auth")]
mod host;
mod information;
mod initiator;
mod large;
#[cfg(feature = "mutual-auth")]
mod mutual_auth;
mod order;
#[cfg(feature = "mutual-auth")]
mod own_events;
#[cfg(feature = "provisioning")]
mod provisioning;
mod records;
mod session_rules;
mod sim;
#[cfg(feature = "experimental")]
mod slot_management;
