//! `spdm collect`: evidence for somebody else to judge.

use std::path::Path;

use crate::args::CollectArgs;
use crate::attest::nonce;
use crate::backend::Crypto;
use crate::console::Console;
use crate::evidence::evidence;
use crate::examination::{Examination, Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::file::Output;
use crate::live::LiveDevice;
use crate::render;
use crate::trust;
use spdm_evidence::{AttestationCheck, CheckStatus, KnownChains};

/// Collects; there is no verdict, but evidence that could never be verified is not complete.
pub(crate) fn run(
    args: &CollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let waived = Waived::new(args.challenge, &args.measurements)?;
    let peer_key = args
        .peer_key
        .as_deref()
        .map(|path| trust::public_key(path, crypto.provider))
        .transpose()?;
    let nonce = nonce(&args.nonce)?;
    let evidence_path = args.evidence.as_deref().unwrap_or_else(|| Path::new("-"));
    console.share_output(&[args.device.pcap.as_deref(), Some(evidence_path)])?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let place = device.output_place();
    let output = Output::create(evidence_path, place)?;
    device.settle()?;
    let task = Task {
        policy: None,
        slot: args.slot,
        signer: Signer::of(peer_key.as_deref()),
        peer_key_path: args.peer_key.as_deref(),
        waived,
        negotiation: args.device.negotiation(),
        waivable: waived.waivable(),
        measurements: &args.measurements,
        attributes: args.attributes.attributes(),
        nonce,
        reference: None,
        expected: None,
        session: None,
    };
    let Examination { verdict, recordings, .. } =
        examine(&mut device, &task, &mut KnownChains::new(0));
    let json = evidence(&device.name(), recordings).to_json().map_err(Failure::usage)?;
    device.finish()?;
    output.write(format!("{json}\n").as_bytes())?;
    render::notes(&verdict, console);
    let passed = |check| verdict.report.status(check) == CheckStatus::Pass;
    let requirement = waived.requirement;
    let challenged = !requirement.has_challenge() || passed(AttestationCheck::ChallengeSignature);
    let measured =
        !requirement.has_measurements() || passed(AttestationCheck::MeasurementsSignature);
    if challenged && measured {
        return Ok(Exit::Done);
    }
    let message = verdict.error().map_or("something is missing", |(_, message)| message);
    let message = format!("the evidence is not complete: {message}");
    Err(Failure::new(verdict.exit, message).with_hint(verdict.hint()))
}
