//! nameConstraints (RFC 5280 §4.2.1.10): enforced for directory names; every other kind of name that is
//! constrained and occurs is refused, which is the choice that the RFC leaves.

use crate::defect::Defect;
use crate::name::Name;
use crate::rule::Rule;
use crate::subject_alt_name::{SubjectAltName, context_number, is_general_name};
use crate::tlv::{Checked, Element, Tag, explicit};

/// The tag numbers of permittedSubtrees and excludedSubtrees.
const PERMITTED: Tag = explicit(0);
const EXCLUDED: Tag = explicit(1);
/// The choice directoryName of GeneralName, which is EXPLICIT because Name is a CHOICE.
const DIRECTORY_NAME: Tag = explicit(DIRECTORY);
/// The numbers of choices of GeneralName.
const DIRECTORY: u8 = 4;
const MAIL: u8 = 1;

/// The extension, well formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameConstraints<'a> {
    permitted: Subtrees<'a>,
    excluded: Subtrees<'a>,
}

impl<'a> NameConstraints<'a> {
    /// `SEQUENCE { permittedSubtrees [0], excludedSubtrees [1] }`, one at least.
    pub(crate) fn parse(value: Element<'a>) -> Result<Self, Defect> {
        let mut fields = value.inside().elements();
        if fields.is_empty() {
            return Err(value.defect(Rule::NameConstraintsSyntax));
        }
        let permitted = Subtrees::parse(fields.optional(PERMITTED))?;
        let excluded = Subtrees::parse(fields.optional(EXCLUDED))?;
        fields.finish(Rule::NameConstraintsSyntax)?;
        Ok(Self { permitted, excluded })
    }

    /// How many attributes and other names there are to compare with.
    const fn len(&self) -> usize {
        self.permitted.len + self.excluded.len
    }

    /// Whether every name of a certificate is within: its subject and those of subjectAltName.
    fn permit(&self, subject: Name<'_>, names: Option<SubjectAltName<'_>>) -> bool {
        let mut names = names.into_iter().flat_map(SubjectAltName::general_names);
        (subject.is_empty() || self.permit_directory_name(subject))
            && (!subject.has_email() || !self.constrain(MAIL))
            && names.all(|name| self.permit_name(name.0))
    }

    fn permit_name(&self, name: Element<'_>) -> bool {
        match context_number(name) {
            Some(DIRECTORY) => {
                directory_name(name).is_some_and(|name| self.permit_directory_name(name))
            }
            Some(kind) => !self.constrain(kind),
            None => false,
        }
    }

    fn permit_directory_name(&self, name: Name<'_>) -> bool {
        let (mut is_open, mut is_permitted) = (true, false);
        for base in self.permitted.bases() {
            match base {
                Some(Base::Directory(base)) => {
                    is_open = false;
                    is_permitted = is_permitted || name.is_below(base);
                }
                Some(Base::Other(_)) => {}
                None => is_open = false,
            }
        }
        let is_excluded = |base| match base {
            Some(Base::Directory(base)) => name.may_be_below(base),
            Some(Base::Other(_)) => false,
            None => true,
        };
        (is_open || is_permitted) && !self.excluded.bases().any(is_excluded)
    }

    /// Whether there are subtrees of this kind, which cannot be evaluated.
    fn constrain(&self, kind: u8) -> bool {
        self.permitted.contain(kind) || self.excluded.contain(kind)
    }
}

/// `GeneralSubtrees`, or none.
#[derive(Clone, Copy, Debug)]
struct Subtrees<'a> {
    list: Checked<'a>,
    /// How many attributes and other names there are to compare with.
    len: usize,
}

impl<'a> Subtrees<'a> {
    /// `[n] IMPLICIT SEQUENCE OF SEQUENCE { base GeneralName }`: minimum is 0, which DER leaves out, and
    /// maximum is absent (RFC 5280 §4.2.1.10).
    fn parse(list: Option<Element<'a>>) -> Result<Self, Defect> {
        let Some(list) = list else { return Ok(Self { list: Checked::EMPTY, len: 0 }) };
        let mut len = 0;
        for subtree in list.inside().elements() {
            let base = base(subtree).ok_or_else(|| subtree.defect(Rule::NameConstraintsSyntax))?;
            len += match Base::parse(base) {
                Some(Base::Directory(name)) => {
                    // To compare takes time by bytes, too.
                    name.len().max(1).max(base.content().len().div_ceil(ATTRIBUTE_LEN))
                }
                Some(Base::Other(_)) => 1,
                None => return Err(base.defect(Rule::NameConstraintsSyntax)),
            };
        }
        if len == 0 {
            return Err(list.defect(Rule::NameConstraintsSyntax));
        }
        Ok(Self { list: list.inside(), len })
    }

