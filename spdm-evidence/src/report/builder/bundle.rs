//! The token of a bundle that the evidence is a part of.

use spdm_appraisal::{Bundle, Error, Rule, TokenSigner, TokenTrust};
use spdm_requester::AttestationCheck;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck, X509Certificate};

use super::{ReportBuilder, TokenOptions};
use crate::bundle::BundledPart;
use crate::note::Note;

/// Beside the bundle itself: what is around a chain, and around what algorithms sign that take no digest.
const SCRATCH: usize = 256;

impl ReportBuilder {
    /// Verifies the token of the bundle that the evidence is a part of, and demands that it signs every part's digest. The
    /// part is as fresh as the token is: its own nonce is another one.
    pub(crate) fn bundle(
        &mut self,
        part: &BundledPart,
        anchors: &[Anchor<'_>],
        validity: ValidityCheck,
        options: &TokenOptions<'_>,
    ) -> &mut Self {
        let signature = AttestationCheck::EatSignature;
        self.require(signature).require(AttestationCheck::ManifestFormat);
        self.note(Note::BundledPart);
        let provider = self.provider;
        let keys = options.keys;
        let trust = TokenTrust { provider: &provider, anchors, leaf: None, keys, validity };
        let mut scratch = vec![0; part.bundle.len() + SCRATCH];
        let bundle = match Bundle::read(Untrusted::new(&part.bundle), &trust, &mut scratch) {
            Ok(bundle) => bundle,
            Err(error) => return self.bundle_failed(&error),
        };
        let name = part.name.escape_debug();
        self.pass(
            AttestationCheck::ManifestFormat,
            format!("the part \"{name}\" of the bundle has the digest that its token signs"),
        );
        let signer = match bundle.signer {
            TokenSigner::Chain { certificate, .. } => {
                let certificate = X509Certificate::parse(Untrusted::new(certificate));
                certificate.map_or_else(|_| String::new(), |it| it.subject().to_string())
            }
            _ => "a given key".to_owned(),
        };
        self.pass(signature, format!("the token of the bundle is signed by {signer}"));
        if bundle.ignored > 0 {
            self.note(Note::ClaimsIgnored { count: bundle.ignored });
        }
        let check = AttestationCheck::EatNonce;
        match options.nonce.map(|nonce| bundle.check_nonce(&[nonce])) {
            Some(Ok(())) => self.pass(check, "the nonce of the bundle is the given one"),
            Some(Err(error)) => self.fail(check, format!("the bundle: {error}")),
            None => self.skip(check, "no nonce of the bundle's token is given"),
        }
    }

    fn bundle_failed(&mut self, error: &Error) -> &mut Self {
        let why = format!("the bundle: {error}");
        let rule = match error {
            Error::Read(error) => Some(error.rule),
            _ => None,
        };
        match error.clause() {
            _ if rule == Some(Rule::KeyId) => self.skip(AttestationCheck::EatSignature, why),
            "eat.nonce" => self.fail(AttestationCheck::EatNonce, why),
            clause if clause.starts_with("cose.") || rule.is_none() => {
                self.fail(AttestationCheck::EatSignature, why)
            }
            _ => self.fail(AttestationCheck::ManifestFormat, why),
        }
    }
}
