//! What a peer's signatures are verified with: a chain, or a key that was provisioned out of band.

use spdm_codec::KeySlot;
use spdm_crypto::{AsymAlgorithm, Digest, HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;

use crate::chain::Chain;
use crate::check::Check;
use crate::error::ChainError;
use crate::public_key::PublicKey;
use crate::rule::Rule;
use crate::tlv::{Checked, Tag};

/// A public key that was provisioned out of band, for slot 0xFF (DSP0274, PUB_KEY_ID_CAP).
#[derive(Clone, Copy, Debug)]
pub struct ProvisionedKey<'k> {
    der: &'k [u8],
    key: &'k [u8],
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    digest: Digest,
}

impl<'k> ProvisionedKey<'k> {
    /// Reads a DER SubjectPublicKeyInfo (RFC 7250 §3) with a valid key for `asym`.
    ///
    /// # Errors
    /// [`ChainError`] of [`Check::Format`].
    pub fn parse(
        spki_der: Untrusted<&'k [u8]>,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        provider: &Provider,
    ) -> Result<Self, ChainError> {
        let error = |rule| ChainError::new(Check::Format, rule);
        if !provider.supports(asym, hash) {
            return Err(error(Rule::UnsupportedAsym));
        }
        let (der, key) =
            spki_der.validate_with(|der| read_public_key(der).map(|key| (der, key)))?;
        if !key.algorithm.fits(asym) {
            return Err(error(Rule::KeyAlgorithm));
        }
        let key = key.key;
        provider.check_key(asym, key).map_err(|_| error(Rule::InvalidKey))?;
        let digest = provider.hash.digest(hash, &[der]);
        let digest = digest.map_err(|_| error(Rule::UnsupportedHash))?;
        Ok(Self { der, key, asym, hash, digest })
    }

    /// The SubjectPublicKeyInfo.
    #[must_use]
    pub const fn der(&self) -> &'k [u8] {
        self.der
    }

    /// The key in the encoding of [`AsymAlgorithm`].
    #[must_use]
    pub const fn key(&self) -> &'k [u8] {
        self.key
    }

    /// The algorithm of the key.
    #[must_use]
    pub const fn asym(&self) -> AsymAlgorithm {
        self.asym
    }

    /// The negotiated hash.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// The negotiated hash of [`Self::der`]: `CertChainHash` for slot 0xFF.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }
}

fn read_public_key(der: &[u8]) -> Result<PublicKey<'_>, ChainError> {
    Checked::one(der, Tag::SEQUENCE, Rule::PublicKeySyntax)
        .and_then(PublicKey::parse)
        .map_err(|defect| defect.during(Check::Format, 0, der))
}

/// What a peer's signatures are verified with.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
pub enum Identity<'c> {
    /// The leaf key of a slot's chain.
    Chain(Chain<'c>),
    /// A provisioned key.
    Key(ProvisionedKey<'c>),
}

impl<'c> Identity<'c> {
    /// The slot on the wire.
    #[must_use]
    pub const fn key_slot(&self) -> KeySlot {
        match self {
            Self::Chain(chain) => KeySlot::Slot(chain.slot()),
            Self::Key(_) => KeySlot::PublicKey,
        }
    }

    /// The algorithm of the key.
    #[must_use]
    pub const fn asym(&self) -> AsymAlgorithm {
        match self {
            Self::Chain(chain) => chain.context().asym,
            Self::Key(key) => key.asym(),
        }
    }

    /// The hash that [`Self::digest`] was made with.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        match self {
            Self::Chain(chain) => chain.context().hash,
            Self::Key(key) => key.hash(),
        }
    }

    /// `CertChainHash`: the digest of the whole chain structure, or of the SubjectPublicKeyInfo.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        match self {
            Self::Chain(chain) => chain.digest(),
            Self::Key(key) => key.digest(),
        }
    }

    /// The public key in the encoding of [`AsymAlgorithm`].
    #[must_use]
    pub const fn key(&self) -> &'c [u8] {
        match self {
            Self::Chain(chain) => chain.leaf_key(),
            Self::Key(key) => key.key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ChainError, Check, Identity, KeySlot, ProvisionedKey, Rule};
    use crate::testing::{ASYM, HASH, certificates, key, parse, structure};
    use crate::trusted::Trusted;
    use spdm_codec::SlotId;
    use spdm_crypto::rustcrypto::PROVIDER;
    use spdm_crypto::{AsymAlgorithm, Provider};
    use spdm_untrusted::Untrusted;

    fn provision(der: &[u8], asym: AsymAlgorithm) -> Result<ProvisionedKey<'_>, ChainError> {
        ProvisionedKey::parse(Untrusted::new(der), asym, HASH, &PROVIDER)
    }

    #[test]
    fn a_provisioned_key_is_an_identity() {
        let der = key("Device").to_spki_der();
        let identity = Identity::Key(provision(&der, ASYM).unwrap());
        assert_eq!(identity.key_slot(), KeySlot::PublicKey);
        assert_eq!((identity.asym(), identity.hash()), (ASYM, HASH));
        assert_eq!(identity.key(), key("Device").public_key());
        assert_eq!(*identity.digest(), PROVIDER.hash.digest(HASH, &[&der]).unwrap());
        let trusted = Trusted::provisioned(provision(&der, ASYM).unwrap());
        assert!(!trusted.time_checked());
        assert_eq!(trusted.identity().key(), identity.key());
    }

    #[test]
    fn a_chain_is_an_identity() {
        let certificates = certificates(0);
        let bytes = structure(&certificates[0], &certificates);
        let chain = parse(&bytes).unwrap();
        let identity = Identity::Chain(chain);
        assert_eq!(identity.key_slot(), KeySlot::Slot(SlotId::ZERO));
        assert_eq!((identity.asym(), identity.hash()), (ASYM, HASH));
        assert_eq!((identity.key(), identity.digest()), (chain.leaf_key(), chain.digest()));
    }

    #[test]
    fn unusable_keys_are_refused() {
        let error = |rule| ChainError::new(Check::Format, rule);
        let mut der = key("Device").to_spki_der();
        let refused = |der: &[u8], asym| provision(der, asym).unwrap_err();
        assert_eq!(refused(&der, AsymAlgorithm::Ed25519), error(Rule::KeyAlgorithm));
        for len in 0..der.len() {
            assert_eq!(refused(&der[..len], ASYM).rule, Rule::Der, "{len}");
        }
        let no_verifier = Provider { verifiers: &[], ..PROVIDER };
        let result = ProvisionedKey::parse(Untrusted::new(&der), ASYM, HASH, &no_verifier);
        assert_eq!(result.unwrap_err(), error(Rule::UnsupportedAsym));

        *der.last_mut().unwrap() ^= 1;
        assert_eq!(refused(&der, ASYM), error(Rule::InvalidKey));
        let len = der.len();
        der.extend([5, 0]);
        assert_eq!(refused(&der, ASYM), error(Rule::PublicKeySyntax).at(len));
    }
}
