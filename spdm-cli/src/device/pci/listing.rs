//! The functions that have mailboxes, for `spdm list`.

use std::time::Instant;

use spdm_codec::PciIdentity;
use spdm_transport::Duration;
use spdm_transport_doe::linux::{BoundDriver, ConnectedTsm, PciError, PciFunction, Tsm};
use spdm_transport_doe::{ConfigError, ExtendedCapability, ObjectType};

use super::super::listing::{FoundDevice, FoundPart, Listing};
use super::{DISCOVERY, names, objects};
use crate::args::ListArgs;
use crate::line::LineError;

/// The functions with mailboxes. A mailbox is asked for its objects only where nobody else uses it, as far as the kernel
/// tells, or that is allowed.
pub(in crate::device) fn list(args: &ListArgs) -> Listing {
    let mut listing = Listing::new("PCI functions with a mailbox (DOE)");
    let functions = PciFunction::all().unwrap_or_else(|error| {
        listing.notes.push(error.to_string());
        Vec::new()
    });
    let mut hidden = 0;
    for function in &functions {
        match describe(function, args) {
            Ok(found) => listing.found.extend(found),
            Err(ConfigError::Access { error: PciError::Restricted, .. }) => hidden += 1,
            Err(ConfigError::Gone) => {}
            Err(error) => listing.notes.push(format!("{}: {error}", function.address())),
        }
    }
    if hidden > 0 {
        listing
            .notes
            .push(format!("{hidden} functions could not be looked at: {}", PciError::Restricted));
    }
    listing
}

fn describe(
    function: &PciFunction,
    args: &ListArgs,
) -> Result<Option<FoundDevice>, ConfigError<PciError>> {
    let opened = function.look().map_err(|error| ConfigError::Access { offset: 0, error })?;
    let mailboxes = opened.mailboxes()?;
    if mailboxes.is_empty() {
        return Ok(None);
    }
    let PciIdentity { vendor, device, class_code, .. } = opened.identity()?;
    let driver = function.driver();
    let bound =
        driver.as_ref().map_or_else(|| "no driver".to_owned(), |name| format!("driver {name}"));
    let mut found = FoundDevice {
        kind: "pci",
        target: format!("pci:{}", function.address()),
        name: format!("{vendor:04x}:{device:04x} {}, {bound}", class(class_code)),
        parts: Vec::new(),
    };
    let deadline = Instant::now() + DISCOVERY;
    let mut part = |name: String, detail: String| found.parts.push(FoundPart { name, detail });
    let reason = other_user(function, driver.as_deref(), args);
    for mailbox in mailboxes {
        let name = format!("DOE at {:#x}", mailbox.offset);
        let detail = match &reason {
            Some(reason) => format!("not asked: {reason}"),
            None => match ask(function, mailbox, deadline) {
                Ok(objects) => names(&objects),
                Err(error) => error.to_string(),
            },
        };
        part(name, detail);
    }
    if let Some(features) = function.doe_features() {
        part("the kernel found".to_owned(), names(&features));
    }
    match function.tsm() {
        Ok(None) => {}
        Ok(Some(tsm)) => part("TSM".to_owned(), tsm_state(&tsm)),
        Err(error) => part("TSM".to_owned(), format!("not known: {error}")),
    }
    if let Some(authenticated) = function.authenticated() {
        let detail = if authenticated { "yes" } else { "no" };
        part("authenticated (kernel or TSM)".to_owned(), detail.to_owned());
    }
    Ok(Some(found))
}

/// Who else may use the mailboxes, so that they are not asked.
fn other_user(function: &PciFunction, driver: Option<&str>, args: &ListArgs) -> Option<String> {
    if !args.allow_tsm {
        match function.tsm() {
            Ok(Some(Tsm { connected: Some(name), .. })) => {
                return Some(format!("{name} is connected (--allow-tsm asks all the same)"));
            }
            Ok(_) => {}
            Err(error) => {
                return Some(format!(
                    "the state of its TSM is not known: {error} (--allow-tsm asks all the same)"
                ));
            }
        }
    }
    let driver = driver.filter(|_| !args.allow_bound)?;
    Some(format!("{driver} is bound (--allow-bound asks all the same)"))
}

/// What the kernel says in `tsm/`.
fn tsm_state(tsm: &Tsm) -> String {
    let mut text = match &tsm.connected {
        Some(name) => format!("{name} is connected and owns the mailbox"),
        None => "not connected".to_owned(),
    };
    if let Some(name) = &tsm.bound {
        text.push_str(&format!(", the function is locked for {name}"));
    }
    if let Some(manager) = &tsm.manager {
        text.push_str(&format!(", managed by {manager}"));
    }
    text
}

fn ask(
    function: &PciFunction,
    mailbox: ExtendedCapability,
    deadline: Instant,
) -> Result<Vec<ObjectType>, LineError> {
    let config =
        function.open(BoundDriver::Allowed, ConnectedTsm::Allowed).map_err(LineError::transport)?;
    config.lock(Duration::ZERO).map_err(LineError::transport)?;
    objects(&config, mailbox, deadline)
}

