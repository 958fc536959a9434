//! Writing a capture of a live exchange.

use std::borrow::Cow;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError};
use spdm_codec::{Code, Header};
use spdm_transport::MessageKind;
use spdm_transport_tcp::{Binding, Frame, Framing};
use spdm_untrusted::Untrusted;

/// The largest packet: the largest message of any framing with its headers.
const SNAP_LEN: u32 = 0x20_0000;
/// MCTP header: version 1, to endpoint 0, from endpoint 0, one packet per message with the tag owner bit.
const MCTP_REQUEST: [u8; 5] = [0x01, 0x00, 0x00, 0xC8, 0x05];
/// The same without the tag owner bit.
const MCTP_RESPONSE: [u8; 5] = [0x01, 0x00, 0x00, 0xC0, 0x05];
/// Bytes of the emulator's own frame header, which is no part of a packet.
const EMULATOR_HEADER_LEN: usize = 12;

/// The link types that the DMTF tools write and `spdm verify` reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Link {
    Bare,
    Mctp,
    /// PCI DOE and DSP0287: framed as on the stream.
    Framed(Framing),
}

/// A classic pcap file.
#[derive(Debug)]
pub(crate) struct CaptureFile<W: Write> {
    link: Link,
    writer: PcapWriter<W>,
}

impl<W: Write> CaptureFile<W> {
    /// Begins a file; `framing` is `None` for a device in this process.
    pub(crate) fn new(out: W, framing: Option<Framing>) -> Result<Self, String> {
        let (link, number) = match framing {
            Some(Framing::DmtfEmu(Binding::Mctp)) => (Link::Mctp, 291),
            Some(framing @ Framing::DmtfEmu(Binding::Doe)) => (Link::Framed(framing), 292),
            Some(framing @ (Framing::Dsp0287 | Framing::DmtfEmu(Binding::Tcp))) => {
                (Link::Framed(framing), 148)
            }
            _ => (Link::Bare, 147),
        };
        let header = PcapHeader {
            snaplen: SNAP_LEN,
            datalink: DataLink::from(number),
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(out, header).map_err(|error| shown(&error))?;
        Ok(Self { link, writer })
    }

    /// Adds a message; its code says which way it went.
    pub(crate) fn message(&mut self, message: &[u8]) -> Result<(), String> {
        let packet = self.packet(message)?;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let packet = PcapPacket { timestamp: time, orig_len: len, data: Cow::Borrowed(&packet) };
        self.writer.write_packet(&packet).map(drop).map_err(|error| shown(&error))
    }

    fn packet(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        match self.link {
            Link::Bare => Ok(message.to_vec()),
            Link::Mctp => {
                let code = Header::peek(Untrusted::new(message)).map(|header| header.code);
                let header =
                    if code.is_ok_and(Code::is_request) { MCTP_REQUEST } else { MCTP_RESPONSE };
                Ok([&header[..], message].concat())
            }
            Link::Framed(framing) => {
                let mut packet = Vec::new();
                let frame = Frame::Message(MessageKind::Plain, message);
                framing.encode(frame, &mut packet).map_err(|error| error.to_string())?;
                if matches!(framing, Framing::DmtfEmu(_)) {
                    packet.drain(..EMULATOR_HEADER_LEN.min(packet.len()));
                }
                Ok(packet)
            }
        }
    }

    /// Writes what is buffered.
    pub(crate) fn finish(self) -> Result<(), String> {
        let mut out = self.writer.into_writer();
        out.flush().map_err(|error| error.to_string())
    }
}

fn shown(error: &PcapError) -> String {
    match error {
        PcapError::IoError(error) => error.to_string(),
        other => other.to_string(),
    }
}
