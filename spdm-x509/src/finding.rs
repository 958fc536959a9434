//! The results of single rules on single certificates, which outcomes of checks are made of.

use crate::check::Check;
use crate::rule::Rule;

/// The result of one rule. [`Policy::explain`](crate::Policy::explain) hands them out in the order in which
/// the rules are applied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The check that the rule belongs to.
    pub check: Check,
    /// The certificate, counted from the root's side of the chain, from 0; `None` for the whole chain, and
    /// for a trust anchor that it leaves out.
    pub certificate: Option<u16>,
    /// The rule.
    pub rule: Rule,
    /// The result.
    pub ruling: Ruling,
}

/// The result of a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a rule ends in one of these ways")]
pub enum Ruling {
    /// It is broken.
    Broken,
    /// It holds.
    Holds,
    /// It is broken, but the policy does not ask for it.
    Waived,
}
