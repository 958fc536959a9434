//! Patterns of names in certificates: an asterisk stands for any text.

/// Whether it is a pattern that not every name meets.
pub(super) fn is_pattern(pattern: &str) -> bool {
    pattern.chars().any(|character| character != '*')
}

/// Whether a name is of the pattern. Each part is taken where it comes first, which finds a place for all if there is one.
pub(super) fn is_met(pattern: &str, name: &str) -> bool {
    let Some((first, behind)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let (middle, last) = behind.rsplit_once('*').unwrap_or(("", behind));
    for part in middle.split('*') {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{is_met, is_pattern};

    #[test]
    fn an_asterisk_stands_for_any_text() {
        for (pattern, name) in [
            ("NVIDIA:GH100:*", "NVIDIA:GH100:48B0"),
            ("NVIDIA:GH100:*", "NVIDIA:GH100:"),
            ("*:GH100:*", "NVIDIA:GH100:48B0"),
            ("*100*", "a100b100"),
            ("a*b*c", "abbc"),
            ("a*", "a"),
            ("a", "a"),
            ("a**b", "ab"),
            ("*b", "abab"),
        ] {
            assert!(is_met(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("NVIDIA:GH100:*", "NVIDIA:GH200:48B0"),
            ("NVIDIA:GH100:*", "xNVIDIA:GH100:48B0"),
            ("*:GH100", "NVIDIA:GH100:48B0"),
            ("a*a", "a"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("a*b*c", "axc"),
            ("*b*b*", "ab"),
            ("*ab*b", "ab"),
            ("a", "ab"),
            ("", "a"),
        ] {
            assert!(!is_met(pattern, name), "{pattern} {name}");
        }
        assert!(!is_pattern("**") && !is_pattern("") && is_pattern("*a"));
    }
}
