//! The token of a bundle that the evidence is a part of.

use spdm_appraisal::{Bundle, Error, TokenSigner, TokenTrust};
use spdm_crypto::Provider;
use spdm_requester::{AttestationCheck, CheckStatus};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck, X509Certificate};

use super::claims::check_of;
use super::{ReportBuilder, TokenOptions};
use crate::bundle::BundledPart;
use crate::note::Note;

/// Beside the bundle itself: what is around a chain, and around what algorithms sign that take no digest.
const SCRATCH: usize = 256;

/// What was found of a bundle: the same for each of its parts.
#[derive(Clone, Debug)]
pub(crate) struct BundleFindings {
    /// Whether its token signs the digest of every part.
    is_whole: bool,
    /// How checks ended.
    rows: Vec<(AttestationCheck, CheckStatus, String)>,
    /// How much of the token was not looked into.
    ignored: u32,
}

impl BundleFindings {
    /// Verifies the token of a bundle, and that it signs the digest of every part.
    pub(crate) fn of(
        bundle: &[u8],
        provider: &Provider,
        anchors: &[Anchor<'_>],
        validity: ValidityCheck,
        options: &TokenOptions<'_>,
    ) -> Self {
        let trust = TokenTrust { provider, anchors, leaf: None, keys: options.keys, validity };
        let mut scratch = vec![0; bundle.len() + SCRATCH];
        let bundle = match Bundle::read(Untrusted::new(bundle), &trust, &mut scratch) {
            Ok(bundle) => bundle,
            Err(error) => return Self { is_whole: false, rows: vec![failed(&error)], ignored: 0 },
        };
        let signer = match bundle.signer {
            TokenSigner::Chain { certificate, .. } => {
                let certificate = X509Certificate::parse(Untrusted::new(certificate));
                certificate.map_or_else(|_| String::new(), |it| it.subject().to_string())
            }
            _ => "a given key".to_owned(),
        };
        let signature = format!("the token of the bundle is signed by {signer}");
        let nonce = match options.nonce.map(|nonce| bundle.check_nonce(&[nonce])) {
            Some(Ok(())) => {
                (CheckStatus::Pass, "the nonce of the bundle is the given one".to_owned())
            }
            Some(Err(error)) => (CheckStatus::Fail, format!("the bundle: {error}")),
            None => (CheckStatus::Skipped, "no nonce of the bundle's token is given".to_owned()),
        };
        let rows = vec![
            (AttestationCheck::EatSignature, CheckStatus::Pass, signature),
            (AttestationCheck::EatNonce, nonce.0, nonce.1),
        ];
        Self { is_whole: true, rows, ignored: bundle.ignored }
    }
}

/// The check that an error of a bundle decides.
fn failed(error: &Error) -> (AttestationCheck, CheckStatus, String) {
    let why = format!("the bundle: {error}");
    match check_of(error) {
        Some(check) => (check, CheckStatus::Fail, why),
        None => (AttestationCheck::EatSignature, CheckStatus::Skipped, why),
    }
}

impl ReportBuilder {
    /// Demands that the token of the bundle that the evidence is a part of holds, and signs every part's digest. The part is
    /// as fresh as the token is: its own nonce is another one.
    pub(crate) fn bundle(&mut self, part: &BundledPart, found: &BundleFindings) -> &mut Self {
        self.require(AttestationCheck::EatSignature).note(Note::BundledPart);
        if found.is_whole {
            let name = part.name.escape_debug();
            self.pass(
                AttestationCheck::ManifestFormat,
                format!("the part \"{name}\" of the bundle has the digest that its token signs"),
            );
        }
        if found.ignored > 0 {
            self.note(Note::ClaimsIgnored { count: found.ignored });
        }
        for (check, status, detail) in &found.rows {
            self.set(*check, *status, detail.clone());
            // The token of the part's own manifest decides the same checks, and proves nothing of the bundle's.
            if !found.is_whole {
                self.unfulfilled(*check, detail);
            }
        }
        self
    }
}
