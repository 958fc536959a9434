//! The software device.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::{PciIdentity, SpdmVersion};

use super::mutual_auth::MutualAuthArgs;
use super::trust::PCI_ID_HELP;
use super::values::{self, AsymList, HashList, San, SlotList};
use super::{FramingArgs, OWN};

/// `spdm emulate`.
#[derive(Args, Debug)]
pub(crate) struct EmulateArgs {
    /// Where to listen: HOST:PORT, port 0 lets the operating system choose; mctp, or mctp:NET for one network
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2323")]
    pub(crate) listen: String,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Serves one connection, then exits
    #[arg(help_heading = OWN, long)]
    pub(crate) once: bool,
    /// Writes the trust anchors as PEM
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) root_out: Option<PathBuf>,
    /// No certificates: the public key is provisioned to requesters; writes it (DER) for --peer-key
    #[arg(help_heading = OWN, long, value_name = "FILE", conflicts_with = "root_out")]
    pub(crate) peer_key_out: Option<PathBuf>,
    /// Own keys and chain: key.der or key.pem, chain.pem or chain.bin
    #[arg(help_heading = OWN, long, value_name = "DIR")]
    pub(crate) chain: Option<PathBuf>,
    /// Keeps the device in this folder: its keys, and what it is given by set-cert and keys
    #[arg(help_heading = OWN, long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Who may change slots and key pairs: everybody, in-sessions (slots 1 to 7; key pairs where the host has proven who it
    /// is) or nobody
    #[arg(help_heading = OWN, long, value_name = "WHO", default_value = "everybody")]
    pub(crate) provisioning: ProvisioningChoice,
    /// Also messages whose layout no released specification confirms: SLOT_MANAGEMENT (1.4)
    #[arg(help_heading = OWN, long)]
    pub(crate) experimental: bool,
    /// Makes keys, certificates and nonces the same in every run
    #[arg(help_heading = OWN, long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Versions, in the order in which VERSION lists them
    #[arg(help_heading = OWN, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) versions: Vec<SpdmVersion>,
    /// Signature algorithms; RSA keys take seconds to make
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = AsymList::parse)]
    pub(crate) base_asym: Option<AsymList>,
    /// Hash algorithms
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = HashList::parse)]
    pub(crate) base_hash: Option<HashList>,
    /// The largest message that the device takes and sends at once, in bytes
    #[arg(help_heading = OWN, long, value_name = "BYTES", value_parser = values::transfer_size)]
    pub(crate) transfer_size: Option<u32>,
    /// The provisioned slots, for example 0,1
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = SlotList::parse)]
    pub(crate) slots: Option<SlotList>,
    /// Flags to announce, for example CERT_CAP,CHAL_CAP,MEAS_CAP_SIG, or a number
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = values::capabilities)]
    pub(crate) capabilities: Option<spdm_codec::CapabilityFlags>,
    /// A pre-shared key for sessions (PSK_EXCHANGE): the bytes of this file
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) psk: Option<PathBuf>,
    /// The hint that requesters name the key with: at most 32 bytes
    #[arg(help_heading = OWN, long, value_name = "HEX", requires = "psk", default_value = "")]
    pub(crate) psk_hint: String,
    /// The name of the leaf: none, pci-cma (with --pci-id), dmtf or dmtf:MANUFACTURER:PRODUCT:SERIAL
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = San::parse)]
    pub(crate) san: Option<San>,
    #[arg(help_heading = OWN, long, value_name = "ID", help = PCI_ID_HELP)]
    pub(crate) pci_id: Option<PciIdentity>,
    #[command(flatten)]
    pub(crate) mutual_auth: MutualAuthArgs,
    /// A misbehaviour (repeatable); help lists them
    #[arg(help_heading = OWN, long, value_name = "NAME")]
    pub(crate) fault: Vec<String>,
}

/// `--provisioning`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ProvisioningChoice {
    /// Every slot and key pair, by everybody
    Everybody,
    /// Slots 1 to 7, in sessions; key pairs in sessions with mutual authentication
    InSessions,
    /// The device has none of it
    Nobody,
}
