//! XML as far as signed reference values need it, bounded before a parser sees it.

use roxmltree::{Document, Node, TextPos};

use crate::cbor::Result;
use crate::error::{ReadError, Rule};

/// How many elements a file may have.
const MAX_ELEMENTS: usize = 4096;
/// How deep they may nest.
const MAX_DEPTH: usize = 16;
/// How many attributes an element may have.
const MAX_ATTRIBUTES: usize = 256;
/// How many signs of equality a file may have: the parser makes room for an attribute for each.
const MAX_EQUALS: usize = 0x4000;
/// How many times a file may say `xmlns`.
const MAX_NAMESPACES: usize = 64;

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Parses a document, and refuses what reference values have no use for and what could hide something.
pub(super) fn parse(bytes: &[u8]) -> Result<Document<'_>> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| ReadError::new(Rule::XmlMalformed, "XML", error.valid_up_to()))?;
    check_bounds(bytes)?;
    let document = Document::parse(text).map_err(|error| refusal(text, &error))?;
    for node in document.descendants().filter(Node::is_element) {
        check_namespaces(node)?;
        check_attributes(node)?;
    }
    Ok(document)
}

/// Bounds what the parser will do, and finds markup that has no place here. Where a quotation mark or an angle bracket
/// stands is the same for every reader of XML once there are no comments and CDATA sections.
fn check_bounds(text: &[u8]) -> Result<()> {
    let too_many = |field, at| ReadError::new(Rule::XmlTooMany, field, at);
    if text.iter().filter(|byte| **byte == b'=').count() > MAX_EQUALS {
        return Err(too_many("attributes", 0));
    }
    if text.windows(5).filter(|window| window == b"xmlns").count() > MAX_NAMESPACES {
        return Err(too_many("namespaces", 0));
    }
    let mut at = declaration_len(text)?;
    let (mut depth, mut elements) = (0_usize, 0_usize);
    while let Some(start) = position(text, at, |byte| byte == b'<') {
        match text.get(start + 1) {
            Some(b'!') => return Err(ReadError::new(Rule::XmlMarkup, markup(text, start), start)),
            Some(b'?') => {
                return Err(ReadError::new(Rule::XmlMarkup, "processing instruction", start));
            }
            Some(b'/') => {
                depth = depth.saturating_sub(1);
                at = start + 2;
            }
            _ => {
                let tag = Tag::scan(text, start)?;
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err(too_many("elements", start));
                }
                if depth == MAX_DEPTH {
                    return Err(ReadError::new(Rule::XmlDepth, "elements", start));
                }
                if tag.attributes > MAX_ATTRIBUTES {
                    return Err(too_many("attributes", start));
                }
                depth += usize::from(!tag.is_empty);
                at = tag.end;
            }
        }
    }
    Ok(())
}

/// The length of the XML declaration, which is no processing instruction. The only encoding is UTF-8.
fn declaration_len(text: &[u8]) -> Result<usize> {
    let is_declaration = text.strip_prefix(b"<?xml").and_then(|rest| rest.first());
    if !is_declaration.is_some_and(u8::is_ascii_whitespace) {
        return Ok(0);
    }
    let malformed = ReadError::new(Rule::XmlMalformed, "XML declaration", 0);
    let end = text.windows(2).position(|window| window == b"?>").ok_or(malformed)?;
    let content = text.get(..end).unwrap_or_default().to_ascii_lowercase();
    let contains = |wanted: &[u8]| content.windows(wanted.len()).any(|window| window == wanted);
    if contains(b"encoding") && !contains(b"utf-8") { Err(malformed) } else { Ok(end + 2) }
}

fn position(text: &[u8], from: usize, is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let found = text.get(from..)?.iter().position(|byte| is_wanted(*byte))?;
    Some(from + found)
}

/// What begins with an exclamation mark.
fn markup(text: &[u8], at: usize) -> &'static str {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with(b"<!--") {
        "comment"
    } else if rest.starts_with(b"<![CDATA[") {
        "CDATA section"
    } else {
        "DOCTYPE"
    }
}

/// A start tag.
struct Tag {
    /// Behind its end.
    end: usize,
    is_empty: bool,
    attributes: usize,
}

impl Tag {
    fn scan(text: &[u8], start: usize) -> Result<Self> {
        let malformed = ReadError::new(Rule::XmlMalformed, "element", start);
        let (mut quote, mut last, mut attributes) = (None, 0, 0);
        let inside = text.get(start + 1..).unwrap_or_default();
        for (at, byte) in inside.iter().enumerate() {
            match (quote, byte) {
                (_, b'<') => break,
                (Some(open), byte) if open == *byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'=') => attributes += 1,
                (None, b'>') => {
                    return Ok(Self { end: start + at + 2, is_empty: last == b'/', attributes });
                }
                (None, _) => {}
            }
            last = *byte;
        }
        Err(malformed)
    }
}

/// A prefix stands for one namespace all the way down. So nobody who looks at a part of the
/// document, or at the prefixes alone, sees another name than the one that was hashed. An element that declares one prefix
/// twice, which the parser takes, is found by the elements in it.
fn check_namespaces(node: Node<'_, '_>) -> Result<()> {
    let wrong = ReadError::new(Rule::XmlNamespace, "xmlns", node.range().start);
    let is_other = |(prefix, uri): (Option<&str>, &str)| {
        let around = node.parent_element().map(|parent| parent.lookup_namespace_uri(prefix));
        around.flatten().is_some_and(|around| around != uri)
    };
    let mut declared = node.namespaces().map(|namespace| (namespace.name(), namespace.uri()));
    if declared.any(is_other) { Err(wrong) } else { Ok(()) }
}

/// Attributes that mean something to every element below, or make it one that a reference can name.
fn check_attributes(node: Node<'_, '_>) -> Result<()> {
    for attribute in node.attributes() {
        let at = attribute.range().start;
        if attribute.namespace() == Some(XML_NAMESPACE) {
            return Err(ReadError::new(Rule::XmlAttribute, "xml:", at));
        }
        if attribute.name().eq_ignore_ascii_case("id") {
            return Err(ReadError::new(Rule::XmlAttribute, "id", at));
        }
    }
    Ok(())
}

/// Why the parser refused a document.
fn refusal(text: &str, error: &roxmltree::Error) -> ReadError {
    use roxmltree::Error::{MalformedEntityReference, UnknownEntityReference};
    let (rule, field) = match error {
        UnknownEntityReference(..) | MalformedEntityReference(_) => (Rule::XmlEntity, "entity"),
        _ => (Rule::XmlMalformed, "XML"),
    };
    ReadError::new(rule, field, offset(text, error.pos()))
}

/// The offset of a position that is given as line and column, both from 1.
fn offset(text: &str, TextPos { row, col }: TextPos) -> usize {
    let before = |count: u32| usize::try_from(count.saturating_sub(1)).unwrap_or_default();
    let mut lines = text.split_inclusive('\n');
    let start = lines.by_ref().take(before(row)).map(str::len).sum::<usize>();
    let line = lines.next().unwrap_or_default().chars();
    start + line.take(before(col)).map(char::len_utf8).sum::<usize>()
}

/// Whether there is nothing but space between the elements below.
pub(super) fn has_elements_only(node: Node<'_, '_>) -> bool {
    let mut texts = node.children().filter(Node::is_text).filter_map(|text| text.text());
    texts.all(|text| text.bytes().all(|byte| byte.is_ascii_whitespace()))
}
