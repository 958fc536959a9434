//! The consumers that a worker takes messages from.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::Stream;
use futures_util::TryStreamExt as _;

use super::job::{JobRecord, Jobs};
use super::layout::{NatsSettings, consumer_filter, consumer_name};
use super::post::{SharedPost, failed};
use super::queue::Classes;
use crate::queue::{QueueError, Stage};

/// How often consumers are looked for that are new, or that are not there.
const NEW_CONSUMERS: Duration = Duration::from_secs(2);

/// How a worker comes to its consumers.
pub(super) enum Origin {
    /// It makes those of the classes of all jobs.
    Made(NatsSettings),
    /// Whoever submits has made them.
    Found,
}

/// The consumers of a stream: one for each class where devices are reached, one for all where they are judged.
pub(super) struct Consumers {
    stage: Stage,
    stream: Stream<()>,
    post: SharedPost,
    jobs: Jobs,
    classes: Classes,
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name; `None` is one that is not there, or not any more.
    known: BTreeMap<String, Option<PullConsumer>>,
    looked: Option<Instant>,
    /// What was wrong at the last look.
    trouble: Option<QueueError>,
}

impl Consumers {
    pub(super) fn new(
        stage: Stage,
        stream: Stream<()>,
        post: SharedPost,
        jobs: Jobs,
        classes: Classes,
        origin: Origin,
    ) -> Self {
        Self { stage, stream, post, jobs, classes, origin, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are there, by name, and what is wrong with others.
    pub(super) async fn current(&self) -> (Vec<(String, PullConsumer)>, Option<QueueError>) {
        let is_fresh = |looked: Instant| looked.elapsed() < NEW_CONSUMERS;
        if !self.state().looked.is_some_and(is_fresh) {
            let trouble = self.look().await.err();
            let mut state = self.state();
            state.trouble = trouble;
            state.looked = Some(Instant::now());
        }
        let state = self.state();
        let there = |(name, consumer): (&String, &Option<PullConsumer>)| {
            Some((name.clone(), consumer.clone()?))
        };
        (state.known.iter().filter_map(there).collect(), state.trouble.clone())
    }

    /// One of them failed: it is looked for again before it is used.
    pub(super) fn lost(&self, name: &str) {
        let mut state = self.state();
        state.looked = None;
        if let Some(consumer) = state.known.get_mut(name) {
            *consumer = None;
        }
    }

    /// Makes the consumers of a job.
    pub(super) async fn make_for(&self, job: &JobRecord) -> Result<(), QueueError> {
        let name = |class: &String| consumer_name(self.post.provider, self.stage, class);
        for name in job.classes.iter().map(name).collect::<Result<BTreeSet<_>, _>>()? {
            self.post.within(self.find(&name)).await?;
        }
        Ok(())
    }

    /// How many messages wait, or are worked on. Consumers say so: after a server was killed, messages that they removed may be in
    /// the stream again, where nobody is given them.
    pub(super) async fn pending(&self) -> Result<u64, QueueError> {
        // What waits for a consumer that is not there is not counted. Whoever only watches takes no messages, and looks for none.
        let trouble = match self.origin {
            Origin::Made(_) => self.current().await.1,
            Origin::Found => self.state().trouble.clone(),
        };
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let mut infos = self.stream.consumers();
        let mut pending = 0_u64;
        while let Some(info) = infos.try_next().await.map_err(failed)? {
            let unacknowledged = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
            pending = pending.saturating_add(info.num_pending).saturating_add(unacknowledged);
        }
        Ok(pending)
    }

    /// Looks for what is not there yet. What is wrong with one does not keep it from the others.
    async fn look(&self) -> Result<(), QueueError> {
        let (mut missing, mut trouble) = match self.post.within(self.wanted()).await {
            Ok(wanted) => wanted,
            Err(error) => (Vec::new(), Some(error)),
        };
        {
            let state = self.state();
            let lost = state.known.iter().filter(|(_, consumer)| consumer.is_none());
            missing.extend(lost.map(|(name, _)| name.clone()));
            missing.retain(|name| !matches!(state.known.get(name), Some(Some(_))));
        }
        missing.sort_unstable();
        missing.dedup();
        for name in missing {
            let found = match self.post.within(self.find(&name)).await {
                Ok(consumer) => self.cleared(consumer).await,
                Err(error) => Err(error),
            };
            let found = found.map_err(|error| trouble = Some(error)).ok();
            self.state().known.insert(name, found);
        }
        trouble.map_or(Ok(()), Err)
    }

    /// The names of all that messages are to be taken from, and what is wrong with what says so.
    async fn wanted(&self) -> Result<(Vec<String>, Option<QueueError>), QueueError> {
        let name = |class: &String| consumer_name(self.post.provider, self.stage, class);
        let (classes, unread) = match (self.stage, &self.classes, &self.origin) {
            (Stage::Work, Classes::Only(classes), _) => (classes.clone(), None),
            (Stage::Work, Classes::All, Origin::Made(_)) => self.jobs.classes().await?,
            (Stage::Work, Classes::All, Origin::Found) => {
                let names = self.stream.consumer_names().try_collect().await.map_err(failed)?;
                return Ok((names, None));
            }
            _ => (vec![String::new()], None),
        };
        Ok((classes.iter().map(name).collect::<Result<_, _>>()?, unread))
    }

    async fn find(&self, name: &str) -> Result<PullConsumer, QueueError> {
        match &self.origin {
            Origin::Made(settings) => {
                let config = settings.consumer(name, consumer_filter(self.stage, name));
                self.stream.get_or_create_consumer(name, config).await.map_err(failed)
            }
            Origin::Found => self.stream.get_consumer(name).await.map_err(|error| {
                QueueError::Failed(format!(
                    "NATS: there is no consumer {name}, which is made when a job is submitted: {error}"
                ))
            }),
        }
    }

    /// A consumer, without what ended whoever took messages before. Only collectors write what nobody can read.
    async fn cleared(&self, consumer: PullConsumer) -> Result<PullConsumer, QueueError> {
        if self.stage == Stage::Evidence {
            let delivered = consumer.cached_info().delivered.stream_sequence;
            self.post.bury_unreadable(self.stage, delivered).await?;
        }
        Ok(consumer)
    }
}
