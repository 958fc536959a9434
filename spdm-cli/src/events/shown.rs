//! Events and their types, for programs and for people.

use serde::Serialize;
use spdm_codec::{DmtfEvent, DmtfEventType, Event, EventGroupList, StandardsBody, VendorHeader};
#[cfg(test)]
use spdm_evidence::schema;

use crate::exit::{ErrorObject, Failure};
use crate::object_head::FormVersion;
use crate::render::{Style, Table};

/// What `spdm events --json` prints without `--subscribe`: `docs/schema/events.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The events that a device can tell of",
        description = "What spdm events --json prints without --subscribe; otherwise a report, or an error."
    )
)]
pub(crate) struct ShownEventTypes {
    schema: FormVersion<1>,
    /// The device.
    target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    version: &'static str,
    /// SessionID in hexadecimal.
    session: String,
    /// The groups.
    groups: Vec<ShownGroup>,
}

/// Who defines events.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GroupId {
    /// The standards body: StandardID.
    standard_id: u16,
    /// Its name, where it is known.
    standard: Option<&'static str>,
    /// The vendor in the registry of that body.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    vendor_id: String,
}

/// A group of events.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ShownGroup {
    #[serde(flatten)]
    id: GroupId,
    /// EventGroupVer.
    version: u16,
    /// Its types.
    types: Vec<EventType>,
}

/// A type of events.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct EventType {
    /// EventTypeID.
    id: u16,
    /// Its name, where it is known.
    name: Option<&'static str>,
}

/// An event: what `spdm events --subscribe … --json` prints, one object for each: `docs/schema/event.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        title = "An event of a device",
        description = "What spdm events --subscribe … --json prints, one object for each event; where it ended early, one behind them \
                       says why (events-end.json)."
    )
)]
pub(crate) struct ShownEvent {
    schema: FormVersion<1>,
    /// The device.
    target: String,
    /// SessionID in hexadecimal.
    session: String,
    /// EventInstanceID: one more than that of the event before.
    instance_id: u32,
    #[serde(flatten)]
    group: GroupId,
    /// EventTypeID.
    type_id: u16,
    /// Its name, where it is known.
    name: Option<&'static str>,
    /// EventDetail.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    detail: String,
    /// Of EventLost: EventInstanceID of the last event that was acknowledged, and of the last one that was lost.
    lost: Option<LostEvents>,
    /// Of MeasurementChanged and MeasurementPreUpdate: the indices.
    measurements: Option<Vec<u8>>,
    /// Of CertificateChanged: the slots.
    slots: Option<Vec<u8>>,
}

/// Why the wait for events ended early: `docs/schema/events-end.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The early end of the events of a device",
        description = "What spdm events --json prints last, where it ended early behind the opening of the session."
    )
)]
pub(crate) struct EventsEnd {
    schema: FormVersion<1>,
    /// The device.
    target: String,
    /// SessionID in hexadecimal.
    pub(super) session: String,
    /// How many events came before.
    pub(super) received: u32,
    /// Why it ended.
    error: Option<ErrorObject>,
}

impl EventsEnd {
    /// No session was opened yet.
    pub(super) const fn new(target: String) -> Self {
        Self { schema: FormVersion, target, session: String::new(), received: 0, error: None }
    }

    /// It ended because of this.
    pub(super) fn because(self, failure: &Failure) -> Self {
        Self { error: Some(ErrorObject::of(failure)), ..self }
    }
}

/// Events that did not come.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct LostEvents {
    /// LastAckedEventInstID.
    last_acked: u32,
    /// LastLostEventInstID.
    last_lost: u32,
}

impl GroupId {
    fn new(id: &VendorHeader<'_>) -> Self {
        let (standard_id, standard) = (id.id.0, id.id.name());
        Self { standard_id, standard, vendor_id: hex::encode(id.vendor_id) }
    }

    fn name(&self) -> String {
        let body = self.standard.map_or_else(|| self.standard_id.to_string(), str::to_owned);
        match self.vendor_id.as_str() {
            "" => body,
            vendor => format!("{body}:{vendor}"),
        }
    }
}