/// What the class code says, in words (PCI Code and ID Assignment).
const fn class(code: u32) -> &'static str {
    match (code >> 16, code >> 8 & 0xFF) {
        (0x01, 0x08) => "NVMe controller",
        (0x01, _) => "storage controller",
        (0x02, _) => "network controller",
        (0x03, _) => "display controller",
        (0x04, _) => "multimedia device",
        (0x05, 0x02) => "CXL memory device",
        (0x05, _) => "memory controller",
        (0x06, 0x04) => "PCI bridge",
        (0x06, _) => "bridge",
        (0x07, _) => "communication controller",
        (0x08, _) => "system peripheral",
        (0x0C, _) => "serial bus controller",
        (0x0D, _) => "wireless controller",
        (0x10, _) => "encryption controller",
        (0x11, _) => "signal processor",
        (0x12, _) => "processing accelerator",
        _ => "device",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use clap::Parser;
    use spdm_transport_doe::linux::PciFunction;

    use super::super::open_config;
    use super::describe;
    use crate::args::{Cli, DeviceArgs, ListArgs, Verb};
    use crate::exit::Exit;

    const NAME: &str = "0000:00:05.0";

    /// One function with a mailbox at 0x100, in a folder that is laid out like `/sys/bus/pci/devices`.
    struct Devices(PathBuf);

    impl Devices {
        fn new(name: &str) -> Self {
            let name = format!("spdm-cli-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let mut config = vec![0; 4096];
            for (offset, value) in
                // Registers that read as all ones end an exchange at once.
                [
                    (0, 0x0010_1B36_u32),
                    (8, 0x0108_0202),
                    (0x2C, 0x1100_1AF4),
                    (0x100, 0x0001_002E),
                    (0x10C, u32::MAX),
                ]
            {
                config.splice(offset..offset + 4, value.to_le_bytes());
            }
            fs::create_dir_all(path.join(NAME)).unwrap();
            fs::write(path.join(NAME).join("config"), config).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.join(NAME).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// The parts that `list` shows.
        fn parts(&self, allow_bound: bool, allow_tsm: bool) -> Vec<(String, String)> {
            let function = PciFunction::below(&self.0, NAME.parse().unwrap());
            let args = ListArgs { allow_bound, allow_tsm };
            let found = describe(&function, &args).unwrap().unwrap();
            found.parts.into_iter().map(|part| (part.name, part.detail)).collect()
        }

        /// How opening it as a target ends.
        fn open(&self, options: &str) -> Result<(), (Exit, String)> {
            let function = PciFunction::below(&self.0, NAME.parse().unwrap());
            let opened = open_config(&function, &device_args(options));
            opened.map(drop).map_err(|failure| {
                let hint = failure.hint.unwrap_or_default();
                (failure.exit, format!("{}; {hint}", failure.message))
            })
        }
    }

    impl Drop for Devices {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn device_args(options: &str) -> DeviceArgs {
        let line = format!("spdm info pci:{NAME} {options}");
        match Cli::try_parse_from(line.split_whitespace()).unwrap().verb {
            Verb::Info(args) => args.device,
            verb => panic!("{verb:?}"),
        }
    }

    fn part(name: &str, detail: &str) -> (String, String) {
        (name.to_owned(), detail.to_owned())
    }

    #[test]
    fn the_state_of_a_tsm() {
        let devices = Devices::new("tsm");
        assert_eq!(devices.parts(false, false).len(), 1);
        devices.write("tsm/connect", "\n");
        devices.write("authenticated", "\n");
        let idle = [part("TSM", "not connected"), part("authenticated (kernel or TSM)", "no")];
        let parts = devices.parts(false, false);
        assert_eq!(parts[1..], idle);
        assert!(!parts[0].1.starts_with("not asked"), "{parts:?}");

        devices.write("tsm/connect", "tsm0\n");
        devices.write("tsm/dsm", "0000:00:05.0\n");
        devices.write("tsm/bound", "tsm0\n");
        devices.write("authenticated", "tsm0\n");
        let before = fs::read(devices.0.join(NAME).join("config")).unwrap();
        let connected = [
            part("DOE at 0x100", "not asked: tsm0 is connected (--allow-tsm asks all the same)"),
            part(
                "TSM",
                "tsm0 is connected and owns the mailbox, the function is locked for tsm0, managed by 0000:00:05.0",
            ),
            part("authenticated (kernel or TSM)", "yes"),
        ];
        assert_eq!(devices.parts(false, false), connected);
        assert_eq!(devices.parts(true, false), connected);
        // Not one register was written.
        assert!(before == fs::read(devices.0.join(NAME).join("config")).unwrap());
        let asked = devices.parts(false, true);
        assert!(!asked[0].1.starts_with("not asked"), "{asked:?}");
    }

    #[test]
    fn a_connected_function_is_refused() {
        let devices = Devices::new("refused");
        assert_eq!(devices.open(""), Ok(()));
        devices.write("tsm/connect", "tsm0\n");
        symlink("../../drivers/nvme", devices.0.join(NAME).join("driver")).unwrap();
        for options in ["", "--allow-bound"] {
            let (exit, message) = devices.open(options).unwrap_err();
            assert_eq!(exit, Exit::Usage);
            for word in [
                "pci:0000:00:05.0: tsm0: ",
                "owns its mailbox",
                "write tsm0 to ",
                "0000:00:05.0/tsm/disconnect, or use --allow-tsm",
            ] {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
        // Then the driver is the next who may use it.
        let (exit, message) = devices.open("--allow-tsm").unwrap_err();
        assert_eq!((exit, message.contains("unbind nvme")), (Exit::Usage, true), "{message}");
        assert_eq!(devices.open("--allow-tsm --allow-bound"), Ok(()));
    }
}
