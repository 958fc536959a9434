//! What reference values are about.

use minicbor::data::Type;

use crate::cbor::{Item, Label, Reader, Result};
use crate::dialect::Form;
use crate::error::{ReadError, Rule};

/// An identifier with its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Identifier<'a> {
    /// An object identifier, as the content of its DER (tag 111).
    Oid(&'a [u8]),
    /// A UUID (tag 37).
    Uuid(&'a [u8]),
    /// Bytes (tag 560).
    Bytes(&'a [u8]),
    /// A UEID (tag 550).
    Ueid(&'a [u8]),
    /// Text, as the DMTF sample tool writes it.
    Text(&'a str),
    /// Of another tag, as it is encoded: equal where the encoding is.
    Other(&'a [u8]),
}

impl<'a> Identifier<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, field: &'static str, form: Form) -> Result<Self> {
        let item = reader.item(field)?;
        let mut inner = item.reader();
        if form == Form::Sample && inner.peek(field)? == Type::String {
            return inner.text(field).map(Self::Text);
        }
        let tag = inner.tag(field)?;
        let at = inner.at();
        Ok(match tag {
            37 => match inner.bytes(field)? {
                uuid if uuid.len() == 16 => Self::Uuid(uuid),
                _ => return Err(ReadError::new(Rule::Length, field, at)),
            },
            111 => Self::Oid(inner.bytes(field)?),
            550 => Self::Ueid(inner.bytes(field)?),
            560 => Self::Bytes(inner.bytes(field)?),
            _ => Self::Other(item.bytes()),
        })
    }
}

/// `environment-map`: which device, or which part of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Environment<'a> {
    /// `class-id`.
    pub class_id: Option<Identifier<'a>>,
    /// `vendor`.
    pub vendor: Option<&'a str>,
    /// `model`.
    pub model: Option<&'a str>,
    /// `layer`.
    pub layer: Option<u64>,
    /// `index` of the class; no SPDM measurement index.
    pub index: Option<u64>,
    /// `instance`.
    pub instance: Option<Identifier<'a>>,
    /// `group`.
    pub group: Option<Identifier<'a>>,
    /// An attribute that this crate does not know: then it is about nothing.
    pub unknown: Option<Label<'a>>,
}

impl<'a> Environment<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self> {
        let at = reader.at();
        let mut read = Self::default();
        let entries = reader.map("environment-map", |reader, label| {
            match label {
                Label::Number(0) => read.read_class(reader, form)?,
                Label::Number(1) => {
                    read.instance = Some(Identifier::read(reader, "instance", Form::Standard)?);
                }
                Label::Number(2) => {
                    read.group = Some(Identifier::read(reader, "group", Form::Standard)?);
                }
                _ => {
                    read.unknown = Some(label);
                    reader.skip("environment-map")?;
                }
            }
            Ok(())
        })?;
        if entries == 0 {
            return Err(ReadError::new(Rule::Empty, "environment-map", at));
        }
        Ok(read)
    }

    fn read_class(&mut self, reader: &mut Reader<'a>, form: Form) -> Result<()> {
        let at = reader.at();
        let entries = reader.map("class-map", |reader, label| {
            match label {
                Label::Number(0) => {
                    self.class_id = Some(Identifier::read(reader, "class-id", form)?);
                }
                Label::Number(1) => self.vendor = Some(reader.text("vendor")?),
                Label::Number(2) => self.model = Some(reader.text("model")?),
                Label::Number(3) => self.layer = Some(reader.uint("layer")?),
                Label::Number(4) => self.index = Some(reader.uint("index")?),
                _ => {
                    self.unknown = Some(label);
                    reader.skip("class-map")?;
                }
            }
            Ok(())
        })?;
        if entries == 0 { Err(ReadError::new(Rule::Empty, "class-map", at)) } else { Ok(()) }
    }

    /// Whether reference values for this environment are about `device`: every attribute is there and equal. What `device`
    /// has beyond that is ignored.
    #[must_use]
    pub fn covers(&self, device: &Self) -> bool {
        fn has<T: PartialEq>(wanted: &Option<T>, got: &Option<T>) -> bool {
            wanted.is_none() || wanted == got
        }
        self.unknown.is_none()
            && has(&self.class_id, &device.class_id)
            && has(&self.vendor, &device.vendor)
            && has(&self.model, &device.model)
            && has(&self.layer, &device.layer)
            && has(&self.index, &device.index)
            && has(&self.instance, &device.instance)
            && has(&self.group, &device.group)
    }
}

/// `mkey`: which part of an environment a measurement is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ElementId<'a> {
    /// An SPDM measurement index.
    Index(u64),
    /// Text.
    Name(&'a str),
    /// An object identifier, a UUID or another tagged key.
    Tagged(Identifier<'a>),
    /// None, which equals none only.
    Absent,
}

impl<'a> ElementId<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        match reader.peek("mkey")? {
            Type::String => reader.text("mkey").map(Self::Name),
            Type::Tag => Identifier::read(reader, "mkey", Form::Standard).map(Self::Tagged),
            _ => reader.uint("mkey").map(Self::Index),
        }
    }
}

/// An environment that cannot be read is about nothing.
pub(crate) fn unreadable() -> Environment<'static> {
    Environment { unknown: Some(Label::Number(i64::MIN)), ..Environment::default() }
}

/// Reads the environment of a triple that was read before.
pub(crate) fn again(item: Item<'_>, form: Form) -> Environment<'_> {
    Environment::read(&mut item.reader(), form).unwrap_or_else(|_| unreadable())
}
