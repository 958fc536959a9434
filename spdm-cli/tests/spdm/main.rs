//! The command as its users run it: other processes, arguments, exit codes, text.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod attest;
mod backend;
mod basis;
mod bounds;
#[path = "../../../spdm-appraisal/tests/it/build.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod build;
mod chain;
mod console;
mod contract;
mod corim;
mod cut_short;
mod decode;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "loopback has one address"))]
mod devices;
mod documentation;
mod ear;
mod events;
mod faults;
#[cfg(target_os = "linux")]
mod fleet;
#[cfg(target_os = "linux")]
mod fleet_examples;
mod fleet_files;
#[cfg(target_os = "linux")]
mod fleet_metrics;
mod fleet_report;
#[cfg(target_os = "linux")]
mod fleet_stop;
#[cfg(target_os = "linux")]
mod fleet_store;
#[cfg(target_os = "linux")]
mod fleet_terminal;
mod forms;
mod from_file;
mod help;
mod hints;
mod host;
mod in_session;
mod information;
#[cfg(unix)]
mod interrupt;
mod known;
mod matrix;
mod mctp;
mod newcomers;
mod output;
mod pcap;
mod pci_sig;
mod policy;
mod process;
mod provenance;
mod provisioning;
mod queue;
mod redfish;
mod reference_files;
mod references;
mod refusals;
mod schema;
mod scripted;
mod secrets;
mod send;
mod session;
mod small_ca;
#[path = "../../../spdm-appraisal/tests/it/swid_file.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-appraisal")]
mod swid_file;
mod tcp;
#[cfg(target_os = "linux")]
mod terminal;
#[path = "../../../spdm-x509/src/testing.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-x509")]
mod testing;
mod token;
mod usage;
mod workarounds;
