//! Conceptual message wrappers (CMW, draft-ietf-rats-msg-wrap): evidence, reference values and other messages of remote
//! attestation with their types, one by one or in collections.
//!
//! A wrapper protects nothing: what is in it has signatures of its own.

use core::fmt;

use minicbor::data::Type;
use spdm_untrusted::Untrusted;

use crate::cbor::{Label, Reader, Result};
use crate::error::{ReadError, Rule};

/// How deep collections may nest.
pub const MAX_COLLECTIONS: u8 = 4;

/// The label under which a collection names its own type, which is no member.
pub const COLLECTION_TYPE: &str = "__cmwc_t";

/// The type that marks a wrapper in JSON inside one in CBOR.
pub const JSON_TUNNEL: &str = "#cmw-j2c-tunnel";

/// The type that marks a wrapper in CBOR inside one in JSON.
pub const CBOR_TUNNEL: &str = "#cmw-c2j-tunnel";

/// The tags that are made of content formats (RFC 9277, appendix B).
const FIRST_TAG: u64 = 1_668_546_817;
const LAST_TAG: u64 = 1_668_612_095;

/// Of 256 tags the last one stands for no content format.
const TAGS: u64 = 256;
const FORMATS: u64 = 255;

/// What a message is used for, as the wrapper says (`ind`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Indicator(u64);

impl Indicator {
    /// Bit 2: evidence.
    const EVIDENCE: u64 = 4;
    /// Bits 0 to 4: reference values, endorsements, evidence, attestation results, appraisal policies.
    const KNOWN: u64 = 0x1F;

    /// The indicator with these bits.
    ///
    /// # Errors
    /// [`Rule::WrapperIndicator`] for a bit that has no meaning.
    pub const fn from_bits(bits: u64) -> core::result::Result<Self, Rule> {
        if bits & !Self::KNOWN != 0 {
            return Err(Rule::WrapperIndicator);
        }
        Ok(Self(bits))
    }

    /// Whether it says what the message is, and not that it is evidence.
    #[must_use]
    pub const fn excludes_evidence(self) -> bool {
        self.0 != 0 && self.0 & Self::EVIDENCE == 0
    }
}

/// The type of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the draft has these two")]
pub enum MessageType<'a> {
    /// A content format of CoAP.
    ContentFormat(u64),
    /// A media type, with its parameters.
    MediaType(&'a str),
}

/// The messages whose types are known here.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MessageKind {
    /// A signed Standard Measurement Transcript of the DMTF. Its type is not registered.
    Transcript,
    /// The certificates of a device in PEM (RFC 8555), which belong to the transcripts of their collection.
    Certificates,
    /// An Entity Attestation Token as a CWT (RFC 9782).
    EatCwt,
    /// Concise evidence of the TCG.
    ConciseEvidence,
    /// Reference values: an unsigned CoRIM.
    Corim,
    /// Reference values: a signed CoRIM.
    SignedCorim,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Transcript,
        Self::Certificates,
        Self::EatCwt,
        Self::ConciseEvidence,
        Self::Corim,
        Self::SignedCorim,
    ];

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Transcript => "application/vnd.dmtf.spdm.transcript",
            Self::Certificates => "application/pem-certificate-chain",
            Self::EatCwt => "application/eat+cwt",
            Self::ConciseEvidence => "application/ce+cbor",
            Self::Corim => "application/rim+cbor",
            Self::SignedCorim => "application/rim+cose",
        }
    }

    /// The content format, where one is registered.
    const fn content_format(self) -> Option<u64> {
        match self {
            Self::EatCwt => Some(263),
            Self::ConciseEvidence => Some(10_571),
            _ => None,
        }
    }

    /// Whether it is reference values.
    #[must_use]
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::Corim | Self::SignedCorim)
    }

    /// The kind of this type; `None` where it is not known. Parameters of a media type do not change it.
    #[must_use]
    pub fn of(message_type: MessageType<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| match message_type {
            MessageType::ContentFormat(format) => kind.content_format() == Some(format),
            MessageType::MediaType(name) => {
                let name = name.split_once(';').map_or(name, |(name, _)| name);
                name.trim_end().eq_ignore_ascii_case(kind.media_type())
            }
        })
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}

/// A message in its wrapper.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WrappedMessage<'a> {
    /// What it is; `None` where the type is not known, which only a member of a collection may have whose indicator says
    /// that it is no evidence.
    pub kind: Option<MessageKind>,
    /// The message.
    pub value: &'a [u8],
}

impl<'a> WrappedMessage<'a> {
    /// A message of this type.
    ///
    /// # Errors
    /// [`Rule::WrapperType`] for a type that is not known, where it may be evidence.
    pub fn new(
        message_type: MessageType<'_>,
        value: &'a [u8],
        indicator: Option<Indicator>,
        place: WrapperPlace,
    ) -> core::result::Result<Self, Rule> {
        let kind = MessageKind::of(message_type);
        let is_other =
            place == WrapperPlace::Member && indicator.is_some_and(Indicator::excludes_evidence);
        match kind.is_none() && !is_other {
            true => Err(Rule::WrapperType),
            false => Ok(Self { kind, value }),
        }
    }
}

