//! The memory of the sessions of one connection.

use core::fmt;
use core::ops::Range;

use spdm_codec::Code;
use spdm_crypto::Provider;
use spdm_transport::{Instant, MessageKind};

use super::handle::SessionHandle;
use super::key_log::KeyLog;
use super::slot::SessionSlot;
use crate::error::{Error, SessionFault};
use crate::error_cell::ErrorCell;
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
}

/// Why what came is not the answer.
enum Untaken {
    /// It belongs elsewhere.
    Stray(SessionFault),
    /// It was to be the answer.
    Wrong(SessionFault),
}

impl From<SessionFault> for Untaken {
    fn from(fault: SessionFault) -> Self {
        Self::Wrong(fault)
    }
}

fn session_id(record: &[u8]) -> Option<u32> {
    record.first_chunk().map(|id| u32::from_le_bytes(*id))
}

impl<const N: usize> Sessions<N> {
    /// No session.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= 0x100, "an index has eight bits") };
        Self { slots: [const { SessionSlot::new() }; N], strays: Strays::NONE }
    }

    /// Ends every session and erases its keys: for who has dropped the requester that had them.
    pub fn erase(&mut self) {
        self.end_all();
    }
}

impl<const N: usize> Sessions<N> {
    /// Opens a record in place: where in the area the message is.
    fn open(
        &mut self,
        session: SessionHandle,
        arrived: Arrived<'_>,
    ) -> Result<Range<usize>, Untaken> {
        let Arrived { now, area, place, padding, .. } = arrived;
        let start = place.start;
        let record = area.get_mut(place).unwrap_or_default();
        let slot = self.slot(session).ok_or(SessionFault::Over)?;
        let got = session_id(slot.form.binding.record(record));
        if let Some(got) = got.filter(|got| *got != slot.form.session_id) {
            return Err(Untaken::Stray(SessionFault::OtherSession { got }));
        }
        let opened = slot.open(now, record, padding).inspect_err(|fault| {
            if fault.is_fatal() {
                slot.end()
            }
        })?;
        let message = opened.ok_or(Untaken::Stray(SessionFault::Protocol))?;
        Ok(start.saturating_add(message.start)..start.saturating_add(message.end))
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

/// What has come, while an answer is awaited.
#[expect(unnameable_types, reason = "sealed")]
#[derive(Debug)]
pub struct Arrived<'m> {
    pub(crate) now: Instant,
    pub(crate) kind: MessageKind,
    pub(crate) area: &'m mut [u8],
    /// Where in the area it is.
    pub(crate) place: Range<usize>,
    /// Bytes that the transport may have appended.
    pub(crate) padding: usize,
}

/// What a requester does with its sessions while messages travel. Sealed: [`Sessions`] implements it. A program that
/// lends none contains no code of sessions.
pub trait SessionBank: fmt::Debug + Send + sealed::Bank {}

impl<const N: usize> SessionBank for Sessions<N> {}

use sealed::Bank as _;

pub(crate) mod sealed {
    use super::{
        Arrived, Code, Error, ErrorCell, Instant, KeyLog, Provider, Range, SessionDue,
        SessionHandle, SessionSlot, Unsealed,
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
        fn seal<'f>(
            &mut self,
            errors: &'f ErrorCell,
            session: SessionHandle,
            provider: &Provider,
            now: Instant,
            message: Unsealed<'_>,
            buffer: &mut [u8],
        ) -> Result<u32, &'f Error>;

        /// Takes what came while an answer is awaited in this session, or in the clear; a record is opened in place. Where in
        /// the area the message is; `None` for one that belongs elsewhere and was passed over: a plain message where a
        /// record is due, a record of another session, application data.
        fn take<'f>(
            &mut self,
            errors: &'f ErrorCell,
            via: Option<SessionHandle>,
            arrived: Arrived<'_>,
        ) -> Result<Option<Range<usize>>, &'f Error>;

        /// No answer to this request came in a session. Whatever came in its place says more than that.
        fn expired<'f>(&self, errors: &'f ErrorCell, request: Code) -> &'f Error;

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

    fn seal<'f>(
        &mut self,
        errors: &'f ErrorCell,
        session: SessionHandle,
        provider: &Provider,
        now: Instant,
        message: Unsealed<'_>,
        buffer: &mut [u8],
    ) -> Result<u32, &'f Error> {
        let slot = self.slot(session).ok_or_else(|| errors.stop(SessionFault::Over))?;
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
        let sealed = slot.seal(provider, now, buffer, len).map_err(|fault| {
            if fault.is_fatal() {
                slot.end();
            }
            errors.stop(fault)
        })?;
        // Length has 16 bits, so that a record has hardly more than 64 KiB.
        Ok(u32::try_from(sealed).unwrap_or(u32::MAX))
    }

    fn take<'f>(
        &mut self,
        errors: &'f ErrorCell,
        via: Option<SessionHandle>,
        arrived: Arrived<'_>,
    ) -> Result<Option<Range<usize>>, &'f Error> {
        let taken = match (via, arrived.kind) {
            (None, MessageKind::Plain) => Ok(arrived.place),
            (None, MessageKind::Secured) => {
                let record = arrived.area.get(arrived.place).unwrap_or_default();
                Err(Untaken::Stray(SessionFault::OtherSession {
                    got: session_id(record).unwrap_or(0),
                }))
            }
            (Some(_), MessageKind::Plain) => Err(Untaken::Stray(SessionFault::PlainMessage)),
            (Some(session), MessageKind::Secured) => self.open(session, arrived),
        };
        let fault = match taken {
            Ok(place) => {
                self.strays = Strays::NONE;
                return Ok(Some(place));
            }
            Err(Untaken::Stray(fault)) if self.strays.count < MAX_STRAYS => {
                self.strays.count = self.strays.count.saturating_add(1);
                self.strays.last = Some(fault);
                return Ok(None);
            }
            Err(Untaken::Stray(fault) | Untaken::Wrong(fault)) => fault,
        };
        Err(errors.stop(fault))
    }

    fn expired<'f>(&self, errors: &'f ErrorCell, request: Code) -> &'f Error {
        errors.stop(self.strays.last.map_or(Error::Timeout { request }, Error::Session))
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
