//! Whether a device was recognized.

use super::Style;
use crate::recognize::Recognized;

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
