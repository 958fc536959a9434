//! Elements of a DER encoding, borrowed, with their offsets; and the strictness check that everything
//! passes before its meaning is read.

use der::{Decode, Header, Reader, SliceReader};

use crate::error::Fault;
use crate::oid::Oid;
use crate::rule::Rule;

/// The identifier octet of a tag. `der` has read it before, and checked what goes with a tag; this tells tags
/// apart in one byte. Numbers from 31 on, which nothing here has, are all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tag(u8);

impl Tag {
    pub(crate) const BOOLEAN: Self = Self(0x01);
    pub(crate) const INTEGER: Self = Self(0x02);
    pub(crate) const BIT_STRING: Self = Self(0x03);
    pub(crate) const OCTET_STRING: Self = Self(0x04);
    pub(crate) const NULL: Self = Self(0x05);
    pub(crate) const OBJECT_IDENTIFIER: Self = Self(0x06);
    pub(crate) const ENUMERATED: Self = Self(0x0A);
    pub(crate) const UTF8_STRING: Self = Self(0x0C);
    pub(crate) const PRINTABLE_STRING: Self = Self(0x13);
    pub(crate) const TELETEX_STRING: Self = Self(0x14);
    pub(crate) const IA5_STRING: Self = Self(0x16);
    pub(crate) const UTC_TIME: Self = Self(0x17);
    pub(crate) const GENERALIZED_TIME: Self = Self(0x18);
    pub(crate) const SEQUENCE: Self = Self(0x30);
    pub(crate) const SET: Self = Self(0x31);

    pub(crate) const fn is_constructed(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// The number where the class is context-specific.
    pub(crate) const fn context_number(self) -> Option<u8> {
        if self.0 & 0xC0 == 0x80 { Some(self.0 & 0x1F) } else { None }
    }
}

/// One tag-length-value. Its bytes are all that it keeps: what they say is read where it is asked for, and
/// where they lie tells where a fault is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a>(&'a [u8]);

impl<'a> Element<'a> {
    /// Splits the first element off `bytes`.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        let len = encoded_len(bytes).ok();
        let split = len.and_then(|len| bytes.split_at_checked(len));
        split
            .map(|(encoded, rest)| (Self(encoded), rest))
            .ok_or_else(|| Fault::new(Rule::Der, bytes))
    }

    /// The one element that `bytes` are, which must have this tag; else `rule` is broken.
    pub(crate) fn only(bytes: &'a [u8], tag: Tag, rule: Rule) -> Result<Self, Fault> {
        let mut fields = Fields::new(bytes);
        let element = fields.take(tag, rule)?;
        fields.finish(rule)?;
        Ok(element)
    }

    /// The same of bytes that nobody has checked; none at all are no DER.
    pub(crate) fn only_strict(bytes: &'a [u8], tag: Tag, rule: Rule) -> Result<Self, Fault> {
        check_strict(bytes)?;
        let (element, rest) = Self::split(bytes)?;
        if element.tag() != tag {
            return Err(element.fault(rule));
        }
        Fields(rest).finish(rule)?;
        Ok(element)
    }

    pub(crate) fn tag(self) -> Tag {
        Tag(self.0.first().copied().unwrap_or_default())
    }

