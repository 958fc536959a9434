//! DOE Discovery (PCIe 6.0 §6.30.1.1): which objects a mailbox knows.

use spdm_transport::{Allowed, FieldError};

use crate::error::DoeError;
use crate::object::ObjectType;

/// From this Capability Version on, requests carry a Discovery Version (PCIe 6.1 §6.30.1.1).
const VERSIONED: u8 = 2;
/// Vendor ID where there is nothing at the index.
const NOTHING: u16 = 0xFFFF;

/// A walk over the list. Each index is asked for once at most: 256 exchanges.
#[derive(Debug)]
pub(crate) struct DiscoveryWalk {
    version: u8,
    /// The index to ask for.
    next: Option<u8>,
    asked: [u32; 8],
}

impl DiscoveryWalk {
    /// The list of a mailbox with this Capability Version.
    pub(crate) const fn new(capability_version: u8) -> Self {
        let version = if capability_version >= VERSIONED { VERSIONED } else { 0 };
        Self { version, next: Some(0), asked: [0; 8] }
    }

    /// The next request; `None` at the end.
    pub(crate) fn request(&mut self) -> Option<[u8; 4]> {
        let index = self.next?;
        if let Some(word) = self.asked.get_mut(usize::from(index / 32)) {
            *word |= 1 << (index % 32);
        }
        Some([index, self.version, 0, 0])
    }

    /// What the answer to the last request lists.
    pub(crate) fn accept<E>(
        &mut self,
        [v0, v1, object_type, next]: [u8; 4],
    ) -> Result<ObjectType, DoeError<E>> {
        let vendor = u16::from_le_bytes([v0, v1]);
        if vendor == NOTHING {
            let allowed = Allowed::Rule("an id");
            return Err(FieldError { field: "Vendor ID", allowed, got: vendor.into() }.into());
        }
        let asked =
            self.asked.get(usize::from(next / 32)).is_none_or(|word| word >> (next % 32) & 1 != 0);
        self.next = match next {
            0 => None,
            _ if asked => return Err(DoeError::DiscoveryLoop { index: next }),
            _ => Some(next),
        };
        Ok(ObjectType { vendor, object_type })
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::{DiscoveryWalk, DoeError, ObjectType};

    #[test]
    fn a_list_is_walked_to_its_end() {
        let mut discovery = DiscoveryWalk::new(1);
        assert_eq!(discovery.request(), Some([0, 0, 0, 0]));
        assert_eq!(discovery.accept::<Infallible>([1, 0, 0, 7]), Ok(ObjectType::DISCOVERY));
        assert_eq!(discovery.request(), Some([7, 0, 0, 0]));
        assert_eq!(discovery.accept::<Infallible>([1, 0, 1, 0]), Ok(ObjectType::CMA_SPDM));
        assert_eq!(discovery.request(), None);
    }

    #[test]
    fn vendor_ids_have_16_bits_and_version_2_is_asked_for() {
        let mut discovery = DiscoveryWalk::new(2);
        assert_eq!(discovery.request(), Some([0, 2, 0, 0]));
        let cdat = ObjectType { vendor: 0x1E98, object_type: 2 };
        assert_eq!(discovery.accept::<Infallible>([0x98, 0x1E, 2, 0]), Ok(cdat));
    }

    #[test]
    fn n31_a_list_that_loops() {
        let mut discovery = DiscoveryWalk::new(1);
        for index in [0, 1, 2] {
            assert_eq!(discovery.request().map(|[index, ..]| index), Some(index));
            if index < 2 {
                assert!(discovery.accept::<Infallible>([1, 0, 0, index + 1]).is_ok());
            }
        }
        assert_eq!(
            discovery.accept::<Infallible>([1, 0, 0, 1]),
            Err(DoeError::DiscoveryLoop { index: 1 })
        );
    }

    #[test]
    fn the_longest_list_has_256_entries() {
        let mut discovery = DiscoveryWalk::new(1);
        let mut count = 0;
        while let Some([index, ..]) = discovery.request() {
            count += 1;
            assert!(discovery.accept::<Infallible>([1, 0, 0, index.wrapping_add(1)]).is_ok());
        }
        assert_eq!(count, 256);
    }

    #[test]
    fn nothing_at_an_index() {
        let mut discovery = DiscoveryWalk::new(1);
        assert!(discovery.request().is_some());
        assert!(matches!(
            discovery.accept::<Infallible>([0xFF, 0xFF, 0, 0]),
            Err(DoeError::Object(_))
        ));
    }
}
