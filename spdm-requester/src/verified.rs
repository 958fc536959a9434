//! An authenticated device.

use spdm_x509::{Identity, Trusted};

use crate::error::Error;
use crate::possession::Possession;

/// An authenticated device: its identity is trusted, and it holds the identity's key.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'c> {
    possession: Possession<'c>,
}

impl<'c> Verified<'c> {
    /// Joins the two proofs. There is no other way to a value of this type.
    ///
    /// # Errors
    /// [`Error::IdentityMismatch`] unless both are about the same slot, version, algorithms, key and digest.
    pub fn new(possession: Possession<'c>, trusted: &Trusted<'c>) -> Result<Self, Error> {
        if possession.is_of(trusted) {
            Ok(Self { possession })
        } else {
            Err(Error::IdentityMismatch)
        }
    }

    /// The device's identity.
    #[must_use]
    pub const fn identity(&self) -> &Identity<'c> {
        self.possession.identity()
    }

    /// The proof that the device holds the key.
    #[must_use]
    pub const fn possession(&self) -> &Possession<'c> {
        &self.possession
    }
}
