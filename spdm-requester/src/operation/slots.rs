//! SLOT_MANAGEMENT (1.4): banks and slots. Experimental: see the feature's description.

use core::mem;

use spdm_codec::{
    BankDetails, BankInfo, CapabilityExtFlags, CertificateModel, Code, ConnectionKeys, Cx,
    DecodeError, EncodeError, Expected, KeyAlgorithms, KeyPairAsymAlgo, MAX_BANK_ID, ManageBank,
    ManageSlot, PqcAsymAlgo, SizedPqcAsymAlgo, SlotAddress, SlotBytes, SlotCertificate,
    SlotCsrRequest, SlotId, SlotManagement, SlotManagementBody, SlotManagementResp,
    SlotManagementSubCode, SlotSubCodes, SpdmVersion,
};
use spdm_crypto::AsymAlgorithm;
use spdm_untrusted::Untrusted;
use spdm_x509::InstallableChain;

use super::get_csr::{CsrOutcome, CsrPlan, asks_for_reset, checked_csr, may_need_reset, postponed};
use super::set_certificate::{Effect, sent_model};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Incompatible, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

const MESSAGE: &str = "SLOT_MANAGEMENT_RESP";

/// A structure that SLOT_MANAGEMENT reads: [`SlotSubCodes`], [`BankInfo`], [`BankDetails`] or [`SlotBytes`]. Sealed.
pub trait SlotAnswer<'b>: answers::SlotAnswer<'b> {}

impl<'b, S: answers::SlotAnswer<'b>> SlotAnswer<'b> for S {}

mod answers {
    use super::{Cx, DecodeError, ErrorCell, SlotAddress, SlotManagementSubCode, Untrusted};
    use crate::error::Error;

    #[expect(unnameable_types, reason = "sealed")]
    pub trait SlotAnswer<'b>: Sized {
        const SUB_CODE: SlotManagementSubCode;

        fn read(structure: Untrusted<&'b [u8]>, cx: &Cx) -> Result<Self, DecodeError>;

        /// What it says of itself, where it was asked for this slot or bank.
        fn check<'f>(&self, _: &'f ErrorCell, _: Option<SlotAddress>) -> Result<(), &'f Error> {
            Ok(())
        }
    }
}

impl<'b> answers::SlotAnswer<'b> for SlotSubCodes {
    const SUB_CODE: SlotManagementSubCode = SlotManagementSubCode::SUPPORTED_SUB_CODES;

    fn read(structure: Untrusted<&'b [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        Self::decode(structure, cx)
    }
}

impl<'b> answers::SlotAnswer<'b> for BankInfo<'b> {
    const SUB_CODE: SlotManagementSubCode = SlotManagementSubCode::GET_BANK_INFO;

    fn read(structure: Untrusted<&'b [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        Self::decode(structure, cx)
    }
}

impl<'b> answers::SlotAnswer<'b> for BankDetails<'b> {
    const SUB_CODE: SlotManagementSubCode = SlotManagementSubCode::GET_BANK_DETAILS;

    fn read(structure: Untrusted<&'b [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        Self::decode(structure, cx)
    }

    fn check<'f>(
        &self,
        errors: &'f ErrorCell,
        asked: Option<SlotAddress>,
    ) -> Result<(), &'f Error> {
        let value =
            |field, expected, got: u64| Err(errors.value(&At(MESSAGE, field), &expected, got));
        let asked = asked.map_or(0, |address| address.bank_id);
        if self.bank_id != asked {
            return value("BankID", Expected::Exactly(asked.into()), self.bank_id.into());
        }
        let bits = |of: &KeyAlgorithms<'_>| (of.asym.bits(), of.pqc.algorithms().bits());
        let (asym, pqc) = bits(&self.capabilities);
        let among = Expected::Rule("nothing that is not among the capabilities");
        for (field, algorithms) in
            [("CurrentAsymAlgo", &self.current), ("AvailableAsymAlgo", &self.available)]
        {
            let (its_asym, its_pqc) = bits(algorithms);
            if its_asym & !asym != 0 {
                return value(field, among, its_asym.into());
            }
            if its_pqc & !pqc != 0 {
                return value(field, among, its_pqc.into());
            }
        }
        let (asym, pqc) = bits(&self.current);
        if asym.count_ones().saturating_add(pqc.count_ones()) > 1 {
            return value("CurrentAsymAlgo", Expected::Rule("one algorithm at most"), asym.into());
        }
        Ok(())
    }
}

