//! Whether a device was recognized, for programs and for people.

use serde::Serialize;
use spdm_evidence::ReportErrorKind;
#[cfg(test)]
use spdm_evidence::schema;

use super::Style;

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
    #[cfg_attr(test, schemars(extend("const" = Recognized::SCHEMA)))]
    pub(crate) schema: u32,
    /// The target, as it is written in the file of known devices.
    pub(crate) target: String,
    /// Whether the device signed a fresh nonce with the key of the known chain. Whether it is to be trusted today was
    /// not asked.
    pub(crate) recognized: bool,
    /// The version that the device is known by; no other one is offered.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: &'static str,
    /// The slot that the device is known by.
    #[cfg_attr(test, schemars(range(max = 7)))]
    pub(crate) slot: u8,
    /// The subject of the known leaf certificate.
    pub(crate) subject: String,
    /// The nonce that the signature covers.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX_32)))]
    pub(crate) nonce: Option<String>,
    pub(crate) error: Option<RecognizeError>,
}

/// Why it was not recognized.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct RecognizeError {
    /// A word for programs, as in reports; known where another device answers.
    pub(crate) kind: ReportErrorKind,
    /// A sentence for people.
    pub(crate) message: String,
}

impl Recognized {
    /// The version of the object's form.
    pub(crate) const SCHEMA: u32 = 1;
}

/// One line, and who it is.
pub(crate) fn recognized(found: &Recognized, style: Style) -> String {
    let target = &found.target;
    match &found.error {
        None => format!(
            "{}  {target}: it signed a fresh nonce with the known key\n{}\n{}\n",
            style.good("RECOGNIZED"),
            found.subject,
            style.faint(&format!(
                "SPDM {}, slot {}; whether it is to be trusted today was not asked",
                found.version, found.slot
            )),
        ),
        Some(error) => {
            format!("{}  {target}: {}\n", style.bad("NOT RECOGNIZED"), error.message)
        }
    }
}
