//! GET_KEY_PAIR_INFO and SET_KEY_PAIR_INFO.

use core::mem;

use spdm_codec::{
    CapabilityFlags, Code, DesiredKeyPair, Expected, GetKeyPairInfo, KeyPairAsymAlgo,
    KeyPairCapabilities, KeyPairInfo, KeyPairOperation, KeyUsage, PqcAsymAlgo, SetKeyPairInfo,
    SetKeyPairInfoAck, SizedPqcAsymAlgo, SlotMask, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use super::get_csr::asks_for_reset;
use super::set_certificate::Effect;
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

const MESSAGE: &str = "KEY_PAIR_INFO";

/// What a key pair is to be. Zero leaves usage and algorithm as they are, but takes away the slots.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct DesiredKey {
    /// `DesiredKeyUsage`.
    pub usage: KeyUsage,
    /// `DesiredAsymAlgo`: one algorithm, or none.
    pub asym: KeyPairAsymAlgo,
    /// `DesiredPqcAsymAlgo` (1.4): one algorithm, or none; not both.
    pub pqc: PqcAsymAlgo,
    /// `DesiredAssocCertSlotMask`.
    pub slots: SlotMask,
}

/// What becomes of a key pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum KeyPairAction {
    /// `ParameterChange`.
    Change(DesiredKey),
    /// `KeyPairErase`.
    Erase,
    /// `GenerateKeyPair`.
    Generate(DesiredKey),
}

/// GET_KEY_PAIR_INFO: see [`Requester::key_pair_info`].
#[derive(Debug)]
pub struct FetchKeyPair<'b> {
    key_pair_id: u8,
    buffer: &'b mut [u8],
    info: Option<KeyPairInfo<'b>>,
}

/// SET_KEY_PAIR_INFO: see [`Requester::set_key_pair_info`].
#[derive(Debug)]
pub struct SetKeyPair {
    key_pair_id: u8,
    action: KeyPairAction,
    effect: Option<Effect>,
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_KEY_PAIR_INFO: what a key pair can do and is used for (1.3), copied into `buffer`. Key pairs count from 1 to
    /// [`KeyPairInfo::total_key_pairs`].
    #[must_use]
    pub fn key_pair_info(self, key_pair_id: u8, buffer: &mut [u8]) -> Flow<'a, FetchKeyPair<'_>> {
        Flow::new(self.core, FetchKeyPair { key_pair_id, buffer, info: None })
    }

    /// SET_KEY_PAIR_INFO: has the device change, erase or make a key pair (1.3). What was known of slots is forgotten. Where a
    /// reset is needed ([`Effect::AfterReset`]), the same has to be asked for once more after it.
    #[must_use]
    pub fn set_key_pair_info(self, key_pair_id: u8, action: KeyPairAction) -> Flow<'a, SetKeyPair> {
        Flow::new(self.core, SetKeyPair { key_pair_id, action, effect: None })
    }
}

/// What a message says of itself (DSP0274 1.3 §KEY_PAIR_INFO).
fn check<'f>(
    errors: &'f ErrorCell,
    info: &KeyPairInfo<'_>,
    asked: u8,
    agreed: &Negotiated,
) -> Result<(), &'f Error> {
    let value = |field, expected, got: u64| Err(errors.value(&At(MESSAGE, field), &expected, got));
    if info.key_pair_id != asked {
        return value("KeyPairID", Expected::Exactly(asked.into()), info.key_pair_id.into());
    }
    if info.total_key_pairs < info.key_pair_id {
        return value(
            "TotalKeyPairs",
            Expected::AtLeast(asked.into()),
            info.total_key_pairs.into(),
        );
    }
    let sets = agreed.responder.flags.contains(CapabilityFlags::SET_KEY_PAIR_INFO_CAP);
    let can = info.capabilities;
    let unassociated = can.contains(KeyPairCapabilities::SHAREABLE)
        && !can.contains(KeyPairCapabilities::CERT_ASSOC);
    if unassociated {
        let expected = Expected::Rule("CertAssocCap with ShareableCap");
        return value("Capabilities", expected, can.bits().into());
    }
    if !sets && !can.is_empty() {
        let expected = Expected::Rule("none without SET_KEY_PAIR_INFO_CAP");
        return value("Capabilities", expected, can.bits().into());
    }
    if info.key_usage_capabilities.is_empty() {
        return value("KeyUsageCapabilities", Expected::AtLeast(1), 0);
    }
    within(
        errors,
        "CurrentKeyUsage",
        info.current_key_usage.bits().into(),
        info.key_usage_capabilities.bits().into(),
    )?;
    let (pqc_can, pqc) = match &info.pqc {
        Some(pqc) => (pqc.capabilities.algorithms(), pqc.current.algorithms()),
        None => (PqcAsymAlgo::empty(), PqcAsymAlgo::empty()),
    };
    if info.asym_algo_capabilities.is_empty() && pqc_can.is_empty() {
        return value("AsymAlgoCapabilities", Expected::AtLeast(1), 0);
    }
    let (asym_can, asym) = (info.asym_algo_capabilities.bits(), info.current_asym_algo.bits());
    within(errors, "CurrentAsymAlgo", asym.into(), asym_can.into())?;
    within(errors, "CurrentPqcAsymAlgo", pqc.bits().into(), pqc_can.bits().into())?;
    if asym.count_ones() > 1 {
        return value("CurrentAsymAlgo", Expected::Rule("one algorithm at most"), asym.into());
    }
    if pqc.bits().count_ones() > u32::from(asym == 0) {
        let expected = Expected::Rule("one algorithm at most, of both kinds");
        return value("CurrentPqcAsymAlgo", expected, pqc.bits().into());
    }
    let shared = info.assoc_cert_slot_mask.count() > 1;
    if shared && sets && !can.contains(KeyPairCapabilities::SHAREABLE) {
        let expected = Expected::Rule("one slot at most without ShareableCap");
        return value("AssocCertSlotMask", expected, info.assoc_cert_slot_mask.0.into());
    }
    Ok(())
}

