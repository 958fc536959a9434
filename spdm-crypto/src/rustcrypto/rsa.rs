//! RSASSA-PKCS1-v1_5 and RSASSA-PSS.

use ::rsa::pkcs1::RsaPublicKeyRef;
use ::rsa::{Pkcs1v15Sign, Pss, PublicKey};
use digest::{Digest, FixedOutputReset, const_oid::AssociatedOid};
use sha2::{Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use crate::asym_algorithm::{AsymAlgorithm, RsaBits, RsaScheme};
use crate::hash_algorithm::HashAlgorithm;
use crate::rustcrypto::hash::OneShot;
use crate::verify::{Invalid, Signed, Verify};

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
        let digest = signed.prehash(hash, &OneShot)?;
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
        strict_rsa_key(bits, key).map(drop)
    }
}

/// Sizes are checked before any big integer is made of them.
fn public_key(bits: RsaBits, der: &[u8]) -> Result<PublicKey, Invalid> {
    PublicKey::try_from(strict_rsa_key(bits, der)?).map_err(|_| Invalid)
}

/// Modulus and exponent of a key that has every property that [`Rsa`] asks for.
pub(crate) fn strict_rsa_key(bits: RsaBits, der: &[u8]) -> Result<RsaPublicKeyRef<'_>, Invalid> {
    let key = RsaPublicKeyRef::try_from(der).map_err(|_| Invalid)?;
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    let modulus = key.modulus.as_bytes();
    let full = modulus.len() == bits.bytes() && matches!(modulus, [0x80..=0xFF, ..]);
    let exponent_fits = match key.public_exponent.as_bytes() {
        [] | [0..=2] => false,
        exponent => exponent.len() <= size_of::<u32>() && odd(exponent),
    };
    if full && odd(modulus) && exponent_fits { Ok(key) } else { Err(Invalid) }
}

fn verify<D>(
    scheme: RsaScheme,
    key: &PublicKey,
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
