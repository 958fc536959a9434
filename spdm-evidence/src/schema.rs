//! JSON Schemas of what this crate reads and writes, made from the types that serde reads and writes.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

pub use crate::pattern::{HEX, HEX_32, VERSION};
use crate::report::Report;
use crate::{document, ear, known_devices, policy, reference};

/// The schema of a [`Report`].
#[must_use]
pub fn report() -> Schema {
    written::<Report>()
}

/// The schema of evidence in this crate's own format, as [`Evidence::read`](crate::Evidence::read) takes it.
#[must_use]
pub fn evidence() -> Schema {
    read::<document::Document>()
}

/// The schema of [`KnownDevices`](crate::KnownDevices).
#[must_use]
pub fn known_devices() -> Schema {
    read::<known_devices::Document>()
}

/// The schema of a [`VerdictPolicy`](crate::VerdictPolicy).
#[must_use]
pub fn policy() -> Schema {
    read::<policy::PolicyDocument>()
}

/// The schema of a [`Reference`](crate::Reference).
#[must_use]
pub fn reference() -> Schema {
    read::<reference::Document>()
}

/// The schema of the claims of an [`Ear`](crate::Ear).
#[must_use]
pub fn ear() -> Schema {
    written::<ear::Claims>()
}

/// The schema of a type that is only written.
#[must_use]
pub fn written<T: JsonSchema>() -> Schema {
    generate::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of a type that is read, and may be written too.
#[must_use]
pub fn read<T: JsonSchema>() -> Schema {
    generate::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(remove_integer_format).transform(&mut schema);
    RecursiveTransform(unwrap_description).transform(&mut schema);
    schema
}

/// schemars gives integers the name of the Rust type as format. JSON Schema does not define these formats, and strict
/// validators refuse what they do not know; the limits of the type are there as `minimum` and `maximum`.
fn remove_integer_format(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
}

/// A description is a comment of the source, whose lines are as long as the source allows.
fn unwrap_description(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}
