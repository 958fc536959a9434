//! The groups and types of events that SUPPORTED_EVENT_TYPES and SUBSCRIBE_EVENT_TYPES list (1.3).

use bitflags::bitflags;

use crate::error::{DecodeError, EncodeError, Expected};
use crate::events::EventGroups;
use crate::reader::{Reader, next_of, read_from};
use crate::standards_body::VendorHeader;
use crate::trace::{NoTrace, Trace};
use crate::writer::Writer;

const NAME: &str = "event groups";

/// `EventTypeID` of the DMTF group (DSP0274 1.3 §Event types). Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with names")]
pub struct DmtfEventType(pub u16);

impl DmtfEventType {
    /// Events were lost.
    pub const EVENT_LOST: Self = Self(1);
    /// Measurements changed.
    pub const MEASUREMENT_CHANGED: Self = Self(2);
    /// Measurements are about to change.
    pub const MEASUREMENT_PRE_UPDATE: Self = Self(3);
    /// Certificate chains changed.
    pub const CERTIFICATE_CHANGED: Self = Self(4);

    /// All that are known.
    pub const ALL: [Self; 4] = [
        Self::EVENT_LOST,
        Self::MEASUREMENT_CHANGED,
        Self::MEASUREMENT_PRE_UPDATE,
        Self::CERTIFICATE_CHANGED,
    ];

    /// The specification's name, where the type is known.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::EVENT_LOST => "EventLost",
            Self::MEASUREMENT_CHANGED => "MeasurementChanged",
            Self::MEASUREMENT_PRE_UPDATE => "MeasurementPreUpdate",
            Self::CERTIFICATE_CHANGED => "CertificateChanged",
            _ => return None,
        })
    }
}

bitflags! {
    /// `Attributes` of an event group. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct EventGroupAttributes: u32 {
        /// `All`, in SUBSCRIBE_EVENT_TYPES: every type of the group; then none is listed.
        const ALL = 1 << 0;
        const _ = !0;
    }
}

/// A group of events and types of it.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | | EventGroupID: an SVH |
/// | +0 | 2 | EventTypeCount n |
/// | +2 | 2 | EventGroupVer |
/// | +4 | 4 | Attributes |
/// | +8 | 4n | each EventTypeID u16, Reserved u16 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EventGroup<'a> {
    /// `EventGroupID`: who defines the types.
    pub id: VendorHeader<'a>,
    /// `EventGroupVer`: 1 for DMTF.
    pub version: u16,
    /// `Attributes`.
    pub attributes: EventGroupAttributes,
    types: &'a [u8],
}

impl<'a> EventGroup<'a> {
    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        let id = VendorHeader::read(r)?;
        let at = r.mark("EventTypeCount");
        let count = r.u16("EventTypeCount")?;
        let version = r.u16("EventGroupVer")?;
        let attributes = EventGroupAttributes::from_bits_retain(r.u32("Attributes")?);
        if attributes.contains(EventGroupAttributes::ALL) && count > 0 {
            return Err(at.value(&Expected::Exactly(0), count));
        }
        let types = r.bytes("EventTypes", usize::from(count) * 4)?;
        for [_, _, low, high] in types.as_chunks::<4>().0 {
            r.note_reserved(low | high);
        }
        Ok(Self { id, version, attributes, types })
    }

    /// The `EventTypeID`s, in the sender's order.
    pub fn type_ids(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.types
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[low, high, ..]| u16::from_le_bytes([*low, *high]))
    }

    /// Encodes a group with these types into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or a part does not fit its length field.
    pub fn encode(
        id: &VendorHeader<'_>,
        version: u16,
        attributes: EventGroupAttributes,
        type_ids: &[u16],
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        id.write(&mut w)?;
        w.len16(type_ids.len(), "EventTypeCount")?;
        w.u16(version);
        w.u32(attributes.bits());
        for type_id in type_ids {
            w.u16(*type_id);
            w.u16(0);
        }
        w.finish()
    }
}

