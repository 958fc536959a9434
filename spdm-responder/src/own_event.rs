//! SEND_EVENT by the device (DSP0274 1.3 §SEND_EVENT), in sessions that are subscribed to what it tells.

use spdm_codec::{Event, EventAck, EventGroupList, SendEvent, SpdmVersion, VendorHeader};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::events::{EventSource, SubscribedTypes, WantedEvents};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::Session;
use crate::turn::Turn;

/// The first `EventInstanceID` of a session.
pub(crate) const FIRST_ID: u32 = 0;

/// Whether an event is to be told in this session now. Only a device with EVENT_CAP has sessions that are subscribed to any;
/// one can be while it is being opened (`EventAllPolicy`).
pub(crate) fn is_due(turn: &mut Turn<'_>, index: usize) -> bool {
    let Some(slot) = turn.sessions.get(index).and_then(|slot| slot.0.as_ref()) else {
        return false;
    };
    if !slot.is_established() || slot.next_event.is_none() {
        return false;
    }
    let (id, types) = (slot.id, slot.subscription);
    with_event(turn, id, types, |_, _, _| ()).is_some()
}

/// Writes SEND_EVENT with the event that is due. Where the answer does not come, it is asked for again, with the same number.
pub(crate) fn write(
    turn: &mut Turn<'_>,
    version: SpdmVersion,
    owner: Scope,
    out: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let session = of(turn, owner)?;
    let (id, types, next) = (session.id, session.subscription, session.next_event);
    let instance_id = next.ok_or_else(Refusal::unspecified)?;
    out.encode(&SendEvent::from_encoded(1, &[]), version)?;
    let (_, room) = out.parts();
    let len = with_event(turn, id, types, |group, type_id, detail| {
        Event { instance_id, group, type_id, detail }.encode(room)
    });
    let len = len.ok_or_else(Refusal::unspecified)??;
    out.advance(len);
    Ok(())
}

/// Takes EVENT_ACK: the event has its number for good.
pub(crate) fn accept(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    owner: Scope,
    response: &[u8],
) -> Result<(), Refusal> {
    let EventAck = turn.decode_inner::<EventAck>(response, agreement.cx())?.message;
    let session = of(turn, owner)?;
    session.next_event = session.next_event.and_then(|id| id.checked_add(1));
    Ok(())
}

fn of<'s>(turn: &'s mut Turn<'_>, owner: Scope) -> Result<&'s mut Session, Refusal> {
    match owner {
        Scope::Session(index) => session(turn, index),
        Scope::Plain => Err(Refusal::unexpected()),
    }
}

/// Looks at the event that is due in a session with these subscriptions, where there is one.
fn with_event<T>(
    turn: &mut Turn<'_>,
    session_id: u32,
    types: SubscribedTypes,
    look: impl FnOnce(VendorHeader<'_>, u16, &[u8]) -> T,
) -> Option<T> {
    let source: &dyn EventSource = turn.device.event_source()?;
    let supported = EventGroupList::decode(source.supported()).ok()?;
    let wanted = WantedEvents { supported, types };
    let event = source.pending(session_id, &wanted)?;
    // What a Requester did not subscribe to is not told, whatever the device says.
    wanted
        .contains(&event.group, event.type_id)
        .then(|| look(event.group, event.type_id, event.detail))
}
