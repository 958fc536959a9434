//! Drivers for real drives under Linux, on which [`StorageTransport`](spdm_transport_storage::StorageTransport) carries
//! SPDM messages (DSP0286).
//!
//! ```text
//! StorageTransport ── SecurityProtocol ── NvmeDrive ── NvmeAdmin ────── NvmeFile ── NVME_IOCTL_ADMIN_CMD
//!                                         ScsiDrive ┐
//!                                         AtaDrive  ┴─ ScsiGeneric ──── ScsiFile ── SG_IO
//! ```
//!
//! * [`NvmeDrive`], [`ScsiDrive`] and [`AtaDrive`] build commands and judge how they ended. They know no system call:
//!   what carries a command is behind [`NvmeAdmin`] or [`ScsiGeneric`], which another operating system, or a test, may
//!   implement, too.
//! * [`DriveNode`] opens `/dev/nvme0`, `/dev/sg0` or `/dev/sda`, after it has made sure of what stands behind it, and
//!   makes the file that carries commands (Linux only).
//! * [`DriveError`] says in words why a command failed.
//!
//! Security commands need root: `CAP_SYS_ADMIN` for NVMe, `CAP_SYS_RAWIO` for SCSI and ATA.
//!
//! The two system calls are in one module, `src/sys.rs`, which is the only unsafe code here and in the workspace.
//!
//! The drive is not trusted: no length or count that it names is used before it was compared with what was asked for, and
//! its memory accesses are given whole pages that hold nothing else.

#[cfg(target_os = "linux")]
mod abi;
mod ata;
mod buffer;
mod drive_info;
mod error;
#[cfg(target_os = "linux")]
mod file;
mod host_status;
mod identify;
mod inquiry;
#[cfg(target_os = "linux")]
mod node;
mod nvme;
mod nvme_status;
mod passthrough;
mod scsi;
mod scsi_commands;
mod sense;
#[cfg(target_os = "linux")]
mod sys;

pub use ata::AtaDrive;
pub use drive_info::DriveInfo;
pub use error::DriveError;
#[cfg(target_os = "linux")]
pub use file::{NvmeFile, ScsiFile};
pub use host_status::{HostStatus, ScsiStatus};
#[cfg(target_os = "linux")]
pub use node::{DriveInterface, DriveNode, NodeError, drive_nodes};
pub use nvme::NvmeDrive;
pub use nvme_status::NvmeStatus;
pub use passthrough::{NvmeAdmin, OsError, ScsiGeneric, ScsiOutcome, SenseBuffer, Transfer};
pub use scsi::ScsiDrive;
pub use sense::{AtaStatus, Sense, SenseKey};
