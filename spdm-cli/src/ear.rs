//! `--ear`: the verdicts of a run as one attestation result.

use std::path::Path;

use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_evidence::Ear;
use spdm_x509::ValidityCheck;

use crate::args::EarArgs;
use crate::console::Console;
use crate::exit::Failure;
use crate::file::{self, Output, OutputPlace};
use crate::host;
use crate::time::At;
use crate::verdict::Verdict;

/// Who made this program.
const DEVELOPER: &str = env!("CARGO_PKG_REPOSITORY");
/// This program.
const BUILD: &str = concat!("spdm ", env!("CARGO_PKG_VERSION"), " (", env!("SPDM_COMMIT"), ")");

/// The file of an attestation result, which is written at the end.
#[derive(Debug)]
pub(crate) struct EarFile<'p> {
    path: &'p Path,
    output: Output<'p>,
    key: Option<SoftwareKey>,
    ear: Ear,
}

impl<'p> EarFile<'p> {
    /// Reads the key, and makes the file; `None` where nobody asks for it. A relying party may have given the `nonce`.
    pub(crate) fn create(
        args: &'p EarArgs,
        nonce: Option<&RequesterNonce>,
        place: OutputPlace,
        console: &Console,
    ) -> Result<Option<Self>, Failure> {
        let Some(path) = args.ear.as_deref() else { return Ok(None) };
        let key = args.ear_key.as_deref().map(|path| key(path, console)).transpose()?;
        let Some(ValidityCheck::At(now)) = At::Now.validity() else {
            return Err(Failure::usage("--ear: the clock of this machine is before 1970"));
        };
        let mut ear = Ear::new(DEVELOPER, BUILD, now);
        if let Some(nonce) = nonce {
            ear.nonce(nonce);
        }
        Ok(Some(Self { path, output: Output::create(path, place)?, key, ear }))
    }

    /// Adds a verdict.
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        self.ear.add(&verdict.report, verdict.failed_kind());
    }

    /// Adds a file that could not be judged.
    pub(crate) fn add_unjudged(&mut self, path: &Path) {
        self.ear.add_unjudged(&file::name(path));
    }

    /// Fills the file.
    pub(crate) fn write(self, console: &Console) -> Result<(), Failure> {
        let Some(key) = &self.key else {
            let claims = self.ear.to_json().map_err(Failure::usage)?;
            self.output.write(format!("{claims}\n").as_bytes())?;
            let name = self.path.display();
            console.note(&format!("note: {name}: claims that nobody signed: --ear-key signs them"));
            return Ok(());
        };
        // Nothing but the token: not all who read one take a line end behind it.
        self.output.write(self.ear.to_jws(key).map_err(Failure::usage)?.as_bytes())
    }
}

/// Writes the verdict of a run that has one, where somebody asks for it.
pub(crate) fn write(
    file: Option<EarFile<'_>>,
    verdict: &Verdict,
    console: &Console,
) -> Result<(), Failure> {
    let Some(mut file) = file else { return Ok(()) };
    file.add(verdict);
    file.write(console)
}

fn key(path: &Path, console: &Console) -> Result<SoftwareKey, Failure> {
    let key = host::private_key(path, console)?;
    let unusable = |error| Failure::usage(format!("{}: {error}", path.display()));
    Ear::check_key(&key).map_err(unusable)?;
    Ok(key)
}
