//! Device nodes, and what the kernel says in sysfs about what is behind them.

use core::fmt;
use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::fs::{FlockOperation, OFlags, flock, major, minor};
use rustix::io::{Errno, retry_on_intr};

use crate::file::{NvmeFile, ScsiFile};

/// Where sysfs is.
const SYSFS: &str = "/sys";
/// Between two tries to get the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Which commands a device takes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DriveInterface {
    /// NVMe admin commands.
    Nvme,
    /// SCSI commands, also with an ATA drive behind them.
    Scsi,
}

/// An open device node of a drive.
///
/// It is open for reading only: what security commands need are rights of the process (`CAP_SYS_ADMIN` for NVMe,
/// `CAP_SYS_RAWIO` for SCSI and ATA) at each command, not a mode of the file, and a disk that was open for writing is
/// looked through by others once it is closed.
#[derive(Debug)]
pub struct DriveNode {
    file: File,
    /// The device's folder in sysfs.
    folder: PathBuf,
    interface: DriveInterface,
}

/// Why a device node cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NodeError {
    /// There is no such file.
    Absent,
    /// The drive behind the node is gone.
    Gone,
    /// The operating system refused otherwise.
    Io(ErrorKind),
    /// Another process uses the drive.
    Locked {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It is no device, but a file or a folder.
    NotADevice,
    /// A device that is no drive, or takes commands of another interface: what the kernel calls it.
    Other {
        /// The kernel's name of the kind.
        subsystem: String,
    },
    /// A part of a drive.
    Partition,
    /// Opening it needs rights.
    Permission,
    /// The kernel does not say what it is: sysfs is not there, or not that of this kernel.
    Unknown,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no such device"),
            Self::Gone => f.write_str("the drive is gone"),
            Self::Io(kind) => kind.fmt(f),
            Self::Locked { waited } => {
                write!(f, "another process has used the drive for {waited:?}")
            }
            Self::NotADevice => f.write_str("this is no device"),
            Self::Other { subsystem } => {
                write!(f, "this is a device of another kind ({subsystem})")
            }
            Self::Partition => f.write_str("this is a partition; the drive as a whole is needed"),
            Self::Permission => f.write_str("opening it needs root"),
            Self::Unknown => f.write_str("sysfs does not say what this device is"),
        }
    }
}

impl core::error::Error for NodeError {}

impl From<std::io::Error> for NodeError {
    fn from(error: std::io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::NotFound, _) => Self::Absent,
            (ErrorKind::PermissionDenied, _) => Self::Permission,
            (_, Some(number)) if number == Errno::NXIO.raw_os_error() => Self::Gone,
            (_, Some(number)) if number == Errno::NODEV.raw_os_error() => Self::Gone,
            (kind, _) => Self::Io(kind),
        }
    }
}

impl DriveNode {
    /// Opens the node at `path`, after the kernel said that it is a drive's: a command that is sent to another kind of
    /// device could mean anything there.
    ///
    /// # Errors
    /// [`NodeError`], but for [`NodeError::Locked`].
    pub fn open(path: &Path) -> Result<Self, NodeError> {
        // What it is comes first: opening some devices already does something.
        let before = fs::metadata(path)?;
        let (folder, interface) = describe(Path::new(SYSFS), &before)?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path)?;
        let opened = file.metadata()?;
        // The name may have been given to another device in between.
        if (before.rdev(), before.file_type()) != (opened.rdev(), opened.file_type()) {
            return Err(NodeError::Gone);
        }
        Ok(Self { file, folder, interface })
    }

    /// Which commands it takes.
    #[must_use]
    pub const fn interface(&self) -> DriveInterface {
        self.interface
    }

    /// Keeps other processes out that take this lock too, until this value, or the file that it becomes, is dropped.
    /// Several nodes of one drive have each a lock of their own.
    ///
    /// # Errors
    /// [`NodeError::Locked`] when another process has kept it for longer than `timeout`; [`NodeError::Io`].
    pub fn lock(&self, timeout: Duration) -> Result<(), NodeError> {
        let started = Instant::now();
        loop {
            match retry_on_intr(|| flock(&self.file, FlockOperation::NonBlockingLockExclusive)) {
                Err(Errno::WOULDBLOCK) if started.elapsed() < timeout => {
                    thread::sleep(LOCK_INTERVAL);
                }
                Err(Errno::WOULDBLOCK) => return Err(NodeError::Locked { waited: timeout }),
                other => return Ok(other.map_err(std::io::Error::from)?),
            }
        }
    }

    /// The address of the PCI function that an NVMe controller is; `None` where it is behind a network. The function
    /// above a SCSI or ATA drive is its host's adapter, not the drive.
    #[must_use]
    pub fn pci_address(&self) -> Option<String> {
        match self.interface {
            DriveInterface::Nvme => pci_address(&self.folder),
            DriveInterface::Scsi => None,
        }
    }

    /// The file, for NVMe commands.
    ///
    /// # Errors
    /// [`NodeError::Other`] when it takes none.
    pub fn into_nvme(self) -> Result<NvmeFile, NodeError> {
        match self.interface {
            DriveInterface::Nvme => Ok(NvmeFile::new(self.file)),
            DriveInterface::Scsi => Err(NodeError::Other { subsystem: "scsi".to_owned() }),
        }
    }

    /// The file, for SCSI commands.
    ///
    /// # Errors
    /// [`NodeError::Other`] when it takes none.
    pub fn into_scsi(self) -> Result<ScsiFile, NodeError> {
        match self.interface {
            DriveInterface::Scsi => Ok(ScsiFile::new(self.file)),
            DriveInterface::Nvme => Err(NodeError::Other { subsystem: "nvme".to_owned() }),
        }
    }
}

