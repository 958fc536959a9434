//! Who the host is.

use std::path::PathBuf;

use clap::Args;

/// Who the host is, for devices that authenticate it, too (mutual authentication).
#[derive(Args, Debug)]
#[command(next_help_heading = "Identity of the host")]
pub(crate) struct IdentityArgs {
    /// The host's certificate chain with its root: PEM or DER. It is shown to a device that authenticates the host, too
    /// (mutual authentication)
    #[arg(long, value_name = "CHAIN", requires = "identity_key")]
    pub(crate) identity: Option<PathBuf>,
    /// The host's private key, that of the last certificate: PKCS #8, SEC1 or PKCS #1, PEM or DER, not encrypted. Without
    /// --identity the device has to know its public key beforehand
    #[arg(long, value_name = "KEY")]
    pub(crate) identity_key: Option<PathBuf>,
    /// The slot of the host that the chain is in
    #[arg(long, value_name = "N", default_value = "0", requires = "identity", value_parser = clap::value_parser!(u8).range(0..=7))]
    pub(crate) identity_slot: u8,
}
