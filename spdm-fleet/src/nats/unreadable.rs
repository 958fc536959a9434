//! Messages that no client can read.
//!
//! A collector can write headers with which a client's connection ends, or its task. Such a message would end every judge that is
//! given it, again and again: whoever was given one, or follows who was, removes it.

use super::layout::{DEAD_STREAM, dead_subject, stream_name, subject_prefix};
use super::post::{Letter, Once, Post, failed};
use super::stored::Which;
use crate::queue::{QueueError, Stage};

/// Why such a message is put aside.
const WHY: &str = "its headers, or its subject, are none that a client can read";

impl Post {
    /// Puts aside what is unreadable of the messages that were delivered and not removed. Those behind them are not looked at:
    /// they have ended nobody.
    pub(super) async fn bury_unreadable(&self, stage: Stage, last: u64) -> Result<(), QueueError> {
        let (stream, subject) = (stream_name(stage), format!("{}.>", subject_prefix(stage)));
        let mut from = 1;
        while from <= last {
            let which = Which::Next { subject: &subject, from };
            let Some(message) = self.stored(stream, &which).await? else { return Ok(()) };
            if message.place > last {
                return Ok(());
            }
            from = message.place.saturating_add(1);
            if message.is_plain()? {
                continue;
            }
            let id = format!("{}/{}/dead", message.place, stage.name());
            let letter = Letter {
                stream: DEAD_STREAM,
                subject: dead_subject("unreadable", "unreadable"),
                id: &id,
                body: &message.body()?,
                once: Once::ByName,
                error: Some(WHY),
            };
            self.send(letter).await?;
            let removed = async {
                let stream = self.context.get_stream_no_info(stream).await.map_err(failed)?;
                stream.delete_message(message.place).await.map_err(failed)
            };
            self.within(removed).await?;
        }
        Ok(())
    }
}
