//! The crypto backend, as `--backend` names it.

use spdm_crypto::{Bank, HashBank, Provider, rustcrypto};

use crate::args::Backend;
use crate::exit::Failure;

/// Running hashes of one connection, or of one that is judged again: two, and two more for one with a session.
const HASHES: usize = 4;

/// A backend that is built in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crypto {
    pub(crate) provider: &'static Provider,
    /// As `--backend` names it.
    pub(crate) backend: Backend,
    bank: fn() -> Box<dyn HashBank>,
}

impl Crypto {
    /// The backend of this name.
    pub(crate) fn load(backend: Backend) -> Result<Self, Failure> {
        match backend {
            Backend::Rustcrypto => Ok(Self {
                provider: &rustcrypto::PROVIDER,
                backend,
                bank: || Box::new(Bank::<rustcrypto::Running, HASHES>::new()),
            }),
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLcRs => Ok(Self {
                provider: &spdm_crypto::aws_lc_rs::PROVIDER,
                backend,
                bank: || Box::new(Bank::<spdm_crypto::aws_lc_rs::Running, HASHES>::new()),
            }),
            #[cfg(not(feature = "aws-lc-rs"))]
            Backend::AwsLcRs => Err(Failure::usage("the backend aws-lc-rs was not built in")),
        }
    }

    /// Room for running hashes.
    pub(crate) fn bank(self) -> Box<dyn HashBank> {
        (self.bank)()
    }
}
