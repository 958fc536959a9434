//! Evidence, captures and reports that need no sample files.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod apart;
mod bundle;
mod capture_writer;
mod claims;
mod clear_finish;
mod conversation;
#[path = "../../../spdm-appraisal/tests/it/build.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod corim_build;
mod ear;
mod ear_token;
mod forged;
mod formats;
mod hidden;
mod known;
mod left_out;
mod live;
mod live_session;
mod live_swid;
mod manifests;
mod nonces;
mod one_authority;
mod pcap;
mod policy;
mod policy_values;
mod recorded_session;
mod recorder;
#[cfg(feature = "rego")]
mod rego;
mod report;
mod requests;
mod session;
mod several;
mod shown;
mod shuffled;
mod streamed;
#[path = "../../../spdm-appraisal/tests/it/swid_file.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod swid_file;
mod tcp;
mod tcp_packets;
#[path = "../../../spdm-x509/src/testing.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod testing;
mod work;
mod written;
