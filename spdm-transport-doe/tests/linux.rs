//! Functions in a folder that is laid out like sysfs, and those of this machine.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests say what they expect with a panic, and what they leave out"
)]

use core::time::Duration;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use spdm_transport_doe::linux::{
    BoundDriver, ConnectedTsm, PciAddress, PciError, PciFunction, PowerState, Tsm,
};
use spdm_transport_doe::{ConfigError, ConfigSpace, Mailbox, ObjectType};

/// A folder of functions, removed in the end.
struct Devices(PathBuf);

impl Devices {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A function with a configuration space of this many bytes.
    fn function(&self, name: &str, len: usize) -> PciFunction {
        let address: PciAddress = name.parse().unwrap();
        let folder = self.0.join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut config = vec![0_u8; 4096];
        for (offset, value) in [
            (0x00, 0x0010_1B36_u32),
            (0x08, 0x0108_0202),
            (0x2C, 0x1100_1AF4),
            (0x100, 0x1501_0001),
            (0x150, 0x2001_002E),
            (0x200, 0x0002_002E),
        ] {
            config.splice(offset..offset + 4, value.to_le_bytes());
        }
        config.truncate(len);
        fs::write(folder.join("config"), config).unwrap();
        PciFunction::below(&self.0, address)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const NAME: &str = "0000:00:05.0";

#[test]
fn identity_and_mailboxes() {
    let devices = Devices::new("identity");
    let function = devices.function(NAME, 4096);
    let config = function.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap();
    let name = "Vendor=1b36:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100";
    assert_eq!(config.identity().unwrap().to_string(), name);
    let found = config.mailboxes().unwrap();
    let rows: Vec<_> = found.iter().map(|it| (it.offset, it.version)).collect();
    assert_eq!(rows, [(0x150, 1), (0x200, 2)]);
    // Both mailboxes of a function over the same file.
    let both: Vec<_> = found.iter().filter_map(|it| Mailbox::new(&config, *it)).collect();
    assert_eq!(both.len(), 2);
}

#[test]
fn accesses_are_four_bytes_little_endian() {
    let devices = Devices::new("accesses");
    let function = devices.function(NAME, 4096);
    let mut config = function.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap();
    config.write(0x160, 0x1234_5678).unwrap();
    assert_eq!(config.read(0x160), Ok(0x1234_5678));
    let bytes = fs::read(devices.0.join(NAME).join("config")).unwrap();
    assert_eq!((bytes.len(), &bytes[0x15F..0x165]), (4096, &[0, 0x78, 0x56, 0x34, 0x12, 0][..]));
}

#[test]
fn drivers_and_power() {
    let devices = Devices::new("drivers");
    let function = devices.function(NAME, 4096);
    assert_eq!((function.driver(), function.power_state()), (None, PowerState::Unknown));
    symlink("../../drivers/nvme", devices.0.join(NAME).join("driver")).unwrap();
    assert_eq!(function.driver().as_deref(), Some("nvme"));
    assert_eq!(
        function.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap_err(),
        PciError::Bound
    );
    assert!(function.open(BoundDriver::Allowed, ConnectedTsm::Refused).is_ok());
    devices.write(&format!("{NAME}/power_state"), "D3hot\n");
    let asleep = PciError::Power(PowerState::D3Hot);
    assert_eq!(function.open(BoundDriver::Allowed, ConnectedTsm::Refused).unwrap_err(), asleep);
    devices.write(&format!("{NAME}/power_state"), "D0\n");
    assert!(function.open(BoundDriver::Allowed, ConnectedTsm::Refused).is_ok());
}

#[test]
fn a_function_that_a_tsm_is_connected_to() {
    let devices = Devices::new("tsm");
    let function = devices.function(NAME, 4096);
    let write = |name: &str, text: &str| devices.write(&format!("{NAME}/{name}"), text);
    let open = |bound, tsm| function.open(bound, tsm).map(drop);
    assert_eq!((function.tsm(), function.authenticated()), (Ok(None), None));
    // There is a TSM, and it could connect.
    write("tsm/connect", "\n");
    write("tsm/bound", "\n");
    write("authenticated", "\n");
    assert_eq!(function.tsm(), Ok(Some(Tsm::default())));
    assert_eq!(function.authenticated(), Some(false));
    assert_eq!(open(BoundDriver::Refused, ConnectedTsm::Refused), Ok(()));
    write("tsm/connect", "tsm0\n");
    write("tsm/dsm", "0000:00:05.0\n");
    write("authenticated", "tsm0\n");
    let tsm = function.tsm().unwrap().unwrap();
    assert_eq!(tsm.connected.as_deref(), Some("tsm0"));
    assert_eq!((tsm.manager.as_deref(), tsm.bound), (Some(NAME), None));
    assert_eq!(function.authenticated(), Some(true));
    assert_eq!(open(BoundDriver::Refused, ConnectedTsm::Refused), Err(PciError::Connected));
    // One leave does not give the other, and the TSM is named first.
    assert_eq!(open(BoundDriver::Allowed, ConnectedTsm::Refused), Err(PciError::Connected));
    assert_eq!(open(BoundDriver::Refused, ConnectedTsm::Allowed), Ok(()));
    symlink("../../drivers/nvme", devices.0.join(NAME).join("driver")).unwrap();
    assert_eq!(open(BoundDriver::Refused, ConnectedTsm::Refused), Err(PciError::Connected));
    assert_eq!(open(BoundDriver::Refused, ConnectedTsm::Allowed), Err(PciError::Bound));
    assert_eq!(open(BoundDriver::Allowed, ConnectedTsm::Allowed), Ok(()));
    // The kernel's own authentication, without a TSM.
    for (text, expected) in [("0\n", false), ("1\n", true)] {
        write("authenticated", text);
        assert_eq!(function.authenticated(), Some(expected));
    }
    // What cannot be read is not taken for not connected.
    fs::remove_file(devices.0.join(NAME).join("tsm/connect")).unwrap();
    fs::create_dir(devices.0.join(NAME).join("tsm/connect")).unwrap();
    assert!(matches!(open(BoundDriver::Allowed, ConnectedTsm::Refused), Err(PciError::Io(_))));
}

#[test]
fn features_as_newer_kernels_list_them() {
    let devices = Devices::new("features");
    let function = devices.function(NAME, 4096);
    assert_eq!(function.doe_features(), None);
    for name in ["0001:01", "0001:02", "1e98:00", "power"] {
        devices.write(&format!("{NAME}/doe_features/{name}"), "");
    }
    let features = function.doe_features().unwrap();
    let cxl = ObjectType { vendor: 0x1E98, object_type: 0 };
    assert_eq!(features, [ObjectType::CMA_SPDM, ObjectType::SECURED_CMA_SPDM, cxl]);
}

#[test]
fn what_a_person_can_do_something_about() {
    let devices = Devices::new("errors");
    let absent = PciFunction::below(&devices.0, "0000:00:06.0".parse().unwrap());
    assert_eq!(
        absent.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap_err(),
        PciError::Absent
    );
    assert_eq!(absent.look().unwrap_err(), PciError::Absent);
    let small = devices.function("0000:00:07.0", 256);
    assert_eq!(
        small.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap_err(),
        PciError::NoExtendedSpace
    );
    // Conventional PCI: nothing is wrong, there is just nothing behind 256 bytes.
    let look = small.look().unwrap();
    assert_eq!(look.mailboxes(), Ok(Vec::new()));
    let error = PciError::NoExtendedSpace;
    assert_eq!(look.identity().unwrap_err(), ConfigError::Access { offset: 0x100, error });
    // Without rights the kernel shows 64 bytes of a file that is longer.
    let shown = devices.function("0000:00:08.0", 4096).look().unwrap();
    devices.function("0000:00:08.0", 64);
    let error = PciError::Restricted;
    assert_eq!(shown.mailboxes().unwrap_err(), ConfigError::Access { offset: 0x100, error });
    let cut = devices.function("0000:00:09.0", 4096).look().unwrap();
    devices.function("0000:00:09.0", 0x102);
    let error = PciError::Io(std::io::ErrorKind::UnexpectedEof);
    assert_eq!(cut.mailboxes().unwrap_err(), ConfigError::Access { offset: 0x100, error });
}

#[test]
fn one_process_at_a_time() {
    let devices = Devices::new("lock");
    let function = devices.function(NAME, 4096);
    let first = function.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap();
    let second = function.open(BoundDriver::Refused, ConnectedTsm::Refused).unwrap();
    first.lock(Duration::ZERO).unwrap();
    let waited = Duration::from_millis(30);
    assert_eq!(second.lock(waited), Err(PciError::Locked { waited }));
    first.lock(Duration::ZERO).unwrap();
    drop(first);
    second.lock(Duration::ZERO).unwrap();
}

/// The functions of this machine: their first 64 bytes are everybody's.
#[test]
fn this_machine() {
    let functions = PciFunction::all().unwrap();
    if functions.is_empty() {
        println!("skipped: this machine has no PCI functions");
    }
    for function in functions {
        let mut config = function.look().unwrap();
        let ids = config.read(0).unwrap();
        assert_ne!(ids & 0xFFFF, 0xFFFF, "{}", function.address());
    }
}
