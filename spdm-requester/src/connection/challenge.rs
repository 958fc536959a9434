//! CHALLENGE and CHALLENGE_AUTH.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, Challenge, ChallengeAuth, Code, Expected, KeySlot, MeasCap,
    MeasurementSummary,
};
use spdm_x509::Identity;

use super::Connection;
use super::proof::{SignedExchange, prove};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::error::{Error, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::Negotiated;
use crate::possession::Proof;
use crate::summary::SummaryHash;
use crate::transcript::Crypto;

const MESSAGE: &str = "CHALLENGE_AUTH";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_challenge_auth<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::CHALLENGE));
        };
        let asked = self.request::<Challenge>(errors, request, negotiated.version)?;
        let question = &asked.message;
        check_identity(errors, negotiated, question.slot, identity)?;
        let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
        let summary = question.summary != MeasurementSummary::None && measures;
        let cx = negotiated
            .cx(self.answer_padding())
            .with_summary_len(if summary { negotiated.hash_len() } else { 0 })
            .with_signature_len(negotiated.signature_len());
        let decoded = errors.decode::<ChallengeAuth<'_>>(response, &cx)?;
        let message = decoded.message;
        self.check_echoes(errors, negotiated, question, &message, identity)?;

        let signed = SignedExchange {
            proof: Proof::Challenge,
            request: asked.bytes,
            response: decoded.bytes,
            signature: message.signature,
            nonce: &question.nonce,
            compat: self.compat,
        };
        let (errors, vca) = (errors, self.vca.as_bytes());
        let possession = prove(errors, crypto, negotiated, &mut self.m1, vca, identity, &signed)?;
        self.challenged = true;
        let summary = SummaryHash::new(question.summary, message.measurement_summary_hash);
        let possession = possession.map(|possession| possession.with_summary(summary));
        Ok(Accepted::ChallengeAuth { message, possession })
    }

    fn check_echoes<'f>(
        &self,
        errors: &'f ErrorCell,
        negotiated: &Negotiated,
        question: &Challenge,
        message: &ChallengeAuth<'_>,
        identity: Option<&Identity<'_>>,
    ) -> Result<(), &'f Error> {
        if message.slot != question.slot {
            let expected = Expected::Exactly(question.slot.to_byte().into());
            let at = &At(MESSAGE, "SlotID");
            return Err(errors.value(at, &expected, message.slot.to_byte()));
        }
        if let KeySlot::Slot(slot) = question.slot
            && !message.slot_mask.contains(slot)
        {
            let rule = &Expected::Rule("a mask with the challenged slot");
            return Err(errors.value(&At(MESSAGE, "SlotMask"), rule, message.slot_mask.0));
        }
        let mut_auth = CapabilityFlags::MUT_AUTH_CAP;
        let both = negotiated.requester.flags & negotiated.responder.flags;
        if message.basic_mut_auth == BasicMutAuth::Requested && !both.contains(mut_auth) {
            return Err(errors.unexpected(&At(MESSAGE, "BasicMutAuthReq")));
        }
        let digest = match (identity, question.slot) {
            (Some(identity), _) => Some(identity.digest()),
            (None, KeySlot::Slot(slot)) => self.slot_digest(slot),
            (None, KeySlot::PublicKey) => None,
        };
        if digest.is_some_and(|digest| digest.as_bytes() != message.cert_chain_hash) {
            let from = "the hash of the certificate chain";
            return Err(errors.differs(&At(MESSAGE, "CertChainHash"), from));
        }
        if message.context != question.context {
            return Err(errors.differs(&At(MESSAGE, "RequesterContext"), "the request's"));
        }
        if message.nonce.0 == question.nonce.0 {
            let from = "a nonce of the Responder's own";
            return Err(errors.differs(&At(MESSAGE, "Nonce"), from));
        }
        Ok(())
    }
}

/// The identity must be of the slot that was asked and of what was negotiated.
pub(super) fn check_identity<'f>(
    errors: &'f ErrorCell,
    negotiated: &Negotiated,
    slot: KeySlot,
    identity: Option<&Identity<'_>>,
) -> Result<(), &'f Error> {
    let Some(identity) = identity else { return Ok(()) };
    if identity.key_slot() != slot {
        return Err(errors.misuse(Misuse::Identity));
    }
    negotiated.check_identity(errors, identity)
}
