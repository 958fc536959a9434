//! Which name the leaf must carry.

use core::fmt::{self, Write as _};

use spdm_codec::PciIdentity;

use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::error::{ChainError, Check, Rule};
use crate::oid::Oid;
use crate::subject_alt_name::OtherName;
use crate::text::Text;

/// The name that the leaf's subjectAltName must have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SanPolicy<'a> {
    /// Any or none.
    None,
    /// The PCIe CMA otherName (2.23.147) of this function: at least one, and every one must be exactly its
    /// text (PCIe 6.1 §6.31.3, as Linux reads it).
    PciCma(PciIdentity),
    /// One DMTF otherName (1.3.6.1.4.1.412.274.1), `manufacturer:product:serial`.
    Dmtf {
        /// Three parts; within each, `*` stands for any characters: `ACME:WIDGET-*:*`.
        pattern: &'a str,
    },
}

pub(crate) fn check(chain: &Chain<'_>, policy: SanPolicy<'_>) -> Result<(), ChainError> {
    let leaf = chain.leaf();
    let result = match policy {
        SanPolicy::None => Ok(()),
        SanPolicy::PciCma(identity) => check_pci_cma(leaf, &identity),
        SanPolicy::Dmtf { pattern } => check_dmtf(leaf, pattern),
    };
    let index = chain.certificate_count() - 1;
    result.map_err(|rule| ChainError::new(Check::San, rule).in_certificate(index))
}

fn check_pci_cma(leaf: &Certificate<'_>, identity: &PciIdentity) -> Result<(), Rule> {
    let mut names = names_of(leaf, Oid::PCI_CMA)?.peekable();
    names.peek().ok_or(Rule::SanNameMissing)?;
    names.try_for_each(|name| {
        let text = name.text().ok_or(Rule::SanType)?;
        if shows_as(identity, text) { Ok(()) } else { Err(Rule::SanMismatch) }
    })
}

fn check_dmtf(leaf: &Certificate<'_>, pattern: &str) -> Result<(), Rule> {
    let pattern = parts(pattern).ok_or(Rule::SanPattern)?;
    let mut names = names_of(leaf, Oid::DMTF_DEVICE_INFO)?;
    let name = names.next().ok_or(Rule::SanNameMissing)?;
    if names.next().is_some() {
        return Err(Rule::SanAmbiguous);
    }
    let text = name.text().ok_or(Rule::SanType)?.as_str().ok_or(Rule::SanDmtfSyntax)?;
    let parts = parts(text).filter(|_| !text.contains('\0')).ok_or(Rule::SanDmtfSyntax)?;
    if pattern.into_iter().zip(parts).all(|(pattern, part)| matches(pattern, part)) {
        Ok(())
    } else {
        Err(Rule::SanMismatch)
    }
}

fn names_of<'a>(
    leaf: &Certificate<'a>,
    kind: Oid<'static>,
) -> Result<impl Iterator<Item = OtherName<'a>>, Rule> {
    if !leaf.has_subject_alt_name() {
        return Err(Rule::SanMissing);
    }
    Ok(leaf.other_names().filter(move |name| name.kind() == kind))
}

/// Three parts with two colons between them.
fn parts(name: &str) -> Option<[&str; 3]> {
    let mut parts = name.split(':');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

/// Whether `pattern`, in which `*` stands for any characters, covers `text`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, behind)) = pattern.split_once('*') else { return pattern == text };
    let (middle, end) = behind.rsplit_once('*').unwrap_or(("", behind));
    let inner = text.strip_prefix(start).and_then(|text| text.strip_suffix(end));
    // The leftmost place for each piece leaves the most room for the next.
    let rest = middle.split('*').try_fold(inner, |rest, piece| {
        rest.and_then(|rest| rest.split_once(piece)).map(|(_, rest)| Some(rest))
    });
    rest.flatten().is_some()
}

/// Whether `value` is displayed as exactly `text`.
fn shows_as(value: &impl fmt::Display, text: Text<'_>) -> bool {
    let mut expected = Expected(text.as_bytes());
    write!(expected, "{value}").is_ok() && expected.0.is_empty()
}

/// Takes what is written off the front of the bytes; fails at the first difference.
struct Expected<'a>(&'a [u8]);

impl fmt::Write for Expected<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, parts};

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "anything"),
            ("", ""),
            ("ACME", "ACME"),
            ("AC*", "ACME"),
            ("*ME", "ACME"),
            ("A*E", "ACME"),
            ("A*E", "AE"),
            ("*C*M*", "ACME"),
            ("a*b*b", "abb"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("ACME", "ACMEX"),
            ("ACME", "acme"),
            ("AC*", "BACME"),
            ("A*A", "A"),
            ("a*bc*c", "abc"),
            ("*x*", "ACME"),
            ("A*M", "ACME"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn exactly_two_colons() {
        assert_eq!(parts("a:b:c"), Some(["a", "b", "c"]));
        assert_eq!(parts("::"), Some(["", "", ""]));
        assert_eq!(parts("a:b"), None);
        assert_eq!(parts("a:b:c:d"), None);
    }
}
