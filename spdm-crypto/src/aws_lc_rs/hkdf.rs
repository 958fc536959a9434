//! HMAC and HKDF with SHA-2.

use ::aws_lc_rs::{hkdf, hmac};

use crate::digest::Digest;
use crate::hash::Unsupported;
use crate::hash_algorithm::HashAlgorithm;
use crate::kdf::{Kdf, KdfError};
use crate::secret::Secret;

/// HMAC and HKDF with SHA-2. Secrets are bytes.
#[derive(Clone, Copy, Debug)]
pub struct Hkdf;

impl Kdf for Hkdf {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        hmac_of(hash).is_ok()
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        let tag = sign(hash, key, parts)?;
        Digest::new(tag.as_ref()).ok_or(KdfError::Length)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        // RFC 5869 §2.2: HMAC with the salt as its key. AWS-LC's own Extract does not give its result away.
        let tag = sign(hash, salt, &[input])?;
        Secret::new(tag.as_ref()).ok_or(KdfError::Length)
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        let algorithm = match hash {
            HashAlgorithm::Sha256 => hkdf::HKDF_SHA256,
            HashAlgorithm::Sha384 => hkdf::HKDF_SHA384,
            HashAlgorithm::Sha512 => hkdf::HKDF_SHA512,
            _ => return Err(Unsupported::new(hash).into()),
        };
        let key = key.expose_secret().filter(|key| key.len() >= hash.digest_len());
        let key = hkdf::Prk::new_less_safe(algorithm, key.ok_or(KdfError::InvalidSecret)?);
        let derived = key.expand(info, Bytes(out.len())).map_err(|_| KdfError::Length)?;
        derived.fill(out).map_err(|_| KdfError::Length)
    }
}

/// So many bytes of key material.
struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

const fn hmac_of(hash: HashAlgorithm) -> Result<hmac::Algorithm, Unsupported> {
    match hash {
        HashAlgorithm::Sha256 => Ok(hmac::HMAC_SHA256),
        HashAlgorithm::Sha384 => Ok(hmac::HMAC_SHA384),
        HashAlgorithm::Sha512 => Ok(hmac::HMAC_SHA512),
        HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_384 | HashAlgorithm::Sha3_512 => {
            Err(Unsupported::new(hash))
        }
    }
}

fn sign(hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<hmac::Tag, KdfError> {
    let algorithm = hmac_of(hash)?;
    let key = key.expose_secret().ok_or(KdfError::InvalidSecret)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    parts.iter().for_each(|part| context.update(part));
    Ok(context.sign())
}
