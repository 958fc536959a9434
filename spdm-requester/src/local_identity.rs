//! Who the requester is: what it shows and signs with where a device wants to authenticate it.

use core::fmt;

use spdm_codec::{
    AlgStructs, BaseAsymAlgo, CapabilityFlags, KeySlot, PqcAsymAlgo, SlotId, SlotMask,
};
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Provider, Sign, Unsupported};

/// A certificate chain of the requester and the key of its leaf, which never comes out of its handle.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct LocalChain<'a> {
    /// The root's certificate in DER: its hash is `RootHash`.
    pub root: &'a [u8],
    /// The certificates in DER, one behind the other, the leaf last. The root may be the first of them, or be left out.
    pub certificates: &'a [u8],
    /// What signs for the leaf.
    pub key: &'a dyn Sign,
}

/// A public key that was provisioned to the device, and what signs for it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct LocalKey<'a> {
    /// The DER SubjectPublicKeyInfo.
    pub public_key: &'a [u8],
    /// What signs for it.
    pub key: &'a dyn Sign,
}

/// Who the requester is (mutual authentication): certificate chains in slots, or a public key that the device was given
/// before. It is lent with [`Storage::with_identity`](crate::Storage::with_identity), and
/// [`Offer::with_identity`](crate::Offer::with_identity) announces it.
#[derive(Clone, Copy, Debug)]
pub struct LocalIdentity<'a>(Keys<'a>);

