//! Which device is meant: the TARGET of the command line. [`device`](crate::device) opens it.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
use spdm_transport_doe::linux::PciAddress;
#[cfg(target_os = "linux")]
use spdm_transport_mctp::LinuxEndpoint;

/// A device, as it was named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: String,
    address: Address,
}

/// Where a device is: an address that has the right form.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// A software device in this process.
    Emulated,
    /// A PCI function with a DOE mailbox.
    #[cfg(target_os = "linux")]
    Pci(PciAddress),
    /// `HOST:PORT`, or `HOST` with the port of the framing.
    Tcp(ServerName),
    /// An endpoint of the kernel's MCTP networks.
    #[cfg(target_os = "linux")]
    Mctp(LinuxEndpoint),
    /// A drive behind its security commands.
    Drive(DriveName),
}

/// A drive's device node, and the commands to reach it with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DriveName {
    pub(crate) commands: DriveCommands,
    pub(crate) node: PathBuf,
}

/// The commands of a drive's interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DriveCommands {
    /// Security Send and Security Receive.
    Nvme,
    /// SECURITY PROTOCOL OUT and IN.
    Scsi,
    /// TRUSTED SEND and TRUSTED RECEIVE.
    Ata,
}

impl DriveName {
    fn parse(commands: DriveCommands, node: &str) -> Option<Self> {
        node.starts_with('/').then(|| Self { commands, node: PathBuf::from(node) })
    }
}

/// A host and, where it was given, a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerName {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl ServerName {
    fn parse(text: &str) -> Option<Self> {
        // An IPv6 address stands in brackets: its last part could be a port otherwise.
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                host.parse::<core::net::Ipv6Addr>().ok()?;
                let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
                (host, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.contains('/') {
            return None;
        }
        let port = port.map(str::parse).transpose().ok()?;
        Some(Self { host: host.to_owned(), port })
    }
}

/// How the targets that this build knows are written.
const FORMS: &[&str] = &[
    "emulated",
    #[cfg(target_os = "linux")]
    "pci:DDDD:BB:DD.F",
    "tcp:HOST[:PORT]",
    #[cfg(target_os = "linux")]
    "mctp:[NET,]EID",
    "nvme:/dev/nvmeN",
    "scsi:/dev/sgN",
    "ata:/dev/sdX",
];

impl Target {
    /// Where the device is.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The scheme is what stands before the first colon; "emulated" is the only one without an address.
        let scheme = |form: &&&str| match form.split_once(':') {
            Some((scheme, _)) => {
                text.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(':'))
            }
            None => text == **form,
        };
        let form = FORMS.iter().find(scheme);
        let form =
            form.ok_or_else(|| format!("expected one of {}{}", FORMS.join(", "), complete(text)))?;
        let address = Address::parse(text).ok_or_else(|| {
            let slashes = text.contains("://");
            let without = if slashes { ", without the slashes of a URL" } else { "" };
            format!("expected {form}{without}")
        })?;
        Ok(Self { text: text.to_owned(), address })
    }
}

/// The question whether an address was meant whose scheme is missing; nothing where it looks like none.
fn complete(text: &str) -> String {
    let is_server = text.starts_with("localhost") || text.starts_with('[') || text.contains('.');
    let schemes = [
        ("pci:", true),
        ("pci:0000:", true),
        ("mctp:", true),
        ("nvme:", text.starts_with("/dev/nvme")),
        ("scsi:", text.starts_with("/dev/sg")),
        ("ata:", text.starts_with("/dev/sd")),
        ("tcp:", is_server),
    ];
    let mut candidates = schemes.iter().filter(|(_, fits)| *fits);
    let meant = candidates.find_map(|(scheme, _)| {
        let target = format!("{scheme}{text}");
        Address::parse(&target).map(|_| target)
    });
    meant.map(|target| format!("; did you mean {target}?")).unwrap_or_default()
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        Some(match scheme {
            "emulated" => Self::Emulated,
            #[cfg(target_os = "linux")]
            "pci" => Self::Pci(rest.parse().ok()?),
            "tcp" => Self::Tcp(ServerName::parse(rest)?),
            #[cfg(target_os = "linux")]
            "mctp" => Self::Mctp(rest.parse().ok()?),
            "nvme" => Self::Drive(DriveName::parse(DriveCommands::Nvme, rest)?),
            "scsi" => Self::Drive(DriveName::parse(DriveCommands::Scsi, rest)?),
            "ata" => Self::Drive(DriveName::parse(DriveCommands::Ata, rest)?),
            _ => return None,
        })
    }
}

/// As it was written.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    const ANY: &str = "expected one of emulated, pci:DDDD:BB:DD.F, tcp:HOST[:PORT], ";

    #[test]
    fn names_of_targets() {
        for text in [
            "emulated",
            "pci:0000:00:05.0",
            "tcp:localhost:2323",
            "tcp:localhost",
            "tcp:[::1]:4194",
            "tcp:[::1]",
            "nvme:/dev/nvme0",
        ] {
            assert_eq!(
                text.parse::<Target>().map(|target| target.to_string()),
                Ok(text.to_owned())
            );
        }
        for (text, expected) in [
            ("", ANY),
            ("usb:1", ANY),
            ("emulated:", ANY),
            ("tcp", ANY),
            ("pci:00:05.0", "expected pci:DDDD:BB:DD.F"),
            ("nvme:0", "expected nvme:/dev/nvmeN"),
            ("tcp:", "expected tcp:HOST[:PORT]"),
            ("tcp://host:5", "expected tcp:HOST[:PORT], without the slashes of a URL"),
            ("tcp:host:", "expected tcp:HOST[:PORT]"),
            ("tcp:::1:4194", "expected tcp:HOST[:PORT]"),
            ("tcp:[host]:1", "expected tcp:HOST[:PORT]"),
            ("tcp:[::1]1", "expected tcp:HOST[:PORT]"),
            ("tcp::2323", "expected tcp:HOST[:PORT]"),
            ("tcp:host:99999", "expected tcp:HOST[:PORT]"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn addresses_without_their_scheme() {
        for (text, meant) in [
            ("localhost:2323", "tcp:localhost:2323"),
            ("10.0.0.1", "tcp:10.0.0.1"),
            ("[::1]:2323", "tcp:[::1]:2323"),
            ("0000:01:00.0", "pci:0000:01:00.0"),
            ("01:00.0", "pci:0000:01:00.0"),
            ("9", "mctp:9"),
            ("/dev/nvme0", "nvme:/dev/nvme0"),
            ("/dev/sdb", "ata:/dev/sdb"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.ends_with(&format!("; did you mean {meant}?")), "{text}: {error}");
        }
        for text in ["usb:1", "", "attest", "/dev/null"] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(!error.contains("did you mean"), "{text}: {error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_of_mctp_endpoints() {
        for text in ["mctp:8", "mctp:1,254", "mctp:0x1d"] {
            assert!(text.parse::<Target>().is_ok(), "{text}");
        }
        for text in ["mctp:", "mctp:0", "mctp:7", "mctp:255", "mctp:a", "mctp:1,2,9"] {
            assert_eq!(text.parse::<Target>().unwrap_err(), "expected mctp:[NET,]EID", "{text}");
        }
    }
}