impl<'b> answers::SlotAnswer<'b> for SlotBytes<'b> {
    const SUB_CODE: SlotManagementSubCode = SlotManagementSubCode::GET_CERTIFICATE_CHAIN;

    fn read(structure: Untrusted<&'b [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        Self::decode(structure, cx)
    }
}

/// What becomes of a bank or of one of its slots.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "SLOT_MANAGEMENT has these three")]
pub enum BankChange<'c> {
    /// ManageBank: another algorithm for a bank whose slots have no chains. One of the two kinds.
    Algorithm {
        /// The bank.
        bank_id: u8,
        /// A classical algorithm.
        asym: KeyPairAsymAlgo,
        /// A post-quantum algorithm.
        pqc: PqcAsymAlgo,
    },
    /// ManageSlot: the chain of a slot is removed.
    Erase(SlotAddress),
    /// SetCertificate: a chain for the slot that it was read for, with the algorithm of the bank.
    Install {
        /// The bank.
        bank_id: u8,
        /// The chain.
        chain: InstallableChain<'c>,
        /// The key pair on a multi-key connection, else 0.
        key_pair_id: u8,
    },
}

/// A read of SLOT_MANAGEMENT: see [`Requester::slot_sub_codes`], [`Requester::slot_banks`], [`Requester::slot_bank`] and
/// [`Requester::slot_chain`].
#[derive(Debug)]
pub struct FetchSlots<'b, S> {
    address: Option<SlotAddress>,
    buffer: &'b mut [u8],
    answer: Option<S>,
}

/// GetCSR of SLOT_MANAGEMENT: see [`Requester::slot_csr`].
#[derive(Debug)]
pub struct FetchSlotCsr<'q, 'b> {
    address: SlotAddress,
    asym: AsymAlgorithm,
    plan: CsrPlan<'q>,
    buffer: &'b mut [u8],
    outcome: Option<CsrOutcome<'b>>,
}

/// A change by SLOT_MANAGEMENT: see [`Requester::change_bank`].
#[derive(Debug)]
pub struct ChangeBank<'c> {
    change: BankChange<'c>,
    effect: Option<Effect>,
}

impl<'a> Requester<'a, Negotiated> {
    /// SLOT_MANAGEMENT, SupportedSubCodes: what of it the device takes (1.4, SLOT_MGMT_CAP). The answer is copied into
    /// `buffer`.
    #[must_use]
    pub fn slot_sub_codes(self, buffer: &mut [u8]) -> Flow<'a, FetchSlots<'_, SlotSubCodes>> {
        Flow::new(self.core, FetchSlots { address: None, buffer, answer: None })
    }

