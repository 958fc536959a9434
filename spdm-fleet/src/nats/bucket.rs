//! Buckets of values: opened when they are needed first.

use async_nats::jetstream::{Context, kv};
use tokio::sync::OnceCell;

use super::post::failed;
use crate::queue::QueueError;

/// A bucket of values.
pub(super) struct Bucket {
    name: &'static str,
    context: Context,
    store: OnceCell<kv::Store>,
}

impl Bucket {
    pub(super) const fn new(name: &'static str, context: Context) -> Self {
        Self { name, context, store: OnceCell::const_new() }
    }

    /// The bucket. Who has no right to it only misses what needs it.
    pub(super) async fn open(&self) -> Result<&kv::Store, QueueError> {
        let open = || async { self.context.get_key_value(self.name).await };
        self.store.get_or_try_init(open).await.map_err(|error| missing(self.name, error))
    }

    /// A value that is there.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, QueueError> {
        let value = self.open().await?.get(key).await.map_err(failed)?;
        Ok(value.map(|value| value.to_vec()))
    }
}

fn missing(name: &str, error: impl core::error::Error) -> QueueError {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    QueueError::Failed(format!("NATS: the bucket {name} cannot be opened: {why}"))
}
