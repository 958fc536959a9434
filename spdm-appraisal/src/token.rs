//! CBOR Web Tokens (RFC 8392): who signed them.

use spdm_crypto::{HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck, X509Certificate};

use crate::cbor::{Item, Label, Reader, Result};
use crate::cose::{Sign1, label};
use crate::error::{Error, ReadError, Rule};
use crate::keys::EvidenceKey;
use crate::signed::{ReferenceTrust, verify_with};
use crate::x5chain;

/// COSE_Sign1.
pub(crate) const TAG_SIGN1: u64 = 18;
/// CWT.
pub(crate) const TAG_CWT: u64 = 61;
/// Self-described CBOR (RFC 8949 §3.4.6).
pub(crate) const TAG_SELF_DESCRIBED: u64 = 55799;

/// Whose tokens are taken.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct TokenTrust<'t> {
    /// Hashes and verifies.
    pub provider: &'t Provider,
    /// Roots of devices, for tokens that come by themselves, with certificates.
    pub anchors: &'t [Anchor<'t>],
    /// The leaf whose key signed the measurement record that holds the token: the caller judges its chain. No other key may
    /// have signed the token, which could be one of another device; certificates in the token are not judged. `None`: the
    /// token comes by itself.
    pub leaf: Option<EvidenceKey<'t>>,
    /// DER SubjectPublicKeyInfos that the caller vouches for. With one of them no other key is taken.
    pub keys: &'t [&'t [u8]],
    /// The time to hold the validity of certificates against.
    pub validity: ValidityCheck,
}

/// Whose key a token is signed by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenSigner<'a> {
    /// That of a certificate in the token, below an anchor.
    Chain {
        /// The DER certificate.
        certificate: &'a [u8],
        /// Which of the caller's anchors, from 0.
        anchor: Option<usize>,
    },
    /// That of the leaf which signed the measurement record: [`TokenTrust::leaf`].
    Leaf,
    /// One that the caller gave: which of [`TokenTrust::keys`], from 0.
    Key(usize),
}

/// A token whose signature is not verified, so that nothing of it can be read.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a>(Item<'a>);

/// What a verified signature is over.
#[derive(Debug)]
pub(crate) struct VerifiedToken<'a> {
    pub(crate) payload: Reader<'a>,
    pub(crate) signer: TokenSigner<'a>,
    pub(crate) has_content_type: bool,
    /// Certificates are in the headers.
    pub(crate) has_certificates: bool,
}

impl<'a> Token<'a> {
    /// Takes the bytes for a token: COSE_Sign1 (tag 18), in a CWT (61) and in self-described CBOR (55799) or not.
    ///
    /// # Errors
    /// [`ReadError`] where they are something else, or not well-formed.
    pub fn read(bytes: Untrusted<&'a [u8]>) -> Result<Self> {
        let bytes = bytes.into_inner_less_safe();
        if bytes.len() > crate::MAX_FILE {
            return Err(ReadError::new(Rule::TooLarge, "token", crate::MAX_FILE));
        }
        let mut reader = Reader::new(bytes, 0);
        let token = Self::read_item(&mut reader)?;
        reader.finish("token")?;
        Ok(token)
    }

    /// Reads the next item as a token.
    pub(crate) fn read_item(reader: &mut Reader<'a>) -> Result<Self> {
        let not_token = reader.error(Rule::NotToken, "token");
        let mut inner = reader.item("token")?.reader();
        let tag = match inner.tag("token").map_err(|_| not_token)? {
            TAG_SELF_DESCRIBED => inner.tag("token").map_err(|_| not_token)?,
            tag => tag,
        };
        Self::read_behind(tag, &mut inner).map_err(|error| match error.rule {
            Rule::Tag => not_token,
            _ => error,
        })
    }

    /// What this tag, which was read, holds: a COSE_Sign1, or the tag of one.
    pub(crate) fn read_behind(tag: u64, reader: &mut Reader<'a>) -> Result<Self> {
        match tag {
            TAG_SIGN1 => reader.item("COSE_Sign1").map(Self),
            TAG_CWT => {
                reader.expect_tag(TAG_SIGN1, "COSE_Sign1")?;
                reader.item("COSE_Sign1").map(Self)
            }
            _ => Err(reader.error(Rule::Tag, "token")),
        }
    }

