//! An SPDM requester without I/O, without std, without an allocator: it authenticates devices that speak
//! DMTF DSP0274 1.0 to 1.4 and gets their signed measurements.
//!
//! ```text
//!  Requester<Fresh> ── negotiate ──> Requester<Negotiated> ── fetch_chain ──> Chain ── Policy::validate ──> Trusted ─┐
//!         │                                   ├── challenge ───────> Possession ────────── Verified::new ────────────┴─> Verified
//!         │                                   └── measure_signed ──> Possession + measurement record
//!         └── attest: all of it as one operation
//! ```
//!
//! * An operation is a [`Flow`]: a state machine that tells what to send, receive or wait for. Drivers are
//!   short loops over it: [`blocking::run`], [`nonblocking::run`], or one turn of a superloop.
//! * [`Connection`] is the judge: it decides over every exchange, keeps the transcripts and checks the
//!   signatures. Live flows and offline verifiers call the same [`Connection::accept`].
//! * [`Possession`] says that a key answered our nonce, [`Trusted`](spdm_x509::Trusted) that a chain is one
//!   to believe, and only both together make a [`Verified`] device.
//! * What the caller requires is required: a device that lacks a capability is an error, never a shorter
//!   attestation.
//! * Every loop has a bound: see [`Bounds`].
//!
//! ```
//! use spdm_crypto::{Bank, rustcrypto::{PROVIDER, Running}};
//! use spdm_requester::{DeviceMemory, Requester, RunError, blocking};
//! use spdm_transport::{Clock, Transport};
//!
//! fn version_of<T: Transport, C: Clock>(device: &mut T, clock: &C) -> Result<(), RunError<T::Error>> {
//!     let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
//!     let (storage, ..) = memory.lend();
//!     let requester = Requester::new(PROVIDER, storage, device.limits());
//!     let (requester, ()) =
//!         blocking::run(requester.negotiate(), device, clock).map_err(|failure| failure.error)?;
//!     println!("SPDM {}", requester.negotiated().version);
//!     Ok(())
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod answer;
pub mod blocking;
mod chain_cache;
mod check;
mod config;
mod connection;
mod core;
mod device_memory;
mod env;
mod error;
mod error_cell;
mod flow;
mod negotiated;
pub mod nonblocking;
mod observer;
mod operation;
mod possession;
mod requester;
mod run_result;
mod sink;
mod summary;
mod transaction;
mod transcript;
mod verified;

pub use self::core::Storage;
pub use chain_cache::{ChainCache, KnownChain};
pub use check::{AttestationCheck, CheckStatus};
pub use config::{Bounds, Compat, Offer, Timing};
pub use connection::{Connection, MeasurementSignature, Stage, Verdict, VersionSet};
pub use device_memory::DeviceMemory;
pub use error::{Bound, Buffer, Error, Incompatible, Misbehaviour, Misuse, Refusal, Violation};
pub use flow::{Failure, Flow, Receive, Recovered, Step, Transmit};
pub use negotiated::{Announced, Negotiated, Selected};
pub use observer::{ChainOrigin, Observation, Observer, SignedParts};
pub use operation::{
    Attest, AttestationPlan, Attested, Challenge, Examine, Examined, FetchChain, GetDigests,
    KeySource, Measure, Measured, Negotiate, Operation, Recognize, Requirement, Selection,
    SingleExchange, SlotChoice,
};
pub use possession::{Possession, Proof};
pub use requester::{Fresh, Requester};
pub use run_result::{RunError, RunResult};
pub use sink::{Exchange, Sink};
pub use summary::{SummaryAgreement, SummaryHash, summary_of};
pub use transcript::Bench;
pub use verified::Verified;
