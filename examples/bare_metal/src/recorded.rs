//! The answers of a recorded attestation in place of a mailbox, so that the program runs to its end: its stack
//! can be measured. The file is made by `footprint`.

use core::sync::atomic::{AtomicUsize, Ordering};

/// What the random number generator returned then.
pub(crate) const RANDOM: u8 = 0x5A;

/// ROOT, then each response behind its length in two bytes, little-endian.
static RECORDED: &[u8] = include_bytes!(env!("SPDM_RECORDED"));

/// SHA-384 of the root certificate.
pub(crate) static ROOT: [u8; 48] = root();

const fn root() -> [u8; 48] {
    match RECORDED.first_chunk() {
        Some(root) => *root,
        None => [0; 48],
    }
}

/// Where the next response is.
static NEXT: AtomicUsize = AtomicUsize::new(48);

/// Writes the next response; returns its length.
pub(crate) fn arrived(buffer: &mut [u8]) -> usize {
    let at = NEXT.load(Ordering::Relaxed);
    let Some((len, rest)) = RECORDED.get(at..).and_then(|rest| rest.split_first_chunk()) else {
        return 0;
    };
    let len = usize::from(u16::from_le_bytes(*len));
    let (Some(place), Some(response)) = (buffer.get_mut(..len), rest.get(..len)) else { return 0 };
    place.copy_from_slice(response);
    NEXT.store(at + 2 + len, Ordering::Relaxed);
    len
}
