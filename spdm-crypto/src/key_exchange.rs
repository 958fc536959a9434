//! Key exchange: Diffie-Hellman groups and key encapsulation in one interface.

use core::fmt;

use spdm_codec::{DheNamedGroup, KemAlgo};
use zeroize::{Zeroize as _, Zeroizing};

use crate::asym_algorithm::EcCurve;
use crate::random::{RandomUnavailable, SecureRandom};
use crate::secret::Secret;

/// Groups of RFC 7919.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum FfdheGroup {
    /// FFDHE2048.
    B2048,
    /// FFDHE3072.
    B3072,
    /// FFDHE4096.
    B4096,
}

impl FfdheGroup {
    /// Size of the prime, of a public value and of the shared secret in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::B2048 => 256,
            Self::B3072 => 384,
            Self::B4096 => 512,
        }
    }
}

/// Parameter sets of ML-KEM (FIPS 203 §8).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "FIPS 203 has these three")]
pub enum MlKemSet {
    /// ML-KEM-512.
    K512,
    /// ML-KEM-768.
    K768,
    /// ML-KEM-1024.
    K1024,
}

/// A key exchange with its group or parameter set.
///
/// On the wire Diffie-Hellman and KEM have a structure each: of [`Self::dhe_group`] and [`Self::kem`]
/// exactly one is there. Encodings are those of `ExchangeData` (DSP0274, KEY_EXCHANGE).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyExchangeAlgorithm {
    /// Elliptic curve Diffie-Hellman: X then Y, each of fixed size, big-endian; the secret is X.
    Ecdh(EcCurve),
    /// Finite field Diffie-Hellman: big-endian integers of the prime's size, the secret too.
    Ffdhe(FfdheGroup),
    /// ML-KEM: the Requester sends an encapsulation key, the Responder a ciphertext.
    MlKem(MlKemSet),
}

impl KeyExchangeAlgorithm {
    /// Every key exchange of this crate.
    pub const ALL: [Self; 9] = [
        Self::Ffdhe(FfdheGroup::B2048),
        Self::Ffdhe(FfdheGroup::B3072),
        Self::Ffdhe(FfdheGroup::B4096),
        Self::Ecdh(EcCurve::P256),
        Self::Ecdh(EcCurve::P384),
        Self::Ecdh(EcCurve::P521),
        Self::MlKem(MlKemSet::K512),
        Self::MlKem(MlKemSet::K768),
        Self::MlKem(MlKemSet::K1024),
    ];

    /// Size in bytes of what the Requester sends.
    #[must_use]
    pub const fn request_len(self) -> usize {
        match self {
            Self::Ecdh(curve) => 2 * curve.coordinate_len(),
            Self::Ffdhe(group) => group.bytes(),
            Self::MlKem(MlKemSet::K512) => 800,
            Self::MlKem(MlKemSet::K768) => 1184,
            Self::MlKem(MlKemSet::K1024) => 1568,
        }
    }

    /// Size in bytes of what the Responder sends.
    #[must_use]
    pub const fn response_len(self) -> usize {
        match self {
            Self::Ecdh(_) | Self::Ffdhe(_) => self.request_len(),
            Self::MlKem(MlKemSet::K512) => 768,
            Self::MlKem(MlKemSet::K768) => 1088,
            Self::MlKem(MlKemSet::K1024) => 1568,
        }
    }

    /// Size of the shared secret in bytes; leading zeros belong to it.
    #[must_use]
    pub const fn secret_len(self) -> usize {
        match self {
            Self::Ecdh(curve) => curve.coordinate_len(),
            Self::Ffdhe(group) => group.bytes(),
            Self::MlKem(_) => 32,
        }
    }

    /// The bit of the `DHE` structure; `None` for the algorithms of `KEMAlg`.
    #[must_use]
    pub const fn dhe_group(self) -> Option<DheNamedGroup> {
        Some(match self {
            Self::Ffdhe(FfdheGroup::B2048) => DheNamedGroup::FFDHE_2048,
            Self::Ffdhe(FfdheGroup::B3072) => DheNamedGroup::FFDHE_3072,
            Self::Ffdhe(FfdheGroup::B4096) => DheNamedGroup::FFDHE_4096,
            Self::Ecdh(EcCurve::P256) => DheNamedGroup::SECP_256_R1,
            Self::Ecdh(EcCurve::P384) => DheNamedGroup::SECP_384_R1,
            Self::Ecdh(EcCurve::P521) => DheNamedGroup::SECP_521_R1,
            Self::MlKem(_) => return None,
        })
    }

