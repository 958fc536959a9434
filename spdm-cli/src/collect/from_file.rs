//! `spdm collect --from FILE`: evidence that is there already, in another form.

use std::path::Path;

use spdm_evidence::{Evidence, Format, Judge, ReadOptions, Records, Verifier};
use spdm_x509::ValidityCheck;

use super::Outputs;
use crate::args::{CollectArgs, SlotChoice};
use crate::attached_chain::{GivenChain, attach_chain};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file::{self, OutputPlace};
use crate::file_kind::evidence_refused;

/// Writes what is in the file, whoever signed it: there is no verdict.
pub(super) fn run(
    path: &Path,
    args: &CollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let presumption = args.presumed.presumption()?;
    let chain = GivenChain::read(args.chain.as_deref(), console)?;
    Outputs::share(args, None, console)?;
    let outputs = Outputs::create(args, OutputPlace::Beside)?;
    let records = match args.format {
        Format::Json => Records::Kept,
        _ => Records::LeftOut,
    };
    let options = ReadOptions { format: None, presumption, records };
    let evidence = Evidence::read(&file::read(path)?, &options);
    let mut evidence = evidence.map_err(|error| evidence_refused(path, &error, &presumption))?;
    if evidence.target.is_empty() {
        evidence.target = file::name(path);
    }
    if let Some(chain) = &chain
        && let Some(note) = attach_chain(&mut evidence, chain, SlotChoice::Any, crypto)?
    {
        console.note(&format!("note: {note}"));
    }
    // Whose key it is does not matter for which hash it signed.
    let verifier = Verifier::new(crypto.provider, &[], ValidityCheck::Unchecked);
    let mut bank = crypto.bank();
    let evidence = Judge::new(&verifier).settled(bank.as_mut(), &evidence);
    for note in &evidence.notes {
        console.note(&format!("note: {note}"));
    }
    for note in evidence.recordings.iter().flat_map(|recording| &recording.notes) {
        console.note(&format!("note: {note}"));
    }
    let mut hashing = spdm_requester::Crypto { provider: crypto.provider, hashes: bank.as_mut() };
    let written = evidence.write(args.format, &mut hashing);
    let name = path.display();
    let written = written.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    outputs.write(args.format, &written, console)?;
    Ok(Exit::Done)
}
