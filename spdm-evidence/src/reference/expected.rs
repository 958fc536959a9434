//! What is expected of a measurement, for reports.

use serde::Serialize;
use spdm_appraisal::{
    Alternative, Claims, Difference, Digest, DigestAlgorithm, ElementId, ReferenceState, Svn,
};

use super::subject::Subject;
use crate::report::MeasuredValue;

/// What a measurement may be: one alternative.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ExpectedValue {
    /// What kind of value it is.
    pub form: ExpectedForm,
    /// The value: digests and raw bit streams in hexadecimal, security version numbers in decimal, versions as text.
    pub value: String,
    /// The algorithm of a digest, in the names of DSP0274; null elsewhere.
    pub algorithm: Option<&'static str>,
    /// Which bits of a raw bit stream count, in hexadecimal; null where all do.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX)))]
    pub mask: Option<String>,
    /// What differs, in words; null where the measurement is this value.
    pub difference: Option<String>,
    /// Where it comes from.
    pub origin: ExpectedOrigin,
}

/// What kind of value is expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpectedForm {
    /// A digest.
    Digest,
    /// A raw bit stream.
    Raw,
    /// This security version number.
    Svn,
    /// This security version number or a higher one.
    MinSvn,
    /// A version.
    Version,
    /// Another attribute, which no measurement block has as its value.
    Other,
}

/// Where reference values come from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ExpectedOrigin {
    /// The file.
    pub file: String,
    /// The number of the tag (CoMID) in the file, from 0; 0 in formats without tags.
    pub tag: u32,
    /// The number of the reference triple in the tag, or of the entry in formats without triples, from 0.
    pub triple: u32,
    /// Who signed the file; null where nobody did.
    pub signer: Option<String>,
}

impl ExpectedOrigin {
    fn of(state: &ReferenceState<'_>) -> Self {
        let signer = match state.authority {
            spdm_appraisal::Authority::Key { signer, .. }
            | spdm_appraisal::Authority::Chain { signer, .. } => {
                Some(signer.escape_debug().to_string())
            }
            _ => None,
        };
        let origin = state.origin;
        Self { file: origin.file.to_owned(), tag: origin.tag, triple: origin.triple, signer }
    }
}

/// How far a measurement is from an alternative: what it is comes first, then what differs in few bytes.
pub(super) type Distance = usize;

impl ExpectedValue {
    /// An alternative for a measurement, and how far this one is from it.
    pub(super) fn of(
        alternative: &Alternative<'_, '_>,
        value: &MeasuredValue,
        subject: &Subject,
    ) -> (Distance, Self) {
        let claims = &alternative.value.claims;
        let digest = digest_for(claims, value, subject);
        let shown = Shown::of(claims, alternative.difference, digest);
        let distance = match (alternative.difference, shown.form, &shown.bytes) {
            (None, ..) => 0,
            (Some(Difference::Digests), ExpectedForm::Digest, Some(bytes)) if !value.raw => {
                differing_bytes(bytes, &value.value, None)
            }
            (Some(Difference::RawValue), ExpectedForm::Raw, Some(bytes)) if value.raw => {
                differing_bytes(bytes, &value.value, claims.raw.and_then(|raw| raw.mask))
            }
            _ => usize::MAX,
        };
        let mask = claims.raw.and_then(|raw| raw.mask).filter(|_| shown.form == ExpectedForm::Raw);
        let expected = Self {
            form: shown.form,
            value: shown.value,
            algorithm: shown.algorithm,
            mask: mask.map(hex::encode),
            difference: alternative.difference.map(|difference| difference.to_string()),
            origin: ExpectedOrigin::of(alternative.state),
        };
        (distance, expected)
    }

    /// The value in words, as in `but … is expected`.
    #[must_use]
    pub fn words(&self) -> String {
        match self.form {
            ExpectedForm::Digest | ExpectedForm::Raw => self.value.clone(),
            ExpectedForm::Svn => format!("security version {}", self.value),
            ExpectedForm::MinSvn => format!("security version {} or higher", self.value),
            ExpectedForm::Version => format!("version \"{}\"", self.value),
            ExpectedForm::Other => "something else".to_owned(),
        }
    }
}

