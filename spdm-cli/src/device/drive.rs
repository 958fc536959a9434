//! `nvme:/dev/nvmeN`, `scsi:/dev/sgN`, `ata:/dev/sdX`: a drive behind its security commands (DSP0286).

mod listing;

use core::fmt;

use spdm_codec::PciIdentity;
use spdm_evidence::CaptureBinding;
use spdm_storage_linux::{AtaDrive, DriveError, DriveNode, NodeError, NvmeDrive, ScsiDrive};
use spdm_transport::{Duration, StdClock};
use spdm_transport_doe::linux::PciFunction;
use spdm_transport_storage::{SecurityProtocol, StorageError, StorageTransport};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::exit::Failure;
use crate::line::{DeviceLine, LineError, TransportLine};
use crate::target::{DriveCommands, DriveName};
pub(super) use listing::list;

pub(super) fn open(name: &DriveName, args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    let target = &args.target;
    let of_node = |error: NodeError| {
        let hint = other_commands(name, &error).unwrap_or_default();
        let message = format!("{target}: {error}{hint}");
        match error {
            NodeError::NotADevice | NodeError::Other { .. } | NodeError::Partition => {
                Failure::usage(message)
            }
            _ => Failure::transport(message),
        }
    };
    let of_drive = |error: DriveError| Failure::transport(format!("{target}: {error}"));
    let node = DriveNode::open(&name.node).map_err(of_node)?;
    node.lock(args.connection.timeout).map_err(of_node)?;
    let (function, timeout) = (node.pci_address(), args.connection.timeout);
    match name.commands {
        DriveCommands::Nvme => {
            let drive = NvmeDrive::open(node.into_nvme().map_err(of_node)?, timeout);
            let drive = drive.map_err(of_drive)?;
            let identity = function.as_deref().map(identity).transpose();
            let identity = identity.map_err(|error| {
                Failure::transport(format!("{target}: the drive's PCI function: {error}"))
            })?;
            Ok(Box::new(Drive { drive, identity, timeout }))
        }
        DriveCommands::Scsi => {
            let drive = ScsiDrive::open(node.into_scsi().map_err(of_node)?, timeout);
            Ok(Box::new(Drive { drive: drive.map_err(of_drive)?, identity: None, timeout }))
        }
        DriveCommands::Ata => {
            let drive = AtaDrive::open(node.into_scsi().map_err(of_node)?, timeout);
            Ok(Box::new(Drive { drive: drive.map_err(of_drive)?, identity: None, timeout }))
        }
    }
}

/// Where the node is that of a drive, but of another kind.
fn other_commands(name: &DriveName, error: &NodeError) -> Option<String> {
    let NodeError::Other { subsystem } = error else { return None };
    let scheme = match (subsystem.as_str(), name.commands) {
        ("scsi", DriveCommands::Nvme) => "scsi",
        ("nvme", DriveCommands::Scsi | DriveCommands::Ata) => "nvme",
        _ => return None,
    };
    Some(format!("; use {scheme}:{}", name.node.display()))
}

/// Who the PCI function says that it is, in its own configuration space.
fn identity(address: &str) -> Result<PciIdentity, LineError> {
    let address = address.parse().map_err(LineError::transport)?;
    let config = PciFunction::new(address).look().map_err(LineError::transport)?;
    config.identity().map_err(LineError::transport)
}

/// An open drive. Its commands need the process's rights one by one, so that none are given up.
#[derive(Debug)]
struct Drive<P> {
    drive: P,
    /// The PCI function that an NVMe controller is.
    identity: Option<PciIdentity>,
    timeout: Duration,
}

type DriveTransport<'d, P> = StorageTransport<&'d mut P, StdClock>;

impl<P: SecurityProtocol<Error = DriveError> + fmt::Debug> OpenDevice for Drive<P> {
    fn connect(&mut self, timeout: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        let mut scratch = vec![0; self.drive.max_transfer()];
        let transport =
            StorageTransport::open(&mut self.drive, StdClock::new(), &mut scratch, timeout)?;
        Ok(Box::new(TransportLine(transport.with_round_trip(self.timeout))))
    }

    /// Security commands have no link type.
    fn capture(&self) -> CaptureBinding {
        CaptureBinding::Bare
    }

    fn pci_identity(&self) -> Option<PciIdentity> {
        self.identity
    }
}

impl<P: SecurityProtocol<Error = DriveError> + fmt::Debug> DeviceLine
    for TransportLine<DriveTransport<'_, P>>
{
    fn silence(&self) -> Option<String> {
        Some("the drive took the request and has announced no answer".to_owned())
    }
}

impl From<StorageError<DriveError>> for LineError {
    fn from(error: StorageError<DriveError>) -> Self {
        match error {
            StorageError::Command(command) => command.into(),
            StorageError::Field(_) | StorageError::Short { .. } | StorageError::TooLong { .. } => {
                Self::framing(error)
            }
            StorageError::Unanswered => Self::timeout(error),
            _ => Self::transport(error),
        }
    }
}

/// The byte of ATA PASS-THROUGH (16) that has the command.
const ATA_COMMAND: u16 = 14;

impl From<DriveError> for LineError {
    fn from(error: DriveError) -> Self {
        match error {
            _ if error.is_timeout() => Self::timeout(error),
            DriveError::Sense(sense) if sense.field == Some(ATA_COMMAND) => Self::transport(error)
                .with_hint(
                    "Linux passes this ATA command on only with libata.allow_tpm=1; scsi: reaches the same drive without",
                ),
            _ => Self::transport(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use spdm_storage_linux::{DriveError, NodeError};
    use spdm_transport::{Allowed, FieldError};
    use spdm_transport_storage::StorageError;

    use super::{DriveCommands, DriveName, LineError, other_commands};
    use crate::exit::Exit;

    /// Whose fault it is decides the exit code.
    #[test]
    fn kinds_of_failure() {
        let field = FieldError { field: "DataLength", allowed: Allowed::AtLeast(12), got: 1 };
        for (error, exit, kind) in [
            (StorageError::Command(DriveError::Cancelled), Exit::Transport, "timeout"),
            (StorageError::Command(DriveError::Gone), Exit::Transport, "transport"),
            (StorageError::NoSpdm, Exit::Transport, "transport"),
            (StorageError::Unanswered, Exit::Transport, "timeout"),
            (StorageError::Field(field), Exit::Protocol, "framing"),
            (StorageError::Short { announced: 9, got: 8 }, Exit::Protocol, "framing"),
            (StorageError::TooLong { room: 1, announced: 2 }, Exit::Protocol, "framing"),
        ] {
            let line = LineError::from(error);
            let got = serde_json::to_value(line.kind).unwrap();
            assert_eq!((line.exit, got), (exit, kind.into()), "{line}");
        }
    }

    #[test]
    fn the_target_of_another_interface() {
        let other = |commands, subsystem: &str| {
            let name = DriveName { commands, node: PathBuf::from("/dev/x") };
            other_commands(&name, &NodeError::Other { subsystem: subsystem.to_owned() })
        };
        assert_eq!(other(DriveCommands::Nvme, "scsi").as_deref(), Some("; use scsi:/dev/x"));
        assert_eq!(other(DriveCommands::Ata, "nvme").as_deref(), Some("; use nvme:/dev/x"));
        assert_eq!(other(DriveCommands::Scsi, "mem"), None);
    }
}
