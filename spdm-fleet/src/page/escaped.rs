//! JSON inside of HTML.

use std::io::{self, Write};

/// Writes JSON without the characters that mean something in HTML. In JSON they stand in strings alone, and are escaped there.
pub(super) struct EscapedJson<W> {
    out: W,
}

impl<W: Write> EscapedJson<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Write for EscapedJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| is_special(*byte)) {
            match part.split_last() {
                Some((special, plain)) if is_special(*special) => {
                    self.out.write_all(plain)?;
                    write!(self.out, "\\u{special:04x}")?;
                }
                _ => self.out.write_all(part)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&')
}

#[cfg(test)]
mod tests {
    use super::EscapedJson;

    #[test]
    fn json_means_the_same_and_ends_no_element() {
        for text in ["</script><!--", "&amp;<>", "é\u{2028}<", "", "plain"] {
            let mut bytes = Vec::new();
            serde_json::to_writer(EscapedJson::new(&mut bytes), text).unwrap();
            assert!(!bytes.iter().any(|byte| b"<>&".contains(byte)));
            assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), text);
        }
    }
}
