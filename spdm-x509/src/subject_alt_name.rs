//! subjectAltName and the otherNames in it.

use core::fmt;

use crate::error::Fault;
use crate::name::Name;
use crate::oid::Oid;
use crate::rule::Rule;
use crate::text::Text;
use crate::tlv::{Element, Fields, Tag, explicit};

/// The extension subjectAltName (RFC 5280 §4.2.1.6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectAltName<'a>(Fields<'a>);

impl<'a> SubjectAltName<'a> {
    pub(crate) fn parse(names: Element<'a>) -> Result<Self, Fault> {
        let mut fields = names.fields();
        if fields.is_empty() {
            return Err(names.fault(Rule::SanSyntax));
        }
        while let Some(name) = fields.element() {
            if !is_general_name(name) {
                return Err(name.fault(Rule::SanSyntax));
            }
        }
        fields.finish(Rule::SanSyntax)?;
        Ok(Self(names.fields()))
    }

    pub(crate) fn general_names(self) -> impl Iterator<Item = GeneralName<'a>> {
        self.0.into_iter().map(GeneralName)
    }

    pub(crate) fn other_names(self) -> impl Iterator<Item = OtherName<'a>> {
        let names = self.0.into_iter();
        names.filter(|name| name.tag() == OTHER_NAME).filter_map(OtherName::parse)
    }
}

const OTHER_NAME: Tag = explicit(0);

/// Whether this is one of the choices of GeneralName; x400Address, directoryName and ediPartyName are
/// constructed.
pub(crate) fn is_general_name(name: Element<'_>) -> bool {
    let constructed = name.tag().is_constructed();
    match name.tag().context_number() {
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
        let number = self.0.tag().context_number().ok_or(fmt::Error)?;
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
            1 | 2 | 6 => Some(Text(self.0.content())),
            _ => None,
        };
        let directory = || self.0.fields().element().and_then(|n| Name::parse(n).ok());
        match (self.other_name(), text, directory().filter(|_| kind == "DirName")) {
            (Some(other), ..) if other.text().is_some() => {
                let text = other.text().unwrap_or(Text(&[]));
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
        let mut fields = name.fields();
        let kind = fields.element()?.oid()?;
        let mut tagged = fields.optional(explicit(0))?.fields();
        let value = tagged.element()?;
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
        (self.value.tag() == Tag::UTF8_STRING).then_some(Text(self.value.content()))
    }
}