/// What is current is possible.
fn within<'f>(
    errors: &'f ErrorCell,
    field: &'static str,
    current: u64,
    possible: u64,
) -> Result<(), &'f Error> {
    if current & !possible == 0 {
        return Ok(());
    }
    let expected = Expected::Rule("nothing that is not among the capabilities");
    Err(errors.value(&At(MESSAGE, field), &expected, current))
}

impl<'b> FetchKeyPair<'b> {
    fn check<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<KeyPairInfo<'b>, &'f Error> {
        let errors = env.errors;
        let agreed = env.agreed()?;
        let cx = agreed.cx(env.connection.answer_padding());
        let bytes = answer.response.into_inner_less_safe();
        let buffer = mem::take(&mut self.buffer);
        let (needed, len) = (bytes.len(), buffer.len());
        let place = buffer.get_mut(..needed).ok_or_else(|| {
            errors.stop(Error::BufferTooSmall { buffer: Buffer::Response, needed, len })
        })?;
        place.copy_from_slice(bytes);
        let info = errors.decode::<KeyPairInfo<'_>>(Untrusted::new(place), &cx)?.message;
        check(errors, &info, self.key_pair_id, agreed)?;
        Ok(info)
    }
}

impl<'b> sealed::Operation for FetchKeyPair<'b> {
    type Phase = Negotiated;
    type Output = KeyPairInfo<'b>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let flag = CapabilityFlags::GET_KEY_PAIR_INFO_CAP;
        let agreed = ask.require(flag, "GET_KEY_PAIR_INFO_CAP")?;
        ask.encode(&GetKeyPairInfo { key_pair_id: self.key_pair_id }, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let checked = self.check(env, answer);
        let info =
            checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.info = Some(info);
        Ok(Next::Done)
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<KeyPairInfo<'b>, &'f Error> {
        self.info.take().ok_or_else(|| errors.unfinished())
    }
}

impl sealed::Operation for SetKeyPair {
    type Phase = Negotiated;
    type Output = Effect;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let flag = CapabilityFlags::SET_KEY_PAIR_INFO_CAP;
        let version = ask.require(flag, "SET_KEY_PAIR_INFO_CAP")?.version;
        let desired = match self.action {
            KeyPairAction::Change(desired) | KeyPairAction::Generate(desired) => desired,
            KeyPairAction::Erase => DesiredKey::default(),
        };
        let pqc = desired.pqc.bits().to_le_bytes();
        let pqc_asym_algo =
            (version >= SpdmVersion::V1_4).then_some(SizedPqcAsymAlgo { bytes: &pqc });
        let desired = DesiredKeyPair {
            key_usage: desired.usage,
            asym_algo: desired.asym,
            assoc_cert_slot_mask: desired.slots,
            pqc_asym_algo,
        };
        let operation = match self.action {
            KeyPairAction::Change(_) => KeyPairOperation::ParameterChange(desired),
            KeyPairAction::Erase => KeyPairOperation::Erase,
            KeyPairAction::Generate(_) => KeyPairOperation::Generate(desired),
        };
        ask.encode(&SetKeyPairInfo { key_pair_id: self.key_pair_id, operation }, version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let cx = env.agreed()?.cx(env.connection.answer_padding());
        errors
            .decode::<SetKeyPairInfoAck>(answer.response, &cx)
            .inspect_err(|error| env.reject(answer.request, answer.response, error))?;
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
        let agreed = env.agreed()?;
        // In 1.3 nothing announces it; that is tolerated.
        let may_need = agreed.version < SpdmVersion::V1_4
            || agreed.responder.flags.contains(CapabilityFlags::SET_KEY_PAIR_RESET_CAP);
        if asks_for_reset(error, Code::SET_KEY_PAIR_INFO).is_none() || !may_need {
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