#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "one, lent by reference")]
enum Keys<'a> {
    Chains([Option<LocalChain<'a>>; 8]),
    PublicKey(LocalKey<'a>),
}

impl<'a> LocalIdentity<'a> {
    /// A certificate chain in this slot (CERT_CAP). Slot 0 is the one that most devices ask for.
    #[must_use]
    pub fn with_chain(slot: SlotId, chain: LocalChain<'a>) -> Self {
        Self(Keys::Chains([None; 8])).and_chain(slot, chain)
    }

    /// A further chain. It takes the place of a public key, and of another chain in this slot.
    #[must_use]
    pub fn and_chain(self, slot: SlotId, chain: LocalChain<'a>) -> Self {
        let mut chains = match self.0 {
            Keys::Chains(chains) => chains,
            Keys::PublicKey(_) => [None; 8],
        };
        if let Some(place) = chains.get_mut(slot.index()) {
            *place = Some(chain);
        }
        Self(Keys::Chains(chains))
    }

    /// A public key without certificates (PUB_KEY_ID_CAP).
    #[must_use]
    pub const fn with_public_key(key: LocalKey<'a>) -> Self {
        Self(Keys::PublicKey(key))
    }

    /// `Flags` of GET_CAPABILITIES that announce it.
    #[must_use]
    pub fn capabilities(&self) -> CapabilityFlags {
        let kind = match self.0 {
            Keys::Chains(_) => CapabilityFlags::CERT_CAP,
            Keys::PublicKey(_) => CapabilityFlags::PUB_KEY_ID_CAP,
        };
        let answers = CapabilityFlags::CHAL_CAP | CapabilityFlags::ENCAP_CAP;
        kind | answers | CapabilityFlags::MUT_AUTH_CAP
    }

    /// The algorithms of its keys, as ReqBaseAsymAlg and ReqPqcAsymAlg.
    fn algorithms(&self) -> (BaseAsymAlgo, PqcAsymAlgo) {
        let (mut base, mut pqc) = (BaseAsymAlgo::empty(), PqcAsymAlgo::empty());
        let mut add = |key: &dyn Sign| {
            base |= key.algorithm().base_asym().unwrap_or_default();
            pqc |= key.algorithm().pqc_asym().unwrap_or_default();
        };
        match &self.0 {
            Keys::Chains(chains) => chains.iter().flatten().for_each(|chain| add(chain.key)),
            Keys::PublicKey(key) => add(key.key),
        }
        (base, pqc)
    }

    /// Adds what announces its algorithms.
    pub(crate) fn announce(&self, structs: &mut AlgStructs) {
        let (base, pqc) = self.algorithms();
        structs.req_base_asym = (!base.is_empty()).then_some(base);
        structs.req_pqc_asym = (!pqc.is_empty()).then_some(pqc);
    }

    /// Bytes of the longest signature.
    pub(crate) fn signature_len(&self) -> usize {
        let longest = |key: &dyn Sign| key.algorithm().signature_len();
        match &self.0 {
            Keys::Chains(chains) => {
                chains.iter().flatten().map(|chain| longest(chain.key)).max().unwrap_or(0)
            }
            Keys::PublicKey(key) => longest(key.key),
        }
    }

    /// Bytes of the longest chain, with the longest hash.
    pub(crate) fn longest_chain(&self) -> usize {
        match &self.0 {
            Keys::Chains(chains) => {
                let lens = chains.iter().flatten().map(|chain| chain.len(HashAlgorithm::Sha512));
                lens.max().unwrap_or(0)
            }
            Keys::PublicKey(_) => 0,
        }
    }

    /// The chain in a slot, where it is one of this algorithm.
    pub(crate) fn chain(&self, slot: SlotId, asym: AsymAlgorithm) -> Option<&LocalChain<'a>> {
        match &self.0 {
            Keys::Chains(chains) => {
                let chain = chains.get(slot.index())?.as_ref()?;
                (chain.key.algorithm() == asym).then_some(chain)
            }
            Keys::PublicKey(_) => None,
        }
    }

    /// The slots with a chain of this algorithm.
    pub(crate) fn provisioned(&self, asym: AsymAlgorithm) -> SlotMask {
        let slots = (0..8).filter_map(SlotId::new);
        let with_chain = slots.filter(|slot| self.chain(*slot, asym).is_some());
        SlotMask(with_chain.fold(0, |mask, slot| mask | (1 << slot.get())))
    }

    /// What signs for a slot, and the hash that says whose key that is; `None` where there is no key of this algorithm.
    pub(crate) fn signer(
        &self,
        provider: &Provider,
        slot: KeySlot,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    ) -> Option<(&'a dyn Sign, Result<Digest, Unsupported>)> {
        match (slot, &self.0) {
            (KeySlot::Slot(slot), _) => {
                let chain = self.chain(slot, asym)?;
                Some((chain.key, chain.digest(provider, hash)))
            }
            (KeySlot::PublicKey, Keys::PublicKey(key)) if key.key.algorithm() == asym => {
                Some((key.key, provider.hash.digest(hash, &[key.public_key])))
            }
            (KeySlot::PublicKey, _) => None,
        }
    }
}

/// Bytes in front of RootHash: the length of the chain.
const HEADER_LEN: usize = 4;

impl LocalChain<'_> {
    /// Bytes of the certificate chain structure (DSP0274 §Certificates and certificate chains).
    pub(crate) fn len(&self, hash: HashAlgorithm) -> usize {
        HEADER_LEN.saturating_add(hash.digest_len()).saturating_add(self.certificates.len())
    }

    /// The length of the structure, as it begins: before 1.4 its upper half is reserved and 0.
    fn header(&self, hash: HashAlgorithm) -> [u8; HEADER_LEN] {
        u32::try_from(self.len(hash)).unwrap_or(u32::MAX).to_le_bytes()
    }

    /// The hash of the structure.
    pub(crate) fn digest(
        &self,
        provider: &Provider,
        hash: HashAlgorithm,
    ) -> Result<Digest, Unsupported> {
        let root = provider.hash.digest(hash, &[self.root])?;
        let parts = [&self.header(hash)[..], root.as_bytes(), self.certificates];
        provider.hash.digest(hash, &parts)
    }

    /// Copies the structure from an offset on, as much as fits `out`: how many bytes that are.
    pub(crate) fn copy(
        &self,
        provider: &Provider,
        hash: HashAlgorithm,
        offset: usize,
        out: &mut [u8],
    ) -> Result<usize, Unsupported> {
        let root = provider.hash.digest(hash, &[self.root])?;
        let header = self.header(hash);
        let bytes = header.iter().chain(root.as_bytes()).chain(self.certificates);
        let mut len = 0;
        for (place, byte) in out.iter_mut().zip(bytes.skip(offset)) {
            *place = *byte;
            len += 1;
        }
        Ok(len)
    }
}

