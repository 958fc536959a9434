//! `spdm verify`: the verdict offline.

mod inputs;
mod seen;

use core::cell::RefCell;
use std::path::{Path, PathBuf};

use spdm_codec::{KeySlot, RequesterNonce};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Error, Evidence, EvidenceReader, Judge, Negotiation,
    Presumption, ReadOptions, Recording, Records, ReportErrorKind, Signatures, Verifier,
};
use spdm_x509::Revocations;

use crate::args::{NonceChoice, SlotChoice, VerifyArgs, VerifyVerbArgs, compat};
use crate::attached_chain::{GivenChain, attach_chain};
use crate::attest::nonce;
use crate::backend::Crypto;
use crate::console::Console;
use crate::ear::EarFile;
use crate::exit::{Exit, Failure};
use crate::file::OutputPlace;
use crate::file_kind::evidence_refused;
use crate::reference::ReferenceInput;
use crate::token::TokenInput;
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{decode, file, policy, render, trust};
use inputs::{Found, InputFile, Inputs};
use seen::SeenDevices;

/// Verifies every connection in the files. The worst exit code counts.
pub(crate) fn run(
    args: &VerifyVerbArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    console.hold_back();
    console.share_output(&[args.ear.ear.as_deref()])?;
    let nonce = expected_nonce(args.verify.nonce.as_ref())?;
    let ear = EarFile::create(&args.ear, nonce.as_ref(), OutputPlace::Beside, console)?;
    let ear = RefCell::new(ear);
    let exit = verify(&args.verify, crypto, console, &|judged, console| {
        if let Some(ear) = &mut *ear.borrow_mut() {
            match judged {
                Judged::Verdict(verdict) => ear.add(verdict),
                Judged::Unreadable(path) => ear.add_unjudged(path),
            }
        }
        match judged {
            Judged::Verdict(verdict) => render::show(verdict, console),
            Judged::Unreadable(_) => Ok(()),
        }
    })?;
    ear.into_inner().map_or(Ok(()), |ear| ear.write(console))?;
    Ok(exit)
}

