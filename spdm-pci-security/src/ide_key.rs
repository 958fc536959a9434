//! A key of link and stream encryption.

use core::fmt;

use zeroize::Zeroize as _;

/// A key of 256 bits and the initial value of its invocation field, as KEY_PROG has them on the wire. Erased when it is dropped.
#[derive(Clone)]
pub struct IdeKey {
    pub(crate) key: [u8; 32],
    pub(crate) ifv: [u8; 8],
}

impl IdeKey {
    /// Bytes of a key and its initial value.
    pub const LEN: usize = 40;

    /// The key, and the initial value behind it; `None` where there are more or fewer bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (key, ifv) = bytes.split_first_chunk()?;
        Some(Self { key: *key, ifv: ifv.try_into().ok()? })
    }
}

impl fmt::Debug for IdeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdeKey").finish_non_exhaustive()
    }
}

impl Drop for IdeKey {
    fn drop(&mut self) {
        self.key.zeroize();
        self.ifv.zeroize();
    }
}
