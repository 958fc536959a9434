//! What a device claims in its measurement manifest.

use spdm_appraisal::{
    Dialect, Eat, Error, EvidenceKey, MANIFEST_INDICES, Manifest, ManifestBlock, RimLocators, Rule,
    Token, TokenSigner, TokenTrust,
};
use spdm_codec::{DmtfMeasurement, MeasurementForm, RequesterNonce};
use spdm_crypto::HashAlgorithm;
use spdm_requester::{AttestationCheck, Proof};
use spdm_x509::ValidityCheck;

use super::{ReportBuilder, place};
use crate::note::Note;
use crate::reference::ClaimedEvidence;
use crate::report::claims::{ClaimedElement, ClaimsSummary, TokenClaims, escaped};
use crate::report::measured::MeasuredValue;

/// What a caller knows of tokens: of those in measurement manifests, and of those that sign bundles.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct TokenOptions<'p> {
    /// Which forms are read.
    pub dialect: Dialect,
    /// The nonce that was sent for a token, beside that of GET_MEASUREMENTS. With it there must be a token.
    pub nonce: Option<&'p [u8]>,
    /// DER SubjectPublicKeyInfos that tokens must be signed with. With one of them there must be a token.
    pub keys: &'p [&'p [u8]],
}

impl TokenOptions<'_> {
    /// Nothing is known, and nothing is demanded.
    pub const NONE: Self = Self { dialect: Dialect::Strict, nonce: None, keys: &[] };
}

/// Beside the token itself: what is around what algorithms sign that take no digest.
const SCRATCH: usize = 256;

impl ReportBuilder {
    /// Looks at the manifests among the signed measurements: whether they can be read, and whether a token is by the device
    /// and fresh. What they claim is compared with reference values, too: to be called behind [`Self::measurements`] and
    /// [`Self::possession`], and before [`Self::reference`].
    ///
    /// A token that names a key which nobody here has says nothing, which is no failure unless `options` ask for a token.
    pub fn claims(&mut self, options: &TokenOptions<'_>) -> &mut Self {
        if options.nonce.is_some() || !options.keys.is_empty() {
            self.require(AttestationCheck::EatSignature).require(AttestationCheck::EatNonce);
        }
        if !self.proven.get(place(Proof::Measurements)).is_some_and(|proven| *proven) {
            return self;
        }
        self.subject.hash = self.measurement_hash();
        let values = core::mem::take(&mut self.measurements);
        for index in MANIFEST_INDICES {
            for value in values.iter().filter(|value| value.index == index) {
                self.manifest(value, &values, options);
            }
        }
        self.measurements = values;
        self
    }

    /// The nonce of a signed GET_MEASUREMENTS whose measurements are shown, beside that of the signature which is.
    pub(crate) fn measured_with(&mut self, nonce: RequesterNonce) -> &mut Self {
        self.measured_nonces.push(nonce);
        self
    }

    /// What the measurement digests are of.
    pub(super) fn measurement_hash(&self) -> Option<HashAlgorithm> {
        let negotiated = self.negotiated.as_ref()?;
        HashAlgorithm::from_measurement_hash(negotiated.selected.measurement_hash)
    }

    fn manifest(
        &mut self,
        value: &MeasuredValue,
        record: &[MeasuredValue],
        options: &TokenOptions<'_>,
    ) {
        let index = value.index;
        let Some(value_type) = value.value_type.filter(|_| value.raw) else { return };
        let form = MeasurementForm::RawBitStream;
        let measurement = DmtfMeasurement { value_type, form, value: &value.value };
        let block = match ManifestBlock::read(index, &measurement) {
            Ok(Some(block)) => block,
            Ok(None) => return,
            Err(error) => return self.claims_failed(index, &error.into()),
        };
        if block.lacks_header {
            self.note(Note::ManifestHeader { index });
        }
        let (evidence, locators, ignored): (Vec<_>, _, _) = match &block.manifest {
            Manifest::Toc(toc) => (toc.evidence().collect(), toc.rim_locators(), toc.ignored()),
            Manifest::Evidence(evidence) => (vec![*evidence], None, evidence.ignored()),
            Manifest::Token(token) => match self.token(value, token, options) {
                Some(eat) => (eat.evidence().collect(), eat.rim_locators, eat.ignored),
                None => return,
            },
            _ => return,
        };
        let contents = evidence.iter().map(|evidence| evidence.content().to_vec());
        let claimed = contents.map(|content| ClaimedEvidence { holder: index, content });
        let known = self.subject.claimed.len();
        self.subject.claimed.extend(claimed);
        let mut elements: Vec<_> = record.iter().map(|value| self.subject.element(value)).collect();
        let mut shown = Vec::new();
        let mut error = None;
        for claimed in self.subject.claimed.iter().skip(known) {
            let before = elements.len();
            match claimed.add_to(&mut elements) {
                Ok(()) => shown.extend(elements.iter().skip(before).map(ClaimedElement::of)),
                Err(of_evidence) => error = error.or(Some(of_evidence)),
            }
        }
        drop(elements);
        if let Some(error) = error {
            self.subject.claimed.truncate(known);
            return self.claims_failed(index, &error.into());
        }
        if ignored > 0 {
            self.note(Note::ClaimsIgnored { count: ignored });
        }
        let what = format!("measurement {index} claims {} elements", shown.len());
        let summary = self.claims.get_or_insert_default();
        summary.elements.extend(shown);
        locate(summary, locators);
        self.pass(AttestationCheck::ManifestFormat, what);
    }

