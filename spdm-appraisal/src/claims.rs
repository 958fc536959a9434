//! What is said of a measured element: `measurement-values-map`.

use minicbor::data::Type;
use spdm_codec::MeasurementType;

use crate::cbor::{Item, Label, Reader, Result};
use crate::dialect::Form;
use crate::digest::Digests;
use crate::error::{ReadError, Rule};
use crate::keys::KeyList;

/// Who says it: an expectation can say "at least", and evidence can point to blocks of the measurement record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaker {
    Reference,
    Evidence,
}

/// A version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Version<'a> {
    /// The version.
    pub text: &'a str,
    /// `version-scheme` of CoSWID.
    pub scheme: Option<Label<'a>>,
}

/// A security version number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "CoRIM has these two")]
pub enum Svn {
    /// This one: an integer, or tag 552.
    Exact(u64),
    /// This one or a higher one: tag 553.
    AtLeast(u64),
}

/// A value as it is, of which a mask can say what counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct RawValue<'a> {
    /// The value.
    pub value: &'a [u8],
    /// As long as the value; bits that are zero do not count.
    pub mask: Option<&'a [u8]>,
}

/// A range of integers; `None` has no end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct IntRange {
    /// The lowest.
    pub min: Option<i64>,
    /// The highest.
    pub max: Option<i64>,
}

/// `flags-map`: a bit for each of the keys 0 to 10.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Flags {
    /// Which flags there are.
    pub present: u16,
    /// Which of them are true.
    pub set: u16,
}

impl Flags {
    /// `is-debug`.
    pub const DEBUG: u16 = 1 << 3;
}

/// `integrity-registers`: digests by the number or name of a register.
#[derive(Clone, Copy, Debug)]
pub struct Registers<'a>(RegisterSource<'a>);

#[derive(Clone, Copy, Debug)]
enum RegisterSource<'a> {
    One(Label<'a>, Digests<'a>),
    Cbor(Item<'a>),
}

impl<'a> Registers<'a> {
    /// A single register.
    #[must_use]
    pub const fn one(id: Label<'a>, digests: Digests<'a>) -> Self {
        Self(RegisterSource::One(id, digests))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let item = reader.item("integrity-registers")?;
        let read =
            |reader: &mut Reader<'a>, _: Label<'a>| Digests::read(reader, Form::Standard).map(drop);
        if item.reader().map("integrity-registers", read)? == 0 {
            return Err(ReadError::new(Rule::Empty, "integrity-registers", item.at()));
        }
        Ok(Self(RegisterSource::Cbor(item)))
    }

    /// Tells `each` every register; whether it said yes to all of them.
    pub fn all(&self, mut each: impl FnMut(Label<'a>, Digests<'a>) -> bool) -> bool {
        match self.0 {
            RegisterSource::One(id, digests) => each(id, digests),
            RegisterSource::Cbor(item) => {
                let mut holds = true;
                let read = item.reader().map("integrity-registers", |reader, id| {
                    let digests = Digests::read(reader, Form::Standard)?;
                    holds = holds && each(id, digests);
                    Ok(())
                });
                holds && read.is_ok()
            }
        }
    }

    /// The digests of a register.
    #[must_use]
    pub fn get(&self, wanted: Label<'_>) -> Option<Digests<'a>> {
        let mut found = None;
        let read_all = self.all(|id, digests| {
            if id == wanted {
                found = Some(digests);
            }
            true
        });
        found.filter(|_| read_all)
    }
}

/// `spdm-indirect`: which blocks of the same signed record hold the values (TCG concise evidence).
#[derive(Clone, Copy, Debug)]
pub struct Indirect<'a>(Item<'a>);

impl<'a> Indirect<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let at = reader.at();
        let mut indices = None;
        reader.map("spdm-indirect", |reader, label| match label {
            Label::Number(0) => {
                let item = reader.item("spdm-indirect")?;
                let index = |reader: &mut Reader<'a>| match reader.uint("spdm-indirect")? {
                    1..=0xFE => Ok(()),
                    _ => Err(reader.error(Rule::Range, "spdm-indirect")),
                };
                if item.reader().array("spdm-indirect", index)? == 0 {
                    return Err(ReadError::new(Rule::Empty, "spdm-indirect", item.at()));
                }
                indices = Some(item);
                Ok(())
            }
            _ => reader.skip("spdm-indirect"),
        })?;
        indices.map(Self).ok_or_else(|| ReadError::new(Rule::Missing, "spdm-indirect", at))
    }

    /// The measurement indices, 1 to 0xFE.
    pub fn indices(&self) -> impl Iterator<Item = u8> + use<'a> {
        let items = self.0.elements("spdm-indirect").ok();
        items.into_iter().flatten().map_while(|item| {
            item.ok()?
                .reader()
                .uint("spdm-indirect")
                .ok()
                .and_then(|index| u8::try_from(index).ok())
        })
    }
}

