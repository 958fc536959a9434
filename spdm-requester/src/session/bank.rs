//! The memory of the sessions of one connection.

use core::fmt;
use core::ops::Range;

use spdm_crypto::Provider;
use spdm_transport::{Instant, MessageKind};

use super::handle::SessionHandle;
use super::key_log::KeyLog;
use super::slot::SessionSlot;
use crate::error::SessionFault;
use crate::requester::SessionDue;

/// How many messages that belong elsewhere are passed over while an answer is awaited. Whoever can write to the bus can
/// send them: they cost the exchange time, and nobody else anything.
const MAX_STRAYS: u8 = 8;

/// Memory for `N` sessions, lent with [`Storage::with_sessions`](crate::Storage::with_sessions): 640 bytes each, and
/// a place in the bank of running hashes.
#[derive(Debug)]
pub struct Sessions<const N: usize> {
    slots: [SessionSlot; N],
    strays: Strays,
}

/// What came since the last message that was awaited, and was passed over.
#[derive(Debug)]
struct Strays {
    count: u8,
    last: Option<SessionFault>,
}

impl Strays {
    const NONE: Self = Self { count: 0, last: None };

    /// Passes one over, unless it is one too many.
    fn pass_over<T>(&mut self, fault: SessionFault) -> Result<Option<T>, SessionFault> {
        if self.count >= MAX_STRAYS {
            return Err(fault);
        }
        (self.count, self.last) = (self.count.saturating_add(1), Some(fault));
        Ok(None)
    }
}

impl<const N: usize> Sessions<N> {
    /// No session.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= 0x100, "an index has eight bits") };
        Self { slots: [const { SessionSlot::new() }; N], strays: Strays::NONE }
    }
}

impl<const N: usize> Default for Sessions<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A message that is to be sealed.
#[expect(unnameable_types, reason = "sealed")]
#[derive(Clone, Copy, Debug)]
pub enum Unsealed<'m> {
    /// So many bytes at the start of the buffer that the record is made in.
    InPlace(usize),
    /// These.
    Bytes(&'m [u8]),
}

/// What a requester does with its sessions while messages travel. Sealed: [`Sessions`] implements it. A program that
/// lends none contains no code of sessions.
pub trait SessionBank: fmt::Debug + Send + sealed::Bank {}

impl<const N: usize> SessionBank for Sessions<N> {}

pub(crate) mod sealed {
    use super::{
        Instant, KeyLog, MessageKind, Provider, Range, SessionDue, SessionFault, SessionHandle,
        SessionSlot, Unsealed,
    };

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Bank {
        /// A place without a session.
        fn free(&self) -> Option<SessionHandle>;

        /// The session of this handle, or its place before it begins; `None` where it is over.
        fn slot(&mut self, session: SessionHandle) -> Option<&mut SessionSlot>;

        /// What is due next.
        fn due(&self) -> Option<SessionDue>;

        /// Makes a record of a message at the start of `buffer`; its length in bytes.
        fn seal(
            &mut self,
            session: SessionHandle,
            provider: &Provider,
            now: Instant,
            message: Unsealed<'_>,
            buffer: &mut [u8],
        ) -> Result<usize, SessionFault>;

        /// Takes what came while an answer is awaited in this session, or in the clear; a record is opened in place. Where
        /// in it the message is; `None` for one that belongs elsewhere and was passed over: a plain message where a record
        /// is due, a record of another session, application data.
        fn take(
            &mut self,
            via: Option<SessionHandle>,
            now: Instant,
            kind: MessageKind,
            bytes: &mut [u8],
            padding: usize,
        ) -> Result<Option<Range<usize>>, SessionFault>;

        /// What was passed over last while nothing else came.
        fn came_instead(&self) -> Option<SessionFault>;

        /// Ends a session.
        fn end(&mut self, session: SessionHandle);

        /// A flow is over, and with it every handshake that is not complete.
        fn end_flow(&mut self);

        /// Ends every session.
        fn end_all(&mut self);

        /// Who is told the secrets of sessions.
        fn key_log(&mut self) -> Option<&mut dyn KeyLog> {
            None
        }
    }
}

