//! How deep brackets are nested.
//!
//! The parser reads what is in square brackets or braces twice, first as a comprehension and then as a list: each level doubles
//! the time that it takes.

/// The most brackets and braces in each other; twelve take some milliseconds.
const MAX_DEPTH: usize = 12;

/// Counts outside of comments and strings.
///
/// # Errors
/// The place where there is one too many.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    // Text between backquotes goes on behind the end of a line, and has no escapes.
    let mut in_raw_string = false;
    for (line, row) in (1..).zip(text.split('\n')) {
        let mut in_string = false;
        let mut is_escaped = false;
        for (column, character) in (1..).zip(row.chars()) {
            match character {
                '`' if !in_string => in_raw_string = !in_raw_string,
                _ if in_raw_string => {}
                _ if is_escaped => is_escaped = false,
                '\\' if in_string => is_escaped = true,
                '"' => in_string = !in_string,
                _ if in_string => {}
                '#' => break,
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Err(format!(
                    "line {line}, column {column}: brackets are nested deeper than {MAX_DEPTH}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, check};

    #[test]
    fn brackets_are_counted_outside_of_text() {
        let nested = |depth: usize| format!("x := {}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(check(&nested(MAX_DEPTH).repeat(3)), Ok(()));
        let why = "line 2, column 18: brackets are nested deeper than 12";
        assert_eq!(check(&format!("\n{}", nested(MAX_DEPTH + 1))), Err(why.to_owned()));
        for text in ["# [[[[[[[[[[[[[[", r#""[[[[[\"[[[[[[[[[""#] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["`[[[[[[[[[[[[[[`", "`\n[[[[[[[[[[[[[[\n`", "\"`\" == `[[[[[[[[[[[[[`"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        // A quote between backquotes begins no text that would hide brackets.
        for text in ["`\"`", "`\\`", "`\n`"] {
            assert!(check(&format!("{text} {}", "[".repeat(13))).is_err(), "{text}");
        }
        assert!(check(&format!("# x\n{}", "{[".repeat(7))).is_err());
        assert!(check(&format!("\"\\\\\" {}", "[".repeat(13))).is_err());
    }
}
