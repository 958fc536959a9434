//! CoRIM (draft-ietf-rats-corim): signed or unsigned files of reference values.

use minicbor::data::Type;
use spdm_untrusted::Untrusted;
use spdm_x509::ValidityCheck;

use crate::cbor::{Item, Items, Label, Reader, Result};
use crate::comid::Comid;
use crate::dialect::{Dialect, Form};
use crate::error::{Error, ReadError, Rule};
use crate::signed::{self, ReferenceTrust};
use crate::state::{Authority, Origin, ReferenceState, Triple};
use crate::validity::Validity;

/// The largest file, in bytes.
pub const MAX_FILE: usize = 0x10_0000;
/// How many measurements a file may have.
pub const MAX_MEASUREMENTS: u32 = 4096;

/// `corim-id`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "CoRIM has these two")]
pub enum CorimId<'a> {
    /// Text.
    Text(&'a str),
    /// A UUID.
    Uuid(&'a [u8]),
}

/// What a file has beside reference values, which is not looked into.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ignored {
    /// CoSWID tags (505).
    pub coswids: u32,
    /// Tag lists (508) and tags that are not known.
    pub tags: u32,
    /// Lists of triples of other kinds: endorsements, identities, dependencies, …
    pub triples: u32,
    /// Entries of maps that are not known.
    pub entries: u32,
}

/// What deserves a note in a report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Notes {
    /// The content type is that of drafts up to 06.
    pub old_content_type: bool,
    /// The file has the form of the DMTF sample tool.
    pub sample_form: bool,
    /// No measurement has an mkey, so that the index of the class is taken for it.
    pub index_of_class: bool,
}

/// Where the index of a measurement is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keying {
    Mkey,
    ClassIndex,
}

/// A CoRIM that was read as a whole, and whose signature, where it has one, is that of somebody whom the caller trusts.
#[derive(Clone, Copy, Debug)]
pub struct Corim<'a> {
    name: &'a str,
    id: CorimId<'a>,
    tags: Item<'a>,
    form: Form,
    keying: Keying,
    authority: Authority<'a>,
    states: u32,
    measurements: u32,
    ignored: Ignored,
    notes: Notes,
}

