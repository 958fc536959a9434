//! Functions in sysfs.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use super::address::PciAddress;
use super::config::SysfsConfig;
use super::error::{PciError, PowerState};
use super::tsm::Tsm;
use crate::object::ObjectType;

/// Where sysfs lists PCI functions.
const DEVICES: &str = "/sys/bus/pci/devices";

/// Whether a function may be used while a driver is bound to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one or the other")]
pub enum BoundDriver {
    /// It may not.
    Refused,
    /// It may: the caller knows that the driver leaves the mailbox alone.
    Allowed,
}

/// Whether a function may be used while a TSM of the platform (TEE Security Manager, PCIe 7.0 §11) is connected to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one or the other")]
pub enum ConnectedTsm {
    /// It may not.
    Refused,
    /// It may: the caller knows that the TSM does not use the mailbox meanwhile.
    Allowed,
}

/// A function, as sysfs shows it.
#[derive(Clone, Debug)]
pub struct PciFunction {
    address: PciAddress,
    folder: PathBuf,
}

impl PciFunction {
    /// The function at this address, whether there is one or not.
    #[must_use]
    pub fn new(address: PciAddress) -> Self {
        Self::below(Path::new(DEVICES), address)
    }

    /// The function at this address in a folder that is laid out like `/sys/bus/pci/devices`.
    #[must_use]
    pub fn below(devices: &Path, address: PciAddress) -> Self {
        Self { address, folder: devices.join(std::format!("{address}")) }
    }

    /// The function's folder in sysfs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All functions of this machine, by address; none where it has no PCI.
    ///
    /// # Errors
    /// [`PciError::Io`], [`PciError::Permission`].
    pub fn all() -> Result<Vec<Self>, PciError> {
        let entries = match fs::read_dir(DEVICES).map_err(PciError::from) {
            Err(PciError::Absent) => return Ok(Vec::new()),
            other => other?,
        };
        let mut functions = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if let Some(address) = name.to_str().and_then(|name| name.parse().ok()) {
                functions.push(Self::new(address));
            }
        }
        functions.sort_by_key(|function| function.address);
        Ok(functions)
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> PciAddress {
        self.address
    }

    /// The name of the driver that is bound.
    #[must_use]
    pub fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.folder.join("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// What the kernel says of the platform's TSM and this function; `None` where no TSM takes the function.
    ///
    /// # Errors
    /// [`PciError::Io`], [`PciError::Permission`].
    pub fn tsm(&self) -> Result<Option<Tsm>, PciError> {
        Tsm::read(&self.folder.join("tsm"))
    }

    /// Whether the kernel, or the platform's TSM, has authenticated the function; `None` where the kernel does not say.
    #[must_use]
    pub fn authenticated(&self) -> Option<bool> {
        // The name of the TSM, or 1 where the kernel itself did it.
        let text = fs::read_to_string(self.folder.join("authenticated")).ok()?;
        Some(!matches!(text.trim(), "" | "0"))
    }

    /// The power state; unknown where the kernel does not say.
    #[must_use]
    pub fn power_state(&self) -> PowerState {
        let name = fs::read_to_string(self.folder.join("power_state")).unwrap_or_default();
        PowerState::parse(name.trim())
    }

    /// The objects that the function's mailboxes know, all together, as the kernel discovered them: newer kernels
    /// than 6.12 list them. No mailbox is touched.
    #[must_use]
    pub fn doe_features(&self) -> Option<Vec<ObjectType>> {
        let entries = fs::read_dir(self.folder.join("doe_features")).ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut objects: Vec<ObjectType> = names.filter_map(|name| feature(&name)).collect();
        objects.sort_by_key(|object| (object.vendor, object.object_type));
        Some(objects)
    }

    /// Opens the configuration space to be read only.
    ///
    /// # Errors
    /// [`PciError::Absent`], [`PciError::Io`].
    pub fn look(&self) -> Result<SysfsConfig, PciError> {
        SysfsConfig::new(File::open(self.folder.join("config"))?)
    }

    /// Opens the configuration space for use of a mailbox.
    ///
    /// # Errors
    /// [`PciError::Absent`], [`PciError::Bound`], [`PciError::Connected`], [`PciError::Power`],
    /// [`PciError::Permission`], [`PciError::NoExtendedSpace`], [`PciError::Io`].
    pub fn open(&self, bound: BoundDriver, tsm: ConnectedTsm) -> Result<SysfsConfig, PciError> {
        let path = self.folder.join("config");
        // First: who unbinds the driver as the other sentence says would still meet the TSM.
        if tsm == ConnectedTsm::Refused && self.tsm()?.is_some_and(|tsm| tsm.connected.is_some()) {
            return Err(PciError::Connected);
        }
        if bound == BoundDriver::Refused && self.driver().is_some() {
            return Err(PciError::Bound);
        }
        match self.power_state() {
            PowerState::D0 | PowerState::Unknown => {}
            state => return Err(PciError::Power(state)),
        }
        let config = SysfsConfig::new(OpenOptions::new().read(true).write(true).open(path)?)?;
        if config.is_extended() { Ok(config) } else { Err(PciError::NoExtendedSpace) }
    }
}

/// `vid:type` in hexadecimal.
fn feature(name: &str) -> Option<ObjectType> {
    let (vendor, object_type) = name.split_once(':')?;
    Some(ObjectType {
        vendor: u16::from_str_radix(vendor, 16).ok()?,
        object_type: u8::from_str_radix(object_type, 16).ok()?,
    })
}
