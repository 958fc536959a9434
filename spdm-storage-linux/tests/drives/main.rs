//! Drives that lie, break and vanish, behind the seam between commands and system calls.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod ata;
mod fakes;
mod messages;
mod nvme;
mod scsi;

use core::time::Duration;

const LONG: Duration = Duration::from_secs(30);