/// Why the requester cannot prove who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthenticationFault {
    /// The device wants to authenticate the requester, which was lent no identity.
    NoIdentity,
    /// There is no chain of the negotiated algorithm in the slot that the device wants.
    SlotEmpty {
        /// The slot.
        slot: SlotId,
    },
    /// There is no public key of the negotiated algorithm.
    NoPublicKey,
    /// The key did not sign.
    Sign(spdm_crypto::SignError),
}

impl fmt::Display for AuthenticationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => {
                f.write_str("the device wants the host to prove who it is, and it has no identity")
            }
            Self::SlotEmpty { slot } => {
                write!(f, "the device wants the host's chain in slot {slot}, which is empty")
            }
            Self::NoPublicKey => {
                f.write_str("the device wants the host's public key, and it has certificates only")
            }
            Self::Sign(error) => write!(f, "the host's key did not sign: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalChain, LocalIdentity, LocalKey};
    use spdm_codec::{CapabilityFlags, KeySlot, SlotId, SlotMask, SpdmVersion};
    use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
    use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
    use std::vec;

    const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
    const P384: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);

    fn key(asym: AsymAlgorithm) -> SoftwareKey {
        SoftwareKey::from_seed(asym, [1; 32]).unwrap()
    }

    #[test]
    fn a_chain_is_its_length_the_hash_of_the_root_and_the_certificates() {
        let key = key(P256);
        let chain = LocalChain { root: b"root", certificates: b"root and leaf", key: &key };
        let hash = HashAlgorithm::Sha384;
        let root = PROVIDER.hash.digest(hash, &[b"root"]).unwrap();
        let whole = [&[4 + 48 + 13, 0, 0, 0][..], root.as_bytes(), b"root and leaf"].concat();
        assert_eq!(chain.len(hash), whole.len());
        assert_eq!(
            chain.digest(&PROVIDER, hash).unwrap(),
            PROVIDER.hash.digest(hash, &[&whole]).unwrap()
        );
        for offset in 0..whole.len() + 2 {
            for room in [0, 1, 50, 100] {
                let mut out = vec![0; room];
                let len = chain.copy(&PROVIDER, hash, offset, &mut out).unwrap();
                let expected = whole.get(offset..).unwrap_or_default();
                assert_eq!(out[..len], expected[..expected.len().min(room)]);
            }
        }
    }

    #[test]
    fn slots_have_the_keys_of_the_algorithm_that_was_negotiated() {
        let (small, large) = (key(P256), key(P384));
        let chain = |key| LocalChain { root: b"r", certificates: b"rl", key };
        let two = SlotId::new(2).unwrap();
        let identity =
            LocalIdentity::with_chain(SlotId::ZERO, chain(&small)).and_chain(two, chain(&large));
        assert_eq!(identity.provisioned(P256), SlotMask(1));
        assert_eq!(identity.provisioned(P384), SlotMask(4));
        assert_eq!(identity.signature_len(), 96);
        let hash = HashAlgorithm::Sha256;
        let signer = |slot, asym| identity.signer(&PROVIDER, slot, asym, hash).is_some();
        assert!(signer(KeySlot::Slot(two), P384) && !signer(KeySlot::Slot(two), P256));
        assert!(!signer(KeySlot::PublicKey, P256));
        let key = LocalIdentity::with_public_key(LocalKey { public_key: b"spki", key: &small });
        assert!(key.signer(&PROVIDER, KeySlot::PublicKey, P256, hash).is_some());
        assert!(key.signer(&PROVIDER, KeySlot::PublicKey, P384, hash).is_none());
        assert!(key.signer(&PROVIDER, KeySlot::Slot(SlotId::ZERO), P256, hash).is_none());
    }

    #[test]
    fn what_announces_an_identity_breaks_no_rule() {
        let key = key(P256);
        let chain = LocalChain { root: b"r", certificates: b"rl", key: &key };
        let kinds = [
            LocalIdentity::with_chain(SlotId::ZERO, chain),
            LocalIdentity::with_public_key(LocalKey { public_key: b"spki", key: &key }),
        ];
        for identity in kinds {
            for version in SpdmVersion::ALL {
                let flags =
                    identity.capabilities() & CapabilityFlags::defined_for_requester(version);
                assert_eq!(flags.broken_by_requester(version), None, "{version}");
            }
        }
    }
}
