//! Measurements in a report.

use serde::{Serialize, Serializer};
use spdm_codec::{Measurement, MeasurementForm, MeasurementRecord};

/// How a measurement compares with the reference values.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the command's contract")]
pub enum ReferenceStatus {
    /// It is the reference value.
    Match,
    /// There is another reference value.
    Mismatch,
    /// There is no reference value.
    #[default]
    None,
}

/// A measurement.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct MeasuredValue {
    /// Index of the block.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 254)))]
    pub index: u8,
    /// The type in snake case, for example mutable_firmware; other where the format is not DMTF's.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether the value is a raw bit stream instead of a digest.
    pub raw: bool,
    /// The value, in hexadecimal.
    #[serde(serialize_with = "as_hex")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "String", regex(pattern = crate::pattern::HEX))
    )]
    pub value: Vec<u8>,
    /// How it compares with the reference values.
    pub reference: ReferenceStatus,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

impl MeasuredValue {
    /// The blocks of a record.
    #[must_use]
    pub fn of_record(record: &MeasurementRecord<'_>) -> Vec<Self> {
        let blocks = record.iter().map(|block| {
            let (kind, raw, value) = match block.measurement {
                Measurement::Dmtf(measurement) => (
                    measurement.value_type.name(),
                    measurement.form == MeasurementForm::RawBitStream,
                    measurement.value,
                ),
                Measurement::Other { bytes, .. } => ("other", true, bytes),
                _ => ("other", true, &[][..]),
            };
            let (value, reference) = (value.to_vec(), ReferenceStatus::None);
            Self { index: block.index, kind, raw, value, reference }
        });
        blocks.collect()
    }
}
