//! The extensions that decide over a certificate.

use core::fmt;

use crate::defect::Defect;
use crate::name_constraints::NameConstraints;
use crate::oid::Oid;
use crate::rule::Rule;
use crate::subject_alt_name::SubjectAltName;
use crate::tlv::{Budget, Checked, Element, Elements, Tag};

/// The most extensions that one certificate may have.
pub(crate) const MAX_EXTENSIONS: usize = 32;

/// All extensions of a certificate, the known ones taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extensions<'a> {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<X509KeyUsage>,
    /// The object identifiers of extKeyUsage, none where it is absent.
    pub(crate) extended_key_usage: Checked<'a>,
    pub(crate) subject_alt_name: Option<SubjectAltName<'a>>,
    /// The entries of the SPDM extension, none where it is absent.
    pub(crate) spdm: Checked<'a>,
    pub(crate) name_constraints: Option<NameConstraints<'a>>,
    /// All of them.
    list: Checked<'a>,
    pub(crate) has_unknown_critical: bool,
    pub(crate) has_critical_dice: bool,
    pub(crate) has_explicit_false: bool,
    pub(crate) has_untrimmed_key_usage: bool,
}

impl<'a> Extensions<'a> {
    pub(crate) const NONE: Self = Self {
        basic_constraints: None,
        key_usage: None,
        extended_key_usage: Checked::EMPTY,
        subject_alt_name: None,
        spdm: Checked::EMPTY,
        name_constraints: None,
        list: Checked::EMPTY,
        has_unknown_critical: false,
        has_critical_dice: false,
        has_explicit_false: false,
        has_untrimmed_key_usage: false,
    };

    /// Reads `extensions [3] EXPLICIT` into what has none yet.
    pub(crate) fn read(&mut self, budget: &mut Budget, tagged: Element<'a>) -> Result<(), Defect> {
        let list = tagged.inside().only(Tag::SEQUENCE, Rule::ExtensionSyntax)?;
        if list.inside().is_empty() {
            return Err(list.defect(Rule::ExtensionSyntax));
        }
        self.list = list.inside();
        let mut seen = [Oid::EMPTY; MAX_EXTENSIONS];
        for (count, element) in self.list.elements().enumerate() {
            let extension = Extension::parse(element)?;
            if seen.get(..count).is_some_and(|seen| seen.contains(&extension.oid)) {
                return Err(element.defect(Rule::DuplicateExtension));
            }
            let place = seen.get_mut(count);
            *place.ok_or_else(|| element.defect(Rule::TooManyExtensions))? = extension.oid;
            self.add(budget, &extension)?;
        }
        Ok(())
    }

    /// The value of the extension with this identifier, still encoded, where there is one.
    pub(crate) fn value_of(&self, oid: &[u8]) -> Option<&'a [u8]> {
        // `read` refuses a certificate with an extension that cannot be read.
        let mut extensions = self.list.elements().filter_map(|one| Extension::parse(one).ok());
        extensions
            .find(|extension| extension.oid.as_bytes() == oid)
            .map(|extension| extension.octets)
    }

    fn add(&mut self, budget: &mut Budget, extension: &Extension<'a>) -> Result<(), Defect> {
        let is_critical = extension.critical == Flag::True;
        self.has_explicit_false |= extension.critical == Flag::False;
        match extension.oid.find(KINDS) {
            Some((kind, tag, rule)) => self.add_value(kind, extension.value(budget, tag, rule)?),
            None if extension.oid.is_dice() => {
                self.has_critical_dice |= is_critical;
                Ok(())
            }
            None => {
                self.has_unknown_critical |= is_critical;
                Ok(())
            }
        }
    }

    fn add_value(&mut self, kind: Kind, value: Element<'a>) -> Result<(), Defect> {
        match kind {
            Kind::BasicConstraints => {
                let (constraints, flag) = BasicConstraints::parse(value)?;
                self.basic_constraints = Some(constraints);
                self.has_explicit_false |= flag == Flag::False;
            }
            Kind::KeyUsage => {
                let usage = X509KeyUsage::parse(value)?;
                self.key_usage = Some(usage);
                self.has_untrimmed_key_usage = !usage.is_trimmed();
            }
            Kind::ExtendedKeyUsage => {
                self.extended_key_usage =
                    check_oids(value, Element::oid, Rule::ExtendedKeyUsageSyntax)?;
            }
            Kind::SubjectAltName => self.subject_alt_name = Some(SubjectAltName::parse(value)?),
            Kind::Spdm => {
                self.spdm = check_oids(value, spdm_oid, Rule::SpdmExtensionSyntax)?;
            }
            Kind::NameConstraints => self.name_constraints = Some(NameConstraints::parse(value)?),
        }
        Ok(())
    }
}

