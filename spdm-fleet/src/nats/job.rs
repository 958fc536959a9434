//! What a site knows of a job.

use serde::{Deserialize, Serialize};

use crate::item::Job;
use crate::timestamp::Timestamp;

/// A job, as whoever submits announces it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct JobRecord {
    /// Its name and digest.
    pub job: Job,
    /// How many items it has.
    pub items: u64,
    /// Their classes.
    pub classes: Vec<String>,
    /// The name of the key that its nonces are made with ([`FleetKey::id`](crate::FleetKey::id)).
    pub key: String,
    /// When it was submitted.
    pub submitted: Timestamp,
}
