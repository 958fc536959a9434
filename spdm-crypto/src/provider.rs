//! What a backend offers: one `Copy` value of `&'static dyn` traits.

use spdm_codec::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, DheNamedGroup, KemAlgo, PqcAsymAlgo,
};

use crate::aead::{Aead, AeadAlgorithm};
use crate::asym_algorithm::AsymAlgorithm;
use crate::hash::Hash;
use crate::hash_algorithm::HashAlgorithm;
use crate::kdf::Kdf;
use crate::key_exchange::{
    EphemeralKey, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, SharedSecret,
};
use crate::random::SecureRandom;
use crate::verify::{Invalid, Signed, Verify};

/// A crypto backend. Exhaustive on purpose, so that callers can replace single fields.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Provider {
    /// One-shot hashing.
    pub hash: &'static dyn Hash,
    /// Verifiers, asked in order.
    pub verifiers: &'static [&'static dyn Verify],
    /// Key exchange, asked in order; none where there are no sessions.
    pub key_exchanges: &'static [&'static dyn KeyExchangeMethod],
    /// Key derivation, asked in order; none where there are no sessions.
    pub kdfs: &'static [&'static dyn Kdf],
    /// Authenticated encryption, asked in order; none where there are no sessions.
    pub aeads: &'static [&'static dyn Aead],
    /// Random bytes.
    pub random: &'static dyn SecureRandom,
}

impl Provider {
    fn verifier(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> Option<&'static dyn Verify> {
        self.verifiers.iter().copied().find(|v| v.supports(asym, hash))
    }

