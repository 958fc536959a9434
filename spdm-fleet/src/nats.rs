//! A site on NATS JetStream.
//!
//! | what | where |
//! |---|---|
//! | work | stream `SPDM_WORK`, `spdm.v1.work.<class>.<item>.<attempt>`; consumers `collect-<class>` |
//! | evidence | stream `SPDM_EVIDENCE`, `spdm.v1.evidence.<class>.<item>.<attempt>.<digest>`; consumer `judge`; what is longer than a message in the object store `spdm-evidence` |
//! | outcomes | stream `SPDM_RESULT`, `spdm.v1.result.<job>.<outcome>.<item>.<attempt>`; what is longer than a message in the object store `spdm-result` |
//! | what nobody can work on | stream `SPDM_DEAD`, `spdm.v1.dead.<class>.<job>` |
//! | targets, jobs, places at hosts | buckets `spdm-state`, `spdm-job`, `spdm-lease` |
//! | messages that were begun again | buckets `spdm-begun-work`, `spdm-begun-evidence` |
//!
//! Collectors write `SPDM_EVIDENCE`, `spdm-evidence`, `spdm-lease` and `spdm-begun-work`, and may write anything there.

mod access;
mod bucket;
mod consumers;
mod job;
mod layout;
mod long_body;
mod objects;
mod outcomes;
mod post;
mod queue;
mod stored;
mod tls_files;
mod tls_refusal;
mod unreadable;

use std::sync::Arc;

use async_nats::jetstream::kv;
use futures_util::TryStreamExt as _;
use spdm_crypto::Provider;
use tokio::runtime::{Builder, Runtime};

pub use self::access::{NatsAccess, NatsLogin, NatsLoginError};
use self::bucket::Bucket;
use self::consumers::{Consumers, Origin};
pub use self::job::JobRecord;
use self::job::Jobs;
pub use self::layout::NatsSettings;
use self::layout::{
    DEAD_STREAM, EVIDENCE_BEGUN_BUCKET, JOB_BUCKET, LEASE_BUCKET, RESULT_STREAM, STATE_BUCKET,
    WORK_BEGUN_BUCKET, dead_subject, result_subject, sha256, stream_name, subject_prefix, token,
};
use self::outcomes::Reader;
use self::post::{Letter, Once, Post, SharedPost, failed};
pub use self::queue::Classes;
use self::queue::NatsQueue;
use self::stored::Which;
pub use self::tls_files::{NatsFileError, NatsFileProblem};
pub use self::tls_refusal::TlsRefusal;
use crate::outcome::Outcome;
use crate::queue::{Queue, QueueError, Stage, Submission};
use crate::site::{DeadMessage, Lease, Site, TargetState};

/// How often a value is written again that somebody else changed meanwhile.
const MOST_RACES: u32 = 20;
/// Threads that speak with the server.
const THREADS: usize = 2;

/// A site on a server.
pub struct NatsSite {
    work: NatsQueue,
    evidence: NatsQueue,
    post: SharedPost,
    jobs: Jobs,
    states: Bucket,
    leases: Bucket,
    work_begun: Bucket,
    evidence_begun: Bucket,
    runtime: Runtime,
}

impl core::fmt::Debug for NatsSite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NatsSite").finish_non_exhaustive()
    }
}

