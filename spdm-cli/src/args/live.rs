//! The verbs that talk to a device.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spdm_codec::MeasurementAttributes;
use spdm_evidence::Format;
use spdm_fleet::WantedMeasurements;

use super::values::{self, NonceChoice, SlotChoice};
use super::{
    DeviceArgs, EarArgs, IdentityArgs, JudgeArgs, NonceArgs, OWN, PresumedArgs, TrustArgs,
};

/// `spdm attest`.
#[derive(Args, Debug)]
pub(crate) struct AttestArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) options: AttestOptions,
    #[command(flatten)]
    pub(crate) nonce: NonceArgs,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(help_heading = OWN, long, value_name = "FILE", requires = "session")]
    pub(crate) secrets_out: Option<PathBuf>,
    /// Writes evidence, whatever the verdict; of a session, its records
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ear: EarArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
    /// Attests this many times, each over a new connection
    #[arg(help_heading = OWN, long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
}

/// What is asked of a device, and what its answers are held against.
#[derive(Args, Debug)]
pub(crate) struct AttestOptions {
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// The slot, or any: the first one whose chain is trusted
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Which measurements: all, none, or indices such as 1,3-5
    #[arg(help_heading = OWN, long, value_name = "WHICH", default_value = "all")]
    pub(crate) measurements: WantedMeasurements,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// none waives CHALLENGE
    #[arg(help_heading = OWN, long, value_name = "WHETHER", default_value = "required")]
    pub(crate) challenge: ChallengeChoice,
    /// Measures in a session, which KEY_EXCHANGE and FINISH open behind CHALLENGE; it is closed afterwards
    #[arg(help_heading = OWN, long)]
    pub(crate) session: bool,
}

/// Which device it has to be.
#[derive(Args, Debug)]
pub(crate) struct KnownArgs {
    /// Known devices, by target (docs/schema/known.json): another device than the known one is rejected
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// Adds a new device to the known ones, once it is verified
    #[arg(long, requires = "known")]
    pub(crate) learn: bool,
}

/// In which form measurements are asked for.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MeasuringArgs {
    /// Raw bit streams instead of digests, where the device has them (1.2)
    #[arg(long)]
    pub(crate) raw: bool,
    /// New measurements, as far as the device can make them without a reset (1.3)
    #[arg(long)]
    pub(crate) new_measurements: bool,
}

impl MeasuringArgs {
    /// The attributes of GET_MEASUREMENTS.
    pub(crate) fn attributes(self) -> MeasurementAttributes {
        let mut attributes = MeasurementAttributes::empty();
        attributes.set(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED, self.raw);
        attributes.set(MeasurementAttributes::NEW_MEASUREMENT_REQUESTED, self.new_measurements);
        attributes
    }
}

/// Whether CHALLENGE is required.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ChallengeChoice {
    /// It is
    Required,
    /// It is not sent
    None,
}

/// `spdm info`.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `spdm certs`.
#[derive(Args, Debug)]
pub(crate) struct CertsArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Only this slot
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "any")]
    pub(crate) slot: SlotChoice,
    /// Writes slotN.pem and slotN.bin (the chain as GET_CERTIFICATE delivers it) into this folder; - writes PEM to standard
    /// output
    #[arg(help_heading = OWN, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// `spdm measure`.
#[derive(Args, Debug)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) nonce: NonceArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// The slot whose key signs, or any
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Which measurements: all, or indices such as 1,3-5
    #[arg(help_heading = OWN, long, value_name = "WHICH", default_value = "all")]
    pub(crate) measurements: WantedMeasurements,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// Without a signature: nothing of the answer is authentic
    #[arg(help_heading = OWN, long, conflicts_with_all = ["session", "ear"])]
    pub(crate) unsigned: bool,
    /// In a session, which KEY_EXCHANGE and FINISH open; it is closed afterwards
    #[arg(help_heading = OWN, long)]
    pub(crate) session: bool,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(help_heading = OWN, long, value_name = "FILE", requires = "session")]
    pub(crate) secrets_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ear: EarArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

/// What is asked of a device: a file has its answers already.
const OF_DEVICE: [&str; 8] = [
    "DeviceArgs",
    "FramingArgs",
    "nonce",
    "slot",
    "peer_key",
    "measurements",
    "MeasuringArgs",
    "challenge",
];

/// `spdm collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    // In front of the device, which takes these options out of what was given.
    #[command(flatten)]
    pub(crate) presumed: PresumedArgs,
    #[command(flatten)]
    pub(crate) device: Option<DeviceArgs>,
    /// Writes the evidence of this file in another form, and asks no device: whatever verify reads, - for standard input.
    /// There is no verdict
    #[arg(help_heading = OWN, long, value_name = "FILE", conflicts_with_all = OF_DEVICE)]
    pub(crate) from: Option<PathBuf>,
    /// The chain of evidence in a file that has none: a chain structure, or certificates in PEM, DER or JSON
    #[arg(help_heading = OWN, long, visible_alias = "certificate", value_name = "FILE", requires = "from", conflicts_with_all = OF_DEVICE)]
    pub(crate) chain: Option<PathBuf>,
    /// The nonce of GET_MEASUREMENTS (of CHALLENGE with --measurements none): 64 hex digits, @FILE or random
    #[arg(help_heading = OWN, long, value_name = "NONCE", value_parser = NonceChoice::parse, default_value = "random")]
    pub(crate) nonce: NonceChoice,
    /// The slot, or any: the first one that is provisioned
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Which measurements: all, none, or indices such as 1,3-5
    #[arg(help_heading = OWN, long, value_name = "WHICH", default_value = "all")]
    pub(crate) measurements: WantedMeasurements,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// none waives CHALLENGE
    #[arg(help_heading = OWN, long, value_name = "WHETHER", default_value = "required")]
    pub(crate) challenge: ChallengeChoice,
    /// Where to write; standard output otherwise
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    /// In which form: json holds every exchange; transcript, redfish, cmw and nvidia hold the signed measurements for
    /// other verifiers
    #[arg(help_heading = OWN, long, value_name = "NAME", value_parser = values::written_format, default_value = "json")]
    pub(crate) format: Format,
    /// Where to write the certificates of the slot that signed, too (PEM, the leaf first)
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) chain_out: Option<PathBuf>,
}

/// `spdm recognize`.
#[derive(Args, Debug)]
pub(crate) struct RecognizeArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Known devices, by target (docs/schema/known.json)
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) known: PathBuf,
    /// Attests a device that is not known yet, as spdm attest does, and adds it to the known ones once it is verified; the
    /// options of trust are for this
    #[arg(help_heading = OWN, long)]
    pub(crate) learn: bool,
}
