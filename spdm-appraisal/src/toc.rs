//! spdm-toc with concise evidence (TCG DICE Concise Evidence Binding for SPDM 1.1), as the measurement manifest holds it.

use spdm_codec::MeasurementType;
use spdm_untrusted::Untrusted;

use crate::cbor::{Item, Label, Reader, Result};
use crate::claims::{Claims, Indirect, Speaker};
use crate::dialect::Form;
use crate::element::Element;
use crate::environment::{ElementId, Environment};
use crate::error::{ReadError, Rule};
use crate::state::ReferenceValue;

/// IANA's registry of CBOR tags in a standards body header (SVH, DSP0274).
const SVH_IANA_CBOR: u8 = 10;
const TOC: u64 = 570;
const EVIDENCE: u64 = 571;

/// The spdm-toc of a measurement manifest. It says no more than that the signed record holds it: where MEASUREMENTS is not
/// signed, it is for information only.
#[derive(Clone, Copy, Debug)]
pub struct SpdmToc<'a> {
    evidence: Item<'a>,
    has_header: bool,
    ignored: u32,
}

impl<'a> SpdmToc<'a> {
    /// Reads the value of a manifest block (index 0xFD): tagged CBOR in a freeform one (type 4), a standards body header and
    /// what the tag holds in a structured one (type 10). Devices that leave that header out are read, too.
    ///
    /// # Errors
    /// [`ReadError`] with the offset in `value`; [`Rule::NotToc`] where it is something else.
    pub fn read(value: Untrusted<&'a [u8]>, kind: MeasurementType) -> Result<Self> {
        let bytes = value.into_inner_less_safe();
        if bytes.len() > crate::MAX_FILE {
            return Err(ReadError::new(Rule::TooLarge, "spdm-toc", crate::MAX_FILE));
        }
        let not_toc = ReadError::new(Rule::NotToc, "manifest", 0);
        let header = match (kind, bytes) {
            (MeasurementType::StructuredManifest, [SVH_IANA_CBOR, len, rest @ ..]) => {
                Some(rest.split_at_checked(usize::from(*len)).ok_or(not_toc)?)
            }
            (MeasurementType::StructuredManifest | MeasurementType::FreeformManifest, _) => None,
            _ => return Err(not_toc),
        };
        let mut reader = match header {
            Some((vendor, manifest)) => {
                let mut tag = Reader::new(vendor, 2);
                if tag.tag("VendorID").ok() != Some(TOC) {
                    return Err(not_toc);
                }
                tag.finish("VendorID")?;
                Reader::new(manifest, 2 + vendor.len())
            }
            None => {
                let mut reader = Reader::new(bytes, 0);
                if reader.tag("spdm-toc").ok() != Some(TOC) {
                    return Err(not_toc);
                }
                reader
            }
        };
        let mut toc = Self::read_map(&mut reader)?;
        reader.finish("spdm-toc")?;
        toc.has_header = header.is_some();
        Ok(toc)
    }

    /// `{0: [+ #6.571(concise-evidence)], ?1: rim-locators, ?2: profile}`.
    fn read_map(reader: &mut Reader<'a>) -> Result<Self> {
        let at = reader.at();
        let (mut evidence, mut ignored) = (None, 0_u32);
        reader.map("spdm-toc", |reader, label| {
            match label {
                Label::Number(0) => evidence = Some(reader.item("spdm-toc")?),
                Label::Number(1) => reader.skip("rim-locators")?,
                Label::Number(2) => return Err(reader.error(Rule::Profile, "profile")),
                _ => {
                    ignored += 1;
                    reader.skip("spdm-toc")?;
                }
            }
            Ok(())
        })?;
        let evidence = evidence.ok_or_else(|| ReadError::new(Rule::Missing, "spdm-toc", at))?;
        let mut toc = Self { evidence, has_header: false, ignored };
        let (mut ignored, mut count) = (ignored, 0_u32);
        for item in evidence.elements("spdm-toc")? {
            let mut reader = item?.reader();
            reader.expect_tag(EVIDENCE, "concise-evidence")?;
            let (_, beside) = read_evidence(&mut reader, &mut |_, _| Ok(()))?;
            ignored = ignored.saturating_add(beside);
            count = count.saturating_add(1);
        }
        toc.ignored = ignored;
        if count == 0 { Err(ReadError::new(Rule::Empty, "spdm-toc", at)) } else { Ok(toc) }
    }

