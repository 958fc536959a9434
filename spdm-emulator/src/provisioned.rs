//! What a device was given since it was made: chains, key pairs, and what waits for a reset.

use spdm_codec::{CertificateModel, SlotId, SlotMask};
use spdm_responder::{CsrWanted, KeyPairChange, Suite};

use crate::config::DeviceConfig;
use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::key_kind::KeyKind;
use crate::key_pairs::KeyPairs;
use crate::key_ring::KeyRing;
use crate::state_file::StateFile;

/// What is in a slot in place of what the device was made with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SlotContent {
    pub(crate) kind: KeyKind,
    pub(crate) slot: SlotId,
    /// The pair, and DER certificates; `None` for an empty slot.
    pub(crate) chain: Option<(u8, Vec<Vec<u8>>)>,
}

/// A certification request that waits for a reset, or is ready.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeptCsr {
    pub(crate) tag: u8,
    pub(crate) suite: Suite,
    pub(crate) key_pair_id: u8,
    pub(crate) model: CertificateModel,
    pub(crate) requester_info: Vec<u8>,
    pub(crate) opaque: Vec<u8>,
    /// The reset was there.
    pub(crate) is_ready: bool,
}

impl KeptCsr {
    pub(crate) fn wanted(&self) -> CsrWanted<'_> {
        CsrWanted {
            suite: self.suite,
            key_pair_id: self.key_pair_id,
            model: self.model,
            requester_info: &self.requester_info,
            opaque: &self.opaque,
        }
    }
}

/// A change of a key pair that waits for a reset, or is ready for the request to come again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeptChange {
    pub(crate) id: u8,
    pub(crate) change: KeyPairChange,
    pub(crate) is_ready: bool,
}

/// What a device was given since it was made.
#[derive(Clone, Debug)]
pub(crate) struct Provisioned {
    pub(crate) pairs: KeyPairs,
    pub(crate) slots: Vec<SlotContent>,
    /// What is in slots after the next reset.
    pub(crate) pending: Vec<SlotContent>,
    pub(crate) csrs: Vec<KeptCsr>,
    /// Lost with the power.
    pub(crate) change: Option<KeptChange>,
}

impl Provisioned {
    /// Nothing, or what a folder has kept. To begin is a reset.
    pub(crate) fn new(
        config: &DeviceConfig,
        keys: &mut KeyRing,
        entropy: &Entropy,
        file: Option<&StateFile>,
    ) -> Result<Self, DeviceError> {
        let pairs = KeyPairs::new(config, keys);
        let nothing =
            Self { pairs, slots: Vec::new(), pending: Vec::new(), csrs: Vec::new(), change: None };
        let mut provisioned = match file {
            Some(file) => file.read(nothing, entropy)?,
            None => nothing,
        };
        let kept = core::mem::take(&mut provisioned.slots);
        kept.iter().for_each(|content| provisioned.apply(content, keys));
        provisioned.slots = kept;
        provisioned.reset(keys);
        if let Some(file) = file {
            file.write(&provisioned, entropy)?;
        }
        Ok(provisioned)
    }

    /// What a reset does: what waited for it takes effect.
    pub(crate) fn reset(&mut self, keys: &mut KeyRing) {
        for content in core::mem::take(&mut self.pending) {
            self.put(content, keys);
        }
        self.csrs.iter_mut().for_each(|csr| csr.is_ready = true);
        if let Some(change) = &mut self.change {
            change.is_ready = true;
        }
    }

    /// Puts something into a slot.
    pub(crate) fn put(&mut self, content: SlotContent, keys: &mut KeyRing) {
        self.apply(&content, keys);
        self.remember(content);
    }

    /// The last word about each slot is kept.
    fn remember(&mut self, content: SlotContent) {
        let place = (content.kind, content.slot);
        self.slots.retain(|other| (other.kind, other.slot) != place);
        self.slots.push(content);
    }

    fn apply(&mut self, content: &SlotContent, keys: &mut KeyRing) {
        let identity = content.chain.as_ref().and_then(|(id, certificates)| {
            self.pairs.associate(*id, content.slot);
            Some(self.pairs.identity(*id)?.with_certificates(certificates.clone()))
        });
        keys.put(content.kind, content.slot, identity.as_ref());
    }

    /// The slots that wait for a reset, whatever the algorithm.
    pub(crate) fn awaiting_reset(&self) -> SlotMask {
        SlotMask(self.pending.iter().fold(0, |mask, content| mask | 1 << content.slot.get()))
    }

    /// Slots whose pair is another one now, or has another key, lose their chains.
    pub(crate) fn clear_stale(&mut self, before: &KeyPairs, keys: &mut KeyRing) {
        let mut stale = Vec::new();
        for (id, pair) in before.numbered() {
            let now = self.pairs.get(id);
            for slot in pair.slots.slots() {
                let stays = now.is_some_and(|now| {
                    now.slots.contains(slot) && (now.kind, now.key) == (pair.kind, pair.key)
                });
                if !stays {
                    stale.push(SlotContent { kind: pair.kind, slot, chain: None });
                }
            }
        }
        stale.into_iter().for_each(|content| self.put(content, keys));
    }
}
