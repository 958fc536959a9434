//! MCTP packets on a serial line (DSP0253): between flags, with a byte count, escapes and a checksum.
//!
//! ```text
//! 7E | revision 01 | byte count | packet, escaped | FCS high | FCS low | 7E
//! ```
//!
//! Works on bytes alone: a UART driver feeds a [`Deframer`] and sends what [`frame`] made. The packets are for
//! a stack, for example the `Router` of `mctp-estack`.
//!
//! `mctp-estack` 0.1.0 has a handler for these frames, too. It is not used here, because a device can make it panic (byte
//! count 0; `tests/estack_serial.rs` tells when that is mended), it drops broken frames without saying so, it writes a
//! byte count that is cut to 8 bits when a packet is too long, and it takes bytes from an asynchronous reader only.

use core::fmt;

use crc::{CRC_16_IBM_SDLC, Crc, NoTable};

/// The longest frame of a packet of this many bytes: every byte escaped.
#[must_use]
pub const fn max_frame(packet_len: usize) -> usize {
    2 * packet_len + OVERHEAD
}

/// The longest packet, header included: the byte count has eight bits.
pub const MAX_PACKET: usize = 0xff;

/// The shortest packet: its header and one byte.
const MIN_PACKET: u8 = 5;

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
const ESCAPED: u8 = 0x20;
const REVISION: u8 = 0x01;
/// Two flags, revision, byte count, checksum.
const OVERHEAD: usize = 6;

/// What is wrong with a frame, or with a packet that is to be framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SerialError {
    /// The byte count, or the packet's length, is below 5 or above 255.
    ByteCount(usize),
    /// The checksum.
    Checksum {
        /// Over what came.
        expected: u16,
        /// In the frame.
        got: u16,
    },
    /// A byte that cannot follow an escape.
    Escape(u8),
    /// A byte other than the flag behind the checksum.
    FrameEnd(u8),
    /// The output is shorter than this many bytes.
    Room(usize),
    /// The frame ended, or another one began, inside it.
    Short,
    /// A revision other than 1.
    Revision(u8),
}

impl fmt::Display for SerialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteCount(got) => write!(f, "a packet of {got} bytes, but 5 to 255 are expected"),
            Self::Checksum { expected, got } => {
                write!(f, "the checksum is {got:#06x}, but {expected:#06x} is expected")
            }
            Self::Escape(got) => write!(f, "{got:#04x} follows an escape"),
            Self::FrameEnd(got) => {
                write!(f, "{got:#04x} follows the checksum, but 0x7e is expected")
            }
            Self::Room(needed) => write!(f, "a frame of {needed} bytes does not fit"),
            Self::Short => f.write_str("a frame ends before its byte count"),
            Self::Revision(got) => write!(f, "serial binding revision {got}, but 1 is expected"),
        }
    }
}

impl core::error::Error for SerialError {}

/// Writes `packet` as a frame to the start of `out`; gives its length. [`max_frame`] bytes are always enough.
///
/// # Errors
/// [`SerialError::ByteCount`], [`SerialError::Room`].
pub fn frame(packet: &[u8], out: &mut [u8]) -> Result<usize, SerialError> {
    let count = u8::try_from(packet.len()).ok().filter(|count| *count >= MIN_PACKET);
    let count = count.ok_or(SerialError::ByteCount(packet.len()))?;
    let [high, low] = checksum(count, packet).to_be_bytes();
    let special = packet.iter().filter(|byte| is_special(**byte)).count();
    let needed = packet.len() + special + OVERHEAD;
    let mut place = out.get_mut(..needed).ok_or(SerialError::Room(needed))?.iter_mut();
    let mut put = |byte| {
        if let Some(place) = place.next() {
            *place = byte;
        }
    };
    put(FLAG);
    put(REVISION);
    put(count);
    for byte in packet {
        if is_special(*byte) {
            put(ESCAPE);
            put(byte ^ ESCAPED);
        } else {
            put(*byte);
        }
    }
    put(high);
    put(low);
    put(FLAG);
    Ok(needed)
}

/// Finds packets in a stream of bytes.
#[derive(Clone, Debug)]
pub struct Deframer {
    state: DeframerState,
    packet: [u8; MAX_PACKET],
    filled: usize,
}

/// What is awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DeframerState {
    Flag,
    Revision,
    ByteCount,
    Data { len: usize },
    Escaped { len: usize },
    ChecksumHigh,
    ChecksumLow { high: u8 },
    End { got: u16 },
}