/// What is measured, or should be: attributes of one element.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Claims<'a> {
    /// `version`.
    pub version: Option<Version<'a>>,
    /// `svn`.
    pub svn: Option<Svn>,
    /// `digests`.
    pub digests: Option<Digests<'a>>,
    /// `flags`.
    pub flags: Option<Flags>,
    /// `raw-value` with its mask.
    pub raw: Option<RawValue<'a>>,
    /// `mac-addr`.
    pub mac: Option<&'a [u8]>,
    /// `ip-addr`.
    pub ip: Option<&'a [u8]>,
    /// `serial-number`.
    pub serial: Option<&'a str>,
    /// `ueid`.
    pub ueid: Option<&'a [u8]>,
    /// `uuid`.
    pub uuid: Option<&'a [u8]>,
    /// `name`.
    pub name: Option<&'a str>,
    /// `spdm-indirect`; evidence only.
    pub indirect: Option<Indirect<'a>>,
    /// `cryptokeys`.
    pub keys: Option<KeyList<'a>>,
    /// `integrity-registers`.
    pub registers: Option<Registers<'a>>,
    /// `int-range`.
    pub int_range: Option<IntRange>,
    /// DMTFSpecMeasurementValueType of the measurement block: no attribute of CoRIM.
    pub measurement_type: Option<MeasurementType>,
    /// An attribute that this crate does not know, or which needs a profile: then nothing matches.
    pub unknown: Option<Label<'a>>,
}

impl<'a> Claims<'a> {
    /// Nothing is said.
    pub const NOTHING: Self = Self {
        version: None,
        svn: None,
        digests: None,
        flags: None,
        raw: None,
        mac: None,
        ip: None,
        serial: None,
        ueid: None,
        uuid: None,
        name: None,
        indirect: None,
        keys: None,
        registers: None,
        int_range: None,
        measurement_type: None,
        unknown: None,
    };

    /// Whether nothing is said.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        matches!(
            self,
            Self {
                version: None,
                svn: None,
                digests: None,
                flags: None,
                raw: None,
                mac: None,
                ip: None,
                serial: None,
                ueid: None,
                uuid: None,
                name: None,
                indirect: None,
                keys: None,
                registers: None,
                int_range: None,
                measurement_type: None,
                unknown: None,
            }
        )
    }

    pub(crate) fn read(reader: &mut Reader<'a>, speaker: Speaker, form: Form) -> Result<Self> {
        let at = reader.at();
        let mut read = Self::NOTHING;
        let mut mask = None;
        let entries = reader.map("measurement-values-map", |reader, label| {
            let Label::Number(key) = label else { return read.read_unknown(reader, label) };
            match key {
                0 => read.version = Some(read_version(reader)?),
                1 => read.svn = Some(read_svn(reader)?),
                2 => read.digests = Some(Digests::read(reader, form)?),
                3 if form == Form::Sample && reader.peek("flags")? != Type::Map => {
                    reader.uint("flags").map(drop)?;
                }
                3 => read.flags = Some(read_flags(reader)?),
                4 => read.raw = Some(read_raw(reader)?),
                5 => mask = Some(reader.bytes("raw-value-mask")?),
                6 => read.mac = Some(reader.bytes("mac-addr")?),
                7 => read.ip = Some(reader.bytes("ip-addr")?),
                8 => read.serial = Some(reader.text("serial-number")?),
                9 => read.ueid = Some(reader.bytes("ueid")?),
                10 => read.uuid = Some(reader.bytes("uuid")?),
                11 => read.name = Some(reader.text("name")?),
                12 if speaker == Speaker::Reference => {
                    return Err(reader.error(Rule::Indirect, "spdm-indirect"));
                }
                12 => read.indirect = Some(Indirect::read(reader)?),
                13 => read.keys = Some(KeyList::read(reader, "cryptokeys")?),
                14 => read.registers = Some(Registers::read(reader)?),
                15 => read.int_range = Some(read_int_range(reader)?),
                _ => read.read_unknown(reader, label)?,
            }
            Ok(())
        })?;
        if entries == 0 {
            return Err(ReadError::new(Rule::Empty, "measurement-values-map", at));
        }
        if let Some(mask) = mask {
            let wrong = ReadError::new(Rule::Mask, "raw-value-mask", at);
            let raw = read.raw.as_mut().ok_or(wrong)?;
            if raw.mask.is_some() || raw.value.len() != mask.len() {
                return Err(wrong);
            }
            raw.mask = Some(mask);
        }
        Ok(read)
    }

    /// These and those of a measurement block; `None` where they differ in something that both say.
    pub(crate) fn merged_with(&self, block: &Self) -> Option<Self> {
        let digests = merge(self.digests, block.digests, |a, b| a.agree(b))?;
        let registers = merge(self.registers, block.registers, |a, b| {
            a.all(|id, digests| b.get(id).is_some_and(|got| digests.agree(&got)))
        })?;
        Some(Self {
            version: merge(self.version, block.version, PartialEq::eq)?,
            svn: merge(self.svn, block.svn, PartialEq::eq)?,
            digests,
            flags: merge(self.flags, block.flags, PartialEq::eq)?,
            raw: merge(self.raw, block.raw, PartialEq::eq)?,
            registers,
            measurement_type: block.measurement_type,
            ..*self
        })
    }

    fn read_unknown(&mut self, reader: &mut Reader<'a>, label: Label<'a>) -> Result<()> {
        self.unknown = Some(label);
        reader.skip("measurement-values-map")
    }

    /// Of these nothing matches.
    pub(crate) fn unreadable() -> Self {
        Self { unknown: Some(Label::Number(i64::MIN)), ..Self::NOTHING }
    }
}