/// The name of a type of DMTF's.
fn type_name(group: &VendorHeader<'_>, type_id: u16) -> Option<&'static str> {
    DmtfEventType(type_id).name().filter(|_| group.id == StandardsBody::DMTF)
}

/// Every type of a list, as people name it.
pub(super) fn type_names(list: &EventGroupList<'_>) -> Vec<String> {
    let names = list.iter().flat_map(|group| {
        group.type_ids().map(move |id| match type_name(&group.id, id) {
            Some(name) => name.to_owned(),
            None => format!("{}/{id}", GroupId::new(&group.id).name()),
        })
    });
    names.collect()
}

impl ShownEventTypes {
    pub(super) fn new(
        target: &str,
        version: &'static str,
        session: String,
        list: &EventGroupList<'_>,
    ) -> Self {
        let groups = list.iter().map(|group| ShownGroup {
            id: GroupId::new(&group.id),
            version: group.version,
            types: group
                .type_ids()
                .map(|id| EventType { id, name: type_name(&group.id, id) })
                .collect(),
        });
        let (target, groups) = (target.to_owned(), groups.collect());
        Self { schema: FormVersion, target, version, session, groups }
    }

    pub(super) fn text(&self, style: Style) -> String {
        let mut table = Table::default();
        table.row(["group", "type", "event"].map(str::to_owned));
        for group in &self.groups {
            let ShownGroup { id, version, types } = group;
            for EventType { id: type_id, name } in types {
                let name = name.unwrap_or("-").to_owned();
                table.row([format!("{}, version {version}", id.name()), type_id.to_string(), name]);
            }
        }
        format!("{}\n{}", style.strong(&self.target), table.plain(style))
    }
}

impl ShownEvent {
    pub(super) fn new(event: &Event<'_>) -> Self {
        let mut shown = Self {
            schema: FormVersion,
            target: String::new(),
            session: String::new(),
            instance_id: event.instance_id,
            group: GroupId::new(&event.group),
            type_id: event.type_id,
            name: type_name(&event.group, event.type_id),
            detail: hex::encode(event.detail),
            lost: None,
            measurements: None,
            slots: None,
        };
        match event.dmtf() {
            Some(DmtfEvent::EventLost { last_acked, last_lost }) => {
                shown.lost = Some(LostEvents { last_acked, last_lost });
            }
            Some(
                DmtfEvent::MeasurementChanged(indices) | DmtfEvent::MeasurementPreUpdate(indices),
            ) => shown.measurements = Some(numbers(indices)),
            Some(DmtfEvent::CertificateChanged(slots)) => shown.slots = Some(numbers(&[slots])),
            _ => {}
        }
        shown
    }

    pub(super) fn of(self, target: &str, session: String) -> Self {
        Self { target: target.to_owned(), session, ..self }
    }

    pub(super) fn text(&self) -> String {
        let list = |what: &str, numbers: &[u8]| match numbers {
            [] => format!("{what}: none"),
            numbers => {
                let numbers: Vec<_> = numbers.iter().map(u8::to_string).collect();
                format!("{what} {}", numbers.join(", "))
            }
        };
        let what = match self {
            Self { lost: Some(LostEvents { last_acked, last_lost }), .. } => {
                format!("events behind {last_acked} up to {last_lost} are lost")
            }
            Self { measurements: Some(indices), .. } => list("measurements", indices),
            Self { slots: Some(slots), .. } => list("slots", slots),
            Self { detail, .. } => detail.clone(),
        };
        let type_id = || format!("type {}", self.type_id);
        let name = self.name.map_or_else(type_id, str::to_owned);
        format!("event {}  {} {name}  {what}\n", self.instance_id, self.group.name())
    }
}

/// The numbers of the bits that are set, the lowest bit of the first byte first.
fn numbers(bits: &[u8]) -> Vec<u8> {
    let is_set = |number: &u8| {
        let byte = bits.get(usize::from(number / 8)).copied().unwrap_or_default();
        byte >> (number % 8) & 1 == 1
    };
    (0..=u8::MAX).filter(is_set).collect()
}

#[cfg(test)]
mod tests {
    use super::{ShownEvent, numbers};
    use spdm_codec::{Event, StandardsBody, VendorHeader};

    #[test]
    fn what_an_event_says() {
        let mut bits = [0; 32];
        (bits[0], bits[1], bits[31]) = (0b10, 1, 0x80);
        assert_eq!(numbers(&bits), [1, 8, 255]);
        let text = |type_id, detail: &[u8], body, vendor_id: &[u8]| {
            let group = VendorHeader { id: body, vendor_id };
            ShownEvent::new(&Event { instance_id: 7, group, type_id, detail }).text()
        };
        let dmtf = |type_id, detail: &[u8]| text(type_id, detail, StandardsBody::DMTF, &[]);
        assert_eq!(dmtf(2, &bits), "event 7  DMTF MeasurementChanged  measurements 1, 8, 255\n");
        assert_eq!(dmtf(4, &[0b101]), "event 7  DMTF CertificateChanged  slots 0, 2\n");
        assert_eq!(dmtf(4, &[0]), "event 7  DMTF CertificateChanged  slots: none\n");
        let lost = [3, 0, 0, 0, 6, 0, 0, 0];
        assert_eq!(dmtf(1, &lost), "event 7  DMTF EventLost  events behind 3 up to 6 are lost\n");
        let other = text(4, &[0xAB], StandardsBody::PCI_SIG, &[1, 0]);
        assert_eq!(other, "event 7  PCI-SIG:0100 type 4  ab\n");
    }
}
