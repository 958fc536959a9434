//! The verbs that give something to a device.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use spdm_codec::{CertificateModel, KeyPairAsymAlgo, KeyUsage, PqcAsymAlgo, SlotId};

use super::values::{self, SlotList};
use super::{DeviceArgs, OWN, OptionalSessionArgs, TrustArgs};

/// `spdm csr`.
#[derive(Args, Debug)]
pub(crate) struct CsrArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The slot that a certificate is wanted for: the request has to be for the key of its certificate, where it has one
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = values::slot, default_value = "0")]
    pub(crate) slot: SlotId,
    /// Also a request for another key than that of the slot's certificate
    #[arg(help_heading = OWN, long)]
    pub(crate) any_key: bool,
    /// Also a request whose extensions are malformed, or not fit for a device: they are not read, and whoever signs it has to
    /// bring others
    #[arg(help_heading = OWN, long)]
    pub(crate) any_extensions: bool,
    #[command(flatten)]
    pub(crate) pair: PairArgs,
    /// Subject and attributes that are wanted: a DER CertificationRequestInfo
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) info: Option<PathBuf>,
    /// Fetches the request that the device has made in its reset, by the number that was told before (1.3)
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=7))]
    pub(crate) tag: Option<u8>,
    /// Has the device forget the requests that wait for a reset (1.3)
    #[arg(help_heading = OWN, long, conflicts_with = "tag")]
    pub(crate) overwrite: bool,
    /// Writes the request as PEM; standard output otherwise
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// Which key pair, on a connection with several keys.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Key pair")]
pub(crate) struct PairArgs {
    /// The key pair, with --multi-key or a device that has no other connections (1.3)
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) key_pair: Option<u8>,
    /// The certificate model, with --key-pair
    #[arg(long, value_name = "MODEL", requires = "key_pair", default_value = "device")]
    pub(crate) model: PairModel,
}

/// `--model` of a key pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PairModel {
    /// The device certificate
    Device,
    /// The device certificate authority, which issues the device's own certificate
    Alias,
    /// Generic
    Generic,
}

impl PairArgs {
    /// `KeyPairID`, 0 for none.
    pub(crate) fn id(self) -> u8 {
        self.key_pair.unwrap_or_default()
    }

    /// The model, where a key pair is named.
    pub(crate) fn model(self) -> CertificateModel {
        match (self.key_pair, self.model) {
            (None, _) => CertificateModel::None,
            (_, PairModel::Device) => CertificateModel::DeviceCert,
            (_, PairModel::Alias) => CertificateModel::AliasCert,
            (_, PairModel::Generic) => CertificateModel::GenericCert,
        }
    }
}

/// `spdm set-cert`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["file", "erase"]))]
pub(crate) struct SetCertArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The chain, from its root on: PEM or DER certificates in either order, or a chain as GET_CERTIFICATE delivers it. It is
    /// held to the rules of spdm chain before it is sent; without --trust its own root is the anchor, and with --session,
    /// where --trust is about the device
    #[arg(help_heading = OWN, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The slot
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = values::slot)]
    pub(crate) slot: SlotId,
    /// Removes the chain of the slot (1.3)
    #[arg(help_heading = OWN, long)]
    pub(crate) erase: bool,
    #[command(flatten)]
    pub(crate) pair: PairArgs,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Does it: without, nothing is sent
    #[arg(help_heading = OWN, long)]
    pub(crate) yes: bool,
}

