//! Hexadecimal as people paste it: dumps with offsets and text columns, arrays of source code, lines of a log.

use core::mem;
use std::borrow::Cow;

use super::input::InputError;
use super::wrapped::begins;

/// A line of at least so many bytes may be continued by the next one, as in the output of `xxd -p`.
const WRAPPED: usize = 16;
/// What shows the direction, in front of a line.
const ARROWS: [char; 4] = ['<', '>', '-', ' '];
/// Bytes behind the words of a log; fewer may be anything.
const LOGGED: usize = 4;
/// In so many places of a line bytes are looked for, and in lines of at most so many characters.
const PLACES: usize = 32;
const LOG_LINE: usize = 1 << 20;

/// The messages in a text.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct HexText {
    pub(super) messages: Vec<Vec<u8>>,
    /// Lines that hold no hexadecimal, between others that do.
    pub(super) passed_over: usize,
}

/// What a line is.
#[derive(Debug, Eq, PartialEq)]
enum Line {
    /// Nothing, or a comment.
    Empty,
    /// A line of a dump that says the number of its first byte.
    Dump {
        begins: bool,
        bytes: Vec<u8>,
    },
    /// The length behind the last line of a dump.
    EndsDump,
    /// A line of a dump that is not the next one: how many bytes should be before it.
    OutOfOrder {
        expected: usize,
    },
    Bytes {
        bytes: Vec<u8>,
        goes_on: bool,
    },
    /// An array of source code begins.
    OpensArray,
    /// Bytes behind the words of a log.
    Logged(Vec<u8>),
    Text,
}

/// What the lines before say about the next one.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// Bytes of the dump so far.
    dump: Option<usize>,
    /// The length of a line that the next one may continue.
    wrapped: Option<usize>,
    /// The line ended with a comma.
    comma: bool,
}

/// One message per line, unless the lines say otherwise: a dump with offsets begins a message at each offset 0; lines of
/// the same length that do not begin like a message, and lines behind a comma, go on with the one before.
///
/// # Errors
/// [`InputError::NotHex`] for a line of something else, unless offsets or words in front of bytes show that this is a
/// dump or a log, whose other lines are counted; [`InputError::Offset`] where a line of a dump is missing.
pub(super) fn read(text: &str) -> Result<HexText, InputError> {
    let mut found = HexText::default();
    let mut before = Before::default();
    let (mut first_text, mut is_annotated) = (None, false);
    for (number, text) in (1..).zip(text.lines()) {
        let was = mem::take(&mut before);
        let text = text.trim().trim_start_matches(ARROWS);
        match line(text, was) {
            Line::Empty => before.comma = was.comma,
            Line::EndsDump => {}
            Line::Dump { begins: false, bytes } if was.dump.is_some() => {
                before.dump = was.dump.map(|len| len + bytes.len());
                found.go_on(bytes);
            }
            Line::Dump { bytes, .. } => {
                is_annotated = true;
                before.dump = Some(bytes.len());
                found.messages.push(bytes);
            }
            Line::OutOfOrder { expected } => {
                return Err(InputError::Offset { line: number, expected });
            }
            // Words of a dump may be hexadecimal, too.
            Line::Bytes { bytes, goes_on: false } if is_annotated && !begins(&bytes) => {
                found.passed_over += 1;
            }
            Line::Bytes { bytes, goes_on } => {
                before.comma = uncommented(text).ends_with([',', '\\']);
                before.wrapped = Some(bytes.len());
                match goes_on {
                    true => found.go_on(bytes),
                    false => found.messages.push(bytes),
                }
            }
            Line::OpensArray => is_annotated = true,
            Line::Logged(bytes) => {
                is_annotated = true;
                found.messages.push(bytes);
            }
            Line::Text => {
                first_text = first_text.or(Some(number));
                found.passed_over += 1;
            }
        }
    }
    match first_text {
        Some(line) if !is_annotated => Err(InputError::NotHex { line }),
        _ => Ok(found),
    }
}

impl HexText {
    fn go_on(&mut self, bytes: Vec<u8>) {
        match self.messages.last_mut() {
            Some(message) => message.extend(bytes),
            None => self.messages.push(bytes),
        }
    }
}

