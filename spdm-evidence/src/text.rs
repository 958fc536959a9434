//! Bytes as text holds them: byte order marks, UTF-16, hexadecimal, base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How many encodings may lie in each other: base64 of base64 of hexadecimal has been seen.
const LAYERS: usize = 3;
const UTF_8_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(false);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Text as UTF-8 without a byte order mark; what is no UTF-16 stays as it is. Windows shells write UTF-16.
///
/// ```
/// assert_eq!(*spdm_evidence::plain_text(b"\xFF\xFE1\x000\x00"), *b"10");
/// // Half a character is not passed over.
/// assert_eq!(*spdm_evidence::plain_text(b"\xFF\xFE1\x000"), *"1\u{FFFD}".as_bytes());
/// ```
#[must_use]
pub fn plain_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, half) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        // Half a character at the end is not passed over.
        let half = half.iter().map(|_| char::REPLACEMENT_CHARACTER);
        Cow::Owned(text.chain(half).collect::<String>().into_bytes())
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        _ if is_ascii_in_utf_16(bytes) => units(bytes, u16::from_le_bytes),
        _ => Cow::Borrowed(bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes)),
    }
}

/// Escapes every character that has no picture of its own: control characters, line separators, and what
/// changes the direction of text. Backslashes and quotes stay, for paths have them.
///
/// ```
/// assert_eq!(spdm_evidence::printable_text("\\\u{1b}[2J\u{202e}é"), r"\\u{1b}[2J\u{202e}é");
/// ```
#[must_use]
pub fn printable_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// Little-endian UTF-16 without a byte order mark.
fn is_ascii_in_utf_16(bytes: &[u8]) -> bool {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let is_text =
        |[low, high]: &[u8; 2]| *high == 0 && (low.is_ascii_graphic() || low.is_ascii_whitespace());
    !pairs.is_empty() && rest.is_empty() && pairs.iter().all(is_text)
}

/// The bytes of hexadecimal digits, lines wrapped anywhere; `10:84` and `0x10, 0x84`, too.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = without_whitespace(text);
    let digits = digits.strip_prefix(b"0x").unwrap_or(&digits);
    let bytes = hex::decode(digits).ok().or_else(|| separated_hex(text));
    bytes.filter(|bytes| !bytes.is_empty())
}

/// The bytes of pairs of digits, each of which something separates from the next one.
fn separated_hex(text: &[u8]) -> Option<Vec<u8>> {
    let separates = |byte: &u8| byte.is_ascii_whitespace() || b":,;-".contains(byte);
    let words = text.split(separates).filter(|word| !word.is_empty());
    let byte = |word: &[u8]| {
        let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X"));
        match digits.unwrap_or(word) {
            [high, low] => hex::decode([*high, *low]).ok()?.first().copied(),
            [low] if digits.is_some() => hex::decode([b'0', *low]).ok()?.first().copied(),
            _ => None,
        }
    };
    words.map(byte).collect()
}

/// The bytes of base64, standard or URL-safe, lines wrapped anywhere, padded or not.
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = without_whitespace(text);
    let engine = if text.iter().any(|byte| b"-_".contains(byte)) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

fn without_whitespace(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

/// Takes one encoding after the other off until `recognise` knows what is inside.
pub(crate) fn unwrapped<T>(bytes: &[u8], recognise: &dyn Fn(&[u8]) -> Option<T>) -> Option<T> {
    within(bytes, recognise, LAYERS)
}

/// What follows the head of a data URL (RFC 2397) in base64.
fn without_scheme(text: &[u8]) -> &[u8] {
    const HEAD: usize = 128;
    const END: &[u8] = b";base64,";
    let Some(rest) = text.strip_prefix(b"data:") else { return text };
    let head = rest.get(..HEAD).unwrap_or(rest);
    let end = head.windows(END.len()).position(|part| part == END);
    end.and_then(|end| rest.get(end + END.len()..)).unwrap_or(text)
}

fn within<T>(bytes: &[u8], recognise: &dyn Fn(&[u8]) -> Option<T>, layers: usize) -> Option<T> {
    let bytes = plain_text(bytes);
    let bytes = without_scheme(&bytes);
    if let Some(found) = recognise(bytes) {
        return Some(found);
    }
    if layers == 0 || !bytes.is_ascii() {
        return None;
    }
    let inside = [from_hex(bytes), from_base64(bytes)];
    inside.into_iter().flatten().find_map(|inside| within(&inside, recognise, layers - 1))
}
