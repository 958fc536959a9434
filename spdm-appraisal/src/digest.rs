//! Digests with their algorithms.

use minicbor::data::Type;
use spdm_crypto::HashAlgorithm;

use crate::cbor::{Item, Items, Label, Reader, Result};
use crate::dialect::Form;
use crate::error::{ReadError, Rule};

/// The algorithm of a digest (IANA Named Information Hash Algorithm Registry).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an algorithm is known or it is not")]
pub enum DigestAlgorithm<'a> {
    /// One that this crate knows.
    Known(HashAlgorithm),
    /// Another, which matches nothing.
    Unknown(Label<'a>),
}

/// Number, name and algorithm in that registry.
const ALGORITHMS: [(i64, &str, HashAlgorithm); 6] = [
    (1, "sha-256", HashAlgorithm::Sha256),
    (7, "sha-384", HashAlgorithm::Sha384),
    (8, "sha-512", HashAlgorithm::Sha512),
    (10, "sha3-256", HashAlgorithm::Sha3_256),
    (11, "sha3-384", HashAlgorithm::Sha3_384),
    (12, "sha3-512", HashAlgorithm::Sha3_512),
];

impl<'a> DigestAlgorithm<'a> {
    fn from_label(label: Label<'a>) -> Self {
        let known = ALGORITHMS.into_iter().find(|(number, name, _)| match label {
            Label::Number(wanted) => *number == wanted,
            Label::Name(wanted) => *name == wanted,
        });
        known.map_or(Self::Unknown(label), |(_, _, hash)| Self::Known(hash))
    }
}

/// The value of a digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "these are the two forms in use")]
pub enum DigestValue<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// Hexadecimal digits, as the DMTF sample tool writes them.
    Hex(&'a str),
}

impl DigestValue<'_> {
    /// The length in bytes; `None` where the digits are not pairs of hexadecimal ones.
    fn len(self) -> Option<usize> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len()),
            Self::Hex(digits) => {
                let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                (is_hex && digits.len().is_multiple_of(2)).then_some(digits.len() / 2)
            }
        }
    }

    /// The bytes, one by one.
    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        let (bytes, digits): (&[u8], &[u8]) = match self {
            Self::Bytes(bytes) => (bytes, &[]),
            Self::Hex(digits) => (&[], digits.as_bytes()),
        };
        let pairs =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | nibble(*d)));
        bytes.iter().copied().chain(pairs)
    }

    /// Whether both are the same bytes.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

/// A digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Digest<'a> {
    /// What made it.
    pub algorithm: DigestAlgorithm<'a>,
    /// The value.
    pub value: DigestValue<'a>,
}

impl<'a> Digest<'a> {
    /// `[alg, bytes]`.
    pub(crate) fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self> {
        let at = reader.at();
        let mut algorithm = None;
        let mut value = None;
        reader.array("digest", |reader| {
            if algorithm.is_none() {
                algorithm = Some(DigestAlgorithm::from_label(reader.label("digest")?));
            } else if value.is_none() {
                value = Some(match form {
                    Form::Sample if reader.peek("digest")? == Type::String => {
                        DigestValue::Hex(reader.text("digest")?)
                    }
                    _ => DigestValue::Bytes(reader.bytes("digest")?),
                });
            } else {
                return Err(reader.error(Rule::Excess, "digest"));
            }
            Ok(())
        })?;
        let (Some(algorithm), Some(value)) = (algorithm, value) else {
            return Err(ReadError::new(Rule::Missing, "digest", at));
        };
        let fits = match algorithm {
            DigestAlgorithm::Known(hash) => value.len() == Some(hash.digest_len()),
            DigestAlgorithm::Unknown(_) => value.len().is_some(),
        };
        if fits {
            Ok(Self { algorithm, value })
        } else {
            Err(ReadError::new(Rule::Length, "digest", at))
        }
    }
}

/// Digests of one thing by several algorithms.
#[derive(Clone, Copy, Debug)]
pub struct Digests<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    One(Digest<'a>),
    Cbor(Item<'a>, Form),
}

impl<'a> Digests<'a> {
    /// A single digest.
    #[must_use]
    pub const fn one(digest: Digest<'a>) -> Self {
        Self(Source::One(digest))
    }

    /// A list that is not empty, of which each element is read.
    pub(crate) fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self> {
        let item = reader.item("digests")?;
        let mut inner = item.reader();
        if inner.array("digests", |reader| Digest::read(reader, form).map(drop))? == 0 {
            return Err(ReadError::new(Rule::Empty, "digests", item.at()));
        }
        Ok(Self(Source::Cbor(item, form)))
    }

    /// The digests.
    pub fn iter(&self) -> impl Iterator<Item = Digest<'a>> + Clone + use<'a> {
        let (one, list) = match self.0 {
            Source::One(digest) => (Some(digest), None),
            Source::Cbor(item, form) => {
                (None, item.elements("digests").ok().map(|list| (list, form)))
            }
        };
        one.into_iter().chain(list.into_iter().flat_map(|(list, form)| in_list(list, form)))
    }

    /// At least one algorithm is common, the digests of all that are common are equal, and none is there twice.
    #[must_use]
    pub fn agree(&self, other: &Self) -> bool {
        if !self.is_unambiguous() || !other.is_unambiguous() {
            return false;
        }
        let mut has_common = false;
        for digest in self.iter() {
            if matches!(digest.algorithm, DigestAlgorithm::Unknown(_)) {
                continue;
            }
            for same in other.iter().filter(|other| other.algorithm == digest.algorithm) {
                if !same.value.is_same(&digest.value) {
                    return false;
                }
                has_common = true;
            }
        }
        has_common
    }

    /// No algorithm is there twice. Every algorithm beyond those known is looked at, too.
    fn is_unambiguous(&self) -> bool {
        if let Source::One(_) = self.0 {
            return true;
        }
        let mut rest = self.iter();
        // As many as there are algorithms, and a few that are unknown; more are no honest list.
        for _ in 0..MAX_DIGESTS {
            let Some(digest) = rest.next() else { return true };
            if rest.clone().any(|other| other.algorithm == digest.algorithm) {
                return false;
            }
        }
        rest.next().is_none()
    }
}

/// How many digests of one thing are compared.
const MAX_DIGESTS: usize = 16;

fn in_list(list: Items<'_>, form: Form) -> impl Iterator<Item = Digest<'_>> + Clone {
    list.map_while(move |item| Digest::read(&mut item.ok()?.reader(), form).ok())
}
