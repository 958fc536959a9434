//! What KEY_PAIR_INFO calls the algorithm of a key: without padding or hash.

use spdm_codec::{KeyPairAsymAlgo, PqcAsymAlgo};
use spdm_crypto::{AsymAlgorithm, EcCurve, RsaBits};

/// The algorithm of a key pair: one bit of the two.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct KeyKind {
    pub(crate) asym: KeyPairAsymAlgo,
    pub(crate) pqc: PqcAsymAlgo,
}

impl KeyKind {
    pub(crate) fn of(asym: AsymAlgorithm) -> Self {
        let bit = match asym {
            AsymAlgorithm::Rsa(_, RsaBits::B2048) => KeyPairAsymAlgo::RSA_2048,
            AsymAlgorithm::Rsa(_, RsaBits::B3072) => KeyPairAsymAlgo::RSA_3072,
            AsymAlgorithm::Rsa(_, RsaBits::B4096) => KeyPairAsymAlgo::RSA_4096,
            AsymAlgorithm::Ecdsa(EcCurve::P256) => KeyPairAsymAlgo::ECC_256,
            AsymAlgorithm::Ecdsa(EcCurve::P384) => KeyPairAsymAlgo::ECC_384,
            AsymAlgorithm::Ecdsa(EcCurve::P521) => KeyPairAsymAlgo::ECC_521,
            AsymAlgorithm::Ed25519 => KeyPairAsymAlgo::ED25519,
            _ => KeyPairAsymAlgo::empty(),
        };
        Self { asym: bit, pqc: asym.pqc_asym().unwrap_or_default() }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}
