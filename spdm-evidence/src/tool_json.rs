//! JSON of attestation tools: signed transcripts in base64, with a chain and a nonce beside or around them.
//!
//! No two tools agree on the form. NVIDIA's print an array of devices, or an object with the array in it; services take
//! request bodies with the nonce outside of the array (NRAS, Intel Trust Authority); Confidential Containers lists devices
//! by another name; Redfish has one device in an object of its own. So the reader walks the whole document, and takes
//! what a signed transcript is by its content.

mod names;

use core::fmt;
use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use spdm_codec::{
    Cx, GetMeasurements, Header, KeySlot, Message, RequesterNonce, SignatureRequest, SlotId,
    SpdmVersion,
};
use spdm_untrusted::Untrusted;

use crate::certificate_list::CertificateList;
use crate::document;
use crate::error::Error;
use crate::evidence::{CONNECTIONS, Evidence, Presumption};
use crate::note::{Note, NoteCounter};
use crate::recording::{ChainContent, Recording, SlotChain, is_structure};
use crate::{standard_transcript, text};

/// How deep evidence may lie. Every level is read once more.
const DEEPEST: usize = 16;

/// How many chains the connections of several documents may have together.
const SHARED: usize = 1 << 20;

/// The text without the spaces in front of it, where JSON begins there.
pub(crate) fn sniff(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[' | b'"')).then_some(text)
}

/// The evidence in a file of one or more JSON values: this crate's own documents, and devices of other tools.
pub(crate) fn read(json: &[u8], presumption: Presumption) -> Result<Evidence, Error> {
    let mut walk = Walk { given: presumption, ..Walk::default() };
    let around = Around { presumption, nonces: Nonces::default(), chain: None };
    let mut values =
        serde_json::Deserializer::from_slice(json).into_iter::<&RawValue>().enumerate().peekable();
    // Several values, as lines of a log have them, are a list without brackets.
    let mut elements = Elements::default();
    while let Some((index, value)) = values.next() {
        let value = value.map_err(|error| Error::Json(error.to_string()))?;
        if index == 0 && values.peek().is_none() {
            walk.value(value, &Place::ROOT, &around)?;
        } else {
            elements.add(index, walk.value(value, &Place::ROOT.item(index), &around)?);
        }
    }
    elements.finish(&Place::ROOT)?;
    walk.finish()
}

/// The certificates in a file of JSON, such as the CertificateString of Redfish.
pub(crate) fn certificates(json: &[u8]) -> Result<CertificateList, Error> {
    let value: &RawValue =
        serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
    let none = || Error::NoCertificate { labels: Vec::new() };
    let chain = match value.get().as_bytes().first() {
        Some(b'{') => chain_of(&members(value, &Place::ROOT)?, &Place::ROOT)?,
        _ => chain_in(value, &Place::ROOT)?,
    };
    match chain {
        Some(ChainContent::Certificates(list)) => Ok(list),
        _ => Err(none()),
    }
}

/// What lies around a device and belongs to it.
#[derive(Clone, Debug)]
struct Around {
    presumption: Presumption,
    nonces: Nonces,
    chain: Option<Arc<ChainContent>>,
}

/// The nonces that a file names for a device, beside and around it. The signed one must be all of them: of more than two
/// different ones, two are enough to know that it is not.
#[derive(Clone, Copy, Debug, Default)]
struct Nonces {
    first: Option<RequesterNonce>,
    other: Option<RequesterNonce>,
}

impl Nonces {
    fn add(&mut self, nonce: RequesterNonce) {
        match self.first {
            None => self.first = Some(nonce),
            Some(first) if first == nonce => {}
            Some(_) => self.other = self.other.or(Some(nonce)),
        }
    }

    /// What the file claims: where it names several nonces, one that is not the signed one.
    fn claim(self, signed: Option<RequesterNonce>) -> Option<RequesterNonce> {
        if self.first == signed { self.other.or(self.first) } else { self.first }
    }
}

/// The longest part of a name that a message repeats, in characters.
const NAME_LEN: usize = 64;

/// A place in the document, for messages: `evidences[1].certificate`. It is written out only where something is wrong:
/// there may be a million places with a long name in front of them.
#[derive(Clone, Copy, Debug)]
struct Place<'p> {
    around: Option<&'p Self>,
    step: Step<'p>,
    depth: usize,
}

/// The last step to a place.
#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    /// The document, and JSON in a text.
    Inside,
    Member(&'p str),
    Item(usize),
}

