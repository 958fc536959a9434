//! DER elements, borrowed; and the check that everything passes before its meaning is read.
//!
//! There are two kinds of each type: [`RawElement`] and [`RawElements`] over bytes that nobody has checked, where
//! every step can fail, and [`Element`], [`Elements`] and [`Checked`] over bytes that passed [`Checked::new`], where
//! only a missing or superfluous element is an error.

use der::asn1::{AnyRef, BitStringRef, IntRef, Null, UintRef};
use der::{Decode, DecodeValue, FixedTag, Header, Reader, SliceReader};

use crate::defect::Defect;
use crate::oid::Oid;
use crate::rule::Rule;

/// The identifier octet of a tag that `der` has decoded. `der::Tag` takes eight bytes and two comparisons where this
/// takes one. Numbers from 31 on, which nothing here has, are all the same.
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

/// A tag, length and value whose header was read; what is inside was not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawElement<'a> {
    encoded: &'a [u8],
    content: &'a [u8],
}

impl<'a> RawElement<'a> {
    const NONE: Self = Self { encoded: &[], content: &[] };

    /// Splits the first element off `bytes`.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Defect> {
        Self::read(bytes).ok_or_else(|| Defect::new(Rule::Der, bytes))
    }

    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = SliceReader::new(bytes).ok()?;
        let header = Header::decode(&mut reader).ok()?;
        let content = reader.read_slice(header.length()).ok()?;
        let (encoded, rest) = bytes.split_at_checked(usize::try_from(reader.position()).ok()?)?;
        Some((Self { encoded, content }, rest))
    }

    /// The same of bytes that were checked before, where tag and length have one octet each, as nearly all have.
    /// Nothing is left for `der` to find out then.
    fn read_short(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        match bytes {
            [tag, len @ ..=0x7F, behind @ ..] if tag & 0x1F != 0x1F => {
                let len = usize::from(*len);
                let content = behind.get(..len)?;
                let (encoded, rest) = bytes.split_at_checked(2 + len)?;
                Some((Self { encoded, content }, rest))
            }
            _ => None,
        }
    }

    pub(crate) fn tag(self) -> Tag {
        Tag(self.encoded.first().copied().unwrap_or_default())
    }

    /// Tag, length and content.
    pub(crate) const fn encoded(self) -> &'a [u8] {
        self.encoded
    }

    /// What is behind tag and length, as elements.
    pub(crate) const fn inside(self) -> RawElements<'a> {
        RawElements(self.content)
    }

    fn defect(self, rule: Rule) -> Defect {
        Defect::new(rule, self.encoded)
    }

    /// Whether a primitive value has the one form that DER gives it.
    fn is_canonical(self) -> bool {
        let content = self.content;
        match self.tag() {
            Tag::BOOLEAN => decode::<bool>(content).is_some(),
            // An ENUMERATED is an INTEGER but for its tag.
            Tag::INTEGER | Tag::ENUMERATED => is_canonical_integer(content),
            Tag::BIT_STRING => decode(content).is_some_and(is_padded_with_zeros),
            Tag::NULL => decode::<Null>(content).is_some(),
            Tag::OBJECT_IDENTIFIER => Oid::from_content(content).is_some(),
            _ => true,
        }
    }
}

/// What `der` makes of the content of a value of this type.
fn decode<'a, T: FixedTag + DecodeValue<'a> + 'a>(content: &'a [u8]) -> Option<T> {
    AnyRef::new(T::TAG, content).ok()?.decode_as().ok()
}

/// `der` has a type for non-negative numbers, and one for negative numbers that takes padded positive ones, too.
fn is_canonical_integer(content: &[u8]) -> bool {
    match content {
        [0x80..=0xFF, ..] => decode::<IntRef<'_>>(content).is_some(),
        _ => decode::<UintRef<'_>>(content).is_some(),
    }
}

/// X.690 §11.2.1: unused bits are zero, which `der` leaves to its caller.
fn is_padded_with_zeros(bits: BitStringRef<'_>) -> bool {
    let unused = u32::from(bits.unused_bits());
    bits.raw_bytes().last().is_none_or(|last| last.trailing_zeros() >= unused)
}

/// The elements of bytes that nobody has checked, one after the other: those that were not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawElements<'a>(&'a [u8]);

