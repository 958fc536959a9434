//! `spdm list`: what this machine has.

use serde::Serialize;

use crate::args::ListArgs;
use crate::console::Console;
use crate::device::{self, FoundDevice, Listing};
use crate::exit::{Exit, Failure};
use crate::object_head::FormVersion;
use crate::render;

/// What was found: `docs/schema/list.json`.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What spdm list found",
        description = "What spdm list --json prints."
    )
)]
pub(crate) struct FoundDevices<'f> {
    schema: FormVersion<1>,
    devices: Vec<&'f FoundDevice>,
    /// What could not be looked at, and why.
    notes: Vec<String>,
}

/// Lists every kind of device that can be found.
pub(crate) fn run(args: &ListArgs, console: &mut Console) -> Result<Exit, Failure> {
    let listings = device::listings(args);
    if console.json() {
        let note = |listing: &Listing| {
            let title = listing.title;
            let told = listing.notes.iter().map(move |note| format!("{title}: {note}"));
            told.collect::<Vec<_>>()
        };
        let found = FoundDevices {
            schema: FormVersion,
            devices: listings.iter().flat_map(|listing| &listing.found).collect(),
            notes: listings.iter().flat_map(note).collect(),
        };
        console.object(&found)?;
        return Ok(Exit::Done);
    }
    for listing in &listings {
        console.report(&render::listing(listing, console.style()))?;
    }
    Ok(Exit::Done)
}
