//! `spdm list`: what this machine has.

use serde::Serialize;

use crate::args::ListArgs;
use crate::console::Console;
use crate::device::{self, FoundDevice};
use crate::exit::{Exit, Failure};
use crate::render;

/// The version of the object's form.
const SCHEMA: u32 = 1;

/// One line: `docs/schema/list.json`.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "Something that spdm list found",
        description = "What spdm list --json prints, one object per line."
    )
)]
pub(crate) struct ListRow<'f> {
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    #[serde(flatten)]
    found: &'f FoundDevice,
}

/// Lists every kind of device that can be found.
pub(crate) fn run(args: &ListArgs, console: &mut Console) -> Result<Exit, Failure> {
    for listing in device::listings(args) {
        if !console.json() {
            console.report(&render::listing(&listing, console.style()))?;
            continue;
        }
        for found in &listing.found {
            console.object(&ListRow { schema: SCHEMA, found })?;
        }
        for note in &listing.notes {
            console.note(&format!("{}: {note}", listing.title));
        }
    }
    Ok(Exit::Done)
}
