//! What a file is, so that a reader of something else can say so.

use core::fmt;

use spdm_appraisal::is_wrapper;
use spdm_codec::{Code, SpdmVersion};
use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;

use crate::capture::Capture;
use crate::recording::is_structure;
use crate::{pem, standard_transcript, text, tool_json};

/// What a file is, by how it begins. Readers use it for messages only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileKind {
    /// Without a byte.
    Empty,
    /// pcap or pcapng.
    Capture,
    /// What must be unpacked first: the format's name.
    Packed(&'static str),
    /// A format that has nothing to do with SPDM: its name.
    Other(&'static str),
    /// Certificates in PEM or DER.
    Certificates,
    /// A certificate chain as GET_CERTIFICATE delivers it.
    Chain,
    /// A private key in PEM or DER.
    PrivateKey,
    /// A public key in PEM or DER.
    PublicKey,
    /// PEM of something else.
    Pem,
    /// DER of something else.
    Der,
    /// A signed transcript.
    Transcript,
    /// A message that no transcript begins with.
    Message {
        /// Its code.
        code: Code,
    },
    /// Conceptual message wrappers in CBOR.
    Wrapper,
    /// A JSON value.
    Json,
    /// Hexadecimal of something else.
    Hex,
    /// Base64 of something else.
    Base64,
}

/// How files of other formats begin.
const BEGINNINGS: [(&[u8], FileKind); 30] = [
    (&[0x1F, 0x8B], FileKind::Packed("gzip")),
    (&[0x28, 0xB5, 0x2F, 0xFD], FileKind::Packed("zstd")),
    (&[0xFD, b'7', b'z', b'X', b'Z', 0], FileKind::Packed("xz")),
    (b"BZh", FileKind::Packed("bzip2")),
    (&[0x04, 0x22, 0x4D, 0x18], FileKind::Packed("lz4")),
    (b"LZIP", FileKind::Packed("lzip")),
    (b"PK\x03\x04", FileKind::Packed("ZIP")),
    (b"PK\x05\x06", FileKind::Packed("ZIP")),
    (b"7z\xBC\xAF\x27\x1C", FileKind::Packed("7-Zip")),
    (b"Rar!\x1A\x07", FileKind::Packed("RAR")),
    (&[0x1F, 0x9D], FileKind::Packed("compress")),
    (&[0x78, 0x9C], FileKind::Packed("zlib")),
    (&[0x78, 0xDA], FileKind::Packed("zlib")),
    (&[0x5D, 0, 0, 0x80, 0], FileKind::Packed("lzma")),
    (b"snoop\0", FileKind::Other("a capture of snoop, which is to be converted to pcap")),
    (b"GMBU", FileKind::Other("a capture of Network Monitor, which is to be converted to pcap")),
    (b"\x34\xCD\xB2\xA1", FileKind::Other("a capture in a modified form of pcap")),
    (b"\xA1\xB2\xCD\x34", FileKind::Other("a capture in a modified form of pcap")),
    (b"%PDF-", FileKind::Other("a PDF document")),
    (b"\x7FELF", FileKind::Other("a program (ELF)")),
    (b"MZ\x90\x00", FileKind::Other("a program (Windows)")),
    (b"\x89PNG", FileKind::Other("a picture (PNG)")),
    (&[0xFF, 0xD8, 0xFF], FileKind::Other("a picture (JPEG)")),
    (b"GIF8", FileKind::Other("a picture (GIF)")),
    (b"SQLite format 3\0", FileKind::Other("a database (SQLite)")),
    (b"-----BEGIN PGP", FileKind::Other("an OpenPGP message")),
    // COSE_Sign1, and tokens and manifests that are signed with it.
    (&[0xD2, 0x84], FileKind::Other("CBOR (COSE)")),
    (&[0xD8, 0x3D], FileKind::Other("CBOR (a CWT)")),
    (&[0xD9, 0x01, 0xF5], FileKind::Other("CBOR (a CoRIM)")),
    (&[0xD9, 0xD9, 0xF7], FileKind::Other("CBOR")),
];
/// The byte order mark of UTF-32, little-endian, as Python writes it.
const UTF_32: [u8; 4] = [0xFF, 0xFE, 0, 0];
/// Where an archive of tar says that it is one.
const TAR: usize = 257;
/// A shorter text may be base64 by chance.
const BASE64: usize = 64;

impl FileKind {
    /// What the file is, also where hexadecimal or base64 is around it; `None` where nothing is known that begins so.
    #[must_use]
    pub fn of(file: &[u8]) -> Option<Self> {
        let plain = text::plain_text(file);
        if plain.trim_ascii().is_empty() {
            return Some(Self::Empty);
        }
        if file.starts_with(&UTF_32) {
            return Some(Self::Other("text in UTF-32"));
        }
        if let Some(kind) = text::unwrapped(file, &Self::known) {
            return Some(kind);
        }
        match &*plain {
            [version, code, ..]
                if SpdmVersion::from_byte(*version).is_some() && Code(*code).name().is_some() =>
            {
                Some(Self::Message { code: Code(*code) })
            }
            plain if text::from_hex(plain).is_some() => Some(Self::Hex),
            plain if plain.len() >= BASE64 && text::from_base64(plain).is_some() => {
                Some(Self::Base64)
            }
            _ => None,
        }
    }

    /// What bytes are that nothing is around, where enough of them say it.
    fn known(bytes: &[u8]) -> Option<Self> {
        if Capture::sniff(bytes) {
            return Some(Self::Capture);
        }
        if let Some((_, kind)) = BEGINNINGS.iter().find(|(start, _)| bytes.starts_with(start)) {
            return Some(*kind);
        }
        if bytes.get(TAR..).is_some_and(|rest| rest.starts_with(b"ustar")) {
            return Some(Self::Packed("tar"));
        }
        if standard_transcript::sniff(bytes) {
            return Some(Self::Transcript);
        }
        if is_structure(bytes) {
            return Some(Self::Chain);
        }
        if is_wrapper(bytes) {
            return Some(Self::Wrapper);
        }
        let is_json = |json| serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok();
        if tool_json::sniff(bytes).is_some_and(is_json) {
            return Some(Self::Json);
        }
        Self::of_markup(bytes).or_else(|| Self::of_pem(bytes)).or_else(|| Self::of_der(bytes))
    }

    /// What a server sends where the file is not, as a rule.
    fn of_markup(bytes: &[u8]) -> Option<Self> {
        let start = bytes.trim_ascii_start();
        let begins = |tag: &[u8]| {
            start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
        };
        match () {
            () if begins(b"<!doctype html") || begins(b"<html") => {
                Some(Self::Other("a web page (HTML)"))
            }
            () if begins(b"<?xml") => Some(Self::Other("XML")),
            () => None,
        }
    }

    fn of_pem(bytes: &[u8]) -> Option<Self> {
        let labels = pem::labels(bytes);
        let has = |part: &str| labels.iter().any(|label| label.contains(part));
        match () {
            () if labels.is_empty() => None,
            () if labels.iter().any(|label| pem::is_of_certificate(label)) => {
                Some(Self::Certificates)
            }
            () if has("PRIVATE KEY") => Some(Self::PrivateKey),
            () if has("PUBLIC KEY") => Some(Self::PublicKey),
            () => Some(Self::Pem),
        }
    }

    fn of_der(bytes: &[u8]) -> Option<Self> {
        let (content, fits) = match bytes {
            [0x30, len @ 2..=0x7F, content @ ..] => (content, content.len() == usize::from(*len)),
            [0x30, 0x81, _, content @ ..]
            | [0x30, 0x82, _, _, content @ ..]
            | [0x30, 0x83, _, _, _, content @ ..] => (content, true),
            _ => return None,
        };
        match content {
            _ if !fits => None,
            [2, 1, 3, ..] => Some(Self::Other("PKCS #12")),
            [2, 1, 0 | 1, ..] => Some(Self::PrivateKey),
            // id-signedData.
            [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2, ..] => Some(Self::Other("PKCS #7")),
            // A short AlgorithmIdentifier, and a key behind it.
            [0x30, len @ 5..=0x7F, 6, ..] if content.get(usize::from(*len) + 2) == Some(&3) => {
                Some(Self::PublicKey)
            }
            _ if X509Certificate::parse(Untrusted::new(bytes)).is_ok() => Some(Self::Certificates),
            // The first field of a certificate is its version in most of them.
            [0x30, 0x81, _, 0xA0, ..] | [0x30, 0x82, _, _, 0xA0, ..] => Some(Self::Certificates),
            _ => Some(Self::Der),
        }
    }

    /// A sentence for a reader that wants something else: `wanted` says what.
    pub(crate) fn sentence(self, wanted: &str) -> String {
        match self {
            Self::Empty => "the file is empty".to_owned(),
            Self::Packed(_) => format!("the file {self}"),
            _ => format!("the file {self}, and no {wanted}"),
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Capture => f.write_str("is a capture of packets"),
            Self::Packed(name) => write!(f, "is packed ({name}): unpack it first"),
            Self::Other(name) => write!(f, "is {name}"),
            Self::Certificates => f.write_str("holds certificates"),
            Self::Chain => f.write_str("is a certificate chain"),
            Self::PrivateKey => f.write_str("holds a private key"),
            Self::PublicKey => f.write_str("holds a public key"),
            Self::Pem => f.write_str("is PEM"),
            Self::Der => f.write_str("is DER"),
            Self::Transcript => f.write_str("is a transcript of messages"),
            Self::Message { code } => write!(f, "begins with a message, {code}"),
            Self::Wrapper => f.write_str("is a conceptual message wrapper (CMW)"),
            Self::Json => f.write_str("is JSON"),
            Self::Hex => f.write_str("is hexadecimal of something else"),
            Self::Base64 => f.write_str("is base64 of something else"),
        }
    }
}
