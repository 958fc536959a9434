//! `spdm attest`.

use std::collections::VecDeque;

use spdm_codec::RequesterNonce;
use spdm_evidence::Reference;

use crate::args::nonce_from_hex;
use crate::args::{AttestArgs, ChallengeChoice, IndexList, JudgeArgs, NonceChoice};
use crate::attestation::{self, ChallengeStep, Plan, Signing, hint};
use crate::backend::Crypto;
use crate::console::Console;
use crate::evidence::evidence;
use crate::exit::{Exit, Failure};
use crate::file::Output;
use crate::live::LiveDevice;
use crate::trust::Trust;
use crate::{file, render, trust};

/// Attests, once or more often.
pub(crate) fn run(
    args: &AttestArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let challenge = challenge_step(args.challenge, &args.measurements)?;
    let inputs = Inputs::read(&args.judge, crypto)?;
    if inputs.nonce.is_some() && args.repeat > 1 {
        return Err(Failure::usage("no nonce is used twice: --repeat needs --nonce random"));
    }
    if inputs.reference.is_some() && args.measurements == IndexList::None {
        return Err(Failure::usage("--reference needs measurements"));
    }
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let mut trust = Trust::load(&args.trust, device.pci_identity())?;
    let output = args.evidence.as_deref().map(Output::create).transpose()?;
    device.settle()?;
    if trust.is_empty() {
        trust.add(device.anchors());
    }
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let mut worst = Exit::Done;
    let (mut recordings, mut known) = (Vec::new(), VecDeque::new());
    for _ in 0..args.repeat {
        // The time is that of this round: certificates may expire in between.
        let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
        let plan = Plan {
            policy: Some(&policy),
            slot: args.slot,
            challenge,
            measurements: &args.measurements,
            attributes: args.attributes.attributes(),
            signing: Signing::Required,
            nonce: inputs.nonce,
            peer_key: inputs.peer_key.as_deref(),
            reference: inputs.reference.as_ref(),
        };
        let (verdict, recording) = attestation::run(&mut device, &plan, &mut known);
        if output.is_some() {
            recordings.extend(recording);
        }
        render::show(&verdict, console)?;
        if let Some(hint) = hint(&verdict) {
            console.note(&format!("hint: {hint}"));
        }
        worst = worst.max(verdict.exit);
    }
    if let Some(output) = output {
        let evidence = evidence(&device.name(), recordings);
        output.write(evidence.to_json().map_err(Failure::usage)?.as_bytes())?;
    }
    device.finish()?;
    Ok(worst)
}

/// Not both signatures may be waived: nothing would be left that a device proves.
pub(crate) fn challenge_step(
    challenge: ChallengeChoice,
    measurements: &IndexList,
) -> Result<ChallengeStep, Failure> {
    match (challenge, measurements) {
        (ChallengeChoice::None, IndexList::None) => Err(Failure::usage(
            "--challenge none and --measurements none together leave nothing that the device signs",
        )),
        (ChallengeChoice::None, _) => Ok(ChallengeStep::Left("waived: --challenge none")),
        (ChallengeChoice::Required, _) => Ok(ChallengeStep::Required),
    }
}

/// What the options of a verdict name, files read.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) nonce: Option<RequesterNonce>,
    pub(crate) peer_key: Option<Vec<u8>>,
    pub(crate) reference: Option<Reference>,
}

impl Inputs {
    pub(crate) fn read(args: &JudgeArgs, crypto: Crypto) -> Result<Self, Failure> {
        let peer_key = args
            .peer_key
            .as_deref()
            .map(|path| trust::public_key(path, crypto.provider))
            .transpose()?;
        let reference = args.reference.as_deref().map(reference).transpose()?;
        Ok(Self { nonce: nonce(&args.nonce)?, peer_key, reference })
    }
}

/// Reference values out of a file.
pub(crate) fn reference(path: &std::path::Path) -> Result<Reference, Failure> {
    let bytes = file::read(path)?;
    Reference::read(&bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
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
