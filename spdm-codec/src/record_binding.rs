//! How a transport carries the records of sessions (DSP0276, DSP0286, DSP0287, PCI DOE).

use crate::error::EncodeError;
use crate::writer::Writer;

/// MCTP message type of SPDM, which is also that of DSP0287.
const SPDM: u8 = 0x05;
/// Version of the DSP0287 header.
const TCP_VERSION: u8 = 0x01;

/// Number of descriptors of DSP0286 in front of a message.
const DESCRIPTORS: u8 = 1;
/// Type of the descriptor of an SPDM message, and the status of a command that succeeded.
const SPDM_DESCRIPTOR: [u8; 2] = [0x04, 0x00];
/// Where the message is, in bytes from the start of the secured message as libspdm counts: the reserved bytes, the header
/// of the record, ApplicationDataLength, two more, and the descriptor.
const DESCRIBED_AT: u32 = 36;

/// How a transport carries records: what is in front of them, how much of the sequence number stands in their header,
/// and what is in front of the message inside (DSP0277 §Secured message format leaves all to the transport).
///
/// | | in front of the record | bytes of the sequence number | in front of the message |
/// |---|---|---|---|
/// | PCI DOE | nothing | 0 | nothing |
/// | MCTP | nothing | 2 | the MCTP message type |
/// | TCP | nothing | 0 | PayloadLength u16 = length of the message + 2, version, type |
/// | storage | 4 reserved bytes | 2 | one descriptor, 20 bytes |
///
/// The descriptor (DSP0286 §Secured messages) has its fields where libspdm has them; the text can also be read so that
/// those from the type on stand one byte later.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | number of descriptors: 1 |
/// | 1 | 3 | reserved |
/// | 4 | 1 | type: 4, SPDM |
/// | 5 | 1 | status: 0 |
/// | 6 | 1 | reserved |
/// | 7 | 4 | length of the message |
/// | 11 | 4 | its offset: 36 |
/// | 15 | 5 | reserved |
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RecordBinding {
    /// PCI DOE.
    PciDoe,
    /// DSP0276.
    Mctp,
    /// DSP0287.
    Tcp,
    /// DSP0286.
    Storage,
}

impl RecordBinding {
    /// Bytes in front of the record: they are reserved, written as 0 and not looked at.
    #[must_use]
    pub const fn reserved_len(self) -> usize {
        match self {
            Self::Storage => 4,
            Self::PciDoe | Self::Mctp | Self::Tcp => 0,
        }
    }

    /// The record in what the transport carries: nothing, where that ends before it.
    #[must_use]
    pub fn record(self, carried: &[u8]) -> &[u8] {
        carried.get(self.reserved_len()..).unwrap_or_default()
    }

    /// Bytes of the sequence number in the header.
    #[must_use]
    pub const fn sequence_len(self) -> usize {
        match self {
            Self::Mctp | Self::Storage => 2,
            Self::PciDoe | Self::Tcp => 0,
        }
    }

    /// Bytes in front of the message.
    #[must_use]
    pub const fn prefix_len(self) -> usize {
        match self {
            Self::PciDoe => 0,
            Self::Mctp => 1,
            Self::Tcp => 4,
            Self::Storage => 20,
        }
    }

    /// The most random bytes behind the message that a record of this transport may have (DSP0276 §Random data).
    #[must_use]
    pub const fn max_random_len(self) -> usize {
        match self {
            Self::Mctp | Self::Storage => 32,
            Self::PciDoe | Self::Tcp => 0,
        }
    }

    /// Writes what is in front of a message of `message_len` bytes into `out`, which has [`Self::prefix_len`].
    ///
    /// # Errors
    /// [`EncodeError`] where `out` is shorter, or the message too long for the header.
    pub fn write_prefix(self, message_len: usize, out: &mut [u8]) -> Result<(), EncodeError> {
        let mut w = Writer::new(out);
        match self {
            Self::PciDoe => {}
            Self::Mctp => w.u8(SPDM),
            Self::Tcp => {
                w.len16(message_len.saturating_add(2), "PayloadLength")?;
                w.bytes(&[TCP_VERSION, SPDM]);
            }
            Self::Storage => {
                let len = u32::try_from(message_len);
                let len = len.map_err(|_| EncodeError::TooLarge { field: "Length" })?;
                w.bytes(&[DESCRIPTORS, 0, 0, 0]);
                w.bytes(&SPDM_DESCRIPTOR);
                w.u8(0);
                w.u32(len);
                w.u32(DESCRIBED_AT);
                w.bytes(&[0; 5]);
            }
        }
        w.finish().map(|_| ())
    }

