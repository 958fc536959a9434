//! Detached EAT bundles (RFC 9711 §5): parts whose digests a token signs.

use minicbor::data::Type;
use spdm_crypto::{HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;

use crate::cbor::{Item, Label, Reader, Result};
use crate::eat::read_nonce;
use crate::error::{Error, ReadError, Rule};
use crate::token::{TAG_SELF_DESCRIBED, Token, TokenSigner, TokenTrust, VerifiedToken};

const TAG_BUNDLE: u64 = 602;
/// How many parts a bundle may have, and how many submodules its token.
pub const MAX_PARTS: u64 = 256;

/// A bundle whose main token verifies, and all parts of which have the digests that it signs.
///
/// The nonce is that of the main token: what the parts hold may have others of their own, so that they are as fresh as the
/// main token says, and no fresher.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Bundle<'a> {
    /// Whose key signed the main token.
    pub signer: TokenSigner<'a>,
    /// The nonce of the main token: 8 to 64 bytes.
    pub nonce: &'a [u8],
    nonce_at: usize,
    /// How many claims and submodules are in the main token that are not looked into.
    pub ignored: u32,
    /// The parts, which have the digests that the main token signs.
    pub parts: BundleParts<'a>,
}

/// The parts of a bundle.
#[derive(Clone, Copy, Debug)]
pub struct BundleParts<'a>(Item<'a>);

/// A part of a bundle.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BundlePart<'a> {
    /// Its name, which the main token signs.
    pub name: &'a str,
    /// What it holds.
    pub content: &'a [u8],
    at: usize,
}

/// What management controllers (OpenBMC) put in a part: the measurements of one device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DevicePart<'a> {
    /// DER certificates, one behind the other, the root first.
    pub cert_chain: &'a [u8],
    /// A Standard Measurement Transcript of DMTF, with the negotiation.
    pub signed_measurements: &'a [u8],
    /// How many entries are in it that are not known.
    pub ignored: u32,
}

impl<'a> Bundle<'a> {
    /// Whether a file begins like a bundle.
    #[must_use]
    pub fn sniff(file: &[u8]) -> bool {
        let mut reader = Reader::new(file, 0);
        match reader.tag("bundle") {
            Ok(TAG_SELF_DESCRIBED) => reader.tag("bundle").ok() == Some(TAG_BUNDLE),
            tag => tag.ok() == Some(TAG_BUNDLE),
        }
    }

    /// Reads a file: `#6.602([token, {+ name => bstr}])`. `scratch` is as for [`Corim::read`](crate::Corim::read).
    ///
    /// # Errors
    /// [`Error`] with the first broken rule: also where a part is not named by the main token, has another digest, or is
    /// missing.
    pub fn read(
        file: Untrusted<&'a [u8]>,
        trust: &TokenTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<Self, Error> {
        let (token, parts) = read_file(file)?;
        let VerifiedToken { payload, signer, .. } = token.verify(trust, scratch)?;
        let Claims { nonce: (nonce, nonce_at), submodules, ignored } = Claims::read(payload)?;
        let count = parts.reader().named("detached", |reader, name| {
            let at = reader.at();
            check_part(name, reader.bytes("detached")?, at, parts, submodules, trust.provider)
        })?;
        check_count(count, parts)?;
        let mut nested = 0_u32;
        let count = submodules.reader().named("submods", |reader, name| {
            let at = reader.at();
            if reader.peek("submods")? != Type::Array {
                // Claims or a token inside.
                nested = nested.saturating_add(1);
                return reader.skip("submods");
            }
            reader.skip("submods")?;
            match value_of(parts, name)? {
                Some(_) => Ok(()),
                None => Err(ReadError::new(Rule::PartMissing, "submods", at)),
            }
        })?;
        check_count(count, submodules)?;
        Ok(Self {
            signer,
            nonce,
            nonce_at,
            ignored: ignored.saturating_add(nested),
            parts: BundleParts(parts),
        })
    }

    /// Whether the nonce of the main token is one of those that were sent. Without one of them none is.
    ///
    /// # Errors
    /// [`Rule::Nonce`].
    pub fn check_nonce(&self, sent: &[&[u8]]) -> Result<()> {
        if sent.contains(&self.nonce) {
            Ok(())
        } else {
            Err(ReadError::new(Rule::Nonce, "eat_nonce", self.nonce_at))
        }
    }
}

impl<'a> BundleParts<'a> {
    /// Reads the parts of a file of which nobody vouches for anything: [`Bundle::read`] says whose they are.
    ///
    /// # Errors
    /// [`ReadError`] where it is no bundle, or not well-formed.
    pub fn read(file: Untrusted<&'a [u8]>) -> Result<Self> {
        let (_, parts) = read_file(file)?;
        let count =
            parts.reader().named("detached", |reader, _| reader.bytes("detached").map(drop))?;
        check_count(count, parts)?;
        Ok(Self(parts))
    }

