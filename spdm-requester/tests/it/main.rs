//! Attestations of an emulated device, with simulated time. One binary, so that a change of the library links once;
//! `alloc` stands apart, for it counts with an allocator of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: a panic is the failure"
)]

mod application_data;
mod attestation;
mod chunking;
mod device_events;
mod device_questions;
mod emulated_sessions;
mod endpoint_info;
mod event_types;
mod examination;
mod examination_in_session;
mod joined_proofs;
mod judge;
mod key_log;
mod known_devices;
mod large_chains;
mod lost_messages;
mod measurement_extension_log;
mod measuring;
mod mutual_authentication;
mod negative_algorithms;
mod negative_certificates;
mod negative_challenge;
mod negative_chunks;
mod negative_errors;
mod negative_framing;
mod negative_measurements;
mod negative_mutual_authentication;
mod negative_negotiation;
mod negative_records;
mod negative_sessions;
mod negative_slots;
mod negotiation;
mod provisioned_key;
mod provisioning;
mod provisioning_transcripts;
mod requester_keys;
mod send;
mod session_answers;
mod session_peer;
mod session_secrets;
mod sessions;
mod sim;
mod slot_choice;
mod slot_management;
mod stray_messages;
mod tokens;
