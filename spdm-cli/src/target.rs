//! Targets: which device is meant, and what reaches it.
//!
//! A kind of target is one file below this one and one entry of [`SCHEMES`].

mod emulated;
#[cfg(target_os = "linux")]
mod mctp;
#[cfg(target_os = "linux")]
mod pci;
mod storage;
mod tcp;

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use spdm_codec::PciIdentity;
use spdm_evidence::CaptureBinding;

use crate::args::{LinkArgs, ListArgs};
use crate::carrier::{Carrier, LineError};
use crate::exit::Failure;
use crate::list::Listing;
pub(crate) use emulated::chunking;
pub(crate) use tcp::framing;

/// What this build can reach.
const SCHEMES: &[Scheme] = &[
    emulated::SCHEME,
    #[cfg(target_os = "linux")]
    pci::SCHEME,
    tcp::SCHEME,
    #[cfg(target_os = "linux")]
    mctp::SCHEME,
    storage::NVME,
    storage::SCSI,
    storage::ATA,
];

/// A kind of target.
#[derive(Debug)]
pub(crate) struct Scheme {
    /// How it is written: the name, and after a colon the address.
    syntax: &'static str,
    /// Reads the address.
    parse: fn(&str) -> Option<Arc<dyn Place>>,
    /// Looks for such targets on this machine, where that is possible.
    list: Option<fn(&ListArgs) -> Listing>,
}

impl Scheme {
    /// The address, where `text` begins with the name.
    fn address<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self.syntax.split_once(':') {
            Some((name, _)) => text.strip_prefix(name)?.strip_prefix(':'),
            None => (text == self.syntax).then_some(""),
        }
    }
}

/// The place of a device: an address that has the right form.
pub(crate) trait Place: fmt::Debug + Send + Sync {
    /// Makes or opens the device, but does not talk to it yet.
    ///
    /// # Errors
    /// What a person can do something about: rights, options, a device that is not there.
    fn open(&self, args: &LinkArgs) -> Result<Box<dyn Endpoint>, Failure>;
}

/// A device that connections lead to, one after another.
pub(crate) trait Endpoint: fmt::Debug {
    /// A new connection.
    ///
    /// # Errors
    /// The transport's.
    fn connect(&mut self) -> Result<Box<dyn Carrier + '_>, LineError>;

    /// What captures show around a message.
    fn capture(&self) -> CaptureBinding;

    /// The trust anchors that it brings: only a device in this process has some.
    fn anchors(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// The PCI function that it is: its leaf has to name it.
    fn pci_identity(&self) -> Option<PciIdentity> {
        None
    }

    /// Whether opening it needed rights that nothing later needs.
    fn is_privileged(&self) -> bool {
        false
    }
}

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: String,
    place: Arc<dyn Place>,
}

impl Target {
    /// Makes or opens the device, but does not talk to it yet.
    ///
    /// # Errors
    /// See [`Place::open`].
    pub(crate) fn open(&self, args: &LinkArgs) -> Result<Box<dyn Endpoint>, Failure> {
        self.place.open(args)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        for scheme in SCHEMES {
            if let Some(address) = scheme.address(text) {
                let place = (scheme.parse)(address);
                let place = place.ok_or_else(|| format!("expected {}", scheme.syntax))?;
                return Ok(Self { text: text.to_owned(), place });
            }
        }
        let syntax: Vec<_> = SCHEMES.iter().map(|scheme| scheme.syntax).collect();
        Err(format!("expected one of {}", syntax.join(", ")))
    }
}

/// What this machine has, one kind of target after another.
pub(crate) fn listings(args: &ListArgs) -> impl Iterator<Item = Listing> {
    SCHEMES.iter().filter_map(|scheme| Some(scheme.list?(args)))
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

    const ANY: &str = "expected one of emulated, pci:DDDD:BB:DD.F, tcp:HOST:PORT, ";

    #[test]
    fn names_of_targets() {
        for text in [
            "emulated",
            "pci:0000:00:05.0",
            "tcp:localhost:2323",
            "tcp:[::1]:4194",
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
            ("tcp:", "expected tcp:HOST:PORT"),
            ("tcp:host", "expected tcp:HOST:PORT"),
            ("tcp::2323", "expected tcp:HOST:PORT"),
            ("tcp:host:99999", "expected tcp:HOST:PORT"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
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
