//! Sends messages, and what is too long for one as an object.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::{GetErrorKind, InfoErrorKind};
use async_nats::{HeaderMap, header};
use serde_json::value::RawValue;
use spdm_crypto::Provider;
use tokio::io::AsyncReadExt as _;

use super::access::Refusals;
use super::bucket::Objects;
use super::layout::{longest_body, sha256};
use crate::journal::MAX_LINE_LEN;
use crate::queue::{QueueError, Submission};

/// The header with a message's name.
const ID_HEADER: &str = "Spdm-Id";
/// The header that names the object of a message's body.
const OBJECT_HEADER: &str = "Spdm-Object";
/// The header that says what went wrong with a message.
const ERROR_HEADER: &str = "Spdm-Error";
/// The longest body that is sent and read, in bytes.
pub(super) const MAX_OBJECT: usize = MAX_LINE_LEN;
/// How long an answer of the server is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an object that are read at once.
const PART_LEN: usize = 16 << 10;
/// Bytes of an object that take a second more.
const BYTES_IN_A_SECOND: usize = 1 << 20;
/// The longest member of JSON that stands in a message whose body is an object, in bytes.
const SHORT_MEMBER: usize = 4 << 10;

/// What a server is told, and asked for, by every queue.
pub(super) struct Post {
    pub(super) context: Context,
    pub(super) objects: Objects,
    pub(super) provider: &'static Provider,
    pub(super) refusals: Refusals,
}

/// A message that is to be sent.
pub(super) struct Letter<'l> {
    pub(super) stream: &'l str,
    pub(super) subject: String,
    pub(super) id: &'l str,
    pub(super) body: &'l [u8],
    pub(super) once: Once,
    /// What went wrong with it.
    pub(super) error: Option<&'l str>,
}

/// How the server knows that it has a message already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Once {
    /// For a while, it remembers the names of messages. This is not for streams with a limit: what becomes of the name of a
    /// message that is refused is the server's affair.
    ByName,
    /// As long as the message is there, nothing else has its subject.
    BySubject,
}

pub(super) type SharedPost = Arc<Post>;

