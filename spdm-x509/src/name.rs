//! Distinguished names.

use core::fmt;

use crate::defect::Defect;
use crate::oid::Oid;
use crate::rule::Rule;
use crate::text::Text;
use crate::tlv::{Checked, Element, Tag};

/// An issuer or a subject.
///
/// `Display` writes the attributes in their order: `C=US, O=ACME, CN=Device`, special and unprintable
/// characters escaped. Equality is that of the encodings.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    der: &'a [u8],
    rdns: Checked<'a>,
}

impl<'a> Name<'a> {
    pub(crate) const EMPTY: Self = Self { der: &[], rdns: Checked::EMPTY };

    /// `SEQUENCE OF SET OF SEQUENCE { OBJECT IDENTIFIER, value }`.
    pub(crate) fn parse(element: Element<'a>) -> Result<Self, Defect> {
        if element.tag() != Tag::SEQUENCE {
            return Err(element.defect(Rule::NameSyntax));
        }
        let rdns = element.inside();
        for rdn in rdns.elements() {
            if rdn.tag() != Tag::SET || rdn.inside().is_empty() {
                return Err(rdn.defect(Rule::NameSyntax));
            }
            for attribute in rdn.inside().elements() {
                Attribute::parse(attribute)?;
            }
        }
        Ok(Self { der: element.encoded(), rdns })
    }

    /// The DER encoding.
    #[must_use]
    pub const fn der(self) -> &'a [u8] {
        self.der
    }

    /// Whether there is no attribute at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.rdns.is_empty()
    }

    /// The number of attributes.
    pub(crate) fn len(self) -> usize {
        self.rdns.elements().map(|rdn| rdn.inside().elements().count()).sum()
    }

    /// Whether the name begins with all of `base`, byte by byte: what permits must not be lenient.
    pub(crate) fn is_below(self, base: Self) -> bool {
        self.rdns.as_bytes().starts_with(base.rdns.as_bytes())
    }

    /// Whether the name could be meant to begin with `base`: what excludes must not be evaded by another
    /// string type, by case, by spaces, or by characters whose equality this crate does not know.
    pub(crate) fn may_be_below(self, base: Self) -> bool {
        let mut rdns = self.rdns.elements();
        base.rdns.elements().all(|base| {
            rdns.next().is_some_and(|rdn| {
                let mut wanted = base.inside().elements();
                wanted.all(|wanted| rdn.inside().elements().any(|have| may_equal(wanted, have)))
            })
        })
    }

    /// Whether an attribute is an email address.
    pub(crate) fn has_email(self) -> bool {
        let mut attributes = self.rdns.elements().flat_map(|rdn| rdn.inside().elements());
        // An attribute that could not be read, which `parse` refuses, would count as one.
        attributes
            .any(|attribute| Attribute::parse(attribute).map_or(true, |it| it.kind == Oid::EMAIL))
    }
}

/// Whether two attributes could be meant to be the same. One that could not be read, which `Name::parse` refuses,
/// could be any.
fn may_equal(a: Element<'_>, b: Element<'_>) -> bool {
    let (Ok(a), Ok(b)) = (Attribute::parse(a), Attribute::parse(b)) else { return true };
    if a.kind != b.kind {
        return false;
    }
    let is_ascii = |value: Element<'_>| {
        let is_string =
            matches!(value.tag(), Tag::UTF8_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING);
        is_string && value.content().iter().all(u8::is_ascii)
    };
    let (a, b) = (a.value, b.value);
    !is_ascii(a) || !is_ascii(b) || folds_equal(a.content(), b.content())
}

/// Whether two ASCII strings are equal but for case and spaces.
fn folds_equal(mut a: &[u8], mut b: &[u8]) -> bool {
    loop {
        match (next_folded(&mut a), next_folded(&mut b)) {
            (None, None) => return true,
            (next, other) if next != other => return false,
            _ => {}
        }
    }
}

/// Splits off the next character that is no space, in lower case.
fn next_folded(text: &mut &[u8]) -> Option<u8> {
    loop {
        let (first, rest) = text.split_first()?;
        *text = rest;
        if *first != b' ' {
            return Some(first.to_ascii_lowercase());
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for rdn in self.rdns.elements() {
            for attribute in rdn.inside().elements() {
                f.write_str(separator)?;
                Attribute::parse(attribute).map_err(|_| fmt::Error)?.fmt(f)?;
                separator = "+";
            }
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

struct Attribute<'a> {
    kind: Oid<'a>,
    value: Element<'a>,
}

impl<'a> Attribute<'a> {
    fn parse(element: Element<'a>) -> Result<Self, Defect> {
        let malformed = element.defect(Rule::NameSyntax);
        if element.tag() != Tag::SEQUENCE {
            return Err(malformed);
        }
        let mut fields = element.inside().elements();
        let kind = fields.next().and_then(Element::oid).ok_or(malformed)?;
        let value = fields.next().ok_or(malformed)?;
        fields.finish(Rule::NameSyntax)?;
        Ok(Self { kind, value })
    }

    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = SHORT_NAMES.iter().find(|(kind, _)| *kind == self.kind);
        match known {
            Some((_, name)) => write!(f, "{name}=")?,
            None => write!(f, "{}=", self.kind)?,
        }
        match self.value.tag() {
            Tag::UTF8_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::TELETEX_STRING => {
                Text::new(self.value.content()).write(f, ",+\"\\<>;=#")
            }
            _ => {
                f.write_str("#")?;
                self.value.encoded().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

const SHORT_NAMES: &[(Oid<'static>, &str)] = &[
    (Oid::COMMON_NAME, "CN"),
    (Oid::SERIAL_NUMBER, "serialNumber"),
    (Oid::COUNTRY, "C"),
    (Oid::LOCALITY, "L"),
    (Oid::STATE, "ST"),
    (Oid::ORGANIZATION, "O"),
    (Oid::ORGANIZATIONAL_UNIT, "OU"),
    (Oid::EMAIL, "emailAddress"),
    (Oid::DOMAIN_COMPONENT, "DC"),
];

#[cfg(test)]
mod tests {
    use super::{Defect, Name, Rule};
    use crate::tlv::Checked;
    use std::string::ToString;

    fn parse(der: &[u8]) -> Result<Name<'_>, Defect> {
        Name::parse(Checked::new(der)?.elements().next().unwrap())
    }

    #[test]
    fn attributes_in_order_and_escaped() {
        let der = b"\x30\x27\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02US\
            \x31\x18\x30\x0b\x06\x03\x55\x04\x03\x0c\x04a,\x1bb\x30\x09\x06\x03\x2a\x03\x04\x04\x02\x01\x02";
        let name = parse(der).unwrap();
        assert_eq!(name.to_string(), "C=US, CN=a\\,\\u{1b}b+1.2.3.4=#04020102");
        assert!(!name.is_empty());
        assert!(parse(b"\x30\x00").unwrap().is_empty());
    }

    #[test]
    fn malformed_names_are_refused() {
        let bad: [(&[u8], usize); 5] = [
            (b"\x31\x00", 0),                                              // no SEQUENCE
            (b"\x30\x02\x31\x00", 2),                                      // empty RDN
            (b"\x30\x02\x30\x00", 2),                                      // RDN no SET
            (b"\x30\x07\x31\x05\x30\x03\x06\x01\x2a", 4),                  // no value
            (b"\x30\x0b\x31\x09\x30\x07\x06\x01\x2a\x05\x00\x05\x00", 11), // more than a value
        ];
        for (der, at) in bad {
            assert_eq!(parse(der), Err(Defect::new(Rule::NameSyntax, &der[at..])), "{der:02x?}");
        }
    }
}
