//! A role whose messages are counted.

use core::time::Duration;
use std::sync::Arc;

use spdm_fleet::{Delivery, Handled, Metrics, Queue, QueueError, Role, Site, WorkObserver};

/// Does what a role does, and counts what is in flight.
pub(super) struct CountedRole<'r> {
    pub(super) role: &'r dyn Role,
    pub(super) metrics: Option<&'r Arc<Metrics>>,
}

/// What began ends, be it with a panic.
struct Counted<'m>(Option<&'m Arc<Metrics>>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.ended();
        }
    }
}

impl Role for CountedRole<'_> {
    fn queue(&self) -> &dyn Queue {
        self.role.queue()
    }

    fn site(&self) -> &dyn Site {
        self.role.site()
    }

    fn admits(&self, delivery: &Delivery) -> Result<Option<Duration>, QueueError> {
        self.role.admits(delivery)
    }

    fn handle(
        &self,
        delivery: &Delivery,
        observer: &dyn WorkObserver,
    ) -> Result<Handled, QueueError> {
        if let Some(metrics) = self.metrics {
            metrics.begun();
            if delivery.number() > 1 {
                metrics.redelivered();
            }
        }
        let _counted = Counted(self.metrics);
        self.role.handle(delivery, observer)
    }

    fn give_up(
        &self,
        delivery: &Delivery,
        error: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        self.role.give_up(delivery, error, observer)
    }
}
