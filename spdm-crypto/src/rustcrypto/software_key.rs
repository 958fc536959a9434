//! A private key in memory, for emulated devices and tests.

mod ml_dsa_key;
mod stream;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use digest::{Digest as DigestTrait, FixedOutputReset, const_oid::AssociatedOid};
use ed25519_dalek::pkcs8::KeypairBytes;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::zeroize::Zeroizing;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::spki::EncodePublicKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, ObjectIdentifier, PrivateKeyInfoRef};
use rsa::rand_core::Rng as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, PrivateKey as RsaPrivateKey, Pss};
use sha2::{Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};
use signature::SignatureEncoding;
use signature::hazmat::PrehashSigner;

use self::ml_dsa_key::{MlDsaKey, Shape};
use self::stream::Stream;
use crate::asym_algorithm::{AsymAlgorithm, EcCurve, MlDsaSet, RsaBits, RsaScheme};
use crate::digest::{Digest, fit_prehash};
use crate::hash_algorithm::HashAlgorithm;
use crate::random::SecureRandom;
use crate::rustcrypto::hash::OneShot;
use crate::rustcrypto::rsa::strict_rsa_key;
use crate::sign::{Sign, SignError};
use crate::verify::Signed;

/// Why there is no [`SoftwareKey`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// No random numbers for a new key.
    RandomUnavailable,
    /// The key could not be generated.
    GenerationFailed,
    /// The bytes are no DER `PrivateKeyInfo` (PKCS#8), or the key in it is broken.
    Malformed,
    /// A key of an algorithm, curve or size that SPDM does not have or this crate does not implement.
    Unsupported,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RandomUnavailable => "no random numbers are available for a new key",
            Self::GenerationFailed => "the key could not be generated",
            Self::Malformed => "this is no valid private key in PKCS#8 DER",
            Self::Unsupported => "no algorithm of SPDM uses this kind or size of private key",
        })
    }
}

impl core::error::Error for KeyError {}

/// A private key in memory.
///
/// For the throwaway keys of emulated devices and tests, not for keys worth an attack: the `rsa`
/// crate does not promise that its RSA operations take constant time (RUSTSEC-2023-0071, the Marvin attack).
///
/// Signatures are deterministic: ECDSA as in RFC 6979, Ed25519 by its nature, ML-DSA in the variant that
/// FIPS 204 has for this, PSS salts derived from key and digest. So an emulated device with a seed answers the
/// same bytes in every run. Key material is zeroized on drop, and `Debug` shows the algorithm only.
#[derive(Clone)]
pub struct SoftwareKey {
    algorithm: AsymAlgorithm,
    secret: Secret,
    public: Vec<u8>,
    spki: Vec<u8>,
}

#[derive(Clone)]
enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    MlDsa44(MlDsaKey<MlDsa44>),
    MlDsa65(MlDsaKey<MlDsa65>),
    MlDsa87(MlDsaKey<MlDsa87>),
    Rsa(RsaScheme, Box<RsaPrivateKey>),
}

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
/// FIPS 204 table 1: eta, and k + l.
const SHAPE_44: Shape = Shape { eta: 2, polynomials: 4 + 4 };
const SHAPE_65: Shape = Shape { eta: 4, polynomials: 6 + 5 };
const SHAPE_87: Shape = Shape { eta: 2, polynomials: 8 + 7 };
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

