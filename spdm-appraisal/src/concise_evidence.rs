//! Concise evidence (TCG DICE Concise Evidence Binding for SPDM 1.1): what a device claims of its elements.

use minicbor::data::Type;
use spdm_codec::{MANIFEST_INDEX, MeasurementType};
use spdm_untrusted::Untrusted;

use crate::cbor::{Item, Label, Reader, Result};
use crate::claims::{Claims, Speaker};
use crate::dialect::Form;
use crate::element::Element;
use crate::environment::{ElementId, Environment};
use crate::error::{ReadError, Rule};
use crate::manifest::{Manifest, TAG_EVIDENCE};
use crate::state::ReferenceValue;

/// `concise-evidence`: `{0: ev-triples, ?1: evidence-id, ?2: profile}`, read as a whole.
#[derive(Clone, Copy, Debug)]
pub struct ConciseEvidence<'a> {
    /// What tag 571 holds.
    content: Item<'a>,
    ignored: u32,
}

impl<'a> ConciseEvidence<'a> {
    /// Reads what tag 571 holds.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let content = reader.item("concise-evidence")?;
        let ignored = read_all(&mut content.reader(), &mut |_, _, _| Ok(()))?;
        Ok(Self { content, ignored })
    }

    /// Reads it with its tag.
    pub(crate) fn read_tagged(reader: &mut Reader<'a>) -> Result<Self> {
        reader.expect_tag(TAG_EVIDENCE, "concise-evidence")?;
        Self::read(reader)
    }

    /// Reads it with its tag, or without one, as the profile of OCP has it; says whether the tag is there.
    pub(crate) fn read_either(reader: &mut Reader<'a>) -> Result<(Self, bool)> {
        match reader.peek("concise-evidence")? {
            Type::Tag => Self::read_tagged(reader).map(|evidence| (evidence, true)),
            _ => Self::read(reader).map(|evidence| (evidence, false)),
        }
    }

    /// How many kinds of triples and entries are in it that are not looked into.
    #[must_use]
    pub const fn ignored(&self) -> u32 {
        self.ignored
    }

    /// The encoding of what tag 571 holds.
    #[must_use]
    pub const fn content(&self) -> &'a [u8] {
        self.content.bytes()
    }

    /// Reads what tag 571 holds: [`Self::content`] of evidence that somebody else vouches for.
    ///
    /// # Errors
    /// [`ReadError`] with the offset in `content`.
    pub fn read_content(content: Untrusted<&'a [u8]>) -> Result<Self> {
        let mut reader = Reader::new(content.into_inner_less_safe(), 0);
        let evidence = Self::read(&mut reader)?;
        reader.finish("concise-evidence")?;
        Ok(evidence)
    }

    /// Makes elements of it behind the first `count` of `places`, among which are those of the measurement record that holds
    /// it in the block with the index `holder`, and gives all. What is indirect has the claims of the blocks of that record.
    ///
    /// # Errors
    /// [`ReadError`], also where an index is not in the record or that of the holder itself, and where a value beside it is
    /// not that of the block: [`Rule::IndirectIndex`], [`Rule::IndirectDiffers`]; [`Rule::TooManyElements`].
    pub fn elements<'e>(
        &self,
        holder: u8,
        count: usize,
        places: &'e mut [Element<'a>],
    ) -> Result<&'e [Element<'a>]> {
        let too_many = ReadError::new(Rule::TooManyElements, "concise-evidence", 0);
        let (record, free) = places.split_at_mut_checked(count).ok_or(too_many)?;
        let mut list = ElementList { record, free, added: 0, holder };
        read_all(&mut self.content.reader(), &mut |environment, value, at| {
            list.resolve(environment, &value, at)
        })?;
        let added = list.added;
        Ok(places.get(..count.saturating_add(added)).unwrap_or_default())
    }
}

/// The elements of the measurement record that holds evidence, and behind them those of the evidence.
struct ElementList<'e, 'a> {
    record: &'e [Element<'a>],
    free: &'e mut [Element<'a>],
    added: usize,
    /// The block that holds the evidence.
    holder: u8,
}