impl NatsSite {
    /// Connects, and makes what is not there yet: this is for whoever submits, who has every right. A connection that is lost
    /// later is made again.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn open(
        access: &NatsAccess,
        settings: &NatsSettings,
        classes: Classes,
        provider: &'static Provider,
    ) -> Result<Self, QueueError> {
        Self::connect(access, Some(settings), classes, provider)
    }

    /// Connects to what [`NatsSite::open`] has made, and makes nothing: this is for workers, each with the rights of its role,
    /// and for whoever watches. What is not there, or not permitted, is an error of what needs it first.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn join(
        access: &NatsAccess,
        classes: Classes,
        provider: &'static Provider,
    ) -> Result<Self, QueueError> {
        Self::connect(access, None, classes, provider)
    }

    fn connect(
        access: &NatsAccess,
        settings: Option<&NatsSettings>,
        classes: Classes,
        provider: &'static Provider,
    ) -> Result<Self, QueueError> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(THREADS).enable_all().build().map_err(failed)?;
        let post = runtime.block_on(async {
            let (context, refusals) = access.connect().await?;
            let post = Post { context, provider, refusals };
            if let Some(settings) = settings {
                make(&post, settings).await?;
            }
            Ok::<_, QueueError>(Arc::new(post))
        })?;
        let bucket = |name| Bucket::new(name, post.context.clone());
        let jobs = Jobs::new(bucket(JOB_BUCKET));
        let queue = |stage| {
            let stream = runtime.block_on(post.context.get_stream_no_info(stream_name(stage)));
            let stream = stream.map_err(failed)?;
            let origin = settings.map_or(Origin::Found, |settings| Origin::Made(settings.clone()));
            let (classes, jobs) = (classes.clone(), jobs.clone());
            let consumers = Consumers::new(stage, stream, post.clone(), jobs, classes, origin);
            let handle = runtime.handle().clone();
            Ok::<_, QueueError>(NatsQueue::new(stage, post.clone(), handle, consumers))
        };
        Ok(Self {
            work: queue(Stage::Work)?,
            evidence: queue(Stage::Evidence)?,
            states: bucket(STATE_BUCKET),
            leases: bucket(LEASE_BUCKET),
            work_begun: bucket(WORK_BEGUN_BUCKET),
            evidence_begun: bucket(EVIDENCE_BEGUN_BUCKET),
            jobs,
            post,
            runtime,
        })
    }

    /// Where it is counted how often a message was begun. A collector does not reach counts of judges.
    fn begun_bucket(&self, id: &str) -> &Bucket {
        match Stage::of_message(id) {
            Some(Stage::Work) => &self.work_begun,
            _ => &self.evidence_begun,
        }
    }

    /// Waits for an answer, but not for ever.
    fn ask<T>(&self, answer: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
        self.runtime.block_on(self.post.within(answer))
    }

    /// Announces a job: whoever works looks for its classes from now on. Says whether it was known.
    ///
    /// # Errors
    /// [`QueueError::OtherJob`] where a job of this name is about something else.
    pub fn announce(&self, record: &JobRecord) -> Result<Submission, QueueError> {
        let submission = self.ask(self.jobs.announce(&self.post, record))?;
        self.runtime.block_on(async {
            self.work.make_for(record).await?;
            self.evidence.make_for(record).await?;
            Ok(submission)
        })
    }

    /// What is known of a job.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn job(&self, name: &str) -> Result<Option<JobRecord>, QueueError> {
        self.ask(self.jobs.get(&self.post, name))
    }

    /// What is remembered of a target.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn target(&self, target: &str) -> Result<Option<TargetState>, QueueError> {
        let key = sha256(self.post.provider, target.as_bytes())?;
        let value = self.ask(self.states.get(&key))?;
        value.map(|value| serde_json::from_slice(&value).map_err(failed)).transpose()
    }

    /// Reads the outcomes of a job, the oldest first, until `take` says that it has enough, or `idle` says so when there was
    /// none for a short while. An outcome may come more than once; what is none is told in words.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn outcomes(
        &self,
        job: &str,
        mut take: impl FnMut(Result<Outcome, String>) -> Goes,
        mut idle: impl FnMut() -> Goes,
    ) -> Result<(), QueueError> {
        let job = token(self.post.provider, job)?;
        let subject = format!("{}.{job}.>", subject_prefix(Stage::Result));
        let mut reader = Reader::new(self.post.clone(), subject);
        self.runtime.block_on(async {
            loop {
                let messages = reader.next().await?;
                if messages.is_empty() && idle() == Goes::Enough {
                    return Ok(());
                }
                for message in messages {
                    if take(reader.outcome(&message).await?) == Goes::Enough {
                        return Ok(());
                    }
                }
            }
        })
    }

    /// How many messages nobody could work on.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn dead(&self) -> Result<u64, QueueError> {
        self.ask(async {
            let stream = self.post.context.get_stream(DEAD_STREAM).await.map_err(failed)?;
            Ok(stream.cached_info().state.messages)
        })
    }

    /// How many of those say that they are about this job.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn dead_of(&self, job: &str) -> Result<u64, QueueError> {
        let subject = dead_subject("*", &token(self.post.provider, job)?);
        self.ask(async {
            let stream = self.post.context.get_stream_no_info(DEAD_STREAM).await.map_err(failed)?;
            let counts = stream.info_with_subjects(subject).await.map_err(failed)?;
            let counts: Vec<_> = counts.try_collect().await.map_err(failed)?;
            let counts = counts.iter().map(|(_, count)| u64::try_from(*count).unwrap_or(u64::MAX));
            Ok(counts.fold(0, u64::saturating_add))
        })
    }

    /// Messages that wait or are worked on, of work and of evidence, as far as somebody is there for their classes.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub fn pending(&self) -> Result<(u64, u64), QueueError> {
        self.runtime
            .block_on(async { Ok((self.work.pending().await?, self.evidence.pending().await?)) })
    }

    /// Changes a value, as often as somebody else is faster. `change` says what becomes of it; `None` leaves it.
    async fn change(
        &self,
        bucket: &Bucket,
        key: &str,
        change: impl Fn(Option<&[u8]>) -> Result<Option<Vec<u8>>, QueueError>,
    ) -> Result<(), QueueError> {
        let store = bucket.open().await?;
        for _ in 0..MOST_RACES {
            let entry = store.entry(key).await.map_err(failed)?;
            let entry = entry.filter(|entry| entry.operation == kv::Operation::Put);
            let before = entry.as_ref().map(|entry| &*entry.value);
            let Some(after) = change(before)? else { return Ok(()) };
            match entry {
                Some(entry) => match store.update(key, after.into(), entry.revision).await {
                    Ok(_) => return Ok(()),
                    Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {}
                    Err(error) => return Err(failed(error)),
                },
                None => match store.create(key, after.into()).await {
                    Ok(_) => return Ok(()),
                    Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                },
            }
        }
        Err(QueueError::Failed(format!("NATS: {key} changes faster than it can be written")))
    }
}

