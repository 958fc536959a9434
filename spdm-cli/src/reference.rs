//! Reference values out of the files that options name.

use core::cell::RefCell;
use std::path::{Path, PathBuf};

use spdm_appraisal::{Dialect, ReferenceKey, ReferenceTrust};
use spdm_evidence::{
    Completeness, DeviceEnvironment, Error, Reference, ReferenceFile, ReferenceFormat,
    ReferenceVerdict, Report, WrittenReference, wrapped_references,
};
use spdm_x509::{Anchor, ValidityCheck};

use crate::args::{
    ProfileChoice, ReferenceArgs, ReferenceShowArgs, ReferenceVerb, ReferenceVerbArgs, TrustArgs,
    VerifyArgs,
};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::time::At;
use crate::verify::{self, Judged};
use crate::{file, trust};

/// The files that options name, and whose signatures count.
#[derive(Debug)]
pub(crate) struct ReferenceInput {
    files: Vec<InputFile>,
    dialect: Dialect,
    anchors: Vec<Vec<u8>>,
    key: Option<Vec<u8>>,
    validity: Option<ValidityCheck>,
    environment: DeviceEnvironment,
    completeness: Completeness,
}

#[derive(Debug)]
struct InputFile {
    name: String,
    bytes: Vec<u8>,
}

impl InputFile {
    /// The file, or the files in a conceptual message wrapper.
    fn load(path: &Path) -> Result<Vec<Self>, Failure> {
        let (name, bytes) = (path.display().to_string(), file::read(path)?);
        let wrapped = wrapped_references(&bytes).map_err(|error| unusable(&name, error))?;
        let Some(wrapped) = wrapped else { return Ok(vec![Self { name, bytes }]) };
        let files = wrapped.into_iter().map(|inner| match inner.label.is_empty() {
            true => Self { name: name.clone(), bytes: inner.bytes },
            false => {
                let name = format!("{name}: {}", inner.label.escape_debug());
                Self { name, bytes: inner.bytes }
            }
        });
        Ok(files.collect())
    }
}

/// Who may sign files, and when.
struct SignerOptions<'a> {
    trust: &'a [PathBuf],
    key: Option<&'a Path>,
    at: At,
    profile: ProfileChoice,
}

impl ReferenceInput {
    /// Takes the files from disk.
    pub(crate) fn load(
        args: &ReferenceArgs,
        judged: &TrustArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let signers = SignerOptions {
            trust: &args.reference_trust,
            key: args.reference_key.as_deref(),
            at: judged.at,
            profile: judged.profile,
        };
        let input = Self::take(&args.reference, &signers, crypto, console)?;
        let environment = args.environment.clone().unwrap_or_default();
        Ok(Self { environment, completeness: args.completeness(), ..input })
    }

    fn take(
        files: &[PathBuf],
        signers: &SignerOptions<'_>,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let files =
            files.iter().map(|path| InputFile::load(path)).collect::<Result<Vec<_>, _>>()?;
        let files: Vec<_> = files.into_iter().flatten().collect();
        let asks_for_signer = !signers.trust.is_empty() || signers.key.is_some();
        let can_be_signed =
            |file: &InputFile| ReferenceFormat::of(&file.bytes) != ReferenceFormat::Json;
        if let Some(first) = files.first().filter(|_| asks_for_signer)
            && !files.iter().any(can_be_signed)
        {
            return Err(unusable(
                &first.name,
                "neither CoRIM nor SWID tag, and only those are signed",
            ));
        }
        Ok(Self {
            files,
            dialect: match signers.profile {
                ProfileChoice::Strict => Dialect::Strict,
                ProfileChoice::Compatible => Dialect::Compatible,
            },
            anchors: trust::signers(signers.trust, console)?,
            key: signers.key.map(|path| trust::public_key(path, crypto.provider)).transpose()?,
            validity: signers.at.validity(),
            environment: DeviceEnvironment::default(),
            completeness: Completeness::default(),
        })
    }

    /// Whether a file is named.
    pub(crate) const fn is_given(&self) -> bool {
        !self.files.is_empty()
    }

    /// The files, and whose signatures count.
    pub(crate) fn files_in(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let files = self.files.iter().map(|file| ("reference", file.bytes.as_slice()));
        let anchors = self.anchors.iter().map(|der| ("reference-trust", der.as_slice()));
        files.chain(anchors).chain(self.key.iter().map(|key| ("reference-key", key.as_slice())))
    }

    /// Reads the files, each by how it begins, and verifies signatures; `None` where no file is named.
    pub(crate) fn read(&self, crypto: Crypto) -> Result<Option<Reference<'_>>, Failure> {
        if !self.is_given() {
            return Ok(None);
        }
        let anchors: Vec<_> = self.anchors.iter().map(|der| Anchor::Certificate(der)).collect();
        let keys: Vec<_> =
            self.key.iter().map(|key_info| ReferenceKey { key_info, id: None }).collect();
        let validity =
            self.validity.ok_or_else(|| Failure::usage("the clock is before 1970: --at"))?;
        let trust =
            ReferenceTrust { provider: crypto.provider, anchors: &anchors, keys: &keys, validity };
        let files = self.files.iter().map(|InputFile { name, bytes }| {
            let file = ReferenceFile::read(name, bytes, self.dialect, &trust);
            file.map_err(|error| unreadable(name, &error))
        });
        let files = files.collect::<Result<_, _>>()?;
        let (environment, completeness) = (self.environment.clone(), self.completeness);
        Ok(Some(Reference { files, environment, completeness }))
    }
}

