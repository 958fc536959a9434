//! GET_DIGESTS, DIGESTS, GET_CERTIFICATE and CERTIFICATE.

use spdm_codec::{
    Certificate, CertificateForm, CertificateModel, CertificateRequest, Code, ConnectionKeys,
    Digests, Expected, GetCertificate, GetDigests, KeyUsage, SlotDigest, SlotId, SpdmVersion,
};
use spdm_crypto::Digest;

use super::{Connection, Slot};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::error::Error;
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::Negotiated;
use crate::transcript::Crypto;

const DIGESTS: &str = "DIGESTS";
const CERTIFICATE: &str = "CERTIFICATE";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_digests<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::GET_DIGESTS));
        };
        let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
        let asked = self.request::<GetDigests>(errors, request, negotiated.version)?;
        let cx = negotiated.cx(self.answer_padding());
        let decoded = errors.decode::<Digests<'_>>(response, &cx)?;
        decoded.message.iter().try_for_each(|entry| check_key(errors, &entry))?;
        let exchange = [asked.bytes, decoded.bytes];
        self.add_to_b(errors, crypto, hash, exchange)?;
        self.keep_announced(errors, crypto, hash, decoded.bytes)?;
        self.slots.fill(Slot::default());
        for entry in decoded.message.iter() {
            if let Some(slot) = self.slots.get_mut(entry.slot.index()) {
                slot.digest = Digest::new(entry.digest);
                slot.key = entry.key;
            }
        }
        self.supported = decoded.message.supported;
        Ok(Accepted::Digests(decoded.message))
    }

    #[inline(never)]
    pub(super) fn accept_certificate<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::GET_CERTIFICATE));
        };
        let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
        let asked = self.request::<GetCertificate>(errors, request, negotiated.version)?;
        let cx = negotiated.cx(self.answer_padding());
        let decoded = errors.decode::<Certificate<'_>>(response, &cx)?;
        let (question, message) = (&asked.message, decoded.message);
        if message.form != question.form {
            let rule = match question.form {
                CertificateForm::Normal => "no LargeCertChain, as requested",
                CertificateForm::Large => "LargeCertChain, as requested",
            };
            let param1 = if message.form == CertificateForm::Large { 0x80_u8 } else { 0 };
            let at = &At(CERTIFICATE, "LargeCertChain");
            return Err(errors.value(at, &Expected::Rule(rule), param1));
        }
        if message.slot != question.slot {
            let expected = Expected::Exactly(question.slot.get().into());
            let at = &At(CERTIFICATE, "SlotID");
            return Err(errors.value(at, &expected, message.slot.get()));
        }
        let chain_len = match question.request {
            CertificateRequest::Portion => Some(self.check_portion(errors, question, &message)?),
            CertificateRequest::SlotSize if message.portion.is_empty() => None,
            CertificateRequest::SlotSize => {
                return Err(errors.unexpected(&At(CERTIFICATE, "PortionLength")));
            }
        };
        self.check_model(errors, negotiated, &message)?;
        let exchange = [asked.bytes, decoded.bytes];
        self.add_to_b(errors, crypto, hash, exchange)?;
        if let (Some(slot), Some(_)) = (self.slots.get_mut(question.slot.index()), chain_len) {
            slot.chain_len = chain_len;
        }
        Ok(Accepted::Certificate { offset: question.offset, message })
    }

    /// The length of the whole chain that this portion implies: the same for all portions of a slot.
    fn check_portion<'f>(
        &self,
        errors: &'f ErrorCell,
        question: &GetCertificate,
        message: &Certificate<'_>,
    ) -> Result<u32, &'f Error> {
        let at = &At(CERTIFICATE, "PortionLength");
        let portion = u32::try_from(message.portion.len()).unwrap_or(u32::MAX);
        if portion == 0 && question.length > 0 {
            return Err(errors.value(at, &Expected::AtLeast(1), portion));
        }
        if portion > question.length && !self.compat.oversent_portions {
            let expected = Expected::AtMost(question.length.into());
            return Err(errors.value(at, &expected, portion));
        }
        let at = &At(CERTIFICATE, "RemainderLength");
        let most = question.form.max_len();
        let total = question
            .offset
            .checked_add(portion)
            .and_then(|end| end.checked_add(message.remainder))
            .filter(|total| *total <= most)
            .ok_or_else(|| {
                let rule = &Expected::Rule("a remainder within the longest chain");
                errors.value(at, rule, message.remainder)
            })?;
        let known = self.slots.get(question.slot.index()).and_then(|slot| slot.chain_len);
        match known {
            Some(known) if question.offset > 0 && known != total => {
                let used = question.offset.saturating_add(portion);
                let expected = Expected::Exactly(known.saturating_sub(used).into());
                Err(errors.value(at, &expected, message.remainder))
            }
            _ => Ok(total),
        }
    }

    fn check_model<'f>(
        &self,
        errors: &'f ErrorCell,
        negotiated: &Negotiated,
        message: &Certificate<'_>,
    ) -> Result<(), &'f Error> {
        if negotiated.version < SpdmVersion::V1_3 {
            return Ok(());
        }
        let got = message.model;
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
        Err(errors.value(&At(CERTIFICATE, "CertModel"), &expected, got.to_byte()))
    }

    /// Checks the whole chain of a slot against the digest that DIGESTS stated.
    ///
    /// # Errors
    /// [`Error::Misbehaved`] where they differ, [`Error::Misuse`] where there was no DIGESTS of the slot.
    pub fn check_chain_digest(&self, slot: SlotId, digest: &Digest) -> Result<(), Error> {
        ErrorCell::by_value(|errors| self.is_announced(errors, slot, digest))
    }

    pub(crate) fn is_announced<'f>(
        &self,
        errors: &'f ErrorCell,
        slot: SlotId,
        digest: &Digest,
    ) -> Result<(), &'f Error> {
        match self.slot_digest(slot) {
            Some(stated) if stated == digest => Ok(()),
            Some(_) => {
                let at = &At(CERTIFICATE, "CertChain");
                Err(errors.differs(at, "what DIGESTS announced"))
            }
            None => Err(errors.order(Code::GET_CERTIFICATE)),
        }
    }
}

/// The rules about a slot's key on a multi-key connection (DSP0274 1.3 §DIGESTS).
fn check_key<'f>(errors: &'f ErrorCell, entry: &SlotDigest<'_>) -> Result<(), &'f Error> {
    let Some(key) = entry.key else { return Ok(()) };
    let first = entry.slot == SlotId::ZERO;
    if first && key.model == CertificateModel::GenericCert {
        let (at, got) = (&At(DIGESTS, "CertificateInfo"), key.model.to_byte());
        return Err(errors.value(at, &Expected::AtMost(2), got));
    }
    let uses =
        KeyUsage::KEY_EX | KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT | KeyUsage::ENDPOINT_INFO;
    if first && !key.usage.intersects(uses) {
        let rule = &Expected::Rule("a use of SPDM for slot 0");
        return Err(errors.value(&At(DIGESTS, "KeyUsageMask"), rule, key.usage.bits()));
    }
    if key.model == CertificateModel::None && entry.digest.iter().any(|byte| *byte != 0) {
        let from = "zero, for the slot has no certificate";
        return Err(errors.differs(&At(DIGESTS, "Digest"), from));
    }
    Ok(())
}
