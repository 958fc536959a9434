//! The command line.

mod device;
mod ear;
mod emulate;
mod events;
mod fleet;
mod help;
mod ide;
mod identity;
mod information;
mod live;
mod mutual_auth;
mod offline;
mod presumed;
mod provision;
mod reference;
mod send;
mod session;
mod session_peer;
mod tdisp;
mod token;
mod trust;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::time::At;
pub(crate) use device::{ConnectionArgs, DeviceArgs, FramingArgs, PcapFormat};
pub(crate) use ear::EarArgs;
pub(crate) use emulate::{EmulateArgs, ProvisioningChoice};
pub(crate) use events::{EventsArgs, WantedEvents};
pub(crate) use fleet::{
    ClassArgs, FleetArgs, FleetAttestArgs, FleetCollectArgs, FleetReportArgs, FleetSubmitArgs,
    FleetVerb, FleetVerifyArgs, FleetViewArgs, FleetWantArgs, FleetWatchArgs, FleetWorkArgs,
    GroupingChoice, MetricsPlace, ProfileArgs, RedfishArgs, StorePlace,
};
#[cfg(feature = "nats")]
pub(crate) use fleet::{QueueArgs, RoleChoice};
pub(crate) use ide::{IdeArgs, IdeStep};
pub(crate) use identity::IdentityArgs;
pub(crate) use information::{EndpointArgs, MelArgs};
pub(crate) use live::{
    AttestArgs, AttestOptions, CertsArgs, ChallengeChoice, CollectArgs, InfoArgs, KnownArgs,
    MeasureArgs, RecognizeArgs,
};
pub(crate) use mutual_auth::{MutualAuthArgs, MutualAuthKind};
pub(crate) use offline::{
    ChainArgs, DecodeArgs, InputFormat, ModelChoice, VerifyArgs, VerifyVerbArgs,
};
pub(crate) use presumed::PresumedArgs;
pub(crate) use provision::{CsrArgs, KeysArgs, SetCertArgs, SlotsArgs};
pub(crate) use reference::{ReferenceArgs, ReferenceShowArgs, ReferenceVerb, ReferenceVerbArgs};
pub(crate) use send::{PayloadSource, SendArgs, Standard, VendorId};
pub(crate) use session::SessionArgs;
pub(crate) use session_peer::{OptionalSessionArgs, PeerChoice, SessionVerbArgs, unverified};
pub(crate) use tdisp::{TdispArgs, TdispStep};
pub(crate) use token::TokenArgs;
pub(crate) use trust::{JudgeArgs, NonceArgs, ProfileChoice, TrustArgs, Workaround, compat};
pub(crate) use values::{
    AsymList, HashList, NonceChoice, RootHash, San, SlotChoice, nonce_from_hex,
};

