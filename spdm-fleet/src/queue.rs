//! Queues between whoever submits, collects and judges.

use core::fmt;
use core::time::Duration;

use crate::item::ItemId;

/// What a message is about. It is part of its name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the three streams of a site")]
pub enum Stage {
    /// A [`WorkMessage`](crate::WorkMessage).
    Work,
    /// An [`EvidenceMessage`](crate::EvidenceMessage).
    Evidence,
    /// An [`Outcome`](crate::Outcome).
    Result,
}

impl Stage {
    /// Its name in names of messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Evidence => "evidence",
            Self::Result => "result",
        }
    }

    /// What a message of this name is about.
    #[must_use]
    pub fn of_message(id: &str) -> Option<Self> {
        let name = id.rsplit('/').next();
        let stages = [Self::Work, Self::Evidence, Self::Result];
        stages.into_iter().find(|stage| Some(stage.name()) == name)
    }

    /// The name of a message: what has the same name is the same.
    #[must_use]
    pub fn message_id(self, item: &ItemId, attempt: u32) -> String {
        format!("{}/{attempt}/{}", item.digits(), self.name())
    }
}

/// A message that is to be queued.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct Message<'m> {
    /// Its name ([`Stage::message_id`]).
    pub id: &'m str,
    /// The class of the item.
    pub class: &'m str,
    /// The item.
    pub item: &'m ItemId,
    /// The number of the attempt.
    pub attempt: u32,
    /// JSON.
    pub body: &'m [u8],
}

/// Whether a message was new.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Submission {
    /// It was.
    New,
    /// It was there already, or a short while ago, and was not queued again.
    Duplicate,
}

/// A message that a worker was given, for a while.
#[derive(Debug)]
pub struct Delivery {
    token: u64,
    id: String,
    body: Body,
    number: u64,
}

#[derive(Debug)]
enum Body {
    Here(Vec<u8>),
    Elsewhere(Box<dyn ReadLater>),
}

/// A body that takes time to be read, and room while it is held.
pub trait ReadLater: fmt::Debug + Send + Sync {
    /// Reads it, once. It waits where others take the room.
    ///
    /// # Errors
    /// [`QueueError`]; then it may be read later.
    fn read(&self) -> Result<(), QueueError>;

    /// What is there of it: all, once it was read.
    fn bytes(&self) -> &[u8];
}

impl Delivery {
    /// A delivery. `token` is what the queue calls it; `number` says how often the message was delivered, from 1.
    #[must_use]
    pub const fn new(token: u64, id: String, body: Vec<u8>, number: u64) -> Self {
        Self { token, id, body: Body::Here(body), number }
    }

    /// The same of a message whose body is read by whoever works on it.
    #[must_use]
    pub const fn read_later(token: u64, id: String, body: Box<dyn ReadLater>, number: u64) -> Self {
        Self { token, id, body: Body::Elsewhere(body), number }
    }

    /// What the queue calls it.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }

    /// The message's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads what of the body is not here yet: before anything is done with it.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn read(&self) -> Result<(), QueueError> {
        match &self.body {
            Body::Here(_) => Ok(()),
            Body::Elsewhere(body) => body.read(),
        }
    }

    /// JSON.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match &self.body {
            Body::Here(body) => body,
            Body::Elsewhere(body) => body.bytes(),
        }
    }

    /// How often the message was delivered, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// Why a queue did not do what it should.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum QueueError {
    /// It holds as much as it may. Nothing was dropped.
    Full {
        /// What is full.
        queue: String,
    },
    /// A message is longer than it may be.
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The most.
        most: usize,
    },
    /// A job of this name is about something else.
    OtherJob {
        /// Its name.
        job: String,
    },
    /// The server and whoever asks do not come to TLS.
    #[cfg(feature = "nats")]
    Tls(crate::nats::TlsRefusal),
    /// It does not answer, or nothing reaches it any more.
    Unreached(String),
    /// Something else is wrong with it.
    Failed(String),
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { queue } => write!(
                f,
                "{queue} holds as much as it may: workers have to catch up, or it has to be made larger"
            ),
            Self::TooLong { got, most } => {
                write!(f, "a message of {got} bytes, and {most} are the most")
            }
            Self::OtherJob { job } => {
                write!(f, "the queue knows a job {job} with other targets, profiles or references")
            }
            #[cfg(feature = "nats")]
            Self::Tls(refusal) => refusal.fmt(f),
            Self::Unreached(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for QueueError {}

/// A queue that delivers at least once. Several threads use it at once.
pub trait Queue: Send + Sync {
    /// Queues a message, once for each name; of evidence, once for each name and body: two collectors may say different things
    /// of one attempt, and one of them lies.
    ///
    /// # Errors
    /// [`QueueError`]; then it is not queued.
    fn submit(&self, message: &Message<'_>) -> Result<Submission, QueueError>;

    /// Takes up to `most` messages, and waits for the first one so long. Nobody else is given them until they are handed back,
    /// or nothing was heard of them for a while.
    ///
    /// # Errors
    /// [`QueueError`].
    fn fetch(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError>;

    /// Removes a message: whatever follows from it is stored.
    ///
    /// # Errors
    /// [`QueueError`]; then it may be delivered again.
    fn done(&self, delivery: &Delivery) -> Result<(), QueueError>;

    /// Hands a message back, for anybody to take after a delay.
    ///
    /// # Errors
    /// [`QueueError`]; then it is delivered after a while of silence.
    fn later(&self, delivery: &Delivery, delay: Duration) -> Result<(), QueueError>;

    /// Says that it is still being worked on.
    ///
    /// # Errors
    /// [`QueueError`].
    fn alive(&self, delivery: &Delivery) -> Result<(), QueueError>;
}
