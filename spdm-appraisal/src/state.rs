//! Reference values in the one form that every format becomes.

use minicbor::data::Type;

use crate::cbor::{Item, Label, Reader, Result};
use crate::claims::{Claims, Speaker};
use crate::dialect::Form;
use crate::environment::{self, ElementId, Environment};
use crate::error::{ReadError, Rule};
use crate::keys::KeyList;

/// Who vouches for reference values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Authority<'a> {
    /// Nobody but the user who named the file.
    None,
    /// A key that the caller gave.
    Key {
        /// Who signed, as the file says.
        signer: &'a str,
        /// Which of the caller's keys, from 0.
        key: usize,
    },
    /// A chain of certificates below an anchor for reference values.
    Chain {
        /// Who signed, as the file says.
        signer: &'a str,
        /// The DER certificate of the signer.
        certificate: &'a [u8],
        /// Which of the caller's anchors, from 0.
        anchor: Option<usize>,
    },
}

/// Where reference values come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Origin<'a> {
    /// The file.
    pub file: &'a str,
    /// The number of the tag (CoMID) in the file, from 0; 0 in formats without tags.
    pub tag: u32,
    /// The number of the reference triple in the tag, or of the entry in formats without triples, from 0.
    pub triple: u32,
}

/// One state that a device may be in: all its values have to match. Several for one environment are alternatives.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReferenceState<'a> {
    /// What it is about.
    pub environment: Environment<'a>,
    /// The values.
    pub values: ReferenceValues<'a>,
    /// Who vouches for it.
    pub authority: Authority<'a>,
    /// Where it comes from.
    pub origin: Origin<'a>,
}

/// What one element should be.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReferenceValue<'a> {
    /// Which element.
    pub id: ElementId<'a>,
    /// What is expected of it.
    pub claims: Claims<'a>,
    /// `authorized-by`: keys that must be among those that vouch for the evidence.
    pub authorized_by: Option<KeyList<'a>>,
}

impl<'a> ReferenceValue<'a> {
    /// A `measurement-map`. An entry that is not known could narrow it, so that nothing matches.
    pub(crate) fn read(reader: &mut Reader<'a>, speaker: Speaker, form: Form) -> Result<Self> {
        let at = reader.at();
        let (mut id, mut claims, mut authorized_by) = (ElementId::Absent, None, None);
        let mut unknown = None;
        reader.map("measurement-map", |reader, label| {
            match label {
                Label::Number(0) => id = ElementId::read(reader)?,
                Label::Number(1) => claims = Some(Claims::read(reader, speaker, form)?),
                Label::Number(2) => {
                    authorized_by = Some(KeyList::read(reader, "authorized-by")?);
                }
                _ => {
                    unknown = Some(label);
                    reader.skip("measurement-map")?;
                }
            }
            Ok(())
        })?;
        let mut claims = claims.ok_or_else(|| ReadError::new(Rule::Missing, "mval", at))?;
        claims.unknown = claims.unknown.or(unknown);
        Ok(Self { id, claims, authorized_by })
    }

    fn unreadable() -> Self {
        Self { id: ElementId::Absent, claims: Claims::unreadable(), authorized_by: None }
    }
}

/// The values of a [`ReferenceState`].
#[derive(Clone, Copy, Debug)]
pub struct ReferenceValues<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap, and one is made at a time")]
enum Source<'a> {
    One(ReferenceValue<'a>),
    List(&'a [ReferenceValue<'a>]),
    Cbor(Triple<'a>),
}

/// How a triple is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triple<'a> {
    environment: Item<'a>,
    measurements: Item<'a>,
    form: Form,
    /// The measurement index, where it is that of the class.
    index: Option<u64>,
}

impl<'a> ReferenceValues<'a> {
    /// A single value. Alternatives for one element are several states with a value each.
    #[must_use]
    pub const fn one(value: ReferenceValue<'a>) -> Self {
        Self(Source::One(value))
    }

