//! The walk through a document.

use std::sync::Arc;

use serde_json::value::RawValue;
use spdm_appraisal::{MessageKind, WrapperPlace};
use spdm_codec::{KeySlot, RequesterNonce, SlotId};

use super::chain::chain_of;
use super::members::{Members, content, evidence_of, is_document, items, members, transcript_in};
use super::nonces::{Nonces, nonce};
use super::place::{Place, Step};
use super::siblings::{Elements, Found, Siblings, is_empty_class};
use super::wrapper::{Wrapper, is_collection, is_meant, is_record};
use super::{DEEPEST, names, sniff};
use crate::certificate_list::CertificateList;
use crate::document;
use crate::error::Error;
use crate::evidence::{CONNECTIONS, Evidence, Presumption};
use crate::note::{Note, NoteCounter};
use crate::recording::{ChainContent, SlotChain};
use crate::{standard_transcript, text};

/// How many chains the connections of several documents may have together.
const SHARED: usize = 1 << 20;

/// What lies around a device and belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub(super) presumption: Presumption,
    pub(super) nonces: Nonces,
    pub(super) chain: Option<Arc<ChainContent>>,
}

#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What the caller says of the algorithms.
    given: Presumption,
    found: Vec<Evidence>,
    notes: Vec<Note>,
    /// How many connections were found.
    connections: usize,
    /// How many chains these would have, where each had those of its document.
    shared: usize,
    /// What is in wrappers instead of transcripts.
    messages: Vec<MessageKind>,
    /// What a collector says that collected nothing.
    not_collected: Option<Error>,
    /// The first place where a device should be and none is. Beside a device that is an error.
    missing: Option<Error>,
}

impl Walk {
    pub(super) fn new(given: Presumption) -> Self {
        Self { given, ..Self::default() }
    }

    pub(super) fn value(
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
        let list = items(value)?;
        if is_record(&list) && (place.depth == 0 || is_meant(value)) {
            return self.json_wrapper(value, place, around);
        }
        for (index, item) in list.into_iter().enumerate() {
            elements.add(index, self.value(item, &place.item(index), around)?);
        }
        elements.finish(place)
    }

    fn json_wrapper(
        &mut self,
        value: &RawValue,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        let wrapper = Wrapper::of_json(value, 0, WrapperPlace::Alone, place)?;
        self.wrapper(&wrapper, place, around)
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
        if is_collection(&members) && (place.depth == 0 || is_meant(value)) {
            return self.json_wrapper(value, place, around);
        }
        self.not_collected = self.not_collected.take().or_else(|| not_collected(&members));
        let evidence = evidence_of(&members);
        let nonces = self.nonces_of(&members, evidence.is_some(), place, around.nonces)?;
        let own_chain = chain_of(&members, place)?;
        if let Some(ChainContent::Certificates(list)) = &own_chain {
            self.note_passed_over(list);
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

    /// What is among certificates and is none.
    pub(super) fn note_passed_over(&mut self, list: &CertificateList) {
        self.notes.extend(list.passed_over().iter().map(|_| Note::OtherPem));
        let bytes = list.behind().len();
        self.notes.extend((bytes > 0).then_some(Note::BehindCertificates { bytes }));
    }

    pub(super) fn add_note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// A message in a wrapper that is no transcript.
    pub(super) fn note_message(&mut self, note: Note, kind: MessageKind) {
        self.notes.push(note);
        if !self.messages.contains(&kind) {
            self.messages.push(kind);
        }
    }

    pub(super) fn device(
        &mut self,
        transcript: &[u8],
        chain: Option<Arc<ChainContent>>,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<(), Error> {
        let recording = standard_transcript::read_one(transcript, around.presumption);
        let mut recording = recording.map_err(|error| place.fails(error))?;
        let request = recording.measurement_request();
        if let Some(content) = chain.or_else(|| around.chain.clone()) {
            let slot = match request.and_then(|request| request.slot) {
                Some(KeySlot::Slot(slot)) => slot,
                _ => SlotId::ZERO,
            };
            recording.chains.push(SlotChain { slot, content });
        }
        // What the caller says is no claim of the file.
        recording.claimed_hash = around.presumption.hash.filter(|_| self.given.hash.is_none());
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
        if let Some(nonce) = requested_nonce(members) {
            nonces.add(nonce);
        }
        Ok(nonces)
    }

    /// One evidence of all that was found.
    pub(super) fn finish(mut self) -> Result<Evidence, Error> {
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
            if let Some(error) = self.not_collected {
                return Err(error);
            }
            if !self.messages.is_empty() {
                return Err(Error::OtherMessages { kinds: self.messages });
            }
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

/// The nonce in the request of a Task of Redfish, which stands beside the answer: the body is an object or the text of one.
fn requested_nonce(task: &Members<'_>) -> Option<RequesterNonce> {
    let member = |members: &Members<'_>, named: fn(&str) -> bool| {
        let (_, value) = members.iter().find(|(name, _)| named(name))?;
        Some(match content(value) {
            Some(text) => String::from_utf8(text).ok()?,
            None => value.get().to_owned(),
        })
    };
    let inside = |object: &str, named: fn(&str) -> bool| {
        let object: &RawValue = serde_json::from_str(object).ok()?;
        member(&members(object, &Place::ROOT).ok()?, named)
    };
    let request = member(task, names::is_request_of_task)?;
    let body = inside(&request, names::is_request_body)?;
    nonce(inside(&body, names::is_nonce)?.as_bytes())
}

/// Why there is no evidence, where a collector says so.
fn not_collected(members: &Members<'_>) -> Option<Error> {
    let (_, code) = members.iter().find(|(name, _)| names::is_result_code(name))?;
    let code: i64 = serde_json::from_str(code.get()).ok().filter(|code| *code != 0)?;
    let message = members.iter().find(|(name, _)| names::is_result_message(name));
    let message = message.and_then(|(_, text)| serde_json::from_str(text.get()).ok());
    Some(Error::NotCollected { code, message: message.unwrap_or_default() })
}
