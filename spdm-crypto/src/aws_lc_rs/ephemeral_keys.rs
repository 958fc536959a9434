//! Private keys between the request and the response of a key exchange. AWS-LC checks a key when it is made out of bytes, and
//! ML-KEM expands its seed, which takes as long as an agreement: so a key is made once, stays here, and its [`Secret`] is
//! a handle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::secret::Secret;

/// Keys by their handles: as many as key exchanges are under way.
#[derive(Debug)]
pub(super) struct EphemeralKeys<K>(Mutex<Kept<K>>);

#[derive(Debug)]
struct Kept<K> {
    /// How many there were; a handle is never used again.
    count: u64,
    keys: Vec<(u64, Arc<K>)>,
}

impl<K> EphemeralKeys<K> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Kept { count: 0, keys: Vec::new() }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K>> {
        // No state is half changed: nothing panics between two changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a key until [`Self::forget`].
    pub(super) fn keep(&self, key: K) -> Secret {
        let mut kept = self.kept();
        let handle = kept.count;
        kept.count = handle.wrapping_add(1);
        kept.keys.push((handle, Arc::new(key)));
        Secret::from_handle(handle)
    }

    /// The key; `None` for a secret that is none of these.
    pub(super) fn get(&self, secret: &Secret) -> Option<Arc<K>> {
        let handle = secret.handle()?;
        let kept = self.kept();
        let (_, key) = kept.keys.iter().find(|(known, _)| *known == handle)?;
        Some(Arc::clone(key))
    }

    /// The key is not needed any more.
    pub(super) fn forget(&self, secret: &Secret) {
        if let Some(handle) = secret.handle() {
            self.kept().keys.retain(|(known, _)| *known != handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EphemeralKeys;
    use crate::secret::Secret;

    #[test]
    fn a_key_is_there_until_it_is_forgotten() {
        let keys = EphemeralKeys::new();
        let (first, second) = (keys.keep(1), keys.keep(2));
        assert_eq!(keys.get(&second).as_deref(), Some(&2));
        keys.forget(&second);
        keys.forget(&second);
        assert_eq!((keys.get(&first).as_deref(), keys.get(&second)), (Some(&1), None));
        let third = keys.keep(3);
        assert_eq!((keys.get(&second), keys.get(&third).as_deref()), (None, Some(&3)));
        assert_eq!(keys.get(&Secret::from_handle(u64::MAX)), None);
        assert_eq!(keys.get(&Secret::zeroed(8).unwrap()), None);
    }
}
