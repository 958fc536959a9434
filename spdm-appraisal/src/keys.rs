//! `crypto-key-type-choice`: keys as CoRIM names them.

use core::fmt;

use spdm_crypto::Provider;

use crate::cbor::{Item, Reader, Result};
use crate::dialect::Form;
use crate::digest::{Digest, DigestAlgorithm, DigestValue};
use crate::error::{ReadError, Rule};

/// A key, or what names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CryptoKey<'a> {
    /// Text: a public key (554), a certificate (555) or a chain of them (556).
    Text {
        /// The tag.
        tag: u64,
        /// PEM, or base64.
        text: &'a str,
    },
    /// A digest: of a public key (557), a certificate (559) or a chain of them (561).
    Thumbprint {
        /// The tag.
        tag: u64,
        /// The digest.
        digest: Digest<'a>,
    },
    /// Bytes: a DER certificate (562), or anything (560).
    Bytes {
        /// The tag.
        tag: u64,
        /// The content.
        bytes: &'a [u8],
    },
    /// Of another tag, as it is encoded; COSE_Key (558) is one.
    Other(&'a [u8]),
}

impl<'a> CryptoKey<'a> {
    fn read(item: Item<'a>) -> Result<Self> {
        let mut reader = item.reader();
        let tag = reader.tag("crypto-key")?;
        Ok(match tag {
            554..=556 => Self::Text { tag, text: reader.text("crypto-key")? },
            557 | 559 | 561 => {
                Self::Thumbprint { tag, digest: Digest::read(&mut reader, Form::Standard)? }
            }
            560 | 562 => Self::Bytes { tag, bytes: reader.bytes("crypto-key")? },
            _ => Self::Other(item.bytes()),
        })
    }

    /// Whether it is this key. What is not compared as a key, is none of them: chains, COSE_Key and opaque bytes.
    #[must_use]
    pub fn is(&self, key: &EvidenceKey<'_>, provider: &Provider) -> bool {
        let is_digest = |digest: &Digest<'_>, of: &[u8]| match digest.algorithm {
            DigestAlgorithm::Known(hash) => {
                provider.hash.digest(hash, &[of]).is_ok_and(|computed| {
                    DigestValue::Bytes(computed.as_bytes()).is_same(&digest.value)
                })
            }
            DigestAlgorithm::Unknown(_) => false,
        };
        match self {
            Self::Text { tag: 554, text } => is_base64(text, key.key_info),
            Self::Text { tag: 555, text } => {
                !key.certificate.is_empty() && is_base64(text, key.certificate)
            }
            Self::Thumbprint { tag: 557, digest } => is_digest(digest, key.key_info),
            Self::Thumbprint { tag: 559, digest } => {
                !key.certificate.is_empty() && is_digest(digest, key.certificate)
            }
            Self::Bytes { tag: 562, bytes } => !bytes.is_empty() && *bytes == key.certificate,
            _ => false,
        }
    }
}

/// Whether `text`, PEM or bare base64, is the base64 of `der`.
fn is_base64(text: &str, der: &[u8]) -> bool {
    let digits = text.lines().filter(|line| !line.starts_with("-----"));
    let digits = digits.flat_map(str::bytes).filter(|byte| !byte.is_ascii_whitespace());
    !der.is_empty() && digits.eq(base64(der))
}

fn base64(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.chunks(3).flat_map(|group| {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(group.get(at).copied().unwrap_or_default())
        });
        let digits = [18, 12, 6, 0].map(|shift| digit(bits >> shift & 0x3F));
        let len = group.len() + 1;
        digits.into_iter().enumerate().map(move |(at, digit)| if at < len { digit } else { b'=' })
    })
}

const fn digit(value: u32) -> u8 {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Six bits are in the table.
    let mut rest: &[u8] = DIGITS;
    let mut left = value;
    while let [first, behind @ ..] = rest {
        if left == 0 {
            return *first;
        }
        left -= 1;
        rest = behind;
    }
    b'='
}

/// A key that vouches for evidence: of the leaf, or of a certificate above it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct EvidenceKey<'k> {
    /// The DER SubjectPublicKeyInfo.
    pub key_info: &'k [u8],
    /// The DER certificate; empty where there is none.
    pub certificate: &'k [u8],
}

/// A list of keys.
#[derive(Clone, Copy)]
pub struct KeyList<'a>(Item<'a>);

impl<'a> KeyList<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self> {
        let item = reader.item(field)?;
        let count =
            item.reader().array(field, |reader| CryptoKey::read(reader.item(field)?).map(drop))?;
        if count == 0 { Err(ReadError::new(Rule::Empty, field, item.at())) } else { Ok(Self(item)) }
    }

    /// The keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = CryptoKey<'a>> + use<'a> {
        let items = self.0.elements("crypto-key").ok();
        items.into_iter().flatten().map_while(|item| CryptoKey::read(item.ok()?).ok())
    }
}

impl fmt::Debug for KeyList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