    /// SLOT_MANAGEMENT, GetBankInfo: which banks the device has, copied into `buffer`.
    #[must_use]
    pub fn slot_banks<'b>(self, buffer: &'b mut [u8]) -> Flow<'a, FetchSlots<'b, BankInfo<'b>>> {
        Flow::new(self.core, FetchSlots { address: None, buffer, answer: None })
    }

    /// SLOT_MANAGEMENT, GetBankDetails: a bank and its slots, copied into `buffer`. Nothing signs it.
    ///
    /// Fails with [`Misuse::Provisioning`] where there can be no such bank.
    #[must_use]
    pub fn slot_bank<'b>(
        self,
        bank_id: u8,
        buffer: &'b mut [u8],
    ) -> Flow<'a, FetchSlots<'b, BankDetails<'b>>> {
        let address = Some(SlotAddress { bank_id, slot: SlotId::ZERO });
        Flow::new(self.core, FetchSlots { address, buffer, answer: None })
    }

    /// SLOT_MANAGEMENT, GetCertificateChain: the certificate chain structure of a slot of any bank, as the device says it,
    /// copied into `buffer`. Nothing of it is checked: [`Chain::parse`](spdm_x509::Chain::parse) does, with the bank's
    /// algorithm.
    ///
    /// Fails with [`Misuse::Provisioning`] where there can be no such bank.
    #[must_use]
    pub fn slot_chain<'b>(
        self,
        address: SlotAddress,
        buffer: &'b mut [u8],
    ) -> Flow<'a, FetchSlots<'b, SlotBytes<'b>>> {
        Flow::new(self.core, FetchSlots { address: Some(address), buffer, answer: None })
    }

    /// SLOT_MANAGEMENT, GetCSR: a certification request for a slot of a bank, into `buffer`. It comes out under the rules of
    /// [`Self::get_csr`], for a key of `asym`, which is the algorithm of the bank.
    #[must_use]
    pub fn slot_csr<'q, 'b>(
        self,
        address: SlotAddress,
        asym: AsymAlgorithm,
        plan: CsrPlan<'q>,
        buffer: &'b mut [u8],
    ) -> Flow<'a, FetchSlotCsr<'q, 'b>> {
        let operation = FetchSlotCsr { address, asym, plan, buffer, outcome: None };
        Flow::new(self.core, operation)
    }

    /// SLOT_MANAGEMENT, ManageBank, ManageSlot or SetCertificate: has the device change a bank or a slot. What was known of
    /// slots is forgotten. Devices refuse slot 0 and banks as they refuse SET_CERTIFICATE for slot 0.
    ///
    /// Fails with [`Misuse::Identity`] where a chain was read for another version or hash, and with
    /// [`Misuse::Provisioning`] where the change contradicts the connection.
    #[must_use]
    pub fn change_bank(self, change: BankChange<'_>) -> Flow<'a, ChangeBank<'_>> {
        Flow::new(self.core, ChangeBank { change, effect: None })
    }
}

/// What the operations need of the connection, and of the address.
fn require<'q, 'f>(
    ask: &Ask<'q, 'f>,
    address: Option<SlotAddress>,
) -> Result<&'q Negotiated, &'f Error> {
    let agreed = ask.agreed()?;
    let has = agreed.responder.ext_flags.contains(CapabilityExtFlags::SLOT_MGMT_CAP);
    if agreed.version < SpdmVersion::V1_4 || !has {
        return Err(ask.errors.incompatible(Incompatible::Capability("SLOT_MGMT_CAP")));
    }
    if address.is_some_and(|address| address.bank_id > MAX_BANK_ID) {
        return Err(ask.errors.misuse(Misuse::Provisioning("BankID is 239 at most")));
    }
    Ok(agreed)
}

/// Encodes a request with a structure.
fn encode<'f>(
    ask: &Ask<'_, 'f>,
    sub_code: SlotManagementSubCode,
    out: &mut [u8],
    structure: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<usize, &'f Error> {
    let body = SlotManagementBody { sub_code, gap: &[], structure: Some(&[]) };
    let header = ask.encode(&SlotManagement(body), SpdmVersion::V1_4, out)?;
    let room = out.len();
    let written = structure(out.get_mut(header..).unwrap_or_default());
    let written = written.map_err(|error| match error {
        EncodeError::BufferTooSmall { needed } => {
            EncodeError::BufferTooSmall { needed: needed.saturating_add(header) }
        }
        other => other,
    });
    let written = written.map_err(|error| ask.encode_error(&error, room))?;
    Ok(header.saturating_add(written))
}

