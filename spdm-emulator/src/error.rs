//! Why there is no device.

use core::fmt;
use std::io::ErrorKind;

use spdm_crypto::rustcrypto::KeyError;
use spdm_crypto::{AsymAlgorithm, SignError};

/// Why a [`Device`](crate::Device) could not be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeviceError {
    /// No random numbers, and no seed was configured.
    RandomUnavailable,
    /// A key could not be generated.
    Key(KeyError),
    /// A certificate could not be signed.
    Sign(SignError),
    /// A certificate could not be encoded.
    Encode(EncodingError),
    /// No version is configured.
    NoVersion,
    /// No configured BaseAsymAlgo is one that the device can sign with.
    NoAlgorithm,
    /// No configured BaseHashAlgo is one that the device can compute.
    NoHash,
    /// Certificates are provisioned, but in no slot.
    NoSlot,
    /// MeasurementHashAlgo is not one algorithm that the device can compute.
    MeasurementHash,
    /// The chain of an algorithm is longer than 65535 bytes.
    ChainTooLong {
        /// The algorithm.
        asym: AsymAlgorithm,
        /// Bytes of the chain structure.
        len: usize,
    },
    /// What is kept of the device cannot be used.
    State(StateError),
    /// More padding than a transport may append.
    Padding {
        /// The bytes configured; at most 3 are possible.
        padding: usize,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RandomUnavailable => f.write_str("no random numbers are available for new keys"),
            Self::Key(error) => error.fmt(f),
            Self::Sign(error) => write!(f, "a certificate could not be signed: {error}"),
            Self::Encode(error) => error.fmt(f),
            Self::NoVersion => f.write_str("the device speaks no SPDM version"),
            Self::NoAlgorithm => f.write_str("the device has no signature algorithm"),
            Self::NoHash => f.write_str("the device has no hash algorithm"),
            Self::NoSlot => f.write_str("the device has certificates but no slot for them"),
            Self::MeasurementHash => {
                f.write_str("the measurement hash must be one algorithm, or raw bit streams only")
            }
            Self::ChainTooLong { asym, len } => {
                write!(
                    f,
                    "the {asym} certificate chain takes {len} bytes; at most 65535 are possible"
                )
            }
            Self::State(error) => error.fmt(f),
            Self::Padding { padding } => {
                write!(f, "{padding} bytes of padding; a transport appends at most 3")
            }
        }
    }
}

impl core::error::Error for DeviceError {}

impl From<KeyError> for DeviceError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::RandomUnavailable => Self::RandomUnavailable,
            other => Self::Key(other),
        }
    }
}

impl From<SignError> for DeviceError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}

impl From<StateError> for DeviceError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// Why a folder that a device is kept in ([`DeviceConfig::state`](crate::DeviceConfig::state)) cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StateError {
    /// The file in it could not be read.
    Read(ErrorKind),
    /// The file in it could not be written.
    Write(ErrorKind),
    /// This line of the file, counted from 1, is damaged.
    Line(usize),
    /// The device was made from another seed.
    OtherSeed,
    /// The device was made with other algorithms or slots.
    OtherKeys,
    /// Another device has written the file since.
    Changed,
}

/// The name of the file.
const STATE: &str = "device.state";

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(kind) => write!(f, "{STATE} could not be read: {kind}"),
            Self::Write(kind) => write!(f, "{STATE} could not be written: {kind}"),
            Self::Line(number) => write!(f, "{STATE}: line {number} is damaged"),
            Self::OtherSeed => write!(f, "{STATE} is of a device with another seed"),
            Self::OtherKeys => {
                write!(f, "{STATE} is of a device with other algorithms or other slots")
            }
            Self::Changed => write!(f, "{STATE} was changed by another device"),
        }
    }
}

impl core::error::Error for StateError {}

/// Why a certificate could not be encoded, for people to read.
// Opaque, so that the DER library is no part of this crate's public API.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EncodingError(pub(crate) der::ErrorKind);

impl fmt::Display for EncodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a certificate could not be encoded: {}", self.0)
    }
}

impl core::error::Error for EncodingError {}

/// Why an [`DeviceIdentity`](crate::DeviceIdentity) could not be loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file could not be read.
    Read {
        /// Its name in the folder.
        file: &'static str,
        /// What the operating system said.
        kind: ErrorKind,
    },
    /// The folder has neither of the two files that can hold this.
    Missing {
        /// The names that were looked for.
        files: [&'static str; 2],
    },
    /// The text is not PEM, or PEM of something else.
    Pem {
        /// The name of the file.
        file: &'static str,
    },
    /// The file holds other PEM than a private key.
    NoKey {
        /// The name of the file.
        file: &'static str,
        /// The labels of what it holds, escaped.
        labels: Vec<String>,
    },
    /// The private key is encrypted.
    Encrypted {
        /// The name of the file.
        file: &'static str,
    },
    /// The private key is not usable.
    Key(KeyError),
    /// The chain is not one or more DER certificates, for `chain.bin` behind a header and a root hash.
    Chain,
    /// The last certificate is not one of the private key.
    KeyMismatch,
}

/// What a file of a key may hold.
const KEYS: &str =
    "PRIVATE KEY (PKCS #8), EC PRIVATE KEY (SEC1) or RSA PRIVATE KEY (PKCS #1) in the clear";

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, kind } => write!(f, "{file} could not be read: {kind}"),
            Self::Missing { files: [one, other] } => {
                write!(f, "the folder has neither {one} nor {other}")
            }
            Self::Pem { file } => write!(f, "{file} is not the PEM that is expected there"),
            Self::NoKey { file, labels } => {
                write!(f, "{file} holds {}, but {KEYS} was expected", labels.join(", "))
            }
            Self::Encrypted { file } => write!(f, "{file} is encrypted, but {KEYS} was expected"),
            Self::Key(KeyError::Malformed) => {
                write!(f, "the private key is damaged or of another form: {KEYS} was expected")
            }
            Self::Key(error) => error.fmt(f),
            Self::Chain => f.write_str("the chain is not a sequence of DER certificates"),
            Self::KeyMismatch => {
                f.write_str("the last certificate does not hold the key's public key")
            }
        }
    }
}

impl core::error::Error for IdentityError {}

impl From<KeyError> for IdentityError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}