impl Post {
    /// An answer that does not come is an error: a server may go away with the question.
    pub(super) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, QueueError>>,
    ) -> Result<T, QueueError> {
        self.within_time(PATIENCE, answer).await
    }

    /// The same of a body of so many bytes.
    async fn within_time_of<T>(
        &self,
        len: usize,
        answer: impl Future<Output = Result<T, QueueError>>,
    ) -> Result<T, QueueError> {
        let seconds = u64::try_from(len / BYTES_IN_A_SECOND).unwrap_or(u64::MAX);
        let patience = PATIENCE.saturating_add(Duration::from_secs(seconds));
        self.within_time(patience, answer).await
    }

    pub(super) async fn within_time<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = Result<T, QueueError>>,
    ) -> Result<T, QueueError> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(patience, answer).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => failed("no answer"),
        };
        // What a user has no right to is not answered.
        match (error, self.refusals.since(begun)) {
            (QueueError::Failed(error), Some(refusal)) => {
                Err(QueueError::Failed(format!("{error}; the server said: {refusal}")))
            }
            (error, _) => Err(error),
        }
    }

    /// Sends a message, and waits until it is stored.
    pub(super) async fn send(&self, letter: Letter<'_>) -> Result<Submission, QueueError> {
        self.within_time_of(letter.body.len(), self.send_now(letter)).await
    }

    async fn send_now(&self, letter: Letter<'_>) -> Result<Submission, QueueError> {
        let Letter { stream, subject, id, body, once, error } = letter;
        let mut message = PublishMessage::build().header(ID_HEADER, id);
        if let Some(error) = error {
            let text: String = error.escape_debug().take(500).collect();
            message = message.header(ERROR_HEADER, text.as_str());
        }
        if body.len() > MAX_OBJECT {
            return Err(QueueError::TooLong { got: body.len(), most: MAX_OBJECT });
        }
        let most = longest_body(self.context.client().server_info().max_payload);
        let message = if body.len() > most {
            let name = format!("{id}/{}", sha256(self.provider, body)?);
            let mut rest = body;
            self.objects
                .open(&self.context)
                .await?
                .put(name.as_str(), &mut rest)
                .await
                .map_err(failed)?;
            message.header(OBJECT_HEADER, name.as_str()).payload(stub(body).into())
        } else {
            message.payload(body.to_vec().into())
        };
        let message = match once {
            Once::ByName => message.message_id(id),
            Once::BySubject => message.expected_last_subject_sequence(0),
        };
        let acknowledged = match self.context.send_publish(subject, message).await {
            Ok(acknowledged) => acknowledged.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(stored) if stored.duplicate => Ok(Submission::Duplicate),
            Ok(_) => Ok(Submission::New),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Ok(Submission::Duplicate)
            }
            Err(error) => Err(refused(stream, &error)),
        }
    }

    /// The body of a message, wherever it is. Where its object is gone, or is not what the message names, its short members
    /// are left: a message without evidence, which no judge takes for one.
    pub(super) async fn body(
        &self,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) -> Result<Vec<u8>, QueueError> {
        let Some(name) = object_name(headers) else { return Ok(payload.to_vec()) };
        let object = self.within(async {
            let objects = self.objects.open(&self.context).await?;
            // The client follows a link wherever it leads, and be it to itself.
            match objects.info(name).await {
                Ok(info) if info.options.as_ref().is_none_or(|options| options.link.is_none()) => {}
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == InfoErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
            match objects.get(name).await {
                Ok(object) => Ok(Some(object)),
                Err(error) if error.kind() == GetErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed(error)),
            }
        });
        // Whoever sends sends nothing longer.
        let Some(object) = object.await?.filter(|object| object.info.size <= MAX_OBJECT) else {
            return Ok(payload.to_vec());
        };
        let most = u64::try_from(object.info.size).unwrap_or(u64::MAX);
        let (mut object, mut bytes) = (object.take(most), Vec::new());
        // Each part is waited for by itself: what an object says of its length is not believed.
        let mut part = [0; PART_LEN];
        loop {
            let read = self.within(async {
                match object.read(&mut part).await {
                    Ok(len) => Ok(len),
                    // The client checks a digest of its own first.
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(0),
                    Err(error) => Err(failed(error)),
                }
            });
            let len = read.await?;
            if len == 0 {
                break;
            }
            bytes.extend_from_slice(part.get(..len).unwrap_or_default());
        }
        let digest = sha256(self.provider, &bytes)?;
        let is_whole = name.rsplit('/').next() == Some(digest.as_str());
        Ok(if is_whole { bytes } else { payload.to_vec() })
    }

    /// Removes what only a message names that is no more.
    pub(super) async fn forget(&self, object: &str) -> Result<(), QueueError> {
        self.objects.open(&self.context).await?.delete(object).await.map_err(failed)
    }
}

/// An object of JSON without its long members.
fn stub(body: &[u8]) -> Vec<u8> {
    let members: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let short: BTreeMap<_, _> =
        members.into_iter().filter(|(_, value)| value.get().len() <= SHORT_MEMBER).collect();
    serde_json::to_vec(&short).unwrap_or_default()
}

/// The object that a message names.
pub(super) fn object_name(headers: Option<&HeaderMap>) -> Option<&str> {
    headers?.get(OBJECT_HEADER).map(header::HeaderValue::as_str)
}

/// The name of a message.
pub(super) fn message_id(headers: Option<&HeaderMap>) -> String {
    let id = headers.and_then(|headers| headers.get(ID_HEADER));
    id.map(|id| id.as_str().to_owned()).unwrap_or_default()
}

/// What a person is told of a client's error.
pub(super) fn failed(error: impl core::fmt::Display) -> QueueError {
    QueueError::Failed(format!("NATS: {error}"))
}

fn refused(stream: &str, error: &PublishError) -> QueueError {
    let source = core::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    // The server has one number for all that a store refuses, and says which in words.
    let is_full =
        source.is_some_and(|source| source.to_string().contains("maximum messages exceeded"));
    match error.kind() {
        _ if is_full => QueueError::Full { queue: format!("the stream {stream}") },
        PublishErrorKind::StreamNotFound => {
            QueueError::Failed(format!("NATS: there is no stream {stream}"))
        }
        _ => failed(error),
    }
}
