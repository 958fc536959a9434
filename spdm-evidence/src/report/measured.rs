//! Measurements in a report.

use serde::{Serialize, Serializer};
use spdm_codec::{
    DeviceMode, DmtfMeasurement, Measurement, MeasurementForm, MeasurementRecord, MeasurementType,
};

use crate::reference::ExpectedValue;

/// How a measurement compares with the reference values.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the command's contract")]
pub enum ReferenceStatus {
    /// It is as expected.
    Match,
    /// It is not: there are other reference values, or this one belongs together with others that differ.
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
    /// A raw value as text, where it is printable, such as a firmware version.
    pub text: Option<String>,
    /// The security version number of mutable firmware, where the value is one.
    pub svn: Option<u64>,
    /// The device's modes, where the value is the bits of them.
    pub device_mode: Option<DeviceModes>,
    /// The type, where the format is DMTF's.
    #[serde(skip)]
    pub(crate) value_type: Option<MeasurementType>,
    /// How it compares with the reference values.
    pub reference: ReferenceStatus,
    /// What is expected: every alternative, the one first that differs least. Where the whole device is as expected, those that
    /// a measurement is.
    pub expected: Vec<ExpectedValue>,
}

/// The modes of a device in words (DSP0274 §Device mode field of a measurement block). A bit without a name is its number.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct DeviceModes {
    /// The operational modes that the device has.
    pub operational_capabilities: Vec<String>,
    /// The operational mode that it is in.
    pub operational_state: Vec<String>,
    /// The debug modes that the device tells of.
    pub debug_capabilities: Vec<String>,
    /// The debug modes that are or were active.
    pub debug_state: Vec<String>,
}

const OPERATIONAL: [&str; 6] =
    ["manufacturing", "validation", "normal", "recovery", "rma", "decommissioned"];
const DEBUG: [&str; 5] = [
    "non_invasive_active",
    "invasive_active",
    "non_invasive_was_active",
    "invasive_was_active",
    "invasive_was_active_after_manufacturing",
];

impl DeviceModes {
    fn of(mode: &DeviceMode) -> Self {
        let words = |bits: u32, names: &[&str]| {
            let set = (0..u32::BITS).filter(|bit| bits >> bit & 1 == 1);
            let name = |bit| names.get(usize::try_from(bit).unwrap_or(usize::MAX));
            set.map(|bit| name(bit).map_or_else(|| format!("bit {bit}"), |name| (*name).to_owned()))
                .collect()
        };
        Self {
            operational_capabilities: words(mode.operational_mode_capabilities, &OPERATIONAL),
            operational_state: words(mode.operational_mode_state, &OPERATIONAL),
            debug_capabilities: words(mode.device_mode_capabilities, &DEBUG),
            debug_state: words(mode.device_mode_state, &DEBUG),
        }
    }

    /// A debug mode that is active, or was since the reset.
    fn active(&self) -> Option<&str> {
        let mut states = self.debug_state.iter().map(String::as_str);
        states.find(|state| *state != "invasive_was_active_after_manufacturing")
    }
}

/// What a device says of its debug modes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Debugging<'m> {
    /// No measurement says it.
    Unsaid,
    /// The measurement of this index should say it, and does not.
    Unreadable(u8),
    /// This mode is active, or was since the reset.
    Active(&'m str),
    /// None is. That one once was since the device was made does not count, as for reference values.
    Inactive,
}

impl<'m> Debugging<'m> {
    /// What these measurements say.
    pub(crate) fn of(measurements: &'m [MeasuredValue]) -> Self {
        let is_mode =
            |value: &&MeasuredValue| value.value_type == Some(MeasurementType::DeviceMode);
        let said = measurements.iter().filter(is_mode).map(|value| match &value.device_mode {
            Some(modes) => modes.active().map_or(Self::Inactive, Self::Active),
            None => Self::Unreadable(value.index),
        });
        // Of several the worst one counts.
        said.max_by_key(|said| match said {
            Self::Unsaid => 0,
            Self::Inactive => 1,
            Self::Unreadable(_) => 2,
            Self::Active(_) => 3,
        })
        .unwrap_or(Self::Unsaid)
    }
}

/// Text of a raw value, without the zero bytes behind it. What could steer a terminal is none.
fn text(value: &[u8]) -> Option<String> {
    let len = value.iter().rposition(|byte| *byte != 0)? + 1;
    let text = core::str::from_utf8(value.get(..len)?).ok()?;
    let is_printable = |character: char| character.is_ascii_graphic() || character == ' ';
    text.chars().all(is_printable).then(|| text.to_owned())
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

impl MeasuredValue {
    fn new(index: u8, kind: &'static str, raw: bool, value: &[u8]) -> Self {
        Self {
            index,
            kind,
            raw,
            value: value.to_vec(),
            text: None,
            svn: None,
            device_mode: None,
            value_type: None,
            reference: ReferenceStatus::None,
            expected: Vec::new(),
        }
    }

    /// A measurement of this index in the DMTF format, of a block or of an entry of the measurement extension log.
    #[must_use]
    pub fn of_measurement(index: u8, measurement: &DmtfMeasurement<'_>) -> Self {
        let raw = measurement.form == MeasurementForm::RawBitStream;
        let mut shown = Self::new(index, measurement.value_type.name(), raw, measurement.value);
        shown.value_type = Some(measurement.value_type);
        if raw { shown.in_words(measurement) } else { shown }
    }

    /// The blocks of a record.
    #[must_use]
    pub fn of_record(record: &MeasurementRecord<'_>) -> Vec<Self> {
        let blocks = record.iter().map(|block| match block.measurement {
            Measurement::Dmtf(measurement) => Self::of_measurement(block.index, &measurement),
            Measurement::Other { bytes, .. } => Self::new(block.index, "other", true, bytes),
            _ => Self::new(block.index, "other", true, &[]),
        });
        blocks.collect()
    }

    /// Adds what a raw value means.
    fn in_words(mut self, measurement: &DmtfMeasurement<'_>) -> Self {
        match measurement.value_type {
            MeasurementType::DeviceMode => {
                self.device_mode = measurement.device_mode().as_ref().map(DeviceModes::of);
            }
            MeasurementType::FirmwareSecurityVersion => {
                self.svn = measurement.value.try_into().ok().map(u64::from_le_bytes);
            }
            _ => self.text = text(measurement.value),
        }
        self
    }
}
