//! Why a chain was refused: which check, which certificate, which rule, where.

use core::fmt;

use crate::check::Check;
use crate::rule::Rule;

/// Why a chain, a certificate or a provisioned key was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChainError {
    /// The check that failed.
    pub check: Check,
    /// The certificate, counted from the root's side of the chain, from 0; `None` where the fault is not
    /// in one certificate of the chain.
    pub certificate: Option<u16>,
    /// The rule that was broken.
    pub rule: Rule,
    /// The field that broke it, in the spelling of X.509 or DSP0274.
    pub field: &'static str,
    /// Where, in bytes from the start of the chain (or of the DER that was given), where one place can be
    /// named.
    pub at: Option<usize>,
}

impl ChainError {
    pub(crate) const fn new(check: Check, rule: Rule) -> Self {
        Self { check, certificate: None, rule, field: rule.field(), at: None }
    }

    pub(crate) const fn in_certificate(mut self, index: u16) -> Self {
        self.certificate = Some(index);
        self
    }

    pub(crate) fn at(mut self, at: impl Into<Option<usize>>) -> Self {
        self.at = at.into();
        self
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.certificate {
            write!(f, "certificate {index}: ")?;
        }
        f.write_str(self.rule.text())?;
        match self.at {
            Some(at) => write!(f, " (byte {at})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ChainError {}

#[cfg(test)]
mod tests {
    use super::{ChainError, Check, Rule};
    use crate::defect::Defect;
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_readme_lists_every_rule() {
        let readme = include_str!("../README.md");
        for rule in Rule::ALL {
            let row = format!("| `{rule:?}` | {rule} | ");
            assert_eq!(readme.matches(&row).count(), 1, "{row}");
        }
    }

    #[test]
    fn every_rule_is_a_sentence_and_about_a_field() {
        for rule in Rule::ALL {
            let demand = rule.demand();
            assert!(demand.ends_with('.') && !demand.contains(['[', '`']), "{demand}");
            assert!(!rule.field().is_empty() && !rule.text().ends_with('.'), "{rule}");
        }
    }

    #[test]
    fn an_error_says_where() {
        let der = [0; 9];
        let error = Defect::new(Rule::Der, &der[7..]).during(Check::Format, 40, &der);
        let error = error.in_certificate(2);
        assert_eq!(error.to_string(), "certificate 2: the encoding is not DER (byte 47)");
        let error = ChainError::new(Check::Anchor, Rule::NoTrustAnchor);
        assert_eq!(
            format!("{}: {error}", error.check),
            "chain.anchor: no trust anchor is configured"
        );
    }
}
