//! RSASSA-PKCS1-v1_5 and RSASSA-PSS.

use ::rsa::pkcs1::RsaPublicKeyRef;
use ::rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::digest::{Digest, FixedOutputReset, const_oid::AssociatedOid};
use sha2::{Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use crate::algorithm::{AsymAlgorithm, HashAlgorithm, RsaBits, RsaScheme};
use crate::provider::{Invalid, Signed, Verify};
use crate::rustcrypto::hash::prehash;

/// RSA verification with both paddings and every hash.
///
/// A key is a DER `RSAPublicKey` without trailing bytes, its modulus odd and of exactly 2048, 3072 or 4096
/// bits, its exponent odd and in 3..2^32: larger ones only make verification slow. A PSS salt is exactly as
/// long as the digest.
#[derive(Clone, Copy, Debug)]
pub struct Rsa;

impl Verify for Rsa {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        matches!(asym, AsymAlgorithm::Rsa(..))
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
        if signature.len() != bits.bytes() {
            return Err(Invalid);
        }
        let key = public_key(bits, key)?;
        let digest = prehash(hash, signed)?;
        let digest = digest.as_bytes();
        match hash {
            HashAlgorithm::Sha256 => verify::<Sha256>(scheme, &key, digest, signature),
            HashAlgorithm::Sha384 => verify::<Sha384>(scheme, &key, digest, signature),
            HashAlgorithm::Sha512 => verify::<Sha512>(scheme, &key, digest, signature),
            HashAlgorithm::Sha3_256 => verify::<Sha3_256>(scheme, &key, digest, signature),
            HashAlgorithm::Sha3_384 => verify::<Sha3_384>(scheme, &key, digest, signature),
            HashAlgorithm::Sha3_512 => verify::<Sha3_512>(scheme, &key, digest, signature),
        }
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        let AsymAlgorithm::Rsa(_, bits) = asym else { return Err(Invalid) };
        integers(bits, key).map(drop)
    }
}

/// Everything that makes a key unusable is seen before big integers are made of it, which takes time.
fn integers(bits: RsaBits, der: &[u8]) -> Result<RsaPublicKeyRef<'_>, Invalid> {
    let key = RsaPublicKeyRef::try_from(der).map_err(|_| Invalid)?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    let odd = |integer: &[u8]| integer.last().is_some_and(|byte| byte & 1 == 1);
    let full = modulus.len() == bits.bytes() && matches!(modulus, [0x80..=0xFF, ..]);
    let exponent_fits = !matches!(exponent, [] | [0..=2]) && exponent.len() <= size_of::<u32>();
    if full && exponent_fits && odd(modulus) && odd(exponent) { Ok(key) } else { Err(Invalid) }
}

fn public_key(bits: RsaBits, der: &[u8]) -> Result<RsaPublicKey, Invalid> {
    RsaPublicKey::try_from(integers(bits, der)?).map_err(|_| Invalid)
}

fn verify<D>(
    scheme: RsaScheme,
    key: &RsaPublicKey,
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Invalid>
where
    D: Digest + FixedOutputReset + AssociatedOid,
{
    let verified = match scheme {
        RsaScheme::Pkcs1 => key.verify(Pkcs1v15Sign::new::<D>(), digest, signature),
        RsaScheme::Pss => key.verify(Pss::<D>::new(), digest, signature),
    };
    verified.map_err(|_| Invalid)
}
