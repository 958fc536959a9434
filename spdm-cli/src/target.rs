//! Targets: which device is meant.

use core::fmt;
use core::str::FromStr;

/// A device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// A software device in this process.
    Emulated,
    /// Behind a TCP socket.
    Tcp {
        /// `HOST:PORT`.
        address: String,
    },
}

/// Targets that this build cannot reach.
const NOT_YET: [&str; 5] = ["pci:", "mctp:", "nvme:", "scsi:", "ata:"];

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "emulated" {
            return Ok(Self::Emulated);
        }
        if let Some(address) = text.strip_prefix("tcp:") {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            return match port.map(|(_, port)| port.parse::<u16>()) {
                Some(Ok(_)) => Ok(Self::Tcp { address: address.to_owned() }),
                _ => Err("expected tcp:HOST:PORT".to_owned()),
            };
        }
        if let Some(scheme) = NOT_YET.into_iter().find(|scheme| text.starts_with(scheme)) {
            return Err(format!("this build has no {scheme} targets yet"));
        }
        Err("expected emulated or tcp:HOST:PORT".to_owned())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulated => f.write_str("emulated"),
            Self::Tcp { address } => write!(f, "tcp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn names_of_targets() {
        for text in ["emulated", "tcp:localhost:2323", "tcp:[::1]:4194"] {
            assert_eq!(
                text.parse::<Target>().map(|target| target.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["", "tcp:", "tcp:host", "tcp::2323", "tcp:host:99999", "usb:1"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        let error = "pci:0000:01:00.0".parse::<Target>().unwrap_err();
        assert_eq!(error, "this build has no pci: targets yet");
    }
}