    /// Whether signatures of this pair can be verified.
    #[must_use]
    pub fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        self.hash.supports(hash) && self.verifier(asym, hash).is_some()
    }

    /// Verifies a signature with the first verifier that implements the pair; see [`Verify::verify`].
    ///
    /// # Errors
    /// [`Invalid`], also where no verifier implements the pair.
    pub fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let verifier = self.verifier(asym, hash).ok_or(Invalid)?;
        verifier.verify(asym, hash, key, signed, signature)
    }

    /// Checks a public key; see [`Verify::check_key`].
    ///
    /// # Errors
    /// [`Invalid`], also where no verifier implements the algorithm.
    pub fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        let known = HashAlgorithm::ALL.into_iter().find_map(|hash| self.verifier(asym, hash));
        known.ok_or(Invalid)?.check_key(asym, key)
    }

    /// What may be offered as `BaseHashAlgo`.
    #[must_use]
    pub fn base_hashes(&self) -> BaseHashAlgo {
        let hashes = HashAlgorithm::ALL.into_iter().filter(|hash| self.hash.supports(*hash));
        hashes.map(HashAlgorithm::base_hash).collect()
    }

    /// What may be offered as `BaseAsymAlgo`: algorithms that work with every hash the backend has, of
    /// which there must be one at least.
    ///
    /// Ed25519 is among them, which has no rule for signatures before 1.2: see [`SignedMessage::verify`].
    ///
    /// [`SignedMessage::verify`]: crate::SignedMessage::verify
    #[must_use]
    pub fn base_asyms(&self) -> BaseAsymAlgo {
        self.usable_asyms().filter_map(AsymAlgorithm::base_asym).collect()
    }

    /// What may be offered as `PqcAsymAlgo` from 1.4 on, by the same rule as [`Self::base_asyms`].
    #[must_use]
    pub fn pqc_asyms(&self) -> PqcAsymAlgo {
        self.usable_asyms().filter_map(AsymAlgorithm::pqc_asym).collect()
    }

    /// What may be offered as `DHE`.
    #[must_use]
    pub fn dhe_groups(&self) -> DheNamedGroup {
        self.usable_key_exchanges().filter_map(KeyExchangeAlgorithm::dhe_group).collect()
    }

    /// What may be offered as `KEMAlg` from 1.4 on.
    #[must_use]
    pub fn kems(&self) -> KemAlgo {
        self.usable_key_exchanges().filter_map(KeyExchangeAlgorithm::kem).collect()
    }

    /// What may be offered as `AEADCipherSuite`.
    #[must_use]
    pub fn cipher_suites(&self) -> AeadCipherSuite {
        let aeads = AeadAlgorithm::ALL.into_iter().filter(|aead| self.aead(*aead).is_some());
        aeads.map(AeadAlgorithm::cipher_suite).collect()
    }

    /// The first backend that implements this AEAD.
    #[must_use]
    pub fn aead(&self, algorithm: AeadAlgorithm) -> Option<&'static dyn Aead> {
        self.aeads.iter().copied().find(|aead| aead.supports(algorithm))
    }

    /// The first backend that implements HMAC and HKDF with this hash.
    #[must_use]
    pub fn kdf(&self, hash: HashAlgorithm) -> Option<&'static dyn Kdf> {
        self.kdfs.iter().copied().find(|kdf| kdf.supports(hash))
    }

    /// The first backend that implements this key exchange.
    #[must_use]
    pub fn key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Option<&'static dyn KeyExchangeMethod> {
        self.key_exchanges.iter().copied().find(|exchange| exchange.supports(algorithm))
    }

    /// Requester: begins a key exchange. `public` becomes our `ExchangeData`, of exactly
    /// [`KeyExchangeAlgorithm::request_len`] bytes.
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `public` must not be sent.
    pub fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
        public: &mut [u8],
    ) -> Result<EphemeralKey, KeyExchangeError> {
        let backend =
            self.key_exchange(algorithm).ok_or(KeyExchangeError::Unsupported(algorithm))?;
        EphemeralKey::start(backend, algorithm, self.random, public)
    }

    /// Responder: answers the Requester's `ExchangeData`; see [`KeyExchangeMethod::respond`].
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `shared` is empty and `public` must not be sent.
    pub fn respond_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
        peer: &[u8],
        public: &mut [u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        let backend =
            self.key_exchange(algorithm).ok_or(KeyExchangeError::Unsupported(algorithm))?;
        backend.respond(algorithm, self.random, peer, public, shared)
    }

    fn usable_key_exchanges(&self) -> impl Iterator<Item = KeyExchangeAlgorithm> {
        let all = KeyExchangeAlgorithm::ALL.into_iter();
        all.filter(|exchange| self.key_exchange(*exchange).is_some())
    }

    fn usable_asyms(&self) -> impl Iterator<Item = AsymAlgorithm> {
        AsymAlgorithm::ALL.into_iter().filter(|asym| {
            let mut hashes =
                HashAlgorithm::ALL.into_iter().filter(|h| self.hash.supports(*h)).peekable();
            hashes.peek().is_some() && hashes.all(|hash| self.verifier(*asym, hash).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{
        AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, DheNamedGroup, KemAlgo, PqcAsymAlgo,
    };

    use super::Provider;
    use crate::asym_algorithm::{AsymAlgorithm, EcCurve};
    use crate::digest::Digest;
    use crate::hash::{Hash, Unsupported};
    use crate::hash_algorithm::HashAlgorithm;
    use crate::key_exchange::{KeyExchangeAlgorithm, KeyExchangeError, SharedSecret};
    use crate::random::{NoRandom, RandomUnavailable};
    use crate::verify::{Invalid, Signed, Verify};

    /// Knows these hashes.
    #[derive(Debug)]
    struct Hashes(&'static [HashAlgorithm]);

    impl Hash for Hashes {
        fn supports(&self, hash: HashAlgorithm) -> bool {
            self.0.contains(&hash)
        }

        fn digest(&self, hash: HashAlgorithm, _: &[&[u8]]) -> Result<Digest, Unsupported> {
            Err(Unsupported::new(hash))
        }
    }

    /// Knows this algorithm with this hash, and has one signature: its name.
    #[derive(Debug)]
    struct Pair(&'static str, AsymAlgorithm, HashAlgorithm);

    impl Verify for Pair {
        fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
            (self.1, self.2) == (asym, hash)
        }

        fn verify(
            &self,
            _: AsymAlgorithm,
            _: HashAlgorithm,
            _: &[u8],
            _: Signed<'_>,
            signature: &[u8],
        ) -> Result<(), Invalid> {
            if signature == self.0.as_bytes() { Ok(()) } else { Err(Invalid) }
        }

        fn check_key(&self, _: AsymAlgorithm, _: &[u8]) -> Result<(), Invalid> {
            Ok(())
        }
    }

    const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
    const P384: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);

    const PROVIDER: Provider = Provider {
        hash: &Hashes(&[HashAlgorithm::Sha256, HashAlgorithm::Sha384]),
        verifiers: &[
            &Pair("first", P256, HashAlgorithm::Sha256),
            &Pair("second", P256, HashAlgorithm::Sha256),
            &Pair("third", P256, HashAlgorithm::Sha384),
            &Pair("fourth", P384, HashAlgorithm::Sha384),
            &Pair("fifth", P384, HashAlgorithm::Sha512),
        ],
        key_exchanges: &[],
        kdfs: &[],
        aeads: &[],
        random: &NoRandom,
    };

    #[test]
    fn the_first_verifier_of_a_pair_decides() {
        let verify = |asym, hash, signature: &str| {
            let signed = Signed::Message { bytes: b"", context: b"" };
            PROVIDER.verify(asym, hash, b"", signed, signature.as_bytes())
        };
        assert_eq!(verify(P256, HashAlgorithm::Sha256, "first"), Ok(()));
        assert_eq!(verify(P256, HashAlgorithm::Sha256, "second"), Err(Invalid));
        assert_eq!(verify(P256, HashAlgorithm::Sha384, "third"), Ok(()));
        assert_eq!(verify(P384, HashAlgorithm::Sha256, "fourth"), Err(Invalid));
        assert_eq!(PROVIDER.check_key(P384, b""), Ok(()));
        assert_eq!(PROVIDER.check_key(AsymAlgorithm::Ed25519, b""), Err(Invalid));
    }

    #[test]
    fn only_what_works_with_every_hash_is_offered() {
        assert_eq!(PROVIDER.base_hashes(), BaseHashAlgo::SHA_256 | BaseHashAlgo::SHA_384);
        assert_eq!(PROVIDER.base_asyms(), BaseAsymAlgo::ECDSA_P256);
        assert_eq!(PROVIDER.pqc_asyms(), PqcAsymAlgo::empty());
        assert!(PROVIDER.supports(P384, HashAlgorithm::Sha384));
        assert!(!PROVIDER.supports(P384, HashAlgorithm::Sha256));
        // A verifier is there, but no hash for the transcript.
        assert!(!PROVIDER.supports(P384, HashAlgorithm::Sha512));
    }

    #[test]
    fn nothing_is_offered_without_a_hash_or_without_a_verifier() {
        let no_hash = Provider { hash: &Hashes(&[]), ..PROVIDER };
        assert_eq!(no_hash.base_hashes(), BaseHashAlgo::empty());
        assert_eq!(no_hash.base_asyms(), BaseAsymAlgo::empty());
        let no_verifier = Provider { verifiers: &[], ..PROVIDER };
        assert_eq!(no_verifier.base_asyms(), BaseAsymAlgo::empty());
    }

    #[test]
    fn without_sessions_nothing_is_offered_for_them() {
        assert_eq!(PROVIDER.dhe_groups(), DheNamedGroup::empty());
        assert_eq!(PROVIDER.kems(), KemAlgo::empty());
        assert_eq!(PROVIDER.cipher_suites(), AeadCipherSuite::empty());
        for algorithm in KeyExchangeAlgorithm::ALL {
            let unsupported = KeyExchangeError::Unsupported(algorithm);
            let started = PROVIDER.start_key_exchange(algorithm, &mut [0; 1568]);
            assert_eq!(started.err(), Some(unsupported));
            let mut shared = SharedSecret::new();
            shared.place(1).unwrap().fill(1);
            let answered =
                PROVIDER.respond_key_exchange(algorithm, &[], &mut [0; 1568], &mut shared);
            assert_eq!(answered, Err(unsupported));
            assert!(shared.expose_secret().is_empty());
        }
    }

    #[test]
    fn no_random_fails() {
        assert_eq!(PROVIDER.random.fill(&mut [0; 4]), Err(RandomUnavailable));
    }
}
