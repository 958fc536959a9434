//! Bitmaps of algorithms, as NEGOTIATE_ALGORITHMS offers and ALGORITHMS selects them.

use bitflags::bitflags;

use crate::opaque::OpaqueFormat;
use crate::spdm_version::SpdmVersion;

/// The flags' names are DSP0274's; `from_name` and `iter_names` are public with every type.
macro_rules! names {
    ($($type:ident),*) => { $(
        impl $type {
            /// The DSP0274 name, where exactly one known bit is set.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                let mut names = self.iter_names();
                match (self.is_single(), names.next()) {
                    (true, Some((name, _))) => Some(name),
                    _ => None,
                }
            }

            /// Whether exactly one bit is set, known or not.
            #[must_use]
            pub const fn is_single(self) -> bool {
                self.bits().count_ones() == 1
            }
        }
    )* };
}

names!(
    BaseAsymAlgo,
    BaseHashAlgo,
    MeasurementHashAlgo,
    PqcAsymAlgo,
    DheNamedGroup,
    AeadCipherSuite,
    KeyScheduleAlgo,
    KemAlgo,
    MeasurementSpecification,
    MelSpecification,
    OtherParams
);

bitflags! {
    /// `BaseAsymAlgo`, `BaseAsymSel`, `ReqBaseAsymAlg` (DSP0274 §NEGOTIATE_ALGORITHMS). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct BaseAsymAlgo: u32 {
        /// RSASSA-PKCS1-v1_5, 2048 bits.
        const RSASSA_2048 = 1 << 0;
        /// RSASSA-PSS, 2048 bits.
        const RSAPSS_2048 = 1 << 1;
        /// RSASSA-PKCS1-v1_5, 3072 bits.
        const RSASSA_3072 = 1 << 2;
        /// RSASSA-PSS, 3072 bits.
        const RSAPSS_3072 = 1 << 3;
        /// ECDSA on P-256.
        const ECDSA_P256 = 1 << 4;
        /// RSASSA-PKCS1-v1_5, 4096 bits.
        const RSASSA_4096 = 1 << 5;
        /// RSASSA-PSS, 4096 bits.
        const RSAPSS_4096 = 1 << 6;
        /// ECDSA on P-384.
        const ECDSA_P384 = 1 << 7;
        /// ECDSA on P-521.
        const ECDSA_P521 = 1 << 8;
        /// SM2 on its 256-bit curve (1.2).
        const SM2_P256 = 1 << 9;
        /// Ed25519 (1.2).
        const EDDSA_ED25519 = 1 << 10;
        /// Ed448 (1.2).
        const EDDSA_ED448 = 1 << 11;
        const _ = !0;
    }
}

impl BaseAsymAlgo {
    /// S: signature size in bytes, where exactly one known algorithm is set.
    #[must_use]
    pub fn signature_len(self) -> Option<usize> {
        match self {
            Self::RSASSA_2048 | Self::RSAPSS_2048 => Some(256),
            Self::RSASSA_3072 | Self::RSAPSS_3072 => Some(384),
            Self::RSASSA_4096 | Self::RSAPSS_4096 => Some(512),
            Self::ECDSA_P256 | Self::SM2_P256 | Self::EDDSA_ED25519 => Some(64),
            Self::ECDSA_P384 => Some(96),
            Self::ECDSA_P521 => Some(132),
            Self::EDDSA_ED448 => Some(114),
            _ => None,
        }
    }
}

bitflags! {
    /// `BaseHashAlgo`, `BaseHashSel`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct BaseHashAlgo: u32 {
        /// SHA-256.
        const SHA_256 = 1 << 0;
        /// SHA-384.
        const SHA_384 = 1 << 1;
        /// SHA-512.
        const SHA_512 = 1 << 2;
        /// SHA3-256.
        const SHA3_256 = 1 << 3;
        /// SHA3-384.
        const SHA3_384 = 1 << 4;
        /// SHA3-512.
        const SHA3_512 = 1 << 5;
        /// SM3 (1.2).
        const SM3_256 = 1 << 6;
        const _ = !0;
    }
}