/// The device's folder in sysfs, and which commands it takes.
fn describe(sysfs: &Path, metadata: &fs::Metadata) -> Result<(PathBuf, DriveInterface), NodeError> {
    let kind = metadata.file_type();
    let class = match (kind.is_char_device(), kind.is_block_device()) {
        (true, _) => "char",
        (_, true) => "block",
        _ => return Err(NodeError::NotADevice),
    };
    let number = format!("{}:{}", major(metadata.rdev()), minor(metadata.rdev()));
    let folder = sysfs.join("dev").join(class).join(number);
    let folder = folder.canonicalize().map_err(|_| NodeError::Unknown)?;
    let interface = interface(&folder)?;
    Ok((folder, interface))
}

/// Which commands the device of this folder takes.
fn interface(folder: &Path) -> Result<DriveInterface, NodeError> {
    let mut kind = subsystem(folder).ok_or(NodeError::Unknown)?;
    if kind == "block" {
        if folder.join("partition").exists() {
            return Err(NodeError::Partition);
        }
        // A disk is what a device below it is; one without a device, such as a loop device, is none.
        kind = subsystem(&folder.join("device")).unwrap_or(kind);
    }
    match kind.as_str() {
        "nvme" | "nvme-generic" | "nvme-subsystem" => Ok(DriveInterface::Nvme),
        "scsi" | "scsi_generic" => Ok(DriveInterface::Scsi),
        _ => Err(NodeError::Other { subsystem: kind }),
    }
}