/// Makes streams and buckets that are not there yet.
async fn make(post: &Post, settings: &NatsSettings) -> Result<(), QueueError> {
    let context = &post.context;
    for config in settings.streams() {
        post.within(async { context.get_or_create_stream(config).await.map_err(failed) }).await?;
    }
    Ok(())
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
        let body = serde_json::to_vec(outcome).map_err(failed)?;
        self.runtime.block_on(self.post.send(Letter {
            stream: RESULT_STREAM,
            subject: result_subject(&job, &outcome.outcome.to_string(), outcome),
            id: &Stage::Result.message_id(&outcome.item, outcome.attempt),
            body: &body,
            once: Once::ByName,
            error: None,
        }))
    }

    fn stored(&self, outcome: &Outcome) -> Result<Option<Outcome>, QueueError> {
        let job = token(self.post.provider, &outcome.job)?;
        let subject = result_subject(&job, "*", outcome);
        self.runtime.block_on(async {
            let which = Which::Last { subject: &subject };
            let Some(message) = self.post.stored(RESULT_STREAM, &which).await? else {
                return Ok(None);
            };
            let body = self.post.stored_body(&message).await?;
            serde_json::from_slice(&body).map(Some).map_err(failed)
        })
    }

    fn record(&self, outcome: &Outcome) -> Result<(), QueueError> {
        let key = sha256(self.post.provider, outcome.target.as_bytes())?;
        self.ask(self.change(&self.states, &key, |before| {
            let before = before.map(serde_json::from_slice::<TargetState>);
            let before = before.transpose().map_err(failed)?;
            let after = TargetState::after(before.as_ref(), outcome);
            after.map(|after| serde_json::to_vec(&after).map_err(failed)).transpose()
        }))
    }

    fn bury(&self, dead: &DeadMessage<'_>) -> Result<(), QueueError> {
        let [class, job] = [dead.class, dead.job].map(|text| token(self.post.provider, text));
        // Whoever made a message up has chosen its name: what has another content is another message.
        let id = format!("{}/{}/dead", dead.id, sha256(self.post.provider, dead.body)?);
        let letter = Letter {
            stream: DEAD_STREAM,
            subject: dead_subject(&class?, &job?),
            id: &id,
            body: dead.body,
            once: Once::ByName,
            error: Some(dead.error),
        };
        self.runtime.block_on(self.post.send(letter)).map(|_| ())
    }

    fn begun(&self, id: &str) -> Result<u64, QueueError> {
        let key = sha256(self.post.provider, id.as_bytes())?;
        let value = self.ask(self.begun_bucket(id).get(&key))?;
        let value = value.as_deref().and_then(|value| core::str::from_utf8(value).ok());
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or_default())
    }

    fn set_begun(&self, id: &str, count: u64) -> Result<(), QueueError> {
        // Who holds the message is alone.
        let key = sha256(self.post.provider, id.as_bytes())?;
        let value = count.to_string().into_bytes();
        self.ask(async {
            let counts = self.begun_bucket(id).open().await?;
            counts.put(key, value.into()).await.map(|_| ()).map_err(failed)
        })
    }

    fn lease(&self, host: &str, places: u32) -> Result<Option<Lease>, QueueError> {
        let host = token(self.post.provider, host)?;
        self.ask(async {
            let leases = self.leases.open().await?;
            for place in 0..places {
                let key = format!("{host}.{place}");
                match leases.create(&key, "taken".into()).await {
                    Ok(revision) => return Ok(Some(Lease::new(key, revision))),
                    Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            Ok(None)
        })
    }

    fn release(&self, lease: &Lease) -> Result<(), QueueError> {
        self.ask(async {
            let leases = self.leases.open().await?;
            let revision = Some(lease.revision());
            leases.delete_expect_revision(lease.name(), revision).await.map_err(failed)
        })
    }
}
