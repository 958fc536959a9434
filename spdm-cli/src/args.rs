//! The command line.

mod help;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use spdm_codec::{MeasurementAttributes, PciIdentity, SlotId, SpdmVersion};
use spdm_crypto::AsymAlgorithm;
use spdm_evidence::{Format, Signatures};
use spdm_requester::{Compat, NegotiationSigning};
use spdm_transport::Duration;
use spdm_transport_tcp::Framing;
use spdm_x509::{ChainLimits, Profile};

use crate::exit::Failure;
use crate::target::Target;
use crate::time::At;
pub(crate) use values::{
    AsymList, HashList, IndexList, NonceChoice, RootHash, San, SlotChoice, SlotList, nonce_from_hex,
};

const PCI_ID_HELP: &str = "The PCI function: VVVV:DDDD:CCCCCC:RR[:SVSV:SDSD][:SERIAL16]";

/// The version with what it was built from.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("SPDM_COMMIT"),
    "\nbackends: ",
    env!("SPDM_BACKENDS"),
);

/// Attest SPDM devices, verify evidence, decode captures.
#[derive(Debug, Parser)]
#[command(name = "spdm", version, long_version = LONG_VERSION, propagate_version = true)]
#[command(max_term_width = 80, after_help = help::EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The crypto backend
    #[arg(long, global = true, value_name = "NAME", value_enum, default_value_t)]
    pub(crate) backend: Backend,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Negotiate, validate the chain, challenge, fetch signed measurements: the verdict
    #[command(after_help = help::ATTEST)]
    Attest(AttestArgs),
    /// Negotiate only: versions, capabilities, algorithms, slots
    #[command(after_help = help::INFO)]
    Info(InfoArgs),
    /// The certificate chain of each provisioned slot
    #[command(after_help = help::CERTS)]
    Certs(CertsArgs),
    /// Measurements only: signed, unless --unsigned is given
    #[command(after_help = help::MEASURE)]
    Measure(MeasureArgs),
    /// Evidence for somebody else to judge: no verdict
    #[command(after_help = help::COLLECT)]
    Collect(CollectArgs),
    /// Is it the device that --known FILE holds? One signature
    #[command(after_help = help::RECOGNIZE)]
    Recognize(RecognizeArgs),
    /// The same verdict offline: evidence, captures, or vendors' evidence files
    #[command(after_help = help::VERIFY)]
    Verify(VerifyArgs),
    /// Validate one SPDM certificate chain or PEM bundle
    #[command(after_help = help::CHAIN)]
    Chain(ChainArgs),
    /// Messages of a pcap, pcapng, hex or binary file, field by field with -v
    #[command(after_help = help::DECODE)]
    Decode(DecodeArgs),
    /// A software device behind a socket
    #[command(after_help = help::EMULATE)]
    Emulate(EmulateArgs),
    /// The mailboxes and endpoints of this machine
    #[command(after_help = help::LIST)]
    List(ListArgs),
    /// Completions of the command line for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Manual pages: spdm.1 and one for each verb
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

/// How to show results.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// One JSON object per line instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No text on standard output and no notes: the exit code tells
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Each exchange of a live connection; every field for decode
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours; NO_COLOR is obeyed
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

