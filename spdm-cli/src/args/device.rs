//! How to reach a device, and what to offer it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::SpdmVersion;
use spdm_requester::NegotiationSigning;
use spdm_transport::Duration;
use spdm_transport_tcp::Framing;

use super::values::{self, AsymList, HashList};
use super::{OWN, Workaround};
use crate::exit::Failure;
use crate::target::Target;

/// How to reach a device, and what to offer it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct DeviceArgs {
    /// emulated, pci:DDDD:BB:DD.F, tcp:HOST or tcp:HOST:PORT (the port is 4194, with dmtf-emu 2323), mctp:EID or
    /// mctp:NET,EID, nvme:/dev/nvmeN, scsi:/dev/sgN or scsi:/dev/sdX, ata:/dev/sdX
    #[arg(help_heading = OWN, value_name = "TARGET")]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Seconds that the whole run may take; 60 for each round of --repeat where it is not given
    #[arg(long, value_name = "SECS", value_parser = values::seconds)]
    pub(crate) deadline: Option<Duration>,
    /// Writes a capture of the exchange (pcap)
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Who reads the capture: stock Wireshark, or the tools of the DMTF reference implementation
    #[arg(long, value_name = "FORM", default_value = "wireshark", requires = "pcap")]
    pub(crate) pcap_format: PcapFormat,
}

/// What holds for connections to any device.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Also a PCI function whose driver is bound: there is no lock between the driver and this command
    #[arg(long)]
    pub(crate) allow_bound: bool,
    /// Also a PCI function that a TSM of the platform is connected to: it keeps a session over the mailbox, and the two
    /// take each other's answers
    #[arg(long)]
    pub(crate) allow_tsm: bool,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Seconds to wait for the connection, and for an answer beyond the device's own computing time
    #[arg(long, value_name = "SECS", value_parser = values::seconds, default_value = "5")]
    pub(crate) timeout: Duration,
    /// The lowest version to accept; otherwise 1.0, but 1.2 where a verdict rests on measurements without CHALLENGE, whose
    /// signature does not cover the negotiation before
    #[arg(long, value_name = "1.x")]
    pub(crate) min_version: Option<SpdmVersion>,
    /// The highest version to use
    #[arg(long, value_name = "1.x", default_value = "1.4")]
    pub(crate) max_version: SpdmVersion,
    /// A workaround for known devices (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) compat: Vec<Workaround>,
    /// Also a version that the device has only as an alpha of the specification
    #[arg(long)]
    pub(crate) alpha_versions: bool,
    /// Signature algorithms to offer, for example ECDSA_P384,RSAPSS_3072,ML_DSA_87
    #[arg(long, value_name = "LIST", value_parser = AsymList::parse)]
    pub(crate) base_asym: Option<AsymList>,
    /// Hash algorithms to offer, for example SHA_384
    #[arg(long, value_name = "LIST", value_parser = HashList::parse)]
    pub(crate) base_hash: Option<HashList>,
    /// The largest message to take at once (DataTransferSize, 1.2), in bytes; larger ones come in chunks
    #[arg(long, value_name = "BYTES", value_parser = values::transfer_size)]
    pub(crate) transfer_size: Option<u32>,
    /// Asks for a multi-key connection where the device leaves the choice (1.3): some devices have further
    /// slots on one
    #[arg(long)]
    pub(crate) multi_key: bool,
}

/// What [`DeviceArgs`] is made of, for a verb that can do without a device: clap leaves the group of a struct empty that has
/// another one in it. Not among them are the algorithms, which can also be said of a file ([`PresumedArgs`](super::PresumedArgs)).
pub(super) const OPTIONS: [&str; 13] = [
    "target",
    "allow_bound",
    "allow_tsm",
    "timeout",
    "deadline",
    "min_version",
    "max_version",
    "compat",
    "alpha_versions",
    "transfer_size",
    "multi_key",
    "pcap",
    "pcap_format",
];

impl ConnectionArgs {
    /// Who names the lowest version accepts it, signed or not.
    pub(crate) const fn negotiation(&self) -> NegotiationSigning {
        match self.min_version {
            None => NegotiationSigning::Required,
            Some(_) => NegotiationSigning::Waived,
        }
    }

    /// Whether the options fit each other.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.min_version.is_some_and(|least| least > self.max_version) {
            return Err(Failure::usage("--min-version is above --max-version"));
        }
        self.framing.framing().map(drop)
    }
}

/// The form of a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PcapFormat {
    /// Link types that Wireshark and tcpdump know, or leave to users
    Wireshark,
    /// The link types of spdm_dump
    Dmtf,
}

/// How messages travel over TCP.
#[derive(Args, Clone, Debug)]
pub(crate) struct FramingArgs {
    /// dsp0287, or dmtf-emu as QEMU and the DMTF emulator speak
    #[arg(long, value_name = "FRAMING", default_value = "dsp0287")]
    pub(crate) framing: values::FramingName,
    /// What wraps a message inside dmtf-emu: none, mctp, doe, tcp, nvme, scsi or ata; doe where it is not given
    #[arg(long, value_name = "BINDING")]
    pub(crate) binding: Option<values::BindingName>,
}

impl FramingArgs {
    /// Only a socket has a framing: that of every other target is its own.
    pub(crate) fn check_unused(&self) -> Result<(), Failure> {
        if self.framing.0 == Framing::Dsp0287 && self.binding.is_none() {
            return Ok(());
        }
        Err(Failure::usage("--framing and --binding belong to tcp: targets"))
    }

    /// The framing that the options name.
    pub(crate) fn framing(&self) -> Result<Framing, Failure> {
        match (self.framing.0, self.binding) {
            (Framing::Dsp0287, Some(_)) => {
                Err(Failure::usage("--binding belongs to --framing dmtf-emu")
                    .with_hint(Some("add --framing dmtf-emu")))
            }
            (framing, None) => Ok(framing),
            (framing, Some(binding)) => Ok(framing.with_binding(binding.0)),
        }
    }
}
