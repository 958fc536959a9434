//! What changes a device is done with `--yes` only.

use std::path::Path;

use crate::args::{IdentityArgs, TrustArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::host::Host;
use crate::trust::{self, Trust};

/// The files of the options of a verb that changes a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionFiles<'f> {
    pub(crate) trust: &'f TrustArgs,
    pub(crate) peer_key: Option<&'f Path>,
    pub(crate) identity: &'f IdentityArgs,
}

impl OptionFiles<'_> {
    /// Says that nothing was sent, and that `--yes` does it; but a file that cannot be read would stop that, too, and is what
    /// a person has to know first.
    pub(crate) fn withheld(self, what: &str, crypto: Crypto, console: &Console) -> Failure {
        match self.check(crypto, console) {
            Err(failure) => failure,
            Ok(()) => {
                Failure::usage(format!("nothing was sent: {what}")).with_hint(Some("--yes does it"))
            }
        }
    }

    fn check(self, crypto: Crypto, console: &Console) -> Result<(), Failure> {
        Trust::check_files(self.trust, console)?;
        self.peer_key.map(|path| trust::public_key(path, crypto.provider)).transpose()?;
        Host::read(self.identity, console).map(drop)
    }
}
