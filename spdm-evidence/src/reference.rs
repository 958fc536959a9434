//! Reference values: what the measurements of a device should be.

mod corim;
mod subject;

use serde::Deserialize;
use spdm_crypto::Provider;

pub use self::corim::CorimFile;
pub(crate) use self::subject::Subject;
use crate::error::Error;
use crate::report::{MeasuredValue, ReferenceStatus};

/// A set of reference values, as `docs/schema/reference.json` describes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reference {
    /// The values.
    pub measurements: Vec<ReferenceValue>,
    /// The file that they are in instead.
    corim: Option<CorimFile>,
}

/// The value that a measurement should have.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReferenceValue {
    /// `Index`.
    pub index: u8,
    /// The type in snake case, where it matters.
    pub kind: Option<String>,
    /// Whether it is a raw bit stream instead of a digest. They are told apart because a device chooses the content
    /// of a raw one, which could be the expected digest.
    pub raw: bool,
    /// The value.
    pub value: Vec<u8>,
}

#[derive(Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(title = "Reference values of measurements")
)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Each must be among the signed measurements and equal.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    measurements: Vec<ValueRow>,
}

/// The value that a measurement should have.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ValueRow {
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 254)))]
    index: u8,
    /// As in reports, for example mutable_firmware; any where absent.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "string")))]
    kind: Option<String>,
    /// Whether the value is a raw bit stream instead of a digest, as in reports.
    #[serde(default)]
    raw: bool,
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX_OF_ANY_CASE)))]
    value: String,
}

impl Reference {
    /// Reads reference values from JSON.
    ///
    /// # Errors
    /// [`Error::Json`] and [`Error::Hex`]; also where there is no value at all, for that would let every
    /// device pass.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let document: Document =
            serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
        if document.measurements.is_empty() {
            return Err(Error::Json("measurements is empty".to_owned()));
        }
        let values = document.measurements.into_iter().map(|row| {
            let value = hex::decode(&row.value).map_err(|_| Error::Hex { field: "value" })?;
            Ok(ReferenceValue { index: row.index, kind: row.kind, raw: row.raw, value })
        });
        Ok(Self { measurements: values.collect::<Result<_, Error>>()?, corim: None })
    }

    /// Takes the reference values of a CoRIM whose signature, where it has one, verifies.
    ///
    /// # Errors
    /// What is wrong with the file or its signer.
    pub fn of_corim(file: CorimFile, provider: &Provider) -> Result<Self, spdm_appraisal::Error> {
        file.read(provider, |_| ())?;
        Ok(Self { measurements: Vec::new(), corim: Some(file) })
    }

    /// Marks every measured value, and says in one sentence what matches, or all that does not.
    pub(crate) fn compare(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Result<String, String> {
        if let Some(corim) = &self.corim {
            return corim.compare(measured, subject, provider);
        }
        self.mark(measured);
        let is_missing =
            |reference: &&ReferenceValue| !measured.iter().any(|value| reference.is_about(value));
        let missing: Vec<&ReferenceValue> = self.measurements.iter().filter(is_missing).collect();
        self.judge(measured, &missing)?;
        Ok(format!("{} reference values match", self.measurements.len()))
    }

    /// As [`Self::compare`], for measurements that need not be all: none of them may differ.
    pub(crate) fn check(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Result<(), String> {
        if let Some(corim) = &self.corim {
            return corim.check(measured, subject, provider);
        }
        self.mark(measured);
        self.judge(measured, &[])
    }

    fn mark(&self, measured: &mut [MeasuredValue]) {
        for value in measured.iter_mut() {
            let wanted = || self.measurements.iter().filter(|r| r.is_about(value));
            let differs = wanted().find(|reference| reference.value != value.value);
            let expected = differs.or_else(|| wanted().next());
            (value.reference, value.expected) = match (expected, differs) {
                (None, _) => (ReferenceStatus::None, None),
                (Some(same), None) => (ReferenceStatus::Match, Some(hex::encode(&same.value))),
                (Some(_), Some(other)) => {
                    (ReferenceStatus::Mismatch, Some(hex::encode(&other.value)))
                }
            };
        }
    }

    fn judge(&self, measured: &[MeasuredValue], missing: &[&ReferenceValue]) -> Result<(), String> {
        let differing: Vec<&MeasuredValue> =
            measured.iter().filter(|v| v.reference == ReferenceStatus::Mismatch).collect();
        match (&differing[..], missing) {
            ([], []) => Ok(()),
            ([one], []) => {
                let MeasuredValue { index, kind, value, expected, .. } = one;
                let (got, expected) = (hex::encode(value), expected.as_deref().unwrap_or_default());
                Err(format!("measurement {index} ({kind}) is {got}, but {expected} is expected"))
            }
            ([], [one]) => {
                let ReferenceValue { index, .. } = one;
                Err(format!("the {} of measurement {index} is missing", one.form()))
            }
            _ => Err(many(&differing, missing)),
        }
    }
}

/// What differs and what is missing, all of it by index.
fn many(differing: &[&MeasuredValue], missing: &[&ReferenceValue]) -> String {
    let differing: Vec<String> =
        differing.iter().map(|value| format!("{} ({})", value.index, value.kind)).collect();
    let missing: Vec<String> =
        missing.iter().map(|value| format!("{} ({})", value.index, value.form())).collect();
    let parts = [("not the expected values", differing), ("missing", missing)];
    let parts = parts.into_iter().filter(|(_, indices)| !indices.is_empty());
    let parts = parts.map(|(what, indices)| format!("{what}: {}", indices.join(", ")));
    format!("measurements that are {}", parts.collect::<Vec<_>>().join("; "))
}

impl ReferenceValue {
    const fn form(&self) -> &'static str {
        if self.raw { "raw bit stream" } else { "digest" }
    }

    fn is_about(&self, value: &MeasuredValue) -> bool {
        self.index == value.index
            && self.raw == value.raw
            && self.kind.as_deref().is_none_or(|kind| kind == value.kind)
    }
}