impl<'a> Corim<'a> {
    /// Reads a file that the user named, and verifies its signature where it has one. An unsigned file has
    /// [`Authority::None`], which a report has to say.
    ///
    /// `scratch` is lent for the time of the call: room for the chain of certificates in the format of SPDM, and for what
    /// algorithms sign that take no digest. The size of the file and 200 bytes suffice.
    ///
    /// # Errors
    /// [`Error`] with the first broken rule, the field and its offset in the file.
    pub fn read(
        file: Untrusted<&'a [u8]>,
        dialect: Dialect,
        trust: &ReferenceTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<Self, Error> {
        let bytes = file.into_inner_less_safe();
        if bytes.len() > MAX_FILE {
            return Err(ReadError::new(Rule::TooLarge, "corim", MAX_FILE).into());
        }
        let mut form = Form::Standard;
        let mut reader = Reader::new(bytes, 0);
        let mut tag = first_tag(&mut reader)?;
        if matches!(tag, SAMPLE | SAMPLE_SIGNED) {
            if dialect == Dialect::Strict {
                return Err(ReadError::new(Rule::Legacy, "corim", 0).into());
            }
            form = Form::Sample;
            while matches!(tag, SAMPLE | SAMPLE_SIGNED) {
                tag = first_tag(&mut reader)?;
            }
        }
        match tag {
            UNSIGNED => {
                let contents = reader.item("corim")?;
                reader.finish("corim")?;
                Ok(Self::contents(contents, form, dialect, trust.validity, Authority::None)?)
            }
            SIGNED => {
                let message = reader.item("COSE_Sign1")?;
                reader.finish("COSE_Sign1")?;
                let verified = signed::verify(message, form, trust, scratch)?;
                let mut payload = verified.payload;
                let mut tag = first_tag(&mut payload)?;
                if form == Form::Sample && tag == SAMPLE {
                    tag = first_tag(&mut payload)?;
                }
                if tag != UNSIGNED {
                    return Err(payload.error(Rule::NotCorim, "payload").into());
                }
                let contents = payload.item("corim")?;
                payload.finish("payload")?;
                let mut corim =
                    Self::contents(contents, form, dialect, trust.validity, verified.authority)?;
                corim.notes.old_content_type = verified.has_old_content_type;
                Ok(corim)
            }
            _ => Err(ReadError::new(Rule::NotCorim, "corim", 0).into()),
        }
    }

    /// `corim-map`.
    fn contents(
        item: Item<'a>,
        mut form: Form,
        dialect: Dialect,
        validity: ValidityCheck,
        authority: Authority<'a>,
    ) -> Result<Self> {
        let (mut id, mut tags) = (None, None);
        let mut ignored = Ignored::default();
        item.reader().map("corim-map", |reader, label| {
            match label {
                Label::Number(0) => id = Some(read_id(reader)?),
                Label::Number(1) => tags = Some(reader.item("tags")?),
                Label::Number(2) => check_locators(reader)?,
                // None is known, and one that is not changes what everything else means.
                Label::Number(3) => return Err(reader.error(Rule::Profile, "profile")),
                Label::Number(4) => Validity::read(reader, "rim-validity")?.check(validity)?,
                Label::Number(5) => reader.skip("entities")?,
                _ => {
                    ignored.entries += 1;
                    reader.skip("corim-map")?;
                }
            }
            Ok(())
        })?;
        let missing = |field| ReadError::new(Rule::Missing, field, item.at());
        let id = id.ok_or_else(|| missing("id"))?;
        let tags = tags.ok_or_else(|| missing("tags"))?;
        if dialect == Dialect::Compatible && has_bare_comid(tags)? {
            form = Form::Sample;
        }
        let notes = Notes { sample_form: form == Form::Sample, ..Notes::default() };
        let mut corim = Self {
            name: "",
            id,
            tags,
            form,
            keying: Keying::Mkey,
            authority,
            states: 0,
            measurements: 0,
            ignored,
            notes,
        };
        let keys = corim.check_tags()?;
        if dialect == Dialect::Compatible && keys == Keying::ClassIndex {
            corim.keying = keys;
            corim.notes.index_of_class = true;
        }
        Ok(corim)
    }

    /// Reads every tag, counts, and says where indices could be.
    fn check_tags(&mut self) -> Result<Keying> {
        let (mut has_mkey, mut all_have_index) = (false, true);
        let mut count = 0_u32;
        for item in Tags::of(self.tags, self.form)? {
            count += 1;
            let Some(comid) = self.comid(item?)? else { continue };
            self.ignored.triples = self.ignored.triples.saturating_add(comid.ignored_triples);
            self.ignored.entries = self.ignored.entries.saturating_add(comid.ignored_entries);
            for triple in comid.triples()?.into_iter().flatten() {
                self.states += 1;
                let triple = Triple::read(triple?, self.form)?;
                let environment = triple.check(|value| {
                    self.measurements += 1;
                    has_mkey |= value.id != crate::ElementId::Absent;
                    if self.measurements > MAX_MEASUREMENTS {
                        let at = self.tags.at();
                        return Err(ReadError::new(Rule::TooManyMeasurements, "tags", at));
                    }
                    Ok(())
                })?;
                all_have_index &= environment.index.is_some();
            }
        }
        if count == 0 {
            return Err(ReadError::new(Rule::Empty, "tags", self.tags.at()));
        }
        let is_by_class = self.states > 0 && !has_mkey && all_have_index;
        Ok(if is_by_class { Keying::ClassIndex } else { Keying::Mkey })
    }

    /// The CoMID of a tag; `None` for tags of other kinds, which are counted.
    fn comid(&mut self, item: Item<'a>) -> Result<Option<Comid<'a>>> {
        let mut reader = item.reader();
        match reader.tag("tags")? {
            505 => self.ignored.coswids += 1,
            506 => return Comid::read(&mut reader, self.form).map(Some),
            _ => self.ignored.tags += 1,
        }
        Ok(None)
    }

    /// The same under a name that reports show: that of its file.
    #[must_use]
    pub const fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// The name that [`Self::named`] gave it.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// `id`.
    #[must_use]
    pub const fn id(&self) -> CorimId<'a> {
        self.id
    }

    /// Who vouches for it.
    #[must_use]
    pub const fn authority(&self) -> Authority<'a> {
        self.authority
    }

    /// How many reference states there are.
    #[must_use]
    pub const fn state_count(&self) -> u32 {
        self.states
    }