    /// Values that the caller keeps.
    #[must_use]
    pub const fn list(values: &'a [ReferenceValue<'a>]) -> Self {
        Self(Source::List(values))
    }

    /// Tells `tell` the values, in their order. Those that the caller keeps are not copied.
    pub fn each(&self, mut tell: impl FnMut(&ReferenceValue<'a>)) {
        match &self.0 {
            Source::One(value) => tell(value),
            Source::List(list) => list.iter().for_each(tell),
            Source::Cbor(triple) => triple.values().for_each(|value| tell(&value)),
        }
    }

    /// The values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = ReferenceValue<'a>> + use<'a> {
        let (one, list, triple) = match self.0 {
            Source::One(value) => (Some(value), &[][..], None),
            Source::List(list) => (None, list, None),
            Source::Cbor(triple) => (None, &[][..], Some(triple)),
        };
        let kept = one.into_iter().chain(list.iter().copied());
        kept.chain(triple.into_iter().flat_map(Triple::values))
    }
}

impl<'a> Triple<'a> {
    /// `[environment, [+ measurement]]`; the sample tool leaves the list around one measurement out.
    pub(crate) fn read(item: Item<'a>, form: Form) -> Result<Self> {
        let mut parts = [None; 2];
        let mut places = parts.iter_mut();
        item.reader().array("reference-triple", |reader| {
            let place =
                places.next().ok_or_else(|| reader.error(Rule::Excess, "reference-triple"))?;
            *place = Some(reader.item("reference-triple")?);
            Ok(())
        })?;
        let [Some(environment), Some(measurements)] = parts else {
            return Err(ReadError::new(Rule::Missing, "reference-triple", item.at()));
        };
        Ok(Self { environment, measurements, form, index: None })
    }

    /// Reads all of it, and tells `each` every value.
    pub(crate) fn check(
        &self,
        mut each: impl FnMut(&ReferenceValue<'a>) -> Result<()>,
    ) -> Result<Environment<'a>> {
        let environment = Environment::read(&mut self.environment.reader(), self.form)?;
        let mut reader = self.measurements.reader();
        let mut read = |reader: &mut Reader<'a>| {
            each(&ReferenceValue::read(reader, Speaker::Reference, self.form)?)
        };
        if self.is_bare()? {
            read(&mut reader)?;
        } else if reader.array("reference-triple", read)? == 0 {
            let at = self.measurements.at();
            return Err(ReadError::new(Rule::Empty, "reference-triple", at));
        }
        Ok(environment)
    }

    /// Whether there is one measurement without a list around it.
    fn is_bare(&self) -> Result<bool> {
        let first = self.measurements.reader().peek("reference-triple")?;
        Ok(self.form == Form::Sample && first == Type::Map)
    }

    /// The same with the index of the class in place of the measurement's.
    pub(crate) fn keyed_by_class(self) -> Self {
        Self { index: environment::again(self.environment, self.form).index, ..self }
    }

    pub(crate) fn environment(&self) -> Environment<'a> {
        let environment = environment::again(self.environment, self.form);
        match self.index {
            Some(_) => Environment { layer: None, index: None, ..environment },
            None => environment,
        }
    }

    pub(crate) const fn into_values(self) -> ReferenceValues<'a> {
        ReferenceValues(Source::Cbor(self))
    }

    fn values(self) -> impl Iterator<Item = ReferenceValue<'a>> {
        let bare = self.is_bare().unwrap_or_default().then_some(Ok(self.measurements));
        let list = match bare {
            Some(_) => None,
            None => self.measurements.elements("reference-triple").ok(),
        };
        bare.into_iter().chain(list.into_iter().flatten()).map(move |item| {
            let read = item.and_then(|item| {
                ReferenceValue::read(&mut item.reader(), Speaker::Reference, self.form)
            });
            let value = read.unwrap_or_else(|_| ReferenceValue::unreadable());
            ReferenceValue { id: self.index.map_or(value.id, ElementId::Index), ..value }
        })
    }
}
