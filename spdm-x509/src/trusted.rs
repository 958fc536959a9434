//! The proof that a chain or a key is trusted.

use crate::identity::{Identity, ProvisionedKey};

/// Proof that a policy trusts a chain, or that the caller provisioned a key.
///
/// It does not say that the peer on the line has the key: that takes a signature over a fresh nonce.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'c> {
    pub(crate) identity: Identity<'c>,
    pub(crate) time_checked: bool,
    pub(crate) anchor_index: Option<usize>,
    /// The first certificate whose signature was verified.
    pub(crate) first_below_anchor: u16,
}

impl<'c> Trusted<'c> {
    /// A key is trusted because the caller got it out of band.
    #[must_use]
    pub const fn provisioned(key: ProvisionedKey<'c>) -> Self {
        Self {
            identity: Identity::Key(key),
            time_checked: false,
            anchor_index: None,
            first_below_anchor: 0,
        }
    }

    /// Who is trusted.
    #[must_use]
    pub const fn identity(&self) -> &Identity<'c> {
        &self.identity
    }

    /// Whether validity periods were held against a clock; `false` also for a provisioned key, which has
    /// none.
    #[must_use]
    pub const fn time_checked(&self) -> bool {
        self.time_checked
    }

    /// Which of [`Policy::anchors`](crate::Policy::anchors) vouches for it, counted from 0; `None` for a
    /// provisioned key.
    #[must_use]
    pub const fn anchor_index(&self) -> Option<usize> {
        self.anchor_index
    }
}
