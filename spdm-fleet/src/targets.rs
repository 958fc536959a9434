//! Lists of targets, read line by line: text, CSV with a header, or JSON lines. How the list begins says which.
//!
//! ```text
//! tcp:10.0.0.7:4194 class=ssd rack=r12          target,class,rack               {"target":"tcp:10.0.0.7:4194","class":"ssd"}
//! pci:0000:01:00.0  class=gpu  # behind a #     tcp:10.0.0.7:4194,ssd,r12       {"schema":1,"devices":[{"target":"mctp:9",…
//! ```

mod csv;
mod error;
mod json;
mod text;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufRead, Read as _};

pub use self::error::{TargetsError, TargetsFault};
use crate::item::MAX_ITEM_LEN;
use crate::target::Target;

/// The most targets of one list.
pub const MAX_TARGETS: usize = 1 << 20;
/// The longest line of a list, in bytes. One line of `spdm list --json` has every device of a machine.
pub const MAX_TARGET_LINE_LEN: usize = 1 << 20;
/// The longest class, in bytes: it is a part of the names of queues.
pub const MAX_CLASS_LEN: usize = 64;
/// Bytes that an item has besides its target.
const ITEM_REST: usize = 512;

/// How a list is written.
enum Form {
    Text,
    Csv(csv::Header),
    JsonLines,
}

/// Reads a list. `check` says why a target is none that can be attested: the field, and what is wrong with it.
///
/// # Errors
/// [`TargetsError`], with the line: nothing of a list with an error is used. An empty list is one, and so is a target that is
/// there twice.
pub fn read_targets(
    mut reader: impl BufRead,
    check: impl Fn(&Target) -> Result<(), (&'static str, String)>,
) -> Result<Vec<Target>, TargetsError> {
    let mut targets: Vec<Target> = Vec::new();
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut form: Option<Form> = None;
    let mut buffer = Vec::new();
    for number in 1.. {
        if !read_line(&mut reader, &mut buffer, number)? {
            break;
        }
        let at = |fault| TargetsError { line: number, field: None, fault };
        let line = core::str::from_utf8(&buffer).map_err(|_| at(TargetsFault::NoText))?;
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            continue;
        }
        let parsed = match &form {
            Some(form) => form.parse(line),
            None => {
                let begun = Form::of(line);
                let first = begun.map_err(|error| error.at(number))?;
                // The header of CSV is no target.
                let parsed = match &first {
                    Form::Csv(_) => Ok(Vec::new()),
                    first => first.parse(line),
                };
                // Comments say nothing about the form.
                let only_comment = line.trim_start().starts_with('#');
                form = (!only_comment).then_some(first);
                parsed
            }
        };
        for target in parsed.map_err(|error| error.at(number))? {
            bounded(&target).map_err(|error| error.at(number))?;
            check(&target).map_err(|(field, why)| LineFault::of(field, why).at(number))?;
            match lines.entry(target.target.clone()) {
                Entry::Occupied(first) => {
                    let fault = TargetsFault::Twice { first: *first.get(), target: target.target };
                    return Err(at(fault));
                }
                Entry::Vacant(place) => place.insert(number),
            };
            if targets.len() >= MAX_TARGETS {
                return Err(at(TargetsFault::TooMany));
            }
            targets.push(target);
        }
    }
    if targets.is_empty() {
        return Err(TargetsError { line: 0, field: None, fault: TargetsFault::Empty });
    }
    Ok(targets)
}

/// Reads a line with its end; whether there was one.
fn read_line(
    reader: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    number: u64,
) -> Result<bool, TargetsError> {
    let at = |fault| TargetsError { line: number, field: None, fault };
    buffer.clear();
    let limit = u64::try_from(MAX_TARGET_LINE_LEN + 1).unwrap_or(u64::MAX);
    let read = reader.by_ref().take(limit).read_until(b'\n', buffer);
    read.map_err(|error| at(TargetsFault::Io(error)))?;
    if buffer.len() > MAX_TARGET_LINE_LEN {
        return Err(at(TargetsFault::LongLine));
    }
    Ok(!buffer.is_empty())
}

impl Form {
    fn of(line: &str) -> Result<Self, LineFault> {
        if line.trim_start().starts_with(['{', '[']) {
            return Ok(Self::JsonLines);
        }
        Ok(csv::Header::read(line)?.map_or(Self::Text, Self::Csv))
    }

    /// The targets of a line: one, none of a comment, or several of `spdm list --json`.
    fn parse(&self, line: &str) -> Result<Vec<Target>, LineFault> {
        match self {
            Self::Text => Ok(text::parse(line)?.into_iter().collect()),
            Self::Csv(header) => Ok(vec![header.parse(line)?]),
            Self::JsonLines => json::parse(line),
        }
    }
}

/// What is wrong with a line.
struct LineFault {
    field: Option<String>,
    why: String,
}

impl LineFault {
    fn of(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: Some(field.into()), why: why.into() }
    }

    fn whole(why: impl Into<String>) -> Self {
        Self { field: None, why: why.into() }
    }

    fn at(self, line: u64) -> TargetsError {
        TargetsError { line, field: self.field, fault: TargetsFault::Form(self.why) }
    }
}

/// Sets a field by its name, once: those of [`Target`], and labels for all others.
fn set(target: &mut Target, name: &str, value: &str) {
    let value = value.to_owned();
    match name {
        "class" => target.class = value,
        "host" => target.host = Some(value),
        "san" => target.san = Some(value),
        _ => {
            target.labels.insert(name.to_owned(), value);
        }
    }
}

/// What a target may be, whatever the form of the list.
fn bounded(target: &Target) -> Result<(), LineFault> {
    if target.target.is_empty() {
        return Err(LineFault::of("target", "it is empty"));
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let class = &target.class;
    if class.is_empty() || class.len() > MAX_CLASS_LEN || !class.bytes().all(is_word) {
        let why = format!("a class has 1 to {MAX_CLASS_LEN} letters, digits, - and _");
        return Err(LineFault::of("class", why));
    }
    let labels = target.labels.iter().flat_map(|(name, value)| [name, value]);
    let texts = [&target.target].into_iter().chain(&target.host).chain(&target.san).chain(labels);
    let mut len = ITEM_REST + class.len();
    for text in texts {
        if text.chars().any(char::is_control) {
            return Err(LineFault::whole("there are control characters in it"));
        }
        // Quotes and backslashes take two bytes in JSON.
        let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        len += text.len() + escaped + 8;
    }
    if len > MAX_ITEM_LEN {
        let why = format!("more than {MAX_ITEM_LEN} bytes, the most of an item");
        return Err(LineFault::whole(why));
    }
    Ok(())
}
