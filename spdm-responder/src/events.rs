//! GET_SUPPORTED_EVENT_TYPES and SUBSCRIBE_EVENT_TYPES (DSP0274 1.3 §Event mechanism).

#[cfg(feature = "mutual-auth")]
use spdm_codec::VendorHeader;
use spdm_codec::{
    CapabilityFlags, EventGroup, EventGroupAttributes, EventGroupList, EventGroups,
    GetSupportedEventTypes, SessionPolicy, SubscribeEventTypes, SubscribeEventTypesAck,
    SupportedEventTypes,
};

use crate::agreement::Agreement;
use crate::closing::session;
use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// The events of a device (EVENT_CAP).
pub trait EventSource {
    /// The groups and types that it can tell of, as they are encoded: the DMTF group with EventLost is always among them.
    /// At most 64 types can be subscribed to; they stay the same while the device is on.
    fn supported(&self) -> EventGroups<'_>;

    /// The oldest event that the session with this `SessionID` is to be told of and that is of a type it wants. It stays the
    /// same until the flow of [`OwnRequest::SendEvent`](crate::OwnRequest::SendEvent), by which the device asks to tell it,
    /// has [`ended`](crate::OwnRequests::ended).
    #[cfg(feature = "mutual-auth")]
    fn pending(&self, session_id: u32, wanted: &WantedEvents<'_>) -> Option<EventToTell<'_>> {
        let _ = (session_id, wanted);
        None
    }
}

/// An event that a device tells; the number is given by the session.
#[cfg(feature = "mutual-auth")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct EventToTell<'a> {
    /// `EventGroupID`: who defines the type.
    pub group: VendorHeader<'a>,
    /// `EventTypeID`.
    pub type_id: u16,
    /// `EventDetail`.
    pub detail: &'a [u8],
}

/// Which events a session is subscribed to.
#[cfg(feature = "mutual-auth")]
#[derive(Clone, Copy, Debug)]
pub struct WantedEvents<'a> {
    pub(crate) supported: EventGroupList<'a>,
    pub(crate) types: SubscribedTypes,
}

#[cfg(feature = "mutual-auth")]
impl WantedEvents<'_> {
    /// Whether events of this type are told.
    #[must_use]
    pub fn contains(&self, group: &VendorHeader<'_>, type_id: u16) -> bool {
        numbered(&self.supported)
            .any(|(bit, other, id)| other.id == *group && id == type_id && self.types.0 & bit != 0)
    }
}

/// What a session is subscribed to: a bit for each type, in the order in which the device lists them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SubscribedTypes(u64);

impl SubscribedTypes {
    pub(crate) const NONE: Self = Self(0);
    /// Whatever the device supports.
    pub(crate) const ALL: Self = Self(u64::MAX);
}

/// Every type that can be subscribed to, with its bit.
fn numbered<'a>(
    supported: &EventGroupList<'a>,
) -> impl Iterator<Item = (u64, EventGroup<'a>, u16)> + use<'a> {
    let types = supported.iter().flat_map(|group| group.type_ids().map(move |id| (group, id)));
    types.take(64).zip(0_u32..).map(|((group, id), nth)| (1_u64 << nth, group, id))
}

/// The bits of a list of a Requester: every type in it is one that the device supports, and comes once.
fn subscribed(
    supported: &EventGroupList<'_>,
    wanted: &EventGroupList<'_>,
) -> Result<SubscribedTypes, Refusal> {
    let mut bits = 0;
    for (nth, group) in wanted.iter().enumerate() {
        let is_advertised =
            supported.iter().any(|other| other.id == group.id && other.version == group.version);
        let came_before = wanted.iter().take(nth).any(|other| other.id == group.id);
        if !is_advertised || came_before {
            return Err(Refusal::invalid());
        }
        let types = || numbered(supported).filter(|(_, other, _)| other.id == group.id);
        if group.attributes.contains(EventGroupAttributes::ALL) {
            bits = types().fold(bits, |bits, (bit, ..)| bits | bit);
            continue;
        }
        for wanted in group.type_ids() {
            let found = types().find(|(bit, _, id)| *id == wanted && bits & bit == 0);
            let (bit, ..) = found.ok_or_else(Refusal::invalid)?;
            bits |= bit;
        }
    }
    Ok(SubscribedTypes(bits))
}

/// What the session that was placed at `index` is subscribed to from its start (`EventAllPolicy`).
pub(crate) fn begin(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    policy: SessionPolicy,
) -> Result<(), Refusal> {
    let wants_all = policy.contains(SessionPolicy::EVENT_ALL_POLICY);
    if wants_all && agreement.peer.flags.contains(CapabilityFlags::EVENT_CAP) {
        session(turn, index)?.subscription = SubscribedTypes::ALL;
    }
    Ok(())
}

/// The Requester is in an established session.
pub(crate) fn supported_types(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    turn.decode_with::<GetSupportedEventTypes>(agreement.cx())?;
    let source = turn.device.event_source().ok_or_else(Refusal::unspecified)?;
    let groups = source.supported();
    answer.encode(&SupportedEventTypes { groups }, agreement.peer.version)?;
    agreement.peer.check_size(answer.len())?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// Puts a subscription in place of the one before; `index` is an established session.
pub(crate) fn subscribe(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let request = turn.decode_with::<SubscribeEventTypes<'_>>(agreement.cx())?.message;
    let types = match request.groups {
        None => SubscribedTypes::NONE,
        Some(groups) => {
            let wanted = EventGroupList::decode(groups)?;
            let source = turn.device.event_source().ok_or_else(Refusal::unspecified)?;
            // A list that cannot be read is a failure of the device itself.
            let supported =
                EventGroupList::decode(source.supported()).map_err(|_| Refusal::unspecified())?;
            subscribed(&supported, &wanted)?
        }
    };
    answer.encode(&SubscribeEventTypesAck, agreement.peer.version)?;
    turn.compose(agreement.cx(), answer);
    session(turn, index)?.subscription = types;
    Ok(())
}
