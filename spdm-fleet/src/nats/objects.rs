//! Objects: bodies that are longer than a message, in parts.
//!
//! They have the layout of NATS's object stores, and `nats object` shows them. They are written without the header that has the
//! server remove older ones, and read part by part: the client's own reading has the server send them wherever a request says.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use serde::{Deserialize, Serialize};

use super::layout::{object_stream, sha256};
use super::post::{MAX_OBJECT, Post, failed, refused};
use super::stored::Which;
use crate::queue::QueueError;

/// Bytes of each part but the last.
const PART_LEN: usize = 128 << 10;
/// The longest name, in bytes.
const MAX_NAME: usize = 512;

/// What is stored of an object besides its parts.
#[derive(Deserialize, Serialize)]
struct Meta {
    name: String,
    bucket: String,
    /// What its parts have in their subject.
    nuid: String,
    size: usize,
    chunks: usize,
    #[serde(default)]
    digest: String,
}

impl Meta {
    /// Whether it says what [`Post::put_object`] says: a collector may have written anything.
    fn is_ours(&self) -> bool {
        let is_plain =
            !self.nuid.is_empty() && self.nuid.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_bounded = (1..=MAX_OBJECT).contains(&self.size);
        is_plain && is_bounded && self.chunks == self.size.div_ceil(PART_LEN)
    }
}

fn meta_subject(bucket: &str, name: &str) -> String {
    format!("$O.{bucket}.M.{}", BASE64_URL_SAFE.encode(name))
}

fn part_subject(bucket: &str, nuid: &str) -> String {
    format!("$O.{bucket}.C.{nuid}")
}

impl Post {
    /// Stores a body, and says its name: that of the message, and a digest.
    pub(super) async fn put_object(
        &self,
        bucket: &str,
        id: &str,
        body: &[u8],
    ) -> Result<String, QueueError> {
        let digest = sha256(self.provider, body)?;
        let name = format!("{id}/{digest}");
        let inbox = self.context.client().new_inbox();
        // Nobody else knows it: what was written before of the same name stays as it is, until it is too old.
        let nuid = inbox.rsplit('.').next().unwrap_or_default().to_owned();
        let parts = part_subject(bucket, &nuid);
        for part in body.chunks(PART_LEN) {
            self.put_part(bucket, parts.clone(), part.to_vec()).await?;
        }
        let digest = BASE64_URL_SAFE.encode(hex::decode(&digest).map_err(failed)?);
        let meta = Meta {
            name: name.clone(),
            bucket: bucket.to_owned(),
            nuid,
            size: body.len(),
            chunks: body.len().div_ceil(PART_LEN),
            digest: format!("SHA-256={digest}"),
        };
        let meta = serde_json::to_vec(&meta).map_err(failed)?;
        self.put_part(bucket, meta_subject(bucket, &name), meta).await?;
        Ok(name)
    }

    async fn put_part(
        &self,
        bucket: &str,
        subject: String,
        body: Vec<u8>,
    ) -> Result<(), QueueError> {
        let stored = match self.context.publish(subject, body.into()).await {
            Ok(stored) => stored.await,
            Err(error) => Err(error),
        };
        stored.map(drop).map_err(|error| refused(&object_stream(bucket), &error))
    }

    async fn meta(&self, bucket: &str, name: &str) -> Result<Option<Meta>, QueueError> {
        if name.len() > MAX_NAME {
            return Ok(None);
        }
        let subject = meta_subject(bucket, name);
        let stored =
            self.stored(&object_stream(bucket), &Which::Last { subject: &subject }).await?;
        let Some(stored) = stored else { return Ok(None) };
        let meta = serde_json::from_slice::<Meta>(&stored.body()?).ok();
        Ok(meta.filter(Meta::is_ours))
    }

    /// An object; `None` where it is not there, or is not what its name says.
    pub(super) async fn object(
        &self,
        bucket: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, QueueError> {
        let Some(meta) = self.meta(bucket, name).await? else { return Ok(None) };
        let (stream, subject) = (object_stream(bucket), part_subject(bucket, &meta.nuid));
        let (mut body, mut from) = (Vec::with_capacity(meta.size), 1);
        while body.len() < meta.size {
            let which = Which::Next { subject: &subject, from };
            let Some(part) = self.stored(&stream, &which).await? else { return Ok(None) };
            from = part.place.saturating_add(1);
            let part = part.body()?;
            // As many parts as a length has, and no more: parts of one byte would take for ever.
            if part.len() != PART_LEN.min(meta.size - body.len()) {
                return Ok(None);
            }
            body.extend_from_slice(&part);
        }
        let digest = sha256(self.provider, &body)?;
        Ok((name.rsplit('/').next() == Some(digest.as_str())).then_some(body))
    }

    /// Removes an object.
    pub(super) async fn forget(&self, bucket: &str, name: &str) -> Result<(), QueueError> {
        let Some(meta) = self.meta(bucket, name).await? else { return Ok(()) };
        let stream = object_stream(bucket);
        let stream = self.context.get_stream_no_info(stream).await.map_err(failed)?;
        for subject in [part_subject(bucket, &meta.nuid), meta_subject(bucket, name)] {
            let purged = async { stream.purge().filter(subject).await.map_err(failed) };
            self.within(purged).await?;
        }
        Ok(())
    }
}
