//! What a SWID tag expects of one measurement.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use roxmltree::{Attribute, Node};

use crate::cbor::Result;
use crate::error::{ReadError, Rule};

/// The namespace of the attributes that hold digests.
const HASH_NAMESPACE: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
/// Bytes of such a digest.
const HASH_LEN: usize = 48;
/// The largest index, which is 0xFE in SPDM.
const MAX_INDEX: u8 = 0xFD;

/// A measurement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Resource {
    /// Its index in the file, from 0.
    pub(super) index: u8,
    /// The alternatives, as 96 hexadecimal digits each.
    pub(super) hashes: Vec<String>,
}

impl Resource {
    /// Reads an element; also whether it is active. Attributes that are not known could narrow it: there are none.
    pub(super) fn read(element: Node<'_, '_>) -> Result<(Self, bool)> {
        if element.has_children() {
            return Err(error("Resource", element));
        }
        let mut alternatives = Vec::new();
        for attribute in element.attributes() {
            match (attribute.namespace(), attribute.name()) {
                (Some(HASH_NAMESPACE), name) => {
                    alternatives.push((hash_number(&attribute, name)?, attribute))
                }
                (None, "type" | "index" | "active" | "alternatives" | "name" | "size") => {}
                _ => {
                    let at = attribute.range().start;
                    return Err(ReadError::new(Rule::SwidValue, "Resource", at));
                }
            }
        }
        let [kind, active, size] = ["type", "active", "size"].map(|name| element.attribute(name));
        if kind != Some("Measurement") {
            return Err(error("type", element));
        }
        let is_active = match active {
            Some("True") => true,
            Some("False") => false,
            _ => return Err(error("active", element)),
        };
        let index = number(element, "index")?;
        let index = u8::try_from(index).ok().filter(|index| *index <= MAX_INDEX);
        let index = index.ok_or_else(|| error("index", element))?;
        if size.is_some() && number(element, "size")? != HASH_LEN {
            return Err(error("size", element));
        }
        // Numbered from 0 without a gap, as many as it says.
        alternatives.sort_unstable_by_key(|(number, _)| *number);
        let are_all = alternatives.iter().enumerate().all(|(at, (number, _))| at == *number);
        if !are_all
            || alternatives.is_empty()
            || alternatives.len() != number(element, "alternatives")?
        {
            return Err(error("alternatives", element));
        }
        let hashes = alternatives.iter().map(|(_, attribute)| hash(attribute));
        Ok((Self { index, hashes: hashes.collect::<Result<_>>()? }, is_active))
    }

    /// The SPDM measurement index, which is counted from 1.
    pub(super) const fn spdm_index(&self) -> u8 {
        self.index.saturating_add(1)
    }
}

fn error(field: &'static str, element: Node<'_, '_>) -> ReadError {
    ReadError::new(Rule::SwidValue, field, element.range().start)
}

/// The number of `Hash0`, `Hash1`, …
fn hash_number(attribute: &Attribute<'_, '_>, name: &str) -> Result<usize> {
    let number = name.strip_prefix("Hash").and_then(decimal);
    let at = attribute.range().start;
    number.ok_or_else(|| ReadError::new(Rule::SwidValue, "Hash", at))
}

fn hash(attribute: &Attribute<'_, '_>) -> Result<String> {
    let digits = attribute.value();
    let is_hash = digits.len() == 2 * HASH_LEN && digits.bytes().all(|it| it.is_ascii_hexdigit());
    let at = attribute.range().start;
    is_hash.then(|| digits.to_string()).ok_or_else(|| ReadError::new(Rule::SwidValue, "Hash", at))
}

fn number(element: Node<'_, '_>, field: &'static str) -> Result<usize> {
    element.attribute(field).and_then(decimal).ok_or_else(|| error(field, element))
}

/// A number in decimal digits, without a sign and without zeros in front.
fn decimal(text: &str) -> Option<usize> {
    let is_decimal = text.bytes().all(|digit| digit.is_ascii_digit());
    let is_shortest = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_decimal && is_shortest)
}