/// The structure of a response to this sub code.
fn structure_of<'b, 'f>(
    errors: &'f ErrorCell,
    response: Untrusted<&'b [u8]>,
    cx: &Cx,
    sub_code: SlotManagementSubCode,
) -> Result<Untrusted<&'b [u8]>, &'f Error> {
    let body = errors.decode::<SlotManagementResp<'_>>(response, cx)?.message.0;
    check_echo(errors, &body, sub_code)?;
    body.structure
        .map(Untrusted::new)
        .ok_or_else(|| errors.value(&At(MESSAGE, "MgmtStructOffset"), &Expected::AtLeast(8), 0_u64))
}

fn check_echo<'f>(
    errors: &'f ErrorCell,
    body: &SlotManagementBody<'_>,
    sub_code: SlotManagementSubCode,
) -> Result<(), &'f Error> {
    if body.sub_code == sub_code {
        return Ok(());
    }
    let expected = Expected::Exactly(sub_code.0.into());
    Err(errors.value(&At(MESSAGE, "SubCode"), &expected, body.sub_code.0))
}

impl<'b, S: answers::SlotAnswer<'b>> FetchSlots<'b, S> {
    fn check<'f>(&mut self, env: &Env<'_, 'f>, answer: &Answer<'_, '_>) -> Result<S, &'f Error> {
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let bytes = answer.response.into_inner_less_safe();
        let buffer = mem::take(&mut self.buffer);
        let (needed, len) = (bytes.len(), buffer.len());
        let place = buffer.get_mut(..needed).ok_or_else(|| {
            errors.stop(Error::BufferTooSmall { buffer: Buffer::Response, needed, len })
        })?;
        place.copy_from_slice(bytes);
        let structure = structure_of(errors, Untrusted::new(place), &cx, S::SUB_CODE)?;
        let read = S::read(structure, &cx).map_err(|error| errors.stop(error))?;
        read.check(errors, self.address)?;
        Ok(read)
    }
}

impl<'b, S: answers::SlotAnswer<'b>> sealed::Operation for FetchSlots<'b, S> {
    type Phase = Negotiated;
    type Output = S;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let version = require(ask, self.address)?.version;
        let address = self.address.map(|address| address.to_bytes());
        let structure = address.as_ref().map(|bytes| bytes.as_slice());
        let body = SlotManagementBody { sub_code: S::SUB_CODE, gap: &[], structure };
        ask.encode(&SlotManagement(body), version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let checked = self.check(env, answer);
        let read =
            checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.answer = Some(read);
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<S, &'f Error> {
        self.answer.take().ok_or_else(|| errors.unfinished())
    }
}

impl<'b> sealed::Operation for FetchSlotCsr<'_, 'b> {
    type Phase = Negotiated;
    type Output = CsrOutcome<'b>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = require(ask, Some(self.address))?;
        if let Some(rule) = self.plan.broken(agreed) {
            return Err(ask.errors.misuse(Misuse::Provisioning(rule)));
        }
        let CsrPlan { requester_info, opaque, .. } = self.plan;
        let (address, attributes) = (self.address, self.plan.attributes());
        let request = SlotCsrRequest { address, attributes, requester_info, opaque };
        encode(ask, SlotManagementSubCode::GET_CSR, out, |room| request.encode(room))
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let buffer = mem::take(&mut self.buffer);
        let sub_code = SlotManagementSubCode::GET_CSR;
        let checked = structure_of(errors, answer.response, &cx, sub_code)
            .and_then(|structure| {
                SlotBytes::decode(structure, &cx).map_err(|error| errors.stop(error))
            })
            .and_then(|csr| checked_csr(env, csr.bytes, buffer, &self.plan, self.asym));
        let csr =
            checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.outcome = Some(CsrOutcome::Csr(csr));
        Ok(Next::Done)
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        self.outcome = postponed(env, error, Code::SLOT_MANAGEMENT)?;
        Ok(self.outcome.is_some().then_some(Next::Done))
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<CsrOutcome<'b>, &'f Error> {
        self.outcome.take().ok_or_else(|| errors.unfinished())
    }
}