impl SoftwareKey {
    /// A new key. A large RSA key takes a second or two, and far longer in a build without optimisation.
    ///
    /// # Errors
    /// [`KeyError::RandomUnavailable`], [`KeyError::GenerationFailed`].
    pub fn generate(algorithm: AsymAlgorithm, random: &dyn SecureRandom) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut()).map_err(|_| KeyError::RandomUnavailable)?;
        Self::from_seed(algorithm, *seed)
    }

    /// The key that belongs to a seed: always the same with the same version of this crate and its
    /// dependencies. The two schemes of an RSA size share it; keys of other algorithms are unrelated.
    ///
    /// # Errors
    /// [`KeyError::GenerationFailed`].
    pub fn from_seed(algorithm: AsymAlgorithm, seed: [u8; 32]) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(seed);
        // The name that both schemes share.
        let label = match algorithm {
            AsymAlgorithm::Rsa(_, bits) => AsymAlgorithm::Rsa(RsaScheme::Pss, bits),
            other => other,
        };
        let mut stream = Stream::new(&[b"spdm software key", label.name().as_bytes(), &*seed]);
        Self::new(match algorithm {
            AsymAlgorithm::Ecdsa(EcCurve::P256) => {
                Secret::P256(p256::ecdsa::SigningKey::generate_from_rng(&mut stream))
            }
            AsymAlgorithm::Ecdsa(EcCurve::P384) => {
                Secret::P384(p384::ecdsa::SigningKey::generate_from_rng(&mut stream))
            }
            AsymAlgorithm::Ecdsa(EcCurve::P521) => {
                Secret::P521(p521::ecdsa::SigningKey::generate_from_rng(&mut stream))
            }
            AsymAlgorithm::Ed25519 => {
                let mut secret = Zeroizing::new([0; 32]);
                stream.fill_bytes(secret.as_mut());
                Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret))
            }
            AsymAlgorithm::MlDsa(set) => {
                let mut seed = Zeroizing::new(ml_dsa::Seed::default());
                stream.fill_bytes(seed.as_mut());
                match set {
                    MlDsaSet::P44 => {
                        Secret::MlDsa44(MlDsaKey::Seed(ml_dsa::SigningKey::from_seed(&seed)))
                    }
                    MlDsaSet::P65 => {
                        Secret::MlDsa65(MlDsaKey::Seed(ml_dsa::SigningKey::from_seed(&seed)))
                    }
                    MlDsaSet::P87 => {
                        Secret::MlDsa87(MlDsaKey::Seed(ml_dsa::SigningKey::from_seed(&seed)))
                    }
                }
            }
            AsymAlgorithm::Rsa(scheme, bits) => {
                let key = RsaPrivateKey::new(&mut stream, 8 * bits.bytes());
                Secret::Rsa(scheme, Box::new(key.map_err(|_| KeyError::GenerationFailed)?))
            }
        })
    }

    /// A key from PKCS#8 DER; an ML-DSA key as its seed, expanded, or both (RFC 9881 §6). An RSA key becomes one of [`RsaScheme::Pss`]; see
    /// [`Self::with_scheme`].
    ///
    /// # Errors
    /// [`KeyError::Malformed`], [`KeyError::Unsupported`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        let secret = match info.algorithm.oid {
            EC => match info.algorithm.parameters_oid().map_err(|_| KeyError::Unsupported)? {
                P256 => p256::ecdsa::SigningKey::try_from(info).map(Secret::P256),
                P384 => p384::ecdsa::SigningKey::try_from(info).map(Secret::P384),
                P521 => p521::ecdsa::SigningKey::try_from(info).map(Secret::P521),
                _ => return Err(KeyError::Unsupported),
            },
            ED25519 => ed25519_dalek::SigningKey::try_from(info).map(Secret::Ed25519),
            ML_DSA_44 => return Self::new(Secret::MlDsa44(MlDsaKey::from_pkcs8(info, SHAPE_44)?)),
            ML_DSA_65 => return Self::new(Secret::MlDsa65(MlDsaKey::from_pkcs8(info, SHAPE_65)?)),
            ML_DSA_87 => return Self::new(Secret::MlDsa87(MlDsaKey::from_pkcs8(info, SHAPE_87)?)),
            RSA => {
                RsaPrivateKey::try_from(info).map(|key| Secret::Rsa(RsaScheme::Pss, Box::new(key)))
            }
            _ => return Err(KeyError::Unsupported),
        };
        Self::new(secret.map_err(|_| KeyError::Malformed)?)
    }

    fn new(secret: Secret) -> Result<Self, KeyError> {
        let (algorithm, public, spki) = match &secret {
            Secret::P256(key) => {
                let key = key.verifying_key();
                let public = key.to_sec1_point(false).as_bytes().to_vec();
                (AsymAlgorithm::Ecdsa(EcCurve::P256), public, key.to_public_key_der())
            }
            Secret::P384(key) => {
                let key = key.verifying_key();
                let public = key.to_sec1_point(false).as_bytes().to_vec();
                (AsymAlgorithm::Ecdsa(EcCurve::P384), public, key.to_public_key_der())
            }
            Secret::P521(key) => {
                let key = key.verifying_key();
                let public = key.to_sec1_point(false).as_bytes().to_vec();
                (AsymAlgorithm::Ecdsa(EcCurve::P521), public, key.to_public_key_der())
            }
            Secret::Ed25519(key) => {
                let key = key.verifying_key();
                (AsymAlgorithm::Ed25519, key.to_bytes().to_vec(), key.to_public_key_der())
            }
            Secret::MlDsa44(key) => {
                let key = key.expanded().verifying_key();
                let public = key.encode().to_vec();
                (AsymAlgorithm::MlDsa(MlDsaSet::P44), public, key.to_public_key_der())
            }
            Secret::MlDsa65(key) => {
                let key = key.expanded().verifying_key();
                let public = key.encode().to_vec();
                (AsymAlgorithm::MlDsa(MlDsaSet::P65), public, key.to_public_key_der())
            }
            Secret::MlDsa87(key) => {
                let key = key.expanded().verifying_key();
                let public = key.encode().to_vec();
                (AsymAlgorithm::MlDsa(MlDsaSet::P87), public, key.to_public_key_der())
            }
            Secret::Rsa(scheme, key) => {
                let bits = RsaBits::from_bytes(key.size()).ok_or(KeyError::Unsupported)?;
                let key = key.to_public_key();
                let public = key.to_pkcs1_der().map_err(|_| KeyError::Malformed)?.into_vec();
                // The crate takes moduli of other sizes in bits, and larger exponents.
                strict_rsa_key(bits, &public).map_err(|_| KeyError::Unsupported)?;
                (AsymAlgorithm::Rsa(*scheme, bits), public, key.to_public_key_der())
            }
        };
        let spki = spki.map_err(|_| KeyError::Malformed)?.into_vec();
        Ok(Self { algorithm, secret, public, spki })
    }

    /// The private key as PKCS#8 DER, for [`Self::from_pkcs8_der`] and other tools.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where the key cannot be encoded.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = match &self.secret {
            Secret::P256(key) => key.to_pkcs8_der(),
            Secret::P384(key) => key.to_pkcs8_der(),
            Secret::P521(key) => key.to_pkcs8_der(),
            // Without the public key, which makes it a version 2 that few tools read.
            Secret::Ed25519(key) => {
                KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der()
            }
            Secret::MlDsa44(key) => key.to_pkcs8(),
            Secret::MlDsa65(key) => key.to_pkcs8(),
            Secret::MlDsa87(key) => key.to_pkcs8(),
            Secret::Rsa(_, key) => key.to_pkcs8_der(),
        };
        document.map(|document| document.to_bytes()).map_err(|_| KeyError::Malformed)
    }

    /// The same RSA key with another padding; `None` for a key that is not RSA.
    #[must_use]
    pub fn with_scheme(&self, scheme: RsaScheme) -> Option<Self> {
        let (AsymAlgorithm::Rsa(_, bits), Secret::Rsa(_, key)) = (self.algorithm, &self.secret)
        else {
            return None;
        };
        Some(Self {
            algorithm: AsymAlgorithm::Rsa(scheme, bits),
            secret: Secret::Rsa(scheme, key.clone()),
            public: self.public.clone(),
            spki: self.spki.clone(),
        })
    }

    /// The public key, encoded as [`AsymAlgorithm`] says.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.public.clone()
    }

    /// The public key as DER `SubjectPublicKeyInfo`; RSA keys as `rsaEncryption` with both schemes.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        self.spki.clone()
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Sign for SoftwareKey {
    fn algorithm(&self) -> AsymAlgorithm {
        self.algorithm
    }

    fn sign(
        &self,
        hash: HashAlgorithm,
        signed: Signed<'_>,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        let needed = self.algorithm.signature_len();
        let out = out.get_mut(..needed).ok_or(SignError::BufferTooSmall { needed })?;
        match &self.secret {
            Secret::P256(key) => sign_ecdsa::<p256::ecdsa::Signature, 32>(key, hash, signed, out),
            Secret::P384(key) => sign_ecdsa::<p384::ecdsa::Signature, 48>(key, hash, signed, out),
            Secret::P521(key) => sign_ecdsa::<p521::ecdsa::Signature, 66>(key, hash, signed, out),
            Secret::Ed25519(key) => {
                let Signed::Message { bytes, .. } = signed else {
                    return Err(SignError::Unsupported);
                };
                copy(&signature::Signer::sign(key, bytes).to_bytes(), out)
            }
            Secret::MlDsa44(key) => sign_ml_dsa(key.expanded(), signed, out),
            Secret::MlDsa65(key) => sign_ml_dsa(key.expanded(), signed, out),
            Secret::MlDsa87(key) => sign_ml_dsa(key.expanded(), signed, out),
            Secret::Rsa(scheme, key) => {
                let digest = &signed.prehash(hash, &OneShot).map_err(|_| SignError::Unsupported)?;
                match hash {
                    HashAlgorithm::Sha256 => sign_rsa::<Sha256>(*scheme, key, digest, out),
                    HashAlgorithm::Sha384 => sign_rsa::<Sha384>(*scheme, key, digest, out),
                    HashAlgorithm::Sha512 => sign_rsa::<Sha512>(*scheme, key, digest, out),
                    HashAlgorithm::Sha3_256 => sign_rsa::<Sha3_256>(*scheme, key, digest, out),
                    HashAlgorithm::Sha3_384 => sign_rsa::<Sha3_384>(*scheme, key, digest, out),
                    HashAlgorithm::Sha3_512 => sign_rsa::<Sha3_512>(*scheme, key, digest, out),
                }
            }
        }
    }
}

