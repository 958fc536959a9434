//! `spdm recognize`: is it the device that was verified once?

use spdm_codec::MeasurementAttributes;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Freshness, KnownChains, KnownDevice, ReportBuilder,
    ReportErrorKind, TokenOptions,
};
use spdm_fleet::WantedMeasurements;
use spdm_requester::{Error, Incompatible, Misbehaviour, Requirement, RunError, blocking};
use spdm_transport::Transport;
use spdm_x509::{Chain, Identity};

use crate::advice::Waivable;
use crate::args::{RecognizeArgs, SlotChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::examination::{Examination, Expected, Signer, Task, Waived, examine};
use crate::exit::{ErrorObject, Exit, Failure};
use crate::known::{KnownFile, Learning};
use crate::live::{LiveDevice, Memory, Telling, requester};
use crate::overheard::Overheard;
use crate::render::{self, Recognized};
use crate::trust::Trust;
use crate::verdict::Verdict;

/// Asks for one signature.
pub(crate) fn run(
    args: &RecognizeArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if !args.learn && args.trust.names_anchors() {
        return Err(Failure::usage("what is to be trusted is asked with --learn only"));
    }
    console.share_output(&[args.device.pcap.as_deref()])?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    let learning = if args.learn { Learning::On(device.output_place()) } else { Learning::Off };
    let mut file = KnownFile::open(&args.known, learning)?;
    let name = device.name();
    let outcome = match file.devices.find(&name) {
        Some(known) => {
            let chain = chain(known, args, crypto)?;
            device.settle()?;
            recognize(&mut device, chain)
        }
        None if args.learn => learn(args, &mut device, &mut file, console)?,
        None => {
            let path = args.known.display();
            return Err(Failure::usage(format!("{path}: no device is known for {name}"))
                .with_hint(Some("--learn with --trust adds a device that is verified")));
        }
    };
    device.finish()?;
    let Outcome { exit, recognized, hint } = outcome;
    if console.json() {
        console.object(&recognized)?;
    } else {
        let text = render::recognized(&recognized, console.style());
        console.report(&text)?;
    }
    console.hint(hint.as_deref());
    Ok(exit)
}

/// What came of it.
struct Outcome {
    exit: Exit,
    recognized: Recognized,
    /// What a person can try.
    hint: Option<String>,
}

/// Attests a device that is not known yet, and learns it.
fn learn(
    args: &RecognizeArgs,
    device: &mut LiveDevice<'_>,
    file: &mut KnownFile<'_>,
    console: &Console,
) -> Result<Outcome, Failure> {
    let crypto = device.crypto;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    device.settle()?;
    trust.or_own(device.anchors());
    let (anchors, revocations) = (trust.anchors(), trust.revocations());
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let requirement = Requirement::ChallengeAndMeasurements;
    let waived = Waived { requirement, challenge: "" };
    let task = Task {
        policy: Some(&policy),
        slot: SlotChoice::Any,
        signer: Signer::Chain,
        peer_key_path: None,
        waived,
        negotiation: args.device.connection.negotiation(),
        waivable: Waivable::Nothing,
        measurements: &WantedMeasurements::All,
        attributes: MeasurementAttributes::empty(),
        nonce: None,
        reference: None,
        tokens: TokenOptions::NONE,
        verdict_policy: None,
        expected: Some(Expected::Learned),
        session: None,
    };
    let Examination { verdict, learned, .. } = examine(device, &task, &mut KnownChains::new(0));
    let report = &verdict.report;
    let anchor = report.status(AttestationCheck::ChainAnchor);
    let unknown = (anchor == CheckStatus::Fail)
        .then_some("--trust FILE or --trust-root-hash HEX says whom to trust");
    let mut recognized = Recognized::nobody(device.name());
    recognized.version = report.version();
    recognized.slot = report.slot();
    recognized.subject = report.identity().subject.clone();
    if let Some(learned) = learned {
        file.learn(vec![learned])?;
        (recognized.recognized, recognized.learned) = (true, true);
        recognized.nonce = report.nonces().challenge.clone();
    } else {
        recognized.error = Some(ErrorObject::of_verdict(&verdict));
    }
    Ok(Outcome {
        exit: verdict.exit,
        recognized,
        hint: verdict.hint().or(unknown).map(str::to_owned),
    })
}

fn chain<'k>(
    known: &'k KnownDevice,
    args: &RecognizeArgs,
    crypto: Crypto,
) -> Result<Chain<'k>, Failure> {
    let failed = |error| {
        let path = args.known.display();
        Failure::usage(format!("{path}: the chain of {}: {error}", known.target()))
    };
    known.chain(crypto.provider).map_err(failed)
}

