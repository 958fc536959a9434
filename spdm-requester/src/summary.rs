//! The measurements, and the summary hash that was signed before them.

use spdm_codec::{MeasurementAttributes, MeasurementRecord, MeasurementSummary};
use spdm_crypto::{Digest, HashAlgorithm, Provider};

/// `MeasurementSummaryHash` of a CHALLENGE_AUTH: the base hash of measurement blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SummaryHash {
    /// Which blocks it covers, as CHALLENGE asked.
    pub covers: MeasurementSummary,
    /// The hash.
    pub digest: Digest,
}

impl SummaryHash {
    /// `None` where nothing was asked for, or the Responder has no measurements.
    pub(crate) fn new(covers: MeasurementSummary, digest: &[u8]) -> Option<Self> {
        if covers == MeasurementSummary::None || digest.is_empty() {
            return None;
        }
        Some(Self { covers, digest: Digest::new(digest)? })
    }
}

/// What `MeasurementSummaryHash` of a CHALLENGE_AUTH says of the measurements that came after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SummaryAgreement {
    /// There is none.
    NotAsked,
    /// It covers blocks that are not known: the device chooses which ones belong to the trusted computing base,
    /// or they were not asked for, or were asked for in another form.
    NotKnown,
    /// It is the hash of the measured blocks.
    Agrees,
    /// It is another one.
    Differs,
}

impl SummaryAgreement {
    /// Compares what was signed with what was measured ([`summary_of`]).
    #[must_use]
    pub fn between(signed: Option<&SummaryHash>, measured: Option<&Digest>) -> Self {
        match (signed, measured) {
            (None, _) => Self::NotAsked,
            (Some(signed), Some(measured)) if signed.covers == MeasurementSummary::All => {
                if signed.digest == *measured { Self::Agrees } else { Self::Differs }
            }
            (Some(_), _) => Self::NotKnown,
        }
    }
}

/// What `MeasurementSummaryHash` over all measurements would be, going by the answer to a GET_MEASUREMENTS that
/// asked for all of them with these attributes. `None` where the answer does not tell: they are in another form,
/// or not in the order of their indices.
#[must_use]
pub fn summary_of(
    attributes: MeasurementAttributes,
    record: &MeasurementRecord<'_>,
    hash: HashAlgorithm,
    provider: &Provider,
) -> Option<Digest> {
    let comparable = !attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED)
        && record.iter().is_sorted_by_key(|block| block.index);
    comparable.then(|| provider.hash.digest(hash, &[record.as_bytes()]).ok()).flatten()
}
