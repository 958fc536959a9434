//! ML-KEM by RustCrypto, with private keys that are expanded once.

use ::ml_kem::kem::Kem;
use ::ml_kem::{MlKem512, MlKem768, MlKem1024};

use super::ephemeral_keys::EphemeralKeys;
use crate::key_exchange::{
    KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, MlKemSet, SharedSecret,
};
use crate::random::SecureRandom;
use crate::rustcrypto;
use crate::rustcrypto::ml_kem::{SEED_LEN, decapsulate, encode_public, private_key, set_of};
use crate::secret::Secret;

/// An expanded private key, which takes kilobytes.
#[derive(Debug)]
enum Key {
    K512(<MlKem512 as Kem>::DecapsulationKey),
    K768(<MlKem768 as Kem>::DecapsulationKey),
    K1024(<MlKem1024 as Kem>::DecapsulationKey),
}

static KEYS: EphemeralKeys<Key> = EphemeralKeys::new();

/// ML-KEM (FIPS 203). A private key stays here, expanded; its secret is a handle, which is to be given to
/// [`KeyExchangeMethod::forget`].
#[derive(Clone, Copy, Debug)]
pub struct MlKem;

impl KeyExchangeMethod for MlKem {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::MlKem.supports(algorithm)
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let mut seed = Secret::zeroed(SEED_LEN).ok_or(KeyExchangeError::InvalidPrivate)?;
        random.fill(seed.place())?;
        expand(algorithm, &seed, public)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let seed = Secret::new(private).ok_or(KeyExchangeError::InvalidPrivate)?;
        expand(algorithm, &seed, public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        let set = set_of(algorithm)?;
        let key = KEYS.get(private).ok_or(KeyExchangeError::InvalidPrivate)?;
        match (set, &*key) {
            (MlKemSet::K512, Key::K512(key)) => decapsulate::<MlKem512>(key, peer, shared),
            (MlKemSet::K768, Key::K768(key)) => decapsulate::<MlKem768>(key, peer, shared),
            (MlKemSet::K1024, Key::K1024(key)) => decapsulate::<MlKem1024>(key, peer, shared),
            _ => Err(KeyExchangeError::InvalidPrivate),
        }
    }

    fn respond(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        peer: &[u8],
        public: &mut [u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        rustcrypto::MlKem.respond(algorithm, random, peer, public, shared)
    }

    fn forget(&self, private: &Secret) {
        KEYS.forget(private);
    }
}

/// Keeps the private key of a seed, and writes its encapsulation key.
fn expand(
    algorithm: KeyExchangeAlgorithm,
    seed: &Secret,
    public: &mut [u8],
) -> Result<Secret, KeyExchangeError> {
    let key = match set_of(algorithm)? {
        MlKemSet::K512 => {
            let key = private_key::<MlKem512>(seed)?;
            encode_public::<MlKem512>(&key, public)?;
            Key::K512(key)
        }
        MlKemSet::K768 => {
            let key = private_key::<MlKem768>(seed)?;
            encode_public::<MlKem768>(&key, public)?;
            Key::K768(key)
        }
        MlKemSet::K1024 => {
            let key = private_key::<MlKem1024>(seed)?;
            encode_public::<MlKem1024>(&key, public)?;
            Key::K1024(key)
        }
    };
    Ok(KEYS.keep(key))
}