impl BaseHashAlgo {
    /// H: digest size in bytes, where exactly one known algorithm is set.
    #[must_use]
    pub fn digest_len(self) -> Option<usize> {
        match self {
            Self::SHA_256 | Self::SHA3_256 | Self::SM3_256 => Some(32),
            Self::SHA_384 | Self::SHA3_384 => Some(48),
            Self::SHA_512 | Self::SHA3_512 => Some(64),
            _ => None,
        }
    }
}

bitflags! {
    /// `MeasurementHashAlgo`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct MeasurementHashAlgo: u32 {
        /// Raw bit streams only: there are no digests.
        const RAW_BIT_STREAM = 1 << 0;
        /// SHA-256.
        const SHA_256 = 1 << 1;
        /// SHA-384.
        const SHA_384 = 1 << 2;
        /// SHA-512.
        const SHA_512 = 1 << 3;
        /// SHA3-256.
        const SHA3_256 = 1 << 4;
        /// SHA3-384.
        const SHA3_384 = 1 << 5;
        /// SHA3-512.
        const SHA3_512 = 1 << 6;
        /// SM3 (1.2).
        const SM3_256 = 1 << 7;
        const _ = !0;
    }
}

impl MeasurementHashAlgo {
    /// Size of a measurement digest in bytes, where exactly one known hash is set; `None` for raw only.
    #[must_use]
    pub fn digest_len(self) -> Option<usize> {
        match self {
            Self::SHA_256 | Self::SHA3_256 | Self::SM3_256 => Some(32),
            Self::SHA_384 | Self::SHA3_384 => Some(48),
            Self::SHA_512 | Self::SHA3_512 => Some(64),
            _ => None,
        }
    }
}

bitflags! {
    /// `PqcAsymAlgo`, `PqcAsymSel`, `ReqPqcAsymAlg` (1.4). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct PqcAsymAlgo: u32 {
        /// ML-DSA-44.
        const ML_DSA_44 = 1 << 0;
        /// ML-DSA-65.
        const ML_DSA_65 = 1 << 1;
        /// ML-DSA-87.
        const ML_DSA_87 = 1 << 2;
        /// SLH-DSA-SHA2-128s.
        const SLH_DSA_SHA2_128S = 1 << 3;
        /// SLH-DSA-SHAKE-128s.
        const SLH_DSA_SHAKE_128S = 1 << 4;
        /// SLH-DSA-SHA2-128f.
        const SLH_DSA_SHA2_128F = 1 << 5;
        /// SLH-DSA-SHAKE-128f.
        const SLH_DSA_SHAKE_128F = 1 << 6;
        /// SLH-DSA-SHA2-192s.
        const SLH_DSA_SHA2_192S = 1 << 7;
        /// SLH-DSA-SHAKE-192s.
        const SLH_DSA_SHAKE_192S = 1 << 8;
        /// SLH-DSA-SHA2-192f.
        const SLH_DSA_SHA2_192F = 1 << 9;
        /// SLH-DSA-SHAKE-192f.
        const SLH_DSA_SHAKE_192F = 1 << 10;
        /// SLH-DSA-SHA2-256s.
        const SLH_DSA_SHA2_256S = 1 << 11;
        /// SLH-DSA-SHAKE-256s.
        const SLH_DSA_SHAKE_256S = 1 << 12;
        /// SLH-DSA-SHA2-256f.
        const SLH_DSA_SHA2_256F = 1 << 13;
        /// SLH-DSA-SHAKE-256f.
        const SLH_DSA_SHAKE_256F = 1 << 14;
        const _ = !0;
    }
}

impl PqcAsymAlgo {
    /// S: signature size in bytes, where exactly one known algorithm is set.
    #[must_use]
    pub fn signature_len(self) -> Option<usize> {
        match self {
            Self::ML_DSA_44 => Some(2420),
            Self::ML_DSA_65 => Some(3309),
            Self::ML_DSA_87 => Some(4627),
            Self::SLH_DSA_SHA2_128S | Self::SLH_DSA_SHAKE_128S => Some(7856),
            Self::SLH_DSA_SHA2_128F | Self::SLH_DSA_SHAKE_128F => Some(17088),
            Self::SLH_DSA_SHA2_192S | Self::SLH_DSA_SHAKE_192S => Some(16224),
            Self::SLH_DSA_SHA2_192F | Self::SLH_DSA_SHAKE_192F => Some(35664),
            Self::SLH_DSA_SHA2_256S | Self::SLH_DSA_SHAKE_256S => Some(29792),
            Self::SLH_DSA_SHA2_256F | Self::SLH_DSA_SHAKE_256F => Some(49856),
            _ => None,
        }
    }
}