/// `spdm keys`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("change").args(["set", "erase", "generate"]))]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Changes a key pair: --usage, --algorithm, --slots; what is not given stays
    #[arg(help_heading = OWN, long, value_name = "ID", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) set: Option<u8>,
    /// Erases the key of a key pair that no slot uses
    #[arg(help_heading = OWN, long, value_name = "ID", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) erase: Option<u8>,
    /// Has the device make a new key for a key pair that no slot uses
    #[arg(help_heading = OWN, long, value_name = "ID", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) generate: Option<u8>,
    /// What the key is for: KEY_EX, CHALLENGE, MEASUREMENT, ENDPOINT_INFO
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = key_usage, requires = "change", conflicts_with = "erase")]
    pub(crate) usage: Option<KeyUsage>,
    /// Its algorithm: RSA_2048, RSA_3072, RSA_4096, ECC_256, ECC_384, ECC_521, ED25519, ML_DSA_44, ML_DSA_65, ML_DSA_87
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = KeyAlgorithmChoice::parse, requires = "change", conflicts_with = "erase")]
    pub(crate) algorithm: Option<KeyAlgorithmChoice>,
    /// The slots that use it, for example 0,1, or none
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = slots, requires = "change", conflicts_with = "erase")]
    pub(crate) slots: Option<SlotList>,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Does it: without, nothing is changed
    #[arg(help_heading = OWN, long)]
    pub(crate) yes: bool,
}

/// `spdm slots`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("slot_change").args(["install", "erase", "algorithm"]))]
pub(crate) struct SlotsArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Puts the chain of this file, as set-cert takes it, into the slot of the bank; it has to be one for the bank's algorithm
    #[arg(help_heading = OWN, long, value_name = "FILE", requires_all = ["bank", "slot"])]
    pub(crate) install: Option<PathBuf>,
    /// Removes the chain of the slot of the bank
    #[arg(help_heading = OWN, long, requires_all = ["bank", "slot"])]
    pub(crate) erase: bool,
    /// Gives a bank whose slots have no chains another algorithm, named as keys names it
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = KeyAlgorithmChoice::parse, requires = "bank")]
    pub(crate) algorithm: Option<KeyAlgorithmChoice>,
    /// The bank that is changed
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..240), requires = "slot_change")]
    pub(crate) bank: Option<u8>,
    /// The slot that is changed
    #[arg(help_heading = OWN, long, value_name = "N", value_parser = values::slot, requires = "slot_change", conflicts_with = "algorithm")]
    pub(crate) slot: Option<SlotId>,
    #[command(flatten)]
    pub(crate) pair: PairArgs,
    #[command(flatten)]
    pub(crate) session: OptionalSessionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Does it: without, nothing is changed
    #[arg(help_heading = OWN, long)]
    pub(crate) yes: bool,
}

/// The algorithm of a key pair.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct KeyAlgorithmChoice {
    pub(crate) asym: KeyPairAsymAlgo,
    pub(crate) pqc: PqcAsymAlgo,
}

impl KeyAlgorithmChoice {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let upper = name.to_ascii_uppercase();
        let asym = KeyPairAsymAlgo::from_name(&upper);
        let pqc = PqcAsymAlgo::from_name(&upper);
        match (asym, pqc) {
            (None, None) => {
                let asyms = KeyPairAsymAlgo::all().iter_names().map(|(known, _)| known);
                let pqcs = PqcAsymAlgo::all().iter_names().map(|(known, _)| known);
                let known = asyms.chain(pqcs).collect::<Vec<_>>().join(", ");
                Err(format!("{name} is no algorithm of key pairs; there are {known}"))
            }
            (asym, pqc) => {
                Ok(Self { asym: asym.unwrap_or_default(), pqc: pqc.unwrap_or_default() })
            }
        }
    }
}

fn key_usage(text: &str) -> Result<KeyUsage, String> {
    let flag = |name: &str| {
        KeyUsage::from_name(&name.trim().to_ascii_uppercase()).ok_or_else(|| {
            let known = KeyUsage::all().iter_names().map(|(known, _)| known);
            let known = known.collect::<Vec<_>>().join(", ");
            format!("{name} is no key usage; there are {known}")
        })
    };
    text.split(',').map(flag).collect()
}

fn slots(text: &str) -> Result<SlotList, String> {
    if text == "none" {
        return Ok(SlotList(Vec::new()));
    }
    SlotList::parse(text).map_err(|error| format!("{error}: expected a list such as 0,1, or none"))
}
