//! The token: JSON Web Signature in its compact form (RFC 7515 §3.1), with the algorithms of RFC 7518 §3.4.

use core::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Sign, SignError, Signed};

use super::Ear;
use crate::error::Error;

/// Why a key does not sign an EAR.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EarKeyError {
    /// It is of another algorithm than ECDSA with P-256 or P-384.
    Algorithm(AsymAlgorithm),
    /// It could not sign.
    Sign(SignError),
    /// The claims could not be written.
    Claims(Error),
}

impl fmt::Display for EarKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(got) => write!(
                f,
                "a key of {}, and an EAR is signed with one of ECDSA_P256 or ECDSA_P384",
                got.name()
            ),
            Self::Sign(error) => error.fmt(f),
            Self::Claims(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EarKeyError {}

/// How a curve signs: the name of JWS and the hash.
const fn algorithm(key: AsymAlgorithm) -> Result<(&'static str, HashAlgorithm), EarKeyError> {
    match key {
        AsymAlgorithm::Ecdsa(EcCurve::P256) => Ok(("ES256", HashAlgorithm::Sha256)),
        AsymAlgorithm::Ecdsa(EcCurve::P384) => Ok(("ES384", HashAlgorithm::Sha384)),
        other => Err(EarKeyError::Algorithm(other)),
    }
}

impl Ear {
    /// Whether a key can sign a token.
    ///
    /// # Errors
    /// [`EarKeyError::Algorithm`].
    pub fn check_key(key: &dyn Sign) -> Result<(), EarKeyError> {
        algorithm(key.algorithm()).map(|_| ())
    }

    /// The signed token: ES256 or ES384, as the curve of the key demands.
    ///
    /// # Errors
    /// [`EarKeyError`].
    pub fn to_jws(&self, key: &dyn Sign) -> Result<String, EarKeyError> {
        let (name, hash) = algorithm(key.algorithm())?;
        let claims = serde_json::to_vec(&self.claims())
            .map_err(|error| EarKeyError::Claims(Error::Json(error.to_string())))?;
        let header = format!(r#"{{"alg":"{name}","typ":"JWT"}}"#);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(&claims));
        // What DSP0274 signs with ECDSA is encoded as in JWS: r and s, big-endian, of the length of the curve.
        let mut signature = vec![0; key.algorithm().signature_len()];
        let message = Signed::Message { bytes: signed.as_bytes(), context: &[] };
        let len = key.sign(hash, message, &mut signature).map_err(EarKeyError::Sign)?;
        signature.truncate(len);
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}
