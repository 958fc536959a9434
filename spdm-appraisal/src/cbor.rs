//! CBOR with bounds: depth, keys that occur twice, trailing bytes, offsets in errors.
//!
//! What is read is borrowed. An [`Item`] is one whole item that was found well-formed; what is inside is read when it is
//! needed, so that a list takes no memory.

use minicbor::data::Type;
use minicbor::decode::Decoder;

use crate::error::{ReadError, Rule};

pub(crate) type Result<T> = core::result::Result<T, ReadError>;

/// How deep arrays, maps and tags may nest in one document.
const MAX_DEPTH: u8 = 16;

/// The name of an entry of a map.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "labels of CoRIM and COSE are of these two types")]
pub enum Label<'a> {
    /// An integer.
    Number(i64),
    /// Text.
    Name(&'a str),
}

/// Reads items one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    decoder: Decoder<'a>,
    /// Where the bytes are in the file.
    base: usize,
    depth: u8,
}

/// One well-formed item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Item<'a> {
    pub(crate) fn reader(self) -> Reader<'a> {
        Reader { decoder: Decoder::new(self.bytes), base: self.at, depth: self.depth }
    }

    /// The encoding.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Where it is in the file.
    pub(crate) const fn at(self) -> usize {
        self.at
    }

    /// What a byte string or tagged text is embedded in, read from its start.
    pub(crate) fn elements(self, field: &'static str) -> Result<Items<'a>> {
        self.reader().into_elements(field)
    }
}

impl<'a> Reader<'a> {
    /// A document of its own, which begins at `base` in the file.
    pub(crate) fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { decoder: Decoder::new(bytes), base, depth: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.base.saturating_add(self.decoder.position())
    }

    pub(crate) fn error(&self, rule: Rule, field: &'static str) -> ReadError {
        ReadError::new(rule, field, self.at())
    }

    fn is_at_end(&self) -> bool {
        self.decoder.position() >= self.decoder.input().len()
    }

    /// Nothing may follow.
    pub(crate) fn finish(&self, field: &'static str) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.error(Rule::Trailing, field)) }
    }

    pub(crate) fn peek(&self, field: &'static str) -> Result<Type> {
        if self.is_at_end() {
            return Err(self.error(Rule::Truncated, field));
        }
        self.decoder.datatype().map_err(|_| self.error(Rule::Malformed, field))
    }

