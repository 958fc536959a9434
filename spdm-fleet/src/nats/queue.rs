//! A queue in a stream of JetStream.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{AckKind, Message as JetMessage, kv};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;

use super::job::JobRecord;
use super::layout::{NatsSettings, stream_name, subject_prefix, token};
use super::post::{Letter, Once, SharedPost, failed, message_id, object_name};
use crate::queue::{Delivery, Message, Queue, QueueError, Stage, Submission};

/// How often classes of new jobs are looked for.
const NEW_CLASSES: Duration = Duration::from_secs(2);

/// How long an answer of the server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which messages are taken.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Classes {
    /// Those of every class that a job has.
    All,
    /// Those of these classes: a collector does not reach every device.
    Only(Vec<String>),
}

pub(super) struct NatsQueue {
    stage: Stage,
    post: SharedPost,
    stream: Stream,
    settings: NatsSettings,
    runtime: Handle,
    jobs: kv::Store,
    classes: Classes,
    consumers: Mutex<Consumers>,
    /// Messages that are worked on, by the token of their delivery.
    held: Mutex<HashMap<u64, JetMessage>>,
    next_token: AtomicU64,
    turn: AtomicUsize,
}

#[derive(Default)]
struct Consumers {
    /// By class.
    known: Vec<(String, PullConsumer)>,
    looked: Option<Instant>,
}

