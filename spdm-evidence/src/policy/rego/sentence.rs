//! What the interpreter says of a policy, as a sentence.

use crate::text::printable_text;

/// The most characters of one.
const MAX_LEN: usize = 256;

/// The place and the reason out of what the interpreter draws:
///
/// ```text
/// --> policy:3:41
///   |
/// 3 | deny contains …
///   |               ^
/// error: why
/// ```
pub(super) fn sentence(drawn: &str) -> String {
    let place = drawn.lines().find_map(|line| line.strip_prefix("--> "));
    let place = place.and_then(|place| {
        let (file, column) = place.rsplit_once(':')?;
        let (_, line) = file.rsplit_once(':')?;
        Some(format!("line {line}, column {column}: "))
    });
    let why = drawn.split_once("\nerror: ").map_or(drawn, |(_, why)| why);
    let why = why.trim().lines().next().unwrap_or_default().trim_end_matches(':');
    let why: String = why.chars().take(MAX_LEN).collect();
    format!("{}{}", place.unwrap_or_default(), printable_text(&why))
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_drawing_becomes_a_sentence() {
        let drawn = "\n--> policy:3:41\n  |\n3 | x error: y\n  |  ^\nerror: expecting identifier.";
        assert_eq!(sentence(drawn), "line 3, column 41: expecting identifier.");
        assert_eq!(sentence("not a valid rule path"), "not a valid rule path");
        assert_eq!(sentence("\u{1b}[2J\nsecond"), "\\u{1b}[2J");
        let recursion = "\n--> policy:3:1\n  |\nerror: recursion detected when evaluating rule:\n--> policy:5:1";
        assert_eq!(
            sentence(recursion),
            "line 3, column 1: recursion detected when evaluating rule"
        );
    }
}