/// Whom to trust, and when.
#[derive(Args, Debug)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// Trust anchors, PEM or DER; of a folder every .pem, .crt, .cer and .der file (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) trust: Vec<PathBuf>,
    /// SHA-256, SHA-384 or SHA-512 of a root certificate to trust (repeatable)
    #[arg(long, value_name = "HEX", value_parser = RootHash::parse)]
    pub(crate) trust_root_hash: Vec<RootHash>,
    /// Certificate authorities below a root to trust, PEM or DER: the chain must contain one, and its path starts there
    /// (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) trust_intermediate: Vec<PathBuf>,
    /// Certificates that are revoked, by their issuer and serial number; PEM or DER (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) revoked: Vec<PathBuf>,
    /// SHA-256, SHA-384 or SHA-512 of the SubjectPublicKeyInfo of a revoked key (repeatable)
    #[arg(long, value_name = "HEX", value_parser = RootHash::parse)]
    pub(crate) revoked_key: Vec<RootHash>,
    /// The name that the leaf must carry: none, pci-cma (with --pci-id), dmtf or dmtf:MANUFACTURER:PRODUCT:SERIAL
    /// where * stands for anything. For pci: targets pci-cma, of the function itself; otherwise none
    #[arg(long, value_name = "POLICY", value_parser = San::parse)]
    pub(crate) san: Option<San>,
    #[arg(long, value_name = "ID", help = PCI_ID_HELP)]
    pub(crate) pci_id: Option<PciIdentity>,
    /// The time of validity: RFC 3339, unix:N, now or unchecked
    #[arg(long, value_name = "TIME", value_parser = At::parse, default_value = "now")]
    pub(crate) at: At,
    /// What is demanded of certificates: strict is the strictest that is right for the version; compatible puts up
    /// with careless ones
    #[arg(long, value_name = "PROFILE", default_value = "strict")]
    pub(crate) profile: ProfileChoice,
    /// The most certificates that a chain may have
    #[arg(long, value_name = "N", default_value_t = ChainLimits::DEFAULT.max_certificates, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_certificates: u16,
}

/// What is demanded of certificates.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileChoice {
    /// The strictest that is right for the version
    Strict,
    /// Puts up with careless certificates, such as serial number 0 or a leaf without basicConstraints
    Compatible,
}

impl From<ProfileChoice> for Profile {
    fn from(choice: ProfileChoice) -> Self {
        match choice {
            ProfileChoice::Compatible => Self::COMPATIBLE,
            ProfileChoice::Strict => Self::STRICT,
        }
    }
}

/// The crypto backend. Whoever builds AWS-LC in wants it used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Backend {
    /// RustCrypto
    #[cfg_attr(not(feature = "aws-lc-rs"), default)]
    Rustcrypto,
    /// AWS-LC
    #[cfg_attr(feature = "aws-lc-rs", default)]
    #[cfg_attr(not(feature = "aws-lc-rs"), value(hide = true))]
    AwsLcRs,
}

impl Backend {
    /// As `--backend` names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rustcrypto => "rustcrypto",
            Self::AwsLcRs => "aws-lc-rs",
        }
    }
}

impl Verb {
    /// The time that validity periods are held against.
    pub(crate) const fn at(&self) -> At {
        match self {
            Self::Attest(args) => args.trust.at,
            Self::Measure(args) => args.trust.at,
            Self::Certs(args) => args.trust.at,
            Self::Verify(args) => args.trust.at,
            Self::Chain(args) => args.trust.at,
            Self::Info(_)
            | Self::Collect(_)
            | Self::Recognize(_)
            | Self::Decode(_)
            | Self::Emulate(_)
            | Self::List(_)
            | Self::Completions(_)
            | Self::Man(_) => At::Now,
        }
    }
}

/// What a verdict needs besides trust.
#[derive(Args, Debug)]
#[command(next_help_heading = "Judgement")]
pub(crate) struct JudgeArgs {
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Reference measurements (docs/schema/reference.json)
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Option<PathBuf>,
    /// The nonce of GET_MEASUREMENTS (of CHALLENGE with --measurements none): 64 hex digits, @FILE or random
    #[arg(long, value_name = "NONCE", value_parser = NonceChoice::parse, default_value = "random")]
    pub(crate) nonce: NonceChoice,
}

