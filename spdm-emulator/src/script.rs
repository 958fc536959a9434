//! Misbehaviour by script: any field of any message, at any step, and whatever a transport can do.

use core::fmt;
use core::time::Duration;

use spdm_codec::{Code, Cx, ErrorCode, Field, Response};
use spdm_untrusted::Untrusted;

/// What happens at one step of a conversation.
///
/// ```
/// use spdm_codec::Code;
/// use spdm_emulator::{Act, DeviceConfig, Edit, Position, ScriptStep, When};
///
/// let config = DeviceConfig {
///     script: vec![
///         // The signature is over what is sent: only the check of the field can notice.
///         ScriptStep::new(Code::CHALLENGE, When::Always, Act::Change(Edit::set("Param2", 0))),
///         // The second portion of the chain is changed on its way.
///         ScriptStep::new(Code::GET_CERTIFICATE, When::Nth(1), Act::Tamper(Edit::Flip(Position::FromEnd(0), 1))),
///     ],
///     ..DeviceConfig::default()
/// };
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScriptStep {
    request: Code,
    when: When,
    act: Act,
}

impl ScriptStep {
    /// Does this when such a request comes: CHUNK_SEND and CHUNK_GET are requests, too, and what travels in
    /// chunks is also a request of its own.
    #[must_use]
    pub const fn new(request: Code, when: When, act: Act) -> Self {
        Self { request, when, act }
    }
}

/// Which of the requests with the same code, counted from 0 since the device was made or reset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers build it")]
pub enum When {
    /// Each.
    Always,
    /// Only this one.
    Nth(u32),
    /// This one and all later ones.
    From(u32),
    /// All before this one.
    Before(u32),
}

impl When {
    const fn holds(self, count: u32) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(n) => count == n,
            Self::From(n) => count >= n,
            Self::Before(n) => count < n,
        }
    }
}

/// What happens to a request or its response.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Act {
    /// The device makes the response so: its transcripts and its signature are about the changed bytes.
    /// Without effect on chunk messages and ERROR.
    Change(Edit),
    /// The response is changed on its way: transcripts and signature are about the original.
    Tamper(Edit),
    /// The response is replaced by these bytes on its way.
    Replace(Vec<u8>),
    /// The request is not looked at; this ERROR is the answer.
    Refuse {
        /// `ErrorCode`.
        code: ErrorCode,
        /// `ErrorData`.
        data: u8,
        /// `ExtendedErrorData`.
        extended: Vec<u8>,
    },
    /// The request never arrives.
    LoseRequest,
    /// The response never arrives.
    LoseResponse,
    /// The response arrives this much later.
    Delay(Duration),
    /// The response arrives twice, the second time this much later.
    Duplicate(Duration),
    /// The response of the request before arrives instead.
    Stale,
    /// The connection breaks; the response is lost.
    Disconnect,
}

/// A change of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Edit {
    /// Overwrites a position with a little-endian number, in as many bytes as are there.
    Set(Position, u64),
    /// Inverts these bits of the first byte at a position.
    Flip(Position, u8),
    /// Puts bytes in front of a position.
    Insert(Position, Vec<u8>),
    /// Takes out what is at a position.
    Remove(Position),
    /// Keeps only so many bytes from the start.
    Truncate(usize),
    /// Appends bytes.
    Append(Vec<u8>),
}

impl Edit {
    /// Overwrites the first field of this name.
    #[must_use]
    pub const fn set(field: &'static str, value: u64) -> Self {
        Self::Set(Position::Field(field, 0), value)
    }

    /// Changes a message; `cx` is what it can be decoded with. A place that is not there changes nothing.
    pub(crate) fn apply(&self, cx: &Cx, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => bytes.truncate(*len),
            Self::Append(more) => bytes.extend(more),
            Self::Set(position, value) => {
                let Some((at, len)) = position.find(cx, bytes) else { return };
                let place = bytes.get_mut(at..at + len).unwrap_or_default();
                place.iter_mut().zip(value.to_le_bytes()).for_each(|(to, from)| *to = from);
            }
            Self::Flip(position, bits) => {
                let Some((at, _)) = position.find(cx, bytes) else { return };
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Self::Insert(position, more) => {
                let Some((at, _)) = position.find(cx, bytes) else { return };
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(position) => {
                let Some((at, len)) = position.find(cx, bytes) else { return };
                bytes.splice(at..at + len, []);
            }
        }
    }
}

/// A position in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Position {
    /// The nth field of this name, from 0; the name is spelled as in the specification.
    Field(&'static str, usize),
    /// A byte, counted from the start.
    Offset(usize),
    /// A byte, counted from the end: 0 is the last one.
    FromEnd(usize),
}

impl Position {
    /// Offset and length in bytes.
    fn find(self, cx: &Cx, bytes: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::Offset(at) => (at < bytes.len()).then_some((at, 1)),
            Self::FromEnd(back) => bytes.len().checked_sub(back + 1).map(|at| (at, 1)),
            Self::Field(name, nth) => {
                let fields = fields(cx, bytes);
                fields
                    .into_iter()
                    .filter(|(n, ..)| *n == name)
                    .nth(nth)
                    .map(|(_, at, len)| (at, len))
            }
        }
    }
}

