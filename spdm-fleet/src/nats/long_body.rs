//! Bodies that are objects: each is read in the thread that works on it, and few are held at once.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::post::{MAX_OBJECT, SharedPost, failed};
use crate::queue::{QueueError, ReadLater};

/// Bytes of long bodies that a queue holds at once: four of the longest.
const MOST_BYTES: usize = 4 * MAX_OBJECT;

/// Room for long bodies.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        // What an object says of its length is not known yet when it asks for room.
        Self(Arc::new(Semaphore::new(MOST_BYTES / MAX_OBJECT)))
    }
}

/// The body of a message that names an object.
pub(super) struct LongBody {
    post: SharedPost,
    runtime: Handle,
    bucket: &'static str,
    object: String,
    /// Its short members, which stand in the message.
    stub: Vec<u8>,
    room: Room,
    read: OnceLock<(Option<Vec<u8>>, OwnedSemaphorePermit)>,
}

impl core::fmt::Debug for LongBody {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LongBody").field("object", &self.object).finish_non_exhaustive()
    }
}

impl LongBody {
    pub(super) fn new(
        post: SharedPost,
        runtime: Handle,
        bucket: &'static str,
        object: &str,
        stub: Vec<u8>,
        room: Room,
    ) -> Self {
        let (object, read) = (object.to_owned(), OnceLock::new());
        Self { post, runtime, bucket, object, stub, room, read }
    }
}

impl ReadLater for LongBody {
    fn read(&self) -> Result<(), QueueError> {
        if self.read.get().is_some() {
            return Ok(());
        }
        self.runtime.block_on(async {
            let place = self.room.0.clone().acquire_owned().await.map_err(failed)?;
            let body = self.post.object(self.bucket, &self.object).await?;
            // Where somebody was faster, there is what was read already.
            let _ = self.read.set((body, place));
            Ok(())
        })
    }

    /// Where the object is gone, or is not what the message names, its short members are left: a message without evidence, which no
    /// judge takes for one.
    fn bytes(&self) -> &[u8] {
        self.read.get().and_then(|(body, _)| body.as_deref()).unwrap_or(&self.stub)
    }
}