    /// What else is in it.
    #[must_use]
    pub const fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// What deserves a note.
    #[must_use]
    pub const fn notes(&self) -> Notes {
        self.notes
    }

    /// The reference states, in their order; as many as [`Self::state_count`] says.
    #[must_use]
    pub fn states(&self) -> States<'a> {
        let tags = Tags::of(self.tags, self.form).ok();
        States { corim: *self, tags, tag: 0, triples: None, triple: 0 }
    }
}

/// The reference states of a [`Corim`].
#[derive(Clone, Debug)]
pub struct States<'a> {
    corim: Corim<'a>,
    tags: Option<Tags<'a>>,
    /// How many tags were read.
    tag: u32,
    triples: Option<Items<'a>>,
    /// How many triples of the tag were read.
    triple: u32,
}

impl<'a> Iterator for States<'a> {
    type Item = ReferenceState<'a>;

    fn next(&mut self) -> Option<ReferenceState<'a>> {
        loop {
            if let Some(item) = self.triples.as_mut().and_then(Iterator::next) {
                let Corim { form, keying, authority, name, .. } = self.corim;
                let triple = Triple::read(item.ok()?, form).ok()?;
                let triple = match keying {
                    Keying::Mkey => triple,
                    Keying::ClassIndex => triple.keyed_by_class(),
                };
                let origin = Origin { file: name, tag: self.tag - 1, triple: self.triple };
                self.triple += 1;
                let (environment, values) = (triple.environment(), triple.into_values());
                return Some(ReferenceState { environment, values, authority, origin });
            }
            let item = self.tags.as_mut()?.next()?.ok()?;
            self.tag += 1;
            self.triple = 0;
            let comid = self.corim.comid(item).ok()?;
            self.triples = comid.and_then(|comid| comid.triples().ok().flatten());
        }
    }
}

/// The tags of a file. The sample tool leaves the list around one tag out.
#[derive(Clone, Debug)]
struct Tags<'a> {
    one: Option<Item<'a>>,
    list: Option<Items<'a>>,
}

impl<'a> Tags<'a> {
    fn of(tags: Item<'a>, form: Form) -> Result<Self> {
        if form == Form::Sample && tags.reader().peek("tags")? == Type::Tag {
            return Ok(Self { one: Some(tags), list: None });
        }
        Ok(Self { one: None, list: Some(tags.elements("tags")?) })
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Result<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let one = self.one.take().map(Ok);
        one.or_else(|| self.list.as_mut()?.next())
    }
}

const UNSIGNED: u64 = 501;
const SIGNED: u64 = 18;
/// Around both, in the first drafts and the sample tool.
const SAMPLE: u64 = 500;
/// Around a signed one, there.
const SAMPLE_SIGNED: u64 = 502;

fn first_tag(reader: &mut Reader<'_>) -> Result<u64> {
    match reader.peek("corim")? {
        Type::Tag => reader.tag("corim"),
        _ => Err(reader.error(Rule::NotCorim, "corim")),
    }
}

fn read_id<'a>(reader: &mut Reader<'a>) -> Result<CorimId<'a>> {
    match reader.peek("id")? {
        Type::String => reader.text("id").map(CorimId::Text),
        Type::Tag => {
            let mut inner = reader.item("id")?.reader();
            inner.expect_tag(37, "id")?;
            read_uuid(&mut inner)
        }
        _ => read_uuid(reader),
    }
}

fn read_uuid<'a>(reader: &mut Reader<'a>) -> Result<CorimId<'a>> {
    let at = reader.at();
    match reader.bytes("id")? {
        uuid if uuid.len() == 16 => Ok(CorimId::Uuid(uuid)),
        _ => Err(ReadError::new(Rule::Length, "id", at)),
    }
}

/// `dependent-rims`: that it is a list of maps. Nothing is fetched.
fn check_locators(reader: &mut Reader<'_>) -> Result<()> {
    reader.array("dependent-rims", |reader| {
        reader.map("dependent-rims", |reader, _| reader.skip("dependent-rims")).map(drop)
    })?;
    Ok(())
}

/// Whether a CoMID stands in its tag without a byte string around it.
fn has_bare_comid(tags: Item<'_>) -> Result<bool> {
    for item in Tags::of(tags, Form::Sample)? {
        let mut reader = item?.reader();
        if reader.tag("tags")? == 506 && reader.peek("comid")? != Type::Bytes {
            return Ok(true);
        }
    }
    Ok(false)
}
