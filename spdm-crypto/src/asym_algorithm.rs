//! Signature algorithms by meaning; the bits on the wire are [`BaseAsymAlgo`] and [`PqcAsymAlgo`].

use core::fmt;

use spdm_codec::{BaseAsymAlgo, PqcAsymAlgo};

/// RSA padding.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "PKCS#1 has these two")]
pub enum RsaScheme {
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// RSASSA-PSS; MGF1 with the signature's hash, salt as long as the digest.
    Pss,
}

/// RSA modulus sizes of SPDM.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum RsaBits {
    /// 2048 bits.
    B2048,
    /// 3072 bits.
    B3072,
    /// 4096 bits.
    B4096,
}

impl RsaBits {
    /// Modulus and signature size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::B2048 => 256,
            Self::B3072 => 384,
            Self::B4096 => 512,
        }
    }

    /// The size of a modulus of exactly this many bytes (without leading zeros).
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            256 => Some(Self::B2048),
            384 => Some(Self::B3072),
            512 => Some(Self::B4096),
            _ => None,
        }
    }
}

/// NIST curves of SPDM.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum EcCurve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl EcCurve {
    /// Size of a coordinate, and of r and of s, in bytes.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// Parameter sets of ML-DSA (FIPS 204 §4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "FIPS 204 has these three")]
pub enum MlDsaSet {
    /// ML-DSA-44.
    P44,
    /// ML-DSA-65.
    P65,
    /// ML-DSA-87.
    P87,
}

impl MlDsaSet {
    /// Public key size in bytes.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::P44 => 1312,
            Self::P65 => 1952,
            Self::P87 => 2592,
        }
    }

    /// Signature size in bytes.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::P44 => 2420,
            Self::P65 => 3309,
            Self::P87 => 4627,
        }
    }
}

/// A signature algorithm with its key size.
///
/// On the wire the post-quantum ones have a field of their own since 1.4: of [`Self::base_asym`] and
/// [`Self::pqc_asym`] exactly one is there.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AsymAlgorithm {
    /// ECDSA; keys are uncompressed SEC1 points, signatures r then s, each of fixed size, big-endian.
    Ecdsa(EcCurve),
    /// Pure Ed25519; keys and signatures as in RFC 8032.
    Ed25519,
    /// Pure ML-DSA with a context string; keys and signatures as in FIPS 204.
    MlDsa(MlDsaSet),
    /// RSA; keys are PKCS#1 `RSAPublicKey` DER, signatures big-endian of the modulus' size.
    Rsa(RsaScheme, RsaBits),
}

impl AsymAlgorithm {
    /// Every signature algorithm of this crate.
    pub const ALL: [Self; 13] = [
        Self::Rsa(RsaScheme::Pkcs1, RsaBits::B2048),
        Self::Rsa(RsaScheme::Pss, RsaBits::B2048),
        Self::Rsa(RsaScheme::Pkcs1, RsaBits::B3072),
        Self::Rsa(RsaScheme::Pss, RsaBits::B3072),
        Self::Ecdsa(EcCurve::P256),
        Self::Rsa(RsaScheme::Pkcs1, RsaBits::B4096),
        Self::Rsa(RsaScheme::Pss, RsaBits::B4096),
        Self::Ecdsa(EcCurve::P384),
        Self::Ecdsa(EcCurve::P521),
        Self::Ed25519,
        Self::MlDsa(MlDsaSet::P44),
        Self::MlDsa(MlDsaSet::P65),
        Self::MlDsa(MlDsaSet::P87),
    ];

