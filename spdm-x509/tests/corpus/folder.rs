//! Where the corpus is.

use std::path::PathBuf;

/// The file `name` of the corpus; `None`, with a message, where `SPDM_CORPUS` is not set.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let required = std::env::var("SPDM_CORPUS_REQUIRED").is_ok_and(|value| value == "1");
    let folder = std::env::var_os("SPDM_CORPUS").filter(|folder| !folder.is_empty());
    assert!(folder.is_some() || !required, "SPDM_CORPUS is required, but not set");
    if folder.is_none() {
        println!("skipped: SPDM_CORPUS is not set");
    }
    let file = PathBuf::from(folder?).join(name);
    assert!(file.exists(), "SPDM_CORPUS has no {name}");
    Some(file)
}
