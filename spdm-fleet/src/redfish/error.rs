//! What goes wrong with a Redfish service, and what that makes of an item.

use core::fmt;
use core::time::Duration;

use super::address::AddressError;
use crate::outcome::{Fault, Finding, OutcomeKind, Reason};

/// The longest text of a service that an error repeats, in characters.
const QUOTED: usize = 200;

/// Why a service brought no evidence. Texts of the service in it are cut, and are the service's: escape them where they are
/// shown.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RedfishError {
    /// The address.
    Address(AddressError),
    /// No connection.
    Connection {
        /// What the system says.
        detail: String,
    },
    /// No answer, or no end of a task, in the time that the item has.
    Timeout {
        /// What was asked last.
        path: String,
        /// The time.
        waited: Duration,
    },
    /// The service is busy or broken for now: 429, 500, 502, 503, 504.
    Busy {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
    },
    /// TLS failed: no trust anchor leads to the service's certificate, or it is not the pinned one.
    Tls {
        /// Why.
        detail: String,
    },
    /// The file of credentials names none for this service.
    NoCredentials,
    /// The service does not take the credentials: 401, 403.
    Denied {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
    },
    /// There is no such resource: 404.
    Missing {
        /// What was asked.
        path: String,
    },
    /// The service has no component that could be attested.
    NoComponents {
        /// What it has.
        note: Option<String>,
    },
    /// Its components were not known when the run began, and are no targets.
    NotListed {
        /// How many it has.
        components: usize,
    },
    /// The service cannot do it for this component.
    NotSupported {
        /// What was asked.
        path: String,
        /// What is missing, or what the service says.
        detail: String,
    },
    /// The service, or its device, gave up on the measurements.
    Failed {
        /// What was asked.
        path: String,
        /// What the service says.
        detail: String,
    },
    /// The service broke a rule of HTTP, of Redfish, or of ours.
    Protocol {
        /// What was asked.
        path: String,
        /// The rule.
        detail: String,
    },
}

impl RedfishError {
    pub(super) fn protocol(path: &impl fmt::Display, detail: impl Into<String>) -> Self {
        Self::Protocol { path: path.to_string(), detail: detail.into() }
    }

    pub(super) fn not_supported(path: &impl fmt::Display, detail: impl Into<String>) -> Self {
        Self::NotSupported { path: path.to_string(), detail: detail.into() }
    }

    /// What it makes of an item. Only what may be different by itself is tried again; nothing is ever verified by it.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let (kind, fault, check, passing) = match self {
            Self::Address(_) => (OutcomeKind::Undecidable, Fault::Configuration, "target", false),
            Self::Connection { .. } | Self::Timeout { .. } | Self::Busy { .. } => {
                (OutcomeKind::Unreachable, Fault::Transport, "connection", true)
            }
            Self::Tls { .. } => (OutcomeKind::Undecidable, Fault::Configuration, "tls", false),
            Self::NoCredentials | Self::Denied { .. } => {
                (OutcomeKind::Undecidable, Fault::Configuration, "credentials", false)
            }
            Self::Missing { .. } | Self::NoComponents { .. } | Self::NotListed { .. } => {
                (OutcomeKind::Undecidable, Fault::Configuration, "redfish", false)
            }
            Self::NotSupported { .. } => {
                (OutcomeKind::Undecidable, Fault::Device, "redfish", false)
            }
            Self::Failed { .. } | Self::Protocol { .. } => {
                (OutcomeKind::DeviceError, Fault::Transport, "redfish", false)
            }
        };
        let reason = Reason { check: check.to_owned(), index: None, detail: self.to_string() };
        Finding { kind, fault, reason: Some(reason), passing }
    }
}

impl fmt::Display for RedfishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(f),
            Self::Connection { detail } => write!(f, "no connection to the Redfish service: {detail}"),
            Self::Timeout { path, waited } => {
                write!(f, "{path}: no result after {:.1} s", waited.as_secs_f64())
            }
            Self::Busy { path, status } => write!(f, "{path}: the service answered {status}"),
            Self::Tls { detail } => write!(f, "the Redfish service is not trusted: {detail}"),
            Self::NoCredentials => f.write_str(
                "no credentials for this Redfish service: --redfish-credentials names a file with them",
            ),
            Self::Denied { path, status: 401 } => {
                write!(f, "{path}: the service does not take the credentials (401)")
            }
            Self::Denied { path, status } => {
                write!(f, "{path}: the user may not do this ({status})")
            }
            Self::Missing { path } => write!(f, "{path}: the service has no such resource (404)"),
            Self::NoComponents { note: Some(note) } => {
                write!(f, "no enabled component of SPDM; {note}")
            }
            Self::NoComponents { note: None } => f.write_str("no component of SPDM is listed"),
            Self::NotListed { components } => write!(
                f,
                "the service did not list its components when the run began, and does now ({components}): start again"
            ),
            Self::NotSupported { path, detail } => write!(f, "{path}: not supported: {detail}"),
            Self::Failed { path, detail } => write!(f, "{path}: no measurements: {detail}"),
            Self::Protocol { path, detail } => write!(f, "{path}: {detail}"),
        }
    }
}

impl core::error::Error for RedfishError {}

impl From<AddressError> for RedfishError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

/// A text of the service, cut.
pub(super) fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}
