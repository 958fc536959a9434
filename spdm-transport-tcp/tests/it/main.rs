//! Both ends of a connection, as bytes and over loopback sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect with a panic")]

mod frames;
mod loopback;
mod roles;
mod storage;
#[cfg(feature = "tokio")]
mod tokio;
