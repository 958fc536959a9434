//! RequesterInfo of GET_CSR: a DER CertificationRequestInfo (RFC 2986 §4).

use der::{Decode as _, Header, Reader as _, SliceReader, Tag, TagNumber};

/// The deepest nesting that is looked into. A subject and its attributes need nine.
const MAX_NESTING: usize = 16;

/// Whether it is nothing, or `SEQUENCE { INTEGER, SEQUENCE subject, SEQUENCE subjectPKInfo, [0] attributes }` with
/// elements of definite length that fill it exactly, all the way down.
pub(crate) fn is_well_formed(info: &[u8]) -> bool {
    if info.is_empty() {
        return true;
    }
    let Some((outer, [])) = split(info) else { return false };
    let attributes = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    let mut rest = outer.content;
    for tag in [Tag::Integer, Tag::Sequence, Tag::Sequence, attributes] {
        match split(rest) {
            Some((element, behind)) if element.tag == tag => rest = behind,
            _ => return false,
        }
    }
    outer.tag == Tag::Sequence && rest.is_empty() && is_filled(outer.content)
}

struct Element<'a> {
    tag: Tag,
    content: &'a [u8],
}

/// The first element, and what is behind it.
fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    let content = reader.read_slice(header.length()).ok()?;
    let end = usize::try_from(reader.position()).ok()?;
    Some((Element { tag: header.tag(), content }, bytes.get(end..)?))
}

/// Whether elements fill these bytes, and those inside of them theirs.
fn is_filled(bytes: &[u8]) -> bool {
    let mut behind = [&[][..]; MAX_NESTING];
    let mut depth = 0_usize;
    let mut rest = bytes;
    loop {
        if rest.is_empty() {
            let Some(above) = depth.checked_sub(1) else { return true };
            depth = above;
            rest = behind.get(depth).copied().unwrap_or_default();
            continue;
        }
        let Some((element, after)) = split(rest) else { return false };
        if !element.tag.is_constructed() {
            rest = after;
            continue;
        }
        let Some(place) = behind.get_mut(depth) else { return false };
        *place = after;
        depth += 1;
        rest = element.content;
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NESTING, is_well_formed};
    use std::vec::Vec;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let len = u8::try_from(content.len()).unwrap();
        [&[tag, len][..], &content].concat()
    }

    const VERSION: &[u8] = &[2, 1, 0];
    const EMPTY: &[u8] = &[0x30, 0];

    #[test]
    fn p2_requester_info_is_well_formed_or_refused() {
        let name = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[6, 3, 0x55, 4, 3], &[12, 1, b'x']])])]);
        let good = tlv(0x30, &[VERSION, &name, EMPTY, &[0xA0, 0]]);
        assert!(is_well_formed(&good) && is_well_formed(&[]));
        for len in 1..good.len() {
            assert!(!is_well_formed(&good[..len]), "{len}");
        }
        let indefinite = [0x30, 0x80, 2, 1, 0, 0x30, 0, 0x30, 0, 0xA0, 0, 0, 0];
        let mut inner = good.clone();
        let at = good.len() - 6;
        inner[at] += 1;
        for bad in [
            tlv(0x30, &[VERSION, &name, EMPTY]),
            tlv(0x30, &[VERSION, &name, EMPTY, &[0x80, 0]]),
            tlv(0x30, &[VERSION, &name, EMPTY, &[0xA1, 0]]),
            tlv(0x30, &[VERSION, &name, EMPTY, &[0xA0, 0], &[5, 0]]),
            tlv(0x31, &[VERSION, &name, EMPTY, &[0xA0, 0]]),
            tlv(0x30, &[&name, EMPTY, &[0xA0, 0]]),
            [&good[..], &[0]].concat(),
            indefinite.to_vec(),
            inner,
            // What is inside goes beyond its parent.
            tlv(0x30, &[VERSION, &[0x30, 2, 0x30, 1], EMPTY, &[0xA0, 0]]),
        ] {
            assert!(!is_well_formed(&bad), "{bad:02x?}");
        }
        let deep = (0..MAX_NESTING).fold(Vec::new(), |inside, _| tlv(0x30, &[&inside]));
        assert!(!is_well_formed(&tlv(0x30, &[VERSION, &tlv(0x30, &[&deep]), EMPTY, &[0xA0, 0]])));
        let mut long = [&[0x30, 0x82, 0xFF, 0xFB][..], VERSION, EMPTY, EMPTY].concat();
        long.extend([0xA0, 0x82, 0xFF, 0xF0]);
        long.resize(0xFFFF, 0);
        assert!(!is_well_formed(&long));
    }
}
