//! The key that nonces are made with.

use core::fmt;

use spdm_crypto::{HashAlgorithm, KdfError, Provider, Secret, Unsupported};
use zeroize::Zeroizing;

/// The label of a key's name.
const ID_LABEL: &[u8] = b"spdm-fleet-key-id v1";
/// Bytes of a key's name.
const ID_LEN: usize = 8;

/// A key of a job, or of a site: whoever submits and whoever judges has it, and no collector that is not trusted.
///
/// It is erased when it is dropped, and has no `Debug` content.
pub struct FleetKey(Secret);

/// Why bytes are no [`FleetKey`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing is said of a secret's content")]
pub struct FleetKeyError;

impl fmt::Display for FleetKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a key of {} bytes, or so many in hexadecimal digits", FleetKey::LEN)
    }
}

impl core::error::Error for FleetKeyError {}

impl FleetKey {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// The key in a file: 32 bytes, or 64 hexadecimal digits with white space around them.
    ///
    /// # Errors
    /// [`FleetKeyError`].
    pub fn from_file(content: &[u8]) -> Result<Self, FleetKeyError> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let digits = content.trim_ascii();
        if content.len() == Self::LEN {
            bytes.copy_from_slice(content);
        } else {
            hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| FleetKeyError)?;
        }
        Secret::new(bytes.as_slice()).map(Self).ok_or(FleetKeyError)
    }

    /// Its name, which tells nothing of it: 16 hexadecimal digits.
    ///
    /// # Errors
    /// The backend has no HMAC with SHA-256.
    pub fn id(&self, provider: &Provider) -> Result<String, KdfError> {
        let mac = self.mac(provider, &[ID_LABEL])?;
        Ok(hex::encode(mac.get(..ID_LEN).unwrap_or_default()))
    }

    /// HMAC-SHA-256 of the concatenated parts.
    pub(crate) fn mac(
        &self,
        provider: &Provider,
        parts: &[&[u8]],
    ) -> Result<[u8; Self::LEN], KdfError> {
        let kdf = provider
            .kdf(HashAlgorithm::Sha256)
            .ok_or_else(|| KdfError::from(Unsupported::new(HashAlgorithm::Sha256)))?;
        let mac = kdf.hmac(HashAlgorithm::Sha256, &self.0, parts)?;
        mac.as_bytes().try_into().map_err(|_| KdfError::Length)
    }
}

impl fmt::Debug for FleetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use spdm_crypto::rustcrypto::PROVIDER;

    use super::FleetKey;

    #[test]
    fn a_key_is_32_bytes_or_their_digits_and_shows_neither() {
        let bytes = [0x41; 32];
        let one = FleetKey::from_file(&bytes).unwrap();
        let digits = format!("{}\n", hex::encode(bytes));
        let other = FleetKey::from_file(digits.as_bytes()).unwrap();
        assert_eq!(one.id(&PROVIDER), other.id(&PROVIDER));
        assert_eq!(format!("{one:?}"), "FleetKey { .. }");
        for wrong in [&b""[..], &bytes[1..], &digits.as_bytes()[2..], &[0x5A; 64]] {
            FleetKey::from_file(wrong).unwrap_err();
        }
    }

    #[test]
    fn keys_have_different_names() {
        let id = |byte| FleetKey::from_file(&[byte; 32]).unwrap().id(&PROVIDER).unwrap();
        assert_ne!(id(1), id(2));
        assert_eq!(id(1).len(), 16);
    }
}