    /// Signature size in bytes.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Ecdsa(curve) => 2 * curve.coordinate_len(),
            Self::Ed25519 => 64,
            Self::MlDsa(set) => set.signature_len(),
            Self::Rsa(_, bits) => bits.bytes(),
        }
    }

    /// Whether the algorithm signs a digest that another function made ([`Signed::Prehash`]). The others
    /// take messages only: 1.0 and 1.1, which sign the digest of a transcript, do not have them.
    ///
    /// [`Signed::Prehash`]: crate::Signed::Prehash
    #[must_use]
    pub const fn takes_prehash(self) -> bool {
        match self {
            Self::Ecdsa(_) | Self::Rsa(..) => true,
            Self::Ed25519 | Self::MlDsa(_) => false,
        }
    }

    /// The bit of `BaseAsymAlgo`; `None` for the algorithms of `PqcAsymAlgo`.
    #[must_use]
    pub const fn base_asym(self) -> Option<BaseAsymAlgo> {
        Some(match self {
            Self::Ecdsa(EcCurve::P256) => BaseAsymAlgo::ECDSA_P256,
            Self::Ecdsa(EcCurve::P384) => BaseAsymAlgo::ECDSA_P384,
            Self::Ecdsa(EcCurve::P521) => BaseAsymAlgo::ECDSA_P521,
            Self::Ed25519 => BaseAsymAlgo::EDDSA_ED25519,
            Self::Rsa(RsaScheme::Pkcs1, RsaBits::B2048) => BaseAsymAlgo::RSASSA_2048,
            Self::Rsa(RsaScheme::Pkcs1, RsaBits::B3072) => BaseAsymAlgo::RSASSA_3072,
            Self::Rsa(RsaScheme::Pkcs1, RsaBits::B4096) => BaseAsymAlgo::RSASSA_4096,
            Self::Rsa(RsaScheme::Pss, RsaBits::B2048) => BaseAsymAlgo::RSAPSS_2048,
            Self::Rsa(RsaScheme::Pss, RsaBits::B3072) => BaseAsymAlgo::RSAPSS_3072,
            Self::Rsa(RsaScheme::Pss, RsaBits::B4096) => BaseAsymAlgo::RSAPSS_4096,
            Self::MlDsa(_) => return None,
        })
    }

    /// The bit of `PqcAsymAlgo`; `None` for the algorithms of `BaseAsymAlgo`.
    #[must_use]
    pub const fn pqc_asym(self) -> Option<PqcAsymAlgo> {
        match self {
            Self::MlDsa(MlDsaSet::P44) => Some(PqcAsymAlgo::ML_DSA_44),
            Self::MlDsa(MlDsaSet::P65) => Some(PqcAsymAlgo::ML_DSA_65),
            Self::MlDsa(MlDsaSet::P87) => Some(PqcAsymAlgo::ML_DSA_87),
            Self::Ecdsa(_) | Self::Ed25519 | Self::Rsa(..) => None,
        }
    }

    /// The algorithm of a `BaseAsymSel` with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_base_asym(selected: BaseAsymAlgo) -> Option<Self> {
        Self::ALL.into_iter().find(|asym| asym.base_asym() == Some(selected))
    }

    /// The algorithm of a `PqcAsymSel` with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_pqc_asym(selected: PqcAsymAlgo) -> Option<Self> {
        Self::ALL.into_iter().find(|asym| asym.pqc_asym() == Some(selected))
    }

    /// DSP0274 name, for example `ECDSA_P384`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let base = self.base_asym().and_then(|bit| bit.name());
        base.or_else(|| self.pqc_asym()?.name()).unwrap_or("unknown algorithm")
    }
}

impl fmt::Display for AsymAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{BaseAsymAlgo, PqcAsymAlgo};

    use super::AsymAlgorithm;

    #[test]
    fn sizes_agree_with_the_codec() {
        for asym in AsymAlgorithm::ALL {
            let base = asym.base_asym().map(|bit| {
                assert_eq!(AsymAlgorithm::from_base_asym(bit), Some(asym));
                (bit.signature_len(), bit.name())
            });
            let pqc = asym.pqc_asym().map(|bit| {
                assert_eq!(AsymAlgorithm::from_pqc_asym(bit), Some(asym));
                (bit.signature_len(), bit.name())
            });
            // One field of the two.
            let known = base.xor(pqc).unwrap();
            assert_eq!(known, (Some(asym.signature_len()), Some(asym.name())));
        }
    }

    #[test]
    fn a_selection_has_one_bit() {
        let two = BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384;
        for selected in [BaseAsymAlgo::empty(), two, BaseAsymAlgo::all()] {
            assert_eq!(AsymAlgorithm::from_base_asym(selected), None);
        }
        let two = PqcAsymAlgo::ML_DSA_44 | PqcAsymAlgo::ML_DSA_65;
        let slh_dsa = PqcAsymAlgo::SLH_DSA_SHA2_128S;
        for selected in [PqcAsymAlgo::empty(), two, slh_dsa, PqcAsymAlgo::all()] {
            assert_eq!(AsymAlgorithm::from_pqc_asym(selected), None);
        }
    }
}
