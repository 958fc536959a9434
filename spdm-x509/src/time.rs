//! The dates of a certificate's validity.

use core::fmt;
use core::time::Duration;

use der::DateTime;

use crate::defect::Defect;
use crate::rule::Rule;
use crate::tlv::{Element, Tag};

/// A date and time in UTC, from 1970 to 9999.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time {
    unix: u64,
}

impl Time {
    pub(crate) const EPOCH: Self = Self { unix: 0 };

    /// Reads UTCTime `YYMMDDhhmmssZ` or GeneralizedTime `YYYYMMDDhhmmssZ` (RFC 5280 §4.1.2.5).
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Defect> {
        Self::read(element).ok_or_else(|| element.defect(Rule::Time))
    }

    /// The calendar is `der`'s. Its `UtcTime` and `GeneralizedTime` turn a date that they read into seconds and back,
    /// which takes 64-bit division: 2 530 bytes of flash (thumbv7em, opt-level z).
    fn read(element: Element<'_>) -> Option<Self> {
        let is_short = match element.tag() {
            Tag::UTC_TIME => true,
            Tag::GENERALIZED_TIME => false,
            _ => return None,
        };
        // Pairs of digits, and then a Z.
        let mut numbers = [0; 7];
        let mut pairs = element.content().chunks(2);
        for number in numbers.iter_mut().skip(usize::from(is_short)) {
            let [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = pairs.next()? else { return None };
            *number = (tens - b'0') * 10 + (ones - b'0');
        }
        if pairs.next()? != b"Z" {
            return None;
        }
        let [century, year, month, day, hour, minute, second] = numbers;
        let century = match (is_short, year) {
            (true, ..50) => 20,
            (true, _) => 19,
            (false, _) => century,
        };
        let year = u16::from(century) * 100 + u16::from(year);
        let date = DateTime::new(year, month, day, hour, minute, second).ok()?;
        Some(Self { unix: date.unix_duration().as_secs() })
    }

    /// Whether this was read from GeneralizedTime where RFC 5280 §4.1.2.5 has UTCTime. DSP0274 recommends one
    /// such date for a validity without beginning: 1970-01-01T00:00:00Z.
    pub(crate) fn is_early_generalized(self, element: Element<'_>) -> bool {
        let is_early = (1..Self::FIRST_GENERALIZED).contains(&self.unix);
        element.tag() == Tag::GENERALIZED_TIME && is_early
    }

    /// 2050-01-01T00:00:00Z.
    const FIRST_GENERALIZED: u64 = 2_524_608_000;

    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.unix
    }
}

/// `2026-11-23T07:53:12Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = DateTime::from_unix_duration(Duration::from_secs(self.unix));
        date.map_err(|_| fmt::Error)?.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, Time};
    use crate::testing::tlv;
    use crate::tlv::Checked;
    use std::string::ToString;

    fn parse(tag: u8, text: &str) -> Result<Time, Rule> {
        let der = tlv(tag, &[text.as_bytes()]);
        let parsed = Time::parse(Checked::new(&der).unwrap().elements().next().unwrap());
        parsed.map_err(|defect| {
            assert_eq!(defect.offset_in(&der), Some(0));
            defect.rule
        })
    }

    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;

    #[test]
    fn dates_become_seconds() {
        for (tag, text, unix, shown) in [
            (GENERALIZED_TIME, "19700101000000Z", 0, "1970-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799, "9999-12-31T23:59:59Z"),
            (UTC_TIME, "700101000001Z", 1, "1970-01-01T00:00:01Z"),
            (UTC_TIME, "261123075312Z", 1_795_420_392, "2026-11-23T07:53:12Z"),
            (UTC_TIME, "491231235959Z", 2_524_607_999, "2049-12-31T23:59:59Z"),
            (UTC_TIME, "000229000000Z", 951_782_400, "2000-02-29T00:00:00Z"),
            (GENERALIZED_TIME, "21000301000000Z", 4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = parse(tag, text).unwrap();
            assert_eq!((time.unix(), time.to_string().as_str()), (unix, shown));
        }
    }

    #[test]
    fn other_forms_and_dates_are_refused() {
        for (tag, text) in [
            (UTC_TIME, "2611230753Z"),               // no seconds
            (UTC_TIME, "261123075312+0000"),         // not Z
            (UTC_TIME, "260229000000Z"),             // no leap year
            (UTC_TIME, "261300000000Z"),             // month 13
            (UTC_TIME, "260100000000Z"),             // day 0
            (UTC_TIME, "260101240000Z"),             // hour 24
            (UTC_TIME, "260101006000Z"),             // minute 60
            (UTC_TIME, "260101000060Z"),             // second 60
            (UTC_TIME, "2601 1000000Z"),             // no digit
            (UTC_TIME, "691231235959Z"),             // 1969
            (UTC_TIME, ""),                          // nothing
            (GENERALIZED_TIME, "20261123075312.5Z"), // fraction
            (GENERALIZED_TIME, "21000229000000Z"),   // no leap year
            (0x0C, "261123075312Z"),                 // no time
        ] {
            assert_eq!(parse(tag, text), Err(Rule::Time), "{text}");
        }
    }
}
