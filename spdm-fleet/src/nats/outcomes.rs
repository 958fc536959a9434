//! Outcomes of a job, as they are stored.

use core::time::Duration;

use futures_util::future::try_join_all;

use super::layout::{RESULT_OBJECTS, RESULT_STREAM};
use super::post::{OBJECT_HEADER, SharedPost};
use super::stored::{Stored, Which};
use crate::outcome::Outcome;
use crate::queue::QueueError;

/// Places of the stream that are asked for at once: on a long way, an answer takes longer than a message.
const AT_ONCE: u64 = 64;
/// How long nothing is asked for after there was nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads outcomes in their order. It needs no consumer: whoever could make one could have the server send outcomes anywhere.
pub(super) struct Reader {
    post: SharedPost,
    subject: String,
    /// The first place that was not read.
    from: u64,
    /// Whether there was something at the last look.
    is_busy: bool,
}

impl Reader {
    pub(super) const fn new(post: SharedPost, subject: String) -> Self {
        Self { post, subject, from: 1, is_busy: true }
    }

    /// What comes next: nothing after a pause where there is nothing.
    pub(super) async fn next(&mut self) -> Result<Vec<Stored>, QueueError> {
        // Each place is answered with the first message from there: where a message stands between two places, the first of them
        // brings it.
        let count = if self.is_busy { AT_ONCE } else { 1 };
        let places = self.from..self.from.saturating_add(count);
        let (post, subject) = (&self.post, &self.subject);
        let asked = places
            .map(async |from| post.stored(RESULT_STREAM, &Which::Next { subject, from }).await);
        // Behind a place with nothing are answers of a later moment, and what came in between is not among them.
        let answers = try_join_all(asked).await?.into_iter();
        let mut found: Vec<_> = answers.map_while(core::convert::identity).collect();
        found.sort_unstable_by_key(|message| message.place);
        found.dedup_by_key(|message| message.place);
        self.is_busy = !found.is_empty();
        match found.last() {
            Some(last) => self.from = last.place.saturating_add(1),
            None => tokio::time::sleep(PAUSE).await,
        }
        Ok(found)
    }

    /// What a message says; in words where it is no outcome.
    pub(super) async fn outcome(
        &self,
        message: &Stored,
    ) -> Result<Result<Outcome, String>, QueueError> {
        let body = self.post.stored_body(message).await?;
        Ok(serde_json::from_slice(&body).map_err(|error| error.to_string()))
    }
}

impl super::post::Post {
    /// The body of a stored outcome, wherever it is. Where its object is gone, its short members are left.
    pub(super) async fn stored_body(&self, message: &Stored) -> Result<Vec<u8>, QueueError> {
        if let Some(object) = message.header(OBJECT_HEADER)?
            && let Some(body) = self.object(RESULT_OBJECTS, &object).await?
        {
            return Ok(body);
        }
        message.body()
    }
}