impl<const N: usize> sealed::Bank for Sessions<N> {
    fn free(&self) -> Option<SessionHandle> {
        let (index, slot) = self.slots.iter().enumerate().find(|(_, slot)| slot.is_free())?;
        Some(SessionHandle::new(u8::try_from(index).ok()?, slot.generation))
    }

    fn slot(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        let slot = self.slots.get_mut(session.index())?;
        (slot.generation == session.generation()).then_some(slot)
    }

    fn due(&self) -> Option<SessionDue> {
        let slots = || {
            let slots = self.slots.iter().enumerate();
            slots.filter_map(|(index, slot)| {
                Some((SessionHandle::new(u8::try_from(index).ok()?, slot.generation), slot))
            })
        };
        if let Some((session, _)) = slots().find(|(_, slot)| slot.is_worn()) {
            return Some(SessionDue::KeyUpdate { session });
        }
        let due = slots().filter_map(|(session, slot)| Some((session, slot.heartbeat_due()?)));
        let (session, at) = due.min_by_key(|(_, at)| *at)?;
        Some(SessionDue::Heartbeat { session, at })
    }

    fn seal(
        &mut self,
        session: SessionHandle,
        provider: &Provider,
        now: Instant,
        message: Unsealed<'_>,
        buffer: &mut [u8],
    ) -> Result<usize, SessionFault> {
        let slot = self.slot(session).ok_or(SessionFault::Over)?;
        let head = slot.form.head_len();
        // Where it does not fit, sealing says so.
        let len = match message {
            Unsealed::InPlace(len) => {
                if head.saturating_add(len) <= buffer.len() {
                    buffer.copy_within(..len, head);
                }
                len
            }
            Unsealed::Bytes(message) => {
                let place = buffer.get_mut(head..).unwrap_or_default();
                place.iter_mut().zip(message).for_each(|(place, byte)| *place = *byte);
                message.len()
            }
        };
        slot.seal(provider, now, buffer, len).inspect_err(|fault| {
            if fault.is_fatal() {
                slot.end()
            }
        })
    }

    fn take(
        &mut self,
        via: Option<SessionHandle>,
        now: Instant,
        kind: MessageKind,
        bytes: &mut [u8],
        padding: usize,
    ) -> Result<Option<Range<usize>>, SessionFault> {
        let id = |carried: &[u8]| carried.first_chunk().map(|id| u32::from_le_bytes(*id));
        let message = match (via, kind) {
            (None, MessageKind::Plain) => 0..bytes.len(),
            (None, MessageKind::Secured) => {
                return self
                    .strays
                    .pass_over(SessionFault::OtherSession { got: id(bytes).unwrap_or(0) });
            }
            (Some(_), MessageKind::Plain) => {
                return self.strays.pass_over(SessionFault::PlainMessage);
            }
            (Some(session), MessageKind::Secured) => {
                let slot = self.slot(session).ok_or(SessionFault::Over)?;
                let got = id(slot.form.binding.record(bytes));
                if let Some(got) = got.filter(|got| *got != slot.form.session_id) {
                    return self.strays.pass_over(SessionFault::OtherSession { got });
                }
                let opened = slot.open(now, bytes, padding).inspect_err(|fault| {
                    if fault.is_fatal() {
                        slot.end()
                    }
                })?;
                match opened {
                    Some(message) => message,
                    None => return self.strays.pass_over(SessionFault::Protocol),
                }
            }
        };
        self.strays = Strays::NONE;
        Ok(Some(message))
    }

    fn came_instead(&self) -> Option<SessionFault> {
        self.strays.last
    }

    fn end(&mut self, session: SessionHandle) {
        if let Some(slot) = self.slot(session) {
            slot.end();
        }
    }

    fn end_flow(&mut self) {
        self.strays = Strays::NONE;
        let unfinished = |slot: &&mut SessionSlot| !slot.is_free() && !slot.is_established();
        self.slots.iter_mut().filter(unfinished).for_each(SessionSlot::end);
    }

    fn end_all(&mut self) {
        self.slots.iter_mut().for_each(SessionSlot::end);
    }
}