    /// Reads with `read`, which takes items of this kind.
    fn scalar<T>(
        &mut self,
        field: &'static str,
        is_kind: fn(Type) -> bool,
        read: impl FnOnce(&mut Decoder<'a>) -> core::result::Result<T, minicbor::decode::Error>,
    ) -> Result<T> {
        let found = self.peek(field)?;
        if matches!(found, Type::BytesIndef | Type::StringIndef) {
            return Err(self.error(Rule::Chunked, field));
        }
        if !is_kind(found) {
            let rule = if matches!(found, Type::Unknown(_) | Type::Break) {
                Rule::Malformed
            } else {
                Rule::Type
            };
            return Err(self.error(rule, field));
        }
        let at = self.at();
        read(&mut self.decoder).map_err(|error| {
            let rule = if error.is_end_of_input() { Rule::Truncated } else { Rule::Malformed };
            ReadError::new(rule, field, at)
        })
    }

    pub(crate) fn uint(&mut self, field: &'static str) -> Result<u64> {
        self.scalar(field, is_unsigned, Decoder::u64)
    }

    /// An integer of 64 bits, which all that are compared here have.
    pub(crate) fn int(&mut self, field: &'static str) -> Result<i64> {
        let at = self.at();
        let number = self.scalar(field, is_integer, Decoder::int)?;
        i64::try_from(number).map_err(|_| ReadError::new(Rule::Range, field, at))
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool> {
        self.scalar(field, |found| found == Type::Bool, Decoder::bool)
    }

    pub(crate) fn null(&mut self, field: &'static str) -> Result<()> {
        self.scalar(field, |found| found == Type::Null, Decoder::null)
    }

    pub(crate) fn float(&mut self, field: &'static str) -> Result<f64> {
        match self.peek(field)? {
            Type::F32 => {
                self.scalar(field, |found| found == Type::F32, Decoder::f32).map(f64::from)
            }
            _ => self.scalar(field, |found| found == Type::F64, Decoder::f64),
        }
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8]> {
        self.scalar(field, |found| found == Type::Bytes, Decoder::bytes)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str> {
        self.scalar(field, |found| found == Type::String, Decoder::str)
    }

    /// A byte string that holds a document of its own.
    pub(crate) fn embedded(&mut self, field: &'static str) -> Result<Self> {
        let bytes = self.bytes(field)?;
        Ok(Self::new(bytes, self.at().saturating_sub(bytes.len())))
    }

    pub(crate) fn label(&mut self, field: &'static str) -> Result<Label<'a>> {
        match self.peek(field)? {
            Type::String => self.text(field).map(Label::Name),
            _ => self.int(field).map(Label::Number),
        }
    }

    /// The number of a tag; what it tags is next, one level deeper.
    pub(crate) fn tag(&mut self, field: &'static str) -> Result<u64> {
        let tag = self.scalar(field, |found| found == Type::Tag, Decoder::tag)?;
        self.descend(field)?;
        Ok(tag.as_u64())
    }

    /// This tag.
    pub(crate) fn expect_tag(&mut self, tag: u64, field: &'static str) -> Result<()> {
        let at = self.at();
        if self.tag(field)? == tag { Ok(()) } else { Err(ReadError::new(Rule::Tag, field, at)) }
    }

    fn descend(&mut self, field: &'static str) -> Result<()> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH { Err(self.error(Rule::Depth, field)) } else { Ok(()) }
    }

    /// Passes over one item, whatever is in it.
    pub(crate) fn skip(&mut self, field: &'static str) -> Result<()> {
        let depth = self.depth;
        match self.peek(field)? {
            Type::Array | Type::ArrayIndef => {
                self.array(field, |reader| reader.skip(field))?;
            }
            Type::Map | Type::MapIndef => {
                // Keys of what is not understood can be anything.
                self.container(field, true, |reader| {
                    reader.skip(field)?;
                    reader.skip(field)
                })?;
            }
            Type::Tag => {
                self.tag(field)?;
                self.skip(field)?;
            }
            Type::BytesIndef | Type::StringIndef => return Err(self.error(Rule::Chunked, field)),
            Type::Break | Type::Unknown(_) => return Err(self.error(Rule::Malformed, field)),
            _ => self.scalar(field, |_| true, Decoder::skip)?,
        }
        self.depth = depth;
        Ok(())
    }

    /// One item as a whole.
    pub(crate) fn item(&mut self, field: &'static str) -> Result<Item<'a>> {
        let (from, at) = (self.decoder.position(), self.at());
        self.skip(field)?;
        let bytes = self.decoder.input().get(from..self.decoder.position()).unwrap_or_default();
        Ok(Item { bytes, at, depth: self.depth })
    }

    /// Reads an array with `each`, and gives the number of its elements.
    pub(crate) fn array(
        &mut self,
        field: &'static str,
        each: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<u64> {
        self.container(field, false, each)
    }

    fn container(
        &mut self,
        field: &'static str,
        is_map: bool,
        mut each: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<u64> {
        let depth = self.depth;
        let len = self.enter(field, is_map)?;
        let mut count = 0_u64;
        while !self.leave(len, count, field)? {
            let inner = self.depth;
            each(self)?;
            self.depth = inner;
            count = count.saturating_add(1);
        }
        self.depth = depth;
        Ok(count)
    }

    /// The head of an array or a map; `None`: its end is marked.
    fn enter(&mut self, field: &'static str, is_map: bool) -> Result<Option<u64>> {
        let len = if is_map {
            self.scalar(field, |found| matches!(found, Type::Map | Type::MapIndef), Decoder::map)
        } else {
            let is_array = |found| matches!(found, Type::Array | Type::ArrayIndef);
            self.scalar(field, is_array, Decoder::array)
        }?;
        self.descend(field)?;
        Ok(len)
    }

    /// Goes into an array; its elements are next.
    pub(crate) fn enter_array(&mut self, field: &'static str) -> Result<()> {
        self.enter(field, false).map(drop)
    }

    /// Goes into a map; its first label is next.
    pub(crate) fn enter_map(&mut self, field: &'static str) -> Result<()> {
        self.enter(field, true).map(drop)
    }

    /// Whether there is no further element.
    fn leave(&mut self, len: Option<u64>, count: u64, field: &'static str) -> Result<bool> {
        match len {
            Some(len) => Ok(count >= len),
            None if self.peek(field)? == Type::Break => {
                let at = self.decoder.position();
                self.decoder.set_position(at.saturating_add(1));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Reads a map with `each`, which reads the value of the label, and gives the number of its entries. A label that
    /// occurs twice is refused.
    pub(crate) fn map(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(&mut Self, Label<'a>) -> Result<()>,
    ) -> Result<u64> {
        let mut seen = Labels::default();
        self.container(field, true, |reader| {
            let at = reader.at();
            let label = reader.label(field)?;
            seen.add(label).map_err(|rule| ReadError::new(rule, field, at))?;
            each(reader, label)
        })
    }

    /// Reads a map with names as keys with `each`, which reads the value, and gives the number of its entries. The caller
    /// looks for names that occur twice.
    pub(crate) fn named(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(&mut Self, &'a str) -> Result<()>,
    ) -> Result<u64> {
        self.container(field, true, |reader| {
            let name = reader.text(field)?;
            each(reader, name)
        })
    }

    /// The elements of an array, which are read one after the other.
    pub(crate) fn into_elements(mut self, field: &'static str) -> Result<Items<'a>> {
        let len = self.enter(field, false)?;
        Ok(Items { reader: self, len, count: 0, field, is_done: false })
    }
}

const fn is_unsigned(found: Type) -> bool {
    matches!(found, Type::U8 | Type::U16 | Type::U32 | Type::U64)
}

const fn is_integer(found: Type) -> bool {
    is_unsigned(found) || matches!(found, Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int)
}

/// The labels of a map so far. Equal labels can have different encodings.
#[derive(Default)]
struct Labels<'a> {
    /// A bit for each of 0 to 63.
    small: u64,
    others: [Option<Label<'a>>; 32],
}

impl<'a> Labels<'a> {
    fn add(&mut self, label: Label<'a>) -> core::result::Result<(), Rule> {
        if let Label::Number(number @ 0..64) = label {
            let bit = 1_u64 << number;
            let is_new = self.small & bit == 0;
            self.small |= bit;
            return if is_new { Ok(()) } else { Err(Rule::Duplicate) };
        }
        for place in &mut self.others {
            match place {
                None => {
                    *place = Some(label);
                    return Ok(());
                }
                Some(other) if *other == label => return Err(Rule::Duplicate),
                Some(_) => {}
            }
        }
        Err(Rule::TooManyKeys)
    }
}

/// The elements of an array. After an error there are none.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    reader: Reader<'a>,
    len: Option<u64>,
    count: u64,
    field: &'static str,
    is_done: bool,
}

impl<'a> Items<'a> {
    fn advance(&mut self) -> Result<Option<Item<'a>>> {
        if self.reader.leave(self.len, self.count, self.field)? {
            return Ok(None);
        }
        self.count = self.count.saturating_add(1);
        self.reader.item(self.field).map(Some)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.advance().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
