//! The procedure of PCIe 6.0 §6.30.2: hand an object over, await one, read it; and abort whatever went wrong.
//!
//! ```text
//!            prepare                write                 ready              read
//! Unknown ─┬─────────> Idle ──────────────────> Awaiting ───────> (object) ───────> Idle
//!          │ Abort      │  stale object or Error   │ any fault
//!          └> Aborting <┴──────────────────────────┘
//!                │ no effect in time
//!                └> Dead
//! ```

use spdm_transport::{Duration, Instant, MessageKind, Received};

use crate::config_space::{ALL_ONES, ConfigSpace};
use crate::error::DoeError;
use crate::mailbox::Mailbox;
use crate::mailbox_timing::MailboxTiming;
use crate::object::{self, HEADER_DWORDS, ObjectType, OutgoingObject};
use crate::register::{ABORT, DoeStatus, GO, INTERRUPT_ENABLE, Register};

/// Where an exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum MailboxState {
    /// Nothing is known: an object of a program that has ended may be in the mailbox.
    Unknown,
    /// No object of ours is under way.
    Idle,
    /// An object of this type was handed over.
    Awaiting(ObjectType),
    /// A part of an object may be in the mailbox, and could not be aborted yet.
    Uncertain,
    /// Abort was written, and its effect has not been seen yet.
    Aborting { since: Instant },
    /// An abort had no effect.
    Dead,
}

/// Whether the next step is possible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readiness {
    /// It is.
    Ready,
    /// It is not; the next look is worth it then.
    NotBefore(Instant),
}

/// When a call began, and when it has to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    since: Instant,
    until: Instant,
}

impl Span {
    pub(crate) fn new(now: Instant, timeout: Duration) -> Self {
        Self { since: now, until: now.after(timeout) }
    }

    pub(crate) const fn length(self) -> Duration {
        self.until.since(self.since)
    }

    fn is_over(self, now: Instant) -> bool {
        now > self.until
    }

    /// The next look at a register; `None` where this is over before that.
    fn next(self, now: Instant, interval: Duration) -> Option<Instant> {
        (now < self.until).then(|| now.after(interval).min(self.until))
    }
}

/// One mailbox, and what is under way in it.
#[derive(Debug)]
pub(crate) struct Engine<S: ConfigSpace> {
    mailbox: Mailbox<S>,
    pub(crate) timing: MailboxTiming,
    state: MailboxState,
    /// What DOE Status showed last.
    pub(crate) status: DoeStatus,
    /// DOE Interrupt Enable as it was found; every write keeps it.
    interrupt: u32,
}

impl<S: ConfigSpace> Engine<S> {
    pub(crate) fn new(mailbox: Mailbox<S>) -> Self {
        Self {
            mailbox,
            timing: MailboxTiming::default(),
            state: MailboxState::Unknown,
            status: DoeStatus::default(),
            interrupt: 0,
        }
    }

    pub(crate) const fn mailbox(&self) -> &Mailbox<S> {
        &self.mailbox
    }

    /// One step towards a mailbox without an object; repeated until it is [`Readiness::Ready`].
    pub(crate) fn prepare(
        &mut self,
        span: Span,
        now: Instant,
    ) -> Result<Readiness, DoeError<S::Error>> {
        let since = match self.state {
            MailboxState::Dead => {
                let (status, waited) = (self.status, self.timing.abort);
                return Err(DoeError::AbortFailed { status, waited });
            }
            MailboxState::Unknown => {
                if self.look()?.busy() {
                    return self.await_busy(span, now);
                }
                self.interrupt = match self.mailbox.read(Register::Control)? {
                    ALL_ONES => return Err(DoeError::Gone),
                    control => control & INTERRUPT_ENABLE,
                };
                self.abort(now)?
            }
            MailboxState::Idle => {
                let status = self.look()?;
                if status.busy() {
                    return self.await_busy(span, now);
                }
                if status.clear() {
                    return Ok(Readiness::Ready);
                }
                self.abort(now)?
            }
            MailboxState::Awaiting(_) | MailboxState::Uncertain => self.abort(now)?,
            MailboxState::Aborting { since } => since,
        };
        if self.look()?.clear() {
            self.state = MailboxState::Idle;
            return Ok(Readiness::Ready);
        }
        // Another program may have used the mailbox since: what counts is the time in this call.
        let waited = now.since(since.max(span.since));
        if waited >= self.timing.abort {
            self.state = MailboxState::Dead;
            return Err(DoeError::AbortFailed { status: self.status, waited });
        }
        self.wait(span, now)
    }

    /// Hands an object over; the mailbox is prepared.
    pub(crate) fn write(
        &mut self,
        outgoing: OutgoingObject<'_>,
        span: Span,
        now: impl Fn() -> Instant,
    ) -> Result<(), DoeError<S::Error>> {
        let written = self.write_object(outgoing, span, &now);
        match written {
            Ok(()) => self.state = MailboxState::Awaiting(outgoing.object()),
            Err(_) => self.give_up(now()),
        }
        written
    }

