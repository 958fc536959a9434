//! SET_CERTIFICATE.

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, ConnectionKeys, Expected, SetCertificate,
    SetCertificateOperation, SetCertificateRsp, SlotId, SpdmVersion,
};
use spdm_x509::{CertModel, Identity, InstallableChain};

use super::get_csr::{asks_for_reset, may_need_reset, require_since_1_3};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Error, Incompatible, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// When a change of the device takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
pub enum Effect {
    /// It has taken effect.
    Now,
    /// The device answered ResetRequired: it takes effect in the next reset.
    AfterReset,
}

/// SET_CERTIFICATE: see [`Requester::set_certificate`] and [`Requester::erase_certificate`].
#[derive(Debug)]
pub struct SetSlot<'c> {
    slot: SlotId,
    key_pair_id: u8,
    /// `None` to erase the slot.
    chain: Option<InstallableChain<'c>>,
    effect: Option<Effect>,
}

impl<'a> Requester<'a, Negotiated> {
    /// SET_CERTIFICATE: has the device put this chain into the slot that it was read for (1.2). `key_pair_id` is the key
    /// pair's on a multi-key connection (1.3), where the chain's model is sent, too, else 0. What was known of slots is
    /// forgotten: DIGESTS and chains are read again.
    ///
    /// A chain that is longer than one message travels in chunks;
    /// [`Offer::longest_request`](crate::Offer::longest_request) has to allow for it before the negotiation. A device
    /// usually refuses slot 0 outside of its factory, and other slots outside of a session
    /// ([`Self::in_session`]).
    ///
    /// Fails with [`Misuse::Identity`] where the chain was read for another version or other algorithms, and with
    /// [`Misuse::Provisioning`] where key pair or model contradict the connection.
    #[must_use]
    pub fn set_certificate(
        self,
        chain: InstallableChain<'_>,
        key_pair_id: u8,
    ) -> Flow<'a, SetSlot<'_>> {
        let slot = chain.chain().slot();
        Flow::new(self.core, SetSlot { slot, key_pair_id, chain: Some(chain), effect: None })
    }

    /// SET_CERTIFICATE with `Erase`: has the device remove the chain of a slot (1.3). `key_pair_id` is the key pair's on a
    /// multi-key connection, else 0.
    #[must_use]
    pub fn erase_certificate(self, slot: SlotId, key_pair_id: u8) -> Flow<'a, SetSlot<'static>> {
        Flow::new(self.core, SetSlot { slot, key_pair_id, chain: None, effect: None })
    }
}

/// `SetCertModel`, which is sent with a chain on a multi-key connection.
pub(super) fn sent_model(
    agreed: &Negotiated,
    chain: Option<&InstallableChain<'_>>,
) -> CertificateModel {
    let model = chain.map(|chain| chain.chain().context().model);
    match model.filter(|_| agreed.connection_keys == ConnectionKeys::Multi) {
        Some(CertModel::DeviceCert) => CertificateModel::DeviceCert,
        Some(CertModel::AliasCert) => CertificateModel::AliasCert,
        Some(CertModel::GenericCert) => CertificateModel::GenericCert,
        Some(CertModel::Unknown) | None => CertificateModel::None,
    }
}

impl SetSlot<'_> {
    fn check<'f>(&self, errors: &'f ErrorCell, agreed: &Negotiated) -> Result<(), &'f Error> {
        let multi = agreed.connection_keys == ConnectionKeys::Multi;
        let broken = |rule| Err(errors.misuse(Misuse::Provisioning(rule)));
        if multi != (self.key_pair_id != 0) {
            return broken("KeyPairID on a multi-key connection, and there alone");
        }
        let Some(chain) = &self.chain else {
            if agreed.version < SpdmVersion::V1_3 {
                let what = "Erase of SET_CERTIFICATE, which is of SPDM 1.3";
                return Err(errors.incompatible(Incompatible::Capability(what)));
            }
            return Ok(());
        };
        agreed.check_identity(errors, &Identity::Chain(*chain.chain()))?;
        let model = sent_model(agreed, Some(chain));
        if multi && model == CertificateModel::None {
            return broken("SetCertModel on a multi-key connection");
        }
        if self.slot == SlotId::ZERO && model == CertificateModel::GenericCert {
            return broken("no generic certificate in slot 0");
        }
        let large = CapabilityFlags::LARGE_RESP_CAP;
        let is_large = u16::try_from(chain.chain().bytes().len()).is_err();
        match is_large && !(agreed.requester.flags & agreed.responder.flags).contains(large) {
            true => Err(errors.incompatible(Incompatible::Capability("LARGE_RESP_CAP"))),
            false => Ok(()),
        }
    }
}

impl sealed::Operation for SetSlot<'_> {
    type Phase = Negotiated;
    type Output = Effect;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = require_since_1_3(ask, CapabilityFlags::SET_CERT_CAP, "SET_CERT_CAP")?;
        self.check(ask.errors, agreed)?;
        let operation = match &self.chain {
            Some(chain) => SetCertificateOperation::Install(chain.chain().bytes()),
            None => SetCertificateOperation::Erase,
        };
        let model = sent_model(agreed, self.chain.as_ref());
        let (slot, key_pair_id) = (self.slot, self.key_pair_id);
        ask.encode(&SetCertificate { slot, model, key_pair_id, operation }, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let told = errors.decode::<SetCertificateRsp>(answer.response, &cx);
        let told = told.and_then(|decoded| {
            let (got, asked) = (decoded.message.slot, self.slot);
            if got == asked {
                return Ok(());
            }
            let expected = Expected::Exactly(asked.get().into());
            Err(errors.value(&At("SET_CERTIFICATE_RSP", "SlotID"), &expected, got.get()))
        });
        told.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        env.connection.forget_slots();
        self.effect = Some(Effect::Now);
        Ok(Next::Done)
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        if asks_for_reset(error, Code::SET_CERTIFICATE).is_none() || !may_need_reset(env.agreed()?)
        {
            return Ok(None);
        }
        env.connection.forget_slots();
        self.effect = Some(Effect::AfterReset);
        Ok(Some(Next::Done))
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Effect, &'f Error> {
        self.effect.ok_or_else(|| errors.unfinished())
    }
}