    /// Tag, length and content.
    pub(crate) const fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// What is behind the octets of tag and length, whose form was checked where this was split off.
    pub(crate) fn content(self) -> &'a [u8] {
        let tag_len = match self.0 {
            // The number follows, in octets of which only the last lacks the highest bit.
            [first, number @ ..] if first & 0x1F == 0x1F => {
                2 + number.iter().take_while(|octet| **octet & 0x80 != 0).count()
            }
            _ => 1,
        };
        let more = match self.0.get(tag_len) {
            Some(octets @ 0x80..) => usize::from(octets & 0x7F),
            _ => 0,
        };
        self.0.get(tag_len + 1 + more..).unwrap_or_default()
    }

    /// `rule` is broken here.
    pub(crate) fn fault(self, rule: Rule) -> Fault {
        Fault::new(rule, self.0)
    }

    /// The elements inside.
    pub(crate) fn fields(self) -> Fields<'a> {
        Fields(self.content())
    }

    /// The object identifier that this is.
    pub(crate) fn oid(self) -> Option<Oid<'a>> {
        if self.tag() == Tag::OBJECT_IDENTIFIER { Oid::from_content(self.content()) } else { None }
    }

    /// The bytes of the BIT STRING that this is, where it consists of whole bytes.
    pub(crate) fn whole_bits(self) -> Option<&'a [u8]> {
        match (self.tag(), self.content()) {
            (Tag::BIT_STRING, [0, bytes @ ..]) => Some(bytes),
            _ => None,
        }
    }

    /// The magnitude of the non-negative INTEGER that this is, without leading zeros.
    pub(crate) fn unsigned(self) -> Option<&'a [u8]> {
        match (self.tag(), self.content()) {
            (Tag::INTEGER, [0, magnitude @ ..]) => Some(magnitude),
            (Tag::INTEGER, content @ [0x01..=0x7F, ..]) => Some(content),
            _ => None,
        }
    }
}

/// How many bytes the first element takes.
fn encoded_len(bytes: &[u8]) -> der::Result<usize> {
    let mut reader = SliceReader::new(bytes)?;
    let content = Header::decode(&mut reader)?.length();
    usize::try_from((reader.position() + content)?)
}

/// `[number]`, constructed.
pub(crate) const fn explicit(number: u8) -> Tag {
    Tag(0xA0 | number)
}

/// `[number]`, primitive.
pub(crate) const fn implicit(number: u8) -> Tag {
    Tag(0x80 | number)
}

/// The elements of a constructed value, one after the other: those that were not read yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that were not read yet.
    pub(crate) const fn remaining(self) -> &'a [u8] {
        self.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Reads the next element, whatever it is, of an encoding that was not checked; `None` behind the last.
    pub(crate) fn read(&mut self) -> Result<Option<Element<'a>>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (element, rest) = Element::split(self.0)?;
        self.0 = rest;
        Ok(Some(element))
    }

    /// The next element of an encoding that was checked; `None` behind the last. Should one not be readable all
    /// the same, it is the end, and is left: [`Self::is_empty`] and [`Self::finish`] tell.
    pub(crate) fn element(&mut self) -> Option<Element<'a>> {
        self.read().ok().flatten()
    }

    /// The next element where it has this tag.
    pub(crate) fn optional(&mut self, tag: Tag) -> Option<Element<'a>> {
        if self.0.first() == Some(&tag.0) { self.element() } else { None }
    }

    /// The next element, which must have this tag; else `rule` is broken.
    pub(crate) fn take(&mut self, tag: Tag, rule: Rule) -> Result<Element<'a>, Fault> {
        self.optional(tag).ok_or_else(|| self.fault(rule))
    }

    /// Nothing may be left; else `rule` is broken.
    pub(crate) fn finish(self, rule: Rule) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(self.fault(rule)) }
    }

    /// `rule` is broken at the next element.
    pub(crate) fn fault(self, rule: Rule) -> Fault {
        Fault::new(rule, self.0)
    }
}

/// The elements up to the first that is none: all of them, where the encoding was checked.
impl<'a> IntoIterator for Fields<'a> {
    type Item = Element<'a>;
    type IntoIter = Elements<'a>;

    fn into_iter(self) -> Elements<'a> {
        Elements(self)
    }
}

/// Iterates over [`Fields`].
pub(crate) struct Elements<'a>(Fields<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        self.0.element()
    }
}

/// How many elements may be read: it bounds the time that certificates take, for their size alone does not.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    /// For one certificate, or for all certificates of a chain. Real ones have fewer than a hundred each.
    pub(crate) const MAX: usize = 0x2000;

    pub(crate) const fn new() -> Self {
        Self(Self::MAX)
    }

    fn spend(&mut self, element: Element<'_>) -> Result<(), Fault> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| element.fault(Rule::TooManyElements))?;
        Ok(())
    }
}