    fn write_object(
        &mut self,
        outgoing: OutgoingObject<'_>,
        span: Span,
        now: impl Fn() -> Instant,
    ) -> Result<(), DoeError<S::Error>> {
        for dword in outgoing.dwords() {
            if span.is_over(now()) {
                return Err(DoeError::Timeout { status: self.status, waited: span.length() });
            }
            self.mailbox.write(Register::WriteMailbox, dword)?;
        }
        self.mailbox.write(Register::Control, GO | self.interrupt)
    }

    /// One look whether the answer is there; `None` when the time is over, and where the request was answered: a mailbox
    /// has one object for each.
    pub(crate) fn await_answer(
        &mut self,
        span: Span,
        now: Instant,
    ) -> Result<Option<Readiness>, DoeError<S::Error>> {
        match self.state {
            MailboxState::Awaiting(_) => {}
            MailboxState::Idle => return Ok(None),
            _ => return Err(DoeError::NoRequest),
        }
        let looked = self.look().and_then(|status| match status.error() {
            true => Err(DoeError::Failed { status }),
            false => Ok(status.data_object_ready()),
        });
        match looked {
            Ok(true) => Ok(Some(Readiness::Ready)),
            Ok(false) => Ok(span.next(now, self.timing.poll_interval).map(Readiness::NotBefore)),
            Err(error) => {
                self.give_up(now);
                Err(error)
            }
        }
    }

    /// Reads the answer, which is ready, into `buffer`; `None` when the time is over before its end.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        span: Span,
        now: impl Fn() -> Instant,
    ) -> Result<Option<Received>, DoeError<S::Error>> {
        let MailboxState::Awaiting(asked) = self.state else { return Err(DoeError::NoRequest) };
        let read = match self.read_object(asked, buffer, span, &now) {
            // A function that was removed reads as all ones, which is no object.
            Err(error @ DoeError::Object(_)) => self.look().and(Err(error)),
            read => read,
        };
        match read {
            Ok(Some(_)) => self.state = MailboxState::Idle,
            Ok(None) | Err(_) => self.give_up(now()),
        }
        read
    }

    fn read_object(
        &mut self,
        asked: ObjectType,
        buffer: &mut [u8],
        span: Span,
        now: impl Fn() -> Instant,
    ) -> Result<Option<Received>, DoeError<S::Error>> {
        let object = object::check_type(asked, self.mailbox.read(Register::ReadMailbox)?)?;
        self.acknowledge()?;
        let length = self.mailbox.read(Register::ReadMailbox)?;
        let dwords = object::check_length(object, length, buffer.len())?;
        self.acknowledge()?;
        let mut len = 0;
        let (places, _) = buffer.as_chunks_mut();
        for (place, left) in places.iter_mut().zip((0..dwords).rev()) {
            if span.is_over(now()) {
                return Ok(None);
            }
            *place = self.mailbox.read(Register::ReadMailbox)?.to_le_bytes();
            if left == 0 {
                let status = self.look()?;
                if !status.data_object_ready() {
                    return Err(DoeError::Truncated { status, length: dwords + HEADER_DWORDS });
                }
            }
            self.acknowledge()?;
            len += place.len();
        }
        let status = self.look()?;
        if status.error() {
            return Err(DoeError::Failed { status });
        }
        // Discovery has no kind of message; its caller looks at the content only.
        Ok(Some(Received { kind: object.kind().unwrap_or(MessageKind::Plain), len }))
    }

    /// Gives up what is under way, so that the mailbox is free for others. Whether that has an effect is seen before
    /// the next object is handed over.
    pub(crate) fn abandon(&mut self, now: Instant) {
        if matches!(self.state, MailboxState::Awaiting(_) | MailboxState::Uncertain) {
            self.give_up(now);
        }
    }

    fn give_up(&mut self, now: Instant) {
        // If it fails, it is tried again before the next object.
        let _ = self.abort(now);
    }

    /// Writes Abort: the time at which that was.
    fn abort(&mut self, now: Instant) -> Result<Instant, DoeError<S::Error>> {
        self.state = MailboxState::Uncertain;
        self.mailbox.write(Register::Control, ABORT | self.interrupt)?;
        self.state = MailboxState::Aborting { since: now };
        Ok(now)
    }

    fn acknowledge(&mut self) -> Result<(), DoeError<S::Error>> {
        self.mailbox.write(Register::ReadMailbox, 0)
    }

    fn look(&mut self) -> Result<DoeStatus, DoeError<S::Error>> {
        self.status = self.mailbox.status()?;
        Ok(self.status)
    }

    fn await_busy(&self, span: Span, now: Instant) -> Result<Readiness, DoeError<S::Error>> {
        let waited = now.since(span.since);
        if waited >= self.timing.busy {
            return Err(DoeError::Busy { status: self.status, waited });
        }
        self.wait(span, now)
    }

    fn wait(&self, span: Span, now: Instant) -> Result<Readiness, DoeError<S::Error>> {
        let next = span.next(now, self.timing.poll_interval);
        let timeout = DoeError::Timeout { status: self.status, waited: span.length() };
        next.map(Readiness::NotBefore).ok_or(timeout)
    }
}

impl<S: ConfigSpace> Drop for Engine<S> {
    fn drop(&mut self) {
        self.abandon(Instant::default());
    }
}
