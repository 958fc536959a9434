//! CoMID: one module of a CoRIM.

use minicbor::data::Type;

use crate::cbor::{Item, Items, Label, Reader, Result};
use crate::dialect::Form;
use crate::error::{ReadError, Rule};

/// The reference triples of a CoMID, and how many things it has beside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comid<'a> {
    reference: Option<Item<'a>>,
    pub(crate) ignored_triples: u32,
    pub(crate) ignored_entries: u32,
}

impl<'a> Comid<'a> {
    /// Reads what tag 506 holds: a byte string around a `concise-mid-tag`, which the sample tool leaves out.
    pub(crate) fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self> {
        match reader.peek("comid")? {
            Type::Bytes | Type::BytesIndef => {}
            Type::Map if form == Form::Sample => return Self::read_map(reader),
            Type::Array if form == Form::Sample => {
                let item = reader.item("comid")?;
                let mut modules = item.elements("comid")?;
                return match (modules.next(), modules.next()) {
                    (Some(module), None) => Self::read_map(&mut module?.reader()),
                    _ => Err(ReadError::new(Rule::Excess, "comid", item.at())),
                };
            }
            _ => return Err(reader.error(Rule::Type, "comid")),
        }
        let mut inner = reader.embedded("comid")?;
        let comid = Self::read_map(&mut inner)?;
        inner.finish("comid")?;
        Ok(comid)
    }

    fn read_map(reader: &mut Reader<'a>) -> Result<Self> {
        let at = reader.at();
        let mut comid = Self { reference: None, ignored_triples: 0, ignored_entries: 0 };
        let (mut has_identity, mut has_triples) = (false, false);
        reader.map("concise-mid-tag", |reader, label| {
            match label {
                Label::Number(0) => reader.text("language").map(drop)?,
                Label::Number(1) => {
                    read_identity(reader)?;
                    has_identity = true;
                }
                Label::Number(2) => reader.skip("entities")?,
                Label::Number(3) => reader.skip("linked-tags")?,
                Label::Number(4) => {
                    comid.read_triples(reader)?;
                    has_triples = true;
                }
                _ => {
                    comid.ignored_entries += 1;
                    reader.skip("concise-mid-tag")?;
                }
            }
            Ok(())
        })?;
        match (has_identity, has_triples) {
            (true, true) => Ok(comid),
            (false, _) => Err(ReadError::new(Rule::Missing, "tag-identity", at)),
            (true, false) => Err(ReadError::new(Rule::Missing, "triples", at)),
        }
    }

    fn read_triples(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        let at = reader.at();
        let entries = reader.map("triples-map", |reader, label| {
            if label != Label::Number(0) {
                self.ignored_triples += 1;
                return reader.skip("triples-map");
            }
            let item = reader.item("reference-triples")?;
            if item.elements("reference-triples")?.next().transpose()?.is_none() {
                return Err(ReadError::new(Rule::Empty, "reference-triples", item.at()));
            }
            self.reference = Some(item);
            Ok(())
        })?;
        if entries == 0 { Err(ReadError::new(Rule::Empty, "triples-map", at)) } else { Ok(()) }
    }

    /// The reference triples, where there are any.
    pub(crate) fn triples(&self) -> Result<Option<Items<'a>>> {
        self.reference.map(|item| item.elements("reference-triples")).transpose()
    }
}

/// `tag-identity-map`: `{0: tag-id, ?1: version}`.
fn read_identity(reader: &mut Reader<'_>) -> Result<()> {
    let at = reader.at();
    let mut has_id = false;
    reader.map("tag-identity", |reader, label| match label {
        Label::Number(0) => {
            has_id = true;
            match reader.peek("tag-id")? {
                Type::String => reader.text("tag-id").map(drop),
                Type::Tag => reader.skip("tag-id"),
                _ => reader.bytes("tag-id").map(drop),
            }
        }
        Label::Number(1) => reader.uint("tag-version").map(drop),
        _ => reader.skip("tag-identity"),
    })?;
    if has_id { Ok(()) } else { Err(ReadError::new(Rule::Missing, "tag-id", at)) }
}
