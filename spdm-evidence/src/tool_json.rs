//! JSON of attestation tools: signed transcripts in base64, with a chain and a nonce beside or around them.
//!
//! No two tools agree on the form. NVIDIA's print an array of devices, or an object with the array in it; services take
//! request bodies with the nonce outside of the array (NRAS, Intel Trust Authority); Confidential Containers lists devices
//! by another name; Redfish has one device in an object of its own. So the reader walks the whole document, and takes
//! what a signed transcript is by its content.

mod chain;
mod members;
mod names;
mod nonces;
mod place;
mod siblings;
mod walk;
mod wrapper;

use serde_json::value::RawValue;
use spdm_appraisal::{WrapperPlace, is_wrapper};

use self::chain::{chain_in, chain_of};
use self::members::members;
use self::nonces::Nonces;
use self::place::Place;
use self::siblings::Elements;
use self::walk::{Around, Walk};
use self::wrapper::Wrapper;
use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::recording::ChainContent;
use crate::text;

/// How deep evidence may lie. Every level is read once more.
const DEEPEST: usize = 16;

/// The text without the spaces in front of it, where JSON begins there.
pub(crate) fn sniff(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[' | b'"')).then_some(text)
}

/// The evidence in a file of one or more JSON values: this crate's own documents, and devices of other tools.
pub(crate) fn read(json: &[u8], presumption: Presumption) -> Result<Evidence, Error> {
    let mut walk = Walk::new(presumption);
    let around = Around { presumption, nonces: Nonces::default(), chain: None };
    let mut values =
        serde_json::Deserializer::from_slice(json).into_iter::<&RawValue>().enumerate().peekable();
    // Several values, as lines of a log have them, are a list without brackets.
    let mut elements = Elements::default();
    while let Some((index, value)) = values.next() {
        let value = value.map_err(|error| Error::Json(error.to_string()))?;
        if index == 0 && values.peek().is_none() {
            walk.value(value, &Place::ROOT, &around)?;
        } else {
            elements.add(index, walk.value(value, &Place::ROOT.item(index), &around)?);
        }
    }
    elements.finish(&Place::ROOT)?;
    walk.finish()
}

/// The evidence in a conceptual message wrapper in CBOR.
pub(crate) fn read_wrapper(cbor: &[u8], presumption: Presumption) -> Result<Evidence, Error> {
    let mut walk = Walk::new(presumption);
    let around = Around { presumption, nonces: Nonces::default(), chain: None };
    let wrapper = Wrapper::of_cbor(cbor, 0, &Place::ROOT)?;
    walk.wrapper(&wrapper, &Place::ROOT, &around)?;
    walk.finish()
}

/// A file of reference values in a conceptual message wrapper.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WrappedReference {
    /// The labels that lead to it, such as `platform.rim`; empty where it is alone.
    pub label: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The files of reference values in a conceptual message wrapper; `None` where the file is none.
///
/// # Errors
/// [`Error::Wrapper`] where it breaks a rule, [`Error::NoWrappedReference`] where it has none.
pub fn wrapped_references(file: &[u8]) -> Result<Option<Vec<WrappedReference>>, Error> {
    let wrapper = if is_wrapper(file) {
        Wrapper::of_cbor(file, 0, &Place::ROOT)?
    } else {
        let text = text::plain_text(file);
        let json = sniff(&text).and_then(|json| serde_json::from_slice::<&RawValue>(json).ok());
        let Some(value) = json else { return Ok(None) };
        if !wrapper::is_wrapper(value) {
            return Ok(None);
        }
        Wrapper::of_json(value, 0, WrapperPlace::Alone, &Place::ROOT)?
    };
    let references = wrapper.references();
    if references.is_empty() { Err(Error::NoWrappedReference) } else { Ok(Some(references)) }
}

/// The certificates in a file of JSON, such as the CertificateString of Redfish.
pub(crate) fn certificates(json: &[u8]) -> Result<CertificateList, Error> {
    let value: &RawValue =
        serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
    let none = || Error::NoCertificate { labels: Vec::new() };
    let chain = match value.get().as_bytes().first() {
        Some(b'{') => chain_of(&members(value, &Place::ROOT)?, &Place::ROOT)?,
        _ => chain_in(value, &Place::ROOT)?,
    };
    match chain {
        Some(ChainContent::Certificates(list)) => Ok(list),
        _ => Err(none()),
    }
}