impl Deframer {
    /// A deframer that awaits a flag.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: DeframerState::Flag, packet: [0; MAX_PACKET], filled: 0 }
    }

    /// Takes the next byte: a packet when it completes one, an error when it breaks one. After an error the next frame
    /// is found by its flag.
    pub fn push(&mut self, byte: u8) -> Option<Result<&[u8], SerialError>> {
        match self.step(byte) {
            Ok(false) => None,
            Ok(true) => self.packet.get(..self.filled).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether a packet is complete.
    fn step(&mut self, byte: u8) -> Result<bool, SerialError> {
        let state = self.state;
        // A flag begins a frame wherever it stands; byte count and checksum, which are not escaped, may look
        // like one.
        self.state = if byte == FLAG { DeframerState::Revision } else { DeframerState::Flag };
        match (state, byte) {
            (DeframerState::Flag, _) | (DeframerState::Revision, FLAG) => {}
            (DeframerState::Revision, REVISION) => self.state = DeframerState::ByteCount,
            (DeframerState::Revision, other) => return Err(SerialError::Revision(other)),
            (DeframerState::ByteCount, count) if count < MIN_PACKET => {
                return Err(SerialError::ByteCount(usize::from(count)));
            }
            (DeframerState::ByteCount, count) => {
                self.filled = 0;
                self.state = DeframerState::Data { len: usize::from(count) };
            }
            (DeframerState::Data { .. } | DeframerState::Escaped { .. }, FLAG) => {
                return Err(SerialError::Short);
            }
            (DeframerState::Data { len }, ESCAPE) => self.state = DeframerState::Escaped { len },
            (DeframerState::Data { len }, byte) => self.state = self.data(len, byte),
            (DeframerState::Escaped { len }, byte) if is_special(byte ^ ESCAPED) => {
                self.state = self.data(len, byte ^ ESCAPED);
            }
            (DeframerState::Escaped { .. }, other) => return Err(SerialError::Escape(other)),
            (DeframerState::ChecksumHigh, high) => self.state = DeframerState::ChecksumLow { high },
            (DeframerState::ChecksumLow { high }, low) => {
                self.state = DeframerState::End { got: u16::from_be_bytes([high, low]) };
            }
            (DeframerState::End { got }, FLAG) => {
                let packet = self.packet.get(..self.filled).unwrap_or_default();
                // The byte count has eight bits, and so many bytes were taken.
                let count = u8::try_from(self.filled).unwrap_or(u8::MAX);
                let expected = checksum(count, packet);
                if got != expected {
                    return Err(SerialError::Checksum { expected, got });
                }
                return Ok(true);
            }
            (DeframerState::End { .. }, other) => return Err(SerialError::FrameEnd(other)),
        }
        Ok(false)
    }

    /// Keeps a byte of a packet of `len` bytes.
    fn data(&mut self, len: usize, byte: u8) -> DeframerState {
        if let Some(place) = self.packet.get_mut(self.filled) {
            *place = byte;
        }
        self.filled += 1;
        if self.filled >= len { DeframerState::ChecksumHigh } else { DeframerState::Data { len } }
    }
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, FLAG | ESCAPE)
}

/// CRC-16 of RFC 1662 without a table: a frame is short, and a table takes 512 bytes.
const FCS: Crc<u16, NoTable> = Crc::<u16, NoTable>::new(&CRC_16_IBM_SDLC);

