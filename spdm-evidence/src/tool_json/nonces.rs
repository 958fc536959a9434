//! The nonces that a file names.

use spdm_codec::RequesterNonce;

use crate::text;

/// The nonces that a file names for a device, beside and around it. The signed one must be all of them: of more than two
/// different ones, two are enough to know that it is not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nonces {
    first: Option<RequesterNonce>,
    other: Option<RequesterNonce>,
}

impl Nonces {
    pub(super) fn add(&mut self, nonce: RequesterNonce) {
        match self.first {
            None => self.first = Some(nonce),
            Some(first) if first == nonce => {}
            Some(_) => self.other = self.other.or(Some(nonce)),
        }
    }

    /// What the file claims: where it names several nonces, one that is not the signed one.
    pub(super) fn claim(self, signed: Option<RequesterNonce>) -> Option<RequesterNonce> {
        if self.first == signed { self.other.or(self.first) } else { self.first }
    }
}

/// The nonce that a text holds.
pub(super) fn nonce(text: &[u8]) -> Option<RequesterNonce> {
    let recognise = |bytes: &[u8]| bytes.try_into().ok().map(RequesterNonce);
    text::unwrapped(text, &recognise)
}
