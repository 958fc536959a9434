//! Names and settings of streams, consumers and buckets.

use core::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use spdm_crypto::Provider;
use spdm_evidence::sha256_hex;

use crate::outcome::Outcome;
use crate::queue::{QueueError, Stage};

/// What stands before every subject.
const PREFIX: &str = "spdm.v1";
/// The longest text that is its own token.
const TOKEN_LEN: usize = 32;
/// Bytes of the digest that stands for other text.
const TOKEN_DIGEST_LEN: usize = 12;
/// So much of a message are its headers and its subject, at most.
const HEADER_ROOM: usize = 8 << 10;
/// States of a target that are kept.
const STATE_HISTORY: i64 = 5;
/// How long it is counted how often a message was begun.
const BEGUN_AGE: Duration = Duration::from_secs(24 * 3600);
/// Values of a bucket that collectors write, and the bytes of each.
const MAX_VALUES: i64 = 1_000_000;
const MAX_VALUE: i32 = 1 << 10;
/// Bytes of messages that nobody could work on.
const MAX_DEAD_BYTES: i64 = 1 << 30;
/// The largest message of a stream, in bytes; evidence that is longer is an object.
const MAX_MESSAGE: i32 = 1 << 20;

pub(super) const STATE_BUCKET: &str = "spdm-state";
pub(super) const JOB_BUCKET: &str = "spdm-job";
pub(super) const LEASE_BUCKET: &str = "spdm-lease";
/// Messages that collectors began again, and those that judges did: collectors write the one, and have no right to the other.
pub(super) const WORK_BEGUN_BUCKET: &str = "spdm-begun-work";
pub(super) const EVIDENCE_BEGUN_BUCKET: &str = "spdm-begun-evidence";
/// Objects of collectors, and those of judges.
pub(super) const EVIDENCE_OBJECTS: &str = "spdm-evidence";
pub(super) const RESULT_OBJECTS: &str = "spdm-result";
pub(super) const RESULT_STREAM: &str = "SPDM_RESULT";
pub(super) const DEAD_STREAM: &str = "SPDM_DEAD";

/// How streams and buckets are made where there are none yet. What is there already stays as it is.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a caller chooses")]
pub struct NatsSettings {
    /// Copies of each stream: 1 or 3.
    pub replicas: usize,
    /// The most messages of the streams of work and of evidence, and the most parts of objects of evidence. There is no limit of
    /// bytes: near one, a server of 2.9 takes a message and drops the oldest for it, whatever the stream says.
    pub max_messages: i64,
    /// The most outcomes that are kept. Further ones are refused: none that was stored makes room.
    pub max_results: i64,
    /// The most messages that nobody could work on. A collector can make any number of them, and the oldest make room.
    pub max_dead: i64,
    /// How long work and evidence are kept that nobody takes.
    pub max_age: Duration,
    /// How long outcomes are kept.
    pub result_age: Duration,
    /// How long a message of the same name is refused; that of an outcome as long as work is kept, too.
    pub duplicate_window: Duration,
    /// How long nothing may be heard of a message before it is given to somebody else.
    pub ack_wait: Duration,
    /// Messages of a queue that are worked on at once, by all workers.
    pub max_ack_pending: i64,
    /// How long a place at a host is kept for a worker of which nothing is heard: longer than an attempt may take.
    pub lease: Duration,
}

impl Default for NatsSettings {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            replicas: 1,
            max_messages: 200_000,
            max_results: 10_000_000,
            max_dead: 10_000,
            max_age: Duration::from_secs(DAY),
            result_age: Duration::from_secs(90 * DAY),
            duplicate_window: Duration::from_secs(600),
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 4096,
            lease: Duration::from_secs(120),
        }
    }
}

