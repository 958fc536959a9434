//! A crypto provider that counts the signatures it verifies, per thread: each test has a thread of its own.

use core::cell::Cell;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Invalid, Provider, Signed, Verify};

thread_local! {
    static VERIFIED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Counting;

impl Verify for Counting {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        PROVIDER.supports(asym, hash)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        PROVIDER.check_key(asym, key)
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        VERIFIED.set(VERIFIED.get() + 1);
        PROVIDER.verify(asym, hash, key, signed, signature)
    }
}

/// The provider of `rustcrypto`, with the count.
pub const COUNTING: Provider = Provider { verifiers: &[&Counting], ..PROVIDER };

/// The number of signatures that this thread verified since the last call.
pub fn verified() -> usize {
    VERIFIED.replace(0)
}
