//! The device side of SPDM (a Responder of DMTF DSP0274 1.0 to 1.4): `no_std`, no allocation, bytes in, bytes out.
//!
//! A [`Responder`] works on memory that is lent to it ([`Memory`]), asks a [`Device`] for chains, signatures,
//! measurements and random numbers, and offers what a [`Config`] says. It composes its transcripts itself and shares no
//! check with a Requester, so that the two cannot be wrong together.
//!
//! ```text
//! transport ─> process(message, out) ─> RESPOND_IF_READY · chunks ─> one handler per pair of messages ─> Device
//!                                          └──── Hook: before · compose · sign · leave ────┘
//! ```
//!
//! * Every buffer is the caller's; the answer is written where the transport sends from.
//! * Large messages travel in chunks, both ways (CHUNK_CAP).
//! * A [`Hook`] sees requests and answers and may change them: emulators and tests misbehave through it, slow devices
//!   answer ResponseNotReady.
//!
//! * Sessions live in [`SessionSlot`]s that the caller lends, and are erased at each of their ends. A message of a session
//!   comes as a record, to [`Responder::process_secured`], and nowhere else.
//!
//! * With the feature `mutual-auth` the device asks its Requester who it is (`RequesterAuthentication`).
//! * With the feature `provisioning` it makes certification requests, takes certificates and changes key pairs
//!   (`Provisioning`).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod agreement;
mod algorithms;
mod capabilities;
mod certificate;
mod challenge;
mod chunks;
mod closing;
mod config;
mod connection;
#[cfg(feature = "provisioning")]
mod csr;
mod device;
mod digests;
mod dispatch;
mod draft;
#[cfg(feature = "mutual-auth")]
mod encapsulated;
mod end_session;
#[cfg(feature = "information")]
mod endpoint_info;
#[cfg(feature = "events")]
mod events;
mod exchange;
mod finish;
#[cfg(feature = "mutual-auth")]
mod flow;
mod heartbeat;
mod hook;
#[cfg(feature = "information")]
mod information;
mod key_exchange;
#[cfg(feature = "provisioning")]
mod key_pairs;
mod key_update;
#[cfg(feature = "information")]
mod measurement_extension_log;
mod measurements;
#[cfg(feature = "mutual-auth")]
mod mutual;
#[cfg(not(feature = "mutual-auth"))]
#[path = "without_mutual.rs"]
mod mutual;
mod opening;
#[cfg(all(feature = "events", feature = "mutual-auth"))]
mod own_event;
#[cfg(feature = "provisioning")]
mod provisioning;
mod psk_exchange;
mod psk_finish;
mod record;
mod refusal;
#[cfg(feature = "mutual-auth")]
mod requester_authentication;
#[cfg(feature = "mutual-auth")]
mod requester_chain;
#[cfg(feature = "mutual-auth")]
mod requester_challenge;
#[cfg(feature = "provisioning")]
mod requester_info;
#[cfg(feature = "mutual-auth")]
mod requester_key_update;
mod responder;
mod scope;
mod sending;
mod session;
#[cfg(feature = "provisioning")]
mod set_certificate;
#[cfg(feature = "experimental")]
mod slot_banks;
#[cfg(feature = "experimental")]
mod slot_management;
mod transcript;
mod turn;
mod vendor_defined;
mod version;

pub use agreement::{Peer, Suite};
pub use config::{Config, DOUBLEWORD_PADDING};
pub use connection::Connection;
pub use device::{
    ApplicationData, Coverage, Device, MeasuredBlock, MeasurementWanted, VendorMessages,
};
pub use draft::Draft;
#[cfg(feature = "events")]
pub use events::EventSource;
#[cfg(all(feature = "events", feature = "mutual-auth"))]
pub use events::{EventToTell, WantedEvents};
pub use hook::{About, Arrival, Before, Hook, NoHook, Signing};
#[cfg(feature = "information")]
pub use information::{Information, LogProgress, LogReading};
#[cfg(feature = "provisioning")]
pub use provisioning::{
    ChainOffered, CsrWanted, Environment, KeyPair, KeyPairChange, KeyPairWanted, Obstacle,
    PostponedCsr, Provisioning, TakesEffect,
};
#[cfg(feature = "mutual-auth")]
pub use requester_authentication::{
    AuthenticationDemand, Judgement, OwnRequest, OwnRequests, ProvisionedRequester, RequestOutcome,
    RequesterAuthentication, RequesterChain,
};
pub use responder::{Memory, Responder};
pub use session::SessionSlot;
#[cfg(feature = "experimental")]
pub use slot_banks::{BankAlgorithms, BankSlot, SlotBank, SlotBanks};
pub use transcript::{HASH_PLACES, hash_places};
