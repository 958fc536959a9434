//! What options say of tokens.

use spdm_appraisal::Dialect;
use spdm_evidence::{CheckStatus, Report, TokenOptions};

use crate::args::{ProfileChoice, TokenArgs, TrustArgs};
use crate::backend::Crypto;
use crate::exit::Failure;
use crate::trust;

/// The options, files read.
#[derive(Debug)]
pub(crate) struct TokenInput {
    dialect: Dialect,
    nonce: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl TokenInput {
    pub(crate) fn load(
        args: &TokenArgs,
        judged: &TrustArgs,
        crypto: Crypto,
    ) -> Result<Self, Failure> {
        let key = args.evidence_key.as_deref();
        Ok(Self {
            dialect: match judged.profile {
                ProfileChoice::Strict => Dialect::Strict,
                ProfileChoice::Compatible => Dialect::Compatible,
            },
            nonce: args.eat_nonce.as_ref().map(|nonce| nonce.0.clone()),
            key: key.map(|path| trust::public_key(path, crypto.provider)).transpose()?,
        })
    }

    /// The keys that are given.
    pub(crate) fn keys(&self) -> Vec<&[u8]> {
        self.key.iter().map(Vec::as_slice).collect()
    }

    /// As the library takes it.
    pub(crate) fn options<'t>(&'t self, keys: &'t [&'t [u8]]) -> TokenOptions<'t> {
        TokenOptions { dialect: self.dialect, nonce: self.nonce.as_deref(), keys }
    }
}

/// What a person can do where a report is not verified because of a token.
pub(crate) fn hint(report: &Report) -> Option<&'static str> {
    use spdm_evidence::AttestationCheck as Check;
    let failed = |check| report.status(check) == CheckStatus::Fail;
    match () {
        () if failed(Check::EatSignature) => {
            Some("--evidence-key FILE names the key, where you know that it is the device's")
        }
        () if failed(Check::EatNonce) => {
            Some("--eat-nonce HEX names the nonce, where it was sent apart from GET_MEASUREMENTS")
        }
        () if failed(Check::EatProfile) => {
            Some("--profile compatible reads profiles that are written as text")
        }
        () => None,
    }
}
