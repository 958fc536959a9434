//! The drives that know SPDM, for `spdm list`.

use std::path::Path;

use spdm_storage_linux::{
    DriveError, DriveInfo, DriveInterface, DriveNode, NodeError, NvmeDrive, ScsiDrive, drive_nodes,
};
use spdm_transport::Duration;
use spdm_transport_storage::{DMTF, ProtocolList, SecurityProtocol};

use super::super::listing::{FoundDevice, FoundPart, Listing};

/// How long a drive may take for one command.
const PATIENCE: Duration = Duration::from_secs(2);

/// The drives whose list of security protocols has DMTF's. Each is asked who it is and for that list, no more.
pub(in crate::device) fn list() -> Listing {
    let mut listing = Listing::new("Drives with SPDM in their security commands");
    let nodes = drive_nodes().unwrap_or_else(|error| {
        listing.notes.push(error.to_string());
        Vec::new()
    });
    let (mut without, mut forbidden) = (0, 0);
    for node in &nodes {
        match describe(node) {
            Ok(Some(found)) => listing.found.push(found),
            Ok(None) => without += 1,
            Err(ListingError::Forbidden) => forbidden += 1,
            Err(ListingError::Other(error)) => {
                listing.notes.push(format!("{}: {error}", node.display()));
            }
        }
    }
    if without > 0 {
        listing.notes.push(format!("drives that do not list security protocol 0xE8: {without}"));
    }
    if forbidden > 0 {
        listing.notes.push(format!("drives that only root can ask: {forbidden}"));
    }
    listing
}

enum ListingError {
    /// A right is missing.
    Forbidden,
    Other(String),
}

impl From<NodeError> for ListingError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Permission => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<DriveError> for ListingError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Permission { .. } => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }
}

fn describe(path: &Path) -> Result<Option<FoundDevice>, ListingError> {
    let node = DriveNode::open(path)?;
    if node.interface() == DriveInterface::Nvme {
        return match NvmeDrive::open(node.into_nvme()?, PATIENCE) {
            Ok(mut drive) => {
                let info = drive.info().clone();
                Ok(protocols(&mut drive)?.map(|parts| found("nvme", path, &info, parts)))
            }
            Err(DriveError::NoSecurityCommands) => Ok(None),
            Err(error) => Err(error.into()),
        };
    }
    let mut drive = ScsiDrive::open(node.into_scsi()?, PATIENCE)?;
    let info = drive.info().clone();
    Ok(protocols(&mut drive)?.map(|parts| found("scsi", path, &info, parts)))
}

fn found(kind: &'static str, path: &Path, info: &DriveInfo, parts: Vec<FoundPart>) -> FoundDevice {
    let DriveInfo { model, serial, firmware, .. } = info;
    let serial = if serial.is_empty() { "without a serial number" } else { serial };
    FoundDevice {
        kind,
        target: format!("{kind}:{}", path.display()),
        name: format!("{model}, serial {serial}, firmware {firmware}"),
        parts,
    }
}

/// The drive's security protocols, if DMTF's is among them; a drive without such commands has none.
fn protocols<P>(drive: &mut P) -> Result<Option<Vec<FoundPart>>, ListingError>
where
    P: SecurityProtocol<Error = DriveError>,
{
    let mut data = [0; ProtocolList::MAX_LEN];
    let len = match drive.receive(ProtocolList::PROTOCOL, 0, &mut data, PATIENCE) {
        Ok(len) => len,
        Err(DriveError::Nvme(_) | DriveError::Sense(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let list = ProtocolList::decode(data.get(..len).unwrap_or_default());
    let list = list.map_err(|error| ListingError::Other(error.to_string()))?;
    if !list.contains(DMTF) {
        return Ok(None);
    }
    let numbers = (0..=u8::MAX).filter(|number| list.contains(*number));
    let numbers: Vec<String> = numbers.map(|number| format!("{number:#04x}")).collect();
    let name = "security protocols".to_owned();
    Ok(Some(vec![FoundPart { name, detail: numbers.join(", ") }]))
}
