//! The key pairs of a device: one for each kind of key and slot at first.

use der::{Decode as _, Encode as _};
use spdm_codec::{CapabilityFlags, KeyPairCapabilities, KeyUsage, SlotId, SlotMask};
use spdm_crypto::AsymAlgorithm;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_responder::{KeyPair, KeyPairChange, KeyPairWanted};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::config::DeviceConfig;
use crate::device_identity::DeviceIdentity;
use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::key_kind::KeyKind;
use crate::key_ring::KeyRing;

/// A key pair.
#[derive(Clone, Debug)]
pub(crate) struct OwnPair {
    pub(crate) kind: KeyKind,
    pub(crate) usage: KeyUsage,
    pub(crate) slots: SlotMask,
    pub(crate) key: PairKey,
    identity: Option<DeviceIdentity>,
    /// The DER AlgorithmIdentifier of the key.
    public_key_info: Vec<u8>,
}

/// Which key a pair has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PairKey {
    /// The one that the device was made with.
    First,
    /// None, after so many were generated for it.
    Erased(u32),
    /// The nth that was generated for it.
    Generated(u32),
}

/// The key pairs of a device, in the order of their numbers, which count from 1.
#[derive(Clone, Debug)]
pub(crate) struct KeyPairs {
    pairs: Vec<OwnPair>,
    kinds: Vec<(KeyKind, AsymAlgorithm)>,
    usages: KeyUsage,
}

impl KeyPairs {
    pub(crate) fn new(config: &DeviceConfig, keys: &KeyRing) -> Self {
        let mut usages = KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT;
        if config.flags().contains(CapabilityFlags::KEY_EX_CAP) {
            usages |= KeyUsage::KEY_EX;
        }
        if config.flags().contains(CapabilityFlags::EP_INFO_CAP_SIG) {
            usages |= KeyUsage::ENDPOINT_INFO;
        }
        let (mut pairs, mut kinds): (Vec<OwnPair>, Vec<(KeyKind, AsymAlgorithm)>) =
            (Vec::new(), Vec::new());
        for asym in keys.asyms() {
            let kind = KeyKind::of(asym);
            if kinds.iter().any(|(other, _)| *other == kind) {
                continue;
            }
            kinds.push((kind, asym));
            pairs.extend(keys.slots(asym).iter().map(|(slot, identity)| OwnPair {
                kind,
                usage: usages,
                slots: SlotMask(1 << slot.get()),
                key: PairKey::First,
                public_key_info: algorithm_of(identity),
                identity: Some(identity.clone()),
            }));
        }
        Self { pairs, kinds, usages }
    }

    pub(crate) fn total(&self) -> u8 {
        u8::try_from(self.pairs.len()).unwrap_or(u8::MAX)
    }

    /// The kinds of keys that there are, each with the algorithm that is preferred of it.
    pub(crate) fn kinds(&self) -> &[(KeyKind, AsymAlgorithm)] {
        &self.kinds
    }