/// How to reach a device, and what to offer it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct DeviceArgs {
    /// emulated, pci:DDDD:BB:DD.F, tcp:HOST or tcp:HOST:PORT (the port is 4194, with dmtf-emu 2323), mctp:EID or
    /// mctp:NET,EID; nvme:, scsi: and ata: have no driver
    #[arg(value_name = "TARGET")]
    pub(crate) target: Target,
    /// Also a PCI function whose driver is bound: there is no lock between the driver and this command
    #[arg(long)]
    pub(crate) allow_bound: bool,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Seconds to wait for the connection, and for an answer beyond the device's own computing time
    #[arg(long, value_name = "SECS", value_parser = values::seconds, default_value = "5")]
    pub(crate) timeout: Duration,
    /// Seconds that the whole run may take; 60 for each round of --repeat where it is not given
    #[arg(long, value_name = "SECS", value_parser = values::seconds)]
    pub(crate) deadline: Option<Duration>,
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
    /// Writes a capture of the exchange (pcap)
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Who reads the capture: stock Wireshark, or the tools of the DMTF reference implementation
    #[arg(long, value_name = "FORM", default_value = "wireshark", requires = "pcap")]
    pub(crate) pcap_format: PcapFormat,
}

impl DeviceArgs {
    /// Who names the lowest version accepts it, signed or not.
    pub(crate) const fn negotiation(&self) -> NegotiationSigning {
        match self.min_version {
            None => NegotiationSigning::Required,
            Some(_) => NegotiationSigning::Waived,
        }
    }
}

/// A workaround for known devices. None of them weakens a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Workaround {
    /// ECDSA signatures of 1.0 and 1.1 may have their numbers in little-endian order
    LittleEndianEcdsa,
}

/// Workarounds, as the library takes them.
pub(crate) fn compat(workarounds: &[Workaround]) -> Compat {
    let mut compat = Compat::NONE;
    for workaround in workarounds {
        match workaround {
            Workaround::LittleEndianEcdsa => compat.little_endian_ecdsa = true,
        }
    }
    compat
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
    /// The framing that the options name.
    pub(crate) fn framing(&self) -> Result<Framing, Failure> {
        match (self.framing.0, self.binding) {
            (Framing::Dsp0287, Some(_)) => {
                Err(Failure::usage("--binding belongs to --framing dmtf-emu"))
            }
            (framing, None) => Ok(framing),
            (framing, Some(binding)) => Ok(framing.with_binding(binding.0)),
        }
    }
}

/// `spdm attest`.
#[derive(Args, Debug)]
pub(crate) struct AttestArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// The slot, or any: the first one whose chain is trusted
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Which measurements: all, none, or indices such as 1,3-5
    #[arg(long, value_name = "WHICH", value_parser = IndexList::parse, default_value = "all")]
    pub(crate) measurements: IndexList,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// none waives CHALLENGE
    #[arg(long, value_name = "WHETHER", default_value = "required")]
    pub(crate) challenge: ChallengeChoice,
    /// Writes evidence, whatever the verdict
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    /// Known devices, by target (docs/schema/known.json): another device than the known one is rejected
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// Adds a new device to the known ones, once it is verified
    #[arg(long, requires = "known")]
    pub(crate) learn: bool,
    /// Attests this many times, each over a new connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
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
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "any")]
    pub(crate) slot: SlotChoice,
    /// Writes slotN.pem and slotN.bin (the chain as GET_CERTIFICATE delivers it) into this folder
    #[arg(long, value_name = "DIR")]
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
    /// The slot whose key signs, or any
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Which measurements: all, or indices such as 1,3-5
    #[arg(long, value_name = "WHICH", value_parser = IndexList::parse, default_value = "all")]
    pub(crate) measurements: IndexList,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// Without a signature: nothing of the answer is authentic
    #[arg(long)]
    pub(crate) unsigned: bool,
}

