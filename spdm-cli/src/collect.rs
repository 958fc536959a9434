//! `spdm collect`: evidence for somebody else to judge.

use std::path::Path;

use crate::args::{CollectArgs, IndexList};
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
use spdm_evidence::{
    AttestationCheck, CertificateList, CheckStatus, Format, KnownChains, Note, TokenOptions,
};

/// Collects; there is no verdict, but evidence that could never be verified is not complete.
pub(crate) fn run(
    args: &CollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let waived = Waived::new(args.challenge, &args.measurements)?;
    if args.format != Format::Json && matches!(args.measurements, IndexList::None) {
        let message = format!(
            "--format {} is for signed measurements, and --measurements none asks for none",
            args.format.name()
        );
        return Err(Failure::usage(message));
    }
    let peer_key = args
        .peer_key
        .as_deref()
        .map(|path| trust::public_key(path, crypto.provider))
        .transpose()?;
    let nonce = nonce(&args.nonce)?;
    let evidence_path = args.evidence.as_deref().unwrap_or_else(|| Path::new("-"));
    let chain_path = args.chain_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), Some(evidence_path), chain_path])?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let place = device.output_place();
    let output = Output::create(evidence_path, place)?;
    let chain = chain_path.map(|path| Output::create(path, place)).transpose()?;
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
        tokens: TokenOptions::NONE,
        verdict_policy: None,
        expected: None,
        session: None,
    };
    let Examination { verdict, recordings, .. } =
        examine(&mut device, &task, &mut KnownChains::new(0));
    let evidence = evidence(&device.name(), recordings);
    device.finish()?;
    let mut bank = crypto.bank();
    let mut hashing = spdm_requester::Crypto { provider: crypto.provider, hashes: bank.as_mut() };
    let written = evidence.write(args.format, &mut hashing);
    render::notes(&verdict, console);
    let passed = |check| verdict.report.status(check) == CheckStatus::Pass;
    let requirement = waived.requirement;
    let challenged = !requirement.has_challenge() || passed(AttestationCheck::ChallengeSignature);
    let measured =
        !requirement.has_measurements() || passed(AttestationCheck::MeasurementsSignature);
    let is_complete = challenged && measured;
    // Where the device is why there is nothing to write, that is what went wrong.
    match (written, chain) {
        (Err(_), _) if !is_complete => {}
        (Err(error), _) => return Err(Failure::usage(error)),
        (Ok(written), chain) => {
            let is_text = args.format != Format::StandardTranscript;
            let end: &[u8] = if is_text { b"\n" } else { b"" };
            output.write(&[&written.bytes[..], end].concat())?;
            for note in &written.notes {
                let is_given = note.note == Note::NoCertificates && chain.is_some();
                if !is_given {
                    console.note(&format!("note: {note}"));
                }
            }
            if let Some(chain) = chain {
                chain.write(certificates(&written.certificates)?.as_bytes())?;
            }
        }
    }
    if is_complete {
        return Ok(Exit::Done);
    }
    let message = verdict.error().map_or("something is missing", |(_, message)| message);
    let message = format!("the evidence is not complete: {message}");
    Err(Failure::new(verdict.exit, message).with_hint(verdict.hint()))
}

/// The certificates of the one slot that signed.
fn certificates(lists: &[CertificateList]) -> Result<String, Failure> {
    match lists {
        [] => Err(Failure::usage("--chain-out: no slot with certificates signed measurements")),
        [first, ..] => Ok(first.to_pem()),
    }
}
