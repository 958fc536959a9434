//! What the device tells of events.

use spdm_codec::{DmtfEventType, EventGroups, StandardsBody, VendorHeader};
use spdm_responder::{EventSource, EventToTell, SessionSlot, WantedEvents};

use crate::own_device::OwnDevice;

/// The DMTF group with its four types.
const EVENT_GROUPS: &[u8] = b"\0\0\x04\0\x01\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0";

/// The indices of measurements, a bit for each: that of the firmware, 2.
const FIRMWARE: [u8; 32] = {
    let mut indices = [0; 32];
    indices[0] = 1 << 2;
    indices
};

/// What can have happened: a session is told of the first of these that it is subscribed to.
const EVENTS: [(DmtfEventType, &[u8]); 3] = [
    (DmtfEventType::MEASUREMENT_CHANGED, &FIRMWARE),
    (DmtfEventType::CERTIFICATE_CHANGED, &[1]),
    (DmtfEventType::MEASUREMENT_PRE_UPDATE, &FIRMWARE),
];

/// The sessions that were told.
#[derive(Debug, Default)]
pub(crate) struct ToldSessions(Vec<u32>);

impl ToldSessions {
    pub(crate) fn contains(&self, session_id: u32) -> bool {
        self.0.contains(&session_id)
    }

    pub(crate) fn add(&mut self, session_id: u32) {
        self.0.push(session_id);
    }

    /// Forgets sessions that are over: another one may get their id.
    pub(crate) fn keep(&mut self, sessions: &[SessionSlot]) {
        self.0.retain(|id| sessions.iter().any(|slot| slot.session_id() == Some(*id)));
    }
}

impl EventSource for OwnDevice<'_> {
    fn supported(&self) -> EventGroups<'_> {
        EventGroups { count: 1, list: EVENT_GROUPS }
    }

    fn pending(&self, session_id: u32, wanted: &WantedEvents<'_>) -> Option<EventToTell<'_>> {
        let group = VendorHeader { id: StandardsBody::DMTF, vendor_id: &[] };
        let told = self.told.contains(session_id);
        let mut events = EVENTS.into_iter().filter(|(kind, _)| wanted.contains(&group, kind.0));
        let (kind, detail) = events.next().filter(|_| !told)?;
        Some(EventToTell { group, type_id: kind.0, detail })
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{
        DmtfEventType, Event, EventGroupList, EventGroups, StandardsBody, VendorHeader,
    };

    use super::{EVENT_GROUPS, EVENTS};

    #[test]
    fn the_events_are_those_of_dmtf() {
        let groups = EventGroups { count: 1, list: EVENT_GROUPS };
        let group = EventGroupList::decode(groups).unwrap().iter().next().unwrap();
        assert_eq!(group.type_ids().collect::<Vec<_>>(), DmtfEventType::ALL.map(|id| id.0));
        let id = VendorHeader { id: StandardsBody::DMTF, vendor_id: &[] };
        for (kind, detail) in EVENTS {
            let event = Event { instance_id: 0, group: id, type_id: kind.0, detail };
            assert!(event.dmtf().is_some(), "{kind:?}");
        }
    }
}
