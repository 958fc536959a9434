//! Messages of a stream as they are stored, whoever takes them.
//!
//! The answer is JSON, with headers in base64. In every other answer they stand as their writer wrote them, and a client that
//! cannot read them ends its connection: what a collector wrote is read in this way only.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::post::{Post, failed};
use crate::queue::QueueError;

/// Which message.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Which<'w> {
    /// The last one of a subject.
    Last {
        #[serde(rename = "last_by_subj")]
        subject: &'w str,
    },
    /// The first one of a subject from a place in the stream.
    Next {
        #[serde(rename = "next_by_subj")]
        subject: &'w str,
        #[serde(rename = "seq")]
        from: u64,
    },
}

/// A message.
#[derive(Deserialize)]
pub(super) struct Stored {
    pub(super) subject: String,
    /// Its place in the stream.
    #[serde(rename = "seq")]
    pub(super) place: u64,
    #[serde(default)]
    data: String,
    #[serde(default)]
    hdrs: String,
}

#[derive(Deserialize)]
struct Answer {
    message: Stored,
}

impl Post {
    /// A message of a stream, where there is one.
    pub(super) async fn stored(
        &self,
        stream: &str,
        which: &Which<'_>,
    ) -> Result<Option<Stored>, QueueError> {
        let request = format!("STREAM.MSG.GET.{stream}");
        let answer = async { self.context.request(request, which).await.map_err(failed) };
        match self.within(answer).await? {
            Response::Ok(Answer { message }) => Ok(Some(message)),
            Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Ok(None)
            }
            Response::Err { error } => Err(failed(format_args!("the stream {stream}: {error}"))),
        }
    }
}

impl Stored {
    pub(super) fn body(&self) -> Result<Vec<u8>, QueueError> {
        BASE64_STANDARD.decode(&self.data).map_err(failed)
    }

    /// A header, where it is text.
    pub(super) fn header(&self, name: &str) -> Result<Option<String>, QueueError> {
        let headers = BASE64_STANDARD.decode(&self.hdrs).map_err(failed)?;
        let headers = String::from_utf8(headers).unwrap_or_default();
        let value = headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.map(|value| value.trim().to_owned()))
    }

    /// Whether a client can read its subject and its headers: printable ASCII, a name and a value on each line. Nothing here writes
    /// anything else.
    pub(super) fn is_plain(&self) -> Result<bool, QueueError> {
        let headers = BASE64_STANDARD.decode(&self.hdrs).map_err(failed)?;
        Ok(self.subject.bytes().all(|byte| byte.is_ascii_graphic()) && are_plain(&headers))
    }
}

fn are_plain(headers: &[u8]) -> bool {
    if headers.is_empty() {
        return true;
    }
    let text = core::str::from_utf8(headers).unwrap_or_default();
    let lines = text.strip_prefix("NATS/1.0\r\n").and_then(|rest| rest.strip_suffix("\r\n"));
    let is_plain = |line: &str| {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let (name, value) = line.split_once(':').unwrap_or_default();
        let is_shown = value.bytes().all(|byte| (0x20..0x7F).contains(&byte));
        !name.is_empty() && name.bytes().all(is_token) && is_shown
    };
    // The last line has an end of its own.
    lines.is_some_and(|lines| lines.is_empty() || lines.split_terminator("\r\n").all(is_plain))
        && (lines == Some("") || text.ends_with("\r\n\r\n"))
}

#[cfg(test)]
mod tests {
    use super::are_plain;

    #[test]
    fn headers_are_plain_that_a_client_reads() {
        for headers in [
            "",
            "NATS/1.0\r\n\r\n",
            "NATS/1.0\r\nA-b: c d\r\n\r\n",
            "NATS/1.0\r\nA:\r\nB: c\r\n\r\n",
        ] {
            assert!(are_plain(headers.as_bytes()), "{headers:?}");
        }
        for headers in [
            "A: b",
            "NATS/1.0\r\n",
            "NATS/1.0 \r\n\r\n",
            "NATS/1.0\r\nA: b\r\n",
            "NATS/1.0\r\nA: b\rc\r\n\r\n",
            "NATS/1.0\r\nA: b\nC: d\r\n\r\n",
            "NATS/1.0\r\nA: b\r\n c\r\n\r\n",
            "NATS/1.0\r\nA\r\n\r\n",
            "NATS/1.0\r\n: b\r\n\r\n",
            "NATS/1.0\r\nA b: c\r\n\r\n",
            "NATS/1.0\r\nA: \u{e9}\r\n\r\n",
            "NATS/1.0\r\nA: b\0\r\n\r\n",
            "NATS/1.0\r\nA: b\r\r\n\r\n",
        ] {
            assert!(!are_plain(headers.as_bytes()), "{headers:?}");
        }
    }
}
