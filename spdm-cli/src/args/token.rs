//! What is known of tokens.

use std::path::PathBuf;

use clap::Args;

/// Tokens (Entity Attestation Tokens) in measurement manifests, and those that sign bundles.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// The nonce that was sent for a token, beside that of GET_MEASUREMENTS: 16 to 128 hex digits. A token must be there
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    pub(crate) eat_nonce: Option<TokenNonce>,
    /// The public key that a token is signed with, where that is not the one of the chain: SubjectPublicKeyInfo in DER or
    /// PEM, or a certificate. A token must be there
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence_key: Option<PathBuf>,
}

/// A nonce of a token.
#[derive(Clone, Debug)]
pub(crate) struct TokenNonce(pub(crate) Vec<u8>);

fn nonce(text: &str) -> Result<TokenNonce, String> {
    let bytes = hex::decode(text).map_err(|error| error.to_string())?;
    match bytes.len() {
        8..=64 => Ok(TokenNonce(bytes)),
        len => Err(format!("a token's nonce has 8 to 64 bytes, not {len}")),
    }
}
