//! A site on NATS JetStream.
//!
//! | what | where |
//! |---|---|
//! | work | stream `SPDM_WORK`, `spdm.v1.work.<class>.<item>.<attempt>`; consumers `collect-<class>` |
//! | evidence | stream `SPDM_EVIDENCE`, `spdm.v1.evidence.<class>.<item>.<attempt>`; consumer `judge`; what is longer than a message in the object store `spdm-evidence` |
//! | outcomes | stream `SPDM_RESULT`, `spdm.v1.result.<job>.<outcome>` |
//! | what nobody can work on | stream `SPDM_DEAD`, `spdm.v1.dead.<class>` |
//! | targets, jobs, places at hosts, messages that were begun again | buckets `spdm-state`, `spdm-job`, `spdm-lease`, `spdm-begun` |

mod job;
mod layout;
mod post;
mod queue;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, kv};
use futures_util::StreamExt as _;
use spdm_crypto::Provider;
use tokio::runtime::{Builder, Runtime};

pub use self::job::JobRecord;
pub use self::layout::NatsSettings;
use self::layout::{
    BEGUN_BUCKET, DEAD_STREAM, JOB_BUCKET, LEASE_BUCKET, RESULT_STREAM, STATE_BUCKET, dead_subject,
    sha256, stream_name, subject_prefix, token,
};
use self::post::{Letter, Once, Post, SharedPost, failed};
pub use self::queue::Classes;
use self::queue::NatsQueue;
use crate::outcome::Outcome;
use crate::queue::{Queue, QueueError, Stage, Submission};
use crate::site::{DeadMessage, Lease, Site, TargetState};

/// States of a target that are kept.
const STATE_HISTORY: i64 = 5;
/// How long it is counted how often a message was begun.
const BEGUN_AGE: Duration = Duration::from_secs(24 * 3600);
/// How often a value is written again that somebody else changed meanwhile.
const MOST_RACES: u32 = 20;
/// Threads that speak with the server.
const THREADS: usize = 2;