/// Where a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a wrapper is in a collection or not")]
pub enum WrapperPlace {
    /// It is all there is.
    Alone,
    /// It is in a collection.
    Member,
}

/// What a reader of a wrapper comes across, from front to back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the draft has these")]
pub enum WrapperEvent<'a> {
    /// A collection begins; under this label where it is in another one.
    Begin(Option<Label<'a>>),
    /// A message; under this label where it is in a collection.
    Message(Option<Label<'a>>, WrappedMessage<'a>),
    /// A wrapper in JSON, under this label.
    Json(Label<'a>, &'a [u8]),
    /// The collection ends.
    End,
}

/// Whether bytes begin like a wrapper in CBOR: a record, a collection, or a tag that is made of a content format.
#[must_use]
pub fn is_wrapper(bytes: &[u8]) -> bool {
    begins(&mut Reader::new(bytes, 0)).unwrap_or(false)
}

fn begins(reader: &mut Reader<'_>) -> Result<bool> {
    match reader.peek(FIELD)? {
        Type::Tag => Ok(content_format(reader.tag(FIELD)?).is_some()),
        Type::Array | Type::ArrayIndef => {
            reader.enter_array(FIELD)?;
            match reader.peek(FIELD)? {
                Type::String => {
                    reader.text(FIELD)?;
                }
                _ => {
                    reader.uint(FIELD)?;
                }
            }
            Ok(matches!(reader.peek(FIELD)?, Type::Bytes | Type::BytesIndef))
        }
        Type::Map | Type::MapIndef => {
            reader.enter_map(FIELD)?;
            match reader.peek(FIELD)? {
                // Without a member.
                Type::Break => Ok(false),
                _ if reader.label(FIELD)? == Label::Name(COLLECTION_TYPE) => Ok(true),
                _ => begins(reader),
            }
        }
        _ => Ok(false),
    }
}

/// Reads a wrapper in CBOR, and tells `each` what is in it.
///
/// Collections may nest [`MAX_COLLECTIONS`] deep and have at least one member; of labels that are text there may be 32 in
/// each.
///
/// # Errors
/// [`ReadError`] of the groups `cbor`, `cddl`, `cmw`, `cmw.type` and `cmw.ind`. What `each` was told before is part of a
/// wrapper that is none.
pub fn read_wrapper<'a>(
    file: Untrusted<&'a [u8]>,
    each: &mut dyn FnMut(WrapperEvent<'a>),
) -> core::result::Result<(), ReadError> {
    let mut reader = Reader::new(file.into_inner_less_safe(), 0);
    wrapper(&mut reader, None, 0, each)?;
    reader.finish(FIELD)
}

const FIELD: &str = "cmw";

fn wrapper<'a>(
    reader: &mut Reader<'a>,
    label: Option<Label<'a>>,
    collections: u8,
    each: &mut dyn FnMut(WrapperEvent<'a>),
) -> Result<()> {
    let place = if label.is_some() { WrapperPlace::Member } else { WrapperPlace::Alone };
    let at = reader.at();
    match reader.peek(FIELD)? {
        Type::Tag => {
            let tag = reader.tag(FIELD)?;
            let unknown = ReadError::new(Rule::WrapperType, FIELD, at);
            let format = MessageType::ContentFormat(content_format(tag).ok_or(unknown)?);
            let value = reader.bytes("value")?;
            let message = WrappedMessage::new(format, value, None, place);
            each(WrapperEvent::Message(label, message.map_err(|_| unknown)?));
        }
        Type::Array | Type::ArrayIndef => each(record(reader, label, place)?),
        Type::Map | Type::MapIndef => {
            let collections = collections.saturating_add(1);
            if collections > MAX_COLLECTIONS {
                return Err(ReadError::new(Rule::WrapperDepth, FIELD, at));
            }
            each(WrapperEvent::Begin(label));
            let mut members = 0_u64;
            reader.map(FIELD, |reader, label| {
                if label == Label::Name(COLLECTION_TYPE) {
                    return collection_type(reader);
                }
                members = members.saturating_add(1);
                wrapper(reader, Some(label), collections, each)
            })?;
            if members == 0 {
                return Err(ReadError::new(Rule::WrapperEmpty, FIELD, at));
            }
            each(WrapperEvent::End);
        }
        _ => return Err(ReadError::new(Rule::WrapperForm, FIELD, at)),
    }
    Ok(())
}

