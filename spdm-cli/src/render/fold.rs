//! Lines that fit: broken between words, and hexadecimal values between groups of their digits.

use super::Style;

/// Digits of a group.
const GROUP: usize = 8;
/// Where fewer columns are left, what does not fit may as well go on.
const LEAST: usize = GROUP;

/// Folds one line of text that begins in column `at`, counted from 0. A terminal has its width. Elsewhere lines have
/// any length, for programs that search them, but long hexadecimal values have the shape that they have on a terminal of
/// 80 columns.
pub(crate) fn fold(text: &str, at: usize, style: Style) -> Vec<String> {
    let room = style.columns().saturating_sub(at).max(LEAST);
    if text.chars().count() <= room || (!style.is_terminal() && !is_hex(text)) {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let grouped = word.chars().count() > room && is_hex(word);
        let parts = if grouped { groups(word) } else { vec![word] };
        for part in parts {
            let Some(line) = lines.last_mut() else { continue };
            if line.is_empty() {
                line.push_str(part);
            } else if line.chars().count() + 1 + part.chars().count() <= room {
                line.push(' ');
                line.push_str(part);
            } else {
                lines.push(part.to_owned());
            }
        }
    }
    lines
}

fn is_hex(word: &str) -> bool {
    word.len() > GROUP && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn groups(hex: &str) -> Vec<&str> {
    let mut rest = hex;
    let mut groups = Vec::new();
    while let Some((group, behind)) = rest.split_at_checked(GROUP) {
        groups.push(group);
        rest = behind;
    }
    if !rest.is_empty() {
        groups.push(rest);
    }
    groups
}

/// Folds each line of a text for people. Lines that go on are indented two columns deeper. Colours take no room.
pub(crate) fn fold_lines(text: &str, style: Style) -> String {
    if !style.is_terminal() {
        return text.to_owned();
    }
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if shown_len(line) <= style.columns() {
            out.push_str(line);
        } else {
            let indent = line.chars().take_while(|character| *character == ' ').count();
            let mut column = 0;
            for (number, word) in line.trim_start().split(' ').enumerate() {
                let len = shown_len(word);
                if number == 0 {
                    out.extend(core::iter::repeat_n(' ', indent));
                    column = indent + len;
                } else if column + 1 + len <= style.columns() {
                    out.push(' ');
                    column += 1 + len;
                } else {
                    out.push('\n');
                    out.extend(core::iter::repeat_n(' ', indent + 2));
                    column = indent + 2 + len;
                }
                out.push_str(word);
            }
        }
        out.push_str(end);
    }
    out
}

/// Characters without the escape sequences of [`Style`].
fn shown_len(text: &str) -> usize {
    let (mut len, mut escape) = (0, false);
    for character in text.chars() {
        match (escape, character) {
            (false, '\x1b') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, _) => len += 1,
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::{fold, fold_lines};
    use crate::render::Style;

    const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_value_that_fits_stays_in_one_piece() {
        assert_eq!(fold(DIGEST, 16, Style::PLAIN), [DIGEST]);
        let halves = ["00112233 44556677 8899aabb ccddeeff 00112233 44556677 8899aabb", "ccddeeff"];
        assert_eq!(fold(DIGEST, 17, Style::PLAIN), halves);
    }

    #[test]
    fn words_are_broken_on_a_terminal_only() {
        let text = "nobody vouches for this key";
        assert_eq!(fold(text, 60, Style::PLAIN), [text]);
        let terminal = Style::PLAIN.on_terminal(20);
        assert_eq!(fold(text, 4, terminal), ["nobody vouches", "for this key"]);
        assert_eq!(
            fold("odd value abcdef0123456789", 10, terminal),
            ["odd value", "abcdef01", "23456789"]
        );
    }

    #[test]
    fn colours_take_no_room() {
        let style = Style::COLORED.on_terminal(12);
        let line = format!("  {} is so\n", style.good("ok"));
        assert_eq!(fold_lines(&line, style), line);
        let long = format!("{} is so long\nnext\n", style.bad("error"));
        assert_eq!(
            fold_lines(&long, style),
            format!("{} is so\n  long\nnext\n", style.bad("error"))
        );
        assert_eq!(fold_lines(&long, Style::COLORED), long);
    }
}