/// The fields of a response as far as it can be decoded: name, offset, bytes.
fn fields(cx: &Cx, bytes: &[u8]) -> Vec<(&'static str, usize, usize)> {
    let summaries = [0, cx.hash_len];
    let signatures = [cx.signature_len, 0];
    let mut most = Vec::new();
    for (summary, signature) in
        summaries.into_iter().flat_map(|summary| signatures.map(|signature| (summary, signature)))
    {
        let cx = cx.with_summary_len(summary).with_signature_len(signature);
        let mut seen = Vec::new();
        let mut trace = |field: Field<'_>| seen.push((field.name, field.at, field.bytes.len()));
        let whole = Response::decode_traced(Untrusted::new(bytes), &cx, &mut trace).is_ok();
        if whole {
            return seen;
        }
        if seen.len() > most.len() {
            most = seen;
        }
    }
    most
}

/// What a device puts on the line in answer to one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The messages, each with the time it takes to arrive.
    pub messages: Vec<(Duration, Vec<u8>)>,
    /// Whether the connection is still there afterwards.
    pub line: LinkState,
    /// What a record of a session held, where the device opened it: for logs.
    pub inside: Option<Inside>,
}

/// What is inside of a record that the device opened, and inside of the one that it answered with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Inside {
    /// `SessionID`.
    pub session_id: u32,
    /// The request.
    pub request: Vec<u8>,
    /// The answer before it was sealed; empty where there is none.
    pub response: Vec<u8>,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is there or it is not")]
pub enum LinkState {
    /// It is there.
    #[default]
    Up,
    /// It broke.
    Down,
}

/// How often each request came.
#[derive(Default)]
pub(crate) struct Counters(Vec<(Code, u32)>);

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl Counters {
    /// Counts a request: what the script says of it.
    pub(crate) fn acts<'s>(&mut self, script: &'s [ScriptStep], request: Code) -> Vec<&'s Act> {
        let count = match self.0.iter_mut().find(|(code, _)| *code == request) {
            Some((_, count)) => {
                *count += 1;
                *count - 1
            }
            None => {
                self.0.push((request, 1));
                0
            }
        };
        let of_request = script.iter().filter(|step| step.request == request);
        of_request.filter(|step| step.when.holds(count)).map(|step| &step.act).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Position, When};
    use spdm_codec::{Cx, SpdmVersion};

    const CAPABILITIES: [u8; 20] =
        [0x12, 0x61, 0, 0, 0, 14, 0, 0, 6, 0, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0];

    fn edited(edit: &Edit) -> Vec<u8> {
        let mut bytes = CAPABILITIES.to_vec();
        edit.apply(&Cx::new(SpdmVersion::V1_2), &mut bytes);
        bytes
    }

    #[test]
    fn fields_are_found_by_name() {
        assert_eq!(edited(&Edit::set("CTExponent", 0x1FF))[5], 0xFF);
        assert_eq!(edited(&Edit::set("DataTransferSize", 42))[12..16], [42, 0, 0, 0]);
        assert_eq!(edited(&Edit::set("NoSuchField", 42)), CAPABILITIES);
        let size = Position::Field("MaxSPDMmsgSize", 0);
        assert_eq!(edited(&Edit::Remove(size)), CAPABILITIES[..16]);
        assert_eq!(edited(&Edit::Flip(Position::FromEnd(0), 0x80))[19], 0x80);
        assert_eq!(edited(&Edit::Flip(Position::Offset(20), 0x80)), CAPABILITIES);
        let longer = edited(&Edit::Insert(Position::Offset(4), vec![1, 2]));
        assert_eq!(longer[..8], [0x12, 0x61, 0, 0, 1, 2, 0, 14]);
        assert_eq!(edited(&Edit::Truncate(3)), CAPABILITIES[..3]);
        assert_eq!(edited(&Edit::Append(vec![7]))[19..], [0, 7]);
    }

    #[test]
    fn steps_are_counted() {
        let rows = [
            (When::Always, [true, true, true]),
            (When::Nth(1), [false, true, false]),
            (When::From(1), [false, true, true]),
            (When::Before(1), [true, false, false]),
        ];
        for (when, expected) in rows {
            assert_eq!([0, 1, 2].map(|count| when.holds(count)), expected);
        }
    }
}