/// The checksum over revision, byte count and packet, without the final complement of RFC 1662: as Linux and
/// `mctp-estack` compute it.
fn checksum(count: u8, packet: &[u8]) -> u16 {
    let mut digest = FCS.digest();
    digest.update(&[REVISION, count]);
    digest.update(packet);
    !digest.finalize()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{Deframer, MAX_PACKET, SerialError, frame, max_frame};

    /// GET_VERSION from endpoint 10 to 9, as Linux put it on the wire.
    const FRAME: [u8; 15] =
        [0x7e, 0x01, 0x09, 0x01, 0x09, 0x0a, 0xc8, 0x05, 0x10, 0x84, 0x00, 0x00, 0x44, 0x4e, 0x7e];
    const PACKET: [u8; 9] = [0x01, 0x09, 0x0a, 0xc8, 0x05, 0x10, 0x84, 0x00, 0x00];

    fn feed(deframer: &mut Deframer, bytes: &[u8]) -> Vec<Result<Vec<u8>, SerialError>> {
        let results = bytes
            .iter()
            .filter_map(|byte| deframer.push(*byte).map(|result| result.map(<[u8]>::to_vec)));
        results.collect()
    }

    fn framed(packet: &[u8]) -> Vec<u8> {
        let mut out = [0xee; max_frame(MAX_PACKET)];
        let len = frame(packet, &mut out).unwrap();
        assert!(out[len..].iter().all(|byte| *byte == 0xee));
        out[..len].to_vec()
    }

    #[test]
    fn a_frame_of_linux() {
        assert_eq!(framed(&PACKET), FRAME);
        let mut deframer = Deframer::new();
        assert_eq!(feed(&mut deframer, &FRAME), [Ok(PACKET.to_vec())]);
        // One flag between two frames, or two.
        let twice = [&FRAME[..], &FRAME[1..], &FRAME].concat();
        assert_eq!(feed(&mut deframer, &twice).len(), 3);
    }

    #[test]
    fn all_lengths_and_bytes() {
        for len in 5..=MAX_PACKET {
            let packet: Vec<u8> = (0x70..=0x80).cycle().take(len).collect();
            assert_eq!(feed(&mut Deframer::new(), &framed(&packet)), [Ok(packet)]);
        }
        let flags = [0x7e; MAX_PACKET];
        let wire = framed(&flags);
        assert_eq!(wire.len(), max_frame(MAX_PACKET));
        assert_eq!(feed(&mut Deframer::new(), &wire), [Ok(flags.to_vec())]);
        let mut out = [0; 14];
        assert_eq!(frame(&PACKET, &mut out), Err(SerialError::Room(15)));
        assert_eq!(frame(&[0; 4], &mut out), Err(SerialError::ByteCount(4)));
        assert_eq!(frame(&[0; 256], &mut out), Err(SerialError::ByteCount(256)));
    }

    #[test]
    fn broken_frames_are_named_and_cost_only_themselves() {
        let with = |at: usize, byte: u8| {
            let mut frame = FRAME;
            frame[at] = byte;
            frame
        };
        for (bytes, error) in [
            (with(1, 2), SerialError::Revision(2)),
            (with(2, 0), SerialError::ByteCount(0)),
            (with(2, 4), SerialError::ByteCount(4)),
            (with(7, 0x7e), SerialError::Short),
            (with(7, 0x7d), SerialError::Escape(0x10)),
            (with(12, 0x45), SerialError::Checksum { expected: 0x444e, got: 0x454e }),
            (with(14, 0x00), SerialError::FrameEnd(0)),
        ] {
            let mut deframer = Deframer::new();
            let results = feed(&mut deframer, &bytes);
            assert_eq!(results.first(), Some(&Err(error)), "{bytes:02x?}");
            // Whatever it was, the second of two good frames comes through.
            let after = feed(&mut deframer, &[FRAME, FRAME].concat());
            assert_eq!(after.last(), Some(&Ok(PACKET.to_vec())), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_prefix_waits_and_every_flipped_bit_is_an_error() {
        for len in 0..FRAME.len() {
            assert_eq!(feed(&mut Deframer::new(), &FRAME[..len]), [], "{len}");
        }
        for at in 0..FRAME.len() {
            for bit in 0..8 {
                let mut wire = FRAME;
                wire[at] ^= 1 << bit;
                let results = feed(&mut Deframer::new(), &wire);
                assert!(!results.contains(&Ok(PACKET.to_vec())), "{at} {bit}");
                assert!(results.iter().all(Result::is_err), "{at} {bit}: {results:?}");
            }
        }
    }

    #[test]
    fn a_byte_count_of_nothing_and_endless_bytes() {
        let mut deframer = Deframer::new();
        assert_eq!(feed(&mut deframer, &[0x7e, 1, 0]), [Err(SerialError::ByteCount(0))]);
        assert_eq!(feed(&mut deframer, &[0x55; 100_000]), []);
        assert_eq!(feed(&mut deframer, &[0x7e, 1, 0xff]), []);
        assert_eq!(feed(&mut deframer, &[0x55; 256]), []);
        assert!(feed(&mut deframer, &[0x55; 100_000]).len() == 1);
        assert_eq!(feed(&mut deframer, &FRAME), [Ok(PACKET.to_vec())]);
    }
}
