//! Reference values out of the file that an option names.

use std::path::Path;

use spdm_appraisal::Dialect;
use spdm_evidence::{CorimFile, Reference};

use crate::args::{ProfileChoice, ReferenceArgs, TrustArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::{file, trust};

/// Reads JSON or a CoRIM, by how the file begins. A CoRIM that is signed has to be by somebody whom the options trust.
pub(crate) fn read(
    args: &ReferenceArgs,
    judged: &TrustArgs,
    crypto: Crypto,
    console: &Console,
) -> Result<Option<Reference>, Failure> {
    let Some(path) = &args.reference else { return Ok(None) };
    let bytes = file::read(path)?;
    if !CorimFile::is_corim(&bytes) {
        if !args.reference_trust.is_empty() || args.reference_key.is_some() {
            let what = "no CoRIM, and only those are signed";
            return Err(unusable(path, what));
        }
        return Reference::read(&bytes).map(Some).map_err(|error| unusable(path, error));
    }
    let key = args.reference_key.as_deref();
    let key = key.map(|path| trust::public_key(path, crypto.provider)).transpose()?;
    let validity = judged.at.validity();
    let corim = CorimFile {
        name: path.display().to_string(),
        bytes,
        dialect: match judged.profile {
            ProfileChoice::Strict => Dialect::Strict,
            ProfileChoice::Compatible => Dialect::Compatible,
        },
        anchors: trust::signers(&args.reference_trust, console)?,
        keys: key.into_iter().collect(),
        validity: validity.ok_or_else(|| Failure::usage("the clock is before 1970: --at"))?,
    };
    let read = Reference::of_corim(corim, crypto.provider);
    read.map(Some).map_err(|error| {
        let advice = match error.clause() {
            "chain.anchor" => "; --reference-trust names whom to trust",
            "cose.key" => "; --reference-key names the key",
            "corim.tag" => "; --profile compatible reads older forms",
            _ => "",
        };
        unusable(path, format_args!("{error}{advice}"))
    })
}

fn unusable(path: &Path, why: impl core::fmt::Display) -> Failure {
    Failure::usage(format!("{}: no reference values: {why}", path.display()))
}