impl NatsSettings {
    /// Every stream, those of buckets included.
    pub(super) fn streams(&self) -> [stream::Config; 11] {
        let bounded = |bucket| stream::Config {
            max_messages: MAX_VALUES,
            max_message_size: MAX_VALUE,
            ..bucket
        };
        [
            self.queue(Stage::Work),
            self.queue(Stage::Evidence),
            self.results(),
            self.dead(),
            self.bucket(STATE_BUCKET, STATE_HISTORY, Duration::ZERO),
            // A job is of no use without its outcomes.
            self.bucket(JOB_BUCKET, 1, self.result_age),
            bounded(self.bucket(LEASE_BUCKET, 1, self.lease)),
            bounded(self.bucket(WORK_BEGUN_BUCKET, 1, BEGUN_AGE)),
            self.bucket(EVIDENCE_BEGUN_BUCKET, 1, BEGUN_AGE),
            self.objects(EVIDENCE_OBJECTS, self.max_messages, self.max_age),
            self.objects(RESULT_OBJECTS, self.max_results, self.result_age),
        ]
    }

    /// A stream from which messages are taken.
    fn queue(&self, stage: Stage) -> stream::Config {
        stream::Config {
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_age: self.max_age,
            max_messages: self.max_messages,
            ..self.stream(stream_name(stage), format!("{}.>", subject_prefix(stage)))
        }
    }

    fn results(&self) -> stream::Config {
        stream::Config {
            discard: DiscardPolicy::New,
            max_messages: self.max_results,
            ..self.log(RESULT_STREAM, Stage::Result.name())
        }
    }

    fn dead(&self) -> stream::Config {
        stream::Config {
            discard: DiscardPolicy::Old,
            max_messages: self.max_dead,
            max_bytes: MAX_DEAD_BYTES,
            ..self.log(DEAD_STREAM, "dead")
        }
    }

    /// A stream that is read.
    fn log(&self, name: &str, subjects: &str) -> stream::Config {
        let subjects = format!("{PREFIX}.{subjects}.>");
        // As long as work may wait, an attempt may be made once more.
        let duplicate_window = self.max_age.max(self.duplicate_window).min(self.result_age);
        let stream = self.stream(name, subjects);
        stream::Config { max_age: self.result_age, duplicate_window, ..stream }
    }

    fn stream(&self, name: &str, subjects: String) -> stream::Config {
        stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects],
            storage: StorageType::File,
            num_replicas: self.replicas,
            max_message_size: MAX_MESSAGE,
            duplicate_window: self.duplicate_window.min(self.max_age),
            ..stream::Config::default()
        }
    }

    /// A consumer whose messages come back after silence, however often. Whoever works on them counts: a message that was
    /// handed back was delivered, too, but not begun.
    pub(super) fn consumer(&self, name: &str, filter: String) -> pull::Config {
        pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: filter,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            max_deliver: -1,
            max_ack_pending: self.max_ack_pending,
            ..pull::Config::default()
        }
    }

    /// The stream of a bucket of values. The client would first ask for the account, and does not read what a server before 2.10
    /// answers.
    ///
    /// Whoever may write a value could have the server remove all others with a header of the message (`Nats-Rollup`), where that
    /// is allowed; nothing here needs it. What is left to whoever writes a bucket is to replace values whose keys it knows. Of
    /// what collectors write, that are places at hosts and counts of their own messages: no judge goes by them.
    fn bucket(&self, name: &str, history: i64, max_age: Duration) -> stream::Config {
        stream::Config {
            max_messages_per_subject: history,
            max_age,
            max_message_size: -1,
            duplicate_window: bucket_window(max_age),
            discard: DiscardPolicy::New,
            deny_delete: true,
            deny_purge: true,
            allow_direct: true,
            ..self.stream(&format!("KV_{name}"), format!("$KV.{name}.>"))
        }
    }

    /// The stream of a bucket of objects. Collectors write one: nothing in it can be removed by a header either, and an object
    /// has a name that only its writer knows. Judges remove objects by request.
    fn objects(&self, name: &str, max_messages: i64, max_age: Duration) -> stream::Config {
        stream::Config {
            subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
            max_age,
            max_messages,
            discard: DiscardPolicy::New,
            duplicate_window: bucket_window(max_age),
            ..self.stream(&object_stream(name), String::new())
        }
    }
}

