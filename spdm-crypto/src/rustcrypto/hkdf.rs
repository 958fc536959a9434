//! HMAC and HKDF.

use ::hkdf::{SimpleHkdf, SimpleHkdfExtract};
use digest::{
    Digest as Hasher, FixedOutput as _, KeyInit as _, Update as _, block_api::BlockSizeUser,
};
use hmac::SimpleHmac;
use zeroize::Zeroize as _;

use crate::digest::Digest;
use crate::hash::Hash as _;
#[cfg(not(all(
    feature = "sha256",
    feature = "sha384",
    feature = "sha512",
    feature = "sha3"
)))]
use crate::hash::Unsupported;
use crate::hash_algorithm::HashAlgorithm;
use crate::kdf::{Kdf, KdfError};
use crate::rustcrypto::hash::OneShot;
use crate::secret::Secret;

/// HMAC and HKDF with the enabled hashes. Secrets are bytes.
#[derive(Clone, Copy, Debug)]
pub struct Hkdf;

/// Calls a generic function with the hash in place of the first parameter.
macro_rules! with_hash {
    ($hash:expr, $function:ident($($argument:expr),*)) => {
        match $hash {
            #[cfg(feature = "sha256")]
            HashAlgorithm::Sha256 => $function::<sha2::Sha256>($($argument),*),
            #[cfg(feature = "sha384")]
            HashAlgorithm::Sha384 => $function::<sha2::Sha384>($($argument),*),
            #[cfg(feature = "sha512")]
            HashAlgorithm::Sha512 => $function::<sha2::Sha512>($($argument),*),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_256 => $function::<sha3::Sha3_256>($($argument),*),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_384 => $function::<sha3::Sha3_384>($($argument),*),
            #[cfg(feature = "sha3")]
            HashAlgorithm::Sha3_512 => $function::<sha3::Sha3_512>($($argument),*),
            #[cfg(not(all(
                feature = "sha256",
                feature = "sha384",
                feature = "sha512",
                feature = "sha3"
            )))]
            _ => Err(Unsupported::new($hash).into()),
        }
    };
}

impl Kdf for Hkdf {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        OneShot.supports(hash)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        let key = key.expose_secret().ok_or(KdfError::InvalidSecret)?;
        with_hash!(hash, mac(key, parts))
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        let salt = salt.expose_secret().ok_or(KdfError::InvalidSecret)?;
        with_hash!(hash, extract(salt, input))
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        let key = key.expose_secret().ok_or(KdfError::InvalidSecret)?;
        with_hash!(hash, expand(key, info, out))
    }
}

fn mac<H: Hasher + BlockSizeUser>(key: &[u8], parts: &[&[u8]]) -> Result<Digest, KdfError> {
    let mut mac = SimpleHmac::<H>::new_from_slice(key).map_err(|_| KdfError::InvalidSecret)?;
    parts.iter().for_each(|part| mac.update(part));
    Digest::new(&mac.finalize_fixed()).ok_or(KdfError::Length)
}

fn extract<H: Hasher + BlockSizeUser + Clone>(
    salt: &[u8],
    input: &[u8],
) -> Result<Secret, KdfError> {
    let mut hkdf = SimpleHkdfExtract::<H>::new(Some(salt));
    hkdf.input_ikm(input);
    let (mut key, _) = hkdf.finalize();
    let secret = Secret::new(&key).ok_or(KdfError::Length);
    key.zeroize();
    secret
}

fn expand<H: Hasher + BlockSizeUser + Clone>(
    key: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), KdfError> {
    let hkdf = SimpleHkdf::<H>::from_prk(key).map_err(|_| KdfError::InvalidSecret)?;
    hkdf.expand_multi_info(info, out).map_err(|_| KdfError::Length)
}
