//! Who a drive says that it is.

/// What a drive says about itself, for a person: nothing of it is authentic. Printable ASCII; other characters are `?`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DriveInfo {
    /// Model, for SCSI drives with the vendor in front of it.
    pub model: String,
    /// Serial number; empty where the drive says none.
    pub serial: String,
    /// Firmware revision.
    pub firmware: String,
}

/// A field of text, padded with blanks, or with zeros by those who do it wrong.
pub(crate) fn text(field: &[u8]) -> String {
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let end = field.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text: String = field.iter().take(end).map(shown).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn fields() {
        for (field, expected) in [
            (&b"ABC 1   "[..], "ABC 1"),
            (b"", ""),
            (b"    ", ""),
            (b"A\0\0", "A"),
            (b"A\x1b[2Jb\xff", "A?[2Jb?"),
        ] {
            assert_eq!(text(field), expected);
        }
    }
}
