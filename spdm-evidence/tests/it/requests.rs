//! What a Requester sends in version 1.2.

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo};

/// GET_VERSION to NEGOTIATE_ALGORITHMS, which offers one algorithm of each kind.
pub(crate) fn negotiation(asym: BaseAsymAlgo, hash: BaseHashAlgo) -> [Vec<u8>; 3] {
    let mut capabilities = vec![0x12, 0xE1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0];
    capabilities.extend([0, 0x12, 0, 0, 0, 0x12, 0, 0]);
    let mut algorithms = vec![0x12, 0xE3, 0, 0, 32, 0, 1, 2];
    algorithms.extend(asym.bits().to_le_bytes());
    algorithms.extend(hash.bits().to_le_bytes());
    algorithms.resize(32, 0);
    [vec![0x10, 0x84, 0, 0], capabilities, algorithms]
}

/// Negotiation with P-256, chain, CHALLENGE and signed measurements.
pub(crate) fn attestation() -> Vec<Vec<u8>> {
    let mut requests = negotiation(BaseAsymAlgo::ECDSA_P256, BaseHashAlgo::SHA_256).to_vec();
    requests.extend([
        vec![0x12, 0x81, 0, 0],
        vec![0x12, 0x82, 0, 0, 0, 0, 0, 0x10],
        [&[0x12, 0x83, 0, 0][..], &[7; 32]].concat(),
        [&[0x12, 0xE0, 1, 0xFF][..], &[7; 32], &[0]].concat(),
    ]);
    requests
}
