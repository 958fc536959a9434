//! `spdm list`: what this machine has.

use serde::Serialize;

use crate::args::ListArgs;
use crate::console::Console;
use crate::device::{self, FoundDevice};
use crate::exit::{Exit, Failure};
use crate::render;

#[derive(Serialize)]
struct ListRow<'f> {
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
            console.object(&ListRow { schema: 1, found })?;
        }
        for note in &listing.notes {
            console.note(&format!("{}: {note}", listing.title));
        }
    }
    Ok(Exit::Done)
}
