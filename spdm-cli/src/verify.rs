//! `spdm verify`: the verdict offline.

mod inputs;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use spdm_codec::{KeySlot, RequesterNonce, SlotId};
use spdm_evidence::{
    AttestationCheck, ChainContent, CheckStatus, Error, Evidence, EvidenceReader, Judge,
    Presumption, ReadOptions, Report, ReportErrorKind, Verifier,
};
use spdm_x509::Revocations;

use crate::args::{NonceChoice, RequiredSignature, SlotChoice, VerifyArgs, compat};
use crate::attest::{nonce, reference};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{file, render, trust};
use inputs::{Found, InputFile, Inputs};

/// Verifies every connection in the files. The worst exit code counts.
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
    let Inputs { files, unread } = inputs::files(&args.files)?;
    let chain = args.chain.as_deref().map(|path| trust::chain(path, console)).transpose()?;
    let anchors = trust.anchors();
    let revocations = trust.revocations();
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
        required: RequiredSignature::all(&args.require),
        ..Verifier::new(crypto.provider, &anchors, trust.validity()?)
    };
    let run = Run { args, chain, verifier: &verifier, crypto, several: files.len() > 1 };
    console.hold_back();
    let mut devices = SeenDevices::default();
    let mut passed_over = Vec::new();
    let mut worst = Exit::Done;
    for file in &files {
        match run.file(file, &mut devices, console) {
            Ok(Some(exit)) => worst = worst.max(exit),
            Ok(None) => passed_over.push(file.path.display().to_string()),
            Err(failure) if run.several => {
                console.failure(&failure);
                worst = worst.max(failure.exit);
            }
            Err(failure) => return Err(failure),
        }
    }
    match &passed_over[..] {
        [] => {}
        all if all.len() == files.len() => {
            return Err(Failure::usage(format!("{}: no evidence in it", named(&args.files))));
        }
        [one] => console.note(&format!("note: {one} is no evidence and was passed over")),
        [first, ..] => console.note(&format!(
            "note: {} files are no evidence and were passed over ({first}, …)",
            passed_over.len()
        )),
    }
    match &unread[..] {
        [] => {}
        [one] => console.note(&format!(
            "note: {} is a link to a folder or no regular file and was passed over",
            one.display()
        )),
        [first, ..] => console.note(&format!(
            "note: {} links to folders or other than regular files were passed over ({}, …)",
            unread.len(),
            first.display()
        )),
    }
    Ok(worst)
}

fn named(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// What one run of the command verifies each of its files with.
struct Run<'r> {
    args: &'r VerifyArgs,
    chain: Option<ChainContent>,
    verifier: &'r Verifier<'r>,
    crypto: Crypto,
    several: bool,
}

impl Run<'_> {
    /// Verifies every connection in a file, as it is read; `None` where it lies in a folder and is something else.
    fn file(
        &self,
        file: &InputFile,
        devices: &mut SeenDevices,
        console: &mut Console,
    ) -> Result<Option<Exit>, Failure> {
        // The target that the file names is not signed, so the report shows the name of the file instead.
        let name = file::name(&file.path);
        let failed = |error| Failure::usage(format!("{name}: {error}"));
        let presumption = Presumption { asym: self.args.base_asym, hash: self.args.base_hash };
        let options = ReadOptions { format: self.args.format, presumption };
        let mut portions = match EvidenceReader::new(file::open(&file.path)?, &options) {
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
            self.attach_chain(&mut evidence);
            worst = worst.max(self.portion(&evidence, &mut judge, devices, console)?);
        }
        Ok(Some(worst))
    }

    fn portion(
        &self,
        evidence: &Evidence,
        judge: &mut Judge<'_, '_>,
        devices: &mut SeenDevices,
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
        let mut worst = Exit::Done;
        for report in judge.verify(self.crypto.bank().as_mut(), evidence) {
            let same = devices.add(&report, &evidence.target, are_devices);
            let verdict = match self.several {
                true => Verdict::new(report).in_file(&evidence.target),
                false => Verdict::new(report),
            };
            render::show(&verdict, console)?;
            if let Some(other) = same {
                let target = verdict.report.target();
                console.note(&format!("note: {target} is the same device as {other}"));
            }
            if let Some(hint) = hint(&verdict, self.args) {
                console.note(&format!("hint: {hint}"));
            }
            worst = worst.max(verdict.exit);
        }
        Ok(worst)
    }

    fn attach_chain(&self, evidence: &mut Evidence) {
        if let Some(chain) = &self.chain {
            let slot = match self.args.slot {
                SlotChoice::Any => SlotId::ZERO,
                SlotChoice::Slot(slot) => slot,
            };
            evidence.attach(slot, chain.clone());
        }
    }
}

/// What a person can do where the recorded requester asked for more than the file holds, or where nothing was there to
/// check a signature with.
fn hint(verdict: &Verdict, args: &VerifyArgs) -> Option<&'static str> {
    let (kind, _) = verdict.error()?;
    let report = &verdict.report;
    let passes = |check| report.status(check) == CheckStatus::Pass;
    let is_signed = report.nonces().measurements.is_some() || report.nonces().challenge.is_some();
    let lacks_chain = report.status(AttestationCheck::ChainFormat) == CheckStatus::Skipped;
    let has_slot = report.slot().is_some_and(|slot| slot != KeySlot::PublicKey.to_byte());
    match kind {
        ReportErrorKind::Required | ReportErrorKind::Unproven
            if lacks_chain && is_signed && has_slot =>
        {
            Some("--chain FILE gives the device's certificate chain")
        }
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

/// The devices that were judged, by what their leaf says.
#[derive(Debug, Default)]
struct SeenDevices(BTreeMap<(String, Option<String>), (String, String)>);

impl SeenDevices {
    /// The target of an earlier report about the same device, in another file, or in a file that lists devices.
    fn add(&mut self, report: &Report, file: &str, are_devices: bool) -> Option<String> {
        let identity = report.identity();
        let serial = identity.serial.clone()?;
        let key = (serial, identity.root_sha256.clone());
        let (known_file, known) = match self.0.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert((file.to_owned(), report.target().to_owned()));
                return None;
            }
        };
        let other = known != report.target() && (known_file != file || are_devices);
        other.then(|| known.clone())
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
