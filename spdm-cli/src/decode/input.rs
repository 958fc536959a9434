//! What a file holds that is no capture: hexadecimal text, evidence, or the messages themselves.

use core::fmt;

use spdm_evidence::{Error, Evidence, FileKind, Layer, ReadOptions, plain_text};

use super::hex_text::{self, HexText};
use super::wrapped;
use crate::args::InputFormat;

/// The content of a file that is no capture.
#[derive(Debug)]
pub(super) enum Input {
    /// Bytes that belong together: one or more messages, of one connection after the other.
    Pieces(Vec<Piece>),
    /// Packets, as a capture holds them.
    Packets(Vec<u8>),
    Evidence(Evidence),
}

/// Bytes that belong together.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Piece {
    pub(super) layer: Layer,
    pub(super) bytes: Vec<u8>,
}

/// Why the input cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum InputError {
    /// A line of a text.
    NotHex {
        line: usize,
    },
    /// A line of a dump does not go on where the one before ended.
    Offset {
        line: usize,
        expected: usize,
    },
    Evidence(Error),
    /// The file is something else.
    Other(FileKind),
    /// Too long for a packet.
    Packet(String),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHex { line } => write!(f, "line {line} is not hexadecimal"),
            Self::Offset { line, expected } => {
                write!(f, "line {line} is not the one with the bytes from offset {expected:#x} on")
            }
            Self::Evidence(error) => error.fmt(f),
            Self::Other(FileKind::Empty) => f.write_str("the file is empty"),
            Self::Other(kind @ FileKind::Packed(_)) => write!(f, "the file {kind}"),
            Self::Other(kind) => write!(f, "the file {kind}, and no message of SPDM"),
            Self::Packet(what) => f.write_str(what),
        }
    }
}

/// Reads a file; with it, how many lines of a text were passed over.
pub(super) fn read(
    bytes: &[u8],
    format: Option<InputFormat>,
) -> Result<(Input, usize), InputError> {
    let plain = plain_text(bytes);
    let is_text = !plain.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
    let other = match (format, FileKind::of(bytes)) {
        (None, Some(kind)) if !may_hold_messages(kind) => Some(kind),
        _ => None,
    };
    if let Some(kind) = other.filter(|kind| *kind == FileKind::Empty || !is_text) {
        return Err(InputError::Other(kind));
    }
    let found = match format {
        None if is_text && is_json(&plain) => return evidence(&plain).map(|input| (input, 0)),
        None if is_text => match hex_text::read(&String::from_utf8_lossy(&plain)) {
            Ok(found) => found,
            // Base64, perhaps.
            Err(error @ InputError::NotHex { .. }) => {
                let error = other.map_or(error, InputError::Other);
                return evidence(&plain).map(|input| (input, 0)).map_err(|_| error);
            }
            Err(error) => return Err(error),
        },
        Some(InputFormat::Hex) => hex_text::read(&String::from_utf8_lossy(&plain))?,
        None | Some(InputFormat::Binary | InputFormat::Capture) => {
            HexText { messages: vec![bytes.to_vec()], passed_over: 0 }
        }
    };
    let HexText { messages, passed_over } = found;
    let packets = wrapped::as_capture(&messages);
    let packets = packets.map_err(|error| InputError::Packet(error.to_string()))?;
    Ok((packets.map_or_else(|| Input::pieces(messages), Input::Packets), passed_over))
}

/// Whether messages may be in a file of this kind, or in what looks like one.
const fn may_hold_messages(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::Capture
            | FileKind::Transcript
            | FileKind::Message { .. }
            | FileKind::Chain
            | FileKind::Json
            | FileKind::Hex
            | FileKind::Base64
    )
}

/// Whether a text begins like an object of JSON, or an array of them; arrays of bytes begin with a number.
fn is_json(text: &[u8]) -> bool {
    let mut words = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    matches!((words.next(), words.next()), (Some(b'{' | b'['), Some(b'"' | b'{' | b'[')))
}

fn evidence(bytes: &[u8]) -> Result<Input, InputError> {
    Evidence::read(bytes, &ReadOptions::default())
        .map(Input::Evidence)
        .map_err(InputError::Evidence)
}

impl Input {
    fn pieces(messages: Vec<Vec<u8>>) -> Self {
        let filled = messages.into_iter().filter(|bytes| !bytes.is_empty());
        Self::Pieces(filled.map(Piece::new).collect())
    }
}

impl Piece {
    /// Whether it begins like a message.
    pub(super) fn begins(&self) -> bool {
        wrapped::begins(&self.bytes)
    }

    fn new(bytes: Vec<u8>) -> Self {
        match wrapped::typed(&bytes) {
            Some((layer, message)) => Self { layer, bytes: message.to_vec() },
            None => Self { layer: Layer::Plain, bytes },
        }
    }
}