/// How many bytes count and differ; what only one of the two has differs, and length alone outweighs any byte.
fn differing_bytes(expected: &[u8], got: &[u8], mask: Option<&[u8]>) -> Distance {
    if expected.len() != got.len() {
        return usize::MAX / 2;
    }
    let mask = mask.unwrap_or_default().iter().copied().chain(core::iter::repeat(0xFF));
    let pairs = expected.iter().zip(got).zip(mask);
    pairs.filter(|((expected, got), mask)| (*expected ^ *got) & mask != 0).count()
}

/// The digest of the algorithm of the measurement, or the first one.
fn digest_for<'a>(
    claims: &Claims<'a>,
    value: &MeasuredValue,
    subject: &Subject,
) -> Option<Digest<'a>> {
    let mut digests = claims.digests?.iter();
    let hash = subject.hash_of(value.value.len()).map(DigestAlgorithm::Known);
    let same = digests.clone().find(|digest| Some(digest.algorithm) == hash);
    same.or_else(|| digests.next())
}

/// The attribute that is shown of an alternative.
struct Shown {
    form: ExpectedForm,
    value: String,
    bytes: Option<Vec<u8>>,
    algorithm: Option<&'static str>,
}

impl Shown {
    /// The attribute that differs, else the first of those that a measurement block has as its value.
    fn of(claims: &Claims<'_>, difference: Option<Difference>, digest: Option<Digest<'_>>) -> Self {
        let digest = || {
            let digest = digest?;
            let bytes: Vec<u8> = digest.value.bytes().collect();
            let algorithm = match digest.algorithm {
                DigestAlgorithm::Known(hash) => Some(hash.name()),
                DigestAlgorithm::Unknown(_) => None,
            };
            let value = hex::encode(&bytes);
            Some(Self { form: ExpectedForm::Digest, value, bytes: Some(bytes), algorithm })
        };
        let raw = || {
            let bytes = claims.raw?.value.to_vec();
            let value = hex::encode(&bytes);
            Some(Self { form: ExpectedForm::Raw, value, bytes: Some(bytes), algorithm: None })
        };
        let svn = || {
            let (form, svn) = match claims.svn? {
                Svn::Exact(svn) => (ExpectedForm::Svn, svn),
                Svn::AtLeast(svn) => (ExpectedForm::MinSvn, svn),
            };
            Some(Self { form, value: svn.to_string(), bytes: None, algorithm: None })
        };
        let version = || {
            let value = claims.version?.text.escape_debug().to_string();
            Some(Self { form: ExpectedForm::Version, value, bytes: None, algorithm: None })
        };
        let differing = match difference {
            Some(Difference::Digests) => digest(),
            Some(Difference::RawValue) => raw(),
            Some(Difference::Svn) => svn(),
            Some(Difference::Version) => version(),
            _ => None,
        };
        let first = differing.or_else(digest).or_else(raw).or_else(svn).or_else(version);
        first.unwrap_or_else(|| Self {
            form: ExpectedForm::Other,
            value: String::new(),
            bytes: None,
            algorithm: None,
        })
    }
}

/// An element that is missing, in words: `77 (digest)`.
pub(super) fn missing_words(id: &ElementId<'_>, claims: &Claims<'_>) -> MissingValue {
    let (index, name) = match id {
        ElementId::Index(index) => (Some(*index), index.to_string()),
        ElementId::Name(name) => (None, format!("\"{}\"", name.escape_debug())),
        _ => (None, "an element without an index".to_owned()),
    };
    let form = match claims {
        Claims { digests: Some(_), .. } => "digest",
        Claims { raw: Some(_), .. } => "raw bit stream",
        Claims { svn: Some(_), .. } => "security version number",
        Claims { version: Some(_), .. } => "version",
        _ => "value",
    };
    MissingValue { index, name, form }
}

/// What is expected and not there, in the order of its index.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct MissingValue {
    pub(super) index: Option<u64>,
    pub(super) name: String,
    pub(super) form: &'static str,
}
