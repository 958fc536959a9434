//! Chains as attackers would make them: every field changed in every way and signed again, and what other
//! implementations make of the same bytes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: a panic is the failure"
)]

#[path = "../../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests of the crate itself")]
mod testing;

mod algorithms;
mod good;
mod limbo;
mod mutants;
mod oracles;
mod size;
mod tree;
