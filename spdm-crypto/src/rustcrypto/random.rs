//! Random bytes of the operating system.

use crate::random::{RandomUnavailable, SecureRandom};

/// Random bytes of the operating system, or of the custom backend that `getrandom` was configured with.
#[derive(Clone, Copy, Debug)]
pub struct OsRandom;

impl SecureRandom for OsRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        getrandom::fill(out).map_err(|_| RandomUnavailable)
    }
}
