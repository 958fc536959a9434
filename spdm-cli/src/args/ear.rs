//! Attestation results for relying parties.

use std::path::PathBuf;

use clap::Args;

use super::OWN;

/// An attestation result (EAR, draft-ietf-rats-ear-03).
#[derive(Args, Debug)]
pub(crate) struct EarArgs {
    /// Writes an attestation result (EAR), whatever the verdict: with --ear-key a signed token (JWT), else its claims in
    /// JSON, which nobody signs (docs/schema/ear.json); - for standard output
    #[arg(help_heading = OWN, long, value_name = "FILE")]
    pub(crate) ear: Option<PathBuf>,
    /// The private key that signs it, of P-256 (ES256) or P-384 (ES384): PKCS #8 or SEC1, PEM or DER, not encrypted
    #[arg(help_heading = OWN, long, value_name = "KEY", requires = "ear")]
    pub(crate) ear_key: Option<PathBuf>,
}
