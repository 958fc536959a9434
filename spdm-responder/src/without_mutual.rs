//! A device that asks its Requester nothing: in place of `mutual` without the feature `mutual-auth`.

use spdm_codec::{BasicMutAuth, Code, Finish, KeySlot, MutAuthRequested, SlotId};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::agreement::{Agreement, Selection};
use crate::refusal::Refusal;
use crate::turn::Turn;

/// Nothing is known of a Requester.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requester {}

/// What KEY_EXCHANGE_RSP asks for.
pub(crate) struct SessionDemand;

impl SessionDemand {
    pub(crate) const fn requested(&self) -> MutAuthRequested {
        MutAuthRequested::No
    }

    pub(crate) const fn slot(&self) -> KeySlot {
        KeySlot::Slot(SlotId::ZERO)
    }

    pub(crate) const fn enter(&self, _: &mut Turn<'_>, _: usize) -> Result<Requester, Refusal> {
        Ok(Requester {})
    }
}

pub(crate) const fn in_session(_: &mut Turn<'_>, _: &Agreement) -> Result<SessionDemand, Refusal> {
    Ok(SessionDemand)
}

pub(crate) const fn with_challenge(
    _: &mut Turn<'_>,
    _: &Agreement,
) -> Result<BasicMutAuth, Refusal> {
    Ok(BasicMutAuth::NotRequested)
}

pub(crate) const fn challenge_answered(
    _: &mut Turn<'_>,
    _: &mut Agreement,
    _: BasicMutAuth,
) -> Result<(), Refusal> {
    Ok(())
}

pub(crate) const fn check_in_flight(_: &Turn<'_>, _: &Requester, _: Code) -> Result<(), Refusal> {
    Ok(())
}

/// FINISH has no signature where mutual authentication was not asked for.
pub(crate) fn check_finish(_: &mut Turn<'_>, _: usize, finish: &Finish<'_>) -> Result<(), Refusal> {
    if finish.signature.is_some() { Err(Refusal::invalid()) } else { Ok(()) }
}

pub(crate) const fn verify_finish(
    _: &mut Turn<'_>,
    _: &Agreement,
    _: usize,
    _: &[u8],
    _: &Finish<'_>,
) -> Result<(), Refusal> {
    Ok(())
}

#[cfg(feature = "provisioning")]
pub(crate) const fn has_proven(_: &Turn<'_>, _: usize) -> bool {
    false
}

pub(crate) const fn finished(_: &mut Turn<'_>, _: usize) {}

pub(crate) const fn can_verify(_: &Turn<'_>, _: AsymAlgorithm, _: HashAlgorithm) -> bool {
    false
}

pub(crate) const fn signature_len(_: &Selection) -> usize {
    0
}