    /// The pairs with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u8, &OwnPair)> {
        (1..=self.total()).zip(&self.pairs)
    }

    pub(crate) fn get(&self, id: u8) -> Option<&OwnPair> {
        self.pairs.get(usize::from(id).checked_sub(1)?)
    }

    fn get_mut(&mut self, id: u8) -> Option<&mut OwnPair> {
        self.pairs.get_mut(usize::from(id).checked_sub(1)?)
    }

    /// The key of a pair.
    pub(crate) fn identity(&self, id: u8) -> Option<&DeviceIdentity> {
        self.get(id)?.identity.as_ref()
    }

    /// The pair of this kind that a slot uses.
    pub(crate) fn of_slot(&self, kind: KeyKind, slot: SlotId) -> Option<u8> {
        let mut found = self.numbered().filter(|(_, pair)| pair.kind == kind);
        found.find(|(_, pair)| pair.slots.contains(slot)).map(|(id, _)| id)
    }

    /// The pair whose key a connection with one key uses.
    pub(crate) fn only(&self, kind: KeyKind) -> Option<u8> {
        let mut found = self.numbered().filter(|(_, pair)| pair.kind == kind);
        found.find(|(_, pair)| pair.identity.is_some()).map(|(id, _)| id)
    }

    /// A slot belongs to this pair from now on.
    pub(crate) fn associate(&mut self, id: u8, slot: SlotId) {
        if let Some(pair) = self.get_mut(id) {
            pair.slots.0 |= 1 << slot.get();
        }
    }

    /// What KEY_PAIR_INFO says.
    pub(crate) fn described(&self, id: u8) -> Option<KeyPair<'_>> {
        type C = KeyPairCapabilities;
        let pair = self.get(id)?;
        let kinds = || self.kinds.iter().map(|(kind, _)| *kind);
        Some(KeyPair {
            capabilities: C::GEN_KEY
                | C::ERASABLE
                | C::CERT_ASSOC
                | C::KEY_USAGE
                | C::ASYM_ALGO
                | C::SHAREABLE,
            usage_capabilities: self.usages,
            usage: pair.usage,
            asym_capabilities: kinds().map(|kind| kind.asym).collect(),
            asym: pair.kind.asym,
            pqc_capabilities: kinds().map(|kind| kind.pqc).collect(),
            pqc: pair.kind.pqc,
            slots: pair.slots,
            public_key_info: &pair.public_key_info,
        })
    }

    /// Changes a pair, which by [`Self::described`] can be changed so.
    pub(crate) fn change(
        &mut self,
        id: u8,
        change: &KeyPairChange,
        entropy: &Entropy,
    ) -> Result<(), DeviceError> {
        let Some(pair) = self.get(id) else { return Ok(()) };
        let (kind, before) = (pair.kind, pair.key);
        let (wanted, key) = match change {
            KeyPairChange::Erase => {
                return self.set(id, &KeyPairWanted::default(), kind, before.erased(), entropy);
            }
            KeyPairChange::Parameters(wanted) => (wanted, before),
            KeyPairChange::Generate(wanted) => (wanted, PairKey::Generated(before.next())),
        };
        let chosen = KeyKind { asym: wanted.asym, pqc: wanted.pqc };
        let kind = if chosen.is_none() { kind } else { chosen };
        self.set(id, wanted, kind, key, entropy)
    }

    /// Puts a pair into a state.
    pub(crate) fn set(
        &mut self,
        id: u8,
        wanted: &KeyPairWanted,
        kind: KeyKind,
        key: PairKey,
        entropy: &Entropy,
    ) -> Result<(), DeviceError> {
        let asym = self.kinds.iter().find(|(other, _)| *other == kind).map(|(_, asym)| *asym);
        let generated = match (key, asym) {
            (PairKey::Generated(nth), Some(asym)) => {
                let name = format!("{} key pair {id}, number {nth}", asym.name());
                let key = SoftwareKey::from_seed(asym, entropy.key_seed(&name))?;
                Some(DeviceIdentity::made(key, Vec::new()))
            }
            _ => None,
        };
        let Some(pair) = self.get_mut(id) else { return Ok(()) };
        pair.kind = kind;
        pair.slots = wanted.slots;
        pair.usage = if wanted.usage.is_empty() { pair.usage } else { wanted.usage };
        match key {
            PairKey::First => {}
            PairKey::Erased(_) => pair.identity = None,
            PairKey::Generated(_) => pair.identity = generated,
        }
        pair.key = key;
        pair.public_key_info = pair.identity.as_ref().map(algorithm_of).unwrap_or_default();
        Ok(())
    }
}

impl PairKey {
    /// How many keys were generated.
    const fn count(self) -> u32 {
        match self {
            Self::First => 0,
            Self::Generated(nth) | Self::Erased(nth) => nth,
        }
    }

    /// The number of the next one: an erased key never comes back.
    const fn next(self) -> u32 {
        self.count().saturating_add(1)
    }

    const fn erased(self) -> Self {
        Self::Erased(self.count())
    }
}

fn algorithm_of(identity: &DeviceIdentity) -> Vec<u8> {
    let spki = identity.spki_der();
    let info = SubjectPublicKeyInfoRef::from_der(&spki);
    info.and_then(|info| info.algorithm.to_der()).unwrap_or_default()
}
