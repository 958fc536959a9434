//! The policy that an option names.

use std::path::Path;

use spdm_evidence::VerdictPolicy;

use crate::backend::Crypto;
use crate::exit::Failure;
use crate::file;

/// Reads the file of `--policy`.
pub(crate) fn read(path: Option<&Path>, crypto: Crypto) -> Result<Option<VerdictPolicy>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let name = path.display().to_string();
    let policy = VerdictPolicy::read(&name, &file::read(path)?, crypto.provider);
    policy.map(Some).map_err(|error| Failure::usage(format!("{name}: {error}")))
}
