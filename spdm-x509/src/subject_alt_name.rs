//! subjectAltName and the otherNames in it.

use core::fmt;

use crate::defect::Defect;
use crate::name::Name;
use crate::oid::Oid;
use crate::rule::Rule;
use crate::text::Text;
use crate::tlv::{Checked, Element, Tag, explicit};

/// The extension subjectAltName (RFC 5280 §4.2.1.6): general names only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectAltName<'a>(Checked<'a>);

impl<'a> SubjectAltName<'a> {
    pub(crate) fn parse(names: Element<'a>) -> Result<Self, Defect> {
        if names.inside().is_empty() {
            return Err(names.defect(Rule::SanSyntax));
        }
        for name in names.inside().elements() {
            if !is_general_name(name) {
                return Err(name.defect(Rule::SanSyntax));
            }
        }
        Ok(Self(names.inside()))
    }

    pub(crate) fn general_names(self) -> impl Iterator<Item = GeneralName<'a>> {
        self.0.elements().map(GeneralName)
    }

    /// Every one of them: `parse` refuses an otherName that cannot be read.
    pub(crate) fn other_names(self) -> impl Iterator<Item = OtherName<'a>> {
        self.general_names().filter_map(GeneralName::other_name)
    }
}

const OTHER_NAME: Tag = explicit(0);

/// Which choice of GeneralName this is.
pub(crate) fn context_number(name: Element<'_>) -> Option<u8> {
    name.tag().context_number()
}

/// Whether this is one of the choices of GeneralName; x400Address, directoryName and ediPartyName are
/// constructed.
pub(crate) fn is_general_name(name: Element<'_>) -> bool {
    let constructed = name.tag().is_constructed();
    match context_number(name) {
        Some(0) => name.tag() == OTHER_NAME && OtherName::parse(name).is_some(),
        Some(3..=5) => constructed,
        Some(1 | 2 | 6..=8) => !constructed,
        _ => false,
    }
}

/// One name of subjectAltName.
///
/// `Display` writes its kind and value: `DNS:host`, `DirName:CN=Device`, `1.3.6.1.4.1.412.274.1:ACME:WIDGET:1`;
/// what has no text in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct GeneralName<'a>(pub(crate) Element<'a>);

impl<'a> GeneralName<'a> {
    /// The otherName that it is.
    #[must_use]
    pub fn other_name(self) -> Option<OtherName<'a>> {
        OtherName::parse(self.0).filter(|_| self.0.tag() == OTHER_NAME)
    }
}

impl fmt::Display for GeneralName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = context_number(self.0).ok_or(fmt::Error)?;
        let kind = match number {
            0 => "otherName",
            1 => "email",
            2 => "DNS",
            3 => "x400Address",
            4 => "DirName",
            5 => "ediPartyName",
            6 => "URI",
            7 => "IP",
            _ => "registeredID",
        };
        let text = match number {
            1 | 2 | 6 => Some(Text::new(self.0.content())),
            _ => None,
        };
        let directory = || self.0.inside().elements().next().and_then(|n| Name::parse(n).ok());
        match (self.other_name(), text, directory().filter(|_| kind == "DirName")) {
            (Some(other), ..) if other.text().is_some() => {
                let text = other.text().unwrap_or(Text::new(&[]));
                write!(f, "{}:{text}", other.kind())
            }
            (_, Some(text), _) => write!(f, "{kind}:{text}"),
            (_, _, Some(name)) => write!(f, "{kind}:{name}"),
            (other, ..) => {
                match other {
                    Some(other) => write!(f, "{}:#", other.kind())?,
                    None => write!(f, "{kind}:#")?,
                }
                self.0.content().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// One otherName: a kind, and a value of a type that the kind decides.
#[derive(Clone, Copy, Debug)]
pub struct OtherName<'a> {
    kind: Oid<'a>,
    value: Element<'a>,
}

impl<'a> OtherName<'a> {
    /// `[0] IMPLICIT SEQUENCE { OBJECT IDENTIFIER, [0] EXPLICIT value }`.
    fn parse(name: Element<'a>) -> Option<Self> {
        let mut fields = name.inside().elements();
        let kind = fields.next()?.oid()?;
        let mut tagged = fields.optional(explicit(0))?.inside().elements();
        let value = tagged.next()?;
        (tagged.is_empty() && fields.is_empty()).then_some(Self { kind, value })
    }

    /// `type-id`, for example [`Oid::PCI_CMA`].
    #[must_use]
    pub const fn kind(self) -> Oid<'a> {
        self.kind
    }

    /// The value where it is a UTF8String (of whatever bytes: see [`Text::as_str`]).
    #[must_use]
    pub fn text(self) -> Option<Text<'a>> {
        (self.value.tag() == Tag::UTF8_STRING).then_some(Text::new(self.value.content()))
    }
}
