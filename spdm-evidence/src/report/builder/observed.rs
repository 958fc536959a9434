//! What a report makes of each observation, live or offline.

use spdm_codec::KeySlot;
use spdm_crypto::{HashAlgorithm, Provider};
use spdm_requester::{
    AttestationCheck, AttestationPlan, CheckStatus, Observation, Observer, SignedParts,
};
use spdm_x509::{Appraisal, Chain, ChainError, CheckOutcome, Policy, Rule, SanPolicy};

use super::ReportBuilder;
use super::detail::{holds, passed_over};
use crate::known_devices::Fingerprint;
use crate::reference::Subject;
use crate::report::missing_algorithm::missing_algorithm;
use crate::report::{IdentitySummary, MeasuredValue};
use crate::sha256::sha256_hex;

impl Observer for ReportBuilder {
    fn observe(&mut self, observation: &Observation<'_>) {
        match *observation {
            Observation::Begun { plan, signed } => self.begun(plan, signed),
            Observation::Negotiated(negotiated) => {
                self.negotiated(negotiated);
            }
            Observation::ProvisionedKey { policy } => self.provisioned_key(policy),
            Observation::Appraised(appraisal) => self.appraised(appraisal),
            Observation::Asked { proof, nonce } => {
                self.asked(proof, nonce);
            }
            Observation::Challenged(possession) | Observation::KeyExchanged(possession) => {
                self.signed(possession);
            }
            Observation::SessionAsked => self.session_asked(),
            Observation::SessionOpened(opened) => self.session_opened(opened),
            Observation::Measured { record, possession, content_changed, summary } => {
                self.measurements(MeasuredValue::of_record(record));
                self.content_changed(content_changed);
                self.measured_summary(summary.copied());
                if let Some(possession) = possession {
                    self.signed(possession);
                }
            }
            Observation::Verified(verified) => {
                self.verified(verified);
            }
            Observation::Failed(error) => {
                self.failed(error);
            }
            // What else there is decides checks only.
            _ => {}
        }
        for (check, status) in observation.checks() {
            // Whose nonce is the expected one, only `Freshness` says.
            let of_nonce = [AttestationCheck::ChallengeNonce, AttestationCheck::MeasurementsNonce];
            match status {
                CheckStatus::Pass if of_nonce.contains(&check) => {}
                CheckStatus::Pass => {
                    self.pass(check, holds(check));
                }
                CheckStatus::Skipped => {
                    self.skip(check, passed_over(observation, check));
                }
                // The detail of a failure is the error's, which was told above.
                CheckStatus::Fail => {
                    self.fail(check, "it does not hold");
                }
            }
        }
    }
}

impl ReportBuilder {
    /// What the options demand, whatever the device can do.
    fn begun(&mut self, plan: &AttestationPlan<'_>, signed: SignedParts) {
        if signed != SignedParts::AsRequired {
            return;
        }
        if plan.requirement.has_challenge() {
            self.require(AttestationCheck::ChallengeSignature);
        }
        if plan.requirement.has_measurements() {
            self.require(AttestationCheck::MeasurementsSignature);
        }
    }

    /// Who the chain says that the device is, and what is wrong with the chain.
    fn appraised(&mut self, appraisal: &Appraisal<'_>) {
        let chain = appraisal.chain();
        let leaf = chain.leaf();
        let texts = leaf.other_names().filter_map(|name| name.text());
        self.identity = IdentitySummary {
            subject: Some(leaf.subject().to_string()),
            serial: Some(hex::encode(leaf.serial())),
            san: texts.map(|text| text.to_string()).collect(),
            root_sha256: root_sha256(chain, &self.provider),
        };
        self.digest = Some(chain.digest().as_bytes().to_vec());
        self.fingerprint = Fingerprint::of(chain, &self.provider);
        self.subject = Subject::of(chain);
        self.slot(KeySlot::Slot(chain.slot()));
        let count = chain.certificate_count();
        self.pass(AttestationCheck::ChainFormat, format!("{count} certificates"));
        for (_, outcome) in appraisal.outcomes() {
            let CheckOutcome::Fail(error) = outcome else { continue };
            let check = AttestationCheck::of_chain(error.check);
            match lacking_algorithm(chain, &error) {
                Some(name) => self.lacks_algorithm(check, error.certificate, name),
                None if error.rule == Rule::TooManyCertificates => self.chain_rejected(
                    check,
                    format!("the chain has {count} certificates, more than are allowed"),
                ),
                None => self.chain_failed(&error),
            };
        }
    }

    /// No key has the name that is asked for.
    fn provisioned_key(&mut self, policy: Option<&Policy<'_>>) {
        self.slot(KeySlot::PublicKey);
        if policy.is_some_and(|policy| policy.san != SanPolicy::None) {
            self.require(AttestationCheck::LeafSan);
        }
    }
}

/// The algorithm of a certificate's signature, where it is one of SPDM that no backend has.
fn lacking_algorithm(chain: &Chain<'_>, error: &ChainError) -> Option<&'static str> {
    let index = error.certificate.filter(|_| error.rule == Rule::SignatureAlgorithm)?;
    missing_algorithm(chain.certificates().nth(usize::from(index))?.signature_oid())
}

/// SHA-256 of the chain's root, where it is in the chain or RootHash is SHA-256 already.
fn root_sha256(chain: &Chain<'_>, provider: &Provider) -> Option<String> {
    let hash = chain.context().hash;
    let first = chain.certificate_ders().next()?;
    let digest = provider.hash.digest(hash, &[first]).ok()?;
    if digest.as_bytes() == chain.root_hash() {
        return sha256_hex(provider, &[first]);
    }
    (hash == HashAlgorithm::Sha256).then(|| hex::encode(chain.root_hash()))
}
