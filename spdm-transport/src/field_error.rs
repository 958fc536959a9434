//! A header that a peer filled wrongly.

use core::fmt;

/// A field of a binding's header or payload that does not hold what its specification demands: the peer's mistake, or a
/// binding that was chosen wrongly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "transports build it")]
pub struct FieldError {
    /// The field, as its specification spells it: for example `PayloadLength`.
    pub field: &'static str,
    /// What it may hold here.
    pub allowed: Allowed,
    /// What it held.
    pub got: u32,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Allowed {
    /// One value.
    Exactly(u32),
    /// This or more.
    AtLeast(u32),
    /// This or less.
    AtMost(u32),
    /// First to last, inclusive.
    Range(u32, u32),
    /// In words.
    Rule(&'static str),
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, allowed, got } = self;
        write!(f, "{field} is {got:#x}, but {allowed} is expected")
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{value:#x}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::Range(first, last) => write!(f, "{first} to {last}"),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

impl core::error::Error for FieldError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::{Allowed, FieldError};
    use std::string::ToString;

    #[test]
    fn sentences() {
        for (allowed, text) in [
            (Allowed::Exactly(1), "Length is 0x10, but 0x1 is expected"),
            (Allowed::AtLeast(17), "Length is 0x10, but at least 17 is expected"),
            (Allowed::AtMost(9), "Length is 0x10, but at most 9 is expected"),
            (Allowed::Range(3, 9), "Length is 0x10, but 3 to 9 is expected"),
            (Allowed::Rule("an id"), "Length is 0x10, but an id is expected"),
        ] {
            assert_eq!(FieldError { field: "Length", allowed, got: 16 }.to_string(), text);
        }
    }
}
