//! CHALLENGE and CHALLENGE_AUTH.

use spdm_codec::{
    BasicMutAuth, CapabilityFlags, Challenge, ChallengeAuth, Code, Expected, KeySlot, MeasCap,
    MeasurementSummary,
};
use spdm_x509::Identity;

use super::proof::{SignedExchange, prove};
use super::{Case, Connection, Verdict};
use crate::error::Misuse;
use crate::fault::{At, Fault, Stop};
use crate::negotiated::Negotiated;
use crate::possession::Proof;
use crate::summary::SummaryHash;
use crate::transcript::Bench;

const MESSAGE: &str = "CHALLENGE_AUTH";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_challenge_auth<'r, 'c>(
        &mut self,
        bench: &mut Bench<'_>,
        case: &Case<'_, 'r, 'c>,
    ) -> Result<Verdict<'r, 'c>, Stop> {
        let Case { request, response, identity } = *case;
        let Some(negotiated) = &self.negotiated else {
            return Err(self.fault.order(Code::CHALLENGE));
        };
        let asked = self.request::<Challenge>(request, negotiated.version)?;
        let question = &asked.message;
        check_identity(&self.fault, negotiated, question.slot, identity)?;
        let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
        let summary = question.summary != MeasurementSummary::None && measures;
        let cx = negotiated
            .cx(self.answer_padding())
            .with_summary_len(if summary { negotiated.hash_len() } else { 0 })
            .with_signature_len(negotiated.signature_len());
        let answer = self.fault.decode::<ChallengeAuth<'_>>(response, &cx)?;
        let message = answer.message;
        self.check_echoes(negotiated, question, &message, identity)?;

        let signed = SignedExchange {
            proof: Proof::Challenge,
            request: asked.bytes,
            response: answer.bytes,
            signature: message.signature,
            nonce: &question.nonce,
        };
        let (fault, vca) = (&self.fault, self.vca.as_bytes());
        let possession = prove(fault, bench, negotiated, &mut self.m1, vca, identity, &signed)?;
        self.challenged = true;
        let summary = SummaryHash::new(question.summary, message.measurement_summary_hash);
        let possession = possession.map(|possession| possession.with_summary(summary));
        Ok(Verdict::ChallengeAuth { message, possession })
    }

    fn check_echoes(
        &self,
        negotiated: &Negotiated,
        question: &Challenge,
        message: &ChallengeAuth<'_>,
        identity: Option<&Identity<'_>>,
    ) -> Result<(), Stop> {
        if message.slot != question.slot {
            let expected = Expected::Exactly(question.slot.to_byte().into());
            let at = &At(MESSAGE, "SlotID");
            return Err(self.fault.value(at, &expected, message.slot.to_byte()));
        }
        if let KeySlot::Slot(slot) = question.slot
            && !message.slot_mask.contains(slot)
        {
            let rule = &Expected::Rule("a mask with the challenged slot");
            return Err(self.fault.value(&At(MESSAGE, "SlotMask"), rule, message.slot_mask.0));
        }
        let mut_auth = CapabilityFlags::MUT_AUTH_CAP;
        let both = negotiated.requester.flags & negotiated.responder.flags;
        if message.basic_mut_auth == BasicMutAuth::Requested && !both.contains(mut_auth) {
            return Err(self.fault.unexpected(&At(MESSAGE, "BasicMutAuthReq")));
        }
        let digest = match (identity, question.slot) {
            (Some(identity), _) => Some(identity.digest()),
            (None, KeySlot::Slot(slot)) => self.slot_digest(slot),
            (None, KeySlot::PublicKey) => None,
        };
        if digest.is_some_and(|digest| digest.as_bytes() != message.cert_chain_hash) {
            let from = "the hash of the certificate chain";
            return Err(self.fault.differs(&At(MESSAGE, "CertChainHash"), from));
        }
        if message.context != question.context {
            return Err(self.fault.differs(&At(MESSAGE, "RequesterContext"), "the request's"));
        }
        if message.nonce.0 == question.nonce.0 {
            let from = "a nonce of the Responder's own";
            return Err(self.fault.differs(&At(MESSAGE, "Nonce"), from));
        }
        Ok(())
    }
}

/// The identity must be of the slot that was asked and of what was negotiated.
pub(super) fn check_identity(
    fault: &Fault,
    negotiated: &Negotiated,
    slot: KeySlot,
    identity: Option<&Identity<'_>>,
) -> Result<(), Stop> {
    let Some(identity) = identity else { return Ok(()) };
    if identity.key_slot() != slot {
        return Err(fault.misuse(Misuse::Identity));
    }
    negotiated.check_identity(fault, identity)
}
