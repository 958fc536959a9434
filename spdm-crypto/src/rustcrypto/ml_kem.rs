//! ML-KEM.

use ::ml_kem::array::sizes::U32;
use ::ml_kem::kem::TryKeyInit as _;
use ::ml_kem::kem::{Decapsulate, Decapsulator as _, Kem, Key, KeyExport as _, KeyInit};
use ::ml_kem::{B32, Ciphertext, EncapsulationKey, MlKem512, MlKem768, MlKem1024};
use zeroize::Zeroize as _;

use crate::key_exchange::{
    KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, MlKemSet, SharedSecret,
};
use crate::random::SecureRandom;
use crate::secret::Secret;

/// ML-KEM (FIPS 203). A private key is its seed, d then z, and is expanded for its one use.
#[derive(Clone, Copy, Debug)]
pub struct MlKem;

pub(crate) const SEED_LEN: usize = 64;

impl KeyExchangeMethod for MlKem {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        matches!(algorithm, KeyExchangeAlgorithm::MlKem(_))
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let mut seed = Secret::zeroed(SEED_LEN).ok_or(KeyExchangeError::InvalidPrivate)?;
        random.fill(seed.place())?;
        public_value(algorithm, &seed, public)?;
        Ok(seed)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let seed = Secret::new(private).ok_or(KeyExchangeError::InvalidPrivate)?;
        public_value(algorithm, &seed, public)?;
        Ok(seed)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        match set_of(algorithm)? {
            MlKemSet::K512 => finish::<MlKem512>(private, peer, shared),
            MlKemSet::K768 => finish::<MlKem768>(private, peer, shared),
            MlKemSet::K1024 => finish::<MlKem1024>(private, peer, shared),
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
        shared.clear();
        let set = set_of(algorithm)?;
        let needed = algorithm.response_len();
        if public.len() != needed {
            return Err(KeyExchangeError::PublicLength { needed });
        }
        let mut message = B32::default();
        random.fill(&mut message)?;
        let answered = match set {
            MlKemSet::K512 => {
                let encapsulate = EncapsulationKey::<MlKem512>::encapsulate_deterministic;
                respond::<MlKem512>(encapsulate, &message, peer, public, shared)
            }
            MlKemSet::K768 => {
                let encapsulate = EncapsulationKey::<MlKem768>::encapsulate_deterministic;
                respond::<MlKem768>(encapsulate, &message, peer, public, shared)
            }
            MlKemSet::K1024 => {
                let encapsulate = EncapsulationKey::<MlKem1024>::encapsulate_deterministic;
                respond::<MlKem1024>(encapsulate, &message, peer, public, shared)
            }
        };
        message.zeroize();
        answered
    }
}

pub(crate) const fn set_of(algorithm: KeyExchangeAlgorithm) -> Result<MlKemSet, KeyExchangeError> {
    match algorithm {
        KeyExchangeAlgorithm::MlKem(set) => Ok(set),
        _ => Err(KeyExchangeError::Unsupported(algorithm)),
    }
}

/// The private key of a seed.
pub(crate) fn private_key<K>(seed: &Secret) -> Result<K::DecapsulationKey, KeyExchangeError>
where
    K: Kem<DecapsulationKey: KeyInit>,
{
    let seed = seed.expose_secret().ok_or(KeyExchangeError::InvalidPrivate)?;
    let seed = <&Key<K::DecapsulationKey>>::try_from(seed);
    Ok(K::DecapsulationKey::new(seed.map_err(|_| KeyExchangeError::InvalidPrivate)?))
}

/// Writes the encapsulation key of a seed.
fn public_value(
    algorithm: KeyExchangeAlgorithm,
    seed: &Secret,
    public: &mut [u8],
) -> Result<(), KeyExchangeError> {
    match set_of(algorithm)? {
        MlKemSet::K512 => write_public::<MlKem512>(seed, public),
        MlKemSet::K768 => write_public::<MlKem768>(seed, public),
        MlKemSet::K1024 => write_public::<MlKem1024>(seed, public),
    }
}

fn write_public<K>(seed: &Secret, public: &mut [u8]) -> Result<(), KeyExchangeError>
where
    K: Kem<DecapsulationKey: KeyInit>,
{
    encode_public::<K>(&private_key::<K>(seed)?, public)
}

/// Writes the encapsulation key of a private key.
pub(crate) fn encode_public<K>(
    key: &K::DecapsulationKey,
    public: &mut [u8],
) -> Result<(), KeyExchangeError>
where
    K: Kem<DecapsulationKey: KeyInit>,
{
    let encoded = key.encapsulation_key().to_bytes();
    if encoded.len() != public.len() {
        return Err(KeyExchangeError::PublicLength { needed: encoded.len() });
    }
    public.copy_from_slice(&encoded);
    Ok(())
}

fn finish<K>(
    private: &Secret,
    peer: &[u8],
    shared: &mut SharedSecret,
) -> Result<(), KeyExchangeError>
where
    K: Kem<SharedKeySize = U32, DecapsulationKey: KeyInit + Decapsulate<Kem = K>>,
{
    decapsulate::<K>(&private_key::<K>(private)?, peer, shared)
}

/// The shared secret out of a private key and the Responder's ciphertext.
pub(crate) fn decapsulate<K>(
    key: &K::DecapsulationKey,
    peer: &[u8],
    shared: &mut SharedSecret,
) -> Result<(), KeyExchangeError>
where
    K: Kem<SharedKeySize = U32, DecapsulationKey: KeyInit + Decapsulate<Kem = K>>,
{
    let ciphertext = <&Ciphertext<K>>::try_from(peer).map_err(|_| KeyExchangeError::InvalidPeer)?;
    store(key.decapsulate(ciphertext), shared)
}

fn respond<K>(
    encapsulate: impl FnOnce(&K::EncapsulationKey, &B32) -> (Ciphertext<K>, B32),
    message: &B32,
    peer: &[u8],
    public: &mut [u8],
    shared: &mut SharedSecret,
) -> Result<(), KeyExchangeError>
where
    K: Kem,
{
    let peer = <&Key<K::EncapsulationKey>>::try_from(peer);
    // This refuses coefficients of q or more (FIPS 203 §7.2).
    let peer = K::EncapsulationKey::new(peer.map_err(|_| KeyExchangeError::InvalidPeer)?);
    let peer = peer.map_err(|_| KeyExchangeError::InvalidPeer)?;
    let (ciphertext, secret) = encapsulate(&peer, message);
    if ciphertext.len() != public.len() {
        return Err(KeyExchangeError::PublicLength { needed: ciphertext.len() });
    }
    public.copy_from_slice(&ciphertext);
    store(secret, shared)
}

fn store(mut secret: B32, shared: &mut SharedSecret) -> Result<(), KeyExchangeError> {
    let place = shared.place(secret.len()).ok_or(KeyExchangeError::InvalidPeer)?;
    place.copy_from_slice(&secret);
    secret.zeroize();
    Ok(())
}
