//! GET_SUPPORTED_EVENT_TYPES and SUBSCRIBE_EVENT_TYPES.

use core::mem;

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error};
use crate::error_cell::ErrorCell;
use crate::events::Subscription;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::session_control::decode;
use crate::operation::{Next, sealed};
use crate::requester::Requester;
use crate::session::SessionHandle;
use spdm_codec::{
    CapabilityFlags, EventGroupList, EventGroups, GetSupportedEventTypes, SubscribeEventTypes,
    SubscribeEventTypesAck, SupportedEventTypes,
};

/// Which events the device can tell of: see [`Requester::fetch_event_types`].
#[derive(Debug)]
pub struct FetchEventTypes<'m> {
    buffer: &'m mut [u8],
    types: Option<EventGroupList<'m>>,
}

/// SUBSCRIBE_EVENT_TYPES: see [`Requester::subscribe`].
#[derive(Debug)]
pub struct Subscribe<'s> {
    groups: EventGroupList<'s>,
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_SUPPORTED_EVENT_TYPES (1.3) in this session: which events the device can tell of, copied into the lent buffer.
    #[must_use]
    pub fn fetch_event_types<'m>(
        self,
        session: SessionHandle,
        buffer: &'m mut [u8],
    ) -> Flow<'a, FetchEventTypes<'m>> {
        Flow::new(self.in_session(session).core, FetchEventTypes { buffer, types: None })
    }

    /// SUBSCRIBE_EVENT_TYPES (1.3) in this session: the device tells of these events from now on, in place of those of an
    /// earlier subscription; of none where the list is empty. The [`Subscription`] checks what it sends.
    #[must_use]
    pub fn subscribe<'s>(
        self,
        session: SessionHandle,
        groups: EventGroupList<'s>,
    ) -> Flow<'a, Subscribe<'s>> {
        Flow::new(self.in_session(session).core, Subscribe { groups })
    }
}

impl<'m> sealed::Operation for FetchEventTypes<'m> {
    type Phase = Negotiated;
    type Output = EventGroupList<'m>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::EVENT_CAP, "EVENT_CAP")?;
        ask.encode(&GetSupportedEventTypes, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let SupportedEventTypes { groups } = decode(env, answer)?;
        // A list that cannot be read is not accepted.
        if let Err(error) = EventGroupList::decode(groups) {
            let error = env.errors.stop(error);
            env.reject(answer.request, answer.response, error);
            return Err(error);
        }
        env.accept(answer, None)?;
        let (needed, len) = (groups.list.len(), self.buffer.len());
        let Some(list) = mem::take(&mut self.buffer).get_mut(..needed) else {
            let buffer = Buffer::Response;
            return Err(env.errors.stop(Error::BufferTooSmall { buffer, needed, len }));
        };
        list.copy_from_slice(groups.list);
        let types = EventGroupList::decode(EventGroups { list, ..groups });
        self.types = Some(types.map_err(|error| env.errors.stop(error))?);
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<EventGroupList<'m>, &'f Error> {
        self.types.ok_or_else(|| errors.unfinished())
    }
}

impl<'s> sealed::Operation for Subscribe<'s> {
    type Phase = Negotiated;
    type Output = Subscription<'s>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = ask.require(CapabilityFlags::EVENT_CAP, "EVENT_CAP")?;
        let groups = Some(self.groups.encoded()).filter(|groups| groups.count > 0);
        ask.encode(&SubscribeEventTypes { groups }, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let SubscribeEventTypesAck = decode(env, answer)?;
        env.accept(answer, None)?;
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<Subscription<'s>, &'f Error> {
        Ok(Subscription::to(self.groups))
    }
}