    /// The base of each subtree. `None` is for what [`Self::parse`] refuses: whoever meets it permits nothing.
    fn bases(self) -> impl Iterator<Item = Option<Base<'a>>> {
        self.list.elements().map(|subtree| base(subtree).and_then(Base::parse))
    }

    fn contain(self, kind: u8) -> bool {
        self.bases().any(|base| match base {
            Some(Base::Directory(_)) => kind == DIRECTORY,
            Some(Base::Other(number)) => kind == number,
            None => true,
        })
    }
}

/// What a subtree is about.
enum Base<'a> {
    Directory(Name<'a>),
    /// This choice of GeneralName.
    Other(u8),
}

impl<'a> Base<'a> {
    fn parse(base: Element<'a>) -> Option<Self> {
        match base.tag() {
            DIRECTORY_NAME => directory_name(base).map(Self::Directory),
            _ if is_general_name(base) => context_number(base).map(Self::Other),
            _ => None,
        }
    }
}

fn base(subtree: Element<'_>) -> Option<Element<'_>> {
    let mut fields = subtree.inside().elements();
    let base = fields.next()?;
    (subtree.tag() == Tag::SEQUENCE && fields.is_empty()).then_some(base)
}

fn directory_name(name: Element<'_>) -> Option<Name<'_>> {
    let mut fields = name.inside().elements();
    let inner = fields.next()?;
    Name::parse(inner).ok().filter(|_| fields.is_empty())
}

/// The constraints on the way down a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constraints<'a> {
    above: [Option<NameConstraints<'a>>; MAX_CONSTRAINED],
    len: usize,
}

/// The most certificates of a path that may have nameConstraints.
const MAX_CONSTRAINED: usize = 8;
/// The most attributes and other names in them: each may be compared with every name below.
const MAX_LEN: usize = 16;
/// Bytes of a base that count as one attribute.
const ATTRIBUTE_LEN: usize = 128;

impl<'a> Constraints<'a> {
    pub(crate) const NONE: Self = Self { above: [None; MAX_CONSTRAINED], len: 0 };

    /// Adds those of a certificate authority; `false` where there are too many to be evaluated.
    pub(crate) fn add(&mut self, constraints: Option<NameConstraints<'a>>) -> bool {
        let Some(constraints) = constraints else { return true };
        self.len = self.len.saturating_add(constraints.len());
        let place = self.above.iter_mut().find(|place| place.is_none());
        match place.filter(|_| self.len <= MAX_LEN) {
            Some(place) => {
                *place = Some(constraints);
                true
            }
            None => false,
        }
    }

    /// Whether every name of a certificate below is within all of them.
    pub(crate) fn permit(&self, subject: Name<'_>, names: Option<SubjectAltName<'_>>) -> bool {
        self.above.iter().flatten().all(|constraints| constraints.permit(subject, names))
    }
}

#[cfg(test)]
mod tests {
    use super::{ATTRIBUTE_LEN, MAX_CONSTRAINED, MAX_LEN, Rule};
    use crate::anchor::Anchor;
    use crate::check::Check;
    use crate::error::ChainError;
    use crate::policy::{Policy, ValidityCheck};
    use crate::testing::{
        NAME_CONSTRAINTS, TRUE, Template, certificates, directory_subtrees, dmtf, extension, name,
        other_name, parse, structure, subject_alt_name, tlv,
    };
    use spdm_crypto::rustcrypto::PROVIDER;
    use std::vec;
    use std::vec::Vec;

    fn validate(sent: &[Vec<u8>]) -> Result<(), ChainError> {
        let bytes = structure(&sent[0], sent);
        let anchors = [Anchor::Certificate(&sent[0])];
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
        policy.validate(&parse(&bytes)?).map(drop)
    }

    /// A chain with this extension in its only intermediate authority, and what it is in the leaf.
    fn under(constraints: &[u8], critical: &[u8], leaf: &Template) -> Result<(), ChainError> {
        let mut ca = Template::authority("Root", "CA 1");
        ca.extensions.push(extension(NAME_CONSTRAINTS, critical, constraints));
        let root = certificates(1).remove(0);
        validate(&[root, ca.signed_by("Root"), leaf.signed_by("CA 1")])
    }

    fn leaf(subject: Vec<u8>) -> Template {
        Template { subject, ..Template::leaf("CA 1") }
    }

    fn with_names(names: &[Vec<u8>]) -> Template {
        let mut leaf = Template::leaf("CA 1");
        leaf.extensions.push(subject_alt_name(names));
        leaf
    }

    fn broken(index: u16) -> Result<(), ChainError> {
        let error = ChainError::new(Check::Certificates, Rule::NameConstraints);
        Err(error.in_certificate(index))
    }

    fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(0x30, &[&tlv(6, &[oid]), &tlv(tag, &[value])])
    }

    #[test]
    fn names_of_directories() {
        let none: [&str; 0] = [];
        for critical in [&[][..], TRUE] {
            for (permitted, excluded, expected) in [
                (&["Leaf"][..], &none[..], Ok(())),
                (&["Other", "Leaf"], &none, Ok(())),
                (&[""], &none, Ok(())), // any name
                (&["Other"], &none, broken(2)),
                (&["leaf"], &none, broken(2)), // byte by byte
                (&none, &["Other"], Ok(())),
                (&none, &["Leaf"], broken(2)),
                (&none, &[""], broken(2)),
                (&["Leaf"], &["Leaf"], broken(2)),
            ] {
                let constraints = directory_subtrees(permitted, excluded);
                let result = under(&constraints, critical, &Template::leaf("CA 1"));
                assert_eq!(result, expected, "{permitted:?} {excluded:?}");
            }
        }
    }

    #[test]
    fn longer_names_are_below_and_shorter_ones_are_not() {
        let rdn = |value: &str| tlv(0x31, &[&attribute(&[0x55, 4, 3], 0x0C, value.as_bytes())]);
        let two = tlv(0x30, &[&rdn("Leaf"), &rdn("1")]);
        let permitted = directory_subtrees(&["Leaf"], &[]);
        assert_eq!(under(&permitted, TRUE, &leaf(two.clone())), Ok(()));
        let excluded = directory_subtrees(&[], &["Leaf"]);
        assert_eq!(under(&excluded, TRUE, &leaf(two.clone())), broken(2));
        let long = tlv(0x30, &[&tlv(0xA0, &[&tlv(0x30, &[&tlv(0xA4, &[&two])])])]);
        assert_eq!(under(&long, TRUE, &Template::leaf("CA 1")), broken(2));
    }

    /// What is excluded cannot be had by spelling it in another way.
    #[test]
    fn exclusion_is_not_evaded() {
        let excluded = directory_subtrees(&[], &["Leaf Maker"]);
        let common_name = [0x55, 4, 3];
        let spelled = |rdn: &[Vec<u8>]| {
            under(&excluded, TRUE, &leaf(tlv(0x30, &[&tlv(0x31, &[&rdn.concat()])])))
        };
        for (tag, value) in [
            (0x0C, &b"LEAF MAKER"[..]),
            (0x13, b"Leaf Maker"),
            (0x16, b"leaf  maker "),
            (0x1E, b"\0L\0e\0a\0f"), // BMPString
            (0x0C, "L\u{0435}af".as_bytes()),
        ] {
            assert_eq!(spelled(&[attribute(&common_name, tag, value)]), broken(2), "{value:02x?}");
        }
        let more =
            [attribute(&common_name, 0x0C, b"Leaf Maker"), attribute(&[0x55, 4, 5], 0x13, b"1")];
        assert_eq!(spelled(&more), broken(2));
        assert_eq!(spelled(&[attribute(&common_name, 0x0C, b"Leaf")]), Ok(()));
    }

    #[test]
    fn names_of_other_kinds_are_refused_where_they_are_constrained() {
        let subtree = |base: &[u8]| tlv(0x30, &[&tlv(0xA0, &[&tlv(0x30, &[base])])]);
        let dmtf_name = other_name(&dmtf(1), 0x0C, "ACME:WIDGET:1");
        let directory = tlv(0xA4, &[&name("Leaf")]);
        let mail = attribute(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1], 0x16, b"a@b");
        let mail = leaf(tlv(0x30, &[&tlv(0x31, &[&mail])]));
        for (base, name) in [
            (tlv(0x82, &[b"example.com"]), tlv(0x82, &[b"example.com"])),
            (tlv(0x81, &[b"b"]), tlv(0x81, &[b"a@b"])),
            (tlv(0x86, &[b"b"]), tlv(0x86, &[b"http://b"])),
            (tlv(0x87, &[&[10, 0, 0, 0, 255, 0, 0, 0]]), tlv(0x87, &[&[10, 0, 0, 1]])),
            (dmtf_name.clone(), dmtf_name.clone()),
        ] {
            let constraints = subtree(&base);
            assert_eq!(under(&constraints, TRUE, &with_names(&[name])), broken(2), "{base:02x?}");
            // They do not concern names of another kind.
            assert_eq!(
                under(&constraints, TRUE, &with_names(core::slice::from_ref(&directory))),
                Ok(())
            );
        }
        assert_eq!(under(&subtree(&tlv(0x81, &[b"b"])), TRUE, &mail), broken(2));
        assert_eq!(under(&subtree(&tlv(0x82, &[b"b"])), TRUE, &mail), Ok(()));
        // A directory name among the other names is held to the same constraints as the subject.
        let constraints = directory_subtrees(&["Leaf"], &[]);
        assert_eq!(under(&constraints, TRUE, &with_names(&[directory])), Ok(()));
        for other in [tlv(0xA4, &[&name("Other")]), tlv(0xA4, &[&[5, 0]])] {
            assert_eq!(under(&constraints, TRUE, &with_names(&[other])), broken(2));
        }
    }

    #[test]
    fn they_bind_all_the_way_down() {
        let mut sent = certificates(2);
        let mut ca = Template::authority("Root", "CA 1");
        let constrain = |permitted: &[&str]| {
            extension(NAME_CONSTRAINTS, TRUE, &directory_subtrees(permitted, &[]))
        };
        ca.extensions.push(constrain(&["CA 2"]));
        sent[1] = ca.signed_by("Root");
        assert_eq!(validate(&sent), broken(3));
        ca.extensions.pop();
        ca.extensions.push(constrain(&["Leaf"]));
        sent[1] = ca.signed_by("Root");
        assert_eq!(validate(&sent), broken(2));
        ca.extensions.pop();
        ca.extensions.push(constrain(&["CA 2", "Leaf"]));
        sent[1] = ca.signed_by("Root");
        assert_eq!(validate(&sent), Ok(()));
        // A self-issued authority is exempt (RFC 5280 §6.1.3), what it issues is not.
        let mut again = Template::authority("CA 1", "CA 1");
        again.extensions.push(constrain(&["Leaf"]));
        ca.extensions.pop();
        ca.extensions.push(constrain(&["Leaf"]));
        let root = sent[0].clone();
        let [ca, again] = [ca.signed_by("Root"), again.signed_by("CA 1")];
        let leaf = Template::leaf("CA 1");
        let sent = [root.clone(), ca.clone(), again.clone(), leaf.signed_by("CA 1")];
        assert_eq!(validate(&sent), Ok(()));
        let leaf = Template { subject: name("Other"), ..leaf };
        assert_eq!(validate(&[root, ca, again, leaf.signed_by("CA 1")]), broken(3));
    }

    /// RFC 5280 §6.1.3 exempts self-issued certificates, but not the last one.
    #[test]
    fn a_self_issued_leaf_is_not_exempt() {
        let excluding = |name| directory_subtrees(&[], &[name]);
        let own = leaf(name("CA 1"));
        assert_eq!(under(&excluding("Other"), TRUE, &own), Ok(()));
        assert_eq!(under(&excluding("CA 1"), TRUE, &own), broken(2));
    }

    #[test]
    fn malformed_ones_are_refused() {
        let directory = tlv(0xA4, &[&name("Leaf")]);
        let subtrees = |subtree: &[u8]| tlv(0x30, &[&tlv(0xA0, &[subtree])]);
        for value in [
            tlv(0x30, &[]),
            tlv(0x30, &[&tlv(0xA0, &[])]),
            tlv(0x30, &[&tlv(0xA2, &[&tlv(0x30, &[&directory])])]),
            subtrees(&directory),
            subtrees(&tlv(0x30, &[])),
            subtrees(&tlv(0x30, &[&directory, &tlv(0x80, &[&[1]])])), // minimum
            subtrees(&tlv(0x30, &[&directory, &tlv(0x81, &[&[1]])])), // maximum
            subtrees(&tlv(0x30, &[&tlv(0xA4, &[])])),
            subtrees(&tlv(0x30, &[&tlv(0xA4, &[&name("Leaf"), &name("Leaf")])])),
            subtrees(&tlv(0x30, &[&tlv(0x89, &[])])),
        ] {
            let result = under(&value, TRUE, &Template::leaf("CA 1"));
            let rule = result.map_err(|error| (error.certificate, error.rule, error.field));
            let expected = (Some(1), Rule::NameConstraintsSyntax, "nameConstraints");
            assert_eq!(rule, Err(expected), "{value:02x?}");
        }
    }

    /// No authority in between tells that they were not evaluated.
    #[test]
    fn too_many_of_an_anchor_that_issues_the_leaf_itself() {
        let leaf = Template::leaf("Root").signed_by("Root");
        for (count, expected) in [(MAX_LEN, Ok(())), (MAX_LEN + 1, Err(()))] {
            let mut root = Template::authority("Root", "Root");
            let constraints = directory_subtrees(&[], &vec!["Other"; count]);
            root.extensions.push(extension(NAME_CONSTRAINTS, TRUE, &constraints));
            let error = ChainError::new(Check::Certificates, Rule::TooManyNameConstraints);
            let expected = expected.map_err(|()| error.in_certificate(1));
            assert_eq!(validate(&[root.signed_by("Root"), leaf.clone()]), expected);
        }
    }

    #[test]
    fn a_long_name_counts_as_many_attributes() {
        let leaf = Template::leaf("CA 1");
        let long = |len: usize| directory_subtrees(&[], &["x".repeat(len).as_str()]);
        assert_eq!(under(&long(MAX_LEN * ATTRIBUTE_LEN / 2), TRUE, &leaf), Ok(()));
        let error = ChainError::new(Check::Certificates, Rule::TooManyNameConstraints);
        let expected = Err(error.in_certificate(1));
        assert_eq!(under(&long(MAX_LEN * ATTRIBUTE_LEN), TRUE, &leaf), expected);
    }

    #[test]
    fn their_number_is_bounded() {
        let too_many = |index| {
            let error = ChainError::new(Check::Certificates, Rule::TooManyNameConstraints);
            Err(error.in_certificate(index))
        };
        let leaf = Template::leaf("CA 1");
        let mut names = vec!["Other"; MAX_LEN - 1];
        names.push("Leaf");
        assert_eq!(under(&directory_subtrees(&names, &[]), TRUE, &leaf), Ok(()));
        names.push("Leaf");
        assert_eq!(under(&directory_subtrees(&names, &[]), TRUE, &leaf), too_many(1));
        // Many attributes in one name are many comparisons, too.
        let rdn = tlv(0x31, &[&attribute(&[0x55, 4, 3], 0x0C, b"Leaf").repeat(MAX_LEN + 1)]);
        let base = tlv(0xA4, &[&tlv(0x30, &[&rdn])]);
        let constraints = tlv(0x30, &[&tlv(0xA1, &[&tlv(0x30, &[&base])])]);
        assert_eq!(under(&constraints, TRUE, &leaf), too_many(1));

        let mut sent = certificates(MAX_CONSTRAINED + 1);
        for (number, der) in sent.iter_mut().enumerate().skip(1).take(MAX_CONSTRAINED + 1) {
            let issuer = match number {
                1 => "Root".into(),
                _ => std::format!("CA {}", number - 1),
            };
            let mut ca = Template::authority(&issuer, &std::format!("CA {number}"));
            let constraints = directory_subtrees(&[], &["Other"]);
            ca.extensions.push(extension(NAME_CONSTRAINTS, TRUE, &constraints));
            *der = ca.signed_by(&issuer);
        }
        assert_eq!(validate(&sent), too_many(u16::try_from(MAX_CONSTRAINED + 1).unwrap()));
    }
}
