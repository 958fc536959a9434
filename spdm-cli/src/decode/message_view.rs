//! One decoded message, as text and as JSON.

use serde::{Serialize, Serializer};
use spdm_codec::{AnyMessage, Cx, DecodeError, Header, Request, Response, Side, SpdmVersion};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_evidence::{Content, FoundMessage, NotOpened, Origin, SecuredRecord};
use spdm_untrusted::Untrusted;

use crate::object_head::FormVersion;
use crate::render::{self, Fields, Row, Style, Table};

/// One message: `docs/schema/decode.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "One message of spdm decode --json",
        description = "One object per line. What is inside of a message follows it, with the same number and a larger \
                       depth."
    )
)]
pub(crate) struct MessageView {
    schema: FormVersion<1>,
    /// Place of the captured message in the file, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    number: usize,
    /// Which of the conversations of a capture it belongs to, from 0: TCP connections, pairs of MCTP endpoints.
    channel: usize,
    /// 0 for what was captured, 1 for what is inside that, and so on.
    depth: usize,
    /// Where the message comes from.
    origin: OriginWord,
    kind: Kind,
    /// The name of DSP0274, for example KEY_EXCHANGE.
    name: String,
    /// SPDMVersion: 1.2, or hexadecimal where it is none.
    version: Option<String>,
    /// SessionID of the session that it travels in.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{8}$")))]
    session: Option<String>,
    /// null where it is not known: a record that was not opened.
    #[serde(serialize_with = "sender")]
    #[cfg_attr(test, schemars(with = "Option<SideWord>"))]
    sender: Option<Side>,
    /// In bytes, with what the transport appended.
    length: usize,
    /// What it says, in a few words for people.
    gist: String,
    /// In the order of the wire. Where decoding stopped, the last one is called not decoded.
    fields: Vec<FieldView>,
    /// Why it could not be decoded or opened.
    error: Option<ErrorView>,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A request.
    Request,
    /// A response.
    Response,
    /// A record of a session.
    Secured,
    /// The content of a record that is not SPDM.
    Application,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Origin"))]
#[serde(rename_all = "snake_case")]
enum OriginWord {
    /// It was captured as it is.
    Captured,
    /// Put together from chunks.
    Chunks,
    /// Inside CHUNK_SEND_ACK.
    ChunkSendAck,
    /// An encapsulated message.
    Encapsulated,
    /// Inside a record of a session.
    Record,
    /// From somewhere else.
    Other,
}

impl From<Origin> for OriginWord {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Captured => Self::Captured,
            Origin::Chunks => Self::Chunks,
            Origin::ChunkSendAck => Self::ChunkSendAck,
            Origin::Encapsulated => Self::Encapsulated,
            Origin::Record => Self::Record,
            _ => Self::Other,
        }
    }
}

/// One of the two ends of a connection.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Side"))]
#[serde(remote = "Side", rename_all = "lowercase")]
enum SideWord {
    Requester,
    Responder,
}

/// A field of a message.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct FieldView {
    /// The name of the specification.
    name: &'static str,
    /// From the first byte of this message.
    offset: usize,
    #[serde(serialize_with = "as_hex")]
    #[cfg_attr(test, schemars(with = "String", regex(pattern = schema::HEX)))]
    bytes: Vec<u8>,
    meaning: Option<String>,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// The field where decoding stopped.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ErrorView {
    message: String,
    field: &'static str,
    offset: usize,
}

/// The result of decoding, besides the fields.
struct DecodedView {
    kind: Kind,
    name: String,
    sender: Option<Side>,
    gist: String,
    error: Option<ErrorView>,
}

