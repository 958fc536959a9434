//! Reference values in JSON of this project.

use serde::{Deserialize, Serialize};
use spdm_appraisal::{
    Authority, Claims, Digest, DigestAlgorithm, DigestValue, Digests, ElementId, Environment,
    Origin, RawValue, ReferenceState, ReferenceValue, ReferenceValues, Svn,
};
use spdm_codec::MeasurementType;
use spdm_crypto::HashAlgorithm;

use super::subject::Subject;
use crate::error::Error;

/// What the measurements of a device should be, by their index. Which device that is, is not said.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(title = "Reference values of measurements")
)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Each must be among the signed measurements, and be as expected. No index is there twice.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub(super) measurements: Vec<ValueRow>,
}

/// What a measurement should be: exactly one of value, any_of and min_svn is there.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("oneOf" = [
        {"required": ["value"]}, {"required": ["any_of"]}, {"required": ["min_svn"]}
    ]))
)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueRow {
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 254)))]
    pub(super) index: u8,
    /// As in reports, for example mutable_firmware; any where absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "string")))]
    pub(super) kind: Option<String>,
    /// Whether the value is a raw bit stream instead of a digest, as in reports. With min_svn it does not matter, for only
    /// a raw bit stream holds a security version number.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub(super) raw: bool,
    /// The value that is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(extend("type" = "string"), regex(pattern = crate::pattern::HEX_OF_ANY_CASE))
    )]
    pub(super) value: Option<String>,
    /// Values of which one is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(
            extend("type" = "array"),
            length(min = 1),
            inner(regex(pattern = crate::pattern::HEX_OF_ANY_CASE))
        )
    )]
    pub(super) any_of: Option<Vec<String>>,
    /// Which bits of a raw bit stream count: as long as each value, bits that are zero do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(extend("type" = "string"), regex(pattern = crate::pattern::HEX_OF_ANY_CASE))
    )]
    pub(super) mask: Option<String>,
    /// The least security version number of mutable firmware (firmware_security_version).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "integer")))]
    pub(super) min_svn: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Reference values that were read from JSON of this project.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OwnValues(Vec<OwnValue>);

/// What the measurement of an index should be.
#[derive(Clone, Debug, Eq, PartialEq)]
struct OwnValue {
    index: u8,
    kind: Option<MeasurementType>,
    expectation: Expectation,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Expectation {
    /// A digest, one of these.
    Digest(Vec<Vec<u8>>),
    /// A raw bit stream, one of these under the mask.
    Raw { values: Vec<Vec<u8>>, mask: Option<Vec<u8>> },
    /// At least this security version number.
    LeastSvn(u64),
}

impl OwnValues {
    /// Reads JSON.
    ///
    /// # Errors
    /// [`Error::Json`] and [`Error::Hex`]; also where there is no value at all, for that would let every device pass.
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        let document: Document =
            serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
        if document.measurements.is_empty() {
            return Err(Error::Json("measurements is empty".to_owned()));
        }
        let mut values: Vec<OwnValue> = Vec::new();
        for row in &document.measurements {
            if values.iter().any(|known| known.index == row.index) {
                let what = "is there twice; any_of lists alternatives";
                return Err(Error::Json(format!("measurements: index {} {what}", row.index)));
            }
            values.push(OwnValue::of(row)?);
        }
        Ok(Self(values))
    }

    /// How many states there are: one for each alternative.
    pub(super) fn state_count(&self) -> u32 {
        let count: usize = self.0.iter().map(|value| value.expectation.alternatives()).sum();
        count.try_into().unwrap_or(u32::MAX)
    }

