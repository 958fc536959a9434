//! Writing captures.

use core::time::Duration;
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};
use spdm_transport_doe::{ObjectHeader, ObjectType};

use super::link::{DMTF_MCTP, DMTF_PCI_DOE, ETH_P_MCTP, LINUX_SLL, USER0, USER1};
use super::mctp::{END_OF_MESSAGE, START_OF_MESSAGE};
use super::{Layer, STORAGE_RESERVED};

/// Wireshark opens no longer packets than this.
const SNAP_LEN: u32 = 0x4_0000;

/// ARPHRD_MCTP.
const ARPHRD_MCTP: [u8; 2] = [0x01, 0x22];
/// The length of the link-layer address, and the address: a message has none here.
const NO_ADDRESS: [u8; 10] = [0; 10];
const SLL_TO_US: [u8; 2] = [0, 0];
const SLL_FROM_US: [u8; 2] = [0, 4];

/// MCTP header version 1 between null endpoints: the physical link says who they are (DSP0236 §8.1).
const MCTP_ENDPOINTS: [u8; 3] = [0x01, 0x00, 0x00];
/// The DMTF tools leave the version zero, too.
const MCTP_ENDPOINTS_DMTF: [u8; 3] = [0x00, 0x00, 0x00];
const WHOLE_MESSAGE: u8 = START_OF_MESSAGE | END_OF_MESSAGE;
const TAG_OWNER: u8 = 0x08;

const DSP0287_VERSION: u8 = 1;
/// PayloadLength counts BindingVersion and MessageType.
const DSP0287_COUNTED: usize = 2;

/// The tools that are to read a capture: they differ in link types.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CaptureForm {
    /// Stock Wireshark and tcpdump: MCTP in Linux cooked packets (113, ETH_P_MCTP) as a capture on an MCTP
    /// interface has it, data objects and bare messages as USER0 (147), DSP0287 as USER1 (148).
    #[default]
    Wireshark,
    /// `spdm_dump` and `spdm-emu`: MCTP as 291, data objects as 292, bare messages as 147, DSP0287 as 148. The
    /// registry of link types has other uses for 291 and 292.
    Dmtf,
}

/// What wraps a message in its packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CaptureBinding {
    /// Nothing. Of secured messages only those of drives can be told apart, by the reserved bytes that they begin with
    /// (DSP0286); others are refused.
    Bare,
    /// MCTP (DSP0236, DSP0275, DSP0276): one packet per message, between null endpoints.
    Mctp,
    /// A PCIe data object, zero padded to a DWORD (PCIe 6.0 §6.30.1).
    PciDoe,
    /// TCP (DSP0287); the segments are left out.
    Dsp0287,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a link has two ends")]
pub enum CaptureDirection {
    /// From the requester to the device.
    Sent,
    /// From the device to the requester.
    Received,
}

