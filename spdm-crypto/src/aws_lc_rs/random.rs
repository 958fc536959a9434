//! Random bytes.

use crate::random::{RandomUnavailable, SecureRandom};

/// The generator of AWS-LC, seeded by the operating system.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl SecureRandom for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        ::aws_lc_rs::rand::fill(out).map_err(|_| RandomUnavailable)
    }
}
