//! Collectors: they bring evidence, and have no verdict.

use core::time::Duration;

use serde_json::value::RawValue;

use super::{Handled, Role, Step, WorkObserver};
use crate::evidence_message::{CollectFailure, EvidenceMessage};
use crate::item::ItemId;
use crate::outcome::{Fault, OutcomeKind, Reason, SCHEMA};
use crate::queue::{Delivery, Message, Queue, QueueError, Stage};
use crate::site::Site;
use crate::timestamp::Timestamp;
use crate::work_message::WorkMessage;

/// How long a message waits for a place at its host.
const NO_PLACE: Duration = Duration::from_secs(2);
/// How long a message is left to others that this clock says is not due.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a message that this program cannot read is left to others, who may be of another version.
const LEFT_TO_OTHERS: u64 = 3;

/// Collects evidence of one device, in the thread of the caller. Several threads call it at once, for different devices.
pub trait Collector: Sync {
    /// Makes one attempt. What goes wrong is in the result.
    fn collect(&self, work: &WorkMessage) -> Collected;
}

/// What a collector brought.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a collector makes it")]
pub struct Collected {
    /// The evidence file, of one connection.
    pub evidence: Option<Box<RawValue>>,
    /// Why there is none, or none that is complete.
    pub failure: Option<CollectFailure>,
    /// How long the device took, in milliseconds.
    pub device_ms: u64,
    /// Requests that were answered.
    pub round_trips: u32,
}

impl Collected {
    /// Nothing, and why.
    #[must_use]
    pub fn nothing(outcome: OutcomeKind, fault: Fault, check: &str, detail: &str) -> Self {
        let reason = Reason { check: check.to_owned(), index: None, detail: detail.to_owned() };
        let reason = Some(reason);
        // Another collector may reach what this one cannot, and a queue may be shorter the next time.
        let passing = matches!(outcome, OutcomeKind::Unreachable | OutcomeKind::Cancelled);
        let failure = Some(CollectFailure { outcome, fault, reason, passing });
        Self { evidence: None, failure, device_ms: 0, round_trips: 0 }
    }

    /// What is handed on to whoever judges. `collector` says who collected: host and process.
    #[must_use]
    pub fn into_message(self, work: &WorkMessage, collector: &str) -> EvidenceMessage {
        let Self { evidence, failure, device_ms, round_trips } = self;
        EvidenceMessage {
            schema: SCHEMA,
            item: work.item.clone(),
            seal: Some(work.seal.clone()),
            attempt: work.attempt,
            collector: collector.to_owned(),
            collected_at: Timestamp::now(),
            device_ms,
            round_trips,
            want: Some(work.want.clone()),
            evidence,
            failure,
        }
    }
}

/// The role of a collector.
pub struct CollectRole<'r> {
    site: &'r dyn Site,
    collector: &'r dyn Collector,
    /// Places at each host, of all workers together.
    per_host: u32,
    /// Who collects: host and process.
    name: &'r str,
}

impl core::fmt::Debug for CollectRole<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CollectRole").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'r> CollectRole<'r> {
    /// The role of `name`, `host/pid`, with so many places at each host, of all workers together.
    #[must_use]
    pub const fn new(
        site: &'r dyn Site,
        collector: &'r dyn Collector,
        per_host: u32,
        name: &'r str,
    ) -> Self {
        Self { site, collector, per_host, name }
    }

    fn hand_on(
        &self,
        work: &WorkMessage,
        collected: Collected,
        observer: &dyn WorkObserver,
        delivery: &Delivery,
    ) -> Result<(), QueueError> {
        let (_, body) = collected
            .into_message(work, self.name)
            .into_json()
            .map_err(|error| QueueError::Failed(error.to_string()))?;
        let item = &work.item.item;
        let id = Stage::Evidence.message_id(item, work.attempt);
        let class = &work.item.target.class;
        let attempt = work.attempt;
        self.site.evidence().submit(&Message { id: &id, class, item, attempt, body: &body })?;
        observer.after(Step::EvidenceSubmitted, delivery.id());
        Ok(())
    }

    /// Hands on what nobody here can read. A collector may put nothing aside: whoever judges cannot read it either, and does.
    fn hand_on_unread(
        &self,
        delivery: &Delivery,
        error: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        // Its name ends as that of evidence does: a judge has no right to the counts of collectors.
        let id = format!("{}/{}", delivery.id(), Stage::Evidence.name());
        let (class, item, attempt, body) = ("", &ItemId::none(), 0, delivery.body());
        self.site.evidence().submit(&Message { id: &id, class, item, attempt, body })?;
        observer
            .failed(delivery.id(), &format!("{error}; it is handed on to whoever judges as it is"));
        Ok(())
    }
}

impl Role for CollectRole<'_> {
    fn queue(&self) -> &dyn Queue {
        self.site.work()
    }

    fn site(&self) -> &dyn Site {
        self.site
    }

    fn admits(&self, delivery: &Delivery) -> Result<Option<Duration>, QueueError> {
        let Ok(work) = WorkMessage::read(delivery.body()) else { return Ok(None) };
        // A clock that is behind keeps it from others no longer than a pause.
        let wait = Duration::from_millis(work.not_before.ms_since(Timestamp::now()));
        Ok((!wait.is_zero()).then(|| wait.min(LONGEST_PAUSE)))
    }

    fn handle(
        &self,
        delivery: &Delivery,
        observer: &dyn WorkObserver,
    ) -> Result<Handled, QueueError> {
        let work = match WorkMessage::read(delivery.body()) {
            Ok(work) => work,
            Err(error) if delivery.number() <= LEFT_TO_OTHERS => {
                let error = format!("it cannot be read: {error}; it is left to other collectors");
                observer.failed(delivery.id(), &error);
                return Ok(Handled::Later(LONGEST_PAUSE));
            }
            Err(error) => {
                self.give_up(delivery, &error.to_string(), observer)?;
                observer.after(Step::GivenUp, delivery.id());
                return Ok(Handled::Done);
            }
        };
        if Timestamp::now() > work.not_after {
            let collected = Collected::nothing(
                OutcomeKind::Cancelled,
                Fault::Configuration,
                "queue",
                "it waited in the queue until its nonces were too old: more collectors are needed, or a longer --freshness",
            );
            self.hand_on(&work, collected, observer, delivery)?;
            return Ok(Handled::Done);
        }
        let host = work.item.target.own_host();
        let Some(lease) = self.site.lease(host, self.per_host)? else {
            return Ok(Handled::Later(NO_PLACE));
        };
        let collected = self.collector.collect(&work);
        if let Err(error) = self.site.release(&lease) {
            observer.failed(delivery.id(), &error.to_string());
        }
        self.hand_on(&work, collected, observer, delivery)?;
        Ok(Handled::Done)
    }

    fn give_up(
        &self,
        delivery: &Delivery,
        error: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        // Whoever judges says what it came to, and puts it aside.
        let Ok(work) = WorkMessage::read(delivery.body()) else {
            return self.hand_on_unread(delivery, error, observer);
        };
        let collected =
            Collected::nothing(OutcomeKind::InternalError, Fault::Us, "collector", error);
        self.hand_on(&work, collected, observer, delivery)
    }
}
