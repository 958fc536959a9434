//! Metrics of a run that goes on.

use std::path::Path;
use std::sync::Arc;

use spdm_fleet::{Metrics, MetricsServer, Ticket, Watcher};

use super::progress::InFlight;
use super::views::MetricsView;
use crate::args::MetricsPlace;
use crate::console::Console;
use crate::exit::Failure;

/// What `--metrics` asks for.
#[derive(Debug)]
pub(crate) struct LiveMetrics<'a> {
    file: Option<&'a Path>,
    live: Option<Arc<Metrics>>,
    /// It answers until it is dropped.
    _server: Option<MetricsServer>,
}

impl<'a> LiveMetrics<'a> {
    /// Listens, where an address is given.
    pub(crate) fn start(
        place: Option<&'a MetricsPlace>,
        items: u64,
        console: &Console,
    ) -> Result<Self, Failure> {
        match place {
            None => Ok(Self { file: None, live: None, _server: None }),
            Some(MetricsPlace::File(file)) => {
                Ok(Self { file: Some(file), live: None, _server: None })
            }
            Some(MetricsPlace::Address(address)) => {
                let metrics = Arc::new(Metrics::new(items));
                let server = MetricsServer::start(*address, metrics.clone())
                    .map_err(|error| Failure::usage(format!("--metrics {address}: {error}")))?;
                console.note(&format!("metrics are at http://{}/metrics", server.address()));
                Ok(Self { file: None, live: Some(metrics), _server: Some(server) })
            }
        }
    }

    /// Where the outcomes are counted.
    pub(crate) fn view(&self) -> MetricsView<'a> {
        match (&self.live, self.file) {
            (Some(metrics), _) => MetricsView::Live(metrics.clone()),
            (None, Some(file)) => MetricsView::File(file),
            (None, None) => MetricsView::None,
        }
    }

    /// The metrics that somebody can ask for now.
    #[cfg(feature = "nats")]
    pub(crate) const fn live(&self) -> Option<&Arc<Metrics>> {
        self.live.as_ref()
    }

    /// Counts what is in flight.
    pub(crate) fn watch<'w>(&self, in_flight: &'w InFlight) -> Watch<'w> {
        Watch { in_flight, metrics: self.live.clone() }
    }
}

/// Who sees attempts begin and end.
#[derive(Debug)]
pub(crate) struct Watch<'w> {
    in_flight: &'w InFlight,
    metrics: Option<Arc<Metrics>>,
}

impl Watcher for Watch<'_> {
    fn begins(&self, ticket: &Ticket) {
        self.in_flight.begins(ticket);
        if let Some(metrics) = &self.metrics {
            metrics.begun();
        }
    }

    fn ends(&self, ticket: &Ticket) {
        self.in_flight.ends(ticket);
        if let Some(metrics) = &self.metrics {
            metrics.ended();
        }
    }
}