    /// The bit of the `KEMAlg` structure; `None` for the algorithms of `DHE`.
    #[must_use]
    pub const fn kem(self) -> Option<KemAlgo> {
        match self {
            Self::MlKem(MlKemSet::K512) => Some(KemAlgo::ML_KEM_512),
            Self::MlKem(MlKemSet::K768) => Some(KemAlgo::ML_KEM_768),
            Self::MlKem(MlKemSet::K1024) => Some(KemAlgo::ML_KEM_1024),
            Self::Ecdh(_) | Self::Ffdhe(_) => None,
        }
    }

    /// The algorithm of a selected `DHE` structure with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_dhe_group(selected: DheNamedGroup) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.dhe_group() == Some(selected))
    }

    /// The algorithm of a selected `KEMAlg` structure with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_kem(selected: KemAlgo) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.kem() == Some(selected))
    }

    /// DSP0274 name, for example `SECP_384_R1`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let group = self.dhe_group().and_then(|bit| bit.name());
        group.or_else(|| self.kem()?.name()).unwrap_or("unknown key exchange")
    }
}

impl fmt::Display for KeyExchangeAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What both sides of a key exchange know: up to 512 bytes, erased on drop. Made for one derivation
/// ([`KeySchedule::from_key_exchange`]); lend it, and drop it there.
///
/// [`KeySchedule::from_key_exchange`]: crate::KeySchedule::from_key_exchange
pub struct SharedSecret {
    bytes: Zeroizing<[u8; Self::MAX]>,
    len: usize,
}

impl SharedSecret {
    /// The longest shared secret in bytes: that of FFDHE4096.
    pub const MAX: usize = 512;

    /// Room for one; empty.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: Zeroizing::new([0; Self::MAX]), len: 0 }
    }

    /// The place for a secret of `len` bytes, all zero, for backends; `None` above [`Self::MAX`].
    pub fn place(&mut self, len: usize) -> Option<&mut [u8]> {
        self.clear();
        let place = self.bytes.get_mut(..len)?;
        self.len = len;
        Some(place)
    }

    /// Erases what is there.
    pub fn clear(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
    }

    /// The bytes, leading zeros included; empty before a key exchange and after one that failed.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Default for SharedSecret {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").finish_non_exhaustive()
    }
}

/// Why a key exchange came to nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyExchangeError {
    /// The backend does not have this algorithm, or not this operation of it.
    Unsupported(KeyExchangeAlgorithm),
    /// No random numbers for a new key.
    RandomUnavailable,
    /// The peer's `ExchangeData` has another length, or is no valid public value: a point off the curve, an
    /// integer outside 2..p-2, an encapsulation key with coefficients of q or more.
    InvalidPeer,
    /// The private key is not of this algorithm or backend, or zero, or too large.
    InvalidPrivate,
    /// The buffer for our own `ExchangeData` has another length.
    PublicLength {
        /// Bytes needed, exactly.
        needed: usize,
    },
}

impl fmt::Display for KeyExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(algorithm) => {
                write!(f, "the crypto backend does not implement {algorithm}")
            }
            Self::RandomUnavailable => RandomUnavailable.fmt(f),
            Self::InvalidPeer => f.write_str("ExchangeData of the peer is no valid public value"),
            Self::InvalidPrivate => f.write_str("the private key does not fit the key exchange"),
            Self::PublicLength { needed } => {
                write!(f, "ExchangeData takes {needed} bytes, no more and no less")
            }
        }
    }
}

impl core::error::Error for KeyExchangeError {}

impl From<RandomUnavailable> for KeyExchangeError {
    fn from(_: RandomUnavailable) -> Self {
        Self::RandomUnavailable
    }
}

/// Key exchange with one family of algorithms. All randomness comes from the `random` that is lent.
pub trait KeyExchangeMethod: fmt::Debug + Send + Sync {
    /// Whether [`Self::start`], [`Self::finish`] and [`Self::respond`] implement this algorithm.
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool;

    /// Requester: a new ephemeral key. Its public value goes to `public`, which has exactly
    /// [`KeyExchangeAlgorithm::request_len`] bytes.
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `public` must not be sent.
    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError>;

