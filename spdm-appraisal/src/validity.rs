//! When reference values hold.

use minicbor::data::Type;
use spdm_x509::ValidityCheck;

use crate::cbor::{Label, Reader, Result};
use crate::error::{ReadError, Rule};

/// `validity-map`, in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validity {
    pub(crate) field: &'static str,
    pub(crate) at: usize,
    pub(crate) not_before: Option<i64>,
    pub(crate) not_after: Option<i64>,
}

impl Validity {
    /// `{?0: not-before, 1: not-after}`.
    pub(crate) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self> {
        let mut validity = Self { field, at: reader.at(), not_before: None, not_after: None };
        reader.map(field, |reader, label| {
            match label {
                Label::Number(0) => validity.not_before = Some(read_time(reader, "not-before")?),
                Label::Number(1) => validity.not_after = Some(read_time(reader, "not-after")?),
                _ => reader.skip(field)?,
            }
            Ok(())
        })?;
        if validity.not_after.is_none() {
            return Err(ReadError::new(Rule::Missing, "not-after", validity.at));
        }
        Ok(validity)
    }

    /// Holds it against the caller's time.
    pub(crate) fn check(&self, validity: ValidityCheck) -> Result<()> {
        let ValidityCheck::At(now) = validity else { return Ok(()) };
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let broken = if self.not_before.is_some_and(|first| now < first) {
            Rule::NotYetValid
        } else if self.not_after.is_some_and(|last| now > last) {
            Rule::Expired
        } else {
            return Ok(());
        };
        Err(ReadError::new(broken, self.field, self.at))
    }
}

/// `#6.1(number)`, in whole seconds.
pub(crate) fn read_time(reader: &mut Reader<'_>, field: &'static str) -> Result<i64> {
    let at = reader.at();
    if reader.peek(field)? != Type::Tag {
        return Err(ReadError::new(Rule::Time, field, at));
    }
    let mut inner = reader.item(field)?.reader();
    inner.expect_tag(1, field)?;
    read_seconds(&mut inner, field)
}

/// A number, in whole seconds; a float where it is one of them.
pub(crate) fn read_seconds(reader: &mut Reader<'_>, field: &'static str) -> Result<i64> {
    let wrong = reader.error(Rule::Time, field);
    match reader.peek(field)? {
        // The latest that half precision can say is on the first day.
        Type::F16 => Err(wrong),
        Type::F32 | Type::F64 => whole(reader.float(field)?).ok_or(wrong),
        _ => reader.int(field).map_err(|error| match error.rule {
            Rule::Type | Rule::Range => wrong,
            _ => error,
        }),
    }
}

/// The integer that a float is.
fn whole(float: f64) -> Option<i64> {
    let bits = float.to_bits();
    let exponent = bits >> 52 & 0x7FF;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 && fraction == 0 {
        return Some(0);
    }
    // 2^52 and more are beyond every time; NaN and the infinities are among them.
    let shift = 1075_u64.checked_sub(exponent).filter(|shift| (1..=52).contains(shift))?;
    let mantissa = fraction | 1 << 52;
    if mantissa & ((1 << shift) - 1) != 0 {
        return None;
    }
    let magnitude = i64::try_from(mantissa >> shift).ok()?;
    Some(if float.is_sign_negative() { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::read_time;
    use crate::cbor::Reader;

    #[test]
    fn times_are_whole_seconds() {
        for (bytes, expected) in [
            (&[0xC1, 0x1A, 0x69, 0x54, 0x67, 0x80][..], Some(1_767_139_200)),
            (&[0xC1, 0xFB, 0x41, 0xDA, 0x55, 0x19, 0xE0, 0, 0, 0], Some(1_767_139_200)),
            (&[0xC1, 0xFB, 0x41, 0xDA, 0x55, 0x19, 0xE0, 0x20, 0, 0], None),
            (&[0xC1, 0xF9, 0x7E, 0x00], None),
            (&[0xC1, 0xFB, 0x7F, 0xF0, 0, 0, 0, 0, 0, 0], None),
            (&[0xC1, 0xFB, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0], None),
            (&[0x1A, 0x69, 0x54, 0x67, 0x80], None),
        ] {
            assert_eq!(read_time(&mut Reader::new(bytes, 0), "time").ok(), expected, "{bytes:x?}");
        }
    }
}
