//! What a site knows of jobs.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::jetstream::kv;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::layout::token;
use super::post::{Post, failed};
use crate::item::Job;
use crate::queue::{QueueError, Submission};
use crate::timestamp::Timestamp;

/// A job, as whoever submits announces it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct JobRecord {
    /// Its name and digest.
    pub job: Job,
    /// How many items it has.
    pub items: u64,
    /// Their classes.
    pub classes: Vec<String>,
    /// The name of the key that its nonces are made with ([`FleetKey::id`](crate::FleetKey::id)).
    pub key: String,
    /// When it was submitted.
    pub submitted: Timestamp,
}

/// The jobs of a site.
#[derive(Clone)]
pub(super) struct Jobs {
    bucket: Arc<Bucket>,
    /// What was read last.
    read: Arc<Mutex<Option<Read>>>,
}

/// Classes of every job, at a state of the bucket.
#[derive(Clone)]
struct Read {
    revision: u64,
    classes: Vec<String>,
    trouble: Option<QueueError>,
}

impl Jobs {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self { bucket: Arc::new(bucket), read: Arc::default() }
    }

    /// Stores a job, unless one of its name is known.
    pub(super) async fn announce(
        &self,
        post: &Post,
        record: &JobRecord,
    ) -> Result<Submission, QueueError> {
        let name = &record.job.name;
        let value = serde_json::to_vec(record).map_err(failed)?;
        let key = token(post.provider, name)?;
        match self.bucket.open().await?.create(&key, value.into()).await {
            Ok(_) => return Ok(Submission::New),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let Some(known) = self.get(post, name).await? else {
            return Err(QueueError::Failed(format!("NATS: the job {name} was removed meanwhile")));
        };
        if known.job != record.job || known.key != record.key {
            return Err(QueueError::OtherJob { job: name.clone() });
        }
        Ok(Submission::Duplicate)
    }

    /// What is known of a job.
    pub(super) async fn get(
        &self,
        post: &Post,
        name: &str,
    ) -> Result<Option<JobRecord>, QueueError> {
        let value = self.bucket.get(&token(post.provider, name)?).await?;
        let Some(value) = value else { return Ok(None) };
        let record: JobRecord = read(name, &value)?;
        // Its key is a digest where its name is long.
        if record.job.name != name {
            return Err(QueueError::Failed(format!(
                "NATS: the bucket of jobs has {} in place of {name}",
                record.job.name
            )));
        }
        Ok(Some(record))
    }

    /// The classes of every job, and what is wrong with jobs that cannot be read: they do not keep others from being worked on.
    pub(super) async fn classes(&self) -> Result<(Vec<String>, Option<QueueError>), QueueError> {
        let store = self.bucket.open().await?;
        let info = store.stream.get_info().await.map_err(failed)?;
        let revision = info.state.last_sequence;
        let last = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last.filter(|last| last.revision == revision) {
            return Ok((last.classes, last.trouble));
        }
        let mut keys = store.keys().await.map_err(failed)?;
        let (mut classes, mut trouble) = (Vec::new(), None);
        while let Some(key) = keys.next().await {
            let key = key.map_err(failed)?;
            let Some(value) = self.bucket.get(&key).await? else { continue };
            match read(&key, &value) {
                Ok(job) => classes.extend(job.classes),
                Err(error) => trouble = Some(error),
            }
        }
        classes.sort_unstable();
        classes.dedup();
        let now = Read { revision, classes, trouble };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Read { classes, trouble, .. } = read.insert(now).clone();
        Ok((classes, trouble))
    }
}

fn read(name: &str, value: &[u8]) -> Result<JobRecord, QueueError> {
    serde_json::from_slice(value).map_err(|error| {
        QueueError::Failed(format!("NATS: what is stored of the job {name} is none: {error}"))
    })
}