/// Writes the messages of one requester as a pcap file that [`Capture::read`](super::Capture::read) and other
/// tools read.
///
/// ```
/// use spdm_evidence::{Capture, CaptureBinding, CaptureForm, CaptureWriter, CaptureDirection, Layer};
/// use std::time::SystemTime;
///
/// let mut writer = CaptureWriter::new(Vec::new(), CaptureForm::Wireshark, CaptureBinding::Mctp)?;
/// writer.write(SystemTime::now(), CaptureDirection::Sent, Layer::Plain, &[0x10, 0x84, 0, 0])?;
/// let file = writer.finish()?;
/// assert_eq!(Capture::read(&file).unwrap().messages.len(), 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    form: CaptureForm,
    binding: CaptureBinding,
    pcap: PcapWriter<W>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file: pcap 2.4, little-endian, microseconds.
    ///
    /// # Errors
    /// The error of `out`.
    pub fn new(out: W, form: CaptureForm, binding: CaptureBinding) -> io::Result<Self> {
        let header = PcapHeader {
            snaplen: SNAP_LEN,
            datalink: DataLink::from(link(form, binding)),
            ts_resolution: TsResolution::MicroSecond,
            // spdm_dump does not swap.
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let pcap = PcapWriter::with_header(out, header).map_err(failed)?;
        Ok(Self { form, binding, pcap })
    }

    /// Adds a message that went by at `time`. Nothing is buffered.
    ///
    /// `message` is without the headers of its transport; the padding that it came with may be there or not.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where the binding cannot carry the message, otherwise the error of the
    /// writer. The file contains what was written before.
    pub fn write(
        &mut self,
        time: SystemTime,
        direction: CaptureDirection,
        layer: Layer,
        message: &[u8],
    ) -> io::Result<()> {
        let mut packet = headers(self.form, self.binding, direction, layer, message)?;
        packet.extend_from_slice(message);
        if self.binding == CaptureBinding::PciDoe {
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        let orig_len = u32::try_from(packet.len()).ok().filter(|len| *len <= SNAP_LEN);
        let orig_len = orig_len.ok_or_else(|| unfit("the message is too long for a capture"))?;
        let timestamp = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let packet = PcapPacket { timestamp, orig_len, data: Cow::Owned(packet) };
        self.pcap.write_packet(&packet).map_err(failed)?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The error of `out` when it is flushed.
    pub fn finish(self) -> io::Result<W> {
        let mut out = self.pcap.into_writer();
        out.flush()?;
        Ok(out)
    }
}

const fn link(form: CaptureForm, binding: CaptureBinding) -> u32 {
    match (binding, form) {
        (CaptureBinding::Bare, _) | (CaptureBinding::PciDoe, CaptureForm::Wireshark) => USER0,
        (CaptureBinding::Dsp0287, _) => USER1,
        (CaptureBinding::Mctp, CaptureForm::Wireshark) => LINUX_SLL,
        (CaptureBinding::Mctp, CaptureForm::Dmtf) => DMTF_MCTP,
        (CaptureBinding::PciDoe, CaptureForm::Dmtf) => DMTF_PCI_DOE,
    }
}

/// What precedes the message in its packet.
fn headers(
    form: CaptureForm,
    binding: CaptureBinding,
    direction: CaptureDirection,
    layer: Layer,
    message: &[u8],
) -> io::Result<Vec<u8>> {
    match binding {
        CaptureBinding::Bare
            if layer == Layer::Secured && !message.starts_with(&STORAGE_RESERVED) =>
        {
            Err(unfit("a bare secured message cannot be told from a plain one"))
        }
        CaptureBinding::Bare => Ok(Vec::new()),
        CaptureBinding::Mctp => Ok(mctp(form, direction, layer)),
        CaptureBinding::PciDoe => doe(layer, message.len()),
        CaptureBinding::Dsp0287 => dsp0287(layer, message.len()),
    }
}

fn mctp(form: CaptureForm, direction: CaptureDirection, layer: Layer) -> Vec<u8> {
    let (packet_type, owner) = match direction {
        CaptureDirection::Sent => (SLL_FROM_US, TAG_OWNER),
        CaptureDirection::Received => (SLL_TO_US, 0),
    };
    let message_type = layer.message_type();
    match form {
        CaptureForm::Wireshark => [
            &packet_type[..],
            &ARPHRD_MCTP,
            &NO_ADDRESS,
            &ETH_P_MCTP,
            &MCTP_ENDPOINTS,
            &[WHOLE_MESSAGE | owner, message_type],
        ]
        .concat(),
        CaptureForm::Dmtf => [&MCTP_ENDPOINTS_DMTF[..], &[WHOLE_MESSAGE, message_type]].concat(),
    }
}

fn doe(layer: Layer, len: usize) -> io::Result<Vec<u8>> {
    let object = match layer {
        Layer::Plain => ObjectType::CMA_SPDM,
        Layer::Secured => ObjectType::SECURED_CMA_SPDM,
    };
    let header = ObjectHeader::new(object, len);
    Ok(header.ok_or_else(|| unfit("the message is too long for a data object"))?.encode().to_vec())
}

fn dsp0287(layer: Layer, len: usize) -> io::Result<Vec<u8>> {
    let length = u16::try_from(len.saturating_add(DSP0287_COUNTED))
        .map_err(|_| unfit("the message is too long for DSP0287"))?;
    Ok([&length.to_le_bytes()[..], &[DSP0287_VERSION, layer.message_type()]].concat())
}

fn unfit(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn failed(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidInput, other),
    }
}
