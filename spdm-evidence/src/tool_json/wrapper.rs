//! Conceptual message wrappers (CMW, draft-ietf-rats-msg-wrap), in JSON and in CBOR.

use std::sync::Arc;

use serde_json::value::RawValue;
use spdm_appraisal::{
    CBOR_TUNNEL, COLLECTION_TYPE, Indicator, Label, MAX_COLLECTIONS, MessageKind, MessageType,
    Rule, WrappedMessage, WrapperEvent, WrapperPlace, read_wrapper,
};
use spdm_untrusted::Untrusted;

use super::WrappedReference;
use super::chain::one_of;
use super::members::{Members, items, members};
use super::place::Place;
use super::siblings::Found;
use super::walk::{Around, Walk};
use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::note::Note;
use crate::recording::ChainContent;
use crate::{standard_transcript, text};

/// The types of media that are registered.
const MEDIA: [&str; 11] = [
    "application/",
    "audio/",
    "example/",
    "font/",
    "haptics/",
    "image/",
    "message/",
    "model/",
    "multipart/",
    "text/",
    "video/",
];

/// What is in a wrapper.
#[derive(Debug)]
pub(super) enum Wrapper {
    Message { kind: Option<MessageKind>, value: Vec<u8> },
    Collection(Vec<(String, Self)>),
}

/// Whether a list is a message with its type.
pub(super) fn is_record(list: &[&RawValue]) -> bool {
    let [first, second, ..] = list else {
        return list.first().is_some_and(|first| is_type(first));
    };
    let is_number = first.get().starts_with(|c: char| c.is_ascii_digit());
    is_type(first) || is_number && second.get().starts_with('"')
}

fn is_type(value: &RawValue) -> bool {
    let Ok(name) = serde_json::from_str::<String>(value.get()) else { return false };
    let name = name.to_ascii_lowercase();
    name == CBOR_TUNNEL || MEDIA.iter().any(|media| name.starts_with(media))
}

/// Whether a wrapper in other JSON is meant as one: it says that it is a collection, or has a type that is known. Lists of
/// media types are in much JSON.
pub(super) fn is_meant(value: &RawValue) -> bool {
    is_meant_within(value, MAX_COLLECTIONS)
}

fn is_meant_within(value: &RawValue, deepest: u8) -> bool {
    match value.get().as_bytes().first() {
        Some(b'[') => items(value).is_ok_and(|list| {
            let first = list.first().and_then(|first| serde_json::from_str(first.get()).ok());
            first.is_some_and(|name: String| {
                name == CBOR_TUNNEL || MessageKind::of(MessageType::MediaType(&name)).is_some()
            })
        }),
        Some(b'{') => members(value, &Place::ROOT).is_ok_and(|object| {
            object.iter().any(|(name, inner)| {
                name == COLLECTION_TYPE
                    || deepest.checked_sub(1).is_some_and(|deepest| is_meant_within(inner, deepest))
            })
        }),
        _ => false,
    }
}

/// Whether an object is a collection of messages: it says so, or each of its members is a message or such an object.
pub(super) fn is_collection(object: &Members<'_>) -> bool {
    is_collection_within(object, MAX_COLLECTIONS)
}

fn is_collection_within(object: &Members<'_>, deepest: u8) -> bool {
    let is_wrapper = |(_, value): &(String, &RawValue)| match value.get().as_bytes().first() {
        Some(b'[') => items(value).is_ok_and(|list| is_record(&list)),
        Some(b'{') => deepest.checked_sub(1).is_some_and(|deepest| {
            members(value, &Place::ROOT).is_ok_and(|inner| is_collection_within(&inner, deepest))
        }),
        _ => false,
    };
    let says_so = object.iter().any(|(name, _)| name == COLLECTION_TYPE);
    says_so || !object.is_empty() && object.iter().all(is_wrapper)
}

/// Whether a value is a message with its type, or a collection of messages.
pub(super) fn is_wrapper(value: &RawValue) -> bool {
    match value.get().as_bytes().first() {
        Some(b'[') => items(value).is_ok_and(|list| is_record(&list)),
        Some(b'{') => members(value, &Place::ROOT).is_ok_and(|inner| is_collection(&inner)),
        _ => false,
    }
}

