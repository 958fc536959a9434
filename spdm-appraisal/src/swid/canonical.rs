//! Canonical XML 1.1 of a part of a document that has no comments, processing instructions and `xml:` attributes.

use alloc::string::String;
use alloc::vec::Vec;

use roxmltree::{Node, NodeId};

use crate::cbor::Result;
use crate::error::{ReadError, Rule};

/// The canonical form of an element and all below, without the one that is left out. The element itself declares every
/// namespace that is in scope there.
pub(super) fn canonical(element: Node<'_, '_>, left_out: Option<NodeId>) -> Result<String> {
    let mut writer = Writer { out: String::new(), left_out };
    writer.element(element, &mut in_scope(element))?;
    Ok(writer.out)
}

/// Prefix and name of a namespace.
type Namespace<'n> = (&'n str, &'n str);

/// The namespaces in scope. The one that is always there, and is not to be declared, the parser leaves out.
fn in_scope<'n>(node: Node<'n, '_>) -> Vec<Namespace<'n>> {
    node.namespaces().map(|it| (it.name().unwrap_or_default(), it.uri())).collect()
}

struct Writer {
    out: String,
    left_out: Option<NodeId>,
}

impl Writer {
    /// Writes an element that declares these namespaces. It calls itself no deeper than elements nest, which is bounded.
    fn element(&mut self, node: Node<'_, '_>, declared: &mut [Namespace<'_>]) -> Result<()> {
        let name = element_name(node)?;
        self.write(&["<", name]);
        declared.sort_unstable();
        for (prefix, uri) in declared {
            self.write(&if prefix.is_empty() { [" xmlns", ""] } else { [" xmlns:", prefix] });
            self.value(uri);
        }
        let mut attributes: Vec<_> = node.attributes().collect();
        attributes.sort_unstable_by_key(|it| (it.namespace().unwrap_or_default(), it.name()));
        for attribute in attributes {
            let at = attribute.range().start;
            let written = written(node, at, attribute.name(), attribute.namespace())?;
            self.write(&[" ", written]);
            self.value(attribute.value());
        }
        self.write(&[">"]);
        let (around, left_out) = (in_scope(node), self.left_out);
        for child in node.children().filter(|child| Some(child.id()) != left_out) {
            match child.text() {
                Some(text) if child.is_text() => self.text(text),
                _ if child.is_element() => {
                    let mut new = in_scope(child);
                    new.retain(|namespace| !around.contains(namespace));
                    self.element(child, &mut new)?;
                }
                _ => {
                    let at = child.range().start;
                    return Err(ReadError::new(Rule::XmlMarkup, "markup", at));
                }
            }
        }
        self.write(&["</", name, ">"]);
        Ok(())
    }

    fn write(&mut self, parts: &[&str]) {
        self.out.extend(parts.iter().copied());
    }

    /// The value of an attribute.
    fn value(&mut self, value: &str) {
        self.write(&["=\""]);
        for character in value.chars() {
            match character {
                '&' => self.write(&["&amp;"]),
                '<' => self.write(&["&lt;"]),
                '"' => self.write(&["&quot;"]),
                '\t' => self.write(&["&#x9;"]),
                '\n' => self.write(&["&#xA;"]),
                '\r' => self.write(&["&#xD;"]),
                _ => self.out.push(character),
            }
        }
        self.write(&["\""]);
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.write(&["&amp;"]),
                '<' => self.write(&["&lt;"]),
                '>' => self.write(&["&gt;"]),
                '\r' => self.write(&["&#xD;"]),
                _ => self.out.push(character),
            }
        }
    }
}

fn element_name<'i>(node: Node<'_, 'i>) -> Result<&'i str> {
    let name = node.tag_name();
    written(node, node.range().start + 1, name.name(), name.namespace())
}

/// The name at this place with the prefix that it is written with, which the tree does not keep. It is the one in the tree,
/// or the document is refused.
fn written<'i>(
    node: Node<'_, 'i>,
    at: usize,
    local: &str,
    namespace: Option<&str>,
) -> Result<&'i str> {
    let text = node.document().input_text().get(at..).unwrap_or_default();
    let end = text.find(|it: char| it.is_ascii_whitespace() || matches!(it, '=' | '/' | '>'));
    let name = end.and_then(|end| text.get(..end)).unwrap_or_default();
    let is_it = match name.split_once(':') {
        Some((prefix, name)) => {
            name == local && node.lookup_namespace_uri(Some(prefix)) == namespace
        }
        None => name == local,
    };
    if is_it { Ok(name) } else { Err(ReadError::new(Rule::XmlMalformed, "name", at)) }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::{canonical, written};
    use crate::error::Rule;

    /// Markup is refused before a parser sees it. What is left out here would not be hashed.
    #[test]
    fn na13_markup_is_not_passed_over() {
        for text in ["<a>1<!-- -->2</a>", "<a><?b c?></a>"] {
            let document = Document::parse(text).unwrap();
            let refused = canonical(document.root_element(), None).unwrap_err();
            assert_eq!(refused.rule, Rule::XmlMarkup, "{text}");
        }
    }

    /// What is hashed is what the tree says, wherever the parser says that it stands.
    #[test]
    fn na13_a_name_is_the_one_in_the_tree() {
        let document = Document::parse("<a:b xmlns:a='u' xmlns:c='v' d=''/>").unwrap();
        let root = document.root_element();
        let name = |at, local, namespace| written(root, at, local, namespace).ok();
        assert_eq!(name(1, "b", Some("u")), Some("a:b"));
        assert_eq!(name(1, "c", Some("u")), None);
        assert_eq!(name(1, "b", Some("v")), None);
        let at = document.input_text().find("d=").unwrap();
        assert_eq!(name(at, "d", None), Some("d"));
        assert_eq!(name(at, "e", None), None);
        assert_eq!((name(0, "b", Some("u")), name(1000, "b", Some("u"))), (None, None));
    }
}