    /// Tells `each` every part, in the order of the file, until it fails.
    ///
    /// # Errors
    /// That of `each`.
    pub fn for_each<E>(
        &self,
        mut each: impl FnMut(BundlePart<'a>) -> core::result::Result<(), E>,
    ) -> core::result::Result<(), E> {
        let mut outcome = Ok(());
        // It was read before, so that no part is missing.
        let _ = self.0.reader().named("detached", |reader, name| {
            let content = reader.bytes("detached")?;
            let at = reader.at().saturating_sub(content.len());
            if outcome.is_ok() {
                outcome = each(BundlePart { name, content, at });
            }
            Ok(())
        });
        outcome
    }
}

impl<'a> BundlePart<'a> {
    /// The measurements of a device, as management controllers (OpenBMC) put them in a part.
    ///
    /// # Errors
    /// [`ReadError`] where the part holds something else.
    pub fn device(&self) -> Result<DevicePart<'a>> {
        let mut reader = Reader::new(self.content, self.at);
        let (mut cert_chain, mut signed_measurements, mut ignored) = (None, None, 0_u32);
        reader.map("part", |reader, label| {
            match label {
                Label::Name("cert_chain") => cert_chain = Some(reader.bytes("cert_chain")?),
                Label::Name("signed_measurements") => {
                    signed_measurements = Some(reader.bytes("signed_measurements")?);
                }
                _ => {
                    ignored = ignored.saturating_add(1);
                    reader.skip("part")?;
                }
            }
            Ok(())
        })?;
        reader.finish("part")?;
        let missing = |field| ReadError::new(Rule::Missing, field, self.at);
        Ok(DevicePart {
            cert_chain: cert_chain.ok_or_else(|| missing("cert_chain"))?,
            signed_measurements: signed_measurements
                .ok_or_else(|| missing("signed_measurements"))?,
            ignored,
        })
    }
}

/// `#6.602([token, {+ name => bstr}])`, in self-described CBOR or not.
fn read_file(file: Untrusted<&[u8]>) -> Result<(Token<'_>, Item<'_>)> {
    let bytes = file.into_inner_less_safe();
    if bytes.len() > crate::MAX_FILE {
        return Err(ReadError::new(Rule::TooLarge, "bundle", crate::MAX_FILE));
    }
    let not_bundle = ReadError::new(Rule::NotBundle, "bundle", 0);
    let mut reader = Reader::new(bytes, 0);
    let tag = match reader.tag("bundle").map_err(|_| not_bundle)? {
        TAG_SELF_DESCRIBED => reader.tag("bundle").map_err(|_| not_bundle)?,
        tag => tag,
    };
    if tag != TAG_BUNDLE {
        return Err(not_bundle);
    }
    let (mut token, mut parts) = (None, None);
    let at = reader.at();
    reader.array("bundle", |reader| {
        if token.is_none() {
            token = Some(Token::read_item(reader)?);
        } else if parts.is_none() {
            parts = Some(reader.item("detached")?);
        } else {
            return Err(reader.error(Rule::Excess, "bundle"));
        }
        Ok(())
    })?;
    reader.finish("bundle")?;
    token.zip(parts).ok_or_else(|| ReadError::new(Rule::Missing, "bundle", at))
}

/// What is read in the main token.
struct Claims<'a> {
    nonce: (&'a [u8], usize),
    submodules: Item<'a>,
    ignored: u32,
}

impl<'a> Claims<'a> {
    fn read(mut payload: Reader<'a>) -> Result<Self> {
        let at = payload.at();
        let (mut nonce, mut submodules, mut ignored) = (None, None, 0_u32);
        payload.map("claims", |reader, label| {
            match label {
                Label::Number(10) => nonce = Some(read_nonce(reader)?),
                // Which profile a composite device names, decides nothing here.
                Label::Number(265) => reader.skip("eat_profile")?,
                Label::Number(266) => submodules = Some(reader.item("submods")?),
                _ => {
                    ignored = ignored.saturating_add(1);
                    reader.skip("claims")?;
                }
            }
            Ok(())
        })?;
        payload.finish("claims")?;
        let missing = |rule, field| ReadError::new(rule, field, at);
        let nonce = nonce.ok_or_else(|| missing(Rule::NonceMissing, "eat_nonce"))?;
        let submodules = submodules.ok_or_else(|| missing(Rule::Missing, "submods"))?;
        Ok(Self { nonce, submodules, ignored })
    }
}

fn check_count(count: u64, of: Item<'_>) -> Result<()> {
    match count {
        0 => Err(ReadError::new(Rule::Empty, "detached", of.at())),
        1..=MAX_PARTS => Ok(()),
        _ => Err(ReadError::new(Rule::TooManyParts, "detached", of.at())),
    }
}

/// The value with this name in a map of names, which must not have it twice.
fn value_of<'a>(map: Item<'a>, wanted: &str) -> Result<Option<Item<'a>>> {
    let (mut found, mut count) = (None, 0_u64);
    map.reader().named("detached", |reader, name| {
        let at = reader.at();
        count = count.saturating_add(1);
        if count > MAX_PARTS {
            return Err(ReadError::new(Rule::TooManyParts, "detached", at));
        }
        let item = reader.item("detached")?;
        if name != wanted {
            return Ok(());
        }
        if found.is_some() {
            return Err(ReadError::new(Rule::Duplicate, "detached", at));
        }
        found = Some(item);
        Ok(())
    })?;
    Ok(found)
}

