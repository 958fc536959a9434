//! The certificate chains of a device as its connection sees them.

use spdm_codec::{SlotId, SpdmVersion};
use spdm_responder::Suite;

use crate::config::{DeviceConfig, KeyProvisioning};
use crate::key_ring::KeyRing;
use crate::misbehaviour::misbehave_chain;

/// The chain structures of the algorithms that were selected, with the faults that concern them: every message has to
/// speak of the same chain.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    of: Option<(Suite, SpdmVersion)>,
    slots: Vec<(SlotId, Vec<u8>)>,
    public_key: Option<Vec<u8>>,
}

impl Chains {
    /// Makes the chains, where others were selected before.
    pub(crate) fn prepare(
        &mut self,
        config: &DeviceConfig,
        keys: &KeyRing,
        suite: Option<Suite>,
        version: SpdmVersion,
    ) {
        let of = suite.map(|suite| (suite, version));
        if self.of == of {
            return;
        }
        *self = Self { of, ..Self::default() };
        let Some(Suite { asym, hash }) = suite else { return };
        match config.provisioning {
            KeyProvisioning::PublicKey => {
                self.public_key = keys.first(asym).map(|identity| identity.spki_der());
            }
            KeyProvisioning::Certificates => {
                for (slot, identity) in keys.slots(asym) {
                    let mut chain = identity.chain(hash, version);
                    for fault in &config.faults {
                        misbehave_chain(*fault, identity, hash.digest_len(), &mut chain);
                    }
                    self.slots.push((*slot, chain));
                }
            }
        }
    }

    /// The faults are others now.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The algorithms that were selected.
    pub(crate) fn suite(&self) -> Option<Suite> {
        self.of.map(|(suite, _)| suite)
    }

    pub(crate) fn get(&self, slot: SlotId) -> Option<&[u8]> {
        self.slots.iter().find(|(other, _)| *other == slot).map(|(_, chain)| chain.as_slice())
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = SlotId> {
        self.slots.iter().map(|(slot, _)| *slot)
    }

    /// The key that is provisioned in place of chains.
    pub(crate) fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }
}
