//! What is to be collected of a device.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The highest index of a measurement (DSP0274, measurement block).
const LAST_INDEX: u8 = 0xFE;

/// What is to be collected.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "whoever submits makes it")]
pub struct Want {
    /// Whether the device is to answer CHALLENGE.
    pub challenge: bool,
    /// Which measurements.
    pub measurements: WantedMeasurements,
}

impl Default for Want {
    fn default() -> Self {
        Self { challenge: true, measurements: WantedMeasurements::All }
    }
}

/// Which measurements are to be collected. In JSON: `all`, `none`, or indices such as `1,3,4`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum WantedMeasurements {
    /// Every one that the device has.
    All,
    /// None.
    None,
    /// Those of these indices, 1 to 254.
    Indices(Vec<u8>),
}

impl fmt::Display for WantedMeasurements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indices = match self {
            Self::All => return f.write_str("all"),
            Self::None => return f.write_str("none"),
            Self::Indices(indices) => indices,
        };
        for (place, index) in indices.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{index}")?;
        }
        Ok(())
    }
}

impl FromStr for WantedMeasurements {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let index = |text: &str| text.parse().ok().filter(|index| (1..=LAST_INDEX).contains(index));
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            _ => {
                let indices: Option<_> = text.split(',').map(index).collect();
                indices.map(Self::Indices).ok_or("expected all, none, or indices such as 1,3,4")
            }
        }
    }
}

impl Serialize for WantedMeasurements {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WantedMeasurements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::WantedMeasurements;

    #[test]
    fn the_words_of_an_option_come_back() {
        for text in ["all", "none", "1", "1,3,254"] {
            assert_eq!(text.parse::<WantedMeasurements>().unwrap().to_string(), text);
        }
        for text in ["", "ALL", "0", "255", "1,", "1-3", " 1"] {
            text.parse::<WantedMeasurements>().unwrap_err();
        }
    }
}
