//! Who the requester is: what it shows and signs with where a device wants to authenticate it.

use core::fmt;

use spdm_codec::{
    AlgStructs, BaseAsymAlgo, CapabilityFlags, CertificateModel, ConnectionKeys, KeySlot, KeyUsage,
    PqcAsymAlgo, SlotId, SlotKey, SlotMask,
};
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Provider, Sign, Unsupported};

use crate::encapsulation::Suite;

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
pub struct LocalIdentity<'a> {
    keys: Keys<'a>,
    /// `EPInfo`.
    endpoint_info: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "one, lent by reference")]
enum Keys<'a> {
    Chains([Option<Slot<'a>>; 8]),
    PublicKey(LocalKey<'a>),
}

/// A chain in its slot.
#[derive(Clone, Copy, Debug)]
struct Slot<'a> {
    chain: LocalChain<'a>,
    /// What a connection with several keys says of its key, where the caller said it.
    key: Option<SlotKey>,
}

impl<'a> LocalIdentity<'a> {
    /// A certificate chain in this slot (CERT_CAP). Slot 0 is the one that most devices ask for.
    #[must_use]
    pub fn with_chain(slot: SlotId, chain: LocalChain<'a>) -> Self {
        Self::of(Keys::Chains([None; 8])).and_chain(slot, chain)
    }

    /// A further chain. It takes the place of a public key, and of another chain in this slot.
    #[must_use]
    pub fn and_chain(self, slot: SlotId, chain: LocalChain<'a>) -> Self {
        let mut chains = match self.keys {
            Keys::Chains(chains) => chains,
            Keys::PublicKey(_) => [None; 8],
        };
        if let Some(place) = chains.get_mut(slot.index()) {
            *place = Some(Slot { chain, key: None });
        }
        Self { keys: Keys::Chains(chains), ..self }
    }

    /// What DIGESTS says of the key in this slot where the connection has several keys of the Requester (1.3), which such a
    /// word announces (MULTI_KEY_CAP 2; the device chooses): its key pair, its certificate model and what it may sign. It does
    /// not count where the slot is empty. A key of which nothing is said is one for FINISH, CHALLENGE_AUTH and ENDPOINT_INFO,
    /// with a device certificate.
    #[must_use]
    pub fn and_key(mut self, slot: SlotId, key: SlotKey) -> Self {
        if let Keys::Chains(chains) = &mut self.keys
            && let Some(Some(slot)) = chains.get_mut(slot.index())
        {
            slot.key = Some(key);
        }
        self
    }

    /// A public key without certificates (PUB_KEY_ID_CAP).
    #[must_use]
    pub const fn with_public_key(key: LocalKey<'a>) -> Self {
        Self::of(Keys::PublicKey(key))
    }

    const fn of(keys: Keys<'a>) -> Self {
        Self { keys, endpoint_info: None }
    }

    /// What the requester says of itself where the device asks with GET_ENDPOINT_INFO (1.3): encoded
    /// [`DeviceClassIdentifiers`](spdm_codec::DeviceClassIdentifiers), which the same keys sign (EP_INFO_CAP 2).
    #[must_use]
    pub const fn with_endpoint_info(mut self, info: &'a [u8]) -> Self {
        self.endpoint_info = Some(info);
        self
    }

    /// `EPInfo`.
    pub(crate) const fn endpoint_info(&self) -> Option<&'a [u8]> {
        self.endpoint_info
    }

    /// `Flags` of GET_CAPABILITIES that announce it.
    #[must_use]
    pub fn capabilities(&self) -> CapabilityFlags {
        let kind = match &self.keys {
            Keys::Chains(chains) if chains.iter().flatten().any(|slot| slot.key.is_some()) => {
                CapabilityFlags::CERT_CAP | CapabilityFlags::MULTI_KEY_CAP_NEG
            }
            Keys::Chains(_) => CapabilityFlags::CERT_CAP,
            Keys::PublicKey(_) => CapabilityFlags::PUB_KEY_ID_CAP,
        };
        let answers = CapabilityFlags::CHAL_CAP | CapabilityFlags::ENCAP_CAP;
        let endpoint = match self.endpoint_info {
            Some(_) => CapabilityFlags::EP_INFO_CAP_SIG,
            None => CapabilityFlags::empty(),
        };
        kind | answers | CapabilityFlags::MUT_AUTH_CAP | endpoint
    }

    /// The algorithms of its keys, as ReqBaseAsymAlg and ReqPqcAsymAlg.
    fn algorithms(&self) -> (BaseAsymAlgo, PqcAsymAlgo) {
        let (mut base, mut pqc) = (BaseAsymAlgo::empty(), PqcAsymAlgo::empty());
        let mut add = |key: &dyn Sign| {
            base |= key.algorithm().base_asym().unwrap_or_default();
            pqc |= key.algorithm().pqc_asym().unwrap_or_default();
        };
        match &self.keys {
            Keys::Chains(chains) => chains.iter().flatten().for_each(|slot| add(slot.chain.key)),
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
        match &self.keys {
            Keys::Chains(chains) => {
                chains.iter().flatten().map(|slot| longest(slot.chain.key)).max().unwrap_or(0)
            }
            Keys::PublicKey(key) => longest(key.key),
        }
    }

    /// Bytes of the longest chain, with the longest hash.
    pub(crate) fn longest_chain(&self) -> usize {
        match &self.keys {
            Keys::Chains(chains) => {
                let lens =
                    chains.iter().flatten().map(|slot| slot.chain.len(HashAlgorithm::Sha512));
                lens.max().unwrap_or(0)
            }
            Keys::PublicKey(_) => 0,
        }
    }

    /// The chain in a slot, where it is one of this algorithm.
    pub(crate) fn chain(&self, slot: SlotId, asym: AsymAlgorithm) -> Option<&LocalChain<'a>> {
        match &self.keys {
            Keys::Chains(chains) => {
                let chain = &chains.get(slot.index())?.as_ref()?.chain;
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

    /// What a connection with several keys says of the key in a slot.
    pub(crate) fn slot_key(&self, slot: SlotId) -> SlotKey {
        let said = match &self.keys {
            Keys::Chains(chains) => chains.get(slot.index()).and_then(|slot| slot.as_ref()?.key),
            Keys::PublicKey(_) => None,
        };
        said.unwrap_or_else(|| SlotKey {
            key_pair_id: slot.get().saturating_add(1),
            model: CertificateModel::DeviceCert,
            usage: KeyUsage::KEY_EX | KeyUsage::CHALLENGE | KeyUsage::ENDPOINT_INFO,
        })
    }

    /// What signs for a slot, and the hash that says whose key that is; on a connection with several keys only where it is a
    /// key for this.
    ///
    /// # Errors
    /// [`AuthenticationFault`] where there is no such key of the suite.
    pub(crate) fn signer(
        &self,
        provider: &Provider,
        slot: KeySlot,
        suite: &Suite,
        usage: KeyUsage,
    ) -> Result<(&'a dyn Sign, Result<Digest, Unsupported>), AuthenticationFault> {
        match (slot, &self.keys) {
            (KeySlot::Slot(slot), _) => {
                let chain = self.chain(slot, suite.asym);
                let chain = chain.ok_or(AuthenticationFault::SlotEmpty { slot })?;
                let several = suite.keys == ConnectionKeys::Multi;
                if several && !self.slot_key(slot).usage.contains(usage) {
                    return Err(AuthenticationFault::KeyUsage { slot });
                }
                Ok((chain.key, chain.digest(provider, suite.hash)))
            }
            (KeySlot::PublicKey, Keys::PublicKey(key)) if key.key.algorithm() == suite.asym => {
                Ok((key.key, provider.hash.digest(suite.hash, &[key.public_key])))
            }
            (KeySlot::PublicKey, _) => Err(AuthenticationFault::NoPublicKey),
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
    /// The key in the slot that the device wants is not one for this: `KeyUsageMask`, on a connection with several keys (1.3).
    KeyUsage {
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
            Self::KeyUsage { slot } => write!(
                f,
                "the device wants a signature of the host's key in slot {slot}, which is not for that"
            ),
            Self::NoPublicKey => {
                f.write_str("the device wants the host's public key, and it has certificates only")
            }
            Self::Sign(error) => write!(f, "the host's key did not sign: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthenticationFault, LocalChain, LocalIdentity, LocalKey, Suite};
    use spdm_codec::{
        CapabilityFlags, CertificateModel, ConnectionKeys, KeySlot, KeyUsage, SlotId, SlotKey,
        SlotMask, SpdmVersion,
    };
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
        let (version, keys) = (SpdmVersion::V1_3, ConnectionKeys::Single);
        let suite = |asym| Suite { version, asym, hash, keys };
        let usage = KeyUsage::KEY_EX;
        let signer = |slot, asym| identity.signer(&PROVIDER, slot, &suite(asym), usage).is_ok();
        assert!(signer(KeySlot::Slot(two), P384) && !signer(KeySlot::Slot(two), P256));
        assert!(!signer(KeySlot::PublicKey, P256));
        let key = LocalIdentity::with_public_key(LocalKey { public_key: b"spki", key: &small });
        assert!(key.signer(&PROVIDER, KeySlot::PublicKey, &suite(P256), usage).is_ok());
        assert!(key.signer(&PROVIDER, KeySlot::PublicKey, &suite(P384), usage).is_err());
        assert!(key.signer(&PROVIDER, KeySlot::Slot(SlotId::ZERO), &suite(P256), usage).is_err());
        // Where there are several keys, each is for something.
        let mut suite = suite(P384);
        suite.keys = ConnectionKeys::Multi;
        let said = SlotKey { usage: KeyUsage::CHALLENGE, ..identity.slot_key(two) };
        let identity = identity.and_key(two, said);
        let signer = |usage| identity.signer(&PROVIDER, KeySlot::Slot(two), &suite, usage).err();
        assert_eq!(signer(KeyUsage::CHALLENGE), None);
        assert_eq!(signer(usage), Some(AuthenticationFault::KeyUsage { slot: two }));
    }

    #[test]
    fn what_announces_an_identity_breaks_no_rule() {
        let key = key(P256);
        let chain = LocalChain { root: b"r", certificates: b"rl", key: &key };
        let (key_pair_id, model) = (1, CertificateModel::DeviceCert);
        let said = SlotKey { key_pair_id, model, usage: KeyUsage::KEY_EX };
        let kinds = [
            LocalIdentity::with_chain(SlotId::ZERO, chain),
            LocalIdentity::with_chain(SlotId::ZERO, chain).and_key(SlotId::ZERO, said),
            LocalIdentity::with_chain(SlotId::ZERO, chain).with_endpoint_info(b"info"),
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