    /// Whether a structured manifest begins with the header that DSP0274 has there.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        self.has_header
    }

    /// How many kinds of triples and entries are in it that are not looked into.
    #[must_use]
    pub const fn ignored(&self) -> u32 {
        self.ignored
    }

    /// Makes elements of it behind the first `count` of `places`, which are those of the measurement record that holds it, and
    /// gives all. What is indirect has the claims of the blocks of that record.
    ///
    /// # Errors
    /// [`ReadError`], also where an index is not in the record or the manifest itself, and where a value beside it is
    /// not that of the block: [`Rule::IndirectIndex`], [`Rule::IndirectDiffers`]; [`Rule::TooManyElements`].
    pub fn elements<'e>(
        &self,
        count: usize,
        places: &'e mut [Element<'a>],
    ) -> Result<&'e [Element<'a>]> {
        let too_many = ReadError::new(Rule::TooManyElements, "spdm-toc", self.evidence.at());
        let (record, free) = places.split_at_mut_checked(count).ok_or(too_many)?;
        let mut added = 0_usize;
        for item in self.evidence.elements("spdm-toc")? {
            let mut reader = item?.reader();
            reader.expect_tag(EVIDENCE, "concise-evidence")?;
            let mut add = |environment: Environment<'a>, value: (ReferenceValue<'a>, usize)| {
                let (ReferenceValue { id, claims, .. }, at) = value;
                resolve(id, &claims, record, at, &mut |id, claims| {
                    let place = free.get_mut(added).ok_or(too_many)?;
                    *place = Element { environment: Some(environment), id, claims };
                    added += 1;
                    Ok(())
                })
            };
            read_evidence(&mut reader, &mut add)?;
        }
        Ok(places.get(..count.saturating_add(added)).unwrap_or_default())
    }
}

type Add<'f, 'a> = &'f mut dyn FnMut(Environment<'a>, (ReferenceValue<'a>, usize)) -> Result<()>;

/// `{0: ev-triples, ?1: evidence-id, ?2: profile}`; tells `each` every value of evidence triples with its offset. Gives the
/// number of values, and of what is beside.
fn read_evidence<'a>(reader: &mut Reader<'a>, each: Add<'_, 'a>) -> Result<(u32, u32)> {
    let at = reader.at();
    let (mut count, mut ignored, mut has_triples) = (0_u32, 0_u32, false);
    reader.map("concise-evidence", |reader, label| match label {
        Label::Number(0) => {
            has_triples = true;
            reader.map("ev-triples", |reader, label| match label {
                Label::Number(0) => {
                    let triples = reader.array("evidence-triples", |reader| {
                        count = count.saturating_add(read_triple(reader, each)?);
                        Ok(())
                    })?;
                    if triples == 0 {
                        Err(reader.error(Rule::Empty, "evidence-triples"))
                    } else {
                        Ok(())
                    }
                }
                _ => {
                    ignored = ignored.saturating_add(1);
                    reader.skip("ev-triples")
                }
            })?;
            Ok(())
        }
        Label::Number(1) => reader.skip("evidence-id"),
        Label::Number(2) => Err(reader.error(Rule::Profile, "profile")),
        _ => {
            ignored = ignored.saturating_add(1);
            reader.skip("concise-evidence")
        }
    })?;
    if has_triples {
        Ok((count, ignored))
    } else {
        Err(ReadError::new(Rule::Missing, "ev-triples", at))
    }
}

/// `[environment, [+ measurement]]`.
fn read_triple<'a>(reader: &mut Reader<'a>, each: Add<'_, 'a>) -> Result<u32> {
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
            each(environment, (value, at))
        })?;
        count = Some(u32::try_from(read).unwrap_or(u32::MAX));
        Ok(())
    })?;
    match count {
        None => Err(ReadError::new(Rule::Missing, "evidence-triple", at)),
        Some(0) => Err(ReadError::new(Rule::Empty, "evidence-triple", at)),
        Some(count) => Ok(count),
    }
}

/// Tells `add` the claims themselves, or those of each block that they point to.
fn resolve<'a>(
    id: ElementId<'a>,
    claims: &Claims<'a>,
    record: &[Element<'a>],
    at: usize,
    add: &mut dyn FnMut(ElementId<'a>, Claims<'a>) -> Result<()>,
) -> Result<()> {
    let Some(indirect) = claims.indirect else { return add(id, *claims) };
    let direct = Claims { indirect: None, ..*claims };
    each_block(indirect, record, at, &mut |index, block| {
        let merged = direct.merged_with(&block.claims);
        let merged =
            merged.ok_or_else(|| ReadError::new(Rule::IndirectDiffers, "spdm-indirect", at))?;
        let id = match id {
            ElementId::Absent => ElementId::Index(index.into()),
            id => id,
        };
        add(id, merged)
    })
}

fn each_block<'a>(
    indirect: Indirect<'a>,
    record: &[Element<'a>],
    at: usize,
    each: &mut dyn FnMut(u8, &Element<'a>) -> Result<()>,
) -> Result<()> {
    for index in indirect.indices() {
        let block = record.iter().find(|element| element.index() == Some(index));
        // The manifest that this is in cannot be what it points to.
        let block = block.filter(|_| index != spdm_codec::MANIFEST_INDEX);
        each(
            index,
            block.ok_or_else(|| ReadError::new(Rule::IndirectIndex, "spdm-indirect", at))?,
        )?;
    }
    Ok(())
}
