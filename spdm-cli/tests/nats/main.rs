//! `spdm fleet submit | work | watch` as their users run them: processes that only a server of NATS JetStream connects.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod authority;
#[path = "../spdm/console.rs"]
mod console;
#[path = "../spdm/devices.rs"]
mod devices;
mod documentation;
mod person;
#[path = "../spdm/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the other verbs")]
mod process;
mod queue;
mod queue_metrics;
mod queue_signals;
mod queue_terminal;
mod queue_tls;
mod queue_units;
mod rights;
#[path = "../spdm/schema.rs"]
mod schema;
#[path = "../../../spdm-fleet/tests/nats/server.rs"]
#[allow(dead_code, reason = "shared with the tests of spdm-fleet")]
mod server;
mod submit;
#[path = "../spdm/terminal.rs"]
#[allow(dead_code, reason = "shared with the tests of the other verbs")]
mod terminal;
mod watch;
mod work;

/// What [`server`] wants to know of its tests.
mod stand {
    /// The job of every test.
    pub(crate) const JOB: &str = "nightly";
    /// How long a test waits for anything.
    pub(crate) const PATIENCE: core::time::Duration = core::time::Duration::from_secs(30);
}
