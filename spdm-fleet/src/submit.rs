//! Whoever submits: one message for each item.

use core::time::Duration;

use crate::item::{Item, MAX_ITEM_LEN};
use crate::nonce::Nonces;
use crate::queue::{Message, Queue, QueueError, Stage, Submission};
use crate::timestamp::Timestamp;
use crate::want::Want;
use crate::work_message::WorkMessage;

/// What was submitted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubmittedCount {
    /// Items that are new.
    pub new: u64,
    /// Items that the queue has, or had a short while ago.
    pub duplicate: u64,
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
        let now = Timestamp::now();
        let work = WorkMessage::new(nonces, item.clone(), 1, now, window, want.clone())
            .map_err(|error| QueueError::Failed(error.to_string()))?;
        let body =
            serde_json::to_vec(&work).map_err(|error| QueueError::Failed(error.to_string()))?;
        if body.len() > MAX_ITEM_LEN {
            return Err(QueueError::TooLong { got: body.len(), most: MAX_ITEM_LEN });
        }
        let (id, item) = (Stage::Work.message_id(&item.item, 1), &item.item);
        let class = &work.item.target.class;
        match queue.submit(&Message { id: &id, class, item, attempt: 1, body: &body })? {
            Submission::New => submitted.new += 1,
            Submission::Duplicate => submitted.duplicate += 1,
        }
    }
    Ok(submitted)
}