/// A rule that a wrapper breaks, in JSON.
const fn broken(rule: Rule) -> Error {
    Error::Wrapper { rule, at: None }
}

impl Wrapper {
    /// A wrapper in CBOR, inside so many collections.
    pub(super) fn of_cbor(cbor: &[u8], collections: u8, place: &Place<'_>) -> Result<Self, Error> {
        // What is open, the innermost last; the root is in none.
        let mut open: Vec<(String, Vec<(String, Self)>)> = vec![(String::new(), Vec::new())];
        let mut failed = None;
        let read = read_wrapper(Untrusted::new(cbor), &mut |event| {
            let depth = open.len();
            let closed = match event {
                WrapperEvent::Begin(label) => {
                    if depth + usize::from(collections) > usize::from(MAX_COLLECTIONS) {
                        failed.get_or_insert_with(|| place.fails(broken(Rule::WrapperDepth)));
                    }
                    open.push((name(label), Vec::new()));
                    return;
                }
                WrapperEvent::Message(label, message) => (name(label), Self::message(&message)),
                WrapperEvent::Json(label, json) => {
                    let label = name(Some(label));
                    let inside = place.member(&label);
                    let around = collections.saturating_add(u8::try_from(depth).unwrap_or(u8::MAX));
                    match Self::in_json(json, around.saturating_sub(1), &inside) {
                        Ok(wrapper) => (label, wrapper),
                        Err(error) => {
                            failed.get_or_insert(error);
                            return;
                        }
                    }
                }
                WrapperEvent::End => match open.pop() {
                    Some((label, members)) => (label, Self::Collection(members)),
                    None => return,
                },
            };
            if let Some((_, members)) = open.last_mut() {
                members.push(closed);
            }
        });
        read.map_err(|error| place.fails(Error::Wrapper { rule: error.rule, at: Some(error.at) }))?;
        match (failed, open.pop().and_then(|(_, mut root)| root.pop())) {
            (Some(error), _) => Err(error),
            (None, Some((_, wrapper))) => Ok(wrapper),
            (None, None) => Err(place.fails(broken(Rule::WrapperForm))),
        }
    }

    /// A wrapper in JSON that was in one in CBOR.
    fn in_json(json: &[u8], collections: u8, place: &Place<'_>) -> Result<Self, Error> {
        let value: &RawValue =
            serde_json::from_slice(json).map_err(|e| place.fails(Error::Json(e.to_string())))?;
        Self::of_json(value, collections, WrapperPlace::Member, place)
    }

    /// A wrapper in JSON, inside so many collections.
    pub(super) fn of_json(
        value: &RawValue,
        collections: u8,
        within: WrapperPlace,
        place: &Place<'_>,
    ) -> Result<Self, Error> {
        match value.get().as_bytes().first() {
            Some(b'[') => Self::of_record(&items(value)?, collections, within, place),
            Some(b'{') => {
                let collections = collections.saturating_add(1);
                if collections > MAX_COLLECTIONS {
                    return Err(place.fails(broken(Rule::WrapperDepth)));
                }
                let mut inside = Vec::new();
                for (label, member) in members(value, place)? {
                    let place = place.member(&label);
                    if label == COLLECTION_TYPE {
                        if !member.get().starts_with('"') {
                            return Err(place.fails(broken(Rule::Type)));
                        }
                        continue;
                    }
                    let within = WrapperPlace::Member;
                    let wrapper = Self::of_json(member, collections, within, &place)?;
                    inside.push((label, wrapper));
                }
                match inside.is_empty() {
                    true => Err(place.fails(broken(Rule::WrapperEmpty))),
                    false => Ok(Self::Collection(inside)),
                }
            }
            _ => Err(place.fails(broken(Rule::WrapperForm))),
        }
    }