/// The nonce, where the device signed it; else why it is not recognized.
fn recognize(device: &mut LiveDevice<'_>, chain: Chain<'_>) -> Outcome {
    let mut recognized = Recognized::nobody(device.name());
    recognized.version = Some(chain.context().version.as_str());
    recognized.slot = Some(chain.slot().get());
    recognized.subject = Some(chain.leaf().subject().to_string());
    match ask(device, chain) {
        Ok(nonce) => {
            (recognized.recognized, recognized.nonce) = (true, Some(nonce));
            Outcome { exit: Exit::Done, recognized, hint: None }
        }
        Err(NotRecognized { exit, error, hint }) => {
            recognized.error = Some(error);
            Outcome { exit, recognized, hint }
        }
    }
}

/// Why a known device is not recognized.
struct NotRecognized {
    exit: Exit,
    error: ErrorObject,
    hint: Option<String>,
}

impl From<Verdict> for NotRecognized {
    fn from(verdict: Verdict) -> Self {
        let (exit, error) = (verdict.exit, ErrorObject::of_verdict(&verdict));
        Self { exit, error, hint: verdict.hint().map(str::to_owned) }
    }
}

/// The nonce that the device signed.
fn ask(device: &mut LiveDevice<'_>, chain: Chain<'_>) -> Result<String, NotRecognized> {
    let (args, crypto) = (device.args, device.crypto);
    let mut report = ReportBuilder::new(&device.name(), Freshness::Own, crypto.provider);
    let mut memory = Memory::new(device);
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => return Err(Verdict::failed(report.build(), error).into()),
    };
    let mut heard = Overheard::new(line.limits().padding, line.records());
    let requester = requester(args, &line, &mut memory, &mut heard);
    let nonce = match requester.nonce() {
        Ok(nonce) => nonce,
        Err(error) => {
            report.failed(&error);
            return Err(Verdict::new(report.build()).into());
        }
    };
    let flow = requester.recognize(Identity::Chain(chain), nonce);
    let clock = line.clock();
    let result = blocking::run(flow, &mut line, &clock);
    let result = result.map(|(_, possession)| possession);
    let result = result.map_err(|failure| line.failure(failure.error));
    let silence = line.hang_up();
    match result {
        Ok(possession) => Ok(hex::encode(possession.nonce().0)),
        Err(Ok(error)) => Err(Verdict::failed(report.build(), error).into()),
        Err(Err(RunError::Requester(error))) if is_another(&error) => {
            let message = "another device answers: it signs for another chain than the known one";
            let error = ErrorObject::of_device(ReportErrorKind::Known, message);
            let hint = Some("spdm attest with --known says what is different".to_owned());
            Err(NotRecognized { exit: Exit::Rejected, error, hint })
        }
        Err(Err(RunError::Requester(error))) => {
            report.failed(&error);
            let verdict = Verdict::new(report.build()).explained(silence);
            // Which version is spoken, the known device decides, and no option.
            let errors = [error];
            let advisable = match error {
                Error::Incompatible(Incompatible::Version) => &[][..],
                _ => &errors,
            };
            Err(verdict.advised(advisable, &heard, Waivable::Nothing).into())
        }
        Err(Err(_)) => Err(Verdict::new(report.build()).into()),
    }
}

/// The device names another chain as its own: that breaks no rule of the protocol here, for nothing else said that it
/// has the known one.
fn is_another(error: &Error) -> bool {
    matches!(
        error,
        Error::Misbehaved(Misbehaviour { message: "CHALLENGE_AUTH", field: "CertChainHash", .. })
    )
}