/// The deepest nesting that is accepted. A certificate needs nine.
const MAX_NESTING: usize = 16;

/// Checks that `bytes` is a series of DER elements, all the way down: minimal definite lengths, children
/// that fill their parents, primitive strings, canonical BOOLEAN, INTEGER, BIT STRING, NULL and OBJECT
/// IDENTIFIER. Every header is read once; the nesting is kept in an array, there is no recursion.
pub(crate) fn check_strict(bytes: &[u8]) -> Result<(), Fault> {
    check_strict_within(&mut Budget::new(), bytes)
}

/// The same, at the expense of `budget`.
pub(crate) fn check_strict_within(budget: &mut Budget, bytes: &[u8]) -> Result<(), Fault> {
    let mut parents = [Fields::new(&[]); MAX_NESTING];
    let mut depth = 0;
    let mut fields = Fields::new(bytes);
    loop {
        if let Some(element) = fields.read()? {
            budget.spend(element)?;
            if element.tag().is_constructed() {
                *parents.get_mut(depth).ok_or_else(|| element.fault(Rule::Nesting))? = fields;
                depth += 1;
                fields = element.fields();
            } else if !is_canonical(element) {
                return Err(element.fault(Rule::Der));
            }
        } else {
            let Some(parent) = depth.checked_sub(1).and_then(|up| parents.get(up)) else {
                return Ok(());
            };
            fields = *parent;
            depth -= 1;
        }
    }
}

