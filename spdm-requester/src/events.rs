//! What a device sends of the events that it was asked to tell.

use spdm_codec::{
    Cx, DmtfEvent, Event, EventGroupAttributes, EventGroupList, Expected, SendEvent, SpdmVersion,
    StandardsBody,
};
use spdm_untrusted::Untrusted;

use crate::error::Error;
use crate::error_cell::{At, ErrorCell};

const MESSAGE: &str = "SEND_EVENT";
const ID: &str = "EventInstanceID";

/// What a session is subscribed to, and which event is due: it checks each SEND_EVENT of that session. It belongs to the
/// session and is worth nothing after its end.
#[derive(Clone, Copy, Debug)]
pub struct Subscription<'s> {
    groups: EventGroupList<'s>,
    /// `EventInstanceID` of the next event, once one came. Behind the last number there is none.
    next: Option<u64>,
}

/// The events of one SEND_EVENT, checked.
#[derive(Clone, Copy, Debug)]
pub struct Events<'m> {
    message: SendEvent<'m>,
    first: u32,
}

impl<'m> Events<'m> {
    /// How many there are, 1 to 256.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.message.count()
    }

    /// The events in the order in which they happened, whatever the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = Event<'m>> + use<'m> {
        let (message, first) = (self.message, self.first);
        (0..message.count()).filter_map(move |nth| {
            let id = first.checked_add(nth)?;
            message.iter().find(|event| event.instance_id == id)
        })
    }
}

/// The most events of one message that are taken, so that what they are checked with has a size.
const MOST: usize = 256;

impl<'s> Subscription<'s> {
    /// What [`Requester::subscribe`](crate::Requester::subscribe) subscribed to; all that the device supports for a session
    /// that was opened with `EVENT_ALL_POLICY`.
    #[must_use]
    pub const fn to(groups: EventGroupList<'s>) -> Self {
        Self { groups, next: None }
    }

    /// Whether nothing is subscribed to.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.groups.encoded().count == 0
    }

    /// Checks a SEND_EVENT that came in the session (DSP0274 1.3 §SEND_EVENT): the list ends with the message, every event
    /// is of a type that was subscribed to, and together they follow the events before without a gap. What was lost in
    /// between, an EventLost in front of them has to say.
    ///
    /// # Errors
    /// [`Error::Decode`] and [`Error::Misbehaved`]: ERROR(InvalidRequest) is to be answered, and nothing of the message is
    /// used. The subscription is as before.
    pub fn receive<'m>(
        &mut self,
        version: SpdmVersion,
        message: Untrusted<&'m [u8]>,
    ) -> Result<Events<'m>, Error> {
        let (events, next) = ErrorCell::by_value(|errors| {
            let message = errors.decode::<SendEvent<'_>>(message, &Cx::new(version))?.message;
            self.check(errors, message)
        })?;
        self.next = Some(next);
        Ok(events)
    }

    /// The events, and the number of the next one.
    fn check<'f, 'm>(
        &self,
        errors: &'f ErrorCell,
        message: SendEvent<'m>,
    ) -> Result<(Events<'m>, u64), &'f Error> {
        let count = message.count();
        let mut seen = [false; MOST];
        let seen = usize::try_from(count).ok().and_then(|count| seen.get_mut(..count));
        let Some(seen) = seen else {
            let expected = &Expected::AtMost(u64::try_from(MOST).unwrap_or(u64::MAX));
            return Err(errors.value(&At(MESSAGE, "EventCount"), expected, count));
        };
        let Some(first) = message.iter().min_by_key(|event| event.instance_id) else {
            return Err(errors.unexpected(&At(MESSAGE, "EventsList")));
        };
        for event in message.iter() {
            let place = event.instance_id.saturating_sub(first.instance_id);
            match usize::try_from(place).ok().and_then(|place| seen.get_mut(place)) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    let rule = &Expected::Rule("numbers without a gap, each once");
                    return Err(errors.value(&At(MESSAGE, ID), rule, event.instance_id));
                }
            }
            self.check_type(errors, &event)?;
        }
        if let Some(next) = self.next
            && next != u64::from(first.instance_id)
            && !tells_of_loss(&first, next)
        {
            let expected = &Expected::Exactly(next);
            return Err(errors.value(&At(MESSAGE, ID), expected, first.instance_id));
        }
        let next = u64::from(first.instance_id).saturating_add(count.into());
        Ok((Events { message, first: first.instance_id }, next))
    }

    fn check_type<'f>(&self, errors: &'f ErrorCell, event: &Event<'_>) -> Result<(), &'f Error> {
        let at = &At(MESSAGE, "EventTypeID");
        if event.group.id == StandardsBody::DMTF && event.dmtf().is_none() {
            return Err(errors.value(at, &Expected::Range(1, 4), event.type_id));
        }
        let mut groups = self.groups.iter().filter(|group| group.id == event.group);
        let subscribed = groups.any(|group| {
            group.attributes.contains(EventGroupAttributes::ALL)
                || group.type_ids().any(|id| id == event.type_id)
        });
        if subscribed {
            return Ok(());
        }
        let rule = &Expected::Rule("a type that was subscribed to");
        Err(errors.value(at, rule, event.type_id))
    }
}

/// Whether the first event explains why it is not the one that is due.
fn tells_of_loss(first: &Event<'_>, next: u64) -> bool {
    let Some(DmtfEvent::EventLost { last_acked, last_lost }) = first.dmtf() else { return false };
    next.checked_sub(1) == Some(last_acked.into())
        && u64::from(last_lost) >= next
        && last_lost.checked_add(1) == Some(first.instance_id)
}
