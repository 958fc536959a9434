//! The memory of the sessions of one connection.

use core::fmt;
use core::ops::Range;

use spdm_crypto::Provider;
use spdm_transport::Instant;

use super::handle::SessionHandle;
use super::slot::SessionSlot;
use crate::error::SessionFault;
use crate::requester::SessionDue;

/// Memory for `N` sessions, lent with [`Storage::with_sessions`](crate::Storage::with_sessions): 640 bytes each, and
/// a place in the bank of running hashes.
#[derive(Debug)]
pub struct Sessions<const N: usize>([SessionSlot; N]);

impl<const N: usize> Sessions<N> {
    /// No session.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= 0x100, "an index has eight bits") };
        Self([const { SessionSlot::new() }; N])
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
        Instant, Provider, Range, SessionDue, SessionFault, SessionHandle, SessionSlot, Unsealed,
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

        /// Opens a record in place: where in it the message is.
        fn open(
            &mut self,
            session: SessionHandle,
            now: Instant,
            record: &mut [u8],
            padding: usize,
        ) -> Result<Range<usize>, SessionFault>;

        /// Ends a session.
        fn end(&mut self, session: SessionHandle);

        /// Ends every session that is not established.
        fn end_handshakes(&mut self);

        /// Ends every session.
        fn end_all(&mut self);
    }
}

impl<const N: usize> sealed::Bank for Sessions<N> {
    fn free(&self) -> Option<SessionHandle> {
        let (index, slot) = self.0.iter().enumerate().find(|(_, slot)| slot.is_free())?;
        Some(SessionHandle::new(u8::try_from(index).ok()?, slot.generation))
    }

    fn slot(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        let slot = self.0.get_mut(session.index())?;
        (slot.generation == session.generation()).then_some(slot)
    }

    fn due(&self) -> Option<SessionDue> {
        let slots = || {
            let slots = self.0.iter().enumerate();
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

    fn open(
        &mut self,
        session: SessionHandle,
        now: Instant,
        record: &mut [u8],
        padding: usize,
    ) -> Result<Range<usize>, SessionFault> {
        let slot = self.slot(session).ok_or(SessionFault::Over)?;
        slot.open(now, record, padding).inspect_err(|fault| {
            if fault.is_fatal() {
                slot.end()
            }
        })
    }

    fn end(&mut self, session: SessionHandle) {
        if let Some(slot) = self.slot(session) {
            slot.end();
        }
    }

    fn end_handshakes(&mut self) {
        let unfinished = |slot: &&mut SessionSlot| !slot.is_free() && !slot.is_established();
        self.0.iter_mut().filter(unfinished).for_each(SessionSlot::end);
    }

    fn end_all(&mut self) {
        self.0.iter_mut().for_each(SessionSlot::end);
    }
}
