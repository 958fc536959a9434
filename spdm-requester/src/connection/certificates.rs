//! GET_DIGESTS, DIGESTS, GET_CERTIFICATE and CERTIFICATE.

use spdm_codec::{
    Certificate, CertificateForm, CertificateModel, CertificateRequest, Code, ConnectionKeys,
    Digests, Expected, GetCertificate, GetDigests, KeyUsage, Message, SlotDigest, SlotId,
    SpdmVersion,
};
use spdm_crypto::Digest;
use spdm_untrusted::Untrusted;

use super::{Connection, Slot, Verdict, unexpected};
use crate::error::{Error, Misbehaviour, Misuse};
use crate::negotiated::Negotiated;
use crate::transcript::Bench;

const DIGESTS: &str = "DIGESTS";
const CERTIFICATE: &str = "CERTIFICATE";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_digests<'r, 'c>(
        &mut self,
        bench: &mut Bench<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
    ) -> Result<Verdict<'r, 'c>, Error> {
        let negotiated = self.agreed(Code::GET_DIGESTS)?;
        let hash = negotiated.hash()?;
        let asked = self.request::<GetDigests>(request, negotiated.version)?;
        let answer = Digests::decode(response, &negotiated.cx(self.answer_padding()))?;
        let mut slots = [Slot::default(); 8];
        for entry in answer.message.iter() {
            check_key(&entry)?;
            if let Some(slot) = slots.get_mut(entry.slot.index()) {
                slot.digest = Digest::new(entry.digest);
                slot.key = entry.key;
            }
        }
        self.m1.add(bench, hash, self.vca.as_bytes(), [asked.bytes, answer.bytes])?;
        self.slots = slots;
        self.supported = answer.message.supported;
        Ok(Verdict::Digests(answer.message))
    }

    #[inline(never)]
    pub(super) fn accept_certificate<'r, 'c>(
        &mut self,
        bench: &mut Bench<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
    ) -> Result<Verdict<'r, 'c>, Error> {
        let negotiated = self.agreed(Code::GET_CERTIFICATE)?;
        let hash = negotiated.hash()?;
        let asked = self.request::<GetCertificate>(request, negotiated.version)?;
        let answer = Certificate::decode(response, &negotiated.cx(self.answer_padding()))?;
        let (question, message) = (&asked.message, answer.message);
        if message.form != question.form {
            let rule = match question.form {
                CertificateForm::Normal => "no LargeCertChain, as requested",
                CertificateForm::Large => "LargeCertChain, as requested",
            };
            let param1 = if message.form == CertificateForm::Large { 0x80_u8 } else { 0 };
            let field = "LargeCertChain";
            return Err(Misbehaviour::value(CERTIFICATE, field, Expected::Rule(rule), param1));
        }
        if message.slot != question.slot {
            let expected = Expected::Exactly(question.slot.get().into());
            return Err(Misbehaviour::value(CERTIFICATE, "SlotID", expected, message.slot.get()));
        }
        let chain_len = match question.request {
            CertificateRequest::Portion => Some(self.check_portion(question, &message)?),
            CertificateRequest::SlotSize if message.portion.is_empty() => None,
            CertificateRequest::SlotSize => {
                return Err(unexpected(CERTIFICATE, "PortionLength"));
            }
        };
        self.check_model(&negotiated, &message)?;
        self.m1.add(bench, hash, self.vca.as_bytes(), [asked.bytes, answer.bytes])?;
        if let (Some(slot), Some(_)) = (self.slots.get_mut(question.slot.index()), chain_len) {
            slot.chain_len = chain_len;
        }
        Ok(Verdict::Certificate { offset: question.offset, message })
    }

    /// The length of the whole chain that this portion implies: the same for all portions of a slot.
    fn check_portion(
        &self,
        question: &GetCertificate,
        message: &Certificate<'_>,
    ) -> Result<u32, Error> {
        let field = "PortionLength";
        let portion = u32::try_from(message.portion.len()).unwrap_or(u32::MAX);
        if portion == 0 && question.length > 0 {
            return Err(Misbehaviour::value(CERTIFICATE, field, Expected::AtLeast(1), portion));
        }
        if portion > question.length && !self.compat.oversent_portions {
            let expected = Expected::AtMost(question.length.into());
            return Err(Misbehaviour::value(CERTIFICATE, field, expected, portion));
        }
        let most = question.form.max_len();
        let total = question
            .offset
            .checked_add(portion)
            .and_then(|end| end.checked_add(message.remainder))
            .filter(|total| *total <= most)
            .ok_or_else(|| {
                let rule = Expected::Rule("a remainder within the longest chain");
                Misbehaviour::value(CERTIFICATE, "RemainderLength", rule, message.remainder)
            })?;
        let known = self.slots.get(question.slot.index()).and_then(|slot| slot.chain_len);
        match known {
            Some(known) if question.offset > 0 && known != total => {
                let used = question.offset.saturating_add(portion);
                let expected = Expected::Exactly(known.saturating_sub(used).into());
                Err(Misbehaviour::value(
                    CERTIFICATE,
                    "RemainderLength",
                    expected,
                    message.remainder,
                ))
            }
            _ => Ok(total),
        }
    }

    fn check_model(&self, negotiated: &Negotiated, message: &Certificate<'_>) -> Result<(), Error> {
        if negotiated.version < SpdmVersion::V1_3 {
            return Ok(());
        }
        let (got, field) = (message.model, "CertModel");
        let announced = self.slot_key(message.slot).map(|key| key.model).unwrap_or_default();
        let expected = match negotiated.connection_keys {
            ConnectionKeys::Single if got != CertificateModel::None => Expected::Exactly(0),
            ConnectionKeys::Multi if got == CertificateModel::None => {
                if message.portion.is_empty() {
                    return Ok(());
                }
                Expected::AtLeast(1)
            }
            ConnectionKeys::Multi
                if got == CertificateModel::GenericCert && message.slot == SlotId::ZERO =>
            {
                Expected::AtMost(2)
            }
            ConnectionKeys::Multi if announced != CertificateModel::None && announced != got => {
                Expected::Exactly(announced.to_byte().into())
            }
            _ => return Ok(()),
        };
        Err(Misbehaviour::value(CERTIFICATE, field, expected, got.to_byte()))
    }

    /// Checks the whole chain of a slot against the digest that DIGESTS stated.
    ///
    /// # Errors
    /// [`Error::Misbehaved`] where they differ, [`Error::Misuse`] where there was no DIGESTS of the slot.
    pub fn check_chain_digest(&self, slot: SlotId, digest: &Digest) -> Result<(), Error> {
        let stated = self
            .slot_digest(slot)
            .ok_or(Error::Misuse(Misuse::Order { request: Code::GET_CERTIFICATE }))?;
        if stated == digest {
            return Ok(());
        }
        Err(Misbehaviour::differs(CERTIFICATE, "CertChain", "what DIGESTS announced"))
    }
}

/// The rules about a slot's key on a multi-key connection (DSP0274 1.3 §DIGESTS).
fn check_key(entry: &SlotDigest<'_>) -> Result<(), Error> {
    let Some(key) = entry.key else { return Ok(()) };
    let first = entry.slot == SlotId::ZERO;
    if first && key.model == CertificateModel::GenericCert {
        let got = key.model.to_byte();
        return Err(Misbehaviour::value(DIGESTS, "CertificateInfo", Expected::AtMost(2), got));
    }
    let uses =
        KeyUsage::KEY_EX | KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT | KeyUsage::ENDPOINT_INFO;
    if first && !key.usage.intersects(uses) {
        let rule = Expected::Rule("a use of SPDM for slot 0");
        return Err(Misbehaviour::value(DIGESTS, "KeyUsageMask", rule, key.usage.bits()));
    }
    if key.model == CertificateModel::None && entry.digest.iter().any(|byte| *byte != 0) {
        return Err(Misbehaviour::differs(
            DIGESTS,
            "Digest",
            "zero, for the slot has no certificate",
        ));
    }
    Ok(())
}