/// Whether the part with this name is there once, and has the digest that the main token names.
fn check_part(
    name: &str,
    content: &[u8],
    at: usize,
    parts: Item<'_>,
    submodules: Item<'_>,
    provider: &Provider,
) -> Result<()> {
    value_of(parts, name)?;
    let error = |rule| ReadError::new(rule, "detached", at);
    let submodule = value_of(submodules, name)?.ok_or_else(|| error(Rule::PartUnnamed))?;
    let (hash, digest) = read_digest(submodule)?;
    let computed = provider.hash.digest(hash, &[content]);
    let computed = computed.map_err(|_| error(Rule::PartAlgorithm))?;
    if computed.as_bytes() == digest { Ok(()) } else { Err(error(Rule::PartDigest)) }
}

/// `[alg, digest]`, with an algorithm of COSE (RFC 9054).
fn read_digest(submodule: Item<'_>) -> Result<(HashAlgorithm, &[u8])> {
    let (mut hash, mut digest) = (None, None);
    let error = |rule| ReadError::new(rule, "submods", submodule.at());
    let mut reader = submodule.reader();
    if reader.peek("submods")? != Type::Array {
        return Err(error(Rule::PartUnnamed));
    }
    reader.array("submods", |reader| {
        if hash.is_none() {
            hash = Some(match reader.label("submods")? {
                Label::Number(-16) => HashAlgorithm::Sha256,
                Label::Number(-43) => HashAlgorithm::Sha384,
                Label::Number(-44) => HashAlgorithm::Sha512,
                _ => return Err(error(Rule::PartAlgorithm)),
            });
        } else if digest.is_none() {
            digest = Some(reader.bytes("submods")?);
        } else {
            return Err(reader.error(Rule::Excess, "submods"));
        }
        Ok(())
    })?;
    hash.zip(digest).ok_or_else(|| error(Rule::Missing))
}
