//! Signatures of certificates that were verified before, by whatever chain they came in.

use core::fmt;

use spdm_crypto::{HashAlgorithm, Provider};

/// Remembers which signatures were verified, so that the devices of one certificate authority do not cost its
/// signatures again. Lend it to [`Policy::link_cache`](crate::Policy::link_cache).
///
/// There is no trust in it: that a key signed a certificate stays true, and is all that it knows. Anchors, time,
/// revocations, profile and names are checked each time; so is whether the policy's provider implements the algorithm
/// and accepts the key. A signature that does not verify is never stored.
///
/// It is shared: threads, connections and policies may use one. [`LinkTable`] is the store; with the feature `std` a
/// `Mutex` around one is a `LinkCache`. Without threads of the standard library, wrap the table in the lock of the
/// platform. A store may forget what it likes; one that claims what it was not told breaks the verification.
pub trait LinkCache: fmt::Debug + Send + Sync {
    /// Whether [`Self::insert`] was called with this before.
    fn contains(&self, link: &LinkId) -> bool;

    /// Remembers a signature that was verified.
    fn insert(&self, link: &LinkId);
}

/// Names one verified signature: a collision-resistant hash, cut to 256 bits, of the issuer's SubjectPublicKeyInfo and
/// of the whole certificate that it signed, signatureAlgorithm and signature included.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkId([u8; Self::LEN]);

impl LinkId {
    const LEN: usize = 32;

    /// Separates these hashes from every other use of the hash function.
    const LABEL: &[u8] = b"spdm-x509 verified link 1\0";

    /// `hash` is one that SPDM negotiates, and so collision resistant. `None` where the provider lacks it: then the
    /// signature is verified, and not remembered.
    pub(crate) fn of(
        issuer_key_info: &[u8],
        certificate: &[u8],
        hash: HashAlgorithm,
        provider: &Provider,
    ) -> Option<Self> {
        // The length keeps the two apart.
        let len = u64::try_from(issuer_key_info.len()).ok()?.to_be_bytes();
        let parts = [Self::LABEL, &len, issuer_key_info, certificate];
        let digest = provider.hash.digest(hash, &parts).ok()?;
        digest.as_bytes().first_chunk().copied().map(Self)
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Up to `N` verified signatures, 33 bytes each, without allocation. Where it is full, the new replace the old.
#[derive(Clone, Debug)]
pub struct LinkTable<const N: usize> {
    places: [Option<LinkId>; N],
}

/// Each signature has this many places.
const WAYS: usize = 4;

impl<const N: usize> LinkTable<N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: [None; N] }
    }

    /// Whether it holds this signature.
    #[must_use]
    pub fn contains(&self, link: &LinkId) -> bool {
        Self::places_of(link).any(|place| self.places.get(place) == Some(&Some(*link)))
    }

    /// Stores this signature.
    pub fn insert(&mut self, link: &LinkId) {
        if self.contains(link) {
            return;
        }
        let is_free = |place: &usize| self.places.get(*place) == Some(&None);
        // Which one has to go is as random as the hash is.
        let [.., last] = link.0;
        let victim = || Self::places_of(link).nth(usize::from(last) % WAYS);
        let place = Self::places_of(link).find(is_free).or_else(victim);
        if let Some(place) = place.and_then(|place| self.places.get_mut(place)) {
            *place = Some(*link);
        }
    }

    /// The places that this signature may have.
    fn places_of(link: &LinkId) -> impl Iterator<Item = usize> + use<N> {
        let [a, b, c, d, ..] = link.0;
        let start = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default();
        (0..WAYS).filter_map(move |way| start.wrapping_add(way).checked_rem(N))
    }
}

impl<const N: usize> Default for LinkTable<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a thread panicked while it held the lock, nothing is known any more, and nothing is remembered.
#[cfg(feature = "std")]
impl<const N: usize> LinkCache for std::sync::Mutex<LinkTable<N>> {
    fn contains(&self, link: &LinkId) -> bool {
        self.lock().is_ok_and(|table| table.contains(link))
    }

    fn insert(&self, link: &LinkId) {
        if let Ok(mut table) = self.lock() {
            table.insert(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkId, LinkTable, WAYS};
    use crate::testing::HASH;
    use spdm_crypto::rustcrypto::PROVIDER;

    fn link(key: &[u8], certificate: &[u8]) -> LinkId {
        LinkId::of(key, certificate, HASH, &PROVIDER).unwrap()
    }

    #[test]
    fn every_byte_of_key_and_certificate_counts() {
        assert_eq!(link(b"key", b"certificate"), link(b"key", b"certificate"));
        for (key, certificate) in
            [(&b"kez"[..], &b"certificate"[..]), (b"key", b"certificatf"), (b"keyc", b"ertificate")]
        {
            assert_ne!(link(b"key", b"certificate"), link(key, certificate));
        }
    }

    #[test]
    fn a_table_is_bounded_and_keeps_the_newest() {
        let mut table = LinkTable::<8>::new();
        for number in 0..1000_u32 {
            let new = link(b"", &number.to_be_bytes());
            assert!(!table.contains(&new));
            table.insert(&new);
            table.insert(&new);
            assert!(table.contains(&new));
        }
        let held = (0..1000_u32).filter(|number| table.contains(&link(b"", &number.to_be_bytes())));
        assert_eq!(held.count(), 8);
    }

    #[test]
    fn a_small_table_uses_all_of_its_places() {
        let mut table = LinkTable::<WAYS>::new();
        let links: [_; WAYS] = core::array::from_fn(|number| link(b"", &number.to_be_bytes()));
        links.iter().for_each(|link| table.insert(link));
        assert!(links.iter().all(|link| table.contains(link)));
        let mut none = LinkTable::<0>::default();
        none.insert(&links[0]);
        assert!(!none.contains(&links[0]));
    }
}