/// The extensions that decide, and so must be well formed.
#[derive(Clone, Copy)]
enum Kind {
    BasicConstraints,
    KeyUsage,
    ExtendedKeyUsage,
    SubjectAltName,
    Spdm,
    NameConstraints,
}

/// Each with the type of its value, and the rule that another one breaks.
const KINDS: &[(Oid<'static>, (Kind, Tag, Rule))] = &[
    (Oid::BASIC_CONSTRAINTS, (Kind::BasicConstraints, Tag::SEQUENCE, Rule::BasicConstraintsSyntax)),
    (Oid::KEY_USAGE, (Kind::KeyUsage, Tag::BIT_STRING, Rule::KeyUsageSyntax)),
    (
        Oid::EXTENDED_KEY_USAGE,
        (Kind::ExtendedKeyUsage, Tag::SEQUENCE, Rule::ExtendedKeyUsageSyntax),
    ),
    (Oid::SUBJECT_ALT_NAME, (Kind::SubjectAltName, Tag::SEQUENCE, Rule::SanSyntax)),
    (Oid::DMTF_SPDM_EXTENSION, (Kind::Spdm, Tag::SEQUENCE, Rule::SpdmExtensionSyntax)),
    (Oid::NAME_CONSTRAINTS, (Kind::NameConstraints, Tag::SEQUENCE, Rule::NameConstraintsSyntax)),
];

/// One extension, its value still encoded.
struct Extension<'a> {
    oid: Oid<'a>,
    critical: Flag,
    /// The content of the OCTET STRING.
    octets: &'a [u8],
}

impl<'a> Extension<'a> {
    fn parse(element: Element<'a>) -> Result<Self, Defect> {
        let malformed = element.defect(Rule::ExtensionSyntax);
        if element.tag() != Tag::SEQUENCE {
            return Err(malformed);
        }
        let mut fields = element.inside().elements();
        let oid = fields.next().and_then(Element::oid).ok_or(malformed)?;
        let critical = Flag::take(&mut fields);
        let octets = fields.required(Tag::OCTET_STRING, Rule::ExtensionSyntax)?;
        fields.finish(Rule::ExtensionSyntax)?;
        Ok(Self { oid, critical, octets: octets.content() })
    }

    /// The one element inside, which must have this tag.
    fn value(&self, budget: &mut Budget, tag: Tag, rule: Rule) -> Result<Element<'a>, Defect> {
        Checked::within(budget, self.octets)?.only(tag, rule)
    }
}

/// `BOOLEAN DEFAULT FALSE`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flag {
    /// Left out, as DER wants FALSE.
    Absent,
    /// FALSE, written out.
    False,
    True,
}

impl Flag {
    fn take(fields: &mut Elements<'_>) -> Self {
        match fields.optional(Tag::BOOLEAN) {
            Some(element) if element.content() == [0xFF] => Self::True,
            Some(_) => Self::False,
            None => Self::Absent,
        }
    }
}

