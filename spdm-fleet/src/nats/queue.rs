//! A queue in a stream of JetStream.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::{AckKind, Message as JetMessage};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::consumers::Consumers;
use super::job::JobRecord;
use super::layout::{sha256, stream_name, subject_prefix, token};
use super::long_body::{LongBody, Room};
use super::post::{Letter, Once, PATIENCE, SharedPost, bucket_of, failed, object_name};
use crate::queue::{Delivery, Message, Queue, QueueError, Stage, Submission};

/// Digits of the digest of evidence in its subject.
const DIGEST_DIGITS: usize = 32;

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
    runtime: Handle,
    consumers: Consumers,
    /// Messages that are worked on, by the token of their delivery.
    held: Mutex<HashMap<u64, JetMessage>>,
    room: Room,
    next_token: AtomicU64,
    turn: AtomicUsize,
}

impl NatsQueue {
    pub(super) fn new(
        stage: Stage,
        post: SharedPost,
        runtime: Handle,
        consumers: Consumers,
    ) -> Self {
        Self {
            stage,
            post,
            runtime,
            consumers,
            held: Mutex::default(),
            room: Room::default(),
            next_token: AtomicU64::new(1),
            turn: AtomicUsize::new(0),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, JetMessage>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what messages of a job are taken from.
    pub(super) async fn make_for(&self, job: &JobRecord) -> Result<(), QueueError> {
        self.consumers.make_for(job).await
    }

    /// How many messages wait, or are worked on.
    pub(super) async fn pending(&self) -> Result<u64, QueueError> {
        self.post.within(self.consumers.pending()).await
    }

    /// Takes messages. What was taken before an error is in `messages`, and is not lost.
    async fn take(
        &self,
        most: usize,
        wait: Duration,
        messages: &mut Vec<JetMessage>,
    ) -> Result<(), QueueError> {
        let (consumers, mut trouble) = self.consumers.current().await;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(consumers.len()).unwrap_or_default();
        let (before, from) = consumers.split_at(first);
        for (name, consumer) in from.iter().chain(before) {
            let most = most - messages.len();
            if let Err(error) = self.pull(consumer, most, None, messages).await {
                self.consumers.lost(name);
                trouble = Some(error);
            }
            if messages.len() >= most {
                return Ok(());
            }
        }
        match (trouble, from.first()) {
            (Some(error), _) => Err(error),
            _ if !messages.is_empty() => Ok(()),
            (None, None) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            // Whatever has come by then is taken, be it one.
            (None, Some((name, consumer))) => {
                let pulled = self.pull(consumer, 1, Some(wait), messages).await;
                pulled.inspect_err(|_| self.consumers.lost(name))
            }
        }
    }

    /// Takes messages of one consumer: what is there, or the first within a time.
    async fn pull(
        &self,
        consumer: &PullConsumer,
        most: usize,
        wait: Option<Duration>,
        messages: &mut Vec<JetMessage>,
    ) -> Result<(), QueueError> {
        let patience = PATIENCE.saturating_add(wait.unwrap_or_default());
        let pulled = async {
            let mut batch: Batch = match wait {
                None => consumer.fetch().max_messages(most).messages().await,
                Some(wait) => consumer.batch().max_messages(most).expires(wait).messages().await,
            }
            .map_err(failed)?;
            while let Some(message) = batch.next().await {
                messages.push(message.map_err(failed)?);
            }
            Ok(())
        };
        self.post.within_time(patience, pulled).await
    }

    fn deliver(&self, message: JetMessage) -> Result<Delivery, QueueError> {
        let info = message.info().map_err(failed)?;
        let number = u64::try_from(info.delivered).unwrap_or(1);
        // What the server says, and not what the message says of itself: no two messages have one place.
        let place = info.stream_sequence;
        let prefix = subject_prefix(self.stage);
        let subject = message.subject.strip_prefix(&prefix).unwrap_or_default();
        let id = format!("{}/{place}/{}", subject.trim_start_matches('.'), self.stage.name());
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let body = message.payload.to_vec();
        let delivery = match object_name(message.headers.as_ref()) {
            None => Delivery::new(token, id, body, number),
            Some(object) => {
                let (post, runtime) = (self.post.clone(), self.runtime.clone());
                let bucket = bucket_of(stream_name(self.stage));
                let long = LongBody::new(post, runtime, bucket, object, body, self.room.clone());
                Delivery::read_later(token, id, Box::new(long), number)
            }
        };
        self.held().insert(token, message);
        Ok(delivery)
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
                let told = async { message.ack_with(kind).await.map_err(failed) };
                return self.post.within(told).await;
            }
            let removed = async { message.double_ack().await.map_err(failed) };
            self.post.within(removed).await?;
            match object_name(message.headers.as_ref()) {
                // It is gone by itself after a while.
                Some(object) => {
                    let bucket = bucket_of(stream_name(self.stage));
                    self.post.forget(bucket, object).await.or(Ok(()))
                }
                None => Ok(()),
            }
        })
    }
}

impl Queue for NatsQueue {
    fn submit(&self, message: &Message<'_>) -> Result<Submission, QueueError> {
        let class = token(self.post.provider, message.class)?;
        let prefix = subject_prefix(self.stage);
        let subject = format!("{prefix}.{class}.{}.{}", message.item.digits(), message.attempt);
        let subject = match self.stage {
            // Only the same evidence has the same subject: what a collector makes up does not keep out what another one says.
            Stage::Evidence => {
                let digest = sha256(self.post.provider, message.body)?;
                format!("{subject}.{}", digest.get(..DIGEST_DIGITS).unwrap_or_default())
            }
            Stage::Work | Stage::Result => subject,
        };
        self.runtime.block_on(self.post.send(Letter {
            stream: stream_name(self.stage),
            subject,
            id: message.id,
            body: message.body,
            once: Once::BySubject,
            error: None,
        }))
    }

    fn fetch(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        self.runtime.block_on(async {
            let mut messages = Vec::new();
            let mut trouble = self.take(most, wait, &mut messages).await.err();
            let mut deliveries = Vec::new();
            for message in messages {
                match self.deliver(message) {
                    Ok(delivery) => deliveries.push(delivery),
                    Err(error) => trouble = Some(error),
                }
            }
            match trouble {
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
        self.runtime.block_on(self.post.within(async { client.flush().await.map_err(failed) }))
    }

    fn alive(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.acknowledge(delivery, AckKind::Progress)
    }
}
