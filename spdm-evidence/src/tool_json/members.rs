//! The members of an object, and what is in a text.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::names;
use super::place::Place;
use crate::error::Error;
use crate::{document, standard_transcript, text};

/// The members of an object, in its order.
pub(super) type Members<'j> = Vec<(String, &'j RawValue)>;

/// An object that names no member twice.
struct Object<'j>(Members<'j>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}

pub(super) fn members<'j>(object: &'j RawValue, place: &Place<'_>) -> Result<Members<'j>, Error> {
    let Object(members) =
        serde_json::from_str(object.get()).map_err(|error| Error::Json(error.to_string()))?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let pairs = names.iter().zip(names.iter().skip(1));
    match pairs.into_iter().find(|(name, next)| name == next) {
        Some((name, _)) => Err(place.member(name).fails(Error::Duplicate)),
        None => Ok(members),
    }
}

pub(super) fn items(list: &RawValue) -> Result<Vec<&RawValue>, Error> {
    serde_json::from_str(list.get()).map_err(|error| Error::Json(error.to_string()))
}

/// The bytes of a text, or of a list of numbers, as which some libraries write bytes.
pub(super) fn content(value: &RawValue) -> Option<Vec<u8>> {
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok().map(String::into_bytes),
        b'[' if json
            .trim_start_matches(['[', ' ', '\n', '\r', '\t'])
            .starts_with(|c: char| c.is_ascii_digit()) =>
        {
            serde_json::from_str(json).ok()
        }
        _ => None,
    }
}

pub(super) fn is_document(members: &Members<'_>) -> bool {
    let format = members.iter().find(|(name, _)| name == "format");
    format.and_then(|(_, value)| content(value)).as_deref() == Some(document::FORMAT.as_bytes())
}

/// The signed transcript that an object holds: by its name, else by its content.
pub(super) fn evidence_of(members: &Members<'_>) -> Option<(String, Vec<u8>)> {
    let named = members.iter().filter(|(name, _)| names::is_evidence(name));
    let others = members.iter().filter(|(name, _)| !names::is_evidence(name));
    named.chain(others).find_map(|(name, member)| {
        let transcript = transcript_in(&content(member)?)?;
        Some((name.clone(), transcript))
    })
}

pub(super) fn transcript_in(bytes: &[u8]) -> Option<Vec<u8>> {
    let recognise = |bytes: &[u8]| standard_transcript::sniff(bytes).then(|| bytes.to_vec());
    text::unwrapped(bytes, &recognise)
}
