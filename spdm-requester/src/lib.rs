//! An SPDM requester without I/O, without std, without an allocator: it authenticates devices that speak
//! DMTF DSP0274 1.0 to 1.4 and gets their signed measurements.
//!
//! ```text
//!  Requester<Fresh> ── negotiate ──> Requester<Negotiated> ── fetch_chain ──> Chain ── Policy::validate ──> Trusted ─┐
//!         │                                   ├── challenge ───────> Possession ────────── Verified::new ────────────┴─> Verified
//!         │                                   └── measure_signed ──> Possession + measurement record
//!         │                                   └── open_session ────> a session + Possession; in_session(..) runs the next operation there
//!         └── attest: all of it as one operation
//! ```
//!
//! * An operation is a [`Flow`]: a state machine that tells what to send, receive or wait for. Drivers are
//!   short loops over it: [`blocking::run`], [`nonblocking::run`], or one turn of a superloop.
//! * [`Connection`] decides: it checks every response against its request, keeps the transcripts and verifies
//!   the signatures. Live flows and offline verifiers call the same [`Connection::accept`].
//! * [`Possession`] says that a key answered our nonce, [`Trusted`](spdm_x509::Trusted) that a chain is one
//!   to believe, and only both together make a [`Verified`] device.
//! * What the caller requires is required: a device that lacks a capability is an error, never a shorter
//!   attestation.
//! * Every loop has a bound: see [`Bounds`].
//!
//! # The way of one response
//!
//! | word | meaning | where |
//! |---|---|---|
//! | received | the transport has written a message into the receive area | [`Receive::received`], `flow.rs` |
//! | answer | the message completes the response to the request; Busy, ResponseNotReady and chunks come before | `transaction/reception.rs`, `answer.rs` |
//! | checked | the answer is compared with its request and with what was negotiated | `connection/*.rs`, one file for each pair of messages |
//! | accepted | every check passed: the exchange enters the transcripts and the connection changes | [`Connection::accept`], `accepted.rs` |
//! | rejected | a check failed: nothing changes, the error ends the flow | `error_cell.rs` |
//! | answered | the operation uses what was accepted, and makes the next request or is done | `operation/*.rs` |
//!
//! A [`Sink`] sees every exchange that was accepted or rejected. An [`Error`] is written once, into the flow's
//! error cell; functions return a reference to it.
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

mod accepted;
mod answer;
pub mod blocking;
mod chain_cache;
mod check;
mod config;
mod connection;
mod core;
mod device_memory;
#[cfg(feature = "mutual-auth")]
mod encapsulation;
mod endpoint_proof;
mod env;
mod error;
mod error_cell;
mod events;
mod flow;
#[cfg(feature = "mutual-auth")]
mod local_identity;
mod negotiated;
pub mod nonblocking;
mod observer;
mod operation;
mod possession;
mod requester;
mod run_result;
mod session;
mod sink;
mod summary;
mod transaction;
mod transcript;
mod verified;
mod version_set;

pub use self::core::Storage;
pub use accepted::{Accepted, EndpointInfoAuthenticity, MeasurementSignature};
pub use chain_cache::{ChainCache, KnownChain};
pub use check::{AttestationCheck, CheckStatus};
pub use config::{AlphaVersions, Bounds, Compat, Offer, Timing};
pub use connection::{BegunPskSession, BegunSession, Connection, Stage};
pub use device_memory::DeviceMemory;
#[cfg(feature = "mutual-auth")]
pub use encapsulation::SessionFate;
pub use endpoint_proof::EndpointProof;
pub use error::{Bound, Buffer, Error, Incompatible, Misbehaviour, Misuse, Refusal, Violation};
pub use events::{Events, Subscription};
pub use flow::{Failure, Flow, Receive, Recovered, Step, Transmit};
#[cfg(feature = "mutual-auth")]
pub use local_identity::{AuthenticationFault, LocalChain, LocalIdentity, LocalKey};
pub use negotiated::{Announced, Negotiated, Selected};
pub use observer::{ChainOrigin, Observation, Observer, SignedParts};
pub use operation::Operation;
pub use operation::attest::{Attest, Attested};
pub use operation::attestation_plan::{
    AttestationPlan, KeySource, NegotiationSigning, Requirement,
};
pub use operation::challenge::ProvePossession;
pub use operation::event_types::{FetchEventTypes, Subscribe};
pub use operation::examine::Examine;
pub use operation::examine_in_session::{ExamineInSession, ToUntrusted};
pub use operation::examined::Examined;
pub use operation::exchange::SingleExchange;
pub use operation::fetch_chain::FetchChain;
pub use operation::fetch_digests::FetchDigests;
pub use operation::fetch_endpoint_info::{DeviceClasses, FetchEndpointInfo};
pub use operation::fetch_every_chain::{FetchEveryChain, SlotChains};
pub use operation::fetch_log::{FetchLog, UnsignedLog};
pub use operation::get_csr::{CsrOutcome, CsrPlan, FetchCsr};
pub use operation::key_pairs::{DesiredKey, FetchKeyPair, KeyPairAction, SetKeyPair};
pub use operation::measure::{Measure, Measured, Selection};
pub use operation::negotiate::Negotiate;
pub use operation::open_psk_session::OpenPskSession;
pub use operation::open_session::OpenSession;
#[cfg(feature = "mutual-auth")]
pub use operation::receive_events::{EventSink, ReceiveEvents};
pub use operation::recognize::Recognize;
#[cfg(feature = "mutual-auth")]
pub use operation::serve_device::{ServeDevice, Served};
pub use operation::session_control::{CloseSession, SendHeartbeat, UpdateKeys, UpdatedKeys};
pub use operation::session_handshake::{Opened, SessionPlan};
pub use operation::set_certificate::{Effect, SetSlot};
pub use operation::slot_choice::SlotChoice;
#[cfg(feature = "experimental")]
pub use operation::slots::{BankChange, ChangeBank, FetchSlotCsr, FetchSlots, SlotAnswer};
pub use possession::{Possession, Proof};
pub use requester::{Fresh, Requester, SessionDue};
pub use run_result::{RunError, RunResult};
pub use session::{
    KeyLog, LoggedSessions, SessionBank, SessionFault, SessionHandle, SessionSecret, SessionSlot,
    Sessions,
};
pub use sink::{Exchange, Sink};
pub use summary::{SummaryAgreement, SummaryHash, summary_of};
pub use transcript::Crypto;
pub use verified::Verified;
