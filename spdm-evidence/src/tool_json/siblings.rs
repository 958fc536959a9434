//! What stands beside devices: one without evidence is a device that is missing.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::names;
use super::place::Place;
use crate::error::Error;

/// What was found in a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    Nothing,
    /// A device somewhere inside.
    Inside,
    /// It is a device, or a document of this crate.
    Device,
}

/// The elements of a list. Beside a device, one without evidence is a device that is missing, whatever stands there
/// instead: nothing to pass over.
#[derive(Debug, Default)]
pub(super) struct Elements {
    any: bool,
    first_empty: Option<usize>,
}

impl Elements {
    pub(super) fn add(&mut self, index: usize, found: Found) {
        match found {
            Found::Nothing => self.first_empty = self.first_empty.or(Some(index)),
            Found::Inside | Found::Device => self.any = true,
        }
    }

    pub(super) fn finish(self, list: &Place<'_>) -> Result<Found, Error> {
        match (self.any, self.first_empty) {
            (true, Some(index)) => Err(list.item(index).fails(Error::NoEvidence)),
            (true, None) => Ok(Found::Inside),
            (false, _) => Ok(Found::Nothing),
        }
    }
}

/// The members of an object that may be a map of devices: one without evidence beside others is a device that is missing
/// where its name is like those of the others, or where it has no value and nothing else is in the map.
#[derive(Debug, Default)]
pub(super) struct Siblings<'m> {
    /// The names of devices without their numbers.
    devices: HashSet<String>,
    count: usize,
    empty: Vec<(&'m str, Emptiness)>,
}

/// What stands where a device may be missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Emptiness {
    /// `null`, `{}` and the like.
    NoValue,
    Other,
}

impl<'m> Siblings<'m> {
    pub(super) fn add(&mut self, name: &'m str, value: &RawValue, found: Found) {
        let json = value.get();
        if found != Found::Nothing && json.starts_with('{') {
            self.devices.insert(stem(name));
            self.count += 1;
        } else if found == Found::Nothing {
            let is_empty = json == "null" || json.trim_matches(['{', '}', ' ']).is_empty();
            self.empty.push((name, if is_empty { Emptiness::NoValue } else { Emptiness::Other }));
        }
    }

    /// How many members have no value beside a device.
    pub(super) fn without_value(&self) -> usize {
        let is_noted = |(name, emptiness): &&(&str, Emptiness)| {
            self.count > 0 && *emptiness == Emptiness::NoValue && !names::is_evidence(name)
        };
        self.empty.iter().filter(is_noted).count()
    }

    /// The first device that is missing.
    pub(super) fn missing(&self) -> Option<&'m str> {
        let are_devices = self.count > 1
            && self.empty.iter().all(|(_, emptiness)| *emptiness == Emptiness::NoValue);
        let is_missing = |(name, _): &&(&str, Emptiness)| {
            !names::is_evidence(name)
                && (are_devices || self.devices.contains(&stem(name)) && has_number(name))
        };
        self.empty.iter().find(is_missing).map(|(name, _)| *name)
    }
}

/// A name without its number, which may be hexadecimal: `gpu` of `gpu0` and `gpu1`.
fn stem(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_hexdigit()).collect()
}

fn has_number(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_digit())
}

/// A class of devices that the machine has none of, as collectors write it: `"switch_evidence": []`. What is called
/// evidence and no more belongs to a device.
pub(super) fn is_empty_class(name: &str, value: &RawValue) -> bool {
    let is_empty = match value.get() {
        "null" => true,
        text => {
            let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inside.is_some_and(|inside| inside.trim().is_empty())
        }
    };
    is_empty && !name.eq_ignore_ascii_case("evidence")
}
