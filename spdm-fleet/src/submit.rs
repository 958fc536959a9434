//! Whoever submits: one message for each attempt at an item.

use core::time::Duration;

use crate::item::{Item, MAX_ITEM_LEN};
use crate::nonce::Nonces;
use crate::queue::{Message, Queue, QueueError, Stage, Submission};
use crate::timestamp::Timestamp;
use crate::want::Want;
use crate::work_message::WorkMessage;

/// The number of the first attempt.
pub const FIRST_ATTEMPT: u32 = 1;

/// What was submitted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubmittedCount {
    /// Attempts that are new.
    pub new: u64,
    /// Attempts that the queue has, or had a short while ago.
    pub duplicate: u64,
}

/// The first item whose message would be longer than [`MAX_ITEM_LEN`]; `None` where all of them fit. To be asked before
/// anything is submitted.
///
/// # Errors
/// The backend has no HMAC with SHA-256.
pub fn too_long<'i>(
    nonces: &Nonces<'_>,
    items: impl IntoIterator<Item = &'i Item>,
    window: Duration,
    want: &Want,
) -> Result<Option<&'i Item>, QueueError> {
    for item in items {
        match body(nonces, item, FIRST_ATTEMPT, window, want) {
            Ok(_) => {}
            Err(QueueError::TooLong { .. }) => return Ok(Some(item)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Submits an attempt at each item, of the number that stands beside it, with nonces of this time. What was submitted before an
/// error stays. What is in the queue already is not queued again.
///
/// # Errors
/// [`QueueError`], such as a full queue.
pub fn submit<'i>(
    queue: &dyn Queue,
    nonces: &Nonces<'_>,
    attempts: impl IntoIterator<Item = (&'i Item, u32)>,
    window: Duration,
    want: &Want,
) -> Result<SubmittedCount, QueueError> {
    let mut submitted = SubmittedCount::default();
    for (item, attempt) in attempts {
        let body = body(nonces, item, attempt, window, want)?;
        let (id, class) = (Stage::Work.message_id(&item.item, attempt), &item.target.class);
        let item = &item.item;
        match queue.submit(&Message { id: &id, class, item, attempt, body: &body })? {
            Submission::New => submitted.new += 1,
            Submission::Duplicate => submitted.duplicate += 1,
        }
    }
    Ok(submitted)
}

/// The message of an attempt.
fn body(
    nonces: &Nonces<'_>,
    item: &Item,
    attempt: u32,
    window: Duration,
    want: &Want,
) -> Result<Vec<u8>, QueueError> {
    let now = Timestamp::now();
    let work = WorkMessage::new(nonces, item.clone(), attempt, now, window, want.clone())
        .map_err(|error| QueueError::Failed(error.to_string()))?;
    let body = serde_json::to_vec(&work).map_err(|error| QueueError::Failed(error.to_string()))?;
    match body.len() {
        got if got > MAX_ITEM_LEN => Err(QueueError::TooLong { got, most: MAX_ITEM_LEN }),
        _ => Ok(body),
    }
}