impl<'a> RawElements<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The first `N` elements.
    pub(crate) fn take<const N: usize>(mut self) -> Result<[RawElement<'a>; N], Defect> {
        let mut elements = [RawElement::NONE; N];
        for element in &mut elements {
            (*element, self.0) = RawElement::split(self.0)?;
        }
        Ok(elements)
    }

    /// The bytes that were not read yet.
    pub(crate) const fn remaining(self) -> &'a [u8] {
        self.0
    }

    /// Reads the next element; `None` behind the last.
    pub(crate) fn read(&mut self) -> Result<Option<RawElement<'a>>, Defect> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (element, rest) = RawElement::split(self.0)?;
        self.0 = rest;
        Ok(Some(element))
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

    fn spend(&mut self, element: RawElement<'_>) -> Result<(), Defect> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| element.defect(Rule::TooManyElements))?;
        Ok(())
    }
}

/// The deepest nesting that is accepted. A certificate needs nine.
const MAX_NESTING: usize = 16;

/// A series of DER elements, all the way down: minimal definite lengths, children that fill their parents,
/// primitive strings, canonical BOOLEAN, INTEGER, BIT STRING, NULL and OBJECT IDENTIFIER.
///
/// Only [`Self::new`] and [`Self::within`] make one, or [`Element::inside`] out of another: whoever has one need not
/// ask whether an element in it can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'a>(&'a [u8]);

impl<'a> Checked<'a> {
    /// No element.
    pub(crate) const EMPTY: Self = Self(&[]);

    /// Checks `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Defect> {
        Self::within(&mut Budget::new(), bytes)
    }

    /// Checks `bytes`, which must be one element with this tag, else `rule` is broken; no byte at all is no DER.
    pub(crate) fn one(bytes: &'a [u8], tag: Tag, rule: Rule) -> Result<Element<'a>, Defect> {
        match Self::new(bytes)? {
            Self([]) => Err(Defect::new(Rule::Der, bytes)),
            checked => checked.only(tag, rule),
        }
    }

    /// Checks `bytes` at the expense of `budget`. Every header is read once; the nesting is kept in an array, there is
    /// no recursion.
    pub(crate) fn within(budget: &mut Budget, bytes: &'a [u8]) -> Result<Self, Defect> {
        let mut parents = [RawElements(&[]); MAX_NESTING];
        let mut depth = 0;
        let mut elements = RawElements(bytes);
        loop {
            if let Some(element) = elements.read()? {
                budget.spend(element)?;
                if element.tag().is_constructed() {
                    let place = parents.get_mut(depth);
                    *place.ok_or_else(|| element.defect(Rule::Nesting))? = elements;
                    depth += 1;
                    elements = element.inside();
                } else if !element.is_canonical() {
                    return Err(element.defect(Rule::Der));
                }
            } else {
                let Some(parent) = depth.checked_sub(1).and_then(|up| parents.get(up)) else {
                    return Ok(Self(bytes));
                };
                elements = *parent;
                depth -= 1;
            }
        }
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The elements, from the first on.
    pub(crate) const fn elements(self) -> Elements<'a> {
        Elements(self.0)
    }

    /// The one element that this is, which must have this tag; else `rule` is broken.
    pub(crate) fn only(self, tag: Tag, rule: Rule) -> Result<Element<'a>, Defect> {
        let mut elements = self.elements();
        let element = elements.required(tag, rule)?;
        elements.finish(rule)?;
        Ok(element)
    }
}

/// Iterates over [`Checked`].
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element where it has this tag.
    pub(crate) fn optional(&mut self, tag: Tag) -> Option<Element<'a>> {
        let mut behind = self.clone();
        let element = behind.next().filter(|element| element.tag() == tag)?;
        *self = behind;
        Some(element)
    }

    /// The next element, which must have this tag; else `rule` is broken.
    pub(crate) fn required(&mut self, tag: Tag, rule: Rule) -> Result<Element<'a>, Defect> {
        self.optional(tag).ok_or_else(|| self.defect(rule))
    }

    /// Nothing may be left; else `rule` is broken.
    pub(crate) fn finish(self, rule: Rule) -> Result<(), Defect> {
        if self.0.is_empty() { Ok(()) } else { Err(self.defect(rule)) }
    }

    /// `rule` is broken at the next element.
    pub(crate) fn defect(&self, rule: Rule) -> Defect {
        Defect::new(rule, self.0)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    /// Every element can be read, for [`Checked::within`] read it. If one could not, all that is left would come out
    /// as one element without content: a loop cannot end before the bytes do.
    fn next(&mut self) -> Option<Element<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let unreadable = RawElement { encoded: self.0, content: &[] };
        let element = RawElement::read_short(self.0).or_else(|| RawElement::read(self.0));
        let (element, rest) = element.unwrap_or((unreadable, &[]));
        self.0 = rest;
        Some(Element(element))
    }
}

