//! PEM (RFC 7468), as tools and people write it: blocks of any kind, lines of any length, text between them.

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::error::{Error, PemFault};
use crate::text;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Labels of certificates: the one of RFC 7468, one that was used before it, and OpenSSL's, which appends settings.
const CERTIFICATE: &[&str] = &["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
/// The longest label, in bytes.
const MAX_LABEL: usize = 40;

/// A block: its label, and what lies between BEGIN and END.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'t> {
    label: &'t [u8],
    body: &'t [u8],
    /// The line of BEGIN, counted from 1.
    line: usize,
}

/// How many characters a line of base64 has (RFC 7468 §2).
const LINE: usize = 64;

/// A certificate as PEM.
pub(crate) fn certificate(der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = body.as_str();
    while let Some((line, behind)) = rest.split_at_checked(LINE) {
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Whether there is a block in it.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    find(text, BEGIN).is_some()
}

/// The blocks, in order. Whatever stands between them is passed over.
///
/// # Errors
/// [`Error::Pem`] for a block that does not end: what it would hide is not known.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, Error> {
    let mut blocks = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(start) = find(rest, BEGIN) {
        let (before, block) = rest.split_at(start);
        line += lines(before);
        let named = block.get(BEGIN.len()..).unwrap_or_default();
        let Some(end) = label_len(named) else {
            // A comment that speaks of PEM.
            rest = named;
            continue;
        };
        let (label, body) = named.split_at(end);
        let body = body.get(DASHES.len()..).unwrap_or_default();
        let stop = [b"-----END ", label, DASHES].concat();
        let end = find(body, &stop).filter(|end| find(body, BEGIN).is_none_or(|next| *end < next));
        let Some(end) = end else {
            return Err(Error::Pem { line, label: shown(label), fault: PemFault::Unended });
        };
        let (body, behind) = body.split_at(end);
        blocks.push(Block { label, body, line });
        line += lines(body);
        rest = behind.get(stop.len()..).unwrap_or_default();
    }
    Ok(blocks)
}

/// The labels of all blocks, also of those that do not end.
pub(crate) fn labels(text: &[u8]) -> Vec<String> {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some(named) = find(rest, BEGIN).and_then(|at| rest.get(at + BEGIN.len()..)) {
        labels.extend(label_len(named).and_then(|len| named.get(..len)).map(shown));
        rest = named;
    }
    labels
}

/// Whether it is the label of a certificate.
pub(crate) fn is_of_certificate(label: &str) -> bool {
    CERTIFICATE.contains(&label)
}

impl Block<'_> {
    /// The label, as it can be shown.
    pub(crate) fn label(&self) -> String {
        shown(self.label)
    }

    pub(crate) fn is_certificate(&self) -> bool {
        CERTIFICATE.iter().any(|label| label.as_bytes() == self.label)
    }

    /// Whether settings of OpenSSL may stand behind the certificate.
    pub(crate) fn has_settings(&self) -> bool {
        self.label == b"TRUSTED CERTIFICATE"
    }

    /// The DER in the block.
    ///
    /// # Errors
    /// [`Error::Pem`] where it is not base64.
    pub(crate) fn der(&self) -> Result<Vec<u8>, Error> {
        // Headers of RFC 1421; and line ends that a shell or a template left as `\n`.
        let lines = self.body.split(|byte| *byte == b'\n').filter(|line| !line.contains(&b':'));
        let text = lines.collect::<Vec<_>>().join(&b'\n');
        let text = String::from_utf8_lossy(&text).replace("\\n", "\n").replace("\\r", "");
        text::from_base64(text.as_bytes()).ok_or_else(|| self.fault(PemFault::NotBase64))
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self, fault: PemFault) -> Error {
        Error::Pem { line: self.line, label: self.label(), fault }
    }
}

/// The length of the label in front of its dashes.
fn label_len(named: &[u8]) -> Option<usize> {
    let start = named.get(..MAX_LABEL + DASHES.len()).unwrap_or(named);
    find(start, DASHES).filter(|len| !start.iter().take(*len).any(u8::is_ascii_control))
}

fn shown(label: &[u8]) -> String {
    String::from_utf8_lossy(label).escape_debug().to_string()
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
