//! What a device claims of itself, in a report. Texts of the device are escaped.

use serde::Serialize;
use spdm_appraisal::{
    Digest, DigestAlgorithm, Digests, Eat, Element, ElementId, Environment, Identifier, Label,
    OemId, Registers, Svn,
};

#[cfg(feature = "schema")]
use crate::pattern;

/// The claims of a device in its measurement manifest.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ClaimsSummary {
    /// What its token says; null where there is none.
    pub token: Option<TokenClaims>,
    /// Where the device says that its reference values are. Nothing is fetched.
    pub rim_locators: Vec<String>,
    /// The elements that it claims beside those of the measurement record.
    pub elements: Vec<ClaimedElement>,
}

/// The claims of an Entity Attestation Token. Bytes are in hexadecimal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct TokenClaims {
    /// Index of the measurement that holds it.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 254)))]
    pub index: u8,
    /// iss: who says it.
    pub issuer: Option<String>,
    /// eat_nonce.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub nonce: String,
    /// dbgstat: enabled, disabled, disabled_since_boot, disabled_permanently or disabled_fully_and_permanently.
    pub debug: &'static str,
    /// cti.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub id: Option<String>,
    /// ueid.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub ueid: Option<String>,
    /// oemid: bytes, or in decimal the private enterprise number behind "pen:".
    pub oem_id: Option<String>,
    /// hwmodel.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub hardware_model: Option<String>,
    /// uptime, in seconds.
    pub uptime: Option<u64>,
    /// bootcount.
    pub boot_count: Option<u64>,
    /// bootseed.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub boot_seed: Option<String>,
}

impl TokenClaims {
    pub(super) fn of(eat: &Eat<'_>, index: u8) -> Self {
        let bytes = |bytes: Option<&[u8]>| bytes.map(hex::encode);
        Self {
            index,
            issuer: eat.issuer.map(escaped),
            nonce: hex::encode(eat.nonce),
            debug: eat.debug.name(),
            id: bytes(eat.id),
            ueid: bytes(eat.ueid),
            oem_id: eat.oem_id.map(|id| match id {
                OemId::Bytes(bytes) => hex::encode(bytes),
                OemId::Enterprise(number) => format!("pen:{number}"),
            }),
            hardware_model: bytes(eat.hardware_model),
            uptime: eat.uptime,
            boot_count: eat.boot_count,
            boot_seed: bytes(eat.boot_seed),
        }
    }
}

/// An element that a device claims.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ClaimedElement {
    /// What it is part of.
    pub environment: ClaimedEnvironment,
    /// mkey: a number, text, or an identifier with its kind in front; null where it has none.
    pub element: Option<String>,
    /// name.
    pub name: Option<String>,
    /// version.
    pub version: Option<String>,
    /// svn.
    pub svn: Option<u64>,
    /// digests.
    pub digests: Vec<ClaimedDigest>,
    /// raw-value, in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub raw: Option<String>,
    /// integrity-registers.
    pub registers: Vec<ClaimedRegister>,
}

/// What an element is part of. Identifiers have their kind in front.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ClaimedEnvironment {
    /// vendor.
    pub vendor: Option<String>,
    /// model.
    pub model: Option<String>,
    /// layer.
    pub layer: Option<u64>,
    /// index of the class.
    pub index: Option<u64>,
    /// class-id.
    pub class_id: Option<String>,
    /// instance.
    pub instance: Option<String>,
    /// group.
    pub group: Option<String>,
}

/// A digest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ClaimedDigest {
    /// As DSP0274 names it, for example SHA_384; the number or name of another.
    pub algorithm: String,
    /// The digest, in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub value: String,
}

/// A register into which digests are extended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ClaimedRegister {
    /// Its number or name.
    pub register: String,
    /// What it holds.
    pub digests: Vec<ClaimedDigest>,
}

impl ClaimedElement {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let claims = &element.claims;
        let id = match element.id {
            ElementId::Index(index) => Some(index.to_string()),
            ElementId::Name(name) => Some(escaped(name)),
            ElementId::Tagged(id) => Some(identifier(id)),
            _ => None,
        };
        let environment = element.environment.unwrap_or_default();
        Self {
            environment: ClaimedEnvironment::of(&environment),
            element: id,
            name: claims.name.map(escaped),
            version: claims.version.map(|version| escaped(version.text)),
            svn: claims.svn.map(|svn| match svn {
                Svn::Exact(svn) | Svn::AtLeast(svn) => svn,
            }),
            digests: claims.digests.as_ref().map(digests).unwrap_or_default(),
            raw: claims.raw.map(|raw| hex::encode(raw.value)),
            registers: claims.registers.as_ref().map(registers).unwrap_or_default(),
        }
    }
}

impl ClaimedEnvironment {
    fn of(environment: &Environment<'_>) -> Self {
        Self {
            vendor: environment.vendor.map(escaped),
            model: environment.model.map(escaped),
            layer: environment.layer,
            index: environment.index,
            class_id: environment.class_id.map(identifier),
            instance: environment.instance.map(identifier),
            group: environment.group.map(identifier),
        }
    }
}

fn digests(all: &Digests<'_>) -> Vec<ClaimedDigest> {
    all.iter().map(|digest| ClaimedDigest::of(&digest)).collect()
}

impl ClaimedDigest {
    fn of(digest: &Digest<'_>) -> Self {
        let algorithm = match digest.algorithm {
            DigestAlgorithm::Known(hash) => hash.name().to_owned(),
            DigestAlgorithm::Unknown(label) => label_text(label),
        };
        let value = hex::encode(digest.value.bytes().collect::<Vec<_>>());
        Self { algorithm, value }
    }
}

fn registers(all: &Registers<'_>) -> Vec<ClaimedRegister> {
    let mut shown = Vec::new();
    all.all(|id, all| {
        shown.push(ClaimedRegister { register: label_text(id), digests: digests(&all) });
        true
    });
    shown
}

fn label_text(label: Label<'_>) -> String {
    match label {
        Label::Number(number) => number.to_string(),
        Label::Name(name) => escaped(name),
    }
}

fn identifier(id: Identifier<'_>) -> String {
    match id {
        Identifier::Oid(content) => match spdm_x509::Oid::from_content(content) {
            Some(oid) => format!("oid:{oid}"),
            None => format!("oid:{}", hex::encode(content)),
        },
        Identifier::Uuid(bytes) => format!("uuid:{}", hex::encode(bytes)),
        Identifier::Bytes(bytes) => format!("bytes:{}", hex::encode(bytes)),
        Identifier::Ueid(bytes) => format!("ueid:{}", hex::encode(bytes)),
        Identifier::Text(text) => format!("text:{}", escaped(text)),
        Identifier::Other(bytes) => format!("cbor:{}", hex::encode(bytes)),
        _ => "of another kind".to_owned(),
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}
