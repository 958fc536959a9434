//! crate docs follow
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod connection;
mod error;
mod negotiated;
mod possession;
mod transcript;

pub use connection::{Connection, MeasurementSignature, Stage, Verdict, VersionSet};
pub use error::{Bound, Buffer, Error, Incompatible, Misbehaviour, Misuse, Refusal, Violation};
pub use negotiated::{Announced, Negotiated, Selected};
pub use possession::{Possession, Proof, Verified};
pub use transcript::Bench;