fn uncommented(text: &str) -> Cow<'_, str> {
    let text = text.split('#').next().unwrap_or_default();
    let text = text.split("//").next().unwrap_or_default().trim_end();
    let mut kept = Cow::Borrowed(text);
    while let Some((before, comment)) = kept.split_once("/*") {
        let behind = comment.split_once("*/").map_or("", |(_, behind)| behind);
        kept = Cow::Owned(format!("{before} {behind}").trim_end().to_owned());
    }
    kept
}

fn line(text: &str, before: Before) -> Line {
    // The column of text may hold what looks like a comment.
    if let Some(line) = dump_line(text, before) {
        return line;
    }
    let text = uncommented(text);
    let text = &*text;
    let is_bracket = |c: char| matches!(c, '{' | '}' | '[' | ']' | '(' | ')' | ';' | ',' | '"');
    if text.chars().all(is_bracket) {
        return Line::Empty;
    }
    if let Some(bytes) = bytes_of(text) {
        let wrapped = before
            .wrapped
            .is_some_and(|len| len >= WRAPPED && bytes.len() <= len && !begins(&bytes));
        return Line::Bytes { goes_on: before.comma || wrapped, bytes };
    }
    if let Some(bytes) = decimal_bytes(text) {
        return Line::Bytes { bytes, goes_on: false };
    }
    if let Some(line) = logged(text, before) {
        return line;
    }
    // The beginning of an array, or what a log says about the bytes: uint8_t request[] = { 0x10, 0x84,
    let marks = [':', ']', '>', '=', '{', '('];
    let behind = marks.iter().filter_map(|mark| text.rfind(*mark)).max();
    match behind.and_then(|at| text.get(at + 1..)).and_then(bytes_of) {
        Some(bytes) if text.ends_with(',') => Line::Bytes { bytes, goes_on: false },
        Some(bytes) if bytes.len() >= LOGGED => Line::Logged(bytes),
        _ if text.ends_with(['{', '[', '(']) => Line::OpensArray,
        _ => Line::Text,
    }
}

/// What stands behind the time and the words of a log, or in a call of source code: a line of a dump, or bytes that begin
/// like a message.
fn logged(text: &str, before: Before) -> Option<Line> {
    if text.len() > LOG_LINE {
        return None;
    }
    let separates = |c: char| {
        c.is_whitespace() || matches!(c, ':' | ']' | '>' | '=' | '{' | '(' | '[' | '"' | '\'')
    };
    let places = text.match_indices(separates).map(|(at, mark)| at + mark.len()).take(PLACES);
    for place in places {
        let rest = text.get(place..)?;
        if rest.starts_with(char::is_whitespace) {
            continue;
        }
        let offset = rest.find(':').filter(|len| (8..=16).contains(len));
        match offset.and_then(|_| dump_line(rest, before)) {
            Some(line @ Line::Dump { .. }) => return Some(line),
            // Without a line before it, it may be an address.
            Some(line @ Line::OutOfOrder { .. }) if before.dump.is_some() => return Some(line),
            _ => {}
        }
        let end =
            rest.trim_end_matches(|c: char| separates(c) || matches!(c, ')' | '}' | ';' | ','));
        match dumped_bytes(end) {
            Some(bytes) if bytes.len() >= LOGGED && begins(&bytes) => {
                return Some(match text.ends_with(',') {
                    true => Line::Bytes { bytes, goes_on: false },
                    false => Line::Logged(bytes),
                });
            }
            _ => {}
        }
    }
    None
}

/// `[16, 132, 0, 0]` and `[16 132 0 0]`, as programs print lists of bytes: where a message begins so.
fn decimal_bytes(text: &str) -> Option<Vec<u8>> {
    let inside = text.strip_prefix('[')?.trim_end_matches([',', ';']).strip_suffix(']')?;
    let words = inside.split(|c: char| c.is_whitespace() || c == ',');
    let bytes = words.filter(|word| !word.is_empty()).map(|word| word.parse::<u8>().ok());
    bytes.collect::<Option<Vec<u8>>>().filter(|bytes| begins(bytes))
}

