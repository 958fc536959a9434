//! The certificates that belong to a device.

use serde_json::value::RawValue;

use super::members::{self, Members, content, items};
use super::place::Place;
use super::{DEEPEST, names};
use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::recording::{ChainContent, is_structure};
use crate::text;

/// The certificates that belong to an object, where it has some.
pub(super) fn chain_of(
    members: &Members<'_>,
    place: &Place<'_>,
) -> Result<Option<ChainContent>, Error> {
    let (mut named, mut found) = (None, None);
    for (name, member) in members {
        let inner = place.member(name);
        let chain = match chain_in(member, &inner)? {
            Some(chain) => chain,
            None if names::is_certificate(name) => match member.get().as_bytes().first() {
                Some(b'{') if inner.depth > DEEPEST => return Err(inner.fails(Error::Nesting)),
                Some(b'{') => match chain_of(&members::members(member, &inner)?, &inner)? {
                    Some(chain) => chain,
                    None => continue,
                },
                Some(b'"') if member.get() != "\"\"" => {
                    return Err(inner.fails(Error::NotCertificates));
                }
                _ => continue,
            },
            None => continue,
        };
        let chain = match chain {
            // Redfish does not say in which order they are.
            ChainContent::Certificates(list) if names::is_unordered(name) => {
                ChainContent::Certificates(list.by_issuer())
            }
            chain => chain,
        };
        if names::is_certificate(name) {
            named = Some(match named {
                None => chain,
                Some(known) => {
                    one_of(known, chain).ok_or_else(|| inner.fails(Error::OtherCertificates))?
                }
            });
        } else {
            found = found.or(Some(chain));
        }
    }
    Ok(named.or(found))
}

/// The one chain that two members hold.
pub(super) fn one_of(known: ChainContent, chain: ChainContent) -> Option<ChainContent> {
    match (known, chain) {
        (ChainContent::Certificates(known), ChainContent::Certificates(list)) => {
            known.longer(list).map(ChainContent::Certificates)
        }
        (known, chain) => (known == chain).then_some(known),
    }
}

/// Certificates in a text, or in a list of texts.
pub(super) fn chain_in(value: &RawValue, place: &Place<'_>) -> Result<Option<ChainContent>, Error> {
    if let Some(bytes) = content(value) {
        let recognise = |bytes: &[u8]| -> Option<Result<ChainContent, Error>> {
            if is_structure(bytes) {
                return Some(Ok(ChainContent::Structure(bytes.to_vec())));
            }
            let list = CertificateList::recognise(bytes)?;
            Some(list.map(ChainContent::Certificates))
        };
        let found = text::unwrapped(&bytes, &recognise).transpose();
        return found.map_err(|error| place.fails(error));
    }
    if !value.get().starts_with('[') {
        return Ok(None);
    }
    let mut list: Option<CertificateList> = None;
    for (index, item) in items(value)?.into_iter().enumerate() {
        if !item.get().starts_with('"') {
            return Ok(None);
        }
        match (chain_in(item, &place.item(index))?, &mut list) {
            (Some(ChainContent::Certificates(more)), Some(list)) => list.append(more),
            (Some(ChainContent::Certificates(first)), None) => list = Some(first),
            _ => return Ok(None),
        }
    }
    Ok(list.map(ChainContent::Certificates))
}