bitflags! {
    /// `DHE` AlgStruct (type 2). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct DheNamedGroup: u16 {
        /// FFDHE2048.
        const FFDHE_2048 = 1 << 0;
        /// FFDHE3072.
        const FFDHE_3072 = 1 << 1;
        /// FFDHE4096.
        const FFDHE_4096 = 1 << 2;
        /// P-256.
        const SECP_256_R1 = 1 << 3;
        /// P-384.
        const SECP_384_R1 = 1 << 4;
        /// P-521.
        const SECP_521_R1 = 1 << 5;
        /// SM2 curve (1.2).
        const SM2_P256 = 1 << 6;
        const _ = !0;
    }
}

bitflags! {
    /// `AEAD` AlgStruct (type 3). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct AeadCipherSuite: u16 {
        /// AES-128-GCM.
        const AES_128_GCM = 1 << 0;
        /// AES-256-GCM.
        const AES_256_GCM = 1 << 1;
        /// ChaCha20-Poly1305.
        const CHACHA20_POLY1305 = 1 << 2;
        /// SM4-GCM (1.2).
        const SM4_GCM = 1 << 3;
        const _ = !0;
    }
}

bitflags! {
    /// `KeySchedule` AlgStruct (type 5). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct KeyScheduleAlgo: u16 {
        /// The SPDM key schedule.
        const SPDM = 1 << 0;
        const _ = !0;
    }
}

bitflags! {
    /// `KEMAlg` AlgStruct (type 7, 1.4). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct KemAlgo: u16 {
        /// ML-KEM-512.
        const ML_KEM_512 = 1 << 0;
        /// ML-KEM-768.
        const ML_KEM_768 = 1 << 1;
        /// ML-KEM-1024.
        const ML_KEM_1024 = 1 << 2;
        const _ = !0;
    }
}

bitflags! {
    /// `MeasurementSpecification` and `MeasurementSpecificationSel`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct MeasurementSpecification: u8 {
        /// The DMTF measurement format.
        const DMTF = 1 << 0;
        const _ = !0;
    }
}

bitflags! {
    /// `MELspecification` (1.3). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct MelSpecification: u8 {
        /// The DMTF measurement extension log format.
        const DMTF = 1 << 0;
        const _ = !0;
    }
}

bitflags! {
    /// `OtherParamsSupport` and `OtherParamsSelection` (1.2). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct OtherParams: u8 {
        /// `OpaqueDataFmt0`: free form.
        const OPAQUE_DATA_FMT_0 = 1 << 0;
        /// `OpaqueDataFmt1`: the general opaque data table.
        const OPAQUE_DATA_FMT_1 = 1 << 1;
        /// `MultiKeyConn` (1.3).
        const MULTI_KEY_CONN = 1 << 4;
        const _ = !0;
    }
}

impl OtherParams {
    /// The opaque data format, bits 3:0.
    #[must_use]
    pub const fn opaque_format(self) -> Self {
        Self::from_bits_retain(self.bits() & 0x0F)
    }

    /// How OpaqueData is to be read where these parameters were selected (DSP0274 1.2 §ALGORITHMS). Before 1.2
    /// there is no choice.
    #[must_use]
    pub fn opaque_data_format(self, version: SpdmVersion) -> OpaqueFormat {
        let format = self.opaque_format();
        if version < SpdmVersion::V1_2 || format == Self::OPAQUE_DATA_FMT_0 {
            OpaqueFormat::FreeForm
        } else if format == Self::OPAQUE_DATA_FMT_1 {
            OpaqueFormat::Table
        } else {
            OpaqueFormat::None
        }
    }
}
