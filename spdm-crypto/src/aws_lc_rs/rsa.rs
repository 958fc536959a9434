//! RSASSA-PKCS1-v1_5 and RSASSA-PSS with SHA-2.

use ::aws_lc_rs::digest;
use ::aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};

use crate::asym_algorithm::{AsymAlgorithm, RsaScheme};
use crate::aws_lc_rs::hash::{OneShot, algorithm};
use crate::hash_algorithm::HashAlgorithm;
use crate::rustcrypto;
use crate::verify::{Invalid, Signed, Verify};

/// RSA verification with both paddings and SHA-2; keys as [`rustcrypto::Rsa`] has them.
#[derive(Clone, Copy, Debug)]
pub struct Rsa;

impl Verify for Rsa {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        let AsymAlgorithm::Rsa(scheme, _) = asym else { return false };
        parameters(scheme, hash).is_some()
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let AsymAlgorithm::Rsa(scheme, bits) = asym else { return Err(Invalid) };
        let parameters = parameters(scheme, hash).ok_or(Invalid)?;
        if signature.len() != bits.bytes() {
            return Err(Invalid);
        }
        self.check_key(asym, key)?;
        let digest = signed.prehash(hash, &OneShot)?;
        let digest = digest::Digest::import_less_safe(digest.as_bytes(), algorithm(hash));
        let digest = digest.map_err(|_| Invalid)?;
        UnparsedPublicKey::new(parameters, key)
            .verify_digest(&digest, signature)
            .map_err(|_| Invalid)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        let AsymAlgorithm::Rsa(_, bits) = asym else { return Err(Invalid) };
        rustcrypto::strict_rsa_key(bits, key).map(drop)
    }
}

const fn parameters(scheme: RsaScheme, hash: HashAlgorithm) -> Option<&'static RsaParameters> {
    match (scheme, hash) {
        (RsaScheme::Pkcs1, HashAlgorithm::Sha256) => Some(&RSA_PKCS1_2048_8192_SHA256),
        (RsaScheme::Pkcs1, HashAlgorithm::Sha384) => Some(&RSA_PKCS1_2048_8192_SHA384),
        (RsaScheme::Pkcs1, HashAlgorithm::Sha512) => Some(&RSA_PKCS1_2048_8192_SHA512),
        (RsaScheme::Pss, HashAlgorithm::Sha256) => Some(&RSA_PSS_2048_8192_SHA256),
        (RsaScheme::Pss, HashAlgorithm::Sha384) => Some(&RSA_PSS_2048_8192_SHA384),
        (RsaScheme::Pss, HashAlgorithm::Sha512) => Some(&RSA_PSS_2048_8192_SHA512),
        (_, HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_384 | HashAlgorithm::Sha3_512) => None,
    }
}
