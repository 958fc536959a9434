//! Key material by value: erased on drop, without `Debug` content, copies or comparison.

use core::fmt;

use zeroize::Zeroizing;

/// A secret of ours that belongs to a backend: the bytes of a key, or a handle to a key that never leaves
/// the backend's hardware.
///
/// What the bytes mean is the backend's business; a backend that is given a secret of another kind refuses
/// it. Moving a value may leave its bytes behind on the stack: keep secrets where they are made.
pub struct Secret {
    bytes: Zeroizing<[u8; Self::MAX]>,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Bytes { len: usize },
    Handle(u64),
}

impl Secret {
    /// The longest secret in bytes: a scalar of P-521.
    pub const MAX: usize = 66;

    /// A secret of these bytes; `None` above [`Self::MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::zeroed(bytes.len())?;
        secret.place().copy_from_slice(bytes);
        Some(secret)
    }

    /// A secret of zeros, to be written in [`Self::place`]; `None` above [`Self::MAX`] bytes.
    #[must_use]
    pub fn zeroed(len: usize) -> Option<Self> {
        let bytes = Zeroizing::new([0; Self::MAX]);
        (len <= Self::MAX).then_some(Self { bytes, form: Form::Bytes { len } })
    }

    /// The place of the bytes, for backends; empty for a handle.
    pub fn place(&mut self) -> &mut [u8] {
        let len = match self.form {
            Form::Bytes { len } => len,
            Form::Handle(_) => 0,
        };
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    /// A secret that the backend keeps; `handle` is what it calls it.
    #[must_use]
    pub fn from_handle(handle: u64) -> Self {
        Self { bytes: Zeroizing::new([0; Self::MAX]), form: Form::Handle(handle) }
    }

    /// The bytes, for backends; `None` for a handle.
    #[must_use]
    pub fn expose_secret(&self) -> Option<&[u8]> {
        match self.form {
            Form::Bytes { len } => self.bytes.get(..len),
            Form::Handle(_) => None,
        }
    }

    /// The handle, for backends; `None` for bytes.
    #[must_use]
    pub const fn handle(&self) -> Option<u64> {
        match self.form {
            Form::Bytes { .. } => None,
            Form::Handle(handle) => Some(handle),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn bytes_and_handles_are_not_mixed_up() {
        let secret = Secret::new(&[7; 66]).unwrap();
        assert_eq!((secret.expose_secret(), secret.handle()), (Some(&[7; 66][..]), None));
        let secret = Secret::from_handle(7);
        assert_eq!((secret.expose_secret(), secret.handle()), (None, Some(7)));
        assert!(Secret::new(&[7; 67]).is_none());
        assert_eq!(Secret::new(&[]).unwrap().expose_secret(), Some(&[][..]));
    }

    #[test]
    fn debug_shows_nothing() {
        for secret in [Secret::new(&[7; 32]).unwrap(), Secret::from_handle(7)] {
            assert_eq!(std::format!("{secret:?}"), "Secret { .. }");
        }
    }
}
