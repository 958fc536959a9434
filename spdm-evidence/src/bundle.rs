//! Detached EAT bundles: the measurements of several devices, whose digests one token signs.

use std::sync::Arc;

use spdm_appraisal::{BundlePart, BundleParts};
use spdm_codec::{KeySlot, SlotId};
use spdm_untrusted::Untrusted;

use crate::certificate_list::CertificateList;
use crate::error::Error;
use crate::evidence::{Evidence, Presumption};
use crate::recording::{ChainContent, Recording, SlotChain};
use crate::standard_transcript;

/// The part of a bundle that a recording is of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BundledPart {
    /// The whole bundle, whose token signs the digest of the part.
    pub(crate) bundle: Arc<Vec<u8>>,
    /// The name of the part.
    pub name: String,
}

/// A recording for each part. Who vouches for the bundle, the verifier says.
pub(crate) fn read(bytes: &[u8], presumption: Presumption) -> Result<Evidence, Error> {
    let parts = BundleParts::read(Untrusted::new(bytes)).map_err(Error::Bundle)?;
    let bundle = Arc::new(bytes.to_vec());
    let mut recordings = Vec::new();
    parts.for_each(|part| {
        recordings.push(read_part(&part, &bundle, presumption)?);
        Ok::<_, Error>(())
    })?;
    Ok(Evidence { recordings, ..Evidence::default() })
}

fn read_part(
    part: &BundlePart<'_>,
    bundle: &Arc<Vec<u8>>,
    presumption: Presumption,
) -> Result<Recording, Error> {
    let device = part.device().map_err(Error::Bundle)?;
    let mut recording = standard_transcript::read_one(device.signed_measurements, presumption)?;
    let slot = match recording.measurement_request().and_then(|request| request.slot) {
        Some(KeySlot::Slot(slot)) => slot,
        _ => SlotId::ZERO,
    };
    let list = CertificateList::recognise(device.cert_chain);
    let list = list.unwrap_or(Err(Error::NoCertificate { labels: Vec::new() }))?;
    let content = Arc::new(ChainContent::Certificates(list));
    recording.chains.push(SlotChain { slot, content });
    let name = part.name.to_owned();
    recording.bundle = Some(BundledPart { bundle: Arc::clone(bundle), name });
    Ok(recording)
}
