//! What is to be attested.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One device of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// As the `spdm` command names it: `tcp:10.0.0.7:4194`, `pci:0000:01:00.0`, `redfish://bmc-7/…`.
    pub target: String,
    /// Whose rules hold for it; [`Target::DEFAULT_CLASS`] where the list names none.
    #[serde(default = "default_class")]
    pub class: String,
    /// The machine that answers for it, for limits per host; [`Target::own_host`] where the list names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What the list says besides. It is copied into results.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The name that the leaf must carry, in the words of the option `--san`, where it is this device's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub san: Option<String>,
}

fn default_class() -> String {
    Target::DEFAULT_CLASS.to_owned()
}

impl Target {
    /// The class of targets for which a list names none.
    pub const DEFAULT_CLASS: &str = "default";

    /// A target of the default class.
    #[must_use]
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            class: default_class(),
            host: None,
            labels: BTreeMap::new(),
            san: None,
        }
    }

    /// How it is reached.
    #[must_use]
    pub fn transport(&self) -> Transport {
        Transport::of(&self.target)
    }

    /// The machine that answers for it: the named one, else the one in the address, else this machine (`local`).
    #[must_use]
    pub fn own_host(&self) -> &str {
        if let Some(host) = &self.host {
            return host;
        }
        let host = match self.transport() {
            Transport::Tcp => self.target.strip_prefix("tcp:").map(without_port),
            Transport::Redfish => self.target.split_once("://").map(|(_, rest)| {
                let authority = rest.split(['/', '?']).next().unwrap_or(rest);
                without_port(authority)
            }),
            _ => None,
        };
        host.unwrap_or("local")
    }
}

/// `HOST`, of `HOST:PORT` and `[V6]:PORT`.
fn without_port(authority: &str) -> &str {
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or(bracketed);
    }
    match authority.rsplit_once(':') {
        // Several colons without brackets: an IPv6 address without a port.
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}

/// How a target is reached. Results and metrics name it; there is no device's text in it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Transport {
    /// A software device in this process.
    Emulated,
    /// DSP0287, or the framing of emulators.
    Tcp,
    /// A mailbox of a PCI function.
    Pci,
    /// An MCTP endpoint.
    Mctp,
    /// A drive's security commands.
    Storage,
    /// The management controller of the machine answers for it.
    Redfish,
    /// A kind that this version does not know.
    Other,
}

impl Transport {
    /// Every transport, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Emulated,
        Self::Tcp,
        Self::Pci,
        Self::Mctp,
        Self::Storage,
        Self::Redfish,
        Self::Other,
    ];

    fn of(target: &str) -> Self {
        match target.split(':').next().unwrap_or(target) {
            "emulated" => Self::Emulated,
            "tcp" => Self::Tcp,
            "pci" => Self::Pci,
            "mctp" => Self::Mctp,
            "nvme" | "scsi" | "ata" => Self::Storage,
            "redfish" | "redfish+http" => Self::Redfish,
            _ => Self::Other,
        }
    }

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emulated => "emulated",
            Self::Tcp => "tcp",
            Self::Pci => "pci",
            Self::Mctp => "mctp",
            Self::Storage => "storage",
            Self::Redfish => "redfish",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, Transport};

    #[test]
    fn the_host_is_the_named_one_or_that_of_the_address() {
        for (target, host, transport) in [
            ("tcp:10.0.0.7:4194", "10.0.0.7", Transport::Tcp),
            ("tcp:rack-7", "rack-7", Transport::Tcp),
            ("tcp:[fe80::1]:4194", "fe80::1", Transport::Tcp),
            ("tcp:fe80::1", "fe80::1", Transport::Tcp),
            ("redfish://bmc-7:8443/redfish/v1/ComponentIntegrity/0", "bmc-7", Transport::Redfish),
            ("redfish+http://[::1]:8000", "::1", Transport::Redfish),
            ("pci:0000:01:00.0", "local", Transport::Pci),
            ("nvme:/dev/nvme0", "local", Transport::Storage),
            ("emulated", "local", Transport::Emulated),
            ("carrier:pigeon", "local", Transport::Other),
        ] {
            let mut of = Target::new(target);
            assert_eq!((of.own_host(), of.transport()), (host, transport), "{target}");
            of.host = Some("named".to_owned());
            assert_eq!(of.own_host(), "named");
        }
    }
}
