//! Judges: they believe a collector nothing, and publish outcomes.

use core::time::Duration;
use std::borrow::Cow;

use serde::Deserialize;

use super::{Handled, Role, Step, WorkObserver};
use crate::attester::Attempt;
use crate::evidence_message::EvidenceMessage;
use crate::judge::{EvidenceCheck, FRESHNESS_CHECK, Submitted};
use crate::nonce::Nonces;
use crate::outcome::{Fault, Finality, Finding, Outcome, OutcomeKind, Span};
use crate::queue::{Delivery, Message, Queue, QueueError, Stage, Submission};
use crate::site::{DeadMessage, Site};
use crate::timestamp::Timestamp;
use crate::work_message::WorkMessage;

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The role of a judge.
#[derive(Debug)]
pub struct JudgeRole<'r> {
    check: EvidenceCheck<'r>,
    nonces: Nonces<'r>,
    window: Duration,
    site: SiteRef<'r>,
    attempts: u32,
    name: &'r str,
}

#[derive(Clone, Copy)]
struct SiteRef<'r>(&'r dyn Site);

impl core::fmt::Debug for SiteRef<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Site")
    }
}

impl<'r> JudgeRole<'r> {
    /// The role of `name`, `host/pid`. Evidence whose nonce is older than `window` is not fresh; an item whose failure may pass
    /// has so many attempts.
    #[must_use]
    pub const fn new(
        site: &'r dyn Site,
        nonces: Nonces<'r>,
        window: Duration,
        judge: &'r dyn crate::judge::Judge,
        attempts: u32,
        name: &'r str,
    ) -> Self {
        let check = EvidenceCheck::new(nonces, window, judge);
        Self { check, nonces, window, site: SiteRef(site), attempts, name }
    }

    fn finality(&self, finding: &Finding, attempt: u32) -> Finality {
        if finding.passing && attempt < self.attempts {
            return Finality::TriedAgain;
        }
        Finality::Final
    }

    /// Stores what follows from an attempt: the outcome first, and the message is removed last.
    fn conclude(
        &self,
        message: &EvidenceMessage,
        attempt: Attempt,
        started: Timestamp,
        delivery: &Delivery,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        let site = self.site.0;
        let finality = self.finality(&attempt.finding, message.attempt);
        let span = Span { due: message.collected_at, started, finished: Timestamp::now() };
        let own = Outcome::new(&message.item, message.attempt, attempt, finality, span, self.name);
        let stored = match self.repeated(&own)? {
            Some(stored) => Some(stored),
            None => match site.publish(&own)? {
                Submission::New => None,
                // The attempt was judged before, and perhaps over other evidence: a collector that did not come to its end was
                // followed by another one. What follows is as the first outcome says, or the item would have two last ones.
                Submission::Duplicate => site.stored(&own)?,
            },
        };
        observer.after(Step::OutcomePublished, delivery.id());
        let is_followed = match &stored {
            Some(stored) if !stored.is_final => {
                let attempt = stored.attempt.saturating_add(1);
                site.stored(&Outcome { attempt, ..stored.clone() })?.is_some()
            }
            _ => false,
        };
        let outcome = stored.unwrap_or(own);
        if !outcome.is_final && !is_followed {
            self.try_again(message)?;
        }
        site.record(&outcome)?;
        observer.after(Step::TargetRecorded, delivery.id());
        Ok(())
    }

    /// The outcome of the same attempt, where this one is over old evidence: whoever says something again that was judged long
    /// ago, when the site does not know its name any more, takes nothing back.
    fn repeated(&self, own: &Outcome) -> Result<Option<Outcome>, QueueError> {
        let is_old = own.reason.as_ref().is_some_and(|reason| reason.check == FRESHNESS_CHECK);
        if is_old { self.site.0.stored(own) } else { Ok(None) }
    }

    /// Puts aside what nobody submitted. It has no outcome: that of the item is over what an honest collector says.
    fn put_aside(
        &self,
        delivery: &Delivery,
        why: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        self.bury(delivery, why)?;
        observer.failed(delivery.id(), &format!("{why}; the message is put aside"));
        observer.after(Step::PutAside, delivery.id());
        Ok(())
    }

    fn bury(&self, delivery: &Delivery, error: &str) -> Result<(), QueueError> {
        let (id, body) = (delivery.id(), delivery.body());
        let Named { job, class } = serde_json::from_slice(body).unwrap_or_default();
        self.site.0.bury(&DeadMessage { id, class: &class, job: &job, body, error })
    }

    fn try_again(&self, message: &EvidenceMessage) -> Result<(), QueueError> {
        let attempt = message.attempt.saturating_add(1);
        let not_before = Timestamp::now().after(pause(message.attempt));
        let want = message.want.clone().unwrap_or_default();
        let item = message.item.clone();
        let work = WorkMessage::new(&self.nonces, item, attempt, not_before, self.window, want)
            .map_err(|error| QueueError::Failed(error.to_string()))?;
        let body =
            serde_json::to_vec(&work).map_err(|error| QueueError::Failed(error.to_string()))?;
        let item = &work.item.item;
        let id = Stage::Work.message_id(item, attempt);
        let class = &work.item.target.class;
        self.site.0.work().submit(&Message { id: &id, class, item, attempt, body: &body })?;
        Ok(())
    }
}

/// What a message says of itself that may be no message otherwise.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'m> {
    #[serde(borrow)]
    job: Cow<'m, str>,
    #[serde(borrow)]
    class: Cow<'m, str>,
}

/// The pause behind this attempt: twice as long each time.
fn pause(attempt: u32) -> Duration {
    let doubled = Duration::from_secs(1 << attempt.saturating_sub(1).min(6));
    doubled.min(LONGEST_PAUSE)
}

impl Role for JudgeRole<'_> {
    fn queue(&self) -> &dyn Queue {
        self.site.0.evidence()
    }

    fn site(&self) -> &dyn Site {
        self.site.0
    }

    fn handle(
        &self,
        delivery: &Delivery,
        observer: &dyn WorkObserver,
    ) -> Result<Handled, QueueError> {
        let started = Timestamp::now();
        let message = match EvidenceMessage::read(delivery.body()) {
            Ok(message) => message,
            Err(error) => {
                self.give_up(delivery, &error.to_string(), observer)?;
                observer.after(Step::GivenUp, delivery.id());
                return Ok(Handled::Done);
            }
        };
        if let Some(why) = self.check.invented(&message) {
            self.put_aside(delivery, &why, observer)?;
            return Ok(Handled::Done);
        }
        let attempt = self.check.judge(&message, Submitted::Sealed, started);
        self.conclude(&message, attempt, started, delivery, observer)?;
        Ok(Handled::Done)
    }

    fn give_up(
        &self,
        delivery: &Delivery,
        error: &str,
        observer: &dyn WorkObserver,
    ) -> Result<(), QueueError> {
        let message = EvidenceMessage::read(delivery.body()).ok();
        if let Some(why) = message.as_ref().and_then(|message| self.check.invented(message)) {
            return self.put_aside(delivery, &why, observer);
        }
        self.bury(delivery, error)?;
        let Some(message) = message else {
            observer.failed(delivery.id(), &format!("{error}; the message is put aside"));
            return Ok(());
        };
        let (kind, fault) = (OutcomeKind::InternalError, Fault::Us);
        let attempt = Attempt::without_device(kind, fault, "judge", error);
        self.conclude(&message, attempt, Timestamp::now(), delivery, observer)
    }
}
