//! `spdm attest`.

use spdm_codec::RequesterNonce;
use spdm_evidence::{KnownChains, SecretsLog, VerdictPolicy};

use crate::args::nonce_from_hex;
use crate::args::{AttestArgs, IndexList, JudgeArgs, NonceChoice, TrustArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::ear::EarFile;
use crate::evidence::evidence;
use crate::examination::{Examination, Expected, Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::file::Output;
use crate::host::Host;
use crate::known::KnownFile;
use crate::live::{LiveDevice, SessionOffer};
use crate::reference::ReferenceInput;
use crate::session::Course;
use crate::token::TokenInput;
use crate::trust::Trust;
use crate::{file, policy, render, trust};

/// Chains that are remembered: two of each slot.
const KNOWN_CHAINS: usize = 16;

/// Attests, once or more often.
pub(crate) fn run(
    args: &AttestArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let waived = Waived::new(args.challenge, &args.measurements)?;
    let inputs = Inputs::read(&args.judge, &args.trust, crypto, console)?;
    if inputs.nonce.is_some() && args.repeat > 1 {
        return Err(Failure::usage("no nonce is used twice: --repeat needs --nonce random"));
    }
    if inputs.reference.is_given() && args.measurements == IndexList::None {
        return Err(Failure::usage("--reference needs measurements"));
    }
    let reference = inputs.reference.read(crypto)?;
    let token_keys = inputs.tokens.keys();
    let secrets_out = args.secrets_out.as_deref();
    let outputs = [
        args.device.pcap.as_deref(),
        args.evidence.as_deref(),
        args.ear.ear.as_deref(),
        secrets_out,
    ];
    console.share_output(&outputs)?;
    let host = Host::read(&args.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    device.identify(host.as_ref());
    device.repeat(args.repeat);
    if args.session {
        device.offer_sessions(SessionOffer::Identity);
        device.log_secrets(secrets_out, SecretsLog::new())?;
    }
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    let place = device.output_place();
    let output = args.evidence.as_deref().map(|path| Output::create(path, place)).transpose()?;
    let mut ear = EarFile::create(&args.ear, inputs.nonce.as_ref(), place, console)?;
    let mut known_file = KnownFile::of(&args.known, place)?;
    let name = device.name();
    device.settle()?;
    trust.or_own(device.anchors());
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let mut worst = Exit::Done;
    let (mut recordings, mut known) = (Vec::new(), KnownChains::new(KNOWN_CHAINS));
    for _ in 0..args.repeat {
        // The time is that of this round: certificates may expire in between.
        let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
        let task = Task {
            policy: Some(&policy),
            slot: args.slot,
            signer: Signer::of(inputs.peer_key.as_deref()),
            peer_key_path: args.judge.peer_key.as_deref(),
            waived,
            negotiation: args.device.negotiation(),
            waivable: waived.waivable(),
            measurements: &args.measurements,
            attributes: args.attributes.attributes(),
            nonce: inputs.nonce,
            reference: reference.as_ref(),
            tokens: inputs.tokens.options(&token_keys),
            verdict_policy: inputs.policy.as_ref(),
            expected: known_file.as_ref().map(|file| Expected::of(file, &name)),
            session: args.session.then_some(Course::MEASUREMENTS),
        };
        let Examination { verdict, recordings: recording, learned } =
            examine(&mut device, &task, &mut known);
        if let (Some(file), Some(learned)) = (&mut known_file, learned) {
            file.learn(learned)?;
        }
        if output.is_some() {
            recordings.extend(recording);
        }
        if let Some(ear) = &mut ear {
            ear.add(&verdict);
        }
        render::show(&verdict, console)?;
        console.hint(verdict.hint());
        worst = worst.max(verdict.exit);
        // A round that failed because the run is over is the last one.
        if verdict.exit != Exit::Done && !device.goes_on() {
            break;
        }
    }
    if let Some(output) = output {
        let evidence = evidence(&device.name(), recordings);
        output.write(format!("{}\n", evidence.to_json().map_err(Failure::usage)?).as_bytes())?;
    }
    ear.map_or(Ok(()), |ear| ear.write(console))?;
    device.finish()?;
    Ok(worst)
}

/// What the options of a verdict name, files read.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) nonce: Option<RequesterNonce>,
    pub(crate) peer_key: Option<Vec<u8>>,
    pub(crate) reference: ReferenceInput,
    pub(crate) tokens: TokenInput,
    pub(crate) policy: Option<VerdictPolicy>,
}

impl Inputs {
    pub(crate) fn read(
        args: &JudgeArgs,
        judged: &TrustArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let peer_key = args
            .peer_key
            .as_deref()
            .map(|path| trust::public_key(path, crypto.provider))
            .transpose()?;
        let reference = ReferenceInput::load(&args.reference, judged, crypto, console)?;
        let tokens = TokenInput::load(&args.token, judged, crypto)?;
        let policy = policy::read(args.policy.as_deref(), crypto)?;
        Ok(Self { nonce: nonce(&args.nonce)?, peer_key, reference, tokens, policy })
    }
}

/// The nonce that was given; `None` for a random one. A file holds 32 bytes or 64 hexadecimal digits.
pub(crate) fn nonce(choice: &NonceChoice) -> Result<Option<RequesterNonce>, Failure> {
    match choice {
        NonceChoice::Random => Ok(None),
        NonceChoice::Given(nonce) => Ok(Some(*nonce)),
        NonceChoice::File(path) => {
            let bytes = file::read(path)?;
            if let Ok(nonce) = bytes.as_slice().try_into().map(RequesterNonce) {
                return Ok(Some(nonce));
            }
            let text =
                core::str::from_utf8(&bytes).map_err(|_| "neither 32 bytes nor text".to_owned());
            let nonce = text.and_then(|text| nonce_from_hex(text.trim()));
            nonce.map(Some).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
    }
}