/// How a server is reached, and who asks.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a caller chooses")]
pub struct NatsAccess {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`; several with commas.
    pub servers: String,
    /// Who asks, where the server wants a token.
    pub token: Option<String>,
    /// Roots of the server's certificate (PEM), instead of those of this machine.
    pub roots: Option<PathBuf>,
    /// Who asks: a certificate and its key (PEM).
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A site on a server.
pub struct NatsSite {
    work: NatsQueue,
    evidence: NatsQueue,
    post: SharedPost,
    results: Stream,
    states: kv::Store,
    jobs: kv::Store,
    leases: kv::Store,
    begun: kv::Store,
    runtime: Runtime,
}

impl core::fmt::Debug for NatsSite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NatsSite").finish_non_exhaustive()
    }
}

impl NatsSite {
    /// Connects, and makes what is not there yet. A connection that is lost later is made again.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn open(
        access: &NatsAccess,
        settings: &NatsSettings,
        classes: Classes,
        provider: &'static Provider,
    ) -> Result<Self, QueueError> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(THREADS).enable_all().build().map_err(failed)?;
        let mut options = ConnectOptions::new().name("spdm");
        if let Some(token) = &access.token {
            options = options.token(token.clone());
        }
        if let Some(roots) = &access.roots {
            options = options.add_root_certificates(roots.clone());
        }
        if let Some((certificate, key)) = &access.identity {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let servers = access
            .servers
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<async_nats::ServerAddr>, _>>()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (post, streams, buckets) = runtime.block_on(async {
            let client = options.connect(servers).await.map_err(failed)?;
            let context = jetstream::new(client);
            let objects = match context.get_object_store(layout::OBJECT_BUCKET).await {
                Ok(objects) => objects,
                Err(_) => context.create_object_store(settings.objects()).await.map_err(failed)?,
            };
            let stream =
                |config| async { context.get_or_create_stream(config).await.map_err(failed) };
            let streams = (
                stream(settings.queue(Stage::Work)).await?,
                stream(settings.queue(Stage::Evidence)).await?,
                stream(settings.log(RESULT_STREAM, Stage::Result.name())).await?,
                stream(settings.log(DEAD_STREAM, "dead")).await?,
            );
            let bucket = |name, history, age| {
                let (context, config) = (&context, settings.bucket(name, history, age));
                async move {
                    context.get_or_create_stream(config).await.map_err(failed)?;
                    context.get_key_value(name).await.map_err(failed)
                }
            };
            let buckets = (
                bucket(STATE_BUCKET, STATE_HISTORY, Duration::ZERO).await?,
                bucket(JOB_BUCKET, 1, Duration::ZERO).await?,
                bucket(LEASE_BUCKET, 1, settings.lease).await?,
                bucket(BEGUN_BUCKET, 1, BEGUN_AGE).await?,
            );
            Ok::<_, QueueError>((Arc::new(Post { context, objects, provider }), streams, buckets))
        })?;
        let (work, evidence, results, _) = streams;
        let (states, jobs, leases, begun) = buckets;
        let queue = |stage, stream| {
            let (post, settings) = (post.clone(), settings.clone());
            let (handle, jobs) = (handle.clone(), jobs.clone());
            NatsQueue::new(stage, post, stream, settings, handle, jobs, classes.clone())
        };
        Ok(Self {
            work: queue(Stage::Work, work),
            evidence: queue(Stage::Evidence, evidence),
            post,
            results,
            states,
            jobs,
            leases,
            begun,
            runtime,
        })
    }

    /// Announces a job: its classes are looked for from now on. Says whether it was known.
    ///
    /// # Errors
    /// [`QueueError::OtherJob`] where a job of this name is about something else.
    pub fn announce(&self, record: &JobRecord) -> Result<Submission, QueueError> {
        let key = token(self.post.provider, &record.job.name)?;
        let value = serde_json::to_vec(record).map_err(failed)?;
        self.runtime.block_on(async {
            match self.jobs.create(&key, value.into()).await {
                Ok(_) => return Ok(Submission::New),
                Err(error) if error.kind() != kv::CreateErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                Err(_) => {}
            }
            let known = self.jobs.get(key).await.map_err(failed)?.unwrap_or_default();
            let known: JobRecord = serde_json::from_slice(&known).map_err(failed)?;
            if known.job != record.job || known.key != record.key {
                return Err(QueueError::OtherJob { job: record.job.name.clone() });
            }
            Ok(Submission::Duplicate)
        })
    }

    /// What is known of a job.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn job(&self, name: &str) -> Result<Option<JobRecord>, QueueError> {
        let key = token(self.post.provider, name)?;
        let value = self.runtime.block_on(self.jobs.get(key)).map_err(failed)?;
        value.map(|value| serde_json::from_slice(&value).map_err(failed)).transpose()
    }

    /// What is remembered of a target.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn target(&self, target: &str) -> Result<Option<TargetState>, QueueError> {
        let key = sha256(self.post.provider, target.as_bytes())?;
        let value = self.runtime.block_on(self.states.get(key)).map_err(failed)?;
        value.map(|value| serde_json::from_slice(&value).map_err(failed)).transpose()
    }

    /// Reads the outcomes of a job, the oldest first, until `take` says that it has enough, or `idle` says so when there was
    /// none for a short while. An outcome may come more than once.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn outcomes(
        &self,
        job: &str,
        mut take: impl FnMut(Outcome) -> Goes,
        mut idle: impl FnMut() -> Goes,
    ) -> Result<(), QueueError> {
        const SHORT: Duration = Duration::from_millis(200);
        let job = token(self.post.provider, job)?;
        let config = pull::OrderedConfig {
            filter_subject: format!("{}.{job}.*", subject_prefix(Stage::Result)),
            deliver_policy: DeliverPolicy::All,
            ..pull::OrderedConfig::default()
        };
        self.runtime.block_on(async {
            let consumer = self.results.create_consumer(config).await.map_err(failed)?;
            let mut messages = consumer.messages().await.map_err(failed)?;
            loop {
                let goes = match tokio::time::timeout(SHORT, messages.next()).await {
                    Err(_) => idle(),
                    Ok(None) => return Ok(()),
                    Ok(Some(message)) => {
                        let message = message.map_err(failed)?;
                        let headers = message.headers.as_ref();
                        let body = self.post.body(headers, &message.payload).await?;
                        take(serde_json::from_slice(&body).map_err(failed)?)
                    }
                };
                if goes == Goes::Enough {
                    return Ok(());
                }
            }
        })
    }

    /// Messages that nobody could work on: their names, each with what went wrong last.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn dead(&self) -> Result<u64, QueueError> {
        self.runtime.block_on(async {
            let stream = self.post.context.get_stream(DEAD_STREAM).await.map_err(failed)?;
            Ok(stream.get_info().await.map_err(failed)?.state.messages)
        })
    }

    /// Messages that wait or are worked on, of work and of evidence.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn pending(&self) -> Result<(u64, u64), QueueError> {
        self.runtime.block_on(async {
            let mut pending = [0; 2];
            for (count, stage) in pending.iter_mut().zip([Stage::Work, Stage::Evidence]) {
                let stream = self.post.context.get_stream(stream_name(stage)).await;
                let stream = stream.map_err(failed)?;
                *count = stream.get_info().await.map_err(failed)?.state.messages;
            }
            let [work, evidence] = pending;
            Ok((work, evidence))
        })
    }

    /// Changes a value, as often as somebody else is faster. `change` says what becomes of it; `None` leaves it.
    fn change(
        &self,
        store: &kv::Store,
        key: &str,
        change: impl Fn(Option<&[u8]>) -> Result<Option<Vec<u8>>, QueueError>,
    ) -> Result<(), QueueError> {
        self.runtime.block_on(async {
            for _ in 0..MOST_RACES {
                let entry = store.entry(key).await.map_err(failed)?;
                let entry = entry.filter(|entry| entry.operation == kv::Operation::Put);
                let before = entry.as_ref().map(|entry| &*entry.value);
                let Some(after) = change(before)? else { return Ok(()) };
                let is_lost = match entry {
                    Some(entry) => match store.update(key, after.into(), entry.revision).await {
                        Ok(_) => return Ok(()),
                        Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                            true
                        }
                        Err(error) => return Err(failed(error)),
                    },
                    None => match store.create(key, after.into()).await {
                        Ok(_) => return Ok(()),
                        Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => true,
                        Err(error) => return Err(failed(error)),
                    },
                };
                debug_assert!(is_lost);
            }
            Err(QueueError::Failed(format!("NATS: {key} changes faster than it can be written")))
        })
    }
}

/// Whether a reader wants more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Goes {
    /// It does.
    On,
    /// It has enough.
    Enough,
}

impl Site for NatsSite {
    fn work(&self) -> &dyn Queue {
        &self.work
    }

    fn evidence(&self) -> &dyn Queue {
        &self.evidence
    }

    fn publish(&self, outcome: &Outcome) -> Result<Submission, QueueError> {
        let job = token(self.post.provider, &outcome.job)?;
        let prefix = subject_prefix(Stage::Result);
        let body = serde_json::to_vec(outcome).map_err(failed)?;
        self.runtime.block_on(self.post.send(Letter {
            stream: RESULT_STREAM,
            subject: format!("{prefix}.{job}.{}", outcome.outcome),
            id: &Stage::Result.message_id(&outcome.item, outcome.attempt),
            body: &body,
            once: Once::ByName,
            error: None,
        }))
    }

    fn record(&self, outcome: &Outcome) -> Result<(), QueueError> {
        let key = sha256(self.post.provider, outcome.target.as_bytes())?;
        self.change(&self.states, &key, |before| {
            let before = before.map(serde_json::from_slice::<TargetState>);
            let before = before.transpose().map_err(failed)?;
            let after = TargetState::after(before.as_ref(), outcome);
            after.map(|after| serde_json::to_vec(&after).map_err(failed)).transpose()
        })
    }

    fn bury(&self, dead: &DeadMessage<'_>) -> Result<(), QueueError> {
        let class = token(self.post.provider, dead.class)?;
        let id = format!("{}/dead", dead.id);
        let letter = Letter {
            stream: DEAD_STREAM,
            subject: dead_subject(&class),
            id: &id,
            body: dead.body,
            once: Once::ByName,
            error: Some(dead.error),
        };
        self.runtime.block_on(self.post.send(letter)).map(|_| ())
    }

    fn begun(&self, id: &str) -> Result<u64, QueueError> {
        let key = sha256(self.post.provider, id.as_bytes())?;
        let value = self.runtime.block_on(self.begun.get(key)).map_err(failed)?;
        let value = value.as_deref().and_then(|value| core::str::from_utf8(value).ok());
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or_default())
    }

    fn set_begun(&self, id: &str, count: u64) -> Result<(), QueueError> {
        // Who holds the message is alone.
        let key = sha256(self.post.provider, id.as_bytes())?;
        let value = count.to_string().into_bytes();
        self.runtime.block_on(self.begun.put(key, value.into())).map_err(failed)?;
        Ok(())
    }

    fn lease(&self, host: &str, places: u32) -> Result<Option<Lease>, QueueError> {
        let host = token(self.post.provider, host)?;
        self.runtime.block_on(async {
            for place in 0..places {
                let key = format!("{host}.{place}");
                match self.leases.create(&key, "taken".into()).await {
                    Ok(revision) => return Ok(Some(Lease::new(key, revision))),
                    Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            Ok(None)
        })
    }

    fn release(&self, lease: &Lease) -> Result<(), QueueError> {
        let deleted = self.leases.delete_expect_revision(lease.name(), Some(lease.revision()));
        self.runtime.block_on(deleted).map_err(failed)
    }
}
