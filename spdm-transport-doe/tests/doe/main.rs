//! The mailbox procedure against a simulated function: time passes only when somebody waits.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod accesses;
mod asynchronous;
mod discovery;
mod exchange;
mod faults;
mod function;
mod walk;