/// The heading of what belongs to one verb alone: the one of the options in front, which all others follow.
const OWN: Option<&str> = None;

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
    #[command(
        after_help = help::COLLECT,
        mut_arg("target", |target| target.required(false).required_unless_present("from")),
        mut_group("DeviceArgs", |group| group.args(device::OPTIONS)),
        mut_arg("base_asym", |option| option.help(help::COLLECT_BASE_ASYM)),
        mut_arg("base_hash", |option| option.help(help::COLLECT_BASE_HASH)),
        override_usage = "spdm collect [OPTIONS] <TARGET|--from <FILE>>"
    )]
    Collect(Box<CollectArgs>),
    /// Open a session with the device, say what was agreed, measure inside, close it
    #[command(after_help = help::SESSION)]
    Session(Box<SessionArgs>),
    /// Send one vendor-defined message, and print the answer
    #[command(after_help = help::SEND)]
    Send(Box<SendArgs>),
    /// The measurement extension log, which nothing signs (1.3)
    #[command(after_help = help::MEL)]
    Mel(Box<MelArgs>),
    /// Which classes of devices it is of, signed unless --unsigned is given (1.3)
    #[command(after_help = help::ENDPOINT)]
    Endpoint(Box<EndpointArgs>),
    /// A certification request of the device (PKCS #10), checked, as PEM
    #[command(after_help = help::CSR)]
    Csr(Box<CsrArgs>),
    /// Put a certificate chain into a slot of the device, or remove one
    #[command(
        after_help = help::SET_CERT,
        override_usage = "spdm set-cert [OPTIONS] --slot <N> <TARGET> <FILE|--erase>"
    )]
    SetCert(Box<SetCertArgs>),
    /// The key pairs of the device; change, erase or make one
    #[command(after_help = help::KEYS)]
    Keys(Box<KeysArgs>),
    /// The banks of the device and their slots; install or erase a chain, choose an algorithm (1.4, experimental)
    #[command(after_help = help::SLOTS)]
    Slots(Box<SlotsArgs>),
    /// Which events the device can tell of; --subscribe waits for them (1.3)
    #[command(after_help = help::EVENTS)]
    Events(Box<EventsArgs>),
    /// A device interface (TDISP): its versions, report and states; lock, start, stop
    #[command(after_help = help::TDISP)]
    Tdisp(Box<TdispArgs>),
    /// Ports and keys of link and stream encryption (IDE_KM): query, program, go, stop
    #[command(after_help = help::IDE)]
    Ide(Box<IdeArgs>),
    /// Is it the device that --known FILE holds? One signature
    #[command(after_help = help::RECOGNIZE)]
    Recognize(RecognizeArgs),
    /// The same verdict offline: evidence, captures, or vendors' evidence files
    #[command(after_help = help::VERIFY)]
    Verify(Box<VerifyVerbArgs>),
    /// Reference values: show a file of any format as JSON, make one from a verified device
    #[command(after_help = help::REFERENCE)]
    Reference(ReferenceVerbArgs),
    /// Validate one SPDM certificate chain or PEM bundle
    #[command(after_help = help::CHAIN)]
    Chain(ChainArgs),
    /// Messages of a pcap, pcapng, hex or binary file, field by field with -v
    #[command(after_help = help::DECODE)]
    Decode(DecodeArgs),
    /// Many devices: attest every one of a list
    #[command(after_help = help::FLEET)]
    Fleet(FleetArgs),
    /// A software device behind a socket
    #[command(after_help = help::EMULATE)]
    Emulate(EmulateArgs),
    /// The mailboxes, endpoints and drives of this machine
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
    /// No text on standard output, no notes and no warnings: the exit code tells. Files are written, also to -
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
            Self::Attest(args) => args.options.trust.at,
            Self::Measure(args) => args.trust.at,
            Self::Certs(args) => args.trust.at,
            Self::Recognize(args) => args.trust.at,
            Self::Endpoint(args) => args.trust.at,
            Self::Session(args) => args.trust.at,
            Self::Send(args) => args.trust.at,
            Self::Csr(args) => args.trust.at,
            Self::SetCert(args) => args.trust.at,
            Self::Keys(args) => args.trust.at,
            Self::Slots(args) => args.trust.at,
            Self::Mel(args) => args.trust.at,
            Self::Events(args) => args.verb.trust.at,
            Self::Ide(args) => args.verb.trust.at,
            Self::Tdisp(args) => args.verb.trust.at,
            Self::Verify(args) => args.verify.trust.at,
            Self::Chain(args) => args.trust.at,
            Self::Fleet(args) => args.at(),
            Self::Reference(args) => match &args.verb {
                ReferenceVerb::Show(args) => args.at,
                ReferenceVerb::Make(args) => args.trust.at,
            },
            Self::Info(_)
            | Self::Collect(_)
            | Self::Decode(_)
            | Self::Emulate(_)
            | Self::List(_)
            | Self::Completions(_)
            | Self::Man(_) => At::Now,
        }
    }
}

/// `spdm list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Also asks the mailboxes of functions whose driver is bound: there is no lock between the driver and this
    /// command
    #[arg(long)]
    pub(crate) allow_bound: bool,
    /// Also asks the mailboxes of functions that a TSM of the platform is connected to: the two take each other's
    /// answers
    #[arg(long)]
    pub(crate) allow_tsm: bool,
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
    /// The folder to write them into; - for standard output
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
