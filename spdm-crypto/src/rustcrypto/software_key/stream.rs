//! A deterministic stream of bytes out of a secret.

use core::array;
use core::convert::Infallible;

use digest::Digest as _;
use p256::elliptic_curve::zeroize::Zeroize as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use sha2::Sha512;

/// SHA-512 in counter mode: block i is SHA-512 of the lengths and bytes of the parts, then of i.
///
/// As unpredictable as the secret among the parts.
pub(super) struct Stream {
    parts: Sha512,
    counter: u64,
    block: [u8; 64],
    used: usize,
}

impl Stream {
    pub(super) fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha512::new();
        for part in parts {
            let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hash.update(len.to_be_bytes());
            hash.update(part);
        }
        Self { parts: hash, counter: 0, block: [0; 64], used: 64 }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        array::from_fn(|_| self.byte())
    }

    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.get(self.used) {
            self.used += 1;
            return *byte;
        }
        let next = self.parts.clone().chain_update(self.counter.to_be_bytes());
        self.block = next.finalize().into();
        self.counter += 1;
        self.used = 1;
        let [first, ..] = self.block;
        first
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.block.zeroize();
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use rsa::rand_core::{Rng as _, TryRng as _};

    use super::Stream;

    #[test]
    fn the_stream_depends_on_every_part_and_its_bounds_but_not_on_how_it_is_read() {
        let mut whole = [0; 200];
        Stream::new(&[b"label", b"seed"]).fill_bytes(&mut whole);
        let mut stream = Stream::new(&[b"label", b"seed"]);
        let mut pieces = [0; 200];
        pieces.chunks_mut(7).for_each(|chunk| stream.fill_bytes(chunk));
        assert_eq!(pieces, whole);
        assert_ne!(whole[..64], whole[64..128]);

        for other in [[&b"labels"[..], b"eed"], [b"label", b"sees"]] {
            let mut bytes = [0; 200];
            Stream::new(&other).fill_bytes(&mut bytes);
            assert_ne!(bytes, whole);
        }
        let Ok(word) = Stream::new(&[b"label", b"seed"]).try_next_u32();
        assert_eq!(word.to_be_bytes(), whole[..4]);
    }
}
