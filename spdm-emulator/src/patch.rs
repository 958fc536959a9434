//! Changes of single bytes of an encoded message, as faults make them.

/// Changes the byte at `at`, where there is one.
pub(crate) fn patch(bytes: &mut [u8], at: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = change(*byte);
    }
}

/// Overwrites the bytes from `at` on as far as there are any.
pub(crate) fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    let place = bytes.get_mut(at..).unwrap_or_default();
    place.iter_mut().zip(new).for_each(|(place, byte)| *place = *byte);
}