/// `00000010: 1084 0000  ....` (xxd), `00000010  10 84 00 00  |....|` (hexdump), `0010   10 84 00 00   ....` (Wireshark),
/// `0x0010:  1084 0000  ....` (tcpdump), `0000020 10 84 00 00` (od, octal).
fn dump_line(text: &str, before: Before) -> Option<Line> {
    let end = text.find(|c: char| c == ':' || c.is_whitespace()).unwrap_or(text.len());
    let (offset, rest) = text.split_at_checked(end)?;
    let digits = offset.strip_prefix("0x").unwrap_or(offset);
    // `od` has seven digits, in octal or decimal numbers; everybody else counts in hexadecimal ones.
    let radices: &[u32] = if digits.len() == 7 { &[8, 10, 16] } else { &[16] };
    let value = |radix: &u32| usize::from_str_radix(digits, *radix).ok();
    let is_at = |at: usize| radices.iter().any(|radix| value(radix) == Some(at));
    if rest.trim().is_empty() && digits.len() >= 6 && before.dump.is_some_and(is_at) {
        return Some(Line::EndsDump);
    }
    let has_colon = rest.starts_with(':');
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    if radices.iter().all(|radix| value(radix).is_none()) || !rest.starts_with(char::is_whitespace)
    {
        return None;
    }
    let columns = rest.starts_with("  ") || rest.starts_with('\t');
    if !(has_colon || digits.len() >= 6 || digits.len() >= 4 && columns) {
        return None;
    }
    let begins = is_at(0);
    let continues = before.dump.is_some_and(is_at);
    // The number of a message in a list.
    if digits.len() < 3 && !begins && !continues {
        return None;
    }
    let bytes = dumped_bytes(rest);
    let bytes = match digits.len() == 7 && !has_colon {
        true => bytes.map(|bytes| unswapped(rest, bytes)),
        false => bytes,
    };
    match (bytes, before.dump) {
        (Some(bytes), _) if begins || continues => Some(Line::Dump { begins: !continues, bytes }),
        (Some(_), Some(expected)) if has_colon || columns => Some(Line::OutOfOrder { expected }),
        // The first line of a dump is missing, or its content is damaged.
        (Some(_), None) if has_colon => Some(Line::OutOfOrder { expected: 0 }),
        (None, Some(expected)) if continues => Some(Line::OutOfOrder { expected }),
        _ => None,
    }
}

/// The bytes of words of 16 bits, as `hexdump` and `od -x` show them on most machines: the second byte first. Whether it
/// is so, only how a message begins can say.
fn unswapped(rest: &str, bytes: Vec<u8>) -> Vec<u8> {
    if rest.split_whitespace().any(|word| word.len() != 4) {
        return bytes;
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().flat_map(|[low, high]| [*high, *low]).collect()
}

/// The bytes of a dumped line, without the column of text behind them.
fn dumped_bytes(rest: &str) -> Option<Vec<u8>> {
    let rest = rest.trim_start();
    // hexdump -C and od -z frame the column of text.
    for [open, close] in [['|', '|'], ['>', '<']] {
        let framed = rest.trim_end().strip_suffix(close).and_then(|rest| rest.split_once(open));
        if let Some(bytes) = framed.and_then(|(digits, _)| bytes_of(digits)) {
            return Some(bytes);
        }
    }
    let mut whole = bytes_of(rest);
    // Where the text is what the bytes before it say, it is that column, whatever it looks like.
    let gaps = rest.match_indices("  ").map(|(at, _)| at).chain(rest.find('\t'));
    for at in gaps {
        let (digits, text) = rest.split_at_checked(at)?;
        let Some(bytes) = bytes_of(digits) else { break };
        let text = text.trim_start();
        if !text.is_empty() && (text.starts_with('|') || is_text_of(text, &bytes)) {
            return Some(bytes);
        }
        if bytes_of(text).is_none() && whole.is_none() && !text.is_empty() {
            whole = Some(bytes);
        }
    }
    whole
}

/// Whether this is how a dump shows the bytes as text. Spaces in front are gone.
fn is_text_of(text: &str, bytes: &[u8]) -> bool {
    let shown: String = bytes
        .iter()
        .map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        })
        .collect();
    // Wireshark separates the two halves.
    let halved = shown.get(..8).zip(shown.get(8..)).map(|(low, high)| format!("{low} {high}"));
    let same = |shown: &str| shown.trim() == text.trim();
    same(&shown) || halved.is_some_and(|halved| same(&halved))
}