/// One tag, length and value of [`Checked`] bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a>(RawElement<'a>);

impl<'a> Element<'a> {
    pub(crate) fn tag(self) -> Tag {
        self.0.tag()
    }

    /// Tag, length and content.
    pub(crate) const fn encoded(self) -> &'a [u8] {
        self.0.encoded
    }

    pub(crate) const fn content(self) -> &'a [u8] {
        self.0.content
    }

    /// `rule` is broken here.
    pub(crate) fn defect(self, rule: Rule) -> Defect {
        self.0.defect(rule)
    }

    /// The elements inside: none where it is primitive.
    pub(crate) fn inside(self) -> Checked<'a> {
        let content = self.content();
        let len = if self.tag().is_constructed() { content.len() } else { 0 };
        Checked(content.get(..len).unwrap_or_default())
    }

    /// The object identifier that this is.
    pub(crate) fn oid(self) -> Option<Oid<'a>> {
        let is_oid = self.tag() == Tag::OBJECT_IDENTIFIER;
        is_oid.then(|| Oid::from_checked(self.content()))
    }

    /// The bytes of the BIT STRING that this is, where it consists of whole bytes.
    pub(crate) fn whole_bits(self) -> Option<&'a [u8]> {
        let bits = self.tag() == Tag::BIT_STRING;
        decode::<BitStringRef<'a>>(self.content()).filter(|_| bits)?.as_bytes()
    }

    /// The magnitude of the non-negative INTEGER that this is, without leading zeros; that of 0 is one zero.
    pub(crate) fn unsigned(self) -> Option<&'a [u8]> {
        let integer = self.tag() == Tag::INTEGER;
        decode::<UintRef<'a>>(self.content()).filter(|_| integer).map(|number| number.as_bytes())
    }
}

/// `[number]`, constructed.
pub(crate) const fn explicit(number: u8) -> Tag {
    Tag(0xA0 | number)
}

/// `[number]`, primitive.
pub(crate) const fn implicit(number: u8) -> Tag {
    Tag(0x80 | number)
}

#[cfg(test)]
mod tests {
    use super::{Budget, Checked, RawElement, Rule, Tag};
    use std::vec::Vec;

    fn strict(der: &[u8]) -> Result<(), (Rule, usize)> {
        Checked::new(der).map(drop).map_err(|defect| (defect.rule, defect.offset_in(der).unwrap()))
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
            let (element, rest) = RawElement::split(&more).unwrap();
            assert_eq!((element.encoded(), rest), (der, &[0x05, 0x00][..]));
            assert_eq!(element.tag(), Tag(tag));
            assert_eq!(element.inside().remaining(), &der[content_at..], "{der:02x?}");
        }
    }

    #[test]
    fn short_elements_are_those_of_der() {
        for (first, second) in (0..=0xFF).flat_map(|a| (0..=0xFF).map(move |b| (a, b))) {
            let mut bytes = std::vec![first, second];
            bytes.resize(0x90, 0x05);
            let Some((short, rest)) = RawElement::read_short(&bytes) else { continue };
            // What `der` refuses is not in checked bytes.
            let Some((element, behind)) = RawElement::read(&bytes) else { continue };
            assert_eq!(
                (short.encoded, short.content, rest),
                (element.encoded, element.content, behind)
            );
        }
        assert!(RawElement::read_short(&[0x04, 0x02, 0x00]).is_none());
        assert!(RawElement::read_short(&[0x04]).is_none());
    }

    #[test]
    fn every_integer_has_one_form() {
        let is_minimal = |content: &[u8]| match content {
            [] => false,
            [_] => true,
            [0x00, second, ..] => second & 0x80 != 0,
            [0xFF, second, ..] => second & 0x80 == 0,
            _ => true,
        };
        for number in 0..=u16::MAX {
            let [first, second] = number.to_be_bytes();
            let longest = [first, second, 0];
            for content in [&longest[..], &longest[..2], &longest[..1], &[]] {
                let is_canonical = super::is_canonical_integer(content);
                assert_eq!(is_canonical, is_minimal(content), "{content:02x?}");
            }
        }
    }

    #[test]
    fn a_series_does_not_end_at_what_cannot_be_read() {
        // `Checked` cannot be made of these; its iterator does not rely on that.
        let mut elements = Checked(&[0x05, 0x00, 0x30, 0x80, 0x00]).elements();
        assert_eq!(elements.next().map(|element| element.encoded()), Some(&[0x05, 0x00][..]));
        assert_eq!(elements.next().map(|element| element.encoded()), Some(&[0x30, 0x80, 0x00][..]));
        assert!(elements.next().is_none());
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
