//! Whether a device was recognized, for programs and for people.

use serde::Serialize;

use super::Style;

/// What came of it: `docs/schema/recognize.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Recognized {
    pub(crate) schema: u32,
    pub(crate) target: String,
    /// Whether the device signed a fresh nonce with the key of the known chain. Whether it is to be trusted today was
    /// not asked.
    pub(crate) recognized: bool,
    /// The version and the slot that the device is known by.
    pub(crate) version: &'static str,
    pub(crate) slot: u8,
    /// The leaf's subject.
    pub(crate) subject: String,
    /// The nonce that the signature covers.
    pub(crate) nonce: Option<String>,
    pub(crate) error: Option<RecognizeError>,
}

/// Why it was not recognized.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecognizeError {
    /// A word for programs, as in reports; `known` where another device answers.
    pub(crate) kind: String,
    /// A sentence for people.
    pub(crate) message: String,
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