/// A URI, or the content of an OBJECT IDENTIFIER.
fn collection_type(reader: &mut Reader<'_>) -> Result<()> {
    match reader.peek(COLLECTION_TYPE)? {
        Type::String => reader.text(COLLECTION_TYPE).map(drop),
        Type::Tag => {
            reader.expect_tag(111, COLLECTION_TYPE)?;
            reader.bytes(COLLECTION_TYPE).map(drop)
        }
        _ => reader.bytes(COLLECTION_TYPE).map(drop),
    }
}

/// Type, value, and what it is used for.
fn record<'a>(
    reader: &mut Reader<'a>,
    label: Option<Label<'a>>,
    place: WrapperPlace,
) -> Result<WrapperEvent<'a>> {
    let at = reader.at();
    let (mut message_type, mut value, mut indicator) = (None, None, None);
    let count = reader.array(FIELD, |reader| {
        if message_type.is_none() {
            message_type = Some(match reader.peek("type")? {
                Type::String => MessageType::MediaType(reader.text("type")?),
                _ => MessageType::ContentFormat(reader.uint("type")?),
            });
        } else if value.is_none() {
            value = Some(reader.bytes("value")?);
        } else if indicator.is_none() {
            let at = reader.at();
            let bits = reader.uint("ind")?;
            let read = Indicator::from_bits(bits);
            indicator = Some(read.map_err(|rule| ReadError::new(rule, "ind", at))?);
        } else {
            return Err(reader.error(Rule::Excess, FIELD));
        }
        Ok(())
    })?;
    let (Some(message_type), Some(value)) = (message_type, value) else {
        return Err(ReadError::new(Rule::Missing, FIELD, at));
    };
    match label {
        Some(label) if count == 2 && message_type == MessageType::MediaType(JSON_TUNNEL) => {
            Ok(WrapperEvent::Json(label, value))
        }
        _ => {
            let message = WrappedMessage::new(message_type, value, indicator, place);
            let message = message.map_err(|rule| ReadError::new(rule, "type", at))?;
            Ok(WrapperEvent::Message(label, message))
        }
    }
}

/// The content format that a tag is made of.
const fn content_format(tag: u64) -> Option<u64> {
    if tag < FIRST_TAG || tag > LAST_TAG {
        return None;
    }
    let number = tag - FIRST_TAG;
    if number % TAGS == FORMATS {
        return None;
    }
    Some(number / TAGS * FORMATS + number % TAGS)
}

#[cfg(test)]
mod tests {
    use spdm_untrusted::Untrusted;

    use super::{FIRST_TAG, LAST_TAG, content_format, read_wrapper};
    use crate::error::Rule;

    /// What breaks a rule, where it is said.
    #[test]
    fn rules_and_their_places() {
        let read = |bytes: &[u8]| {
            let read = read_wrapper(Untrusted::new(bytes), &mut |_| {});
            read.map_err(|error| (error.rule, error.at))
        };
        let collections = |count: usize| {
            let mut file = [0xA1; 64];
            for label in file.iter_mut().skip(1).step_by(2).take(count) {
                *label = 0;
            }
            let end = 2 * count;
            file[end..end + 6].copy_from_slice(&[0x82, 0x19, 1, 7, 0x41, 0xD2]);
            (file, end + 6)
        };
        for (count, verdict) in [(0, Ok(())), (4, Ok(())), (5, Err((Rule::WrapperDepth, 8)))] {
            let (file, len) = collections(count);
            assert_eq!(read(&file[..len]), verdict, "{count}");
        }
        let (file, len) = collections(1);
        assert_eq!(read(&file[..len + 1]), Err((Rule::Trailing, len)));
        assert_eq!(read(&[0xA1, 0, 0xA0]), Err((Rule::WrapperEmpty, 2)));
        assert_eq!(read(&[0x82, 0, 0x40]), Err((Rule::WrapperType, 0)));
        assert_eq!(read(&[0x83, 0x19, 1, 7, 0x40, 0x18, 32]), Err((Rule::WrapperIndicator, 5)));
        assert_eq!(read(&[0x84, 0x19, 1, 7, 0x40, 4, 4]), Err((Rule::Excess, 6)));
        assert_eq!(read(&[0x81, 0x19, 1, 7]), Err((Rule::Missing, 0)));
        assert_eq!(read(&[0x18, 0x20]), Err((Rule::WrapperForm, 0)));
    }

    #[test]
    fn content_formats_of_tags() {
        assert_eq!(content_format(FIRST_TAG), Some(0));
        assert_eq!(content_format(1_668_576_935), Some(30_001));
        assert_eq!(content_format(FIRST_TAG + 254), Some(254));
        assert_eq!(content_format(FIRST_TAG + 255), None);
        assert_eq!(content_format(FIRST_TAG + 256), Some(255));
        assert_eq!(content_format(LAST_TAG), Some(65_024));
        assert_eq!((content_format(FIRST_TAG - 1), content_format(LAST_TAG + 1)), (None, None));
    }
}