/// The kernel's name of a device's kind.
fn subsystem(folder: &Path) -> Option<String> {
    let link = fs::read_link(folder.join("subsystem")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// The nearest folder above that is a PCI function.
fn pci_address(folder: &Path) -> Option<String> {
    let function = folder.ancestors().find(|above| subsystem(above).as_deref() == Some("pci"))?;
    Some(function.file_name()?.to_str()?.to_owned())
}

/// The drives of this machine: a node for each, by name. NVMe controllers, SCSI disks, and SCSI devices that are no
/// disks.
///
/// # Errors
/// [`NodeError`] when a folder of sysfs cannot be read.
pub fn drive_nodes() -> Result<Vec<PathBuf>, NodeError> {
    nodes_below(Path::new(SYSFS))
}

fn nodes_below(sysfs: &Path) -> Result<Vec<PathBuf>, NodeError> {
    let mut nodes = Vec::new();
    for class in ["class/nvme", "block", "class/scsi_generic"] {
        let folder = sysfs.join(class);
        let mut names: Vec<String> = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => {
                let names = entries?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                names.collect()
            }
        };
        // nvme2 before nvme10.
        names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        for name in names {
            let device = folder.join(&name).join("device");
            let wanted = match class {
                "block" => subsystem(&device).as_deref() == Some("scsi"),
                // A disk is listed as such.
                "class/scsi_generic" => !device.join("block").exists(),
                _ => true,
            };
            if wanted {
                nodes.push(Path::new("/dev").join(name));
            }
        }
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{
        DriveInterface, DriveNode, NodeError, Path, PathBuf, fs, interface, nodes_below,
        pci_address,
    };

    /// A folder that is laid out like sysfs.
    struct Sysfs(PathBuf);

    impl Sysfs {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("spdm-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn device(&self, path: &str, subsystem: &str) -> PathBuf {
            let folder = self.0.join(path);
            fs::create_dir_all(&folder).unwrap();
            symlink(Path::new("/bus").join(subsystem), folder.join("subsystem")).unwrap();
            folder
        }
    }

    impl Drop for Sysfs {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no symbolic links")]
    fn what_a_device_takes() {
        let sysfs = Sysfs::new("interface");
        sysfs.device("pci/0000:00:05.0", "pci");
        let nvme = sysfs.device("pci/0000:00:05.0/nvme/nvme0", "nvme");
        assert_eq!(interface(&nvme), Ok(DriveInterface::Nvme));
        assert_eq!(pci_address(&nvme).as_deref(), Some("0000:00:05.0"));
        let namespace = sysfs.device("pci/0000:00:05.0/nvme/nvme0/nvme0n1", "block");
        symlink(&nvme, namespace.join("device")).unwrap();
        assert_eq!(interface(&namespace), Ok(DriveInterface::Nvme));
        fs::write(namespace.join("partition"), "1\n").unwrap();
        assert_eq!(interface(&namespace), Err(NodeError::Partition));
        let fabrics = sysfs.device("virtual/nvme-fabrics/nvme1", "nvme");
        assert_eq!(pci_address(&fabrics), None);

        let scsi = sysfs.device("host0/target/0:0:0:0", "scsi");
        let disk = sysfs.device("host0/target/0:0:0:0/block/sda", "block");
        symlink(&scsi, disk.join("device")).unwrap();
        assert_eq!(interface(&disk), Ok(DriveInterface::Scsi));
        let generic = sysfs.device("host0/target/0:0:0:0/scsi_generic/sg0", "scsi_generic");
        assert_eq!(interface(&generic), Ok(DriveInterface::Scsi));

        for (path, subsystem) in [("loop0", "block"), ("tty", "tty"), ("bsg", "bsg")] {
            let folder = sysfs.device(path, subsystem);
            let other = NodeError::Other { subsystem: subsystem.to_owned() };
            assert_eq!(interface(&folder), Err(other));
        }
        assert_eq!(interface(&sysfs.0), Err(NodeError::Unknown));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no symbolic links")]
    fn drives_of_a_machine() {
        let sysfs = Sysfs::new("list");
        assert_eq!(nodes_below(&sysfs.0), Ok(vec![]));
        let scsi = sysfs.device("scsi", "scsi");
        fs::create_dir_all(scsi.join("block")).unwrap();
        let other = sysfs.device("enclosure", "scsi");
        for (class, name, device) in [
            ("class/nvme", "nvme10", &sysfs.0),
            ("class/nvme", "nvme2", &sysfs.0),
            ("block", "sda", &scsi),
            ("block", "loop0", &sysfs.0),
            ("class/scsi_generic", "sg0", &scsi),
            ("class/scsi_generic", "sg1", &other),
        ] {
            let folder = sysfs.0.join(class).join(name);
            fs::create_dir_all(&folder).unwrap();
            symlink(device, folder.join("device")).unwrap();
        }
        let expected = ["/dev/nvme2", "/dev/nvme10", "/dev/sda", "/dev/sg1"].map(PathBuf::from);
        assert_eq!(nodes_below(&sysfs.0), Ok(expected.to_vec()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no device nodes")]
    fn what_is_no_drive() {
        let error = |path: &str| DriveNode::open(Path::new(path)).unwrap_err();
        assert_eq!(error("/dev/there-is-no-such-drive"), NodeError::Absent);
        assert_eq!(error("/proc/self/status"), NodeError::NotADevice);
        assert_eq!(error("/"), NodeError::NotADevice);
        assert_eq!(error("/dev/null"), NodeError::Other { subsystem: "mem".to_owned() });
    }
}
