//! What a run, or its journal, is turned into: a table, and files for other programs.

use std::path::Path;
use std::sync::Arc;

use spdm_fleet::{FailOn, Grouping, JournalHead, Metrics, Outcome, Page, Summary, junit};

use super::shown::ShownSummary;
use super::store::FleetStore;
use crate::args::{FleetViewArgs, GroupingChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file::{Output, OutputPlace};
use crate::render;

/// Where metrics go.
#[derive(Debug)]
pub(crate) enum MetricsView<'a> {
    /// Nowhere.
    None,
    /// Into a file in the end.
    File(&'a Path),
    /// To whoever asks while the run goes on.
    Live(Arc<Metrics>),
}

/// Takes outcomes one by one, and keeps no report.
#[derive(Debug)]
pub(crate) struct FleetViews<'a> {
    summary: Summary,
    metrics: Option<Arc<Metrics>>,
    metrics_file: Option<Output<'a>>,
    junit: Option<Output<'a>>,
    page: Option<(Page, Output<'a>)>,
    store: Option<FleetStore>,
    crypto: Crypto,
}

impl<'a> FleetViews<'a> {
    /// Makes the files, which are filled in the end.
    pub(crate) fn open(
        args: &'a FleetViewArgs,
        metrics: MetricsView<'a>,
        head: &JournalHead,
        crypto: Crypto,
        console: &mut Console,
    ) -> Result<Self, Failure> {
        let (metrics, metrics_path) = match metrics {
            MetricsView::None => (None, None),
            MetricsView::Live(metrics) => (Some(metrics), None),
            MetricsView::File(path) => (Some(Arc::new(Metrics::new(head.items))), Some(path)),
        };
        let paths = [metrics_path, args.junit.as_deref(), args.html.as_deref()];
        console.share_output(&paths)?;
        let file = |path: Option<&'a Path>| {
            path.map(|path| Output::create(path, OutputPlace::Beside)).transpose()
        };
        let [metrics_path, junit, html] = paths;
        let store = args.store.as_ref().map(|place| FleetStore::open(place, head));
        Ok(Self {
            summary: Summary::new(head.clone()),
            metrics,
            metrics_file: file(metrics_path)?,
            junit: file(junit)?,
            page: file(html)?.map(|file| (Page::default(), file)),
            store: store.transpose()?,
            crypto,
        })
    }

    /// Whether outcomes wait for [`Self::sync`].
    pub(crate) fn is_due(&self) -> bool {
        self.store.as_ref().is_some_and(FleetStore::is_due)
    }

    /// Writes into the store what waits for it.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.store.as_mut().map_or(Ok(()), FleetStore::sync)
    }

    /// Counts an outcome. Without [`Self::sync`] at times, the store is written by itself.
    pub(crate) fn take(&mut self, outcome: &Outcome) -> Result<(), Failure> {
        if let Some(store) = &mut self.store {
            store.take(outcome)?;
        }
        let item = self.summary.take(outcome);
        if let Some((page, _)) = &mut self.page {
            page.take(item, outcome);
        }
        if let Some(metrics) = &self.metrics {
            metrics.take(outcome, &self.summary, item);
        }
        Ok(())
    }

    /// The last line of the journal was cut off.
    pub(crate) const fn note_torn(&mut self) {
        self.summary.note_torn();
    }

    /// Fills the files, and hands out what is to be shown.
    pub(crate) fn finish(self) -> Result<Summary, Failure> {
        if let Some(mut store) = self.store {
            store.sync()?;
        }
        if let Some(file) = self.junit {
            let mut xml = Vec::new();
            junit::write(&self.summary, &mut xml).map_err(Failure::usage)?;
            file.write(&xml)?;
        }
        if let (Some(file), Some(metrics)) = (self.metrics_file, &self.metrics) {
            file.write(metrics.text().as_bytes())?;
        }
        let summary = &self.summary;
        if let Some((page, file)) = self.page {
            let mut html = Vec::new();
            page.write(summary, self.crypto.provider, &mut html).map_err(Failure::usage)?;
            file.write(&html)?;
        }
        Ok(self.summary)
    }
}

/// Shows the table, or writes the object, and says how the command ends.
pub(crate) fn show(
    summary: &Summary,
    by: Grouping,
    fail_on: &FailOn,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if console.json() {
        console.object(&ShownSummary::of(summary, by))?;
    } else {
        let text = render::fleet(summary, by, console.verbosity(), console.style());
        console.report(&text)?;
    }
    Ok(exit(summary, fail_on))
}

/// How the command ends.
pub(crate) fn exit(summary: &Summary, fail_on: &FailOn) -> Exit {
    match summary.exit_code(fail_on) {
        0 => Exit::Done,
        3 => Exit::Transport,
        4 => Exit::Protocol,
        _ => Exit::Rejected,
    }
}

impl From<GroupingChoice> for Grouping {
    fn from(choice: GroupingChoice) -> Self {
        match choice {
            GroupingChoice::Class => Self::Class,
            GroupingChoice::Host => Self::Host,
            GroupingChoice::Fault => Self::Fault,
        }
    }
}