/// The extension basicConstraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BasicConstraints {
    /// `cA`: the subject may issue certificates.
    pub is_ca: bool,
    /// `pathLenConstraint`: how many certificate authorities may follow; numbers beyond `u32` are
    /// `u32::MAX`.
    pub path_len: Option<u32>,
}

impl BasicConstraints {
    fn parse(sequence: Element<'_>) -> Result<(Self, Flag), Defect> {
        let malformed = sequence.defect(Rule::BasicConstraintsSyntax);
        let mut fields = sequence.inside().elements();
        let flag = Flag::take(&mut fields);
        let is_ca = flag == Flag::True;
        let path_len = fields.next();
        if path_len.is_some() && !is_ca {
            return Err(malformed);
        }
        let path_len = match path_len {
            Some(number) => Some(saturating(number.unsigned().ok_or(malformed)?)),
            None => None,
        };
        fields.finish(Rule::BasicConstraintsSyntax)?;
        Ok((Self { is_ca, path_len }, flag))
    }
}

fn saturating(magnitude: &[u8]) -> u32 {
    let digit =
        |number: u32, byte: &u8| number.checked_mul(0x100).map(|number| number | u32::from(*byte));
    magnitude.iter().try_fold(0, digit).unwrap_or(u32::MAX)
}

/// The extension keyUsage (RFC 5280 §4.2.1.3).
///
/// `Display` writes the names of the bits: `digitalSignature, keyCertSign`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct X509KeyUsage {
    /// All but decipherOnly.
    first: u8,
    second: Option<u8>,
    unused: u8,
}

impl X509KeyUsage {
    fn parse(bits: Element<'_>) -> Result<Self, Defect> {
        match bits.content() {
            [unused, first] => Ok(Self { first: *first, second: None, unused: *unused }),
            [unused, first, second] => {
                Ok(Self { first: *first, second: Some(*second), unused: *unused })
            }
            _ => Err(bits.defect(Rule::KeyUsageSyntax)),
        }
    }

    /// The key may verify signatures on data that is no certificate.
    #[must_use]
    pub const fn digital_signature(self) -> bool {
        self.first & 0x80 != 0
    }

    /// The key may verify signatures on certificates.
    #[must_use]
    pub const fn key_cert_sign(self) -> bool {
        self.first & 0x04 != 0
    }

    /// Whether the last bit that is there is set (X.690 §11.2.2).
    fn is_trimmed(self) -> bool {
        let last = self.second.unwrap_or(self.first);
        last.trailing_zeros() == u32::from(self.unused)
    }
}

impl fmt::Display for X509KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 9] = [
            "digitalSignature",
            "nonRepudiation",
            "keyEncipherment",
            "dataEncipherment",
            "keyAgreement",
            "keyCertSign",
            "cRLSign",
            "encipherOnly",
            "decipherOnly",
        ];
        let bits = u16::from_be_bytes([self.first, self.second.unwrap_or(0)]);
        let set = NAMES.iter().zip((0..16).rev()).filter(|(_, bit)| bits >> bit & 1 != 0);
        set.enumerate().try_for_each(|(place, (name, _))| {
            write!(f, "{}{name}", if place == 0 { "" } else { ", " })
        })
    }
}

/// Reads a non-empty list of what `oid` takes apart: extKeyUsage, and the SPDM extension.
fn check_oids<'a>(
    sequence: Element<'a>,
    oid: fn(Element<'a>) -> Option<Oid<'a>>,
    rule: Rule,
) -> Result<Checked<'a>, Defect> {
    let list = sequence.inside();
    if list.is_empty() {
        return Err(sequence.defect(rule));
    }
    for element in list.elements() {
        oid(element).ok_or_else(|| element.defect(rule))?;
    }
    Ok(list)
}

