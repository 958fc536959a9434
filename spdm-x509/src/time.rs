//! The dates of a certificate's validity.

use core::fmt;

use crate::error::Fault;
use crate::rule::Rule;
use crate::tlv::{Element, Tag};

/// A date and time in UTC, from 1970 to 9999.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Time {
    /// Reads UTCTime `YYMMDDhhmmssZ` or GeneralizedTime `YYYYMMDDhhmmssZ` (RFC 5280 §4.1.2.5).
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        Self::read(element).ok_or_else(|| element.fault(Rule::Time))
    }

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
        let is_date = year >= 1970
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        let is_time = hour < 24 && minute < 60 && second < 60;
        (is_date && is_time).then_some(Self { year, month, day, hour, minute, second })
    }

    /// Whether this was read from GeneralizedTime where RFC 5280 §4.1.2.5 has UTCTime. DSP0274 recommends one
    /// such date for a validity without beginning: 1970-01-01T00:00:00Z.
    pub(crate) fn is_early_generalized(self, element: Element<'_>) -> bool {
        element.tag() == Tag::GENERALIZED_TIME && self.year < 2050 && self.unix() != 0
    }

    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
    #[must_use]
    pub fn unix(self) -> u64 {
        // Days of the years before this one; leap days of 1970 and before cancel out.
        let years = u32::from(self.year);
        let leap_days = |year: u32| year / 4 - year / 100 + year / 400;
        let whole_years = (years - 1970) * 365 + leap_days(years - 1) - leap_days(1969);
        let whole_months: u32 =
            (1..self.month).map(|month| u32::from(days_in_month(self.year, month))).sum();
        let days = whole_years + whole_months + u32::from(self.day) - 1;
        let minutes = u32::from(self.hour) * 60 + u32::from(self.minute);
        u64::from(days) * 86_400 + u64::from(minutes * 60 + u32::from(self.second))
    }
}

/// `2026-11-23T07:53:12Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Rule, Time};
    use crate::testing::tlv;
    use std::string::ToString;

    fn parse(tag: u8, text: &str) -> Result<Time, Rule> {
        let der = tlv(tag, &[text.as_bytes()]);
        let parsed = Time::parse(Element::split(&der).unwrap().0);
        parsed.map_err(|fault| {
            assert_eq!(fault.offset_in(&der), 0);
            fault.rule
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
