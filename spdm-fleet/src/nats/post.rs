//! Sends messages, and what is too long for one as an object.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, header};
use serde_json::value::RawValue;
use spdm_crypto::Provider;

use super::access::Refusals;
use super::layout::{EVIDENCE_OBJECTS, RESULT_OBJECTS, longest_body, stream_name};
use crate::journal::MAX_LINE_LEN;
use crate::queue::{QueueError, Stage, Submission};

/// The header that names the object of a message's body.
pub(super) const OBJECT_HEADER: &str = "Spdm-Object";
/// The header that says what went wrong with a message.
const ERROR_HEADER: &str = "Spdm-Error";
/// The longest body that is sent and read, in bytes.
pub(super) const MAX_OBJECT: usize = MAX_LINE_LEN;
/// How long an answer of the server is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an object that take a second more.
const BYTES_IN_A_SECOND: usize = 1 << 20;
/// The longest member of JSON that stands in a message whose body is an object, in bytes.
const SHORT_MEMBER: usize = 4 << 10;

/// What a server is told, and asked for, by every queue.
pub(super) struct Post {
    pub(super) context: Context,
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
            Err(_) => QueueError::Unreached("NATS: no answer".to_owned()),
        };
        let error = match error {
            QueueError::Failed(why) if !self.is_connected().await => QueueError::Unreached(why),
            error => error,
        };
        // What a user has no right to is not answered.
        match (error, self.refusals.since(begun)) {
            (QueueError::Failed(error) | QueueError::Unreached(error), Some(refusal)) => {
                Err(QueueError::Failed(format!("{error}; the server said: {refusal}")))
            }
            (error, _) => Err(error),
        }
    }

    /// Nothing leaves a client any more whose task has ended.
    async fn is_connected(&self) -> bool {
        let client = self.context.client();
        matches!(tokio::time::timeout(PATIENCE, client.flush()).await, Ok(Ok(())))
    }

    /// Sends a message, and waits until it is stored.
    pub(super) async fn send(&self, letter: Letter<'_>) -> Result<Submission, QueueError> {
        self.within_time_of(letter.body.len(), self.send_now(letter)).await
    }

    async fn send_now(&self, letter: Letter<'_>) -> Result<Submission, QueueError> {
        let Letter { stream, subject, id, body, once, error } = letter;
        let mut message = PublishMessage::build();
        if let Some(error) = error {
            let text: String = error.escape_debug().take(500).collect();
            message = message.header(ERROR_HEADER, text.as_str());
        }
        if body.len() > MAX_OBJECT {
            return Err(QueueError::TooLong { got: body.len(), most: MAX_OBJECT });
        }
        let most = longest_body(self.context.client().server_info().max_payload);
        let message = if body.len() > most {
            let name = self.put_object(bucket_of(stream), id, body).await?;
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
}

/// Where bodies of a stream are that are too long for it. Collectors write the one, and have no right to the other.
pub(super) fn bucket_of(stream: &str) -> &'static str {
    if stream == stream_name(Stage::Evidence) { EVIDENCE_OBJECTS } else { RESULT_OBJECTS }
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

/// What a person is told of a client's error.
pub(super) fn failed(error: impl core::fmt::Display) -> QueueError {
    QueueError::Failed(format!("NATS: {error}"))
}

/// What a person is told of a message that a stream did not take.
pub(super) fn refused(stream: &str, error: &PublishError) -> QueueError {
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
