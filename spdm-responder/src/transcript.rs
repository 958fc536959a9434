//! The running hashes of a connection (DSP0274 §Signature generation): only bytes that were received and sent enter,
//! without padding.

use spdm_codec::SpdmVersion;
use spdm_crypto::{Digest, HashAlgorithm, HashBank, HashError};

/// Places in the lent bank.
///
/// * A: the negotiation.
/// * M1 = A ‖ B ‖ C: then the exchanges of DIGESTS and CERTIFICATE, and CHALLENGE.
/// * L1 = M, from 1.2 on A ‖ M: consecutive exchanges of MEASUREMENTS.
pub(crate) const A: usize = 0;
pub(crate) const M1: usize = 1;
pub(crate) const L1: usize = 2;
/// What is computed and thrown away.
pub(crate) const SCRATCH: usize = 3;
/// What the Requester signs in CHALLENGE_AUTH: from 1.2 on A, then the encapsulated exchanges.
#[cfg(feature = "mutual-auth")]
pub(crate) const MUTUAL: usize = 4;

/// A, and DIGESTS where it counts: what TH of a key exchange begins with.
pub(crate) const TH_BASE: usize = HASH_PLACES;

/// How many running hashes a connection without sessions needs.
pub const HASH_PLACES: usize = if cfg!(feature = "mutual-auth") { 5 } else { 4 };

/// How many running hashes a connection with so many sessions at once needs.
#[must_use]
pub const fn hash_places(sessions: usize) -> usize {
    if sessions == 0 { HASH_PLACES } else { HASH_PLACES + 1 + 2 * sessions }
}

/// TH of a session.
pub(crate) const fn session_th(index: usize) -> usize {
    HASH_PLACES + 1 + 2 * index
}

/// L1 of a session.
pub(crate) const fn session_l1(index: usize) -> usize {
    HASH_PLACES + 2 + 2 * index
}

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
    if hashes.places() > TH_BASE {
        hashes.fork(A, TH_BASE)?;
    }
    reset_b(hashes)?;
    begin_l1(hashes, version, hash, L1)
}

/// Empties B and C.
pub(crate) fn reset_b(hashes: Lent<'_>) -> Result<(), HashError> {
    hashes.fork(A, M1)
}

/// M is empty: L1 at `place` begins.
pub(crate) fn begin_l1(
    hashes: Lent<'_>,
    version: SpdmVersion,
    hash: HashAlgorithm,
    place: usize,
) -> Result<(), HashError> {
    match version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => hashes.start(place, hash),
        SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => hashes.fork(A, place),
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
