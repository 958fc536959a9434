//! Hash functions by meaning; the bits on the wire are [`BaseHashAlgo`] and [`MeasurementHashAlgo`].

use core::fmt;

use spdm_codec::{BaseHashAlgo, MeasurementHashAlgo};

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl HashAlgorithm {
    /// Every hash function of this crate.
    pub const ALL: [Self; 6] =
        [Self::Sha256, Self::Sha384, Self::Sha512, Self::Sha3_256, Self::Sha3_384, Self::Sha3_512];

    /// Digest size in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The bit of `BaseHashAlgo`.
    #[must_use]
    pub const fn base_hash(self) -> BaseHashAlgo {
        match self {
            Self::Sha256 => BaseHashAlgo::SHA_256,
            Self::Sha384 => BaseHashAlgo::SHA_384,
            Self::Sha512 => BaseHashAlgo::SHA_512,
            Self::Sha3_256 => BaseHashAlgo::SHA3_256,
            Self::Sha3_384 => BaseHashAlgo::SHA3_384,
            Self::Sha3_512 => BaseHashAlgo::SHA3_512,
        }
    }

    /// The algorithm of a `BaseHashSel` with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_base_hash(selected: BaseHashAlgo) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.base_hash() == selected)
    }

    /// The algorithm of a `MeasurementHashAlgo` with exactly one bit, where this crate has it.
    #[must_use]
    pub fn from_measurement_hash(selected: MeasurementHashAlgo) -> Option<Self> {
        selected.name().and_then(BaseHashAlgo::from_name).and_then(Self::from_base_hash)
    }

    /// DSP0274 name, for example `SHA_384`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.base_hash().name().unwrap_or("unknown hash")
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{BaseHashAlgo, MeasurementHashAlgo};

    use super::HashAlgorithm;

    #[test]
    fn sizes_agree_with_the_codec() {
        for hash in HashAlgorithm::ALL {
            assert_eq!(hash.base_hash().digest_len(), Some(hash.digest_len()));
            assert_eq!(HashAlgorithm::from_base_hash(hash.base_hash()), Some(hash));
        }
    }

    #[test]
    fn measurement_hashes_have_their_own_bits() {
        let rows = [
            (MeasurementHashAlgo::SHA_256, Some(HashAlgorithm::Sha256)),
            (MeasurementHashAlgo::SHA_384, Some(HashAlgorithm::Sha384)),
            (MeasurementHashAlgo::SHA_512, Some(HashAlgorithm::Sha512)),
            (MeasurementHashAlgo::SHA3_256, Some(HashAlgorithm::Sha3_256)),
            (MeasurementHashAlgo::SHA3_384, Some(HashAlgorithm::Sha3_384)),
            (MeasurementHashAlgo::SHA3_512, Some(HashAlgorithm::Sha3_512)),
            (MeasurementHashAlgo::SM3_256, None),
            (MeasurementHashAlgo::RAW_BIT_STREAM, None),
            (MeasurementHashAlgo::SHA_256 | MeasurementHashAlgo::SHA_384, None),
            (MeasurementHashAlgo::empty(), None),
        ];
        for (selected, expected) in rows {
            assert_eq!(HashAlgorithm::from_measurement_hash(selected), expected);
        }
    }

    #[test]
    fn a_selection_has_one_bit() {
        let two = BaseHashAlgo::SHA_256 | BaseHashAlgo::SHA_384;
        for selected in [BaseHashAlgo::empty(), two, BaseHashAlgo::all()] {
            assert_eq!(HashAlgorithm::from_base_hash(selected), None);
        }
    }
}
