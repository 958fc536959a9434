//! What measurements should be, and whose word counts for it.

use std::path::PathBuf;

use clap::Args;

/// Reference values.
#[derive(Args, Debug)]
pub(crate) struct ReferenceArgs {
    /// Reference measurements: JSON (docs/schema/reference.json) or CoRIM
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Option<PathBuf>,
    /// Trust anchors of those who sign CoRIM files, PEM or DER (repeatable); those of --trust are none of them
    #[arg(long, value_name = "FILE|DIR", requires = "reference")]
    pub(crate) reference_trust: Vec<PathBuf>,
    /// The public key that a CoRIM file without certificates is signed by: SubjectPublicKeyInfo in DER or PEM, or a
    /// certificate
    #[arg(long, value_name = "FILE", requires = "reference")]
    pub(crate) reference_key: Option<PathBuf>,
}
