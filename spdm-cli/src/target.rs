//! Targets: which device is meant, and what reaches it.
//!
//! A kind of target is one file below this one and one entry of [`SCHEMES`].

mod emulated;
#[cfg(target_os = "linux")]
mod mctp;
mod storage;
mod tcp;

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use spdm_evidence::CaptureBinding;

use crate::args::LinkArgs;
use crate::carrier::{Carrier, LineError};
use crate::exit::Failure;
pub(crate) use emulated::chunking;
pub(crate) use tcp::framing;

/// What this build can reach.
const SCHEMES: &[Scheme] = &[
    emulated::SCHEME,
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
        let known: Vec<_> = SCHEMES.iter().map(|scheme| scheme.syntax).collect();
        Err(format!("expected one of {}", known.join(", ")))
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

    #[test]
    fn names_of_targets() {
        for text in ["emulated", "tcp:localhost:2323", "tcp:[::1]:4194", "nvme:/dev/nvme0"] {
            assert_eq!(
                text.parse::<Target>().map(|target| target.to_string()),
                Ok(text.to_owned())
            );
        }
        for (text, expected) in [
            ("", "expected one of emulated, tcp:HOST:PORT, "),
            ("usb:1", "expected one of emulated, tcp:HOST:PORT, "),
            ("emulated:", "expected one of emulated, tcp:HOST:PORT, "),
            ("tcp", "expected one of emulated, tcp:HOST:PORT, "),
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
