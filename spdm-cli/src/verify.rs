//! `spdm verify`: the verdict offline.

use spdm_codec::{RequesterNonce, SlotId};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, Presumption, ReadOptions, ReportErrorKind, Verifier,
};
use spdm_x509::Revocations;

use crate::args::{NonceChoice, RequiredSignature, SlotChoice, VerifyArgs};
use crate::attest::{nonce, reference};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{file, render, trust};

/// Verifies every connection in the file. The worst exit code counts.
pub(crate) fn run(
    args: &VerifyArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let nonce = expected_nonce(args.nonce.as_ref())?;
    let trust = Trust::load(&args.trust, None, console)?;
    let peer_key = args
        .peer_key
        .as_deref()
        .map(|path| trust::public_key(path, crypto.provider))
        .transpose()?;
    let reference = args.reference.as_deref().map(reference).transpose()?;
    let evidence = read(args, console)?;
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let verifier = Verifier {
        san: trust.san(),
        profile: trust.profile,
        revocations: Revocations::new(&revocations),
        nonce,
        peer_key: peer_key.as_deref(),
        min_version: args.min_version,
        slot: match args.slot {
            SlotChoice::Any => None,
            SlotChoice::Slot(slot) => Some(slot),
        },
        reference: reference.as_ref(),
        required: RequiredSignature::all(&args.require),
        ..Verifier::new(crypto.provider, &anchors, trust.validity()?)
    };
    for note in &evidence.notes {
        console.note(&format!("note: {note}"));
    }
    let mut worst = Exit::Done;
    for report in verifier.verify(crypto.bank().as_mut(), &evidence) {
        let verdict = Verdict::new(report);
        render::show(&verdict, console)?;
        if let Some(hint) = hint(&verdict, args) {
            console.note(&format!("hint: {hint}"));
        }
        worst = worst.max(verdict.exit);
    }
    Ok(worst)
}

/// What a person can do where the recorded requester asked for more than the file holds.
fn hint(verdict: &Verdict, args: &VerifyArgs) -> Option<&'static str> {
    let (kind, _) = verdict.error()?;
    let passes = |check| verdict.report.status(check) == CheckStatus::Pass;
    match kind {
        ReportErrorKind::Required if !args.require.is_empty() => None,
        ReportErrorKind::Required if passes(AttestationCheck::ChallengeSignature) => {
            Some("--require challenge judges by CHALLENGE alone")
        }
        ReportErrorKind::Required if passes(AttestationCheck::MeasurementsSignature) => {
            Some("--require measurements judges by MEASUREMENTS alone")
        }
        _ => None,
    }
}

fn expected_nonce(choice: Option<&NonceChoice>) -> Result<Option<RequesterNonce>, Failure> {
    match choice {
        None => Ok(None),
        Some(NonceChoice::Random) => {
            Err(Failure::usage("evidence has its nonce already: --nonce HEX or @FILE"))
        }
        Some(given) => nonce(given),
    }
}

fn read(args: &VerifyArgs, console: &Console) -> Result<Evidence, Failure> {
    let name = file::name(&args.file);
    let presumption = Presumption { asym: args.base_asym, hash: args.base_hash };
    let options = ReadOptions { format: args.format, presumption };
    let failed = |error| Failure::usage(format!("{name}: {error}"));
    let mut evidence = Evidence::read(&file::read(&args.file)?, &options).map_err(failed)?;
    // The target that the file names is not signed, so the report shows the name of the file instead.
    evidence.target.clone_from(&name);
    if let Some(path) = &args.chain {
        let chain = trust::chain(path, console)?;
        let slot = match args.slot {
            SlotChoice::Any => SlotId::ZERO,
            SlotChoice::Slot(slot) => slot,
        };
        evidence.attach(slot, chain);
    }
    Ok(evidence)
}
