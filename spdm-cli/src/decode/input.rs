//! What a file holds that is no capture: hexadecimal text, or the messages themselves.

use core::fmt;

use spdm_codec::{Code, SpdmVersion};

use crate::args::InputFormat;

/// A line of at least so many hexadecimal digits may be continued by the next one, as in the output of `xxd -p`.
const WRAPPED_DIGITS: usize = 32;

/// The content of a file that is no capture.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Bytes that belong together: one or more messages.
    pub(super) pieces: Vec<Vec<u8>>,
}

/// Why the input cannot be read.
#[derive(Debug)]
pub(super) enum InputError {
    NotHex { line: usize },
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHex { line } => write!(f, "line {line} is not hexadecimal"),
        }
    }
}

impl Input {
    pub(super) fn read(bytes: &[u8], format: Option<InputFormat>) -> Result<Self, InputError> {
        match format {
            None if bytes.is_ascii() => match core::str::from_utf8(bytes).map(messages_of_text) {
                Ok(Ok(messages)) => Ok(Self::unframed(messages)),
                _ if looks_binary(bytes) => Ok(Self::unframed(vec![bytes.to_vec()])),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(InputError::NotHex { line: 1 }),
            },
            None | Some(InputFormat::Binary | InputFormat::Capture) => {
                Ok(Self::unframed(vec![bytes.to_vec()]))
            }
            Some(InputFormat::Hex) => {
                let text = String::from_utf8_lossy(bytes);
                messages_of_text(&text).map(Self::unframed)
            }
        }
    }

    fn unframed(messages: Vec<Vec<u8>>) -> Self {
        Self { pieces: messages.into_iter().filter(|bytes| !bytes.is_empty()).collect() }
    }
}

/// Control characters that text does not contain.
fn looks_binary(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

/// A line of a text.
struct Line {
    /// The number of the first byte, where the line says it (`xxd`, `hexdump -C`).
    offset: Option<usize>,
    bytes: Vec<u8>,
}

/// One message per line. A dump with offsets begins a message at each offset 0; lines of the same length
/// that do not begin like a message go on with the one before; an empty line ends a message.
fn messages_of_text(text: &str) -> Result<Vec<Vec<u8>>, InputError> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    // The length of the line before, if the next line may continue it.
    let mut open: Option<usize> = None;
    for (number, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        let text = text.trim_start_matches(['<', '>', '-', ' ']);
        if text.is_empty() {
            open = None;
            continue;
        }
        if ends_dump(text, messages.last()) {
            open = None;
            continue;
        }
        let line = line(text).ok_or(InputError::NotHex { line: number })?;
        let goes_on = match (line.offset, open) {
            (Some(offset), _) => offset > 0,
            (None, Some(len)) => {
                2 * len >= WRAPPED_DIGITS && line.bytes.len() <= len && !begins_message(&line.bytes)
            }
            (None, None) => false,
        };
        open = Some(line.bytes.len());
        match messages.last_mut() {
            Some(message) if goes_on => message.extend(line.bytes),
            _ => messages.push(line.bytes),
        }
    }
    Ok(messages)
}

/// `hexdump -C` ends with the length in eight digits.
fn ends_dump(text: &str, message: Option<&Vec<u8>>) -> bool {
    let len = usize::from_str_radix(text, 16).ok();
    text.len() == 8 && len.is_some() && message.map(Vec::len) == len
}

fn begins_message(bytes: &[u8]) -> bool {
    match bytes {
        [version, code, ..] => {
            SpdmVersion::from_byte(*version).is_some() && Code(*code).name().is_some()
        }
        _ => false,
    }
}

/// `00000010: 1084 0000  text`, `00000010  10 84 00 00  |text|`, `10 84 00 00`, `0x10, 0x84`.
fn line(text: &str) -> Option<Line> {
    if let Some((offset, rest)) = text.split_once(':') {
        let offset = usize::from_str_radix(offset, 16).ok()?;
        // The text column begins behind two spaces.
        let digits = rest.trim_start().split("  ").next().unwrap_or_default();
        return Some(Line { offset: Some(offset), bytes: digits_of(digits)? });
    }
    if let Some((offset, rest)) = text.split_once("  ")
        && offset.len() >= 7
        && let Ok(offset) = usize::from_str_radix(offset, 16)
    {
        let digits = rest.split('|').next().unwrap_or_default();
        return Some(Line { offset: Some(offset), bytes: digits_of(digits)? });
    }
    Some(Line { offset: None, bytes: digits_of(text)? })
}

fn digits_of(text: &str) -> Option<Vec<u8>> {
    let words =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '{' | '}' | '[' | ']'));
    let words = words.map(|word| word.strip_prefix("0x").unwrap_or(word));
    hex::decode(words.collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::messages_of_text;

    const VERSION: [u8; 8] = [0x10, 0x04, 0, 0, 0, 1, 0, 0x12];

    #[test]
    fn one_message_per_line() {
        let text = "# comment\n> 10840000\n< 10 04 00 00  00 01 00 12\n";
        let messages = messages_of_text(text).unwrap();
        assert_eq!(messages, [vec![0x10, 0x84, 0, 0], VERSION.to_vec()]);
        let array = "{0x10, 0x84, 0x00, 0x00}";
        assert_eq!(messages_of_text(array).unwrap(), [[0x10, 0x84, 0, 0]]);
    }

    #[test]
    fn dumps_with_offsets() {
        let xxd = "00000000: 1004 0000 0001 0012 1004 0000 0001 0012  ................\n\
                   00000010: 0a0b                                     ..\n\
                   00000000: 1084 0000                                ....\n";
        let mut long = [VERSION, VERSION].concat();
        long.extend([0x0A, 0x0B]);
        let expected = [long, vec![0x10, 0x84, 0, 0]];
        assert_eq!(messages_of_text(xxd).unwrap(), expected);
        let hexdump = "00000000  10 84 00 00                               |....|\n00000004\n";
        assert_eq!(messages_of_text(hexdump).unwrap(), [[0x10, 0x84, 0, 0]]);
    }

    #[test]
    fn wrapped_lines() {
        let line = "1160000001".to_owned() + &"ab".repeat(25);
        let text = format!("{line}\n{}\n{}\n\n10840000\n", "cd".repeat(30), "ef".repeat(5));
        let messages = messages_of_text(&text).unwrap();
        assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), [65, 4]);
    }

    #[test]
    fn what_is_no_hexadecimal() {
        for text in ["hello", "10840", "10840000\n1g"] {
            assert!(messages_of_text(text).is_err(), "{text}");
        }
    }
}
