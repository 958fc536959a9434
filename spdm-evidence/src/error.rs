//! Why a file is not evidence.

use core::fmt;
use std::io;

use spdm_appraisal::MessageKind;
use spdm_codec::DecodeError;

use crate::file_kind::FileKind;
use crate::note::Note;

/// Why a file could not be read as evidence, or evidence could not be written in a format.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The file is of no format that is known.
    Format,
    /// The capture file itself is damaged.
    Capture(&'static str),
    /// The file cannot be read, or what it was compressed with is damaged.
    Unreadable(String),
    /// The file is longer than what is read whole.
    TooLong {
        /// The longest one, in bytes.
        most: u64,
    },
    /// A capture lacks messages that were said.
    Incomplete(Note),
    /// The capture is of a link type that carries no SPDM.
    LinkType(u32),
    /// The file holds no SPDM message.
    Empty,
    /// The file holds messages, but none of them is GET_VERSION: it begins after the negotiation.
    BeginsLate,
    /// The file is no policy, or not one that can be followed.
    Policy(String),
    /// The text is not JSON of the expected form.
    Json(String),
    /// Reference values are made of a verified device only, from signed measurements that did not change meanwhile.
    NotVerified,
    /// A file of reference values cannot be read.
    Reference(spdm_appraisal::Error),
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
    /// A block of PEM is damaged.
    Pem {
        /// The line in which it begins, counted from 1.
        line: usize,
        /// Its label, escaped.
        label: String,
        /// What is wrong.
        fault: PemFault,
    },
    /// A file that should hold certificates holds none.
    NoCertificate {
        /// The labels of the PEM blocks that are there.
        labels: Vec<String>,
    },
    /// A file that should hold one public key holds none, or several.
    NoPublicKey {
        /// The labels of the PEM blocks that are there.
        labels: Vec<String>,
    },
    /// The file is something that is not evidence.
    NotEvidence(FileKind),
    /// The file is something that is no certificate chain.
    NotChain(FileKind),
    /// The JSON has no evidence in it.
    NoEvidence,
    /// An object of JSON has certificates, but no evidence that they belong to.
    MissingEvidence,
    /// The tool that should have collected the evidence says that it failed.
    NotCollected {
        /// Its code.
        code: i64,
        /// What it says; empty where it says nothing.
        message: String,
    },
    /// A detached EAT bundle breaks a rule.
    Bundle(spdm_appraisal::ReadError),
    /// A conceptual message wrapper (CMW) breaks a rule.
    Wrapper {
        /// The rule.
        rule: spdm_appraisal::Rule,
        /// Where, in bytes from the start of the wrapper in CBOR; in JSON the place tells.
        at: Option<usize>,
    },
    /// The messages in a conceptual message wrapper are known, but none of them is a signed transcript.
    OtherMessages {
        /// What they are.
        kinds: Vec<MessageKind>,
    },
    /// A conceptual message wrapper that should hold reference values holds none.
    NoWrappedReference,
    /// What a member of JSON holds is no signed transcript.
    NotTranscript,
    /// What a member of JSON holds is no certificate.
    NotCertificates,
    /// Two members of an object of JSON hold certificates, but not of the same chain.
    OtherCertificates,
    /// A file names another algorithm than the caller gave.
    OtherAlgorithm {
        /// What the file names.
        named: &'static str,
        /// What the caller gave.
        given: &'static str,
    },
    /// A measurement that does not state its signature algorithm is as long as one with another algorithm's signature.
    SignatureLength {
        /// The algorithm that it was read with.
        read: &'static str,
        /// The algorithms with signatures of the fitting length.
        fitting: Vec<&'static str>,
        /// What is wrong otherwise.
        error: Box<Self>,
    },
    /// A nonce is not 32 bytes in hexadecimal or base64.
    Nonce,
    /// JSON nests deeper than any tool writes it.
    Nesting,
    /// An object of JSON names a member twice: readers differ in which one they take.
    Duplicate,
    /// What is wrong at a place in JSON.
    At {
        /// The place: `evidences[1].certificate`.
        place: String,
        /// What is wrong there.
        error: Box<Self>,
    },
    /// Bytes behind the last message of a transcript are no message, and not zero.
    Behind {
        /// Where they begin, in bytes.
        at: usize,
        /// How many they are.
        bytes: usize,
    },
    /// `interim` holds a message that ends an exchange. Only ERROR with Busy, ResponseNotReady, RequestInFlight
    /// or LargeResponse may stand there.
    Interim,
    /// The file holds more connections than [`Evidence::read`](crate::Evidence::read) takes.
    Connections {
        /// How many.
        count: usize,
    },
    /// The connections of a capture that are not complete have more bytes of messages than are kept.
    OpenConnections {
        /// The most that is kept, in bytes.
        most: usize,
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
            Self::Unreadable(what) => f.write_str(what),
            Self::TooLong { most } => write!(f, "larger than {most} bytes, the most that is read"),
            Self::Incomplete(note) => write!(f, "the capture cannot be judged: {note}"),
            Self::LinkType(link) => write!(f, "link type {link} carries no SPDM"),
            Self::BeginsLate => {
                f.write_str("the negotiation is not in the file: no GET_VERSION comes before the messages in it")
            }
            Self::Empty => f.write_str("there is no SPDM message in the file"),
            Self::Policy(what) => write!(f, "no policy that can be followed: {}", what.escape_debug()),
            Self::Json(what) => write!(f, "JSON: {}", what.escape_debug()),
            Self::Reference(error) => error.fmt(f),
            Self::NotVerified => f.write_str(
                "no device that is verified, with signed measurements that did not change while they were read",
            ),
            Self::Hex { field } => write!(f, "{field} is not hexadecimal"),
            Self::Base64 { field } => write!(f, "{field} is not base64"),
            Self::Pem { line, label, fault } => {
                write!(f, "the {label} block in line {line} {}", fault.text())
            }
            Self::NoCertificate { labels } if labels.is_empty() => {
                f.write_str("there is no certificate in it")
            }
            Self::NoCertificate { labels } => {
                write!(f, "there is no certificate in it, only {}", labels.join(", "))
            }
            Self::NoPublicKey { labels } if labels.is_empty() => {
                f.write_str("not a public key: PUBLIC KEY in PEM or DER, or one certificate, was expected")
            }
            Self::NoPublicKey { labels } => write!(
                f,
                "not one public key, but {}: PUBLIC KEY, or one CERTIFICATE, was expected",
                labels.join(", ")
            ),
            Self::NotEvidence(FileKind::Message { code }) => write!(
                f,
                "the file begins with {code}, but a transcript with GET_VERSION or GET_MEASUREMENTS"
            ),
            Self::NotEvidence(kind) => f.write_str(&kind.sentence("evidence")),
            Self::NotChain(kind) => f.write_str(&kind.sentence("certificate chain")),
            Self::NoEvidence => f.write_str("there is no SPDM evidence in this JSON"),
            Self::NotCollected { code, message } => {
                let what = "there is no SPDM evidence in this JSON, for its collector failed";
                let colon = if message.is_empty() { "" } else { ": " };
                write!(f, "{what} (result_code {code}){colon}{}", message.escape_debug())
            }
            Self::Bundle(error) => write!(f, "the bundle: {error}"),
            Self::Wrapper { rule, at: Some(at) } => write!(f, "CMW: {rule} (byte {at})"),
            Self::Wrapper { rule, at: None } => write!(f, "CMW: {rule}"),
            Self::NoWrappedReference => {
                f.write_str("a CMW without application/rim+cbor or application/rim+cose")
            }
            Self::OtherMessages { kinds } => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.media_type()).collect();
                write!(f, "a CMW with {}, and without a signed transcript of SPDM", kinds.join(", "))
            }
            Self::MissingEvidence => f.write_str("certificates, but no SPDM evidence beside them"),
            Self::NotTranscript => f.write_str(
                "no signed transcript: base64 or hexadecimal of GET_MEASUREMENTS and MEASUREMENTS was expected",
            ),
            Self::NotCertificates => {
                f.write_str("no certificates: PEM or DER, or base64 of them, was expected")
            }
            Self::OtherCertificates => {
                f.write_str("not the certificates that another member beside it holds")
            }
            Self::OtherAlgorithm { named, given } => {
                write!(f, "the file says {named}, but {given} was given")
            }
            Self::SignatureLength { read, fitting, .. } => write!(
                f,
                "its signature is not as long as one of {read}, but as one of {}",
                fitting.join(" or ")
            ),
            Self::Nonce => f.write_str("no nonce: 32 bytes in hexadecimal or base64 were expected"),
            Self::Nesting => f.write_str("nested too deeply"),
            Self::Duplicate => f.write_str("there twice in one object"),
            Self::At { place, error } => write!(f, "{}: {error}", place.escape_debug()),
            Self::Behind { at, bytes: 1 } => {
                write!(f, "at offset {at}, behind the last message, one byte follows that is no message")
            }
            Self::Behind { at, bytes } => write!(
                f,
                "at offset {at}, behind the last message, {bytes} bytes follow that are no message"
            ),
            Self::Interim => f.write_str("interim holds a message that is a final answer"),
            Self::Connections { count } => {
                write!(f, "{count} connections are too many for one file")
            }
            Self::OpenConnections { most } => {
                write!(f, "a connection has more than {most} bytes of messages, the most that is read")
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

impl Error {
    pub(crate) fn unreadable(error: &io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// What is wrong with a block of PEM.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PemFault {
    /// END does not follow, or not before the next BEGIN.
    Unended,
    /// What stands in it is not base64.
    NotBase64,
    /// What stands in it is no certificate in DER.
    NoCertificate,
    /// Behind the certificate in it something else stands.
    Behind,
}

impl PemFault {
    const fn text(self) -> &'static str {
        match self {
            Self::Unended => "has no END",
            Self::NotBase64 => "is not base64",
            Self::NoCertificate => "holds no DER certificate",
            Self::Behind => "has other bytes behind its certificate",
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Message(error)
    }
}
