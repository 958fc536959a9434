//! What is to be collected of a device.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

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

/// Which measurements a device is asked for: `all`, `none`, or indices such as `1,3-5`, also in JSON.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum WantedMeasurements {
    /// Every one that the device has.
    All,
    /// None.
    None,
    /// Those of these indices, 1 to 254, ascending, each once.
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
        match text {
            "all" => return Ok(Self::All),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let mut indices = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (first.parse(), last.parse()) {
                (Ok(first @ 1..=LAST_INDEX), Ok(last @ 1..=LAST_INDEX)) if first <= last => {
                    indices.extend(first..=last);
                }
                _ => return Err("expected all, none, or indices of 1 to 254: 1,3-5"),
            }
        }
        Ok(Self::Indices(indices.into_iter().collect()))
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
        let all: WantedMeasurements = "1-254".parse().unwrap();
        assert!(matches!(all, WantedMeasurements::Indices(indices) if indices.len() == 254));
    }

    #[test]
    fn indices_ascend_and_are_there_once() {
        let parsed = "5,1-3,2".parse();
        assert_eq!(parsed, Ok(WantedMeasurements::Indices(vec![1, 2, 3, 5])));
        for text in ["", "ALL", "0", "255", "1-255", "3-1", "1-", "-1", "1,", "a", "1-2-3", " 1"] {
            assert!(text.parse::<WantedMeasurements>().is_err(), "{text}");
        }
    }
}
