//! subjectAltName and the otherNames in it.

use der::Tag;

use crate::error::{Fault, Rule};
use crate::oid::Oid;
use crate::text::Text;
use crate::tlv::{Element, Fields, explicit};

/// The extension subjectAltName (RFC 5280 §4.2.1.6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectAltName<'a>(Fields<'a>);

impl<'a> SubjectAltName<'a> {
    pub(crate) fn parse(names: &Element<'a>) -> Result<Self, Fault> {
        let mut fields = names.fields();
        if fields.is_empty() {
            return Err(Fault::new(Rule::SanSyntax, names.at));
        }
        while let Some(name) = fields.next()? {
            let well_formed = match name.tag {
                OTHER_NAME => OtherName::parse(&name).is_some(),
                tag => is_general_name(tag),
            };
            if !well_formed {
                return Err(Fault::new(Rule::SanSyntax, name.at));
            }
        }
        Ok(Self(names.fields()))
    }

    pub(crate) fn other_names(self) -> impl Iterator<Item = OtherName<'a>> {
        let mut fields = self.0;
        let names = core::iter::from_fn(move || fields.next().ok().flatten());
        names.filter(|name| name.tag == OTHER_NAME).filter_map(|name| OtherName::parse(&name))
    }
}

const OTHER_NAME: Tag = explicit(0);

/// The other choices of GeneralName: x400Address, directoryName and ediPartyName are constructed.
fn is_general_name(tag: Tag) -> bool {
    match tag {
        Tag::ContextSpecific { constructed, number } => match number.value() {
            3..=5 => constructed,
            1 | 2 | 6..=8 => !constructed,
            _ => false,
        },
        _ => false,
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
    fn parse(name: &Element<'a>) -> Option<Self> {
        let mut fields = name.fields();
        let kind = fields.next().ok()??.oid()?;
        let mut tagged = fields.optional(explicit(0)).ok()??.fields();
        let value = tagged.next().ok()??;
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
        (self.value.tag == Tag::Utf8String).then_some(Text(self.value.content))
    }
}
