//! spdm-toc (TCG DICE Concise Evidence Binding for SPDM 1.1): the table of contents in a measurement manifest.

use crate::cbor::{Item, Label, Reader, Result};
use crate::concise_evidence::ConciseEvidence;
use crate::error::{ReadError, Rule};
use crate::rim_locators::RimLocators;

/// The table of contents in a measurement manifest. It says no more than that the signed record holds it: where
/// MEASUREMENTS is not signed, it is for information only.
#[derive(Clone, Copy, Debug)]
pub struct SpdmToc<'a> {
    evidence: Item<'a>,
    locators: Option<RimLocators<'a>>,
    ignored: u32,
}

impl<'a> SpdmToc<'a> {
    /// What tag 570 holds: `{0: [+ #6.571(concise-evidence)], ?1: rim-locators, ?2: profile}`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let at = reader.at();
        let (mut evidence, mut locators, mut ignored) = (None, None, 0_u32);
        reader.map("spdm-toc", |reader, label| {
            match label {
                Label::Number(0) => evidence = Some(reader.item("spdm-toc")?),
                Label::Number(1) => locators = Some(RimLocators::read(reader)?),
                Label::Number(2) => return Err(reader.error(Rule::Profile, "profile")),
                _ => {
                    ignored = ignored.saturating_add(1);
                    reader.skip("spdm-toc")?;
                }
            }
            Ok(())
        })?;
        let evidence = evidence.ok_or_else(|| ReadError::new(Rule::Missing, "spdm-toc", at))?;
        let mut is_empty = true;
        for item in evidence.elements("spdm-toc")? {
            let read = ConciseEvidence::read_tagged(&mut item?.reader())?;
            ignored = ignored.saturating_add(read.ignored());
            is_empty = false;
        }
        if is_empty {
            return Err(ReadError::new(Rule::Empty, "spdm-toc", at));
        }
        Ok(Self { evidence, locators, ignored })
    }

    /// Where the device says that its reference values are.
    #[must_use]
    pub const fn rim_locators(&self) -> Option<RimLocators<'a>> {
        self.locators
    }

    /// How many kinds of triples and entries are in it that are not looked into.
    #[must_use]
    pub const fn ignored(&self) -> u32 {
        self.ignored
    }

    /// The concise evidence that it lists, at least one.
    pub fn evidence(&self) -> impl Iterator<Item = ConciseEvidence<'a>> + use<'a> {
        let items = self.evidence.elements("spdm-toc").ok();
        items
            .into_iter()
            .flatten()
            .map_while(|item| ConciseEvidence::read_tagged(&mut item.ok()?.reader()).ok())
    }
}