fn sign_ecdsa<S: SignatureEncoding, const N: usize>(
    key: &impl PrehashSigner<S>,
    hash: HashAlgorithm,
    signed: Signed<'_>,
    out: &mut [u8],
) -> Result<usize, SignError> {
    let digest = signed.prehash(hash, &OneShot).map_err(|_| SignError::Unsupported)?;
    let signature = key.sign_prehash(&fit_prehash::<N>(&digest)).map_err(|_| SignError::Failed)?;
    copy(signature.to_bytes().as_ref(), out)
}

fn sign_ml_dsa<P: MlDsaParams>(
    key: &ml_dsa::ExpandedSigningKey<P>,
    signed: Signed<'_>,
    out: &mut [u8],
) -> Result<usize, SignError> {
    let Signed::Message { bytes, context } = signed else { return Err(SignError::Unsupported) };
    let signature = key.sign_deterministic(bytes, context);
    copy(&signature.map_err(|_| SignError::Failed)?.encode(), out)
}

fn sign_rsa<D>(
    scheme: RsaScheme,
    key: &RsaPrivateKey,
    digest: &Digest,
    out: &mut [u8],
) -> Result<usize, SignError>
where
    D: DigestTrait + FixedOutputReset + AssociatedOid,
{
    let digest = digest.as_bytes();
    let secret = key.to_pkcs8_der().map_err(|_| SignError::Failed)?;
    let mut stream = Stream::new(&[b"spdm rsa signature", secret.as_bytes(), digest]);
    let signature = match scheme {
        RsaScheme::Pkcs1 => key.sign_with_rng(&mut stream, Pkcs1v15Sign::new::<D>(), digest),
        RsaScheme::Pss => key.sign_with_rng(&mut stream, Pss::<D>::new(), digest),
    };
    copy(&signature.map_err(|_| SignError::Failed)?, out)
}

fn copy(signature: &[u8], out: &mut [u8]) -> Result<usize, SignError> {
    if signature.len() != out.len() {
        return Err(SignError::Failed);
    }
    out.copy_from_slice(signature);
    Ok(signature.len())
}
