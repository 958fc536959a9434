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
    use super::{ChainError, Check, PciIdentity, Rule, SanPolicy, matches, parts};
    use crate::testing::{
        PCI_CMA, Template, certificates, dmtf, other_name, parse, structure, subject_alt_name,
    };
    use core::slice::from_ref;
    use std::vec::Vec;

    const UTF8: u8 = 0x0C;
    const IA5: u8 = 0x16;

    fn check(policy: SanPolicy<'_>, names: &[Vec<u8>]) -> Result<(), Rule> {
        let mut leaf = Template::leaf("Root");
        if !names.is_empty() {
            leaf.extensions.push(subject_alt_name(names));
        }
        let mut sent = certificates(0);
        sent[1] = leaf.signed_by("Root");
        let bytes = structure(&sent[0], &sent);
        super::check(&parse(&bytes).unwrap(), policy).map_err(|error| {
            assert_eq!(error, ChainError::new(Check::San, error.rule).in_certificate(1));
            error.rule
        })
    }

    #[test]
    fn every_cma_name_must_be_the_expected_one() {
        let identity = PciIdentity {
            vendor: 0x1AF4,
            device: 0x10,
            class_code: 0x0001_0802,
            revision: 2,
            subsystem: Some((0x1AF4, 0x1100)),
            serial: Some(0xAB),
        };
        let check = |names: &[Vec<u8>]| check(SanPolicy::PciCma(identity), names);
        let text = "Vendor=1af4:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100:00000000000000ab";
        let right = other_name(PCI_CMA, UTF8, text);
        let upper = other_name(PCI_CMA, UTF8, &text.to_uppercase());
        let longer = other_name(PCI_CMA, UTF8, &std::format!("{text}\0"));
        let shorter = other_name(PCI_CMA, UTF8, &text[..text.len() - 1]);
        let foreign = other_name(&dmtf(1), UTF8, "a:b:c");
        let dns = crate::testing::tlv(0x82, &[b"host"]);

        assert_eq!(check(from_ref(&right)), Ok(()));
        assert_eq!(check(&[dns.clone(), foreign.clone(), right.clone(), right.clone()]), Ok(()));
        assert_eq!(check(&[]), Err(Rule::SanMissing));
        assert_eq!(check(&[foreign, dns]), Err(Rule::SanNameMissing));
        assert_eq!(check(&[other_name(PCI_CMA, IA5, text)]), Err(Rule::SanType));
        for wrong in [upper, longer, shorter, other_name(PCI_CMA, UTF8, "")] {
            assert_eq!(check(from_ref(&wrong)), Err(Rule::SanMismatch));
            assert_eq!(check(&[right.clone(), wrong.clone()]), Err(Rule::SanMismatch));
            assert_eq!(check(&[wrong, right.clone()]), Err(Rule::SanMismatch));
        }
    }

    #[test]
    fn the_dmtf_name_must_fit_the_pattern() {
        let name = |text| other_name(&dmtf(1), UTF8, text);
        let check = |pattern, names: &[Vec<u8>]| check(SanPolicy::Dmtf { pattern }, names);
        let acme = || name("ACME:WIDGET:0123");
        for pattern in ["*:*:*", "ACME:WIDGET:0123", "ACME:*:*", "*:WID*:0*3"] {
            assert_eq!(check(pattern, &[acme()]), Ok(()), "{pattern}");
        }
        for pattern in ["acme:*:*", "::", "*:*:0", "ACM:*:*", "*:*E:*"] {
            assert_eq!(check(pattern, &[acme()]), Err(Rule::SanMismatch), "{pattern}");
        }
        for pattern in ["", "*", "*:*", "*:*:*:*"] {
            assert_eq!(check(pattern, &[acme()]), Err(Rule::SanPattern), "{pattern}");
        }
        for text in ["", "ACME", "ACME:WIDGET", "A:B:C:D", "A:B:C\0"] {
            assert_eq!(check("*:*:*", &[name(text)]), Err(Rule::SanDmtfSyntax), "{text}");
        }
        assert_eq!(check("*:*:*", &[]), Err(Rule::SanMissing));
        let cma = other_name(PCI_CMA, UTF8, "a:b:c");
        assert_eq!(check("*:*:*", from_ref(&cma)), Err(Rule::SanNameMissing));
        assert_eq!(check("*:*:*", &[cma, acme()]), Ok(()));
        assert_eq!(check("*:*:*", &[acme(), acme()]), Err(Rule::SanAmbiguous));
        let ia5 = other_name(&dmtf(1), IA5, "a:b:c");
        assert_eq!(check("*:*:*", &[ia5]), Err(Rule::SanType));
        let mut not_utf8 = acme();
        *not_utf8.last_mut().unwrap() = 0xFF;
        assert_eq!(check("*:*:*", &[not_utf8]), Err(Rule::SanDmtfSyntax));
    }

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