/// A list of event groups, read: as many as its message says, in as many bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventGroupList<'a> {
    groups: EventGroups<'a>,
}

impl<'a> EventGroupList<'a> {
    /// Reads a list.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from the start of the list, where a group does not fit, or the groups are more or
    /// fewer than the message says.
    pub fn decode(groups: EventGroups<'a>) -> Result<Self, DecodeError> {
        read_from(NAME, groups.list, NoTrace, |r| {
            for _ in 0..groups.count {
                EventGroup::read(r)?;
            }
            r.finish(0)
        })?;
        Ok(Self { groups })
    }

    /// The list as it is encoded.
    #[must_use]
    pub const fn encoded(&self) -> EventGroups<'a> {
        self.groups
    }

    /// The groups, in the sender's order.
    pub fn iter(&self) -> impl Iterator<Item = EventGroup<'a>> + use<'a> {
        let mut rest = self.groups.list;
        core::iter::from_fn(move || next_of(NAME, &mut rest, EventGroup::read))
    }
}

#[cfg(test)]
mod tests {
    use super::{DmtfEventType, EventGroup, EventGroupAttributes, EventGroupList};
    use crate::{DecodeErrorKind, EventGroups, StandardsBody, VendorHeader};
    use std::vec::Vec;

    /// The DMTF group with its four types.
    const DMTF: [u8; 26] =
        [0, 0, 4, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];

    fn decode(count: u8, list: &[u8]) -> Result<EventGroupList<'_>, crate::DecodeError> {
        EventGroupList::decode(EventGroups { count, list })
    }

    #[test]
    fn the_dmtf_group() {
        let list = decode(1, &DMTF).unwrap();
        let groups: Vec<_> = list.iter().collect();
        let [group] = groups[..] else { panic!() };
        assert_eq!((group.id.id, group.version), (StandardsBody::DMTF, 1));
        let ids: Vec<u16> = group.type_ids().collect();
        assert_eq!(ids, DmtfEventType::ALL.map(|id| id.0));
        let mut out = [0; 26];
        let id = VendorHeader { id: StandardsBody::DMTF, vendor_id: &[] };
        let none = EventGroupAttributes::empty();
        assert_eq!(EventGroup::encode(&id, 1, none, &ids, &mut out), Ok(26));
        assert_eq!(out, DMTF);
        assert!(EventGroup::encode(&id, 1, none, &ids, &mut out[..25]).is_err());
    }

    #[test]
    fn p29_a_list_and_its_count_agree_exactly() {
        for len in 0..DMTF.len() {
            assert!(decode(1, &DMTF[..len]).is_err(), "{len}");
        }
        assert!(decode(0, &DMTF).is_err());
        assert!(decode(2, &DMTF).is_err());
        assert_eq!(decode(2, &[DMTF, DMTF].concat()).unwrap().iter().count(), 2);
        assert!(decode(1, &[DMTF, DMTF].concat()).is_err());
        let mut many = DMTF;
        many[2..4].copy_from_slice(&[0xFF, 0xFF]);
        let error = decode(1, &many).unwrap_err();
        assert_eq!((error.field, error.at), ("EventTypes", 10));
        assert_eq!(error.kind, DecodeErrorKind::Truncated { needed: 0x3_FFFC, left: 16 });
    }

    #[test]
    fn all_types_are_not_listed() {
        let mut all = DMTF;
        all[6] = 1;
        let error = decode(1, &all).unwrap_err();
        assert_eq!((error.field, error.at), ("EventTypeCount", 2));
        assert!(decode(1, &[0, 0, 0, 0, 1, 0, 1, 0, 0, 0]).is_ok());
        // A vendor's length that its registry does not have.
        assert!(decode(1, &[0, 1, 9, 0, 0, 1, 0, 1, 0, 0, 0]).is_err());
    }
}