    fn of_record(
        record: &[&RawValue],
        collections: u8,
        within: WrapperPlace,
        place: &Place<'_>,
    ) -> Result<Self, Error> {
        let (message_type, value, indicator) = match record {
            [message_type, value] => (message_type, value, None),
            [message_type, value, indicator] => (message_type, value, Some(indicator)),
            [] | [_] => return Err(place.fails(broken(Rule::Missing))),
            [..] => return Err(place.fails(broken(Rule::Excess))),
        };
        let not_base64 = || place.item(1).fails(Error::Base64 { field: "value" });
        let value: String = serde_json::from_str(value.get()).map_err(|_| not_base64())?;
        let value = text::from_base64(value.as_bytes()).ok_or_else(not_base64)?;
        let indicator = indicator.map(|bits| {
            let bits = serde_json::from_str(bits.get()).map_err(|_| Rule::WrapperIndicator);
            bits.and_then(Indicator::from_bits).map_err(|rule| place.item(2).fails(broken(rule)))
        });
        let indicator = indicator.transpose()?;
        let place = place.item(0);
        let name: Option<String> = serde_json::from_str(message_type.get()).ok();
        let message_type = match &name {
            Some(name) if name == CBOR_TUNNEL && within == WrapperPlace::Member => {
                return Self::of_cbor(&value, collections, &place);
            }
            Some(name) => MessageType::MediaType(name),
            None => {
                let number = serde_json::from_str(message_type.get());
                let number = number.map_err(|_| place.fails(broken(Rule::Type)))?;
                MessageType::ContentFormat(number)
            }
        };
        let message = WrappedMessage::new(message_type, &value, indicator, within);
        message.map(|message| Self::message(&message)).map_err(|rule| place.fails(broken(rule)))
    }

    /// The reference values in it.
    pub(super) fn references(self) -> Vec<WrappedReference> {
        match self {
            Self::Message { kind: Some(kind), value } if kind.is_reference() => {
                vec![WrappedReference { label: String::new(), bytes: value }]
            }
            Self::Message { .. } => Vec::new(),
            Self::Collection(members) => {
                let inside = members.into_iter().flat_map(|(label, member)| {
                    member.references().into_iter().map(move |inner| {
                        let dot = if inner.label.is_empty() { "" } else { "." };
                        let label = format!("{label}{dot}{}", inner.label);
                        WrappedReference { label, bytes: inner.bytes }
                    })
                });
                inside.collect()
            }
        }
    }

    fn message(message: &WrappedMessage<'_>) -> Self {
        Self::Message { kind: message.kind, value: message.value.to_vec() }
    }
}

fn name(label: Option<Label<'_>>) -> String {
    match label {
        Some(Label::Name(name)) => name.to_owned(),
        Some(Label::Number(number)) => number.to_string(),
        None => String::new(),
    }
}

impl Walk {
    /// The transcripts in a wrapper, with the certificates beside or around them.
    pub(super) fn wrapper(
        &mut self,
        wrapper: &Wrapper,
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        let members = match wrapper {
            Wrapper::Message { kind, value } => return self.message(*kind, value, place, around),
            Wrapper::Collection(members) => members,
        };
        let mut own: Option<ChainContent> = None;
        for (label, member) in members {
            let Wrapper::Message { kind: Some(MessageKind::Certificates), value } = member else {
                continue;
            };
            let place = place.member(label);
            let list = CertificateList::from_pem(value).map_err(|error| place.fails(error))?;
            self.note_passed_over(&list);
            let chain = ChainContent::Certificates(list.by_issuer());
            own = Some(match own {
                None => chain,
                Some(known) => {
                    one_of(known, chain).ok_or_else(|| place.fails(Error::OtherCertificates))?
                }
            });
        }
        let chain = own.map(Arc::new).or_else(|| around.chain.clone());
        let around = Around { chain, ..around.clone() };
        let mut found = Found::Nothing;
        for (label, member) in members {
            if self.wrapper(member, &place.member(label), &around)? != Found::Nothing {
                found = Found::Inside;
            }
        }
        Ok(found)
    }

    fn message(
        &mut self,
        kind: Option<MessageKind>,
        value: &[u8],
        place: &Place<'_>,
        around: &Around,
    ) -> Result<Found, Error> {
        match kind {
            Some(MessageKind::Transcript) => {
                if !standard_transcript::sniff(value) {
                    return Err(place.fails(Error::NotTranscript));
                }
                self.device(value, None, place, around)?;
                return Ok(Found::Device);
            }
            Some(MessageKind::Certificates) => {}
            Some(kind) if kind.is_reference() => self.note_message(Note::WrappedReference, kind),
            Some(kind) => {
                self.note_message(Note::OtherMessage { media_type: kind.media_type() }, kind);
            }
            None => self.add_note(Note::UnknownMessage),
        }
        Ok(Found::Nothing)
    }
}
