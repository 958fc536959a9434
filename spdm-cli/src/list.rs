//! `spdm list`: what this machine has.

use serde::Serialize;

use crate::args::ListArgs;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{render, target};

/// What one kind of target finds.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What is listed.
    pub(crate) title: &'static str,
    pub(crate) found: Vec<Found>,
    /// What could not be looked at, and why.
    pub(crate) notes: Vec<String>,
}

impl Listing {
    /// Nothing yet.
    pub(crate) const fn new(title: &'static str) -> Self {
        Self { title, found: Vec::new(), notes: Vec::new() }
    }
}

/// Something that may be a target.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The name of the targets' kind.
    pub(crate) kind: &'static str,
    /// What to call it on the command line.
    pub(crate) target: String,
    /// What it is, for a person.
    pub(crate) name: String,
    pub(crate) parts: Vec<Part>,
}

/// What is known of a part of it.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) detail: String,
}

#[derive(Serialize)]
struct Row<'f> {
    schema: u32,
    #[serde(flatten)]
    found: &'f Found,
}

/// Lists every kind of target that can be found.
pub(crate) fn run(args: &ListArgs, console: &mut Console) -> Result<Exit, Failure> {
    for listing in target::listings(args) {
        if !console.json() {
            console.report(&render::listing(&listing, console.style()))?;
            continue;
        }
        for found in &listing.found {
            console.object(&Row { schema: 1, found })?;
        }
        for note in &listing.notes {
            console.note(&format!("{}: {note}", listing.title));
        }
    }
    Ok(Exit::Done)
}
