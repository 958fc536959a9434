//! Judges every file below a folder as evidence and prints what comes out, one line for each report or error: on every
//! machine the same, byte for byte. `tests/targets/run` compares them.
//!
//! ```text
//! cargo run -p spdm-evidence --example answers -- FOLDER
//! ```
//!
//! Trusted is every certificate below a folder that is called `roots`, and in every file whose name begins with `root`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{CertificateList, Evidence, ReadOptions, Verifier};
use spdm_x509::{Anchor, ValidityCheck};

/// 2026-12-01.
const AT: ValidityCheck = ValidityCheck::At(1_796_083_200);

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: answers FOLDER");
        return ExitCode::from(2);
    };
    match answer(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn answer(folder: &Path) -> io::Result<()> {
    let mut paths = Vec::new();
    find(folder, &mut paths)?;
    let mut files = Vec::new();
    for path in paths {
        files.push((name(folder, &path), fs::read(path)?));
    }
    files.sort();
    let is_root = |name: &str| name.contains("roots/") || name.contains("/root");
    let roots = files.iter().filter(|(name, _)| is_root(name));
    let lists = roots.filter_map(|(_, file)| CertificateList::read(file).ok());
    let roots: Vec<_> = lists.flat_map(CertificateList::into_certificates).collect();
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    for (name, file) in &files {
        match Evidence::read(file, &ReadOptions::default()) {
            Ok(evidence) => {
                for report in verifier.verify(&mut Bank::<Running, 2>::new(), &evidence) {
                    println!("{name}: {}", serde_json::to_string(&report)?);
                }
            }
            Err(error) => println!("{name}: {error}"),
        }
    }
    Ok(())
}

/// The files below a folder.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The path below the folder, written alike on every system.
fn name(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