/// `spdm collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// The nonce of GET_MEASUREMENTS (of CHALLENGE with --measurements none): 64 hex digits, @FILE or random
    #[arg(long, value_name = "NONCE", value_parser = NonceChoice::parse, default_value = "random")]
    pub(crate) nonce: NonceChoice,
    /// The slot, or any: the first one that is provisioned
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Which measurements: all, none, or indices such as 1,3-5
    #[arg(long, value_name = "WHICH", value_parser = IndexList::parse, default_value = "all")]
    pub(crate) measurements: IndexList,
    #[command(flatten)]
    pub(crate) attributes: MeasuringArgs,
    /// none waives CHALLENGE
    #[arg(long, value_name = "WHETHER", default_value = "required")]
    pub(crate) challenge: ChallengeChoice,
    /// Where to write; standard output otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
}

/// `spdm recognize`.
#[derive(Args, Debug)]
pub(crate) struct RecognizeArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Known devices, as spdm attest --learn writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) known: PathBuf,
}

/// `spdm verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Files, or - for standard input; folders are walked
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The public key of a device without certificates (slot 0xFF): SubjectPublicKeyInfo in DER or PEM, or a certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_key: Option<PathBuf>,
    /// Reference measurements (docs/schema/reference.json)
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Option<PathBuf>,
    /// The nonce that a signature must cover: 64 hex digits or @FILE; not given: freshness is not judged
    #[arg(long, value_name = "NONCE", value_parser = NonceChoice::parse)]
    pub(crate) nonce: Option<NonceChoice>,
    /// Which signatures the verdict needs: challenge, measurements, or both; otherwise those that the recorded requester
    /// asked for, at least one
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) require: Vec<RequiredSignature>,
    /// The only slot to judge, or any
    #[arg(long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "any")]
    pub(crate) slot: SlotChoice,
    /// The lowest version to accept
    #[arg(long, value_name = "1.x")]
    pub(crate) min_version: Option<SpdmVersion>,
    /// A workaround for known devices (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) compat: Vec<Workaround>,
    /// capture, transcript, nvidia or json; otherwise the file's beginning tells
    #[arg(long, value_name = "NAME", value_parser = values::format)]
    pub(crate) format: Option<Format>,
    /// The chain of evidence that has none: a chain structure, or certificates in PEM, DER or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Option<PathBuf>,
    /// The signature algorithm of a bare measurement of 1.0 or 1.1
    #[arg(long, value_name = "NAME", value_parser = values::asym, default_value = "ECDSA_P384")]
    pub(crate) base_asym: AsymAlgorithm,
    /// The hash algorithm of a bare measurement of 1.0 or 1.1
    #[arg(long, value_name = "NAME", value_parser = values::hash, default_value = "SHA_384")]
    pub(crate) base_hash: spdm_crypto::HashAlgorithm,
}

/// A signature that a verdict needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum RequiredSignature {
    /// That of CHALLENGE_AUTH
    Challenge,
    /// That of MEASUREMENTS, over one measurement at least
    Measurements,
}

impl RequiredSignature {
    /// What the library is to require: nothing named is what the recorded requester asked for.
    pub(crate) fn all(named: &[Self]) -> Signatures {
        match (named.contains(&Self::Challenge), named.contains(&Self::Measurements)) {
            (true, true) => Signatures::ChallengeAndMeasurements,
            (true, false) => Signatures::Challenge,
            (false, true) => Signatures::Measurements,
            (false, false) => Signatures::AsRequested,
        }
    }
}

/// `spdm chain`.
#[derive(Args, Debug)]
pub(crate) struct ChainArgs {
    /// The chain as GET_CERTIFICATE delivers it, or PEM certificates; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The slot that it is from
    #[arg(long, value_name = "N", value_parser = values::slot, default_value = "0")]
    pub(crate) slot: SlotId,
    /// The negotiated version: it decides over the leaf's profile
    #[arg(long, value_name = "1.x", default_value = "1.2")]
    pub(crate) max_version: SpdmVersion,
    /// The certificate model of the slot
    #[arg(long, value_name = "MODEL", default_value = "unknown")]
    pub(crate) model: ModelChoice,
    /// The negotiated signature algorithm; the leaf's key tells otherwise
    #[arg(long, value_name = "NAME", value_parser = values::any_asym)]
    pub(crate) base_asym: Option<AsymAlgorithm>,
    /// The negotiated hash algorithm; RootHash tells otherwise
    #[arg(long, value_name = "NAME", value_parser = values::hash)]
    pub(crate) base_hash: Option<spdm_crypto::HashAlgorithm>,
    /// What was found for every rule
    #[arg(long)]
    pub(crate) explain: bool,
}

