//! `spdm decode`: messages, field by field.

mod context;
mod input;

use serde::{Serialize, Serializer};
use spdm_codec::{DecodeError, Header, Request, Response, SpdmVersion};
use spdm_evidence::Layer;
use spdm_untrusted::Untrusted;

use crate::args::DecodeArgs;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;
use crate::render::{self, Fields, Row, Style, Table, hex_cut};
use context::Context;
use input::Input;

/// Bytes of a field that are shown, unless -vv is given.
const SHOWN_LEN: usize = 32;

/// One message as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    schema: u32,
    /// Place in the file, from 1.
    number: usize,
    kind: Kind,
    name: String,
    version: Option<String>,
    length: usize,
    gist: String,
    fields: Vec<ShownField>,
    error: Option<ShownError>,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Request,
    Response,
    /// A secured message: its content takes the keys of its session.
    Secured,
}

#[derive(Debug, Serialize)]
struct ShownField {
    name: &'static str,
    offset: usize,
    #[serde(serialize_with = "as_hex")]
    bytes: Vec<u8>,
    meaning: Option<String>,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

#[derive(Debug, Serialize)]
struct ShownError {
    message: String,
    field: &'static str,
    offset: usize,
}

/// Decodes every message of the file; one that cannot be decoded does not stop the rest.
pub(crate) fn run(args: &DecodeArgs, console: &mut Console) -> Result<Exit, Failure> {
    let bytes = file::read(&args.file)?;
    let name = file::name(&args.file);
    let input = Input::read(&bytes, args.format)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    for note in &input.notes {
        console.note(&format!("{name}: {note}"));
    }
    if input.pieces.is_empty() {
        return Err(Failure::usage(format!("{name}: there is no SPDM message in it")));
    }
    let mut decoder = Decoder { context: Context::new(input.padding), number: 0, exit: Exit::Done };
    for piece in &input.pieces {
        match piece.layer {
            Layer::Plain if input.framed => decoder.message(&piece.bytes, console)?,
            Layer::Plain => decoder.back_to_back(&piece.bytes, console)?,
            _ => decoder.secured(&piece.bytes, console)?,
        }
    }
    Ok(decoder.exit)
}

struct Decoder {
    context: Context,
    number: usize,
    exit: Exit,
}

impl Decoder {
    /// Messages that nothing frames.
    fn back_to_back(&mut self, bytes: &[u8], console: &mut Console) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (message, behind) =
                rest.split_at_checked(self.context.extent(rest)).unwrap_or((rest, &[]));
            self.message(message, console)?;
            rest = behind;
        }
        Ok(())
    }

    fn message(&mut self, message: &[u8], console: &mut Console) -> Result<(), Failure> {
        self.number += 1;
        let shown = self.decode(message);
        print(&shown, "", console)?;
        if let Some(whole) = self.context.reassembled() {
            let shown = self.decode(&whole);
            print(&shown, " (put together)", console)?;
        }
        Ok(())
    }

    fn secured(&mut self, bytes: &[u8], console: &mut Console) -> Result<(), Failure> {
        self.number += 1;
        let shown = Shown {
            schema: 1,
            number: self.number,
            kind: Kind::Secured,
            name: "secured message".to_owned(),
            version: None,
            length: bytes.len(),
            gist: "not opened: its keys are not known".to_owned(),
            fields: Vec::new(),
            error: None,
        };
        print(&shown, "", console)
    }

    fn decode(&mut self, message: &[u8]) -> Shown {
        let raw = Untrusted::new(message);
        let header = Header::peek(raw);
        let mut fields = Fields::new(message);
        let (kind, gist) = match header {
            Err(error) => (Kind::Response, Err(error)),
            Ok(header) => {
                let cx = self.context.cx(message);
                if header.code.is_request() {
                    let request = Request::decode_traced(raw, &cx, &mut fields);
                    (Kind::Request, request.map(|request| self.request(&request, &mut fields)))
                } else {
                    let response = Response::decode_traced(raw, &cx, &mut fields);
                    (Kind::Response, response.map(|response| self.response(&response, &mut fields)))
                }
            }
        };
        let (gist, error) = match (gist, header) {
            (Ok(gist), Ok(header)) => (gist, ShownError::of_unknown(header)),
            (Ok(gist), Err(_)) => (gist, None),
            (Err(error), _) => (String::new(), Some(ShownError::from(&error))),
        };
        if error.is_some() {
            self.exit = self.exit.max(Exit::Usage);
        }
        Shown {
            schema: 1,
            number: self.number,
            kind,
            name: header.map_or_else(|_| "no message".to_owned(), |h| h.code.to_string()),
            version: header.ok().map(|header| render::version(header.version)),
            length: message.len(),
            gist,
            fields: fields.rows.iter().map(ShownField::from).collect(),
            error,
        }
    }

    fn request(&mut self, request: &Request<'_>, fields: &mut Fields) -> String {
        self.context.request(request);
        if let Request::Other { bytes, .. } = request {
            fields.rows = Fields::opaque(bytes);
        }
        render::request(request)
    }

    fn response(&mut self, response: &Response<'_>, fields: &mut Fields) -> String {
        self.context.response(response);
        if let Response::Other { bytes, .. } = response {
            fields.rows = Fields::opaque(bytes);
        }
        render::response(response)
    }
}

impl From<&Row> for ShownField {
    fn from(row: &Row) -> Self {
        Self {
            name: row.name,
            offset: row.at,
            bytes: row.bytes.clone(),
            meaning: row.meaning.clone(),
        }
    }
}

impl ShownError {
    /// What no version of SPDM knows is no message.
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
}

impl From<&DecodeError> for ShownError {
    fn from(error: &DecodeError) -> Self {
        Self { message: error.to_string(), field: error.field, offset: error.at }
    }
}

fn print(shown: &Shown, remark: &str, console: &mut Console) -> Result<(), Failure> {
    if console.json() {
        return console.object(shown);
    }
    let (style, verbosity) = (console.style(), console.verbosity());
    let mut text = headline(shown, remark, style);
    if verbosity > 0 {
        text.push_str(&table(shown, style, if verbosity > 1 { usize::MAX } else { SHOWN_LEN }));
    }
    if let Some(error) = &shown.error {
        text.push_str(&format!("      {}: {}\n", style.bad("error"), error.message));
    }
    console.report(&text)
}

fn headline(shown: &Shown, remark: &str, style: Style) -> String {
    let Shown { number, name, length, gist, .. } = shown;
    let arrow = match shown.kind {
        Kind::Request => "->",
        Kind::Response => "<-",
        Kind::Secured => "--",
    };
    let version = shown.version.as_deref().unwrap_or("-");
    let gist = if gist.is_empty() { String::new() } else { format!("  {gist}") };
    let name = style.strong(name);
    format!("{number:4}  {arrow} {version}  {name}{remark}  {length} bytes{gist}\n")
}

fn table(shown: &Shown, style: Style, most: usize) -> String {
    let mut table = Table::default();
    for field in &shown.fields {
        table.row([
            format!("{:6}", field.offset),
            field.name.to_owned(),
            hex_cut(&field.bytes, most),
            field.meaning.clone().unwrap_or_default(),
        ]);
    }
    table.show(|_, column, cell| if column == 0 { style.faint(cell) } else { cell.to_owned() })
}
