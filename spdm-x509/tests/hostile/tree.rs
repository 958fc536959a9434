//! A DER encoding as a tree that can be changed anywhere: lengths are made when it is written.

/// One element.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) tag: u8,
    pub(crate) content: Content,
    /// Writes the length in one byte more than DER allows.
    pub(crate) long_length: bool,
}

/// What an element consists of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// Elements, also those inside of an OCTET STRING that holds nothing else.
    Nodes(Vec<Node>),
}

/// Deeper elements are bytes.
const MAX_DEPTH: usize = 24;

impl Node {
    /// The elements that `bytes` consist of, where they do.
    pub(crate) fn parse_all(bytes: &[u8]) -> Option<Vec<Self>> {
        Self::parse_below(bytes, 0)
    }

    fn parse_below(mut bytes: &[u8], depth: usize) -> Option<Vec<Self>> {
        let mut nodes = Vec::new();
        while let [tag, first, rest @ ..] = bytes {
            let (len, rest) = match first {
                0..=0x7F => (usize::from(*first), rest),
                0x81..=0x83 => {
                    let (len, rest) = rest.split_at_checked(usize::from(first & 3))?;
                    (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
                }
                _ => return None,
            };
            let (content, behind) = rest.split_at_checked(len)?;
            let holds_nodes = tag & 0x20 != 0 || *tag == 0x04;
            let nodes_inside = match holds_nodes && depth < MAX_DEPTH && tag & 0x1F != 0x1F {
                true => Self::parse_below(content, depth + 1),
                false => None,
            };
            // An OCTET STRING may look like elements by chance: written, they must be the same again.
            let content = match nodes_inside {
                Some(nodes) if *tag == 0x04 && Self::write_all(&nodes) != content => {
                    Content::Bytes(content.to_vec())
                }
                Some(nodes) if !nodes.is_empty() => Content::Nodes(nodes),
                _ => Content::Bytes(content.to_vec()),
            };
            nodes.push(Self { tag: *tag, content, long_length: false });
            bytes = behind;
        }
        bytes.is_empty().then_some(nodes)
    }

    /// Writes it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let content = match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Nodes(nodes) => Self::write_all(nodes),
        };
        out.push(self.tag);
        let len = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
        let zeros = len.iter().take_while(|byte| **byte == 0).count();
        let (zeros, is_short) = match self.long_length {
            true => (zeros.saturating_sub(1), false),
            false => (zeros, content.len() < 0x80),
        };
        let digits = len.get(zeros.min(3)..).unwrap_or_default();
        if !is_short {
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
        }
        out.extend(digits);
        out.extend(content);
    }

    /// Writes all of them.
    pub(crate) fn write_all(nodes: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        nodes.iter().for_each(|node| node.write(&mut out));
        out
    }

    pub(crate) fn nodes(&self) -> &[Self] {
        match &self.content {
            Content::Nodes(nodes) => nodes,
            Content::Bytes(_) => &[],
        }
    }
}

/// The paths to all nodes, each as the places on the way down.
pub(crate) fn paths(nodes: &[Node]) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        out.push(vec![place]);
        for below in paths(node.nodes()) {
            out.push([&[place][..], &below].concat());
        }
    }
    out
}

/// One change of one node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Change {
    Remove,
    Repeat,
    SwapWithNext,
    Empty,
    Null,
    FlipFirst,
    FlipLast,
    Prepend,
    Append,
    Truncate,
    ToggleConstructed,
    NextTag,
    LongLength,
    Nest,
}

impl Change {
    pub(crate) const ALL: [Self; 14] = [
        Self::Remove,
        Self::Repeat,
        Self::SwapWithNext,
        Self::Empty,
        Self::Null,
        Self::FlipFirst,
        Self::FlipLast,
        Self::Prepend,
        Self::Append,
        Self::Truncate,
        Self::ToggleConstructed,
        Self::NextTag,
        Self::LongLength,
        Self::Nest,
    ];

    /// Changes the node at `path`; `false` where the change does not apply to it.
    pub(crate) fn apply(self, nodes: &mut Vec<Node>, path: &[usize]) -> bool {
        match path {
            [] => false,
            [place] if *place >= nodes.len() => false,
            [place] => self.apply_at(nodes, *place),
            [place, below @ ..] => match nodes.get_mut(*place).map(|node| &mut node.content) {
                Some(Content::Nodes(nodes)) => self.apply(nodes, below),
                _ => false,
            },
        }
    }

    fn apply_at(self, nodes: &mut Vec<Node>, place: usize) -> bool {
        match self {
            Self::Remove => drop(nodes.remove(place)),
            Self::Repeat => nodes.insert(place, nodes[place].clone()),
            Self::SwapWithNext if place + 1 < nodes.len() => nodes.swap(place, place + 1),
            Self::SwapWithNext => return false,
            _ => return self.apply_to(&mut nodes[place]),
        }
        true
    }

    fn apply_to(self, node: &mut Node) -> bool {
        let bytes = match &mut node.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Nodes(_) => None,
        };
        match (self, bytes) {
            (Self::Empty, Some(bytes)) if bytes.is_empty() => return false,
            (Self::Empty, _) => node.content = Content::Bytes(Vec::new()),
            (Self::Null, _) => {
                *node = Node { tag: 5, content: Content::Bytes(Vec::new()), long_length: false };
            }
            (Self::ToggleConstructed, _) => node.tag ^= 0x20,
            (Self::NextTag, _) => node.tag ^= 0x01,
            (Self::LongLength, _) => node.long_length = true,
            (Self::Nest, _) => {
                let inner = node.clone();
                *node =
                    Node { tag: 0x30, content: Content::Nodes(vec![inner]), long_length: false };
            }
            (Self::Prepend, Some(bytes)) => bytes.insert(0, 0),
            (Self::Append, Some(bytes)) => bytes.push(0),
            (Self::FlipFirst, Some(bytes)) if !bytes.is_empty() => bytes[0] ^= 1,
            (Self::FlipLast, Some(bytes)) if !bytes.is_empty() => *bytes.last_mut().unwrap() ^= 1,
            (Self::Truncate, Some(bytes)) if !bytes.is_empty() => drop(bytes.pop()),
            _ => return false,
        }
        true
    }
}
