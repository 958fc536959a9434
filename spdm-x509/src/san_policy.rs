//! Which name the leaf must carry.

use core::fmt;

use spdm_codec::PciIdentity;

use crate::certificate::X509Certificate;
use crate::chain::Chain;
use crate::ledger::Ledger;
use crate::oid::Oid;
use crate::outcome::Ending;
use crate::rule::Rule;
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

pub(crate) fn check(
    chain: &Chain<'_>,
    leaf: &X509Certificate<'_>,
    policy: SanPolicy<'_>,
    ledger: &mut Ledger<'_>,
) -> Ending {
    ledger.turn_to(Some(chain.certificate_count() - 1));
    match policy {
        SanPolicy::None => {}
        SanPolicy::PciCma(identity) => check_pci_cma(leaf, &identity, ledger),
        SanPolicy::Dmtf { pattern } => check_dmtf(leaf, pattern, ledger),
    }
    ledger.ending()
}

fn check_pci_cma(leaf: &X509Certificate<'_>, identity: &PciIdentity, ledger: &mut Ledger<'_>) {
    let (mut is_named, mut is_text, mut is_expected) = (false, true, true);
    for name in names_of(leaf, Oid::PCI_CMA) {
        let text = name.text();
        is_named = true;
        is_text = is_text && text.is_some();
        is_expected = is_expected && text.is_some_and(|text| is_text_of(identity, text));
    }
    if !is_there(leaf, is_named, ledger) {
        return;
    }
    ledger.ask(Rule::SanType, is_text);
    ledger.ask(Rule::SanMismatch, is_expected);
}

fn check_dmtf(leaf: &X509Certificate<'_>, pattern: &str, ledger: &mut Ledger<'_>) {
    let pattern = parts(pattern.as_bytes());
    ledger.ask(Rule::SanPattern, pattern.is_some());
    let mut names = names_of(leaf, Oid::DMTF_DEVICE_INFO);
    let (name, second) = (names.next(), names.next());
    if !is_there(leaf, name.is_some(), ledger) {
        return;
    }
    ledger.ask(Rule::SanAmbiguous, second.is_none());
    let text = name.and_then(OtherName::text);
    ledger.ask(Rule::SanType, text.is_some());
    let text = text.filter(|text| text.as_str().is_some() && !text.as_bytes().contains(&0));
    let parts = text.and_then(|text| parts(text.as_bytes()));
    ledger.ask(Rule::SanDmtfSyntax, parts.is_some());
    let fits = match (&pattern, &parts) {
        (Some(pattern), Some(parts)) => {
            pattern.iter().zip(parts).all(|(pattern, part)| matches(pattern, part))
        }
        _ => false,
    };
    ledger.ask(Rule::SanMismatch, fits);
}

/// Whether there is a name of the kind that the policy is about.
fn is_there(leaf: &X509Certificate<'_>, is_named: bool, ledger: &mut Ledger<'_>) -> bool {
    ledger.ask(Rule::SanMissing, leaf.has_subject_alt_name())
        && ledger.ask(Rule::SanNameMissing, is_named)
}

fn names_of<'a>(
    leaf: &X509Certificate<'a>,
    kind: Oid<'static>,
) -> impl Iterator<Item = OtherName<'a>> {
    leaf.other_names().filter(move |name| name.kind() == kind)
}

/// Three parts with two colons between them.
fn parts(name: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = name.split(|byte| *byte == b':');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

/// Whether `pattern`, in which `*` stands for any characters, covers `text`. Both are UTF-8, in which the bytes
/// of a character occur nowhere but there.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let start = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(start) else { return false };
    let Some(mut piece) = pieces.next() else { return rest.is_empty() };
    // The leftmost place for each piece leaves the most room for the next; the last one is the end.
    for next in pieces {
        let Some(behind) = after(rest, piece) else { return false };
        (rest, piece) = (behind, next);
    }
    rest.ends_with(piece)
}

/// What follows the first place of `piece` in `text`.
fn after<'t>(text: &'t [u8], piece: &[u8]) -> Option<&'t [u8]> {
    (0..=text.len()).find_map(|at| text.get(at..)?.strip_prefix(piece))
}

/// Whether `identity` is written as exactly `text`.
fn is_text_of(identity: &PciIdentity, text: Text<'_>) -> bool {
    let mut rest = Remaining(text.as_bytes());
    identity.write_to(&mut rest).is_ok() && rest.0.is_empty()
}

/// Takes what is written off the front of the bytes; fails at the first difference.
struct Remaining<'a>(&'a [u8]);

impl fmt::Write for Remaining<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, PciIdentity, Rule, SanPolicy, matches, parts};
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::outcome::CheckOutcome;
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
        let (chain, mut ledger) = (parse(&bytes).unwrap(), Ledger::new(None));
        ledger.open(Check::San);
        let ending = super::check(&chain, &chain.leaf(), policy, &mut ledger);
        match ending.of(Check::San) {
            CheckOutcome::Fail(error) => {
                assert_eq!(error, ChainError::new(Check::San, error.rule).in_certificate(1));
                Err(error.rule)
            }
            outcome => {
                assert_eq!(outcome, CheckOutcome::Pass);
                Ok(())
            }
        }
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
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
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
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn exactly_two_colons() {
        assert_eq!(parts(b"a:b:c"), Some([&b"a"[..], b"b", b"c"]));
        assert_eq!(parts(b"::"), Some([&b""[..]; 3]));
        assert_eq!(parts(b"a:b"), None);
        assert_eq!(parts(b"a:b:c:d"), None);
    }
}