/// What became of a connection, or of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Judged<'v> {
    /// It was judged.
    Verdict(&'v Verdict),
    /// One of several files cannot be read to its end, as was said.
    Unreadable(&'v Path),
}

/// What is done with each verdict.
type Shows<'r> = &'r dyn Fn(Judged<'_>, &mut Console) -> Result<(), Failure>;

/// Verifies every connection in the files, and shows each verdict. The worst exit code counts.
pub(crate) fn verify(
    args: &VerifyArgs,
    crypto: Crypto,
    console: &mut Console,
    show: Shows<'_>,
) -> Result<Exit, Failure> {
    let nonce = expected_nonce(args.nonce.as_ref())?;
    let trust = Trust::load(&args.trust, None, console)?;
    let peer_key = args
        .peer_key
        .as_deref()
        .map(|path| trust::public_key(path, crypto.provider))
        .transpose()?;
    let references = ReferenceInput::load(&args.reference, &args.trust, crypto, console)?;
    let reference = references.read(crypto)?;
    let tokens = TokenInput::load(&args.token, &args.trust, crypto)?;
    let token_keys = tokens.keys();
    let policy = policy::read(args.policy.as_deref(), crypto)?;
    let Inputs { files, unread } = inputs::files(&args.files)?;
    let chain = GivenChain::read(args.chain.as_deref(), console)?;
    let secrets = args.secrets.as_deref().map(decode::secrets).transpose()?;
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let proofs: Vec<_> = args.require.iter().map(|required| required.proof()).collect();
    let verifier = Verifier {
        san: trust.san(),
        profile: trust.profile,
        limits: trust.limits,
        revocations: Revocations::new(&revocations),
        nonce,
        peer_key: peer_key.as_deref(),
        min_version: args.min_version,
        compat: compat(&args.compat),
        slot: match args.slot {
            SlotChoice::Any => None,
            SlotChoice::Slot(slot) => Some(slot),
        },
        reference: reference.as_ref(),
        tokens: tokens.options(&token_keys),
        verdict_policy: policy.as_ref(),
        secrets: secrets.as_ref(),
        required: match &proofs[..] {
            [] => Signatures::AsRequested,
            proofs => Signatures::Each(proofs),
        },
        ..Verifier::new(crypto.provider, &anchors, trust.validity()?)
    };
    let run = Run { args, chain, verifier: &verifier, crypto, several: files.len() > 1, show };
    let mut told = Told::default();
    if console.json() {
        // Programs find it in the first report, so it has to be known before.
        let others = files.iter().filter(|file| !run.is_evidence(file));
        let others: Vec<String> = others.map(|file| file.path.display().to_string()).collect();
        told.notes.extend(note_passed_over(&others).into_iter().chain(note_unread(&unread)));
    }
    let mut passed_over = Vec::new();
    let mut worst = Exit::Done;
    for file in &files {
        match run.file(file, &mut told, console) {
            Ok(Some(exit)) => worst = worst.max(exit),
            Ok(None) => passed_over.push(file.path.display().to_string()),
            Err(failure) if run.several => {
                console.failure(&failure);
                show(Judged::Unreadable(&file.path), console)?;
                worst = worst.max(failure.exit);
            }
            Err(failure) => return Err(failure),
        }
    }
    if passed_over.len() == files.len() {
        return Err(Failure::usage(format!("{}: no evidence in it", named(&args.files))));
    }
    for note in note_passed_over(&passed_over).into_iter().chain(note_unread(&unread)) {
        console.note(&format!("note: {note}"));
    }
    Ok(worst)
}

/// Files of folders that are something else.
fn note_passed_over(files: &[String]) -> Option<String> {
    Some(match files {
        [] => return None,
        [one] => format!("{one} is no evidence and was passed over"),
        [first, ..] => {
            format!("{} files are no evidence and were passed over ({first}, …)", files.len())
        }
    })
}

/// What lies in folders and is not read.
fn note_unread(unread: &[PathBuf]) -> Option<String> {
    Some(match unread {
        [] => return None,
        [one] => format!(
            "{} is a link to a folder or no regular file and was passed over",
            one.display()
        ),
        [first, ..] => format!(
            "{} links to folders or other than regular files were passed over ({}, …)",
            unread.len(),
            first.display()
        ),
    })
}

/// What was seen, and what the next report is to tell.
#[derive(Debug, Default)]
struct Told {
    devices: SeenDevices,
    notes: Vec<String>,
}

fn named(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// What one run of the command verifies each of its files with.
struct Run<'r> {
    args: &'r VerifyArgs,
    chain: Option<GivenChain<'r>>,
    verifier: &'r Verifier<'r>,
    crypto: Crypto,
    several: bool,
    show: Shows<'r>,
}

impl Run<'_> {
    fn options(&self) -> ReadOptions {
        let presumption = Presumption { asym: self.args.base_asym, hash: self.args.base_hash };
        let records = match self.args.secrets {
            Some(_) => Records::Kept,
            None => Records::LeftOut,
        };
        ReadOptions { format: self.args.format, presumption, records }
    }

    /// Whether a file that was not named is one to verify; what is damaged is.
    fn is_evidence(&self, file: &InputFile) -> bool {
        file.found == Found::Named
            || file::open(&file.path).is_ok_and(|source| {
                let reader = EvidenceReader::new(source, &self.options());
                !matches!(reader, Err(Error::Format | Error::NotEvidence(_) | Error::NoEvidence))
            })
    }

    /// Verifies every connection in a file, as it is read; `None` where it lies in a folder and is something else.
    fn file(
        &self,
        file: &InputFile,
        told: &mut Told,
        console: &mut Console,
    ) -> Result<Option<Exit>, Failure> {
        // The target that the file names is not signed, so the report shows the name of the file instead.
        let name = file::name(&file.path);
        let presumption = &self.options().presumption;
        let failed = |error: Error| evidence_refused(&file.path, &error, presumption);
        let mut portions = match EvidenceReader::new(file::open(&file.path)?, &self.options()) {
            Ok(portions) => portions.peekable(),
            Err(Error::Format | Error::NotEvidence(_) | Error::NoEvidence)
                if file.found == Found::InFolder =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let mut judge = Judge::new(self.verifier);
        let mut worst = Exit::Done;
        while let Some(portion) = portions.next() {
            let mut evidence = portion.map_err(failed)?;
            if portions.peek().is_some() {
                judge.number_all();
            }
            evidence.target.clone_from(&name);
            let attached = self
                .chain
                .as_ref()
                .map(|chain| attach_chain(&mut evidence, chain, self.args.slot, self.crypto));
            if let Some(note) = attached.transpose()?.flatten() {
                console.note(&format!("note: {note}"));
                told.notes.push(note);
            }
            worst = worst.max(self.portion(&evidence, &mut judge, told, console)?);
        }
        Ok(Some(worst))
    }

    fn portion(
        &self,
        evidence: &Evidence,
        judge: &mut Judge<'_, '_>,
        told: &mut Told,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        // Where there is a report, it has them.
        if evidence.recordings.is_empty() {
            let prefix =
                if self.several { format!("{}: ", evidence.target) } else { String::new() };
            for note in &evidence.notes {
                console.note(&format!("note: {prefix}{note}"));
            }
        }
        // Of a capture every connection is of the same device, as a rule.
        let are_devices = evidence.recordings.iter().all(|recording| !recording.chains.is_empty());
        let is_presumed = |recording: &Recording| recording.negotiation != Negotiation::Recorded;
        let are_presumed = match evidence.recordings.iter().any(is_presumed) {
            true => Algorithms::Presumed,
            false => Algorithms::Negotiated,
        };
        let mut worst = Exit::Done;
        for report in judge.verify(self.crypto.bank().as_mut(), evidence) {
            let same = told.devices.add(&report, &evidence.target, are_devices);
            let verdict = match self.several {
                true => Verdict::new(report).in_file(&evidence.target),
                false => Verdict::new(report),
            };
            let same = same.map(|same| format!("{} {same}", verdict.report.target()));
            let verdict = verdict.noted(told.notes.drain(..).chain(same.clone()));
            (self.show)(Judged::Verdict(&verdict), console)?;
            if let Some(same) = same {
                console.note(&format!("note: {same}"));
            }
            if let Some(hint) = hint(&verdict, self.args, are_presumed) {
                console.note(&format!("hint: {hint}"));
            }
            worst = worst.max(verdict.exit);
        }
        Ok(worst)
    }
}

/// Where the algorithms of a connection come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Algorithms {
    Negotiated,
    /// The file may not name them, and the options or nobody does.
    Presumed,
}

/// What a person can do where the recorded requester asked for more than the file holds, or where nothing was there to
/// check a signature with.
fn hint<'v>(verdict: &'v Verdict, args: &VerifyArgs, algorithms: Algorithms) -> Option<&'v str> {
    let (kind, _) = verdict.error()?;
    let report = &verdict.report;
    let passes = |check| report.status(check) == CheckStatus::Pass;
    let nonces = report.nonces();
    let is_signed = [&nonces.measurements, &nonces.challenge, &nonces.key_exchange]
        .into_iter()
        .any(Option::is_some);
    let lacks_chain = report.status(AttestationCheck::ChainFormat) == CheckStatus::Skipped;
    let has_slot = report.slot().is_some_and(|slot| slot != KeySlot::PublicKey.to_byte());
    match kind {
        ReportErrorKind::Required | ReportErrorKind::Unproven
            if lacks_chain && is_signed && has_slot =>
        {
            Some("--chain FILE gives the device's certificate chain")
        }
        ReportErrorKind::Signature | ReportErrorKind::Chain
            if algorithms == Algorithms::Presumed
                && report.status(AttestationCheck::MeasurementsSignature) != CheckStatus::Pass =>
        {
            Some(
                "the file does not say which algorithms it is signed with: --base-asym, --base-hash",
            )
        }
        ReportErrorKind::Signature if args.chain.is_some() => {
            Some("--chain may be the chain of another device")
        }
        ReportErrorKind::Required if !args.require.is_empty() => None,
        ReportErrorKind::Required if passes(AttestationCheck::ChallengeSignature) => {
            Some("--require challenge judges by CHALLENGE alone")
        }
        ReportErrorKind::Required if passes(AttestationCheck::MeasurementsSignature) => {
            Some("--require measurements judges by MEASUREMENTS alone")
        }
        ReportErrorKind::Reference | ReportErrorKind::Rejected => verdict.hint(),
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
