//! The running hashes of a connection (DSP0274 §Signature generation): only bytes that were received and sent enter,
//! without padding.

use spdm_codec::SpdmVersion;
use spdm_crypto::{Digest, HashAlgorithm, HashBank, HashError};

/// Places in the lent bank.
///
/// * A: the negotiation.
/// * M1 = A ‖ B ‖ C: then the exchanges of DIGESTS and CERTIFICATE, and CHALLENGE.
/// * L1 = M, from 1.2 on A ‖ M: consecutive exchanges of MEASUREMENTS.
const A: usize = 0;
pub(crate) const M1: usize = 1;
pub(crate) const L1: usize = 2;
/// What is computed and thrown away.
pub(crate) const SCRATCH: usize = 3;

/// How many running hashes a connection needs.
pub const HASH_PLACES: usize = 4;

type Lent<'h> = &'h mut (dyn HashBank + 'static);

/// The negotiation is over: `negotiation` is A.
pub(crate) fn begin(
    hashes: Lent<'_>,
    version: SpdmVersion,
    hash: HashAlgorithm,
    negotiation: &[u8],
) -> Result<(), HashError> {
    hashes.start(A, hash)?;
    hashes.update(A, negotiation)?;
    reset_b(hashes)?;
    reset_m(hashes, version, hash)
}

/// Empties B and C.
pub(crate) fn reset_b(hashes: Lent<'_>) -> Result<(), HashError> {
    hashes.fork(A, M1)
}

/// Empties M.
pub(crate) fn reset_m(
    hashes: Lent<'_>,
    version: SpdmVersion,
    hash: HashAlgorithm,
) -> Result<(), HashError> {
    match version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => hashes.start(L1, hash),
        SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => hashes.fork(A, L1),
    }
}

/// Adds an exchange.
pub(crate) fn append(hashes: Lent<'_>, place: usize, parts: &[&[u8]]) -> Result<(), HashError> {
    parts.iter().try_for_each(|part| hashes.update(place, part))
}

/// The digest of a transcript that ends with these parts; it goes on without them.
pub(crate) fn digest(hashes: Lent<'_>, place: usize, parts: &[&[u8]]) -> Result<Digest, HashError> {
    hashes.fork(place, SCRATCH)?;
    append(hashes, SCRATCH, parts)?;
    hashes.snapshot(SCRATCH)
}