/// The identifier in `SEQUENCE { OBJECT IDENTIFIER, OCTET STRING OPTIONAL }` (DSP0274, id-DMTF-SPDM-extension).
pub(crate) fn spdm_oid(element: Element<'_>) -> Option<Oid<'_>> {
    let mut fields = element.inside().elements();
    let oid = fields.next()?.oid()?;
    fields.optional(Tag::OCTET_STRING);
    (element.tag() == Tag::SEQUENCE && fields.is_empty()).then_some(oid)
}

#[cfg(test)]
mod tests {
    use super::{BasicConstraints, Rule};
    use crate::certificate::X509Certificate;
    use crate::testing::{
        FALSE, SUBJECT_ALT_NAME, TRUE, Template, basic_constraints, dmtf, extended_key_usage,
        extension, key_usage, other_name, subject_alt_name, tlv,
    };
    use std::vec::Vec;

    fn with(extensions: &[Vec<u8>]) -> Vec<u8> {
        Template::leaf("CA").with(extensions).signed_by("CA")
    }

    fn rule_of(extensions: &[Vec<u8>]) -> Option<Rule> {
        X509Certificate::parse(spdm_untrusted::Untrusted::new(&with(extensions)))
            .err()
            .map(|defect| defect.rule)
    }

    #[test]
    fn the_list() {
        assert_eq!(rule_of(&[tlv(0x31, &[])]), Some(Rule::ExtensionSyntax));
        assert_eq!(rule_of(&[tlv(0x30, &[&[6, 1, 0x2A]])]), Some(Rule::ExtensionSyntax));
        let twice = [key_usage(0x80), extension(&[0x2A], &[], &[]), key_usage(0x80)];
        assert_eq!(rule_of(&twice), Some(Rule::DuplicateExtension));
        let mut empty = Template::leaf("CA");
        empty.subject = [empty.subject, empty.public_key, tlv(0xA3, &[&[0x30, 0]])].concat();
        empty.public_key = Vec::new();
        let der = empty.with(&[]).signed_by("CA");
        let rule = X509Certificate::parse(spdm_untrusted::Untrusted::new(&der))
            .err()
            .map(|defect| defect.rule);
        assert_eq!(rule, Some(Rule::ExtensionSyntax));
    }

    #[test]
    fn their_number_is_bounded() {
        let max = u8::try_from(super::MAX_EXTENSIONS).unwrap();
        let many = |count| (0..count).map(|last| extension(&[0x2A, last], &[], &[])).collect();
        let just_right: Vec<_> = many(max);
        assert_eq!(rule_of(&just_right), None);
        let one_more: Vec<_> = many(max + 1);
        assert_eq!(rule_of(&one_more), Some(Rule::TooManyExtensions));
    }

    #[test]
    fn basic_constraints_forms() {
        let parsed = |fields: &[&[u8]]| {
            let der = with(&[basic_constraints(fields)]);
            X509Certificate::parse(spdm_untrusted::Untrusted::new(&der))
                .map(|certificate| certificate.basic_constraints().unwrap())
                .map_err(|fault| fault.rule)
        };
        let ca = |path_len| Ok(BasicConstraints { is_ca: true, path_len });
        assert_eq!(parsed(&[]), Ok(BasicConstraints { is_ca: false, path_len: None }));
        assert_eq!(parsed(&[TRUE]), ca(None));
        assert_eq!(parsed(&[TRUE, &[2, 1, 3]]), ca(Some(3)));
        assert_eq!(parsed(&[TRUE, &[2, 5, 1, 0, 0, 0, 0]]), ca(Some(u32::MAX)));
        assert_eq!(parsed(&[TRUE, &[2, 1, 0xFF]]), Err(Rule::BasicConstraintsSyntax));
        assert_eq!(parsed(&[&[2, 1, 0]]), Err(Rule::BasicConstraintsSyntax));
        assert_eq!(parsed(&[TRUE, &[2, 1, 0], &[5, 0]]), Err(Rule::BasicConstraintsSyntax));
        assert_eq!(parsed(&[FALSE, &[2, 1, 0]]), Err(Rule::BasicConstraintsSyntax));
    }

    #[test]
    fn other_known_extensions_must_be_well_formed() {
        let value = |oid: &[u8], value: &[u8]| rule_of(&[extension(oid, &[], value)]);
        let key_usage = |bits: &[u8]| value(&[0x55, 0x1D, 0x0F], &tlv(3, &[bits]));
        assert_eq!(key_usage(&[0]), Some(Rule::KeyUsageSyntax));
        assert_eq!(key_usage(&[0, 1, 2, 3]), Some(Rule::KeyUsageSyntax));
        assert_eq!(key_usage(&[7, 0x80, 0x80]), None);

        let extended_key_usage = [0x55, 0x1D, 0x25];
        assert_eq!(value(&extended_key_usage, &[0x30, 0]), Some(Rule::ExtendedKeyUsageSyntax));
        let no_oid = tlv(0x30, &[&[5, 0]]);
        assert_eq!(value(&extended_key_usage, &no_oid), Some(Rule::ExtendedKeyUsageSyntax));

        let oid = tlv(6, &[&dmtf(2)]);
        let spdm = |entry: &[u8]| value(&dmtf(6), &tlv(0x30, &[entry]));
        assert_eq!(spdm(&[]), Some(Rule::SpdmExtensionSyntax));
        assert_eq!(spdm(&oid), Some(Rule::SpdmExtensionSyntax));
        assert_eq!(spdm(&tlv(0x30, &[&oid, &[5, 0]])), Some(Rule::SpdmExtensionSyntax));
        assert_eq!(spdm(&tlv(0x30, &[&oid, &[4, 0]])), None);

        let behind = [tlv(0x30, &[&oid]), tlv(5, &[])].concat();
        assert_eq!(value(&extended_key_usage, &behind), Some(Rule::ExtendedKeyUsageSyntax));
        assert_eq!(value(&extended_key_usage, &[0x30, 0x80, 0, 0]), Some(Rule::Der));
    }

    #[test]
    fn general_names_must_be_well_formed() {
        let san = |name: Vec<u8>| rule_of(&[subject_alt_name(&[name])]);
        let oid = tlv(6, &[&dmtf(1)]);
        assert_eq!(san(other_name(&dmtf(1), 0x0C, "a:b:c")), None);
        assert_eq!(san(tlv(0x82, &[b"host"])), None);
        assert_eq!(san(tlv(0xA4, &[&[0x30, 0]])), None);
        for malformed in [
            Vec::new(),
            tlv(0x89, &[]),                                   // no such choice
            tlv(0xA2, &[]),                                   // dNSName is primitive
            tlv(0x84, &[]),                                   // directoryName is not
            tlv(0x0C, &[b"a:b:c"]),                           // no choice at all
            tlv(0xA0, &[&oid]),                               // no value
            tlv(0xA0, &[&oid, &tlv(0x0C, &[b"a:b:c"])]),      // not [0] EXPLICIT
            tlv(0xA0, &[&oid, &tlv(0xA0, &[])]),              // [0] of nothing
            tlv(0xA0, &[&oid, &tlv(0xA0, &[&[5, 0, 5, 0]])]), // [0] of two
            tlv(0xA0, &[&oid, &tlv(0xA0, &[&[5, 0]]), &[5, 0]]),
        ] {
            assert_eq!(san(malformed.clone()), Some(Rule::SanSyntax), "{malformed:02x?}");
        }
        let behind = extension(SUBJECT_ALT_NAME, &[], &[0x30, 2, 0x82, 0, 5, 0]);
        assert_eq!(rule_of(&[behind]), Some(Rule::SanSyntax));
    }

    #[test]
    fn purposes_in_their_order() {
        let der = with(&[extended_key_usage(&[4, 3])]);
        let certificate = X509Certificate::parse(spdm_untrusted::Untrusted::new(&der)).unwrap();
        let last: Vec<_> =
            certificate.extended_key_usage().map(|oid| oid.as_bytes().last().copied()).collect();
        assert_eq!(last, [Some(4), Some(3)]);
    }
}
