//! The keys of a stream, in a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use spdm_codec::pci_sig::IdeKeyFlags;
use spdm_pci_security::IdeKey;
use zeroize::Zeroizing;

use crate::console::Console;
use crate::exit::Failure;
use crate::file;

/// Bytes of a key; its initial value is behind it.
const KEY_LEN: usize = 32;

/// What is in a file, in a few words: a message of the parser could show a key.
const FORM: &str = r#"a file is {"keys": [{"direction": "receive" or "transmit", "sub_stream": "PR", "NPR" or "CPL", "key": 64 hex digits, "ifv": 16 hex digits}, ...]}"#;

/// What `--keys` reads: `docs/schema/ide-keys.json`. It borrows from the bytes of the file, which are erased.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        title = "Keys of link and stream encryption",
        description = "What spdm ide --keys reads: at most one key for each direction and sub-stream."
    )
)]
pub(crate) struct KeyFile<'f> {
    /// The keys, in the order in which they are programmed.
    #[serde(borrow)]
    #[cfg_attr(test, schemars(length(min = 1, max = 6)))]
    keys: Vec<KeyEntry<'f>>,
}

/// A key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KeyEntry<'f> {
    /// As the device sees it.
    direction: Direction,
    /// Whose packets it is for.
    sub_stream: SubStream,
    /// The 32 bytes of the key in hexadecimal, in the order in which they are sent.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-fA-F]{64}$")))]
    key: &'f str,
    /// The 8 bytes of the initial value of the invocation field in hexadecimal, in the order in which they are sent.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-fA-F]{16}$")))]
    ifv: &'f str,
}

/// Whose packets a key is for, as the device sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum Direction {
    /// It receives with it.
    Receive,
    /// It transmits with it.
    Transmit,
}

/// A sub-stream.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum SubStream {
    /// Posted requests.
    Pr,
    /// Non-posted requests.
    Npr,
    /// Completions.
    Cpl,
}

/// Which key of a key set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(super) struct KeyPlace {
    direction: Direction,
    sub_stream: SubStream,
}

impl KeyPlace {
    /// All of a key set: what receives comes into use before what transmits.
    pub(super) const ALL: [Self; 6] = {
        use Direction::{Receive, Transmit};
        use SubStream::{Cpl, Npr, Pr};
        [
            Self { direction: Receive, sub_stream: Pr },
            Self { direction: Receive, sub_stream: Npr },
            Self { direction: Receive, sub_stream: Cpl },
            Self { direction: Transmit, sub_stream: Pr },
            Self { direction: Transmit, sub_stream: Npr },
            Self { direction: Transmit, sub_stream: Cpl },
        ]
    };

    /// Direction and sub-stream of `KeySubStream`.
    pub(super) fn flags(self) -> IdeKeyFlags {
        let sub_stream = match self.sub_stream {
            SubStream::Pr => 0x00,
            SubStream::Npr => 0x10,
            SubStream::Cpl => 0x20,
        };
        let direction = match self.direction {
            Direction::Receive => IdeKeyFlags::empty(),
            Direction::Transmit => IdeKeyFlags::TX,
        };
        direction | IdeKeyFlags::from_bits_retain(sub_stream)
    }

    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match (self.direction, self.sub_stream) {
            (Direction::Receive, SubStream::Pr) => "receive PR",
            (Direction::Receive, SubStream::Npr) => "receive NPR",
            (Direction::Receive, SubStream::Cpl) => "receive CPL",
            (Direction::Transmit, SubStream::Pr) => "transmit PR",
            (Direction::Transmit, SubStream::Npr) => "transmit NPR",
            (Direction::Transmit, SubStream::Cpl) => "transmit CPL",
        }
    }
}

/// The keys of a file.
#[derive(Debug)]
pub(super) struct KeyRing(Vec<(KeyPlace, IdeKey)>);

impl KeyRing {
    /// Reads them. No message shows what is in the file.
    pub(super) fn read(path: &Path, console: &Console) -> Result<Self, Failure> {
        let bytes = file::read_secret(path, console)?;
        Self::parse(&bytes)
            .map_err(|why| Failure::usage(format!("{} (--keys): {why}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: KeyFile<'_> = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                Category::Data => "not the form that is expected",
                Category::Eof => "the file ends here",
                Category::Syntax | Category::Io => "not JSON",
            };
            format!("line {line}, column {column}: {what}; {FORM}")
        })?;
        let mut keys: Vec<(KeyPlace, IdeKey)> = Vec::new();
        for KeyEntry { direction, sub_stream, key, ifv } in file.keys {
            let place = KeyPlace { direction, sub_stream };
            let name = place.name();
            if keys.iter().any(|(known, _)| *known == place) {
                return Err(format!("two keys are for {name}"));
            }
            let mut read = Zeroizing::new([0; IdeKey::LEN]);
            let (key_place, ifv_place) = read.split_at_mut(KEY_LEN);
            let (key_len, ifv_len) = (key_place.len(), ifv_place.len());
            hex::decode_to_slice(key, key_place)
                .map_err(|_| format!("key of {name}: not {key_len} bytes in hexadecimal"))?;
            hex::decode_to_slice(ifv, ifv_place)
                .map_err(|_| format!("ifv of {name}: not {ifv_len} bytes in hexadecimal"))?;
            let key = IdeKey::read(read.as_slice()).ok_or_else(|| format!("no key for {name}"))?;
            keys.push((place, key));
        }
        match keys.is_empty() {
            true => Err("there is no key in it".to_owned()),
            false => Ok(Self(keys)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyPlace, &IdeKey)> {
        self.0.iter().map(|(place, key)| (*place, key))
    }

    /// Which they are, those that receive first.
    pub(super) fn places(&self) -> impl Iterator<Item = KeyPlace> {
        let has = |place: &KeyPlace| self.0.iter().any(|(known, _)| known == place);
        KeyPlace::ALL.into_iter().filter(has)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyRing;

    fn entry(direction: &str, key: &str) -> String {
        let ifv = "00".repeat(8);
        format!(r#"{{"direction":"{direction}","sub_stream":"NPR","key":"{key}","ifv":"{ifv}"}}"#)
    }

    fn read(entries: &[String]) -> Result<Vec<&'static str>, String> {
        let file = format!(r#"{{"keys":[{}]}}"#, entries.join(","));
        let ring = KeyRing::parse(file.as_bytes())?;
        Ok(ring.places().map(super::KeyPlace::name).collect())
    }

    #[test]
    fn keys_that_receive_come_first() {
        let key = "7a".repeat(32);
        let both = read(&[entry("transmit", &key), entry("receive", &key)]);
        assert_eq!(both.unwrap(), ["receive NPR", "transmit NPR"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let key = "7a".repeat(32);
        for (entries, part) in [
            (vec![entry("receive", "7a7a")], "key of receive NPR: not 32 bytes"),
            (vec![entry("receive", &key), entry("receive", &key)], "two keys are for receive NPR"),
            (vec![entry(&key, &key)], "line 1, column"),
            (vec![key.clone()], "line 1, column"),
            (vec![format!("\"{key}\"")], "line 1, column"),
            (Vec::new(), "there is no key"),
        ] {
            let told = read(&entries).unwrap_err();
            assert!(told.contains(part) && !told.contains("7a7a"), "{told}");
        }
    }
}