impl<'e, 'a> ElementList<'e, 'a> {
    /// Adds an element with the claims themselves, or one for each block that they point to.
    fn resolve(
        &mut self,
        environment: Environment<'a>,
        value: &ReferenceValue<'a>,
        at: usize,
    ) -> Result<()> {
        let ReferenceValue { id, claims, .. } = value;
        let Some(indirect) = claims.indirect else {
            return self.add(environment, *id, *claims, at);
        };
        let direct = Claims { indirect: None, ..*claims };
        for index in indirect.indices() {
            let merged = direct.merged_with(&self.block(index, at)?.claims);
            let differs = ReadError::new(Rule::IndirectDiffers, "spdm-indirect", at);
            let id = match *id {
                ElementId::Absent => ElementId::Index(index.into()),
                id => id,
            };
            self.add(environment, id, merged.ok_or(differs)?, at)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        environment: Environment<'a>,
        id: ElementId<'a>,
        claims: Claims<'a>,
        at: usize,
    ) -> Result<()> {
        let too_many = ReadError::new(Rule::TooManyElements, "concise-evidence", at);
        *self.free.get_mut(self.added).ok_or(too_many)? =
            Element { environment: Some(environment), id, claims };
        self.added += 1;
        Ok(())
    }

    /// The block that evidence points to. It is not the one that holds the evidence, and a manifest only where it is a
    /// token, which says nothing of the record.
    fn block(&self, index: u8, at: usize) -> Result<&'e Element<'a>> {
        let block = self.record.iter().find(|element| element.index() == Some(index));
        let block = block.filter(|_| index != self.holder);
        block
            .filter(|block| index != MANIFEST_INDEX || holds_token(block))
            .ok_or_else(|| ReadError::new(Rule::IndirectIndex, "spdm-indirect", at))
    }
}

fn holds_token(block: &Element<'_>) -> bool {
    let kinds = [MeasurementType::FreeformManifest, MeasurementType::StructuredManifest];
    block.claims.raw.is_some_and(|raw| {
        kinds.into_iter().any(|kind| {
            let read = Manifest::read(Untrusted::new(raw.value), kind);
            matches!(read, Ok(Some((Manifest::Token(_), _))))
        })
    })
}

type Each<'f, 'a> = &'f mut dyn FnMut(Environment<'a>, ReferenceValue<'a>, usize) -> Result<()>;

/// Tells `each` every value of evidence triples with its offset. Gives the number of what is beside.
fn read_all<'a>(reader: &mut Reader<'a>, each: Each<'_, 'a>) -> Result<u32> {
    let at = reader.at();
    let (mut ignored, mut has_triples) = (0_u32, false);
    reader.map("concise-evidence", |reader, label| match label {
        Label::Number(0) => {
            has_triples = true;
            ignored = ignored.saturating_add(read_triples(reader, each)?);
            Ok(())
        }
        Label::Number(1) => reader.skip("evidence-id"),
        Label::Number(2) => Err(reader.error(Rule::Profile, "profile")),
        _ => {
            ignored = ignored.saturating_add(1);
            reader.skip("concise-evidence")
        }
    })?;
    if has_triples { Ok(ignored) } else { Err(ReadError::new(Rule::Missing, "ev-triples", at)) }
}

/// `ev-triples`, of which the first kind is evidence. Gives the number of the others.
fn read_triples<'a>(reader: &mut Reader<'a>, each: Each<'_, 'a>) -> Result<u32> {
    let mut ignored = 0_u32;
    reader.map("ev-triples", |reader, label| match label {
        Label::Number(0) => {
            let triples = reader.array("evidence-triples", |reader| read_triple(reader, each))?;
            let empty = reader.error(Rule::Empty, "evidence-triples");
            if triples == 0 { Err(empty) } else { Ok(()) }
        }
        _ => {
            ignored = ignored.saturating_add(1);
            reader.skip("ev-triples")
        }
    })?;
    Ok(ignored)
}

/// `[environment, [+ measurement]]`.
fn read_triple<'a>(reader: &mut Reader<'a>, each: Each<'_, 'a>) -> Result<()> {
    let at = reader.at();
    let mut environment = None;
    let mut count = None;
    reader.array("evidence-triple", |reader| {
        let Some(environment) = environment else {
            environment = Some(Environment::read(reader, Form::Standard)?);
            return Ok(());
        };
        if count.is_some() {
            return Err(reader.error(Rule::Excess, "evidence-triple"));
        }
        let read = reader.array("evidence-triple", |reader| {
            let at = reader.at();
            let value = ReferenceValue::read(reader, Speaker::Evidence, Form::Standard)?;
            each(environment, value, at)
        })?;
        count = Some(read);
        Ok(())
    })?;
    match count {
        None => Err(ReadError::new(Rule::Missing, "evidence-triple", at)),
        Some(0) => Err(ReadError::new(Rule::Empty, "evidence-triple", at)),
        Some(_) => Ok(()),
    }
}