impl<'p> Place<'p> {
    const ROOT: Self = Self { around: None, step: Step::Inside, depth: 0 };

    const fn step(&'p self, step: Step<'p>) -> Self {
        Self { around: Some(self), step, depth: self.depth + 1 }
    }

    const fn member(&'p self, name: &'p str) -> Self {
        self.step(Step::Member(name))
    }

    const fn item(&'p self, index: usize) -> Self {
        self.step(Step::Item(index))
    }

    fn path(&self) -> String {
        let mut path = self.around.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Inside => {}
            Step::Item(index) => path.push_str(&format!("[{index}]")),
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(name.chars().take(NAME_LEN));
                if name.chars().nth(NAME_LEN).is_some() {
                    path.push('…');
                }
            }
        }
        path
    }

    fn fails(&self, error: Error) -> Error {
        let place = self.path();
        match (place.is_empty(), error) {
            (true, error) | (_, error @ Error::At { .. }) => error,
            (false, error) => Error::At { place, error: Box::new(error) },
        }
    }

    /// Whether it is what a member of this kind holds.
    fn is(&self, named: fn(&str) -> bool) -> bool {
        matches!(self.step, Step::Member(name) if named(name))
    }
}

/// What was found in a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Found {
    Nothing,
    /// A device somewhere inside.
    Inside,
    /// It is a device, or a document of this crate.
    Device,
}

/// The elements of a list. Beside a device, one without evidence is a device that is missing, whatever stands there
/// instead: nothing to pass over.
#[derive(Debug, Default)]
struct Elements {
    any: bool,
    first_empty: Option<usize>,
}

impl Elements {
    fn add(&mut self, index: usize, found: Found) {
        match found {
            Found::Nothing => self.first_empty = self.first_empty.or(Some(index)),
            Found::Inside | Found::Device => self.any = true,
        }
    }

    fn finish(self, list: &Place<'_>) -> Result<Found, Error> {
        match (self.any, self.first_empty) {
            (true, Some(index)) => Err(list.item(index).fails(Error::NoEvidence)),
            (true, None) => Ok(Found::Inside),
            (false, _) => Ok(Found::Nothing),
        }
    }
}

/// The members of an object that may be a map of devices: one without evidence beside others is a device that is missing
/// where its name is like those of the others, or where it has no value and nothing else is in the map.
#[derive(Debug, Default)]
struct Siblings<'m> {
    /// The names of devices without their numbers.
    devices: HashSet<String>,
    count: usize,
    empty: Vec<(&'m str, Emptiness)>,
}

/// What stands where a device may be missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Emptiness {
    /// `null`, `{}` and the like.
    NoValue,
    Other,
}

impl<'m> Siblings<'m> {
    fn add(&mut self, name: &'m str, value: &RawValue, found: Found) {
        let json = value.get();
        if found != Found::Nothing && json.starts_with('{') {
            self.devices.insert(stem(name));
            self.count += 1;
        } else if found == Found::Nothing {
            let is_empty = json == "null" || json.trim_matches(['{', '}', ' ']).is_empty();
            self.empty.push((name, if is_empty { Emptiness::NoValue } else { Emptiness::Other }));
        }
    }

    /// How many members have no value beside a device.
    fn without_value(&self) -> usize {
        let is_noted = |(name, emptiness): &&(&str, Emptiness)| {
            self.count > 0 && *emptiness == Emptiness::NoValue && !names::is_evidence(name)
        };
        self.empty.iter().filter(is_noted).count()
    }

    /// The first device that is missing.
    fn missing(&self) -> Option<&'m str> {
        let are_devices = self.count > 1
            && self.empty.iter().all(|(_, emptiness)| *emptiness == Emptiness::NoValue);
        let is_missing = |(name, _): &&(&str, Emptiness)| {
            !names::is_evidence(name)
                && (are_devices || self.devices.contains(&stem(name)) && has_number(name))
        };
        self.empty.iter().find(is_missing).map(|(name, _)| *name)
    }
}

/// A name without its number, which may be hexadecimal: `gpu` of `gpu0` and `gpu1`.
fn stem(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_hexdigit()).collect()
}

fn has_number(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_digit())
}

/// A class of devices that the machine has none of, as collectors write it: `"switch_evidence": []`. What is called
/// evidence and no more belongs to a device.
fn is_empty_class(name: &str, value: &RawValue) -> bool {
    let is_empty = match value.get() {
        "null" => true,
        text => {
            let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inside.is_some_and(|inside| inside.trim().is_empty())
        }
    };
    is_empty && !name.eq_ignore_ascii_case("evidence")
}

