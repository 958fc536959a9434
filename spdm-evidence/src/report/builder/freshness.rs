//! Whether a signature covers the nonce that it should.

use spdm_codec::RequesterNonce;
use spdm_requester::{AttestationCheck, Proof};

use super::detail::holds;
use super::{ExitClass, Objection, ReportBuilder, ReportErrorKind};

/// What is known about the nonces in the requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Freshness {
    /// This run chose them: live.
    Own,
    /// One request must have this one: offline.
    Expected {
        /// Of the two requests for a signature, the one that it belongs to.
        proof: Proof,
        /// The nonce.
        nonce: RequesterNonce,
    },
    /// Nothing: whether the evidence is fresh cannot be said.
    Unknown,
}

impl ReportBuilder {
    /// The nonce that evidence names beside its signed MEASUREMENTS. A signature over another one fails the check, for
    /// then the file is not what it says; one over this nonce passes nothing, for nothing signs what the file says.
    pub const fn claimed_nonce(&mut self, nonce: RequesterNonce) -> &mut Self {
        self.claimed_nonce = Some(nonce);
        self
    }

    /// Fails the check where the evidence names another nonce than the signed one.
    pub(super) fn judge_claimed_nonce(&mut self) {
        let ([_, signed, _], Some(claimed)) = (self.nonces, self.claimed_nonce) else { return };
        if signed.is_some_and(|signed| signed != claimed) {
            self.refuse_nonce(
                AttestationCheck::MeasurementsNonce,
                "the signed nonce is not the one that the evidence names",
            );
        }
    }

    fn refuse_nonce(&mut self, check: AttestationCheck, detail: &'static str) {
        self.fail(check, detail);
        self.object(Objection::new(ReportErrorKind::Nonce, detail, ExitClass::Rejected));
    }

    /// Sets the two nonce checks.
    pub(super) fn judge_freshness(&mut self) -> Option<bool> {
        let [challenged, measured, keyed] = self.proven;
        let rows = [
            (challenged, AttestationCheck::ChallengeNonce),
            (measured, AttestationCheck::MeasurementsNonce),
        ];
        match self.freshness {
            Freshness::Own => {
                for (proven, check) in rows {
                    if proven {
                        self.pass(check, holds(check));
                    }
                }
                Some(challenged || measured || keyed)
            }
            Freshness::Unknown => {
                for (proven, check) in rows {
                    if proven {
                        self.skip(check, "no nonce is given to compare with");
                    }
                }
                None
            }
            Freshness::Expected { proof, nonce: expected } => {
                if challenged && proof == Proof::Measurements {
                    let detail = "the given nonce is that of GET_MEASUREMENTS";
                    self.skip(AttestationCheck::ChallengeNonce, detail);
                }
                let [of_challenge, of_measurements, of_key_exchange] = self.nonces;
                let (signed, check, nonce) = match proof {
                    Proof::Measurements => {
                        (measured, AttestationCheck::MeasurementsNonce, of_measurements)
                    }
                    Proof::KeyExchange => {
                        (keyed, AttestationCheck::SessionKeyExchange, of_key_exchange)
                    }
                    _ => (challenged, AttestationCheck::ChallengeNonce, of_challenge),
                };
                if !signed {
                    return Some(false);
                }
                let same = nonce == Some(expected);
                if same {
                    self.pass(check, holds(check));
                } else {
                    self.refuse_nonce(check, "the signed nonce is not the given one");
                }
                Some(same)
            }
        }
    }
}
