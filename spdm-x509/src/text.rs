//! Strings out of certificates, shown so that they cannot act on a terminal.

use core::fmt::{self, Write as _};

/// A string that the other side chose.
///
/// `Display` shows control characters, other characters without a picture of their own and invalid UTF-8
/// escaped; nothing of it can move a cursor or hide text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// A string of these bytes, which need not be UTF-8.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes as encoded.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The string as it is, unescaped; `None` where it is not UTF-8.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        core::str::from_utf8(self.0).ok()
    }

    /// Writes the string, with a backslash also before the `special` characters.
    pub(crate) fn write(self, f: &mut fmt::Formatter<'_>, special: &str) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\'' | '"' if !special.contains(character) => f.write_char(character)?,
                    _ if special.contains(character) => write!(f, "\\{character}")?,
                    _ => write!(f, "{}", character.escape_debug())?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use std::string::ToString;

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        let hostile = Text(b"\x1b[2Jok\r\n\x00\x7f\xc2\x9b\xe2\x80\xae\xff \"it's\" \\ \xc3\xa9");
        let shown = hostile.to_string();
        assert_eq!(shown, r#"\u{1b}[2Jok\r\n\0\u{7f}\u{9b}\u{202e}\xff "it's" \\ é"#);
        assert_eq!(hostile.as_str(), None);
    }
}
