//! A policy as a file has it.

use core::fmt;
use std::collections::BTreeMap;

use der::DateTime;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use spdm_codec::{BaseAsymAlgo, SpdmVersion};
use spdm_requester::AttestationCheck;

use super::{WAIVABLE, Waiver, san_pattern};

/// The version of the form.
const SCHEMA: u32 = 1;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(title = "Policy: what a verdict needs beyond its checks")
)]
pub(crate) struct Document {
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// What must be true of the connection and the device.
    #[serde(default)]
    pub(super) require: Require,
    /// Who the device may be.
    #[serde(default)]
    pub(super) identity: IdentityRule,
    /// Checks that may fail for a while.
    #[serde(default)]
    waive: Vec<WaiverRow>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Require {
    /// The version of SPDM.
    pub(super) version: Option<VersionRule>,
    /// The algorithm of the device's signatures: one of these, in the names of DSP0274.
    #[serde(default, deserialize_with = "algorithms")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "array"), length(min = 1)))]
    pub(super) base_asym: Option<Vec<String>>,
    /// A verified signature must cover the expected nonce.
    #[serde(default)]
    pub(super) fresh: bool,
    /// Whether the device may be debugged.
    #[serde(default)]
    pub(super) debug: DebugRule,
    /// Which of the measurements must have a reference value.
    #[serde(default)]
    pub(super) reference: ReferenceRule,
    /// The least security version number, by the index of its measurement.
    #[serde(default, deserialize_with = "by_index")]
    pub(super) svn: BTreeMap<u8, SvnRule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct VersionRule {
    /// The lowest: 1.0 to 1.4.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "String", regex(pattern = crate::pattern::VERSION))
    )]
    pub(super) min: SpdmVersion,
}

/// Whether a device may be debugged.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) enum DebugRule {
    /// A signed measurement of the device's modes must say that debugging is not active, and was not since the reset.
    Disabled,
    /// It does not matter.
    #[default]
    Any,
}

/// Which measurements must have a reference value.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) enum ReferenceRule {
    /// Every one, and have that value.
    All,
    /// Those that the reference values list, which must be given.
    Listed,
    /// None.
    #[default]
    None,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct SvnRule {
    /// The least.
    pub(super) min: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct IdentityRule {
    /// One of these must be a name in the leaf certificate; an asterisk stands for any text.
    #[serde(default, deserialize_with = "names")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "array"), length(min = 1)))]
    pub(super) san: Option<Vec<String>>,
    /// SHA-256 of the root certificate: one of these.
    #[serde(default, deserialize_with = "digests")]
    #[cfg_attr(
        feature = "schema",
        schemars(extend("type" = "array"), length(min = 1), inner(regex(pattern = crate::pattern::HEX_32)))
    )]
    pub(super) root_sha256: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct WaiverRow {
    /// The check. No signature, nonce, anchor or format can be waived.
    #[cfg_attr(feature = "schema", schemars(schema_with = "waivable"))]
    check: String,
    /// The last second in which it may fail, in UTC: 2026-12-31T00:00:00Z.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    until: String,
    /// Why; it is part of the verdict.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    reason: String,
}

#[cfg(feature = "schema")]
fn waivable(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": WAIVABLE.map(AttestationCheck::name) })
}

impl Document {
    /// Reads JSON; also what is waived.
    pub(super) fn read(json: &[u8]) -> Result<(Self, Vec<Waiver>), String> {
        let document: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if document.schema != SCHEMA {
            return Err(format!("schema is {}, and {SCHEMA} is expected", document.schema));
        }
        let mut waivers: Vec<Waiver> = Vec::new();
        for row in &document.waive {
            let waiver = row.waiver()?;
            if waivers.iter().any(|known| known.check == waiver.check) {
                return Err(format!("waive: {} is there twice", row.check));
            }
            waivers.push(waiver);
        }
        Ok((document, waivers))
    }
}

impl WaiverRow {
    fn waiver(&self) -> Result<Waiver, String> {
        let Self { check: name, until, reason } = self;
        let known = AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL);
        let check = known.into_iter().find(|check| check.name() == name);
        let check = check.ok_or_else(|| format!("waive: there is no check {name:?}"))?;
        if !WAIVABLE.contains(&check) {
            let names = WAIVABLE.map(AttestationCheck::name).join(", ");
            return Err(format!("waive: {name} cannot be waived, only {names}"));
        }
        let time: DateTime = until.parse().map_err(|_| {
            format!("waive: until is {until:?}, and no time like 2026-12-31T00:00:00Z")
        })?;
        if reason.trim().is_empty() {
            return Err(format!("waive: {name} has no reason"));
        }
        let (until, seconds) = (until.clone(), time.unix_duration().as_secs());
        Ok(Waiver { check, until, seconds, reason: reason.escape_debug().to_string() })
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SpdmVersion, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A list that is not empty, for an empty one would be met by nothing or by everything: who reads it cannot know.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("the list is empty")) } else { Ok(list) }
}

fn algorithms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let list = list(deserializer)?;
    match list.iter().find(|name| BaseAsymAlgo::from_name(name).is_none()) {
        Some(name) => Err(D::Error::custom(format!("there is no algorithm {name:?}"))),
        None => Ok(Some(list)),
    }
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let list = list(deserializer)?;
    match list.iter().find(|pattern| !san_pattern::is_pattern(pattern)) {
        Some(name) => Err(D::Error::custom(format!("{name:?} is met by every name"))),
        None => Ok(Some(list)),
    }
}

fn digests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let list = list(deserializer)?;
    let is_digest = |digest: &String| {
        digest.len() == 64 && digest.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    match list.iter().find(|digest| !is_digest(digest)) {
        Some(other) => {
            Err(D::Error::custom(format!("{other:?} is not 64 hexadecimal digits in lower case")))
        }
        None => Ok(Some(list)),
    }
}

/// A map with each index once: of two rules only one would count, and nobody could say which.
fn by_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u8, SvnRule>, D::Error> {
    struct Rules;

    impl<'de> Visitor<'de> for Rules {
        type Value = BTreeMap<u8, SvnRule>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("rules by the index of a measurement")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut rules = BTreeMap::new();
            while let Some((index, rule)) = map.next_entry()? {
                if rules.insert(index, rule).is_some() {
                    return Err(A::Error::custom(format!("index {index} is there twice")));
                }
            }
            Ok(rules)
        }
    }

    deserializer.deserialize_map(Rules)
}