/// The certificate model of a slot.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModelChoice {
    /// Not known
    Unknown,
    /// The leaf is the device certificate
    Device,
    /// The leaf is an alias certificate
    Alias,
    /// Generic
    Generic,
}

/// `spdm decode`.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// capture, hex or binary; otherwise the file's beginning tells
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<InputFormat>,
    /// Keys of sessions, to open secured messages with: a JSON log of the reference implementation's form
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

/// What a file to decode is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum InputFormat {
    /// pcap or pcapng
    Capture,
    /// Hexadecimal text
    Hex,
    /// The messages themselves
    Binary,
}

/// `spdm emulate`.
#[derive(Args, Debug)]
pub(crate) struct EmulateArgs {
    /// Where to listen: HOST:PORT, port 0 lets the operating system choose; mctp, or mctp:NET for one network
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2323")]
    pub(crate) listen: String,
    #[command(flatten)]
    pub(crate) framing: FramingArgs,
    /// Serves one connection, then exits
    #[arg(long)]
    pub(crate) once: bool,
    /// Writes the trust anchors as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) root_out: Option<PathBuf>,
    /// No certificates: the public key is provisioned to requesters; writes it (DER) for --peer-key
    #[arg(long, value_name = "FILE", conflicts_with = "root_out")]
    pub(crate) peer_key_out: Option<PathBuf>,
    /// Own keys and chain: key.der or key.pem, chain.pem or chain.bin
    #[arg(long, value_name = "DIR")]
    pub(crate) chain: Option<PathBuf>,
    /// Makes keys, certificates and nonces the same in every run
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Versions, in the order in which VERSION lists them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) versions: Vec<SpdmVersion>,
    /// Signature algorithms; RSA keys take seconds to make
    #[arg(long, value_name = "LIST", value_parser = AsymList::parse)]
    pub(crate) base_asym: Option<AsymList>,
    /// Hash algorithms
    #[arg(long, value_name = "LIST", value_parser = HashList::parse)]
    pub(crate) base_hash: Option<HashList>,
    /// The largest message that the device takes and sends at once, in bytes
    #[arg(long, value_name = "BYTES", value_parser = values::transfer_size)]
    pub(crate) transfer_size: Option<u32>,
    /// The provisioned slots, for example 0,1
    #[arg(long, value_name = "LIST", value_parser = SlotList::parse)]
    pub(crate) slots: Option<SlotList>,
    /// Flags to announce, for example CERT_CAP,CHAL_CAP,MEAS_CAP_SIG, or a number
    #[arg(long, value_name = "LIST", value_parser = values::capabilities)]
    pub(crate) capabilities: Option<spdm_codec::CapabilityFlags>,
    /// The name of the leaf: none, pci-cma (with --pci-id), dmtf or dmtf:MANUFACTURER:PRODUCT:SERIAL
    #[arg(long, value_name = "NAME", value_parser = San::parse)]
    pub(crate) san: Option<San>,
    #[arg(long, value_name = "ID", help = PCI_ID_HELP)]
    pub(crate) pci_id: Option<PciIdentity>,
    /// A misbehaviour (repeatable); help lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) fault: Vec<String>,
}

/// `spdm list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Also asks the mailboxes of functions whose driver is bound: there is no lock between the driver and this
    /// command
    #[arg(long)]
    pub(crate) allow_bound: bool,
}

/// `spdm completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// `spdm man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder to write them into
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