impl NatsQueue {
    pub(super) fn new(
        stage: Stage,
        post: SharedPost,
        stream: Stream,
        settings: NatsSettings,
        runtime: Handle,
        jobs: kv::Store,
        classes: Classes,
    ) -> Self {
        Self {
            stage,
            post,
            stream,
            settings,
            runtime,
            jobs,
            classes,
            consumers: Mutex::default(),
            held: Mutex::default(),
            next_token: AtomicU64::new(1),
            turn: AtomicUsize::new(0),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, JetMessage>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn consumers(&self) -> MutexGuard<'_, Consumers> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The consumers of this worker: one for each class where devices are reached, one for all where they are judged.
    async fn current(&self) -> Result<Vec<PullConsumer>, QueueError> {
        let known = {
            let consumers = self.consumers();
            if consumers.looked.is_some_and(|looked| looked.elapsed() < NEW_CLASSES) {
                return Ok(consumers.known.iter().map(|(_, consumer)| consumer.clone()).collect());
            }
            consumers.known.iter().map(|(class, _)| class.clone()).collect::<Vec<_>>()
        };
        let prefix = subject_prefix(self.stage);
        let mut wanted = Vec::new();
        match (self.stage, &self.classes) {
            (Stage::Work, Classes::Only(classes)) => wanted.clone_from(classes),
            (Stage::Work, Classes::All) => {
                for job in job_records(&self.jobs).await? {
                    wanted.extend(job.classes);
                }
                wanted.sort_unstable();
                wanted.dedup();
            }
            _ => wanted.push(String::new()),
        }
        let mut made = Vec::new();
        for class in wanted.into_iter().filter(|class| !known.contains(class)) {
            let (name, filter) = match self.stage {
                Stage::Work => {
                    let class = token(self.post.provider, &class)?;
                    (format!("collect-{class}"), format!("{prefix}.{class}.>"))
                }
                _ => ("judge".to_owned(), format!("{prefix}.>")),
            };
            let config = self.settings.consumer(&name, filter);
            let consumer =
                self.stream.get_or_create_consumer(&name, config).await.map_err(failed)?;
            made.push((class, consumer));
        }
        let mut consumers = self.consumers();
        for (class, consumer) in made {
            if !consumers.known.iter().any(|(known, _)| *known == class) {
                consumers.known.push((class, consumer));
            }
        }
        consumers.looked = Some(Instant::now());
        Ok(consumers.known.iter().map(|(_, consumer)| consumer.clone()).collect())
    }

    async fn take(&self, most: usize, wait: Duration) -> Result<Vec<JetMessage>, QueueError> {
        let consumers = self.current().await?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let Some(first) = turn.checked_rem(consumers.len()) else {
            tokio::time::sleep(wait).await;
            return Ok(Vec::new());
        };
        let (before, from) = consumers.split_at(first);
        let mut messages = Vec::new();
        for consumer in from.iter().chain(before) {
            let most = most - messages.len();
            let fetched = consumer.fetch().max_messages(most).messages().await.map_err(failed)?;
            messages.extend(fetched.try_collect::<Vec<_>>().await.map_err(failed)?);
            if messages.len() >= most {
                return Ok(messages);
            }
        }
        let Some(consumer) = from.first().filter(|_| messages.is_empty()) else {
            return Ok(messages);
        };
        // Whatever has come by then is taken, be it one.
        let batch = consumer.batch().max_messages(1).expires(wait);
        let mut fetched = batch.messages().await.map_err(failed)?;
        while let Some(message) = fetched.next().await {
            messages.push(message.map_err(failed)?);
        }
        Ok(messages)
    }

    async fn deliver(&self, message: JetMessage) -> Result<Delivery, QueueError> {
        let number = message.info().map_err(failed)?.delivered;
        let headers = message.headers.as_ref();
        let id = message_id(headers);
        let body = self.post.body(headers, &message.payload).await?;
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        self.held().insert(token, message);
        let number = u64::try_from(number).unwrap_or(1);
        Ok(Delivery::new(token, id, body, number))
    }

    fn acknowledge(&self, delivery: &Delivery, kind: AckKind) -> Result<(), QueueError> {
        // The map is not locked while the server answers.
        let message = match kind {
            AckKind::Progress => self.held().get(&delivery.token()).cloned(),
            _ => self.held().remove(&delivery.token()),
        };
        let Some(message) = message else { return Ok(()) };
        let is_last = matches!(kind, AckKind::Ack);
        self.runtime.block_on(async {
            if !is_last {
                return message.ack_with(kind).await.map_err(failed);
            }
            within(async { message.double_ack().await.map_err(failed) }).await?;
            match object_name(message.headers.as_ref()) {
                // It is gone by itself after a while.
                Some(object) => self.post.forget(object).await.or(Ok(())),
                None => Ok(()),
            }
        })
    }
}

impl Queue for NatsQueue {
    fn submit(&self, message: &Message<'_>) -> Result<Submission, QueueError> {
        let class = token(self.post.provider, message.class)?;
        let prefix = subject_prefix(self.stage);
        self.runtime.block_on(self.post.send(Letter {
            stream: stream_name(self.stage),
            subject: format!("{prefix}.{class}.{}.{}", message.item.digits(), message.attempt),
            id: message.id,
            body: message.body,
            once: Once::BySubject,
            error: None,
        }))
    }

    fn fetch(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        self.runtime.block_on(async {
            // A question that the server took with it when it ended is not answered.
            let taken = tokio::time::timeout(wait + PATIENCE, self.take(most, wait)).await;
            let messages = taken.map_err(|_| failed("no answer"))??;
            let mut deliveries = Vec::new();
            let mut error = None;
            for message in messages {
                match within(self.deliver(message)).await {
                    Ok(delivery) => deliveries.push(delivery),
                    // It comes back after silence; the others are here.
                    Err(failed) => error = Some(failed),
                }
            }
            match error {
                Some(error) if deliveries.is_empty() => Err(error),
                _ => Ok(deliveries),
            }
        })
    }

    fn done(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.acknowledge(delivery, AckKind::Ack)
    }

    fn later(&self, delivery: &Delivery, delay: Duration) -> Result<(), QueueError> {
        let delay = (!delay.is_zero()).then_some(delay);
        self.acknowledge(delivery, AckKind::Nak(delay))?;
        // A message that is handed back at the end of the process is to reach the server.
        let client = self.post.context.client();
        self.runtime.block_on(within(async { client.flush().await.map_err(failed) }))
    }

    fn alive(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.acknowledge(delivery, AckKind::Progress)
    }
}

/// An answer that does not come is an error: a server may go away with the question.
async fn within<T>(answer: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(failed("no answer")))
}

/// Every job that is known.
pub(super) async fn job_records(jobs: &kv::Store) -> Result<Vec<JobRecord>, QueueError> {
    let mut keys = jobs.keys().await.map_err(failed)?;
    let mut records = Vec::new();
    while let Some(key) = keys.next().await {
        let key = key.map_err(failed)?;
        if let Some(value) = jobs.get(key).await.map_err(failed)? {
            records.push(serde_json::from_slice(&value).map_err(failed)?);
        }
    }
    Ok(records)
}