#[derive(Debug, Default)]
struct Walk {
    /// What the caller says of the algorithms.
    given: Presumption,
    found: Vec<Evidence>,
    notes: Vec<Note>,
    /// How many connections were found.
    connections: usize,
    /// How many chains these would have, where each had those of its document.
    shared: usize,
    /// The first place where a device should be and none is. Beside a device that is an error.
    missing: Option<Error>,
}

impl Walk {
    fn value(
        &mut self,
        value: &RawValue,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        if place.depth > DEEPEST {
            return Err(place.fails(Error::Nesting));
        }
        match value.get().as_bytes().first() {
            Some(b'{') => self.object(value, place, around),
            Some(b'[') => match content(value) {
                Some(bytes) => self.text(&bytes, place, around),
                None => self.list(value, place, around),
            },
            Some(b'"') => match content(value) {
                Some(bytes) => self.text(&bytes, place, around),
                None => Ok(Found::Nothing),
            },
            _ => Ok(Found::Nothing),
        }
    }

    /// A text may be a transcript without an object around it, or JSON once more.
    fn text(&mut self, bytes: &[u8], place: &Place<'_>, around: &Around) -> Result<Found, Error> {
        if let Some(transcript) = transcript_in(bytes) {
            self.device(&transcript, None, place, around)?;
            return Ok(Found::Device);
        }
        let inner = |bytes: &[u8]| {
            let json = sniff(bytes).filter(|json| !json.starts_with(b"\""))?;
            serde_json::from_slice::<Box<RawValue>>(json).ok()
        };
        match text::unwrapped(bytes, &inner) {
            Some(json) => self.value(&json, &place.step(Step::Inside), around),
            None => Ok(Found::Nothing),
        }
    }

    fn list(
        &mut self,
        value: &RawValue,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        let mut elements = Elements::default();
        for (index, item) in items(value)?.into_iter().enumerate() {
            elements.add(index, self.value(item, &place.item(index), around)?);
        }
        elements.finish(place)
    }

    fn object(
        &mut self,
        value: &RawValue,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        let members = members(value, place)?;
        if is_document(&members) {
            let document = document::read(value.get().as_bytes());
            let document = document.map_err(|error| place.fails(error))?;
            if document.recordings.is_empty() {
                return Err(place.fails(Error::Empty));
            }
            self.add(document)?;
            return Ok(Found::Device);
        }
        let evidence = evidence_of(&members);
        let nonces = self.nonces_of(&members, evidence.is_some(), place, around.nonces)?;
        let own_chain = chain_of(&members, place)?;
        if let Some(ChainContent::Certificates(list)) = &own_chain {
            self.notes.extend(list.passed_over().iter().map(|_| Note::OtherPem));
            let bytes = list.behind().len();
            self.notes.extend((bytes > 0).then_some(Note::BehindCertificates { bytes }));
        }
        let has_own = own_chain.is_some() || members.iter().any(|(n, _)| names::is_certificate(n));
        let presumption = names::presumption(&members, around.presumption, self.given)
            .map_err(|(name, error)| place.member(name).fails(error))?;
        let around = Around {
            presumption,
            nonces,
            chain: own_chain.map(Arc::new).or_else(|| around.chain.clone()),
        };
        let mut found = Found::Nothing;
        let mut siblings = Siblings::default();
        for (name, member) in &members {
            let place = place.member(name);
            match &evidence {
                Some((of, transcript)) if of == name => {
                    self.device(transcript, around.chain.clone(), &place, &around)?;
                    found = Found::Device;
                    continue;
                }
                _ => {}
            }
            let inside = self.value(member, &place, &around)?;
            siblings.add(name, member, inside);
            if inside != Found::Nothing {
                found = if found == Found::Device { found } else { Found::Inside };
            } else if names::is_evidence(name) && (has_own || !is_empty_class(name, member)) {
                let is_text = content(member).is_some_and(|bytes| !bytes.is_empty());
                // With certificates, it is a device's.
                if is_text && around.chain.is_some() {
                    return Err(place.fails(Error::NotTranscript));
                }
                let error = if is_text { Error::NotTranscript } else { Error::NoEvidence };
                self.missing.get_or_insert_with(|| place.fails(error));
            }
        }
        // What else a device has is not of its kind.
        if found != Found::Device {
            self.notes.extend((0..siblings.without_value()).map(|_| Note::NoValue));
            if let Some(missing) = siblings.missing() {
                self.missing.get_or_insert_with(|| place.member(missing).fails(Error::NoEvidence));
            }
        }
        if found == Found::Nothing && has_own && !place.is(names::is_certificate) {
            self.missing.get_or_insert_with(|| place.fails(Error::MissingEvidence));
        }
        Ok(found)
    }

