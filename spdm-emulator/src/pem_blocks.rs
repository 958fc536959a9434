//! The blocks of a PEM file, with lines of any length and text between them.

use der::pem;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
/// Characters in a line, as RFC 7468 has it.
const WIDTH: usize = 64;

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct PemBlock {
    pub(crate) label: String,
    /// `None` where it is not base64.
    pub(crate) der: Option<Vec<u8>>,
    /// It has the headers of an encrypted key (RFC 1421).
    pub(crate) is_encrypted: bool,
}

/// The blocks of a file; `None` where it is no PEM at all, and inside `None` where a block does not end.
pub(crate) fn blocks(bytes: &[u8]) -> Option<Option<Vec<PemBlock>>> {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split(BEGIN);
    let _before = parts.next();
    let blocks: Vec<Option<PemBlock>> = parts.map(block).collect();
    (!blocks.is_empty()).then(|| blocks.into_iter().collect())
}

/// What follows BEGIN.
fn block(text: &str) -> Option<PemBlock> {
    let (label, rest) = text.split_once(DASHES)?;
    let (body, _) = rest.split_once(&format!("-----END {label}{DASHES}"))?;
    let is_encrypted = body.contains("ENCRYPTED");
    let lines = body.lines().filter(|line| !line.contains(':'));
    let digits: Vec<char> = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    let lines: Vec<String> = digits.chunks(WIDTH).map(|line| line.iter().collect()).collect();
    let usual = format!("{BEGIN}{label}{DASHES}\n{}\n-----END {label}{DASHES}\n", lines.join("\n"));
    let der = pem::decode_vec(usual.as_bytes()).ok().map(|(_, der)| der);
    Some(PemBlock { label: label.to_owned(), der, is_encrypted })
}
