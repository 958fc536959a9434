//! Whether a device was recognized, for programs and for people.

use serde::Serialize;
#[cfg(test)]
use spdm_evidence::schema;

use super::Style;
use crate::exit::ErrorObject;
use crate::object_head::FormVersion;

/// What came of it: `docs/schema/recognize.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What spdm recognize found",
        description = "What spdm recognize --json prints."
    )
)]
pub(crate) struct Recognized {
    pub(crate) schema: FormVersion<1>,
    /// The target, as it is written in the file of known devices.
    pub(crate) target: String,
    /// Whether the device signed a fresh nonce with the key of the known chain. Whether it is to be trusted today was
    /// not asked.
    pub(crate) recognized: bool,
    /// Whether it was new and is known from now on: with --learn it was attested, and is verified.
    pub(crate) learned: bool,
    /// The version that the device is known by; no other one is offered. Null where a new device told none.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: Option<&'static str>,
    /// The slot that the device is known by. Null where a new device showed none.
    #[cfg_attr(test, schemars(range(max = 7)))]
    pub(crate) slot: Option<u8>,
    /// The subject of the leaf certificate. Null where a new device showed none.
    pub(crate) subject: Option<String>,
    /// The nonce that the signature covers.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX_32)))]
    pub(crate) nonce: Option<String>,
    /// Why it was not recognized; its kind is known where another device answers.
    pub(crate) error: Option<ErrorObject>,
}

impl Recognized {
    /// Nothing is known of the device yet.
    pub(crate) const fn nobody(target: String) -> Self {
        Self {
            schema: FormVersion,
            target,
            recognized: false,
            learned: false,
            version: None,
            slot: None,
            subject: None,
            nonce: None,
            error: None,
        }
    }
}

/// One line, and who it is.
pub(crate) fn recognized(found: &Recognized, style: Style) -> String {
    let target = &found.target;
    match &found.error {
        None => {
            let subject = found.subject.as_deref().unwrap_or_default();
            let version = found.version.unwrap_or_default();
            let slot = found.slot.map(|slot| slot.to_string()).unwrap_or_default();
            let (word, how, asked) = match found.learned {
                true => ("LEARNED", "it is verified, and known from now on", "it is trusted today"),
                false => (
                    "RECOGNIZED",
                    "it signed a fresh nonce with the known key",
                    "whether it is to be trusted today was not asked",
                ),
            };
            format!(
                "{}  {target}: {how}\n{subject}\n{}\n",
                style.good(word),
                style.faint(&format!("SPDM {version}, slot {slot}; {asked}")),
            )
        }
        Some(error) => {
            format!("{}  {target}: {}\n", style.bad("NOT RECOGNIZED"), error.message())
        }
    }
}