    /// The SPDM message in the data of an application; `None` where it is of another protocol, or the header in front
    /// of it is not one.
    #[must_use]
    pub fn spdm_message(self, data: &[u8]) -> Option<&[u8]> {
        match (self, data) {
            (Self::PciDoe, message) | (Self::Mctp, [SPDM, message @ ..]) => Some(message),
            (Self::Tcp, [low, high, TCP_VERSION, SPDM, message @ ..]) => {
                let len = usize::from(u16::from_le_bytes([*low, *high]));
                (len == message.len().saturating_add(2)).then_some(message)
            }
            (Self::Storage, data) => described(data),
            (Self::Mctp | Self::Tcp, _) => None,
        }
    }
}

/// The message behind its one descriptor.
fn described(data: &[u8]) -> Option<&[u8]> {
    let (descriptor, message) = data.split_first_chunk()?;
    let [count, _, _, _, kind, status, _, l0, l1, l2, l3, o0, o1, o2, o3, _, _, _, _, _] =
        *descriptor;
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    let is_message = count == DESCRIPTORS && [kind, status] == SPDM_DESCRIPTOR;
    let is_here = u32::from_le_bytes([o0, o1, o2, o3]) == DESCRIBED_AT;
    (is_message && is_here && usize::try_from(len) == Ok(message.len())).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [RecordBinding; 4] =
        [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp, RecordBinding::Storage];

    const DESCRIPTOR: [u8; 20] = [1, 0, 0, 0, 4, 0, 0, 12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn what_is_written_in_front_of_a_message_is_read_back() {
        for binding in ALL {
            let start = binding.prefix_len();
            let mut data = [0xAA; 32];
            let data = data.get_mut(..start + 12).unwrap();
            binding.write_prefix(12, data.get_mut(..start).unwrap()).unwrap();
            assert_eq!(binding.spdm_message(data), data.get(start..), "{binding:?}");
            assert_eq!(
                data.get(..start).unwrap(),
                match binding {
                    RecordBinding::PciDoe => &[][..],
                    RecordBinding::Mctp => &[5],
                    RecordBinding::Tcp => &[14, 0, 1, 5],
                    RecordBinding::Storage => &DESCRIPTOR,
                }
            );
        }
    }

    #[test]
    fn other_protocols_and_wrong_headers_are_no_spdm_message() {
        assert_eq!(RecordBinding::Mctp.spdm_message(&[1, 0x11]), None);
        assert_eq!(RecordBinding::Mctp.spdm_message(&[]), None);
        for header in [[3, 0, 0, 5], [3, 0, 1, 6], [4, 0, 1, 5], [2, 0, 1, 5]] {
            let [a, b, c, d] = header;
            assert_eq!(RecordBinding::Tcp.spdm_message(&[a, b, c, d, 0x11]), None, "{header:?}");
        }
        assert_eq!(RecordBinding::Tcp.spdm_message(&[3, 0, 1, 5, 0x11]), Some(&[0x11][..]));
    }

    /// Each byte of the descriptor that is not reserved means something.
    #[test]
    fn a_descriptor_of_something_else_is_no_spdm_message() {
        let mut data = [0; 32];
        let (descriptor, message) = data.split_at_mut(20);
        descriptor.copy_from_slice(&DESCRIPTOR);
        message.fill(0x55);
        assert_eq!(RecordBinding::Storage.spdm_message(&data), Some(&[0x55; 12][..]));
        for at in 0..20 {
            let mut other = data;
            *other.get_mut(at).unwrap() ^= 0x40;
            let is_reserved = matches!(at, 1..=3 | 6 | 15..=19);
            assert_eq!(RecordBinding::Storage.spdm_message(&other).is_some(), is_reserved, "{at}");
        }
        for len in 0..32 {
            assert_eq!(
                RecordBinding::Storage.spdm_message(data.get(..len).unwrap()),
                None,
                "{len}"
            );
        }
    }

    #[test]
    fn only_drives_have_reserved_bytes_in_front_of_a_record() {
        let carried = [0, 0, 0, 0, 7, 8];
        for binding in ALL {
            let len = if binding == RecordBinding::Storage { 2 } else { 6 };
            assert_eq!(binding.record(&carried).len(), len, "{binding:?}");
        }
        assert_eq!(RecordBinding::Storage.record(&[0; 3]), &[]);
    }

    #[test]
    fn a_message_that_no_header_can_state_is_refused() {
        let mut out = [0; 4];
        assert!(RecordBinding::Tcp.write_prefix(0x1_0000, &mut out).is_err());
        assert!(RecordBinding::Mctp.write_prefix(0x1_0000, &mut out).is_ok());
        assert!(RecordBinding::Tcp.write_prefix(1, &mut []).is_err());
    }
}
