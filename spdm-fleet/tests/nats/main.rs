//! Workers on a real server of NATS JetStream, some of them processes of their own.
#![expect(clippy::unwrap_used, reason = "tests say what they expect with a panic")]

mod access;
mod client;
mod crashes;
mod faults;
mod killed;
mod limits;
mod poison;
mod process;
mod queues;
mod rights;
mod server;
#[path = "../it/stand.rs"]
mod stand;
mod throughput;