    /// A state for each alternative, in their order. A digest is one of the device's algorithm, for the file names none.
    pub(super) fn states<'s>(
        &'s self,
        file: &'s str,
        subject: &'s Subject,
    ) -> impl Iterator<Item = ReferenceState<'s>> + Clone {
        (0..).zip(&self.0).flat_map(move |(row, value)| {
            (0..value.expectation.alternatives()).filter_map(move |alternative| {
                let claims = value.claims(alternative, subject)?;
                let id = ElementId::Index(value.index.into());
                let value = ReferenceValue { id, claims, authorized_by: None };
                Some(ReferenceState {
                    environment: Environment::default(),
                    values: ReferenceValues::one(value),
                    authority: Authority::None,
                    origin: Origin { file, tag: 0, triple: row },
                })
            })
        })
    }
}

impl OwnValue {
    fn of(row: &ValueRow) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Json(format!("measurement {}: {what}", row.index));
        if !(1..=254).contains(&row.index) {
            return Err(wrong("an index is 1 to 254"));
        }
        let kind = match &row.kind {
            None => None,
            Some(name) => {
                Some(type_named(name).ok_or_else(|| wrong("type is none that reports name"))?)
            }
        };
        let bytes = |field, text: &str| hex::decode(text).map_err(|_| Error::Hex { field });
        let values = match (&row.value, &row.any_of, row.min_svn) {
            (Some(value), None, None) => vec![bytes("value", value)?],
            (None, Some(all), None) if all.is_empty() => return Err(wrong("any_of is empty")),
            (None, Some(all), None) => {
                all.iter().map(|value| bytes("any_of", value)).collect::<Result<_, _>>()?
            }
            (None, None, Some(least)) => {
                if row.mask.is_some() {
                    return Err(wrong("a mask goes with value or any_of"));
                }
                let expectation = Expectation::LeastSvn(least);
                return Ok(Self { index: row.index, kind, expectation });
            }
            _ => return Err(wrong("exactly one of value, any_of and min_svn has to be there")),
        };
        let mask = row.mask.as_deref().map(|mask| bytes("mask", mask)).transpose()?;
        let expectation = match (row.raw, mask) {
            (true, Some(mask)) if values.iter().any(|value| value.len() != mask.len()) => {
                return Err(wrong("the mask is not as long as each value"));
            }
            (true, mask) => Expectation::Raw { values, mask },
            (false, Some(_)) => return Err(wrong("a mask is for raw values only")),
            (false, None) => Expectation::Digest(values),
        };
        Ok(Self { index: row.index, kind, expectation })
    }

    fn claims<'s>(&'s self, alternative: usize, subject: &Subject) -> Option<Claims<'s>> {
        let claims = Claims { measurement_type: self.kind, ..Claims::NOTHING };
        Some(match &self.expectation {
            Expectation::Digest(values) => {
                let value = values.get(alternative)?;
                // One of no known length differs from every digest, whatever its algorithm is said to be.
                let hash = subject.hash_of(value.len()).unwrap_or(HashAlgorithm::Sha384);
                let algorithm = DigestAlgorithm::Known(hash);
                let digest = Digest { algorithm, value: DigestValue::Bytes(value) };
                Claims { digests: Some(Digests::one(digest)), ..claims }
            }
            Expectation::Raw { values, mask } => {
                let raw = RawValue { value: values.get(alternative)?, mask: mask.as_deref() };
                Claims { raw: Some(raw), ..claims }
            }
            Expectation::LeastSvn(least) => Claims { svn: Some(Svn::AtLeast(*least)), ..claims },
        })
    }
}

/// The type that reports give this name; `None` also for those without a name of their own.
pub(super) fn type_named(name: &str) -> Option<MeasurementType> {
    let known = (0..=u8::MAX).map(MeasurementType::from_bits);
    let mut known = known.filter(|kind| !matches!(kind, MeasurementType::Other(_)));
    known.find(|kind| kind.name() == name)
}

impl Expectation {
    const fn alternatives(&self) -> usize {
        match self {
            Self::Digest(values) | Self::Raw { values, .. } => values.len(),
            Self::LeastSvn(_) => 1,
        }
    }
}
