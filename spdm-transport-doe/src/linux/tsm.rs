//! The folder `tsm` of a function (Linux 6.19 and later, `CONFIG_PCI_TSM`).

use std::fs;
use std::path::Path;
use std::string::{String, ToString};

use super::error::PciError;

/// What a TEE Security Manager of the platform has to do with a function, as the kernel's `tsm/` shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tsm {
    /// The TSM that is connected to the function, for example `tsm0`: it has opened a session (SPDM over the mailbox,
    /// often IDE) and keeps it.
    pub connected: Option<String>,
    /// The function whose mailbox manages this one (Device Security Manager), as sysfs names it.
    pub manager: Option<String>,
    /// The TSM for which the function is locked or running (TDISP).
    pub bound: Option<String>,
}

impl Tsm {
    /// Reads a folder `tsm`; `None` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, PciError> {
        match fs::metadata(folder).map_err(PciError::from) {
            Err(PciError::Absent) => return Ok(None),
            other => other?,
        };
        let attribute = |name: &str| -> Result<Option<String>, PciError> {
            let text = match fs::read_to_string(folder.join(name)).map_err(PciError::from) {
                // Which attributes there are depends on the function and on the kernel.
                Err(PciError::Absent) => return Ok(None),
                other => other?,
            };
            let text = text.trim();
            Ok(if text.is_empty() { None } else { Some(text.to_string()) })
        };
        Ok(Some(Self {
            connected: attribute("connect")?,
            manager: attribute("dsm")?,
            bound: attribute("bound")?,
        }))
    }
}