impl MessageView {
    pub(super) fn new(found: &FoundMessage, number: usize, channel: usize) -> Self {
        let mut fields = Fields::new(&found.bytes);
        let (version, read) = match found.content {
            Content::Message(cx) => {
                let version = found.bytes.first().map(|byte| render::version(*byte));
                (version, message(found, &cx, &mut fields))
            }
            Content::Record(record) => (None, self::record(&record, &found.bytes, &mut fields)),
            _ => (None, application(&found.bytes, &mut fields)),
        };
        if read.error.is_some() {
            fields.not_decoded(&found.bytes);
        }
        Self {
            schema: FormVersion,
            number,
            channel,
            depth: found.depth,
            origin: found.origin.into(),
            kind: read.kind,
            name: read.name,
            version,
            session: found.session_id.map(|id| format!("{id:08x}")),
            sender: read.sender,
            length: found.bytes.len(),
            gist: read.gist,
            fields: fields.rows.iter().map(FieldView::from).collect(),
            error: read.error,
        }
    }

    /// Whether a part of it could not be decoded or opened.
    pub(super) const fn is_faulty(&self) -> bool {
        self.error.is_some()
    }

    /// A line; with a `verbosity` above 0 every field with all its bytes.
    pub(super) fn text(&self, style: Style, verbosity: u8) -> String {
        let indent = "  ".repeat(self.depth);
        let mut text = format!("{indent}{}", self.headline(style));
        if verbosity > 0 {
            for line in self.table(style).lines() {
                text.push_str(&format!("{indent}{line}\n"));
            }
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("{indent}      {}: {}\n", style.bad("error"), error.message));
        }
        text
    }

    fn headline(&self, style: Style) -> String {
        let Self { name, length, gist, .. } = self;
        let number = if self.depth == 0 { self.number.to_string() } else { String::new() };
        let arrow = match self.sender {
            Some(Side::Requester) => "->",
            Some(Side::Responder) => "<-",
            None => "--",
        };
        let version = self.version.as_deref().unwrap_or("-");
        let remark = match self.origin {
            OriginWord::Chunks => " (put together)",
            OriginWord::ChunkSendAck => " (answer)",
            OriginWord::Encapsulated => " (encapsulated)",
            _ => "",
        };
        let gist = if gist.is_empty() { String::new() } else { format!("  {gist}") };
        let name = style.strong(name);
        format!("{number:>4}  {arrow} {version}  {name}{remark}  {length} bytes{gist}\n")
    }

    fn table(&self, style: Style) -> String {
        let mut table = Table::default();
        for field in &self.fields {
            table.row([format!("{:6}", field.offset), field.name.to_owned(), value(field)]);
        }
        let wrong = self.error.as_ref().map(|error| error.offset);
        table.show(style, |row, column, cell| {
            let at = self.fields.get(row).map(|field| field.offset);
            if at == wrong && at.is_some() {
                style.bad(cell)
            } else if column == 0 {
                style.faint(cell)
            } else {
                cell.to_owned()
            }
        })
    }
}

/// The bytes of a field and what they mean. The meanings of short values stand below each other.
fn value(field: &FieldView) -> String {
    let hex = hex::encode(&field.bytes);
    match &field.meaning {
        Some(meaning) => format!("{hex:<10}  {meaning}"),
        None => hex,
    }
}

fn message(found: &FoundMessage, cx: &Cx, fields: &mut Fields) -> DecodedView {
    let raw = Untrusted::new(found.bytes.as_slice());
    let header = match Header::peek(raw) {
        Ok(header) => header,
        Err(error) => {
            fields.rows.clear();
            return DecodedView {
                kind: Kind::Response,
                name: "no message".to_owned(),
                sender: None,
                gist: String::new(),
                error: Some(ErrorView::from(&error)),
            };
        }
    };
    let kind = if header.code.is_request() { Kind::Request } else { Kind::Response };
    let (gist, error) = match AnyMessage::decode_traced(raw, cx, fields) {
        Ok(message) => (gist(&message, fields), ErrorView::of_unknown(header)),
        Err(error) => (String::new(), Some(ErrorView::from(&error))),
    };
    let name = header.code.to_string();
    DecodedView { kind, name, sender: Some(sent_by(kind, found.origin)), gist, error }
}