    fn device(
        &mut self,
        transcript: &[u8],
        chain: Option<Arc<ChainContent>>,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<(), Error> {
        let recording = standard_transcript::read_one(transcript, around.presumption);
        let mut recording = recording.map_err(|error| place.fails(error))?;
        let request = signature_request(&recording);
        if let Some(content) = chain.or_else(|| around.chain.clone()) {
            let slot = match request.and_then(|request| request.slot) {
                Some(KeySlot::Slot(slot)) => slot,
                _ => SlotId::ZERO,
            };
            recording.chains.push(SlotChain { slot, content });
        }
        recording.claimed_nonce = around.nonces.claim(request.map(|request| request.nonce));
        let recordings = vec![recording];
        self.add(Evidence { recordings, ..Evidence::default() })
    }

    /// Adds what was found. Stops where it is too much already, instead of holding the whole file first.
    fn add(&mut self, evidence: Evidence) -> Result<(), Error> {
        self.connections += evidence.recordings.len();
        self.shared += evidence.recordings.len().saturating_mul(evidence.chains.len());
        self.found.push(evidence);
        let is_alone = self.found.len() == 1;
        let too_many = self.connections > CONNECTIONS || self.shared > SHARED;
        if too_many && !is_alone {
            return Err(Error::Connections { count: self.connections });
        }
        Ok(())
    }

    /// The nonces that an object names, and those around it. Beside the evidence they must be nonces; around it something
    /// else may stand, such as objects of services, which they sign themselves.
    fn nonces_of(
        &mut self,
        members: &Members<'_>,
        is_device: bool,
        place: &Place<'_>,
        mut nonces: Nonces,
    ) -> Result<Nonces, Error> {
        for (name, member) in members.iter().filter(|(name, _)| names::is_nonce(name)) {
            match content(member).and_then(|bytes| nonce(&bytes)) {
                Some(nonce) => nonces.add(nonce),
                None if member.get() == "null" => {}
                None if is_device => return Err(place.member(name).fails(Error::Nonce)),
                None => self.notes.push(Note::OtherNonce),
            }
        }
        Ok(nonces)
    }

    /// One evidence of all that was found.
    fn finish(mut self) -> Result<Evidence, Error> {
        // Alone, too: then it says more than that there is no evidence.
        if let Some(missing) = self.missing {
            return Err(missing);
        }
        let notes = NoteCounter::count(self.notes);
        if let [_] = self.found[..] {
            let mut only = self.found.remove(0);
            only.notes.extend(notes);
            return Ok(only);
        }
        if self.found.is_empty() {
            return Err(Error::NoEvidence);
        }
        let mut all = Evidence { notes, ..Evidence::default() };
        for mut one in self.found {
            for recording in &mut one.recordings {
                recording.chains.splice(0..0, one.chains.iter().cloned());
            }
            all.recordings.append(&mut one.recordings);
            all.notes.append(&mut one.notes);
        }
        Ok(all)
    }
}

/// The members of an object, in its order.
type Members<'j> = Vec<(String, &'j RawValue)>;

/// An object that names no member twice.
struct Object<'j>(Members<'j>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}

fn members<'j>(object: &'j RawValue, place: &Place<'_>) -> Result<Members<'j>, Error> {
    let Object(members) =
        serde_json::from_str(object.get()).map_err(|error| Error::Json(error.to_string()))?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let pairs = names.iter().zip(names.iter().skip(1));
    match pairs.into_iter().find(|(name, next)| name == next) {
        Some((name, _)) => Err(place.member(name).fails(Error::Duplicate)),
        None => Ok(members),
    }
}

fn items(list: &RawValue) -> Result<Vec<&RawValue>, Error> {
    serde_json::from_str(list.get()).map_err(|error| Error::Json(error.to_string()))
}

/// The bytes of a text, or of a list of numbers, as which some libraries write bytes.
fn content(value: &RawValue) -> Option<Vec<u8>> {
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok().map(String::into_bytes),
        b'[' if json
            .trim_start_matches(['[', ' ', '\n', '\r', '\t'])
            .starts_with(|c: char| c.is_ascii_digit()) =>
        {
            serde_json::from_str(json).ok()
        }
        _ => None,
    }
}

