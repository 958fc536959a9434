//! `spdm fleet report`: what the journal of a run says.

use std::io::BufReader;
use std::path::Path;

use spdm_fleet::{JournalError, JournalReader};

use super::views::{FleetViews, MetricsView, show};
use crate::args::FleetReportArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;

/// Reads a journal once, and makes of it what was asked for.
pub(crate) fn run(
    args: &FleetReportArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let name = args.journal.as_path();
    let of = |error: JournalError| of_journal(name, &error);
    let source = BufReader::new(file::open(name)?);
    let mut reader = JournalReader::new(source).map_err(of)?;
    let metrics = args.metrics.as_deref().map_or(MetricsView::None, MetricsView::File);
    // Files are made before a long journal is read, and filled when it has been.
    let mut views = FleetViews::open(&args.views, metrics, reader.head(), crypto, console)?;
    for outcome in &mut reader {
        views.take(&outcome.map_err(of)?)?;
    }
    if reader.is_torn() {
        views.note_torn();
        let name = name.display();
        console
            .note(&format!("{name}: the last line was cut off by a crash, and counts for nothing"));
    }
    show(&views.finish()?, args.by.into(), &args.views.fail_on(), console)
}

/// Why a journal cannot be read or written.
pub(crate) fn of_journal(name: &Path, error: &JournalError) -> Failure {
    Failure::usage(format!("{}: {error}", name.display()))
}
