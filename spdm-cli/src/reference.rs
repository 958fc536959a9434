//! Reference values out of the files that options name.

use std::path::PathBuf;

use spdm_appraisal::{Dialect, ReferenceKey, ReferenceTrust};
use spdm_evidence::{
    Completeness, DeviceEnvironment, Error, Reference, ReferenceFile, ReferenceFormat,
    ReferenceVerdict, Report,
};
use spdm_x509::{Anchor, ValidityCheck};

use crate::args::{ProfileChoice, ReferenceArgs, TrustArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
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

impl ReferenceInput {
    /// Takes the files from disk.
    pub(crate) fn load(
        args: &ReferenceArgs,
        judged: &TrustArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let load = |path: &PathBuf| -> Result<InputFile, Failure> {
            Ok(InputFile { name: path.display().to_string(), bytes: file::read(path)? })
        };
        let files = args.reference.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let asks_for_signer = !args.reference_trust.is_empty() || args.reference_key.is_some();
        let can_be_signed =
            |file: &InputFile| ReferenceFormat::of(&file.bytes) != ReferenceFormat::Json;
        if let Some(first) = files.first().filter(|_| asks_for_signer)
            && !files.iter().any(can_be_signed)
        {
            return Err(unusable(&first.name, "no CoRIM, and only those are signed"));
        }
        let key = args.reference_key.as_deref();
        Ok(Self {
            files,
            dialect: match judged.profile {
                ProfileChoice::Strict => Dialect::Strict,
                ProfileChoice::Compatible => Dialect::Compatible,
            },
            anchors: trust::signers(&args.reference_trust, console)?,
            key: key.map(|path| trust::public_key(path, crypto.provider)).transpose()?,
            validity: judged.at.validity(),
            environment: args.environment.clone().unwrap_or_default(),
            completeness: args.completeness(),
        })
    }

    /// Whether a file is named.
    pub(crate) const fn is_given(&self) -> bool {
        !self.files.is_empty()
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
    match (clause, reference.verdict) {
        (Some("chain.anchor"), _) => Some("--reference-trust names whom to trust"),
        (Some("cose.key"), _) => {
            Some("--reference-key names the key, --reference-trust the root of certificates")
        }
        (_, ReferenceVerdict::Undecidable) => Some(
            "--environment vendor=NAME,model=NAME says what the device is; --environment any compares by index alone",
        ),
        _ => None,
    }
}