    pub(crate) fn verify(
        &self,
        trust: &TokenTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<VerifiedToken<'a>, Error> {
        let sign1 = Sign1::read(self.0)?;
        // They are about a CoRIM, or may differ from the claims.
        sign1.headers.check_not_critical(&[label::META, label::CWT])?;
        let has_content_type = check_content_type(&sign1)?;
        let signer = verify_signer(&sign1, trust, scratch)?;
        let has_certificates = sign1.headers.x5chain.is_some();
        Ok(VerifiedToken { payload: sign1.payload, signer, has_content_type, has_certificates })
    }
}

/// Whether there is a content type, which must be that of a token: number 263 of CoAP's, or its name.
fn check_content_type(sign1: &Sign1<'_>) -> Result<bool> {
    let Some(item) = sign1.headers.content_type else { return Ok(false) };
    match item.reader().label("content-type")? {
        Label::Number(263) | Label::Name("application/eat+cwt") => Ok(true),
        _ => Err(ReadError::new(Rule::ContentType, "content-type", item.at())),
    }
}

fn verify_signer<'a>(
    sign1: &Sign1<'a>,
    trust: &TokenTrust<'_>,
    scratch: &mut [u8],
) -> core::result::Result<TokenSigner<'a>, Error> {
    let TokenTrust { provider, anchors, leaf, keys, validity } = *trust;
    let headers = &sign1.headers;
    if !keys.is_empty() {
        return verify_by_given(sign1, keys, provider, scratch).map_err(Error::from);
    }
    let Some(leaf) = leaf else {
        let unknown = ReadError::new(Rule::KeyId, "kid", headers.at);
        // The chain is judged like that of a signer of reference values, below the anchors of devices.
        let trust = ReferenceTrust { provider, anchors, keys: &[], validity };
        let chain = headers.x5chain.ok_or(unknown)?;
        let signer = x5chain::verify(sign1, chain, &trust, scratch)?;
        let (certificate, anchor) = (signer.certificate, signer.anchor);
        return Ok(TokenSigner::Chain { certificate, anchor });
    };
    let other = match headers.x5chain {
        Some(chain) => {
            let is_other = x5chain::key_info(chain)? != leaf.key_info;
            is_other.then(|| ReadError::new(Rule::OtherKey, "x5chain", chain.at()))
        }
        None => {
            let is_other = !headers.kid.is_some_and(|kid| is_id(kid, &leaf, provider));
            is_other.then(|| ReadError::new(Rule::KeyId, "kid", headers.at))
        }
    };
    other.map_or(Ok(()), Err)?;
    verify_with(sign1, leaf.key_info, provider, scratch)?;
    Ok(TokenSigner::Leaf)
}

/// Verifies with the first of the caller's keys that fits.
fn verify_by_given<'a>(
    sign1: &Sign1<'a>,
    keys: &[&[u8]],
    provider: &Provider,
    scratch: &mut [u8],
) -> Result<TokenSigner<'a>> {
    let mut last = ReadError::new(Rule::NoKey, "kid", sign1.headers.at);
    for (number, key_info) in keys.iter().enumerate() {
        match verify_with(sign1, key_info, provider, scratch) {
            Ok(()) => return Ok(TokenSigner::Key(number)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// id-ce-subjectKeyIdentifier, 2.5.29.14.
const SUBJECT_KEY_IDENTIFIER: [u8; 3] = [0x55, 0x1D, 0x0E];

/// Whether a key id names this leaf: as the digest of its certificate or of its key, or as its subjectKeyIdentifier.
/// Which of them a device takes, no document fixes; the signature decides.
fn is_id(kid: &[u8], leaf: &EvidenceKey<'_>, provider: &Provider) -> bool {
    let hash = match kid.len() {
        32 => Some(HashAlgorithm::Sha256),
        48 => Some(HashAlgorithm::Sha384),
        64 => Some(HashAlgorithm::Sha512),
        _ => None,
    };
    let is_digest = hash.is_some_and(|hash| {
        [leaf.certificate, leaf.key_info].into_iter().any(|of| {
            let digest = provider.hash.digest(hash, &[of]);
            !of.is_empty() && digest.is_ok_and(|digest| digest.as_bytes() == kid)
        })
    });
    is_digest || subject_key_id(leaf.certificate).is_some_and(|id| id == kid)
}

/// The content of the OCTET STRING in subjectKeyIdentifier.
fn subject_key_id(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = X509Certificate::parse(Untrusted::new(certificate)).ok()?;
    match certificate.extension(&SUBJECT_KEY_IDENTIFIER)?.into_inner_less_safe() {
        [0x04, len @ 1..=0x7F, id @ ..] if id.len() == usize::from(*len) => Some(id),
        _ => None,
    }
}