    /// Verifies a token; `None` where nothing of it can be believed.
    fn token<'a>(
        &mut self,
        held: &MeasuredValue,
        token: &Token<'a>,
        options: &TokenOptions<'_>,
    ) -> Option<Eat<'a>> {
        let (index, room) = (held.index, held.value.len() + SCRATCH);
        // The key of a device without certificates is no SubjectPublicKeyInfo here: only a key of the caller verifies.
        let leaf = self.subject.leaf().unwrap_or(EvidenceKey { key_info: &[], certificate: &[] });
        let trust = TokenTrust {
            provider: &self.provider,
            anchors: &[],
            leaf: Some(leaf),
            keys: options.keys,
            validity: ValidityCheck::Unchecked,
        };
        let mut scratch = vec![0; room];
        let read = Eat::read(token, options.dialect, &trust, &mut scratch);
        let is_leaf = |key: usize| options.keys.get(key).is_some_and(|key| *key == leaf.key_info);
        let told = match read.as_ref().map(|eat| eat.signer) {
            Ok(TokenSigner::Key(key)) if !is_leaf(key) => {
                "by a given key, the measurements by that of the leaf"
            }
            _ => "by the key of the leaf, as the measurements",
        };
        let eat = match read {
            Ok(eat) => eat,
            Err(error) => {
                self.claims_failed(index, &error);
                return None;
            }
        };
        self.pass(
            AttestationCheck::EatSignature,
            format!("the token in measurement {index} is signed {told}"),
        );
        for divergence in eat.divergences() {
            self.note(Note::Token { divergence });
        }
        self.pass(AttestationCheck::EatProfile, "OCP, 1.3.6.1.4.1.42623.1.3");
        let sent = self.nonces.get(place(Proof::Measurements)).copied().flatten();
        let sent: Vec<RequesterNonce> =
            sent.into_iter().chain(self.measured_nonces.iter().copied()).collect();
        let sent: Vec<&[u8]> =
            sent.iter().map(|nonce| nonce.0.as_slice()).chain(options.nonce).collect();
        if let Err(error) = eat.check_nonce(&sent) {
            self.claims_failed(index, &error.into());
        } else {
            let of = match options.nonce {
                Some(nonce) if nonce == eat.nonce => "the given one",
                _ => "that of GET_MEASUREMENTS",
            };
            self.pass(AttestationCheck::EatNonce, format!("the token's nonce is {of}"));
        }
        self.claims.get_or_insert_default().token = Some(TokenClaims::of(&eat, index));
        Some(eat)
    }

    /// An error of a manifest or a token decides its check.
    fn claims_failed(&mut self, index: u8, error: &Error) {
        let why = format!("measurement {index}: {error}");
        match check_of(error) {
            Some(check) => self.fail(check, why),
            None => self
                .skip(AttestationCheck::EatSignature, why.clone())
                .skip(AttestationCheck::EatNonce, why),
        };
    }
}

/// The check that an error of a manifest, a token or a bundle decides; `None` where it names a key that nobody here has,
/// which says nothing.
pub(super) fn check_of(error: &Error) -> Option<AttestationCheck> {
    let rule = match error {
        Error::Read(error) => Some(error.rule),
        _ => None,
    };
    Some(match error.clause() {
        _ if rule == Some(Rule::KeyId) => return None,
        "eat.profile" => AttestationCheck::EatProfile,
        "eat.nonce" => AttestationCheck::EatNonce,
        "eat.key" => AttestationCheck::EatSignature,
        clause if clause.starts_with("cose.") || rule.is_none() => AttestationCheck::EatSignature,
        _ => AttestationCheck::ManifestFormat,
    })
}

/// Adds where the device says that its reference values are.
fn locate(summary: &mut ClaimsSummary, locators: Option<RimLocators<'_>>) {
    if let Some(locators) = locators {
        locators.for_each(|uri| summary.rim_locators.push(escaped(uri)));
    }
}
