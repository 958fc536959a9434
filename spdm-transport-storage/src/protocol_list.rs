//! The list of security protocols that a drive supports: protocol 0, specific field 0 (SPC-5 §Security protocol
//! information), big-endian.

use spdm_transport::FieldError;

use crate::error::too_short;

/// The numbers of a drive's security protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProtocolList<'a>(&'a [u8]);

impl<'a> ProtocolList<'a> {
    /// The security protocol that has the list.
    pub const PROTOCOL: u8 = 0;
    /// The longest list on the wire, in bytes.
    pub const MAX_LEN: usize = MAX_LEN;

    /// The bytes on the wire of a list of `N` protocols, in ascending order; further bytes are 0.
    #[must_use]
    pub fn encode<const N: usize>(protocols: &[u8; N]) -> [u8; MAX_LEN] {
        let mut out = [0; MAX_LEN];
        let [high, low] = u16::try_from(N).unwrap_or(0x100).to_be_bytes();
        let bytes = [0, 0, 0, 0, 0, 0, high, low].into_iter().chain(*protocols);
        for (place, byte) in out.iter_mut().zip(bytes) {
            *place = byte;
        }
        out
    }

    /// Reads the bytes that a drive sent.
    ///
    /// # Errors
    /// [`FieldError`] when the data ends before the list.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FieldError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(too_short("Supported security protocol list", HEADER_LEN, bytes.len()));
        };
        let [.., high, low] = *header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let list = rest.get(..len);
        list.map(Self).ok_or_else(|| {
            too_short("Supported security protocol list", HEADER_LEN + len, bytes.len())
        })
    }

    /// Whether the drive knows this protocol.
    #[must_use]
    pub fn contains(&self, protocol: u8) -> bool {
        self.0.contains(&protocol)
    }
}

/// Six reserved bytes and the length.
const HEADER_LEN: usize = 8;
/// Every protocol there can be.
const MAX_LEN: usize = HEADER_LEN + 0x100;

#[cfg(test)]
mod tests {
    use super::ProtocolList;

    #[test]
    fn lists() {
        // As QEMU's NVMe drive sends it.
        let wire = [0, 0, 0, 0, 0, 0, 0, 2, 0x00, 0xe8];
        assert_eq!(ProtocolList::encode(&[0, 0xe8])[..10], wire);
        let list = ProtocolList::decode(&wire).unwrap();
        assert!(list.contains(0xe8) && list.contains(0) && !list.contains(1));
        for len in 0..wire.len() {
            assert!(ProtocolList::decode(&wire[..len]).is_err());
        }
        // What lies behind the list is not in it.
        let longer = [0, 0, 0, 0, 0, 0, 0, 1, 0x00, 0xe8];
        assert!(!ProtocolList::decode(&longer).unwrap().contains(0xe8));
        let longest = [0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xe8];
        let error = ProtocolList::decode(&longest).unwrap_err();
        assert_eq!(error.got, 9);
    }
}
