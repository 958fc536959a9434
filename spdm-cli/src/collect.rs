//! `spdm collect`: evidence for somebody else to judge.

use std::collections::VecDeque;

use crate::args::{CollectArgs, IndexList};
use crate::attest::{challenge_step, nonce};
use crate::attestation::{self, ChallengeStep, Plan, Signing};
use crate::backend::Crypto;
use crate::console::Console;
use crate::evidence::evidence;
use crate::exit::{Exit, Failure};
use crate::file::Output;
use crate::live::LiveDevice;
use crate::trust;
use spdm_evidence::{Check, Status};

/// Collects; there is no verdict, but evidence that could never be verified is not complete.
pub(crate) fn run(
    args: &CollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let challenge = challenge_step(args.challenge, &args.measurements)?;
    let peer_key = args
        .peer_key
        .as_deref()
        .map(|path| trust::public_key(path, crypto.provider))
        .transpose()?;
    let nonce = nonce(&args.nonce)?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let output = args.evidence.as_deref().map(Output::create).transpose()?;
    device.settle()?;
    let plan = Plan {
        policy: None,
        slot: args.slot,
        challenge,
        measurements: &args.measurements,
        attributes: args.attributes.attributes(),
        signing: Signing::Required,
        nonce,
        peer_key: peer_key.as_deref(),
        reference: None,
    };
    let (verdict, recordings) = attestation::run(&mut device, &plan, &mut VecDeque::new());
    let json = evidence(&device.name(), recordings).to_json().map_err(Failure::usage)?;
    device.finish()?;
    match output {
        Some(output) => output.write(json.as_bytes())?,
        None => console.result(&format!("{json}\n"))?,
    }
    let passed = |check| verdict.report.status(check) == Status::Pass;
    let challenged = challenge != ChallengeStep::Required || passed(Check::ChallengeSignature);
    let measured = args.measurements == IndexList::None || passed(Check::MeasurementsSignature);
    if challenged && measured {
        return Ok(Exit::Done);
    }
    let message = verdict.error().map_or("something is missing", |(_, message)| message);
    Err(Failure { exit: verdict.exit, message: format!("the evidence is not complete: {message}") })
}
