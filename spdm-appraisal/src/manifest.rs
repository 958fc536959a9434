//! What the manifest block of a measurement record holds.

use spdm_codec::{DmtfMeasurement, MANIFEST_INDEX, MeasurementForm, MeasurementType};
use spdm_untrusted::Untrusted;

use crate::cbor::{Reader, Result};
use crate::concise_evidence::ConciseEvidence;
use crate::error::{ReadError, Rule};
use crate::toc::SpdmToc;
use crate::token::{TAG_CWT, TAG_SELF_DESCRIBED, TAG_SIGN1, Token};

/// IANA's registry of CBOR tags in a standards body header (SVH, DSP0274).
const SVH_IANA_CBOR: u8 = 10;
const TAG_TOC: u64 = 570;
/// The tag of concise evidence.
pub(crate) const TAG_EVIDENCE: u64 = 571;

/// The indices of blocks that hold a manifest, in the order in which they are looked at: that of DSP0274, and the one that
/// the attestation text of OCP names for its token.
pub const MANIFEST_INDICES: [u8; 2] = [MANIFEST_INDEX, 0xF0];

/// What a manifest is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Manifest<'a> {
    /// A table of contents (tag 570).
    Toc(SpdmToc<'a>),
    /// Concise evidence without a table around it (tag 571).
    Evidence(ConciseEvidence<'a>),
    /// A token (tags 55799, 61 and 18), whose signature is not verified.
    Token(Token<'a>),
}

/// A manifest block of a measurement record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ManifestBlock<'a> {
    /// The index of the block: one of [`MANIFEST_INDICES`].
    pub index: u8,
    /// What it holds.
    pub manifest: Manifest<'a>,
    /// It is a structured manifest without the header that DSP0274 has there, as some devices send it.
    pub lacks_header: bool,
}

impl<'a> ManifestBlock<'a> {
    /// Reads a block: tagged CBOR in a freeform manifest (type 4), a standards body header and what its tag holds in a
    /// structured one (type 10). `None` where the block is no manifest, or one of a form that this crate does not know.
    ///
    /// # Errors
    /// [`ReadError`] with the offset in the value, where it begins like a manifest of a known form.
    pub fn read(index: u8, measurement: &DmtfMeasurement<'a>) -> Result<Option<Self>> {
        let DmtfMeasurement { value_type, form, value } = *measurement;
        if !MANIFEST_INDICES.contains(&index) || form != MeasurementForm::RawBitStream {
            return Ok(None);
        }
        let read = Manifest::read(Untrusted::new(value), value_type)?;
        Ok(read.map(|(manifest, has_header)| {
            let is_structured = value_type == MeasurementType::StructuredManifest;
            Self { index, manifest, lacks_header: is_structured && !has_header }
        }))
    }
}

impl<'a> Manifest<'a> {
    /// The concise evidence in it: at least one, but none of a token, whose signature has to be verified first:
    /// [`Eat::evidence`](crate::Eat::evidence).
    pub fn evidence(&self) -> impl Iterator<Item = ConciseEvidence<'a>> + use<'a> {
        let (toc, one) = match self {
            Self::Toc(toc) => (Some(*toc), None),
            Self::Evidence(evidence) => (None, Some(*evidence)),
            Self::Token(_) => (None, None),
        };
        toc.into_iter().flat_map(|toc| toc.evidence()).chain(one)
    }

    /// Reads the value of a block, and says whether a standards body header is in front; `None` where it is of no known
    /// form.
    pub(crate) fn read(
        value: Untrusted<&'a [u8]>,
        kind: MeasurementType,
    ) -> Result<Option<(Self, bool)>> {
        let bytes = value.into_inner_less_safe();
        if bytes.len() > crate::MAX_FILE {
            return Err(ReadError::new(Rule::TooLarge, "manifest", crate::MAX_FILE));
        }
        let (tag, mut reader, has_header) = match (kind, bytes) {
            (MeasurementType::StructuredManifest, [SVH_IANA_CBOR, len, rest @ ..]) => {
                let cut = ReadError::new(Rule::Truncated, "VendorID", 2);
                let (vendor, content) = rest.split_at_checked(usize::from(*len)).ok_or(cut)?;
                let mut head = Reader::new(vendor, 2);
                let Ok(tag) = head.tag("VendorID") else { return Ok(None) };
                head.finish("VendorID")?;
                (tag, Reader::new(content, 2 + vendor.len()), true)
            }
            (MeasurementType::StructuredManifest | MeasurementType::FreeformManifest, _) => {
                let mut reader = Reader::new(bytes, 0);
                let Ok(tag) = reader.tag("manifest") else { return Ok(None) };
                (tag, reader, false)
            }
            _ => return Ok(None),
        };
        let tag = match tag {
            TAG_SELF_DESCRIBED => reader.tag("manifest").ok(),
            tag => Some(tag),
        };
        let manifest = match tag {
            Some(TAG_TOC) => Self::Toc(SpdmToc::read(&mut reader)?),
            Some(TAG_EVIDENCE) => Self::Evidence(ConciseEvidence::read(&mut reader)?),
            Some(tag @ (TAG_CWT | TAG_SIGN1)) => Self::Token(Token::read_behind(tag, &mut reader)?),
            _ => return Ok(None),
        };
        reader.finish("manifest")?;
        Ok(Some((manifest, has_header)))
    }
}