/// What both say, or one of them: the block's, where both do. `None` where they differ.
fn merge<T>(
    direct: Option<T>,
    block: Option<T>,
    agree: impl FnOnce(&T, &T) -> bool,
) -> Option<Option<T>> {
    match (direct, block) {
        (Some(direct), Some(block)) => agree(&direct, &block).then_some(Some(block)),
        (direct, block) => Some(block.or(direct)),
    }
}

fn read_version<'a>(reader: &mut Reader<'a>) -> Result<Version<'a>> {
    let at = reader.at();
    let (mut text, mut scheme) = (None, None);
    reader.map("version-map", |reader, label| {
        match label {
            Label::Number(0) => text = Some(reader.text("version")?),
            Label::Number(1) => scheme = Some(reader.label("version-scheme")?),
            _ => reader.skip("version-map")?,
        }
        Ok(())
    })?;
    let text = text.ok_or_else(|| ReadError::new(Rule::Missing, "version", at))?;
    Ok(Version { text, scheme })
}

fn read_svn(reader: &mut Reader<'_>) -> Result<Svn> {
    if reader.peek("svn")? != Type::Tag {
        return reader.uint("svn").map(Svn::Exact);
    }
    let mut inner = reader.item("svn")?.reader();
    match inner.tag("svn")? {
        552 => inner.uint("svn").map(Svn::Exact),
        553 => inner.uint("svn").map(Svn::AtLeast),
        _ => Err(inner.error(Rule::Tag, "svn")),
    }
}

fn read_flags(reader: &mut Reader<'_>) -> Result<Flags> {
    let mut flags = Flags::default();
    reader.map("flags-map", |reader, label| {
        let at = reader.at();
        let value = reader.bool("flags-map")?;
        // A flag that is not understood can be satisfied by nothing, so it is one that no evidence has.
        let bit = match label {
            Label::Number(key @ 0..=10) => 1_u16 << key,
            Label::Number(_) => 1 << 15,
            Label::Name(_) => return Err(ReadError::new(Rule::Type, "flags-map", at)),
        };
        flags.present |= bit;
        if value {
            flags.set |= bit;
        }
        Ok(())
    })?;
    Ok(flags)
}

fn read_raw<'a>(reader: &mut Reader<'a>) -> Result<RawValue<'a>> {
    let item = reader.item("raw-value")?;
    let mut inner = item.reader();
    match inner.tag("raw-value")? {
        560 => Ok(RawValue { value: inner.bytes("raw-value")?, mask: None }),
        563 => {
            let mut parts = [None; 2];
            let mut places = parts.iter_mut();
            let count = inner.array("raw-value", |reader| {
                let part = reader.bytes("raw-value")?;
                let place = places.next().ok_or_else(|| reader.error(Rule::Excess, "raw-value"))?;
                *place = Some(part);
                Ok(())
            })?;
            match parts {
                [Some(value), Some(mask)] if count == 2 && value.len() == mask.len() => {
                    Ok(RawValue { value, mask: Some(mask) })
                }
                [Some(_), Some(_)] => Err(ReadError::new(Rule::Mask, "raw-value", item.at())),
                _ => Err(ReadError::new(Rule::Missing, "raw-value", item.at())),
            }
        }
        _ => Err(ReadError::new(Rule::Tag, "raw-value", item.at())),
    }
}

fn read_int_range(reader: &mut Reader<'_>) -> Result<IntRange> {
    if reader.peek("int-range")? != Type::Tag {
        let value = reader.int("int-range")?;
        return Ok(IntRange { min: Some(value), max: Some(value) });
    }
    let item = reader.item("int-range")?;
    let mut inner = item.reader();
    inner.expect_tag(564, "int-range")?;
    let mut bounds = [None; 2];
    let mut places = bounds.iter_mut();
    let count = inner.array("int-range", |reader| {
        let place = places.next().ok_or_else(|| reader.error(Rule::Excess, "int-range"))?;
        *place = match reader.peek("int-range")? {
            Type::Null => reader.null("int-range").map(|()| None)?,
            _ => Some(reader.int("int-range")?),
        };
        Ok(())
    })?;
    let [min, max] = bounds;
    if count == 2 {
        Ok(IntRange { min, max })
    } else {
        Err(ReadError::new(Rule::Missing, "int-range", item.at()))
    }
}