    /// A private key from outside, for known answers: a big-endian scalar of the curve's size, a big-endian
    /// FFDHE exponent of up to [`Secret::MAX`] bytes, or d then z of ML-KEM.
    ///
    /// # Errors
    /// [`KeyExchangeError::Unsupported`] from a backend whose keys do not come from outside, which is the
    /// default; [`KeyExchangeError::InvalidPrivate`].
    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let _ = (private, public);
        Err(KeyExchangeError::Unsupported(algorithm))
    }

    /// Requester: the shared secret out of our ephemeral key and the Responder's `ExchangeData`.
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `shared` is empty. A changed ML-KEM ciphertext is none: it gives another
    /// secret, which the MAC of the handshake finds out.
    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError>;

    /// Responder: answers the Requester's `ExchangeData` with ours in `public`, which has exactly
    /// [`KeyExchangeAlgorithm::response_len`] bytes. What is here by default is Diffie-Hellman.
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `shared` is empty and `public` must not be sent.
    fn respond(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        peer: &[u8],
        public: &mut [u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        let private = self.start(algorithm, random, public)?;
        let finished = self.finish(algorithm, &private, peer, shared);
        self.forget(&private);
        finished
    }

    /// A secret is about to be erased: frees what it stands for, where it is a handle.
    fn forget(&self, private: &Secret) {
        let _ = private;
    }
}

/// A private scalar of a curve for the backends: in 1..n-1, all equally likely. Bytes that `is_scalar` refuses
/// are drawn again.
#[cfg(all(feature = "ecdh", any(feature = "p256", feature = "p384", feature = "p521")))]
pub(crate) fn draw_scalar(
    curve: EcCurve,
    random: &dyn SecureRandom,
    mut is_scalar: impl FnMut(&[u8]) -> bool,
) -> Result<Secret, KeyExchangeError> {
    /// Each try succeeds with more than one half.
    const TRIES: usize = 128;

    let mut secret =
        Secret::zeroed(curve.coordinate_len()).ok_or(KeyExchangeError::InvalidPrivate)?;
    for _ in 0..TRIES {
        random.fill(secret.place())?;
        if let (EcCurve::P521, Some(top)) = (curve, secret.place().first_mut()) {
            *top &= 1; // the order has 521 bits
        }
        if is_scalar(secret.place()) {
            return Ok(secret);
        }
    }
    // A source that gives the same bytes again and again is none.
    Err(KeyExchangeError::RandomUnavailable)
}

/// Our side of a key exchange that waits for the Responder's answer.
pub struct EphemeralKey {
    backend: &'static dyn KeyExchangeMethod,
    algorithm: KeyExchangeAlgorithm,
    private: Secret,
}

impl EphemeralKey {
    pub(crate) fn start(
        backend: &'static dyn KeyExchangeMethod,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Self, KeyExchangeError> {
        let private = backend.start(algorithm, random, public)?;
        Ok(Self { backend, algorithm, private })
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyExchangeAlgorithm {
        self.algorithm
    }

    /// The shared secret out of this key, which is used up, and the Responder's `ExchangeData`.
    ///
    /// # Errors
    /// [`KeyExchangeError`]; then `shared` is empty.
    pub fn finish(self, peer: &[u8], shared: &mut SharedSecret) -> Result<(), KeyExchangeError> {
        self.backend.finish(self.algorithm, &self.private, peer, shared)
    }
}

impl Drop for EphemeralKey {
    fn drop(&mut self) {
        self.backend.forget(&self.private);
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EphemeralKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{DheNamedGroup, KemAlgo};

    use super::{KeyExchangeAlgorithm, SharedSecret};

    #[test]
    fn every_algorithm_has_one_bit_in_one_of_the_two_structures() {
        for exchange in KeyExchangeAlgorithm::ALL {
            let group = exchange.dhe_group().map(|bit| {
                assert_eq!(KeyExchangeAlgorithm::from_dhe_group(bit), Some(exchange));
                bit.name()
            });
            let kem = exchange.kem().map(|bit| {
                assert_eq!(KeyExchangeAlgorithm::from_kem(bit), Some(exchange));
                bit.name()
            });
            assert_eq!(group.xor(kem).unwrap(), Some(exchange.name()));
        }
        let two = DheNamedGroup::SECP_256_R1 | DheNamedGroup::SECP_384_R1;
        for selected in [DheNamedGroup::empty(), two, DheNamedGroup::SM2_P256] {
            assert_eq!(KeyExchangeAlgorithm::from_dhe_group(selected), None);
        }
        for selected in [KemAlgo::empty(), KemAlgo::ML_KEM_512 | KemAlgo::ML_KEM_768] {
            assert_eq!(KeyExchangeAlgorithm::from_kem(selected), None);
        }
    }

    #[test]
    fn a_shared_secret_shows_nothing_and_is_empty_after_clear() {
        let mut shared = SharedSecret::new();
        assert!(shared.expose_secret().is_empty());
        shared.place(3).unwrap().fill(7);
        assert_eq!(shared.expose_secret(), [7; 3]);
        assert_eq!(std::format!("{shared:?}"), "SharedSecret { .. }");
        assert_eq!(shared.place(4).unwrap(), [0; 4]);
        assert!(shared.place(513).is_none());
        assert!(shared.expose_secret().is_empty());
    }
}
