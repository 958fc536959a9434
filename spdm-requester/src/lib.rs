//! crate docs follow
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod blocking;
mod config;
mod connection;
mod error;
mod exchange;
mod flow;
mod negotiated;
pub mod nonblocking;
mod operation;
mod operations;
mod possession;
mod requester;
mod sink;
mod transcript;

pub use blocking::{Outcome, RunError};
pub use config::{Bounds, Offer, Timing};
pub use connection::{Connection, MeasurementSignature, Stage, Verdict, VersionSet};
pub use error::{Bound, Buffer, Error, Incompatible, Misbehaviour, Misuse, Refusal, Violation};
pub use flow::{Failure, Flow, Receive, Recovered, Step, Transmit};
pub use negotiated::{Announced, Negotiated, Selected};
pub use operation::Operation;
pub use operations::{
    Attest, AttestationPlan, Attested, Challenge, FetchChain, GetDigests, Measure, Measured,
    Negotiate, Requirement, Selection,
};
pub use possession::{Possession, Proof, Verified};
pub use requester::{Fresh, Requester, Storage};
pub use sink::{Exchange, Sink};
pub use transcript::Bench;