fn is_canonical(element: Element<'_>) -> bool {
    match (element.tag(), element.content()) {
        (Tag::BOOLEAN, content) => matches!(content, [0x00 | 0xFF]),
        (Tag::INTEGER | Tag::ENUMERATED, content) => match content {
            [] => false,
            [_] => true,
            [0x00, second, ..] => second & 0x80 != 0,
            [0xFF, second, ..] => second & 0x80 == 0,
            _ => true,
        },
        (Tag::BIT_STRING, content) => match content {
            [] => false,
            [unused] => *unused == 0,
            [unused @ 0..=7, .., last] => last.trailing_zeros() >= u32::from(*unused),
            _ => false,
        },
        (Tag::NULL, content) => content.is_empty(),
        (Tag::OBJECT_IDENTIFIER, content) => Oid::from_content(content).is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Element, Rule, Tag, check_strict};
    use der::{Decode, Header, Reader, SliceReader};
    use std::vec::Vec;

    fn strict(der: &[u8]) -> Result<(), (Rule, usize)> {
        check_strict(der).map_err(|fault| (fault.rule, fault.offset_in(der)))
    }

    #[test]
    fn what_an_element_consists_of() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 0x80]].concat();
        let longer = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 0x100]].concat();
        let elements: [(&[u8], u8, usize); 7] = [
            (&[0x05, 0x00], 0x05, 2),
            (&[0x04, 0x02, 7, 7], 0x04, 2),
            (&[0x04, 0x01, 0x81], 0x04, 2),
            (&long, 0x04, 3),
            (&longer, 0x04, 4),
            (&[0x9F, 0x1F, 0x01, 7], 0x9F, 3),
            (&[0xBF, 0x81, 0x00, 0x02, 0x05, 0x00], 0xBF, 4),
        ];
        for (der, tag, content_at) in elements {
            let more = [der, &[0x05, 0x00]].concat();
            let (element, rest) = Element::split(&more).unwrap();
            assert_eq!((element.encoded(), rest), (der, &[0x05, 0x00][..]));
            assert_eq!(element.tag(), Tag(tag));
            assert_eq!(element.content(), &der[content_at..], "{der:02x?}");
        }
    }

    #[test]
    fn the_content_begins_where_der_says() {
        // What follows the first octet of a tag: more of its number, or a length.
        let headers: [&[u8]; 12] = [
            &[],
            &[0x00],
            &[0x7F],
            &[0x81, 0x80],
            &[0x82, 0x01, 0x00],
            &[0x83, 0x01, 0x00, 0x00],
            &[0x81, 0x7F],
            &[0x84, 0x00, 0x00, 0x00, 0x01],
            &[0x1F, 0x01],
            &[0x81, 0x00, 0x81, 0x80],
            &[0x81, 0x81, 0x00, 0x05],
            &[0x87, 0xFF, 0xFF, 0xFF, 0x7F, 0x00],
        ];
        let mut split = 0;
        for (first, second) in (0..=0xFF).flat_map(|a| (0..=0xFF).map(move |b| (a, b))) {
            for header in headers {
                let mut bytes = [&[first, second], header].concat();
                bytes.resize(0x180, 0x81);
                let expected = SliceReader::new(&bytes).and_then(|mut reader| {
                    let header = Header::decode(&mut reader)?;
                    reader.read_slice(header.length())
                });
                let content = Element::split(&bytes).map(|(element, _)| element.content());
                assert_eq!(content.ok(), expected.ok(), "{first:02x} {second:02x} {header:02x?}");
                split += usize::from(content.is_ok());
            }
        }
        assert!(split > 0x1_0000, "{split}");
    }

    #[test]
    fn canonical_forms_pass() {
        let good: [&[u8]; 9] = [
            &[],
            &[0x30, 0x00],
            &[0x01, 0x01, 0xFF],
            &[0x02, 0x02, 0x00, 0x80],
            &[0x02, 0x02, 0xFF, 0x7F],
            &[0x03, 0x02, 0x07, 0x80],
            &[0x03, 0x01, 0x00],
            &[0x05, 0x00],
            &[0x30, 0x05, 0x31, 0x00, 0x06, 0x01, 0x2A],
        ];
        for der in good {
            assert_eq!(strict(der), Ok(()), "{der:02x?}");
        }
    }

    #[test]
    fn other_forms_name_their_place() {
        let bad: [(&[u8], usize); 16] = [
            (&[0x30, 0x80, 0x00, 0x00], 0),             // indefinite
            (&[0x30, 0x81, 0x00], 0),                   // long form for a short length
            (&[0x30, 0x03, 0x02, 0x02, 0x01], 2),       // child longer than its parent
            (&[0x30, 0x02, 0x02, 0x01, 0x01], 2),       // parent shorter than its child
            (&[0x01, 0x01, 0x01], 0),                   // TRUE is FF
            (&[0x02, 0x00], 0),                         // INTEGER without content
            (&[0x02, 0x02, 0x00, 0x01], 0),             // leading zero
            (&[0x30, 0x04, 0x02, 0x02, 0xFF, 0x80], 2), // leading ones
            (&[0x03, 0x00], 0),                         // no count of unused bits
            (&[0x03, 0x01, 0x01], 0),                   // unused bits of nothing
            (&[0x03, 0x02, 0x08, 0x00], 0),             // more than seven
            (&[0x03, 0x02, 0x01, 0x01], 0),             // an unused bit that is set
            (&[0x05, 0x01, 0x00], 0),                   // NULL with content
            (&[0x06, 0x02, 0x2A, 0x80], 0),             // unfinished arc
            (&[0x24, 0x03, 0x04, 0x01, 0x00], 0),       // constructed string
            (&[0x10, 0x00], 0),                         // primitive SEQUENCE
        ];
        for (der, at) in bad {
            assert_eq!(strict(der), Err((Rule::Der, at)), "{der:02x?}");
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let most = [0x05, 0x00].repeat(Budget::MAX);
        assert_eq!(strict(&most), Ok(()));
        let one_more = [0x05, 0x00].repeat(Budget::MAX + 1);
        let at = 2 * Budget::MAX;
        assert_eq!(strict(&one_more), Err((Rule::TooManyElements, at)));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| {
            (0..depth).fold(Vec::new(), |inner, _| {
                let mut outer = std::vec![0x30, u8::try_from(inner.len()).unwrap()];
                outer.extend(inner);
                outer
            })
        };
        assert_eq!(strict(&nested(16)), Ok(()));
        assert_eq!(strict(&nested(17)), Err((Rule::Nesting, 32)));
    }
}
