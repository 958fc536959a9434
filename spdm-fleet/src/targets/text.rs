//! Text: a target, then `name=value`. Behind # is a comment.

use super::{LineFault, set};
use crate::target::Target;

/// The target of a line; `None` of a comment.
pub(super) fn parse(line: &str) -> Result<Option<Target>, LineFault> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let Some(first) = words.next() else { return Ok(None) };
    let (mut target, mut names) = (Target::new(first), Vec::new());
    for word in words {
        let (name, value) = word
            .split_once('=')
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .ok_or_else(|| LineFault::of(word, "expected NAME=VALUE behind the target"))?;
        if name == "target" {
            return Err(LineFault::of(name, "the target stands in front, without a name"));
        }
        if names.contains(&name) {
            return Err(LineFault::of(name, "it is there twice"));
        }
        names.push(name);
        set(&mut target, name, value);
    }
    Ok(Some(target))
}
