//! The formats of evidence: how a file is recognised, read and written.

use crate::capture::Capture;
use crate::document;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::note::Note;
use crate::nvidia;
use crate::standard_transcript;

/// How many connections a file may hold. Without a limit a small file of GET_VERSIONs would make a huge report.
const CONNECTIONS: usize = 4096;

/// A format of evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A pcap or pcapng file.
    Capture,
    /// DMTF Standard Measurement Transcript, binary or in hexadecimal.
    StandardTranscript,
    /// The JSON that NVIDIA's attestation tools write.
    NvidiaJson,
    /// The JSON of this crate: `docs/schema/evidence.json`.
    Json,
}

impl Format {
    /// The formats' names for command lines: `capture`, `transcript`, `nvidia`, `json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::StandardTranscript => "transcript",
            Self::NvidiaJson => "nvidia",
            Self::Json => "json",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Capture, Self::StandardTranscript, Self::NvidiaJson, Self::Json]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// Recognises the format by the beginning of a file.
    ///
    /// # Errors
    /// [`Error::Format`] where no format begins so.
    pub fn sniff(bytes: &[u8]) -> Result<Self, Error> {
        if Capture::sniff(bytes) {
            return Ok(Self::Capture);
        }
        if standard_transcript::sniff(bytes) {
            return Ok(Self::StandardTranscript);
        }
        match bytes.trim_ascii_start().first() {
            Some(b'[') => Ok(Self::NvidiaJson),
            Some(b'{') => Ok(Self::Json),
            _ if standard_transcript::from_hex(bytes).is_some() => Ok(Self::StandardTranscript),
            _ => Err(Error::Format),
        }
    }
}

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReadOptions {
    /// The format; `None` to go by how the file begins.
    pub format: Option<Format>,
    /// The algorithms of measurements of 1.0 and 1.1 without a negotiation.
    pub presumption: Presumption,
}

impl Evidence {
    /// Reads a file of any format.
    ///
    /// # Errors
    /// [`Error`] where it is of no known format, damaged, or holds no SPDM message or too many connections.
    pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Self, Error> {
        let format = match options.format {
            Some(format) => format,
            None => Format::sniff(bytes)?,
        };
        let evidence = match format {
            Format::Capture => Self::from_capture(whole(&Capture::read(bytes)?)?),
            Format::StandardTranscript => {
                let decoded = standard_transcript::from_hex(bytes);
                let transcript = decoded.as_deref().unwrap_or(bytes);
                standard_transcript::read(transcript, options.presumption)?
            }
            Format::NvidiaJson => nvidia::read(bytes)?,
            Format::Json => document::read(bytes)?,
        };
        match evidence.recordings.len() {
            0 => Err(Error::Empty),
            1..=CONNECTIONS => Ok(evidence),
            count => Err(Error::Connections { count }),
        }
    }

    /// Evidence in this crate's JSON.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the negotiation of a connection was not recorded.
    pub fn to_json(&self) -> Result<String, Error> {
        document::write(self)
    }
}

/// A capture in which no message lost a packet: evidence is judged by all that was said, or not at all.
fn whole(capture: &Capture) -> Result<&Capture, Error> {
    match capture.notes.iter().filter(|note| **note == Note::LostPacket).count() {
        0 => Ok(capture),
        messages => Err(Error::LostPackets { messages }),
    }
}
