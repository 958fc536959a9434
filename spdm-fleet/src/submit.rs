//! Whoever submits: one message for each item.

use core::time::Duration;

use crate::item::{Item, MAX_ITEM_LEN};
use crate::nonce::Nonces;
use crate::queue::{Message, Queue, QueueError, Stage, Submission};
use crate::timestamp::Timestamp;
use crate::want::Want;
use crate::work_message::WorkMessage;

/// The number of the first attempt.
const FIRST: u32 = 1;

/// What was submitted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubmittedCount {
    /// Items that are new.
    pub new: u64,
    /// Items that the queue has, or had a short while ago.
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
        match body(nonces, item, window, want) {
            Ok(_) => {}
            Err(QueueError::TooLong { .. }) => return Ok(Some(item)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Submits the first attempt at each item, with nonces of this time. What was submitted before an error stays.
///
/// # Errors
/// [`QueueError`], such as a full queue.
pub fn submit<'i>(
    queue: &dyn Queue,
    nonces: &Nonces<'_>,
    items: impl IntoIterator<Item = &'i Item>,
    window: Duration,
    want: &Want,
) -> Result<SubmittedCount, QueueError> {
    let mut submitted = SubmittedCount::default();
    for item in items {
        let body = body(nonces, item, window, want)?;
        let (id, class) = (Stage::Work.message_id(&item.item, FIRST), &item.target.class);
        let (item, attempt) = (&item.item, FIRST);
        match queue.submit(&Message { id: &id, class, item, attempt, body: &body })? {
            Submission::New => submitted.new += 1,
            Submission::Duplicate => submitted.duplicate += 1,
        }
    }
    Ok(submitted)
}

/// The message of the first attempt.
fn body(
    nonces: &Nonces<'_>,
    item: &Item,
    window: Duration,
    want: &Want,
) -> Result<Vec<u8>, QueueError> {
    let now = Timestamp::now();
    let work = WorkMessage::new(nonces, item.clone(), FIRST, now, window, want.clone())
        .map_err(|error| QueueError::Failed(error.to_string()))?;
    let body = serde_json::to_vec(&work).map_err(|error| QueueError::Failed(error.to_string()))?;
    match body.len() {
        got if got > MAX_ITEM_LEN => Err(QueueError::TooLong { got, most: MAX_ITEM_LEN }),
        _ => Ok(body),
    }
}
