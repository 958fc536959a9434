//! How a transport carries the records of sessions (DSP0276, DSP0287, PCI DOE).

use crate::error::EncodeError;
use crate::writer::Writer;

/// MCTP message type of SPDM, which is also that of DSP0287.
const SPDM: u8 = 0x05;
/// Version of the DSP0287 header.
const TCP_VERSION: u8 = 0x01;

/// How a transport carries records: how much of the sequence number stands in their header, and what is in front of
/// the message inside (DSP0277 §Secured message format leaves both to the transport).
///
/// | | bytes of the sequence number | in front of the message |
/// |---|---|---|
/// | PCI DOE | 0 | nothing |
/// | MCTP | 2 | the MCTP message type |
/// | TCP | 0 | PayloadLength u16 = length of the message + 2, version, type |
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RecordBinding {
    /// PCI DOE.
    PciDoe,
    /// DSP0276.
    Mctp,
    /// DSP0287.
    Tcp,
}

impl RecordBinding {
    /// Bytes of the sequence number in the header.
    #[must_use]
    pub const fn sequence_len(self) -> usize {
        match self {
            Self::Mctp => 2,
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
        }
    }

    /// The most random bytes behind the message that a record of this transport may have (DSP0276 §Random data).
    #[must_use]
    pub const fn max_random_len(self) -> usize {
        match self {
            Self::Mctp => 32,
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
            (Self::Mctp | Self::Tcp, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [RecordBinding; 3] =
        [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp];

    #[test]
    fn what_is_written_in_front_of_a_message_is_read_back() {
        for binding in ALL {
            let mut data = [0xAA; 16];
            let start = binding.prefix_len();
            binding.write_prefix(16 - start, data.get_mut(..start).unwrap()).unwrap();
            assert_eq!(binding.spdm_message(&data), data.get(start..), "{binding:?}");
            assert_eq!(
                data.get(..start).unwrap(),
                match binding {
                    RecordBinding::PciDoe => &[][..],
                    RecordBinding::Mctp => &[5],
                    RecordBinding::Tcp => &[14, 0, 1, 5],
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

    #[test]
    fn a_message_that_no_header_can_state_is_refused() {
        let mut out = [0; 4];
        assert!(RecordBinding::Tcp.write_prefix(0x1_0000, &mut out).is_err());
        assert!(RecordBinding::Mctp.write_prefix(0x1_0000, &mut out).is_ok());
        assert!(RecordBinding::Tcp.write_prefix(1, &mut []).is_err());
    }
}
