//! SUPPORTED_EVENT_TYPES, SUBSCRIBE_EVENT_TYPES and SEND_EVENT (1.3).

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Reader, length, next_of};
use crate::spdm_version::SpdmVersion;
use crate::standards_body::{StandardsBody, VendorHeader};
use crate::trace::Trace;
use crate::writer::Writer;

/// A list of event groups, not looked into: [`EventGroupList`](crate::EventGroupList) reads it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EventGroups<'a> {
    /// Param1: how many groups there are.
    pub count: u8,
    /// The groups.
    pub list: &'a [u8],
}

/// SUPPORTED_EVENT_TYPES (DSP0274 1.3 §SUPPORTED_EVENT_TYPES), inside a session.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: EventGroupCount, not 0 |
/// | 4 | 4 | SupportedEventGroupsListLen l, not 0 |
/// | 8 | l | SupportedEventGroupsList |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SupportedEventTypes<'a> {
    /// The groups.
    pub groups: EventGroups<'a>,
}

fn read_list<'a, 't, T: Trace<'a>>(
    r: &mut Reader<'a, 't, T>,
    count: u8,
) -> Result<EventGroups<'a>, &'t DecodeError> {
    let at = r.mark("EventGroupsListLen");
    let len = r.u32("EventGroupsListLen")?;
    if len == 0 {
        return Err(at.value(&Expected::AtLeast(1), len));
    }
    Ok(EventGroups { count, list: r.bytes("EventGroupsList", length(len))? })
}

fn write_list(w: &mut Writer<'_>, groups: &EventGroups<'_>) -> Result<(), EncodeError> {
    let field = "EventGroupsListLen";
    w.u32(u32::try_from(groups.list.len()).map_err(|_| EncodeError::TooLarge { field })?);
    w.bytes(groups.list);
    Ok(())
}

impl<'a> Body<'a> for SupportedEventTypes<'a> {
    const BODY_NAME: &'static str = "SUPPORTED_EVENT_TYPES";
    const BODY_CODE: Code = Code::SUPPORTED_EVENT_TYPES;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        if header.param1 == 0 {
            let at = r.param1("EventGroupCount");
            return Err(at.value(&Expected::AtLeast(1), header.param1));
        }
        Ok(Self { groups: read_list(r, header.param1)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.groups.count, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        write_list(w, &self.groups)
    }
}

/// SUBSCRIBE_EVENT_TYPES (DSP0274 1.3 §SUBSCRIBE_EVENT_TYPES), inside a session.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: SubscribeEventGroupCount; 0 ends all subscriptions and the message |
/// | 4 | 4 | SubscribeListLen l, not 0 |
/// | 8 | l | SubscribeList |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SubscribeEventTypes<'a> {
    /// The groups; `None` ends all subscriptions.
    pub groups: Option<EventGroups<'a>>,
}

impl<'a> Body<'a> for SubscribeEventTypes<'a> {
    const BODY_NAME: &'static str = "SUBSCRIBE_EVENT_TYPES";
    const BODY_CODE: Code = Code::SUBSCRIBE_EVENT_TYPES;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param2);
        let groups = match header.param1 {
            0 => None,
            count => Some(read_list(r, count)?),
        };
        Ok(Self { groups })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        match &self.groups {
            None => Ok([0, 0]),
            Some(EventGroups { count: 0, .. }) => {
                Err(EncodeError::Missing { field: "SubscribeEventGroupCount" })
            }
            Some(groups) => Ok([groups.count, 0]),
        }
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        self.groups.as_ref().map_or(Ok(()), |groups| write_list(w, groups))
    }
}

/// An event.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | EventInstanceID |
/// | 4 | 4 | Reserved |
/// | 8 | | EventGroupID: an SVH |
/// | +0 | 2 | EventTypeID |
/// | +2 | 2 | EventDetailLen d |
/// | +4 | d | EventDetail |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Event<'a> {
    /// `EventInstanceID`.
    pub instance_id: u32,
    /// `EventGroupID`: who defines the type.
    pub group: VendorHeader<'a>,
    /// `EventTypeID`.
    pub type_id: u16,
    /// `EventDetail`.
    pub detail: &'a [u8],
}