/// The Requester sends requests, except for encapsulated ones, which the Responder sends.
fn sent_by(kind: Kind, origin: Origin) -> Side {
    match (kind == Kind::Request, origin == Origin::Encapsulated) {
        (true, false) | (false, true) => Side::Requester,
        (true, true) | (false, false) => Side::Responder,
    }
}

fn gist(message: &AnyMessage<'_>, fields: &mut Fields) -> String {
    match message {
        AnyMessage::Request(request) => {
            match request {
                Request::Other { bytes, .. } => fields.rows = Fields::opaque(bytes),
                Request::VendorDefined(decoded) => fields.vendor_defined(&decoded.message.0),
                _ => {}
            }
            render::request(request)
        }
        AnyMessage::Response(response) => {
            match response {
                Response::Other { bytes, .. } => fields.rows = Fields::opaque(bytes),
                Response::VendorDefined(decoded) => fields.vendor_defined(&decoded.message.0),
                _ => {}
            }
            render::response(response)
        }
    }
}

fn record(record: &SecuredRecord, bytes: &[u8], fields: &mut Fields) -> DecodedView {
    // A malformed record is reported below, by `record.opened`.
    let _ = record.trace(bytes, fields);
    let session = match record.session_id {
        Some(id) => format!("session {id:08x}"),
        None => "no session".to_owned(),
    };
    let (gist, sender, error) = match record.opened {
        Ok(sender) => (session, Some(sender), None),
        Err(NotOpened::NoSecrets) => {
            (format!("{session}, not opened: its keys are not known"), None, None)
        }
        Err(reason) => (
            format!("{session}, not opened"),
            None,
            Some(ErrorView::of_record(&reason, &fields.rows)),
        ),
    };
    let name = "secured message".to_owned();
    DecodedView { kind: Kind::Secured, name, sender, gist, error }
}

fn application(bytes: &[u8], fields: &mut Fields) -> DecodedView {
    let (name, at, meaning) = ("data", 0, None);
    fields.rows = vec![Row { name, at, bytes: bytes.to_vec(), meaning }];
    DecodedView {
        kind: Kind::Application,
        name: "application data".to_owned(),
        sender: None,
        gist: "not SPDM".to_owned(),
        error: None,
    }
}

fn sender<S: Serializer>(sender: &Option<Side>, serializer: S) -> Result<S::Ok, S::Error> {
    match sender {
        Some(side) => SideWord::serialize(side, serializer),
        None => serializer.serialize_none(),
    }
}

impl From<&Row> for FieldView {
    fn from(row: &Row) -> Self {
        Self {
            name: row.name,
            offset: row.at,
            bytes: row.bytes.clone(),
            meaning: row.meaning.clone(),
        }
    }
}

impl ErrorView {
    /// A code or version that no version of SPDM defines: the bytes are probably no message.
    fn of_unknown(header: Header) -> Option<Self> {
        let (field, offset, got) = if SpdmVersion::from_byte(header.version).is_none() {
            ("SPDMVersion", 0, header.version)
        } else if header.code.name().is_none() {
            ("RequestResponseCode", 1, header.code.0)
        } else {
            return None;
        };
        let message = format!("no SPDM message: {field} at offset {offset} is {got:#04x}");
        Some(Self { message, field, offset })
    }

    /// The field because of which a record was not opened.
    fn of_record(reason: &NotOpened, rows: &[Row]) -> Self {
        let field = match reason {
            NotOpened::Record(error) => return Self::from(error),
            NotOpened::NoSecrets | NotOpened::NoKeys => "SessionID",
            NotOpened::Tag => "MAC",
            _ => "ApplicationData",
        };
        let at = rows.iter().find(|row| row.name == field).map(|row| row.at);
        Self { message: format!("secured message: {reason}"), field, offset: at.unwrap_or(0) }
    }
}

impl From<&DecodeError> for ErrorView {
    fn from(error: &DecodeError) -> Self {
        Self { message: error.to_string(), field: error.field, offset: error.at }
    }
}
