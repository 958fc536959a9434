//! JSON lines: one target each, or what `spdm list --json` prints.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::LineFault;
use crate::target::Target;

/// The version of the list that `spdm list --json` prints.
const LIST_SCHEMA: u32 = 1;

/// What `spdm list --json` prints (docs/schema/list.json).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FoundDevices {
    schema: u32,
    devices: Vec<FoundDevice>,
    #[serde(rename = "notes")]
    _notes: IgnoredAny,
}

/// Only its target counts.
#[derive(Deserialize)]
struct FoundDevice {
    target: String,
}

/// The targets of a line.
pub(super) fn parse(line: &str) -> Result<Vec<Target>, LineFault> {
    if line.trim_start().starts_with('[') {
        return Err(LineFault::whole("an array is no target: one object per line"));
    }
    // The two have no member in common.
    if is_list(line) {
        let found: FoundDevices = serde_json::from_str(line).map_err(|error| unusable(&error))?;
        if found.schema != LIST_SCHEMA {
            let why = format!("{} instead of {LIST_SCHEMA}", found.schema);
            return Err(LineFault::of("schema", why));
        }
        return Ok(found.devices.into_iter().map(|device| Target::new(device.target)).collect());
    }
    Ok(vec![serde_json::from_str(line).map_err(|error| unusable(&error))?])
}

/// The sentence of an error, whose line is always the first.
fn unusable(error: &serde_json::Error) -> LineFault {
    let sentence = error.to_string();
    let without_place = sentence.split(" at line ").next().unwrap_or(&sentence);
    LineFault::whole(format!("column {}: {without_place}", error.column()))
}

/// Whether the object has the member `devices`.
fn is_list(line: &str) -> bool {
    #[derive(Deserialize)]
    struct Member {
        devices: Option<IgnoredAny>,
    }
    serde_json::from_str::<Member>(line).is_ok_and(|member| member.devices.is_some())
}
