//! Whose key must sign: a provisioned one, or that of the first slot whose chain fits the plan.

use core::mem;

use spdm_codec::{KeyUsage, SlotId};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    ChainError, ContentAppraisal, Identity, Policy, ProvisionedKey, SanPolicy, VerifiedLinks,
};

use super::super::attestation_plan::KeySource;
use super::super::fetch_chain::{Judged, Portions};
use super::super::fetch_digests::FetchDigests;
use super::super::slot_choice::SlotChoice;
use super::{Course, FirstReadable, Persistence, Sequence, Signer, Step, Where};
use crate::chain_cache::KnownChain;
use crate::env::Env;
use crate::error::{Error, Incompatible, Misuse};
use crate::observer::{ChainOrigin, Observation};

impl<'c, P: Course<'c>> Sequence<'_, 'c, '_, P> {
    /// What was negotiated is known: which key is to sign?
    pub(super) fn find_key<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        match self.source {
            KeySource::Chain { .. } => self.step = Step::FetchDigests(FetchDigests::new()),
            KeySource::Provisioned { spki_der } => {
                let policy = self.plan.policy;
                self.audience.tell(&Observation::ProvisionedKey { policy });
                self.take_key(env, spki_der)?;
                self.first_signature(env)?;
            }
            // A session belongs to somebody's key.
            KeySource::Nothing if P::MEASURES == Where::InSession => {
                return Err(env.errors.misuse(Misuse::Identity));
            }
            KeySource::Nothing => self.measure(env)?,
        }
        Ok(())
    }

    /// The caller vouches for the key, unless it is revoked. No key can have the name that a policy may ask for.
    // Apart: the key is on the stack where there is one, and not below every signature.
    #[inline(never)]
    fn take_key<'f>(&mut self, env: &Env<'_, 'f>, spki_der: &'c [u8]) -> Result<(), &'f Error> {
        let (errors, agreed) = (env.errors, env.agreed()?);
        let asym = agreed.asym().map_err(|error| errors.incompatible(error))?;
        let hash = agreed.hash().map_err(|error| errors.incompatible(error))?;
        let named = self.plan.policy.is_some_and(|policy| policy.san != SanPolicy::None);
        if named && P::PERSISTENCE == Persistence::FirstFailure {
            return Err(errors.misuse(Misuse::Identity));
        }
        let key = ProvisionedKey::parse(Untrusted::new(spki_der), asym, hash, env.provider);
        let key = key.map_err(|error| errors.stop(error))?;
        self.signer = match self.plan.policy.map(|policy| policy.validate_key(key)) {
            Some(Ok(trusted)) if !named => Signer::Trusted(trusted),
            Some(Ok(_)) => {
                self.error = Some(Error::Misuse(Misuse::Identity));
                Signer::NotTrusted(Identity::Key(key))
            }
            Some(Err(error)) => {
                if P::PERSISTENCE == Persistence::FirstFailure {
                    return Err(errors.stop(error));
                }
                self.audience.tell(&Observation::Failed(&Error::Chain(error)));
                self.error = Some(Error::Chain(error));
                Signer::NotTrusted(Identity::Key(key))
            }
            None => Signer::NotTrusted(Identity::Key(key)),
        };
        Ok(())
    }

    /// The next slot from `first` on that comes into question.
    fn next_slot<'f>(&self, env: &Env<'_, 'f>, first: u8) -> Result<Option<SlotId>, &'f Error> {
        let mut uses = self.plan.requirement.uses();
        if P::MEASURES == Where::InSession {
            uses |= KeyUsage::KEY_EX;
        }
        Ok(self.plan.slot.next(first, uses, env.connection, env.agreed()?))
    }

    /// The chain of the slot, where it is known.
    fn recall<'f>(
        &self,
        env: &Env<'_, 'f>,
        slot: SlotId,
    ) -> Result<Option<&'c KnownChain<'c>>, &'f Error> {
        let KeySource::Chain { known, .. } = &self.source else { return Ok(None) };
        let announced = env.connection.slot_key(slot).map(|key| key.model);
        let context = env.agreed()?.chain_context(slot, announced.unwrap_or_default());
        let context = context.map_err(|error| env.errors.incompatible(error))?;
        let digest = env.connection.slot_digest(slot);
        Ok(digest.and_then(|digest| known.find(&context, digest)))
    }

    /// Tries the slots from `first` on. A chain that is known needs no GET_CERTIFICATE.
    pub(super) fn try_slots<'f>(&mut self, env: &Env<'_, 'f>, first: u8) -> Result<(), &'f Error> {
        let mut first = first;
        while let Some(slot) = self.next_slot(env, first)? {
            let Some(known) = self.recall(env, slot)? else {
                self.fetch(slot);
                return Ok(());
            };
            let (chain, links) = (known.chain(), known.links());
            let appraisal = self.plan.policy.map(|policy| policy.appraise_known(chain, links));
            let objection = appraisal.and_then(|appraisal| appraisal.into_trusted().err());
            let settled = matches!(self.plan.slot, SlotChoice::Slot(_));
            if settled || objection.is_none() {
                return self.settle(env, chain, ChainOrigin::Known, appraisal.as_ref());
            }
            self.objection = self.objection.or(objection);
            self.first_readable = self.first_readable.or(Some(FirstReadable::Known(known)));
            first = slot.get().saturating_add(1);
        }
        self.none_trusted(env)
    }

    fn fetch(&mut self, slot: SlotId) {
        if let KeySource::Chain { buffer, .. } = &mut self.source {
            self.step = Step::FetchChain(Portions::new(slot, mem::take(buffer)));
        }
    }

    /// A chain is complete: it is the one, or the next slot is tried with the same buffer.
    pub(super) fn fetched<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        portions: Portions<'c>,
    ) -> Result<(), &'f Error> {
        let (policy, slot) = (self.plan.policy, portions.slot());
        let chosen = match self.first_readable {
            // It is fetched once more, for no other one is trusted.
            Some(FirstReadable::Fetched(first)) => first == slot,
            _ => matches!(self.plan.slot, SlotChoice::Slot(_)),
        };
        if !chosen {
            let first_look = look(&portions, policy, env)?;
            let is_readable = !matches!(first_look, FirstLook::Unreadable(_));
            let objection = match first_look {
                FirstLook::Accepted(links) => {
                    return self.take_chain(env, portions, links.as_ref());
                }
                FirstLook::Refused(objection) | FirstLook::Unreadable(objection) => objection,
            };
            let is_first = is_readable && self.first_readable.is_none();
            if is_first {
                self.first_readable = Some(FirstReadable::Fetched(slot));
            }
            self.objection = self.objection.or(Some(objection));
            let following = slot.get().saturating_add(1);
            let is_last = self.next_slot(env, following)?.is_none();
            let goes_on = P::PERSISTENCE == Persistence::AsFarAsPossible;
            // Else it is in the buffer already.
            if !(goes_on && is_last && is_first) {
                if let KeySource::Chain { buffer, .. } = &mut self.source {
                    *buffer = portions.into_buffer();
                }
                return self.try_slots(env, following);
            }
        }
        self.take_chain(env, portions, None)
    }

    /// This is the chain that is taken: it keeps the buffer. `links` are its signatures, where they were verified.
    #[inline(never)]
    fn take_chain<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        portions: Portions<'c>,
        links: Option<&VerifiedLinks>,
    ) -> Result<(), &'f Error> {
        match &mut portions.into_judged(env, self.plan.policy, links)? {
            Ok(Judged { chain, contents }) => {
                let appraisal = contents.as_mut().map(ContentAppraisal::verify_signatures);
                self.settle(env, chain, ChainOrigin::Fetched, appraisal)
            }
            Err(error) => Err(env.errors.stop(*error)),
        }
    }

    /// No slot is left to try.
    fn none_trusted<'f>(&mut self, env: &Env<'_, 'f>) -> Result<(), &'f Error> {
        let errors = env.errors;
        match (self.first_readable, P::PERSISTENCE) {
            (Some(FirstReadable::Known(known)), Persistence::AsFarAsPossible) => {
                let (chain, links) = (known.chain(), known.links());
                let appraisal = self.plan.policy.map(|policy| policy.appraise_known(chain, links));
                return self.settle(env, chain, ChainOrigin::Known, appraisal.as_ref());
            }
            (Some(FirstReadable::Fetched(slot)), Persistence::AsFarAsPossible) => {
                self.fetch(slot);
                return Ok(());
            }
            _ => {}
        }
        Err(match (self.objection, self.plan.slot) {
            (Some(error), _) => errors.stop(error),
            (None, SlotChoice::Slot(slot)) => {
                errors.incompatible(Incompatible::SlotEmpty { slot: slot.get() })
            }
            (None, _) => errors.incompatible(Incompatible::NoSlot),
        })
    }
}

/// What came of a chain that is in the buffer, while it is not known yet whether it is taken.
enum FirstLook {
    /// The policy, where there is one, trusts it: its signatures need not be verified again.
    Accepted(Option<VerifiedLinks>),
    /// It can be read, but the policy does not trust it.
    Refused(ChainError),
    Unreadable(ChainError),
}

/// Reads and judges a chain. Only the chain that is taken keeps the buffer: that one is read once more, but its
/// signatures are verified once.
#[inline(never)]
fn look<'f>(
    portions: &Portions<'_>,
    policy: Option<&Policy<'_>>,
    env: &Env<'_, 'f>,
) -> Result<FirstLook, &'f Error> {
    Ok(match portions.look(env, policy)? {
        Err(error) => FirstLook::Unreadable(error),
        Ok(Judged { contents: None, .. }) => FirstLook::Accepted(None),
        Ok(Judged { contents: Some(mut contents), .. }) => {
            match contents.verify_signatures().into_trusted() {
                Ok(trusted) => FirstLook::Accepted(trusted.links()),
                Err(error) => FirstLook::Refused(error),
            }
        }
    })
}