/// How long a bucket remembers names of messages, which nobody gives them: no longer than messages.
fn bucket_window(max_age: Duration) -> Duration {
    const TWO_MINUTES: Duration = Duration::from_secs(120);
    if max_age.is_zero() { TWO_MINUTES } else { max_age.min(TWO_MINUTES) }
}

/// The stream of a bucket of objects.
pub(super) fn object_stream(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

pub(super) const fn stream_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Work => "SPDM_WORK",
        Stage::Evidence => "SPDM_EVIDENCE",
        Stage::Result => RESULT_STREAM,
    }
}

pub(super) fn subject_prefix(stage: Stage) -> String {
    format!("{PREFIX}.{}", stage.name())
}

/// Where a message is put aside. `class` is a star for those of every class.
pub(super) fn dead_subject(class: &str, job: &str) -> String {
    format!("{PREFIX}.dead.{class}.{job}")
}

/// Where an outcome is published. `kind` is its outcome, or a star for whichever the same attempt has.
pub(super) fn result_subject(job: &str, kind: &str, outcome: &Outcome) -> String {
    let (item, attempt) = (outcome.item.digits(), outcome.attempt);
    format!("{}.{job}.{kind}.{item}.{attempt}", subject_prefix(Stage::Result))
}

/// What stands before the class in the name of a consumer of work.
const COLLECT: &str = "collect-";

/// The name of the consumer of a class.
pub(super) fn consumer_name(
    provider: &Provider,
    stage: Stage,
    class: &str,
) -> Result<String, QueueError> {
    match stage {
        Stage::Work => Ok(format!("{COLLECT}{}", token(provider, class)?)),
        _ => Ok("judge".to_owned()),
    }
}

/// Which messages a consumer of this name is for.
pub(super) fn consumer_filter(stage: Stage, name: &str) -> String {
    let prefix = subject_prefix(stage);
    match name.strip_prefix(COLLECT) {
        Some(class) => format!("{prefix}.{class}.>"),
        None => format!("{prefix}.>"),
    }
}

/// The longest body that is in a message itself.
pub(super) fn longest_body(server: usize) -> usize {
    let stream = usize::try_from(MAX_MESSAGE).unwrap_or(usize::MAX);
    server.min(stream).saturating_sub(HEADER_ROOM)
}

/// A text as one part of a subject, of a key or of a name. What is more than letters, digits and hyphens, or long, becomes a
/// digest behind an underscore.
pub(super) fn token(provider: &Provider, text: &str) -> Result<String, QueueError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=TOKEN_LEN).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    let digest = sha256(provider, text.as_bytes())?;
    let digest = digest.get(..2 * TOKEN_DIGEST_LEN).unwrap_or_default();
    Ok(format!("_{digest}"))
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sha256(provider: &Provider, bytes: &[u8]) -> Result<String, QueueError> {
    let digest = sha256_hex(provider, &[bytes]);
    digest.ok_or_else(|| QueueError::Failed("SHA-256 is not implemented here".to_owned()))
}

#[cfg(test)]
mod tests {
    use spdm_crypto::rustcrypto::PROVIDER;

    use super::{longest_body, token};

    #[test]
    fn no_text_of_a_list_has_a_say_in_subjects() {
        assert_eq!(token(&PROVIDER, "gpu-7").unwrap(), "gpu-7");
        for text in ["", "*", ">", "a.b", "a b", "rack_7", "\r\n", "é", &"x".repeat(33)] {
            let token = token(&PROVIDER, text).unwrap();
            assert_eq!(token.len(), 25, "{text}");
            assert!(token.strip_prefix('_').unwrap().bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn headers_have_room() {
        assert_eq!(longest_body(1 << 20), (1 << 20) - 8192);
        assert_eq!(longest_body(4 << 20), (1 << 20) - 8192);
        assert_eq!(longest_body(0), 0);
    }
}
