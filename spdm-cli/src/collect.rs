//! `spdm collect`: evidence for somebody else to judge.

mod from_file;

use std::path::Path;

use spdm_evidence::{
    AttestationCheck, CertificateList, CheckStatus, Format, KnownChains, Note, TokenOptions,
    Written,
};
use spdm_fleet::WantedMeasurements;

use crate::args::CollectArgs;
use crate::attest::nonce;
use crate::backend::Crypto;
use crate::console::Console;
use crate::evidence::evidence;
use crate::examination::{Examination, Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::file::{Output, OutputPlace};
use crate::live::{LiveDevice, Telling};
use crate::render;
use crate::trust;

/// Collects; there is no verdict, but evidence that could never be verified is not complete.
pub(crate) fn run(
    args: &CollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let device_args = match (&args.from, &args.device) {
        (Some(path), _) => return from_file::run(path, args, crypto, console),
        (None, Some(device)) => device,
        (None, None) => return Err(Failure::usage("nothing to collect: TARGET or --from FILE")),
    };
    let waived = Waived::new(args.challenge, &args.measurements)?;
    if args.format != Format::Json && matches!(args.measurements, WantedMeasurements::None) {
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
    Outputs::share(args, device_args.pcap.as_deref(), console)?;
    let mut device = LiveDevice::new(device_args, crypto, Telling::of(console))?;
    let outputs = Outputs::create(args, device.output_place())?;
    device.settle()?;
    let task = Task {
        policy: None,
        slot: args.slot,
        signer: Signer::of(peer_key.as_deref()),
        peer_key_path: args.peer_key.as_deref(),
        waived,
        negotiation: device_args.connection.negotiation(),
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
    match written {
        Err(_) if !is_complete => {}
        Err(error) => return Err(Failure::usage(error)),
        Ok(written) => outputs.write(args.format, &written, console)?,
    }
    if is_complete {
        return Ok(Exit::Done);
    }
    let message = verdict.error().map_or("something is missing", |(_, message)| message);
    let message = format!("the evidence is not complete: {message}");
    Err(Failure::new(verdict.exit, message).with_hint(verdict.hint()))
}

/// The files that evidence is written into.
struct Outputs<'p> {
    evidence: Output<'p>,
    chain: Option<Output<'p>>,
}

impl<'p> Outputs<'p> {
    /// Leaves standard output to one of them, or to `other`.
    fn share(
        args: &CollectArgs,
        other: Option<&Path>,
        console: &mut Console,
    ) -> Result<(), Failure> {
        console.share_output(&[other, Some(evidence_path(args)), args.chain_out.as_deref()])
    }

    /// Makes them.
    fn create(args: &'p CollectArgs, place: OutputPlace) -> Result<Self, Failure> {
        let evidence = Output::create(evidence_path(args), place)?;
        let chain =
            args.chain_out.as_deref().map(|path| Output::create(path, place)).transpose()?;
        Ok(Self { evidence, chain })
    }

    /// Fills them, and says what the form has no place for.
    fn write(self, format: Format, written: &Written, console: &Console) -> Result<(), Failure> {
        let chain = match self.chain {
            Some(output) => Some((output, certificates(&written.certificates)?)),
            None => None,
        };
        let is_text = format != Format::StandardTranscript;
        let end: &[u8] = if is_text { b"\n" } else { b"" };
        self.evidence.write(&[&written.bytes[..], end].concat())?;
        for note in &written.notes {
            let is_given = note.note == Note::NoCertificates && chain.is_some();
            if !is_given {
                console.note(&format!("note: {note}"));
            }
        }
        chain.map_or(Ok(()), |(output, pem)| output.write(pem.as_bytes()))
    }
}

fn evidence_path(args: &CollectArgs) -> &Path {
    args.evidence.as_deref().unwrap_or_else(|| Path::new("-"))
}

/// The certificates of the one slot that signed.
fn certificates(lists: &[CertificateList]) -> Result<String, Failure> {
    match lists {
        [] => Err(Failure::usage("--chain-out: no slot with certificates signed measurements")),
        [first, others @ ..] if others.iter().all(|other| other == first) => Ok(first.to_pem()),
        _ => Err(Failure::usage("--chain-out: the devices have different certificates")),
    }
}