fn unreadable(name: &str, error: &Error) -> Failure {
    let advice = match error {
        Error::Reference(error) if error.clause() == "corim.tag" => {
            "; --profile compatible reads older forms"
        }
        _ => "",
    };
    unusable(name, format_args!("{error}{advice}"))
}

fn unusable(name: &str, why: impl core::fmt::Display) -> Failure {
    Failure::usage(format!("{name}: no reference values: {why}"))
}

/// What a person can do where a report is not verified because of reference values.
pub(crate) fn hint(report: &Report) -> Option<&'static str> {
    let reference = report.reference()?;
    let clause = reference.files.iter().find_map(|file| file.clause());
    match reference.verdict {
        ReferenceVerdict::Undecidable => Some(
            "--environment vendor=NAME,model=NAME says what the device is; --environment any compares by index alone",
        ),
        _ => signer_hint(clause?),
    }
}

/// What a person can do where a file breaks a rule of this group.
fn signer_hint(clause: &str) -> Option<&'static str> {
    match clause {
        "chain.anchor" => Some("--reference-trust names whom to trust"),
        "cose.key" => {
            Some("--reference-key names the key, --reference-trust the root of certificates")
        }
        _ => None,
    }
}

/// `spdm reference`.
pub(crate) fn run(
    args: &ReferenceVerbArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    match &args.verb {
        ReferenceVerb::Show(args) => show(args, crypto, console),
        ReferenceVerb::Make(args) => make(args, crypto, console),
    }
}

fn show(args: &ReferenceShowArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let signers = SignerOptions {
        trust: &args.reference_trust,
        key: args.reference_key.as_deref(),
        at: args.at,
        profile: args.profile,
    };
    let files = core::slice::from_ref(&args.file);
    let input = ReferenceInput::take(files, &signers, crypto, console)?;
    let reference = input.read(crypto)?;
    let name = args.file.display();
    let Some(file) = reference.as_ref().and_then(|reference| reference.files.first()) else {
        return Err(Failure::usage(format_args!("{name}: no reference values")));
    };
    if let Some((clause, why)) = file.refused() {
        return Err(Failure::new(Exit::Rejected, format_args!("{name}: {why}"))
            .with_hint(signer_hint(clause)));
    }
    let environment = args.environment.clone().unwrap_or_default();
    let written = WrittenReference::of_file(file, &environment).map_err(|environments| {
        let message = format!("{name}: about several devices: {}", environments.join("; "));
        Failure::new(Exit::Rejected, message)
            .with_hint(Some("--environment vendor=NAME,model=NAME names one of them"))
    })?;
    print(&written, &name.to_string(), console)
}

/// From a report of --json, or from evidence, of one device.
fn make(args: &VerifyArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let name = args.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    let name = name.join(", ");
    if let [path] = &args.files[..]
        && path.is_file()
        && let Some(made) = of_printed(&file::read(path)?)
    {
        let written = made.map_err(|error| {
            let exit = if error == Error::NotVerified { Exit::Rejected } else { Exit::Usage };
            Failure::new(exit, format_args!("{name}: {error}"))
        })?;
        return print(&written, &name, console);
    }
    let verdicts = RefCell::new(Vec::new());
    let exit = verify::verify(args, crypto, console, &|judged, _| {
        if let Judged::Verdict(verdict) = judged {
            verdicts.borrow_mut().push(verdict.clone());
        }
        Ok(())
    })?;
    let verdicts = verdicts.into_inner();
    let [verdict] = &verdicts[..] else {
        let what = "one connection with a device is what reference values are made of";
        return Err(Failure::usage(format_args!("{name}: {} connections; {what}", verdicts.len())));
    };
    match WrittenReference::of_report(&verdict.report) {
        Ok(written) if exit == Exit::Done => print(&written, &name, console),
        Ok(_) | Err(_) => {
            let why = verdict.error().map_or_else(
                || Error::NotVerified.to_string(),
                |(_, message)| format!("not verified: {message}"),
            );
            Err(Failure::new(exit.max(Exit::Rejected), format_args!("{name}: {why}")))
        }
    }
}

/// Of a report that was printed; `None` where the file is something else.
fn of_printed(bytes: &[u8]) -> Option<Result<WrittenReference, Error>> {
    let made = WrittenReference::of_printed_report(bytes);
    let is_report = serde_json::from_slice::<serde_json::Value>(bytes)
        .is_ok_and(|value| value.get("checks").is_some());
    is_report.then_some(made)
}

fn print(written: &WrittenReference, name: &str, console: &mut Console) -> Result<Exit, Failure> {
    for what in written.left_out() {
        console.note(&format!("note: {name}: left out: {what}"));
    }
    if written.is_empty() {
        let message = "nothing that reference values in JSON could say";
        return Err(Failure::new(Exit::Rejected, format_args!("{name}: {message}")));
    }
    console.result(&written.to_json())?;
    Ok(Exit::Done)
}