impl ChangeBank<'_> {
    const fn sub_code(&self) -> SlotManagementSubCode {
        match self.change {
            BankChange::Algorithm { .. } => SlotManagementSubCode::MANAGE_BANK,
            BankChange::Erase(_) => SlotManagementSubCode::MANAGE_SLOT,
            BankChange::Install { .. } => SlotManagementSubCode::SET_CERTIFICATE,
        }
    }

    const fn address(&self) -> SlotAddress {
        match &self.change {
            BankChange::Algorithm { bank_id, .. } => {
                SlotAddress { bank_id: *bank_id, slot: SlotId::ZERO }
            }
            BankChange::Erase(address) => *address,
            BankChange::Install { bank_id, chain, .. } => {
                SlotAddress { bank_id: *bank_id, slot: chain.chain().slot() }
            }
        }
    }
}

/// Whether a chain can be sent on this connection.
fn check_chain<'f>(
    errors: &'f ErrorCell,
    agreed: &Negotiated,
    chain: &InstallableChain<'_>,
    key_pair_id: u8,
) -> Result<CertificateModel, &'f Error> {
    let context = chain.chain().context();
    let hash = agreed.hash().map_err(|error| errors.incompatible(error))?;
    if context.version != agreed.version || context.hash != hash {
        return Err(errors.misuse(Misuse::Identity));
    }
    let multi = agreed.connection_keys == ConnectionKeys::Multi;
    let broken = |rule| Err(errors.misuse(Misuse::Provisioning(rule)));
    if multi != (key_pair_id != 0) {
        return broken("KeyPairID on a multi-key connection, and there alone");
    }
    let model = sent_model(agreed, Some(chain));
    if multi && model == CertificateModel::None {
        return broken("SetCertModel on a multi-key connection");
    }
    if chain.chain().slot() == SlotId::ZERO && model == CertificateModel::GenericCert {
        return broken("no generic certificate in slot 0");
    }
    Ok(model)
}

impl sealed::Operation for ChangeBank<'_> {
    type Phase = Negotiated;
    type Output = Effect;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let (address, sub_code) = (self.address(), self.sub_code());
        let agreed = require(ask, Some(address))?;
        match &self.change {
            BankChange::Algorithm { asym, pqc, .. } => {
                let count = asym.bits().count_ones().saturating_add(pqc.bits().count_ones());
                if count != 1 {
                    return Err(ask
                        .errors
                        .misuse(Misuse::Provisioning("one algorithm for a bank")));
                }
                let bytes = pqc.bits().to_le_bytes();
                let pqc = SizedPqcAsymAlgo { bytes: &bytes };
                let structure = ManageBank { address, asym: *asym, pqc };
                encode(ask, sub_code, out, |room| structure.encode(room))
            }
            BankChange::Erase(_) => {
                encode(ask, sub_code, out, |room| ManageSlot { address }.encode(room))
            }
            BankChange::Install { chain, key_pair_id, .. } => {
                let key_pair_id = *key_pair_id;
                let model = check_chain(ask.errors, agreed, chain, key_pair_id)?;
                let chain = chain.chain().bytes();
                let structure = SlotCertificate { address, model, key_pair_id, chain };
                encode(ask, sub_code, out, |room| structure.encode(room))
            }
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        // Whatever is wrong with an answer that is no ERROR: something may have changed.
        env.connection.forget_slots();
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        let checked = errors.decode::<SlotManagementResp<'_>>(answer.response, &cx);
        let checked = checked.and_then(|decoded| {
            let body = decoded.message.0;
            check_echo(errors, &body, self.sub_code())?;
            if body.structure.is_none() {
                return Ok(());
            }
            let at = At(MESSAGE, "MgmtStructOffset");
            let offset = body.gap.len().saturating_add(8);
            let expected = Expected::Rule("0, for the answer has no structure");
            Err(errors.value(&at, &expected, offset))
        });
        checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.effect = Some(Effect::Now);
        Ok(Next::Done)
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        let asks = asks_for_reset(error, Code::SLOT_MANAGEMENT).is_some();
        if !asks || !may_need_reset(env.agreed()?) {
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
