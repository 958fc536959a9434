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
        let time = match (element.tag(), element.content()) {
            (Tag::UTC_TIME, [y1, y0, rest @ ..]) => two_digits(*y1, *y0).and_then(|year| {
                let century = if year >= 50 { 1900 } else { 2000 };
                Self::from_digits(century + u16::from(year), rest)
            }),
            (Tag::GENERALIZED_TIME, [y3, y2, y1, y0, rest @ ..]) => {
                let high = two_digits(*y3, *y2);
                let low = two_digits(*y1, *y0);
                high.zip(low).and_then(|(high, low)| {
                    Self::from_digits(u16::from(high) * 100 + u16::from(low), rest)
                })
            }
            _ => None,
        };
        time.ok_or_else(|| element.fault(Rule::Time))
    }

    /// Whether `element` is GeneralizedTime where RFC 5280 §4.1.2.5 has UTCTime. DSP0274 recommends one such
    /// date for a validity without beginning.
    pub(crate) fn is_early_generalized(element: Element<'_>) -> bool {
        let year = element.content().get(..4).unwrap_or_default();
        element.tag() == Tag::GENERALIZED_TIME
            && year < b"2050".as_slice()
            && element.content() != b"19700101000000Z"
    }

    fn from_digits(year: u16, rest: &[u8]) -> Option<Self> {
        let [mo1, mo0, d1, d0, h1, h0, mi1, mi0, s1, s0, b'Z'] = rest else { return None };
        let time = Self {
            year,
            month: two_digits(*mo1, *mo0)?,
            day: two_digits(*d1, *d0)?,
            hour: two_digits(*h1, *h0)?,
            minute: two_digits(*mi1, *mi0)?,
            second: two_digits(*s1, *s0)?,
        };
        let is_date = (1..=12).contains(&time.month)
            && (1..=days_in_month(time.year, time.month)).contains(&time.day);
        let is_time = time.hour < 24 && time.minute < 60 && time.second < 60;
        (time.year >= 1970 && is_date && is_time).then_some(time)
    }

    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
    #[must_use]
    pub fn unix(self) -> u64 {
        // Days of the years before this one; leap days of 1970 and before cancel out.
        let years = u64::from(self.year);
        let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
        let whole_years = (years - 1970) * 365 + leap_days(years - 1) - leap_days(1969);
        let whole_months: u64 =
            (1..self.month).map(|month| u64::from(days_in_month(self.year, month))).sum();
        let days = whole_years + whole_months + u64::from(self.day) - 1;
        ((days * 24 + u64::from(self.hour)) * 60 + u64::from(self.minute)) * 60
            + u64::from(self.second)
    }
}

/// `2026-11-23T07:53:12Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
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
