//! x5chain (RFC 9360): certificates in the header of a message, and whether they lead to an anchor.

use spdm_crypto::Provider;
use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;

use crate::cbor::{Item, Result};
use crate::cose::{Scheme, Sign1};
use crate::error::{Error, ReadError, Rule};
use crate::signed::{REFERENCE_SIGNER, ReferenceTrust};
use crate::signer_chain::SignerChain;

/// The owner of a key with which a signature verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainSigner<'a> {
    /// DER.
    pub(crate) certificate: &'a [u8],
    /// The number of the anchor, from 0.
    pub(crate) anchor: Option<usize>,
}

/// Verifies with the key of the first certificate, below an anchor of the caller.
pub(crate) fn verify<'a>(
    sign1: &Sign1<'a>,
    item: Item<'a>,
    trust: &ReferenceTrust<'_>,
    scratch: &mut [u8],
) -> core::result::Result<ChainSigner<'a>, Error> {
    let chain = read(item)?;
    let certificate = chain.leaf()?;
    let leaf = X509Certificate::parse(Untrusted::new(certificate)).map_err(Error::Signer)?;
    let scheme = scheme_of(sign1, &leaf, trust.provider)?;
    let anchor = chain.judge(scheme, trust, scratch)?;
    // The leaf of the chain that was judged is this certificate, and its key is one of this algorithm.
    sign1.verify(scheme, leaf.key(), trust.provider, scratch)?;
    Ok(ChainSigner { certificate, anchor })
}

/// The DER SubjectPublicKeyInfo in the first certificate. Nothing is judged.
pub(crate) fn key_info(item: Item<'_>) -> core::result::Result<&[u8], Error> {
    let leaf = X509Certificate::parse(Untrusted::new(read(item)?.leaf()?));
    leaf.map(|leaf| leaf.key_info()).map_err(Error::Signer)
}

/// What the header and the key of this certificate make together.
fn scheme_of(sign1: &Sign1<'_>, leaf: &X509Certificate<'_>, provider: &Provider) -> Result<Scheme> {
    let error = |rule| ReadError::new(rule, "alg", sign1.headers.at);
    let mut schemes = sign1.headers.algorithm.schemes();
    let scheme = schemes.find(|scheme| leaf.key_algorithm().fits(scheme.asym));
    let scheme = scheme.ok_or_else(|| error(Rule::AlgKey))?;
    if provider.supports(scheme.asym, scheme.hash) {
        Ok(scheme)
    } else {
        Err(error(Rule::AlgBackend))
    }
}

/// The certificates of an x5chain: one byte string, or an array. RFC 9360 §2 has at least two in an array; one is harmless,
/// and is seen.
fn read(item: Item<'_>) -> Result<SignerChain<'_>> {
    let unusable = ReadError::new(Rule::X5chain, "x5chain", item.at());
    let mut chain = SignerChain::new(REFERENCE_SIGNER, unusable);
    if let Ok(certificate) = item.reader().bytes("x5chain") {
        chain.push(certificate)?;
        return Ok(chain);
    }
    item.reader().array("x5chain", |reader| chain.push(reader.bytes("x5chain")?))?;
    Ok(chain)
}