/// An event of the DMTF group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DmtfEvent<'a> {
    /// 1: events were lost.
    EventLost {
        /// `LastAckedEventInstID`.
        last_acked: u32,
        /// `LastLostEventInstID`.
        last_lost: u32,
    },
    /// 2: measurements changed; a bitmap of their indices.
    MeasurementChanged(&'a [u8; 32]),
    /// 3: measurements are about to change; a bitmap of their indices.
    MeasurementPreUpdate(&'a [u8; 32]),
    /// 4: certificate chains changed; the slots.
    CertificateChanged(u8),
}

impl<'a> Event<'a> {
    /// The meaning, where the event is of the DMTF group and its type is known.
    #[must_use]
    pub fn dmtf(&self) -> Option<DmtfEvent<'a>> {
        if self.group.id != StandardsBody::DMTF {
            return None;
        }
        Some(match (self.type_id, self.detail) {
            (1, detail) => {
                let ([last_acked, last_lost], []) = detail.as_chunks::<4>() else { return None };
                DmtfEvent::EventLost {
                    last_acked: u32::from_le_bytes(*last_acked),
                    last_lost: u32::from_le_bytes(*last_lost),
                }
            }
            (2, detail) => DmtfEvent::MeasurementChanged(detail.try_into().ok()?),
            (3, detail) => DmtfEvent::MeasurementPreUpdate(detail.try_into().ok()?),
            (4, [slots]) => DmtfEvent::CertificateChanged(*slots),
            _ => return None,
        })
    }

    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let instance_id = r.u32("EventInstanceID")?;
        r.reserved(4)?;
        let group = VendorHeader::read(r)?;
        let type_id = r.u16("EventTypeID")?;
        let at = r.mark("EventDetailLen");
        let len = r.u16("EventDetailLen")?;
        let expected = match type_id {
            1 => 8,
            2 | 3 => 32,
            4 => 1,
            _ => len,
        };
        if group.id == StandardsBody::DMTF && len != expected {
            return Err(at.value(&Expected::Exactly(expected.into()), len));
        }
        Ok(Self { instance_id, group, type_id, detail: r.bytes("EventDetail", len.into())? })
    }

    /// Encodes the event into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or a part does not fit its length field.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        w.u32(self.instance_id);
        w.zeros(4);
        self.group.write(&mut w)?;
        w.u16(self.type_id);
        w.len16(self.detail.len(), "EventDetailLen")?;
        w.bytes(self.detail);
        w.finish()
    }
}

/// SEND_EVENT (DSP0274 1.3 §SEND_EVENT), inside a session.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 4 | 4 | EventCount, not 0 |
/// | 8 | | EventsList |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SendEvent<'a> {
    count: u32,
    events: &'a [u8],
}

impl<'a> SendEvent<'a> {
    /// `count` encoded events, to be sent.
    #[must_use]
    pub const fn from_encoded(count: u32, events: &'a [u8]) -> Self {
        Self { count, events }
    }

    /// `EventCount`.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The events, in the sender's order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'a>> + 'a {
        let mut rest = self.events;
        core::iter::from_fn(move || next_of("SEND_EVENT", &mut rest, Event::read))
    }
}

impl<'a> Body<'a> for SendEvent<'a> {
    const BODY_NAME: &'static str = "SEND_EVENT";
    const BODY_CODE: Code = Code::SEND_EVENT;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        _: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1 | header.param2);
        let at = r.mark("EventCount");
        let count = r.u32("EventCount")?;
        if count == 0 {
            return Err(at.value(&Expected::AtLeast(1), count));
        }
        let all = r.remaining();
        for _ in 0..count {
            Event::read(r)?;
        }
        let events = all.get(..all.len() - r.left()).unwrap_or_default();
        Ok(Self { count, events })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, 0])
    }

    fn write(&self, w: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
        w.u32(self.count);
        w.bytes(self.events);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DmtfEvent, SendEvent, SubscribeEventTypes, SupportedEventTypes};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, SpdmVersion};
    use std::vec::Vec;

    const CX: Cx = Cx::new(SpdmVersion::V1_3);

    #[test]
    fn groups() {
        let bytes = [0x13, 0x62, 1, 0, 2, 0, 0, 0, 8, 9];
        let message: SupportedEventTypes<'_> = round_trip(&bytes, &CX);
        assert_eq!(message.groups.list, [8, 9]);
        every_prefix_fails::<SupportedEventTypes<'_>>(&bytes, &CX);
        let none = [0x13, 0x62, 0, 0, 2, 0, 0, 0, 8, 9];
        expect_value::<SupportedEventTypes<'_>>(&none, &CX, "EventGroupCount", 2, 0);
        let empty = [0x13, 0x62, 1, 0, 0, 0, 0, 0];
        expect_value::<SupportedEventTypes<'_>>(&empty, &CX, "EventGroupsListLen", 4, 0);
        let message: SubscribeEventTypes<'_> = round_trip(&[0x13, 0xF0, 0, 0], &CX);
        assert!(message.groups.is_none());
        round_trip::<SubscribeEventTypes<'_>>(&[0x13, 0xF0, 1, 0, 1, 0, 0, 0, 9], &CX);
    }

    #[test]
    fn events() {
        let mut bytes = std::vec![0x13, 0xF1, 0, 0, 2, 0, 0, 0];
        bytes.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 5]);
        bytes.extend([8, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0x34, 0x12, 9, 0, 0, 0]);
        let message: SendEvent<'_> = round_trip(&bytes, &CX);
        let events: Vec<_> = message.iter().map(|e| (e.instance_id, e.dmtf())).collect();
        assert_eq!(events, [(7, Some(DmtfEvent::CertificateChanged(5))), (8, None)]);
        every_prefix_fails::<SendEvent<'_>>(&bytes, &CX);
        one_byte_more::<SendEvent<'_>>(&[&bytes[..], &[0]].concat(), &CX);
        bytes[20] = 2;
        expect_value::<SendEvent<'_>>(&bytes, &CX, "EventDetailLen", 20, 2);
        expect_value::<SendEvent<'_>>(&[0x13, 0xF1, 0, 0, 0, 0, 0, 0], &CX, "EventCount", 4, 0);
    }
}