fn is_document(members: &Members<'_>) -> bool {
    let format = members.iter().find(|(name, _)| name == "format");
    format.and_then(|(_, value)| content(value)).as_deref() == Some(document::FORMAT.as_bytes())
}

/// The signed transcript that an object holds: by its name, else by its content.
fn evidence_of(members: &Members<'_>) -> Option<(String, Vec<u8>)> {
    let named = members.iter().filter(|(name, _)| names::is_evidence(name));
    let others = members.iter().filter(|(name, _)| !names::is_evidence(name));
    named.chain(others).find_map(|(name, member)| {
        let transcript = transcript_in(&content(member)?)?;
        Some((name.clone(), transcript))
    })
}

fn transcript_in(bytes: &[u8]) -> Option<Vec<u8>> {
    let recognise = |bytes: &[u8]| standard_transcript::sniff(bytes).then(|| bytes.to_vec());
    text::unwrapped(bytes, &recognise)
}

fn nonce(text: &[u8]) -> Option<RequesterNonce> {
    let recognise = |bytes: &[u8]| bytes.try_into().ok().map(RequesterNonce);
    text::unwrapped(text, &recognise)
}

/// The certificates that belong to an object, where it has some.
fn chain_of(members: &Members<'_>, place: &Place<'_>) -> Result<Option<ChainContent>, Error> {
    let (mut named, mut found) = (None, None);
    for (name, member) in members {
        let inner = place.member(name);
        let chain = match chain_in(member, &inner)? {
            Some(chain) => chain,
            None if names::is_certificate(name) => match member.get().as_bytes().first() {
                Some(b'{') if inner.depth > DEEPEST => return Err(inner.fails(Error::Nesting)),
                Some(b'{') => match chain_of(&self::members(member, &inner)?, &inner)? {
                    Some(chain) => chain,
                    None => continue,
                },
                Some(b'"') if member.get() != "\"\"" => {
                    return Err(inner.fails(Error::NotCertificates));
                }
                _ => continue,
            },
            None => continue,
        };
        if names::is_certificate(name) {
            named = Some(match named {
                None => chain,
                Some(known) => {
                    one_of(known, chain).ok_or_else(|| inner.fails(Error::OtherCertificates))?
                }
            });
        } else {
            found = found.or(Some(chain));
        }
    }
    Ok(named.or(found))
}

/// The one chain that two members hold.
fn one_of(known: ChainContent, chain: ChainContent) -> Option<ChainContent> {
    match (known, chain) {
        (ChainContent::Certificates(known), ChainContent::Certificates(list)) => {
            known.longer(list).map(ChainContent::Certificates)
        }
        (known, chain) => (known == chain).then_some(known),
    }
}

/// Certificates in a text, or in a list of texts.
fn chain_in(value: &RawValue, place: &Place<'_>) -> Result<Option<ChainContent>, Error> {
    if let Some(bytes) = content(value) {
        let recognise = |bytes: &[u8]| -> Option<Result<ChainContent, Error>> {
            if is_structure(bytes) {
                return Some(Ok(ChainContent::Structure(bytes.to_vec())));
            }
            let list = CertificateList::recognise(bytes)?;
            Some(list.map(ChainContent::Certificates))
        };
        let found = text::unwrapped(&bytes, &recognise).transpose();
        return found.map_err(|error| place.fails(error));
    }
    if !value.get().starts_with('[') {
        return Ok(None);
    }
    let mut list: Option<CertificateList> = None;
    for (index, item) in items(value)?.into_iter().enumerate() {
        if !item.get().starts_with('"') {
            return Ok(None);
        }
        match (chain_in(item, &place.item(index))?, &mut list) {
            (Some(ChainContent::Certificates(more)), Some(list)) => list.append(more),
            (Some(ChainContent::Certificates(first)), None) => list = Some(first),
            _ => return Ok(None),
        }
    }
    Ok(list.map(ChainContent::Certificates))
}

/// What the signed request of a transcript asks for.
fn signature_request(recording: &Recording) -> Option<SignatureRequest> {
    let request = &recording.exchanges.last()?.request;
    let request = Untrusted::new(request.as_slice());
    let version =
        Header::peek(request).ok().and_then(|header| SpdmVersion::from_byte(header.version));
    let cx = Cx::new(version.unwrap_or(SpdmVersion::V1_1));
    GetMeasurements::decode(request, &cx).ok()?.message.signature
}