/// `10 84 00 00`, `10840000`, `0x10, 0x84`, `10:84:00:00`, `\x10\x84`, in brackets of any kind.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("\\x", " ");
    let separates = |c: char| {
        c.is_whitespace() || matches!(c, ',' | ';' | '{' | '}' | '[' | ']' | '(' | ')' | '"' | '\\')
    };
    let mut bytes = Vec::new();
    for word in text.split(separates).filter(|word| !word.is_empty()) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        let digits = digits.strip_suffix("u8").filter(|_| digits != word).unwrap_or(digits);
        let digits = digits.trim_end_matches('_');
        let are_pairs =
            |mark: char| digits.contains(mark) && digits.split(mark).all(|pair| pair.len() == 2);
        let joined = match () {
            () if are_pairs(':') => digits.replace(':', ""),
            () if are_pairs('-') => digits.replace('-', ""),
            () => digits.to_owned(),
        };
        // The number 0x0 in an array.
        let joined =
            if digits != word && joined.len() == 1 { format!("0{joined}") } else { joined };
        bytes.extend(hex::decode(joined).ok()?);
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{HexText, InputError, read};

    const VERSION: [u8; 8] = [0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
    const GET_VERSION: [u8; 4] = [0x10, 0x84, 0, 0];

    fn messages(text: &str) -> Vec<Vec<u8>> {
        let HexText { messages, passed_over } = read(text).unwrap();
        assert_eq!(passed_over, 0, "{text}");
        messages
    }

    #[test]
    fn one_message_per_line() {
        let text = "# comment\n> 10840000\n< 10 04 00 00  00 01 00 12\n";
        assert_eq!(messages(text), [GET_VERSION.to_vec(), VERSION.to_vec()]);
        for text in [
            "{0x10, 0x84, 0x00, 0x00}",
            "[0x10, 0x84, 0x0, 0x0]",
            "0x10840000",
            "10:84:00:00",
            "10-84-00-00",
            "[0x10u8, 0x84_u8, 0x00u8, 0x0]",
            "[16, 132, 0, 0]",
            "[16 132 0 0]",
            r#""\x10\x84" \
                "\x00\x00""#,
            "static const unsigned char pkt1[4] = {\n0x10, 0x84, 0x00, 0x00 /* .... */\n};",
            "static const unsigned char pkt1[4] = {\n0x10, 0x84, /* a, */\n0x00, 0x00 /* } */\n};",
            "00000000  10 84 00 00                                      |....|\n00000004\n",
            "000000 10 84 00 00                                      >....<\n000004\n",
            "0000000 8410 0000\n0000004\n",
            r#""\x10\x84\x00\x00""#,
            "uint8_t request[] = {\n    0x10, 0x84,\n    0x00, 0x00,\n};\n",
            "static const u8 request[4] = { 0x10, 0x84,\n  0x00, // what is reserved\n  0x00 };",
        ] {
            assert_eq!(messages(text), [GET_VERSION], "{text}");
        }
    }

    #[test]
    fn dumps_with_offsets() {
        let xxd = "00000000: 1004 0000 0001 0012 1004 0000 0001 0012  ................\n\
                   00000010: 0a0b                                     ..\n\
                   00000000: 1084 0000                                ....\n";
        let long = [&VERSION[..], &VERSION, &[0x0A, 0x0B]].concat();
        let expected = [long, GET_VERSION.to_vec()];
        assert_eq!(messages(xxd), expected);
        for text in [
            "00000000  10 84 00 00                                       |....|\n00000004\n",
            "0000   10 84 00 00                                         ....\n",
            "\t0x0000:  1084 0000                                ....\n",
            "0000000 10 84 00 00\n0000004\n",
            "000000 10 84 00 00\n",
            "0000: 10 84 00 00\r\n",
        ] {
            assert_eq!(messages(text), [GET_VERSION], "{text}");
        }
        // od counts in octal numbers.
        let line = "10 84 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
        let od = format!("0000000 {line}\n0000020 {line}\n0000040 05\n0000041\n");
        assert_eq!(messages(&od)[0].len(), 33);
        assert_eq!(messages(&od).len(), 1);
    }

    /// Text columns that look like hexadecimal, also in two halves.
    #[test]
    fn the_text_beside_the_bytes_is_no_byte() {
        let bytes = *b"ab cd ef ab cd a";
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let halves = format!("{}  {}", digits[..8].join(" "), digits[8..].join(" "));
        for text in [
            format!("0000   {}   ab cd ef ab cd a", digits.join(" ")),
            format!("0000   {halves}   ab cd ef  ab cd a"),
            format!("00000000: {}  ab cd ef ab cd a", digits.join(" ")),
            format!("00000000  {halves}  |ab cd ef ab cd a|"),
            format!("00000000: {}  ab cd ef ab cd a", digits.concat()),
        ] {
            assert_eq!(messages(&text), [bytes], "{text}");
        }
        assert_eq!(messages("00000000: 6162 2378  ab#x\n"), [*b"ab#x"]);
    }

    #[test]
    fn wrapped_lines() {
        let line = "1160000001".to_owned() + &"ab".repeat(25);
        let text = format!("{line}\n{}\n{}\n\n10840000\n", "cd".repeat(30), "ef".repeat(5));
        assert_eq!(messages(&text).iter().map(Vec::len).collect::<Vec<_>>(), [65, 4]);
    }

    /// Other lines of a dump or a log are counted.
    #[test]
    fn words_between_the_bytes() {
        let log = "opened\n[ 1.5] spdm: TX: 10 84 00 00\n[ 1.6] spdm: RX (8): 0x10 0x04 00 00 00 01 00 12\nclosed\n";
        let found = read(log).unwrap();
        assert_eq!(found.messages, [GET_VERSION.to_vec(), VERSION.to_vec()]);
        assert_eq!(found.passed_over, 2);
        let dump =
            "1 (17) MCTP(5) REQ->RSP SPDM(10, 0x84)\n  SPDM Message:\n    0000: 10 84 00 00\n";
        let found = read(dump).unwrap();
        assert_eq!((found.messages, found.passed_over), (vec![GET_VERSION.to_vec()], 2));
    }

    /// The time and words of loggers, and calls of languages, in front of bytes.
    #[test]
    fn words_in_front_of_the_bytes() {
        for text in [
            "let get_version: [u8; 4] = [0x10, 0x84, 0x00, 0x00];",
            "msg = bytes([0x10, 0x84, 0x00, 0x00])",
            "msg = bytes.fromhex(\"10840000\")",
            "b'\\x10\\x84\\x00\\x00'",
            "bytearray(b'\\x10\\x84\\x00\\x00')",
            "let m = b\"\\x10\\x84\\x00\\x00\";",
            "let m = hex!(\"10 84 00 00\");",
            "2026-11-29T10:00:00.123Z DEBUG spdm: send 10 84 00 00",
            "2026-11-29 10:00:00,123 INFO tx 10840000",
            "Nov 29 10:00:00 host spdmd[123]: -> 10 84 00 00",
            "Request  10 84 00 00",
            "TX (4 bytes): 10:84:00:00",
            "[   12.345678] spdm: TX: 00000000: 10 84 00 00                    ....",
            "[   12.345678] TX: 10 84 00 00",
            "1: 10 84 00 00",
        ] {
            assert_eq!(messages(text), [GET_VERSION], "{text}");
        }
        let line = "10 84 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
        let log = |second: &str| {
            format!("[ 1.25] 00000000: {line}  ................\n[ 1.26] {second}: 05  .\n")
        };
        assert_eq!(messages(&log("00000010"))[0].len(), 17);
        let missing = read(&log("00000020"));
        assert_eq!(missing, Err(InputError::Offset { line: 2, expected: 16 }));
        let two = "1: 10 84 00 00\n2: 10 04 00 00 00 01 00 12\n";
        assert_eq!(messages(two), [GET_VERSION.to_vec(), VERSION.to_vec()]);
    }

    /// A line that is missing in a dump is never passed over.
    #[test]
    fn a_dump_without_one_of_its_lines() {
        let line = "10 84 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
        let missing = format!("0000: {line}\n0020: {line}\n");
        assert_eq!(read(&missing), Err(InputError::Offset { line: 2, expected: 16 }));
        let damaged = format!("0000: {line}\n0010: 1g {line}\n");
        assert_eq!(read(&damaged), Err(InputError::Offset { line: 2, expected: 16 }));
        let headless = format!("0010: {line}\n");
        assert_eq!(read(&headless), Err(InputError::Offset { line: 1, expected: 0 }));
    }

    #[test]
    fn what_is_no_hexadecimal() {
        for (text, line) in [("hello", 1), ("10840", 1), ("10840000\n1g", 2)] {
            assert_eq!(read(text), Err(InputError::NotHex { line }), "{text}");
        }
    }
}
