//! Why a file is not evidence.

use core::fmt;

use spdm_codec::DecodeError;

/// Why a file could not be read as evidence, or evidence could not be written in a format.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The file is of no format that is known.
    Format,
    /// The capture file itself is damaged.
    Capture(&'static str),
    /// Packets of messages are not in the capture.
    LostPackets {
        /// How many messages are incomplete.
        messages: usize,
    },
    /// The capture is of a link type that carries no SPDM.
    LinkType(u32),
    /// The file holds no SPDM message.
    Empty,
    /// The text is not JSON of the expected form.
    Json(String),
    /// A field holds no hexadecimal digits.
    Hex {
        /// The field.
        field: &'static str,
    },
    /// A field holds no base64.
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// A field holds no PEM certificates.
    Pem,
    /// `interim` holds a message that ends an exchange. Only ERROR with Busy, ResponseNotReady, RequestInFlight
    /// or LargeResponse may stand there.
    Interim,
    /// The file holds more connections than [`Evidence::read`](crate::Evidence::read) takes.
    Connections {
        /// How many.
        count: usize,
    },
    /// A document of another schema version.
    SchemaVersion(u32),
    /// A message of a Standard Measurement Transcript cannot be decoded.
    Message(DecodeError),
    /// A Standard Measurement Transcript does not begin with the negotiation or a measurement.
    Transcript(&'static str),
    /// The evidence has nothing that the format could hold.
    Unwritable(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("the file is of no known evidence format"),
            Self::Capture(what) => write!(f, "the capture file is damaged: {what}"),
            Self::LostPackets { messages } => {
                write!(
                    f,
                    "a packet is missing in the capture; MCTP messages that are incomplete: {messages}"
                )
            }
            Self::LinkType(link) => write!(f, "link type {link} carries no SPDM"),
            Self::Empty => f.write_str("there is no SPDM message in the file"),
            Self::Json(what) => write!(f, "JSON: {}", what.escape_debug()),
            Self::Hex { field } => write!(f, "{field} is not hexadecimal"),
            Self::Base64 { field } => write!(f, "{field} is not base64"),
            Self::Pem => f.write_str("the certificates are not PEM"),
            Self::Interim => f.write_str("interim holds a message that is a final answer"),
            Self::Connections { count } => {
                write!(f, "{count} connections are too many for one file")
            }
            Self::SchemaVersion(version) => {
                write!(f, "schema version {version} is not supported")
            }
            Self::Message(error) => error.fmt(f),
            Self::Transcript(what) => write!(f, "Standard Measurement Transcript: {what}"),
            Self::Unwritable(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Message(error)
    }
}
