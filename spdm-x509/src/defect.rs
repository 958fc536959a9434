//! A broken rule and its place, while it is not yet known which check and which certificate it belongs to.

use crate::check::Check;
use crate::error::ChainError;
use crate::rule::Rule;

/// A broken rule at a place in the DER at hand. It takes eight bytes on 32-bit targets, so it is cheap to return by
/// value; it becomes a [`ChainError`] where check and certificate are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Defect {
    pub(crate) rule: Rule,
    /// The address of the place. It is only compared with the bounds of the DER at hand, never followed; so readers
    /// need not count offsets.
    address: usize,
}

impl Defect {
    /// `rule` is broken where `place` starts.
    pub(crate) fn new(rule: Rule, place: &[u8]) -> Self {
        Self { rule, address: place.as_ptr().addr() }
    }

    /// Another rule is broken at this place.
    pub(crate) const fn of(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// The offset of the place in `der`, in bytes; `None` where the place does not lie in `der`.
    pub(crate) fn offset_in(self, der: &[u8]) -> Option<usize> {
        let offset = self.address.checked_sub(der.as_ptr().addr())?;
        (offset <= der.len()).then_some(offset)
    }

    /// The error of `check`, where `der` starts `base` bytes into the chain.
    pub(crate) fn during(self, check: Check, base: usize, der: &[u8]) -> ChainError {
        let at = self.offset_in(der).and_then(|offset| base.checked_add(offset));
        ChainError::new(check, self.rule).at(at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Defect, Rule};

    #[test]
    fn a_place_is_in_the_der_or_it_is_none() {
        let bytes = [0; 9];
        let (before, der) = bytes.split_at(1);
        let (der, behind) = der.split_at(7);
        let offset_of = |place| Defect::new(Rule::Der, place).offset_in(der);
        assert_eq!(offset_of(der), Some(0));
        assert_eq!(offset_of(&der[6..]), Some(6));
        // Where something is missing at the end, the place is the end.
        assert_eq!(offset_of(&der[7..]), Some(7));
        assert_eq!(offset_of(before), None);
        assert_eq!(offset_of(&behind[1..]), None);
        assert_eq!(offset_of(&[]), None);
    }
}
