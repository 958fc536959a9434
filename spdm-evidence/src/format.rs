//! The formats of evidence: how a file is recognised, read and written.

use std::borrow::Cow;

use spdm_appraisal::{Bundle, is_wrapper};

use crate::capture::{Capture, CaptureReader};
use crate::connections::CapturedConnections;
use crate::document;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::file_kind::FileKind;
use crate::recording::Recording;
use crate::{bundle, standard_transcript, text, tool_json};

/// A format of evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A pcap or pcapng file.
    Capture,
    /// DMTF Standard Measurement Transcript, binary, in hexadecimal or in base64.
    StandardTranscript,
    /// The JSON of attestation tools, NVIDIA's first of all: transcripts in base64 with their chains.
    NvidiaJson,
    /// What SPDMGetSignedMeasurements of Redfish answers, read as [`Self::NvidiaJson`].
    Redfish,
    /// Conceptual message wrappers (CMW, draft-ietf-rats-msg-wrap) in CBOR or JSON.
    Cmw,
    /// A detached EAT bundle (RFC 9711), whose parts hold a transcript and a chain, as management controllers send it.
    Bundle,
    /// The JSON of this crate: `docs/schema/evidence.json`.
    Json,
}

impl Format {
    /// The formats' names for command lines: `capture`, `transcript`, `nvidia`, `redfish`, `cmw`, `bundle`, `json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::StandardTranscript => "transcript",
            Self::NvidiaJson => "nvidia",
            Self::Redfish => "redfish",
            Self::Cmw => "cmw",
            Self::Bundle => "bundle",
            Self::Json => "json",
        }
    }

    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Capture,
        Self::StandardTranscript,
        Self::NvidiaJson,
        Self::Redfish,
        Self::Cmw,
        Self::Bundle,
        Self::Json,
    ];

    /// The format of this name; `spdm` is another name of `json`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "spdm" { Self::Json.name() } else { name };
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Recognises the format by what a file, without the encodings around it, begins with.
    ///
    /// # Errors
    /// [`Error::NotEvidence`] where it is something else, [`Error::Format`] where nothing is known that begins so.
    pub fn sniff(file: &[u8]) -> Result<Self, Error> {
        unwrap(file).map(|(format, _)| format)
    }

    /// The format of bytes that nothing is around.
    fn of(bytes: &[u8]) -> Option<Self> {
        if Capture::sniff(bytes) {
            return Some(Self::Capture);
        }
        if standard_transcript::sniff(bytes) {
            return Some(Self::StandardTranscript);
        }
        if Bundle::sniff(bytes) {
            return Some(Self::Bundle);
        }
        if is_wrapper(bytes) {
            return Some(Self::Cmw);
        }
        match tool_json::sniff(bytes)?.first() {
            Some(b'{') => Some(Self::Json),
            _ => Some(Self::NvidiaJson),
        }
    }
}

/// A file that is no capture as it is, read whole.
pub(crate) fn read(bytes: &[u8], options: &ReadOptions) -> Result<Evidence, Error> {
    let (format, bytes) = match (options.format, unwrap(bytes)) {
        (None, unwrapped) => unwrapped?,
        (Some(format), Ok((_, unwrapped))) => (format, unwrapped),
        (Some(format), Err(_)) => (format, text::plain_text(bytes)),
    };
    match format {
        Format::Capture => {
            CapturedConnections::new(CaptureReader::new(&*bytes)?, options.records).all()
        }
        Format::StandardTranscript => standard_transcript::read(&bytes, options.presumption),
        Format::Bundle => bundle::read(&bytes, options.presumption),
        Format::Cmw if tool_json::sniff(&bytes).is_none() => {
            tool_json::read_wrapper(&bytes, options.presumption)
        }
        Format::NvidiaJson | Format::Redfish | Format::Cmw | Format::Json => {
            let mut evidence = tool_json::read(&bytes, options.presumption)?;
            if options.records == Records::LeftOut {
                evidence.recordings.iter_mut().for_each(Recording::leave_out_records);
            }
            Ok(evidence)
        }
    }
}

/// Takes off what is around evidence: a byte order mark, UTF-16, hexadecimal, base64.
fn unwrap(file: &[u8]) -> Result<(Format, Cow<'_, [u8]>), Error> {
    let plain = text::plain_text(file);
    if let Some(format) = Format::of(&plain) {
        return Ok((format, plain));
    }
    let recognise = |bytes: &[u8]| Format::of(bytes).map(|format| (format, bytes.to_vec().into()));
    text::unwrapped(file, &recognise).ok_or_else(|| unknown(file))
}

/// What a file is that is no evidence.
fn unknown(file: &[u8]) -> Error {
    FileKind::of(file).map_or(Error::Format, Error::NotEvidence)
}

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReadOptions {
    /// The format; `None` to go by how the file begins.
    pub format: Option<Format>,
    /// The algorithms of measurements of 1.0 and 1.1 without a negotiation.
    pub presumption: Presumption,
    /// What becomes of the records of sessions.
    pub records: Records,
}

/// What becomes of the records of sessions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "they are kept or not")]
pub enum Records {
    /// They are counted in a note.
    #[default]
    LeftOut,
    /// They are kept, for [`Verifier::secrets`](crate::Verifier::secrets).
    Kept,
}

impl Evidence {
    /// Evidence in this crate's JSON.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the negotiation of a connection was not recorded.
    pub fn to_json(&self) -> Result<String, Error> {
        document::write(self)
    }

    /// The same in one line, for files of lines and for messages.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the negotiation of a connection was not recorded.
    pub fn to_json_line(&self) -> Result<String, Error> {
        document::write_line(self)
    }
}
