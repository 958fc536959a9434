//! The banks of the emulated device: one for each kind of key that it was made with.

use spdm_codec::{
    BankAttributes, CapabilityFlags, SlotId, SlotManagementSubCode, SlotMask, SlotSubCodes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_responder::{BankAlgorithms, BankSlot, SlotBank, SlotBanks};

use crate::key_kind::KeyKind;
use crate::own_device::OwnDevice;

/// What a chain may have at most, in bytes.
const SLOT_SIZE: u32 = 0x1_0000;
const ALL_SLOTS: SlotMask = SlotMask(0xFF);

impl OwnDevice<'_> {
    /// The kind of a bank, and what signs on this connection with a key of it: the two schemes of RSA are one kind.
    fn kind_of_bank(&self, bank: u8) -> Option<(KeyKind, AsymAlgorithm)> {
        let (kind, preferred) = *self.provisioned.pairs.kinds().get(usize::from(bank))?;
        let selected = self.chains.suite().map(|suite| suite.asym);
        let selected = selected.filter(|asym| KeyKind::of(*asym) == kind);
        Some((kind, selected.unwrap_or(preferred)))
    }
}

/// Banks are as many as kinds of keys: the algorithm of a bank is the only one that is available to it.
impl SlotBanks for OwnDevice<'_> {
    fn sub_codes(&self) -> SlotSubCodes {
        type C = SlotManagementSubCode;
        let flags = self.config.flags();
        let reads = [
            C::SUPPORTED_SUB_CODES,
            C::GET_BANK_INFO,
            C::GET_BANK_DETAILS,
            C::GET_CERTIFICATE_CHAIN,
            C::MANAGE_BANK,
        ];
        let csr = flags.contains(CapabilityFlags::CSR_CAP).then_some(C::GET_CSR);
        let writes = [C::MANAGE_SLOT, C::SET_CERTIFICATE]
            .into_iter()
            .filter(|_| flags.contains(CapabilityFlags::SET_CERT_CAP));
        let codes = reads.into_iter().chain(csr).chain(writes);
        codes.fold(SlotSubCodes::default(), SlotSubCodes::with)
    }

    fn count(&self) -> u8 {
        u8::try_from(self.provisioned.pairs.kinds().len()).unwrap_or(u8::MAX)
    }

    fn bank(&self, bank: u8) -> Option<SlotBank> {
        let (kind, asym) = self.kind_of_bank(bank)?;
        let is_selected = self.chains.suite().is_some_and(|suite| KeyKind::of(suite.asym) == kind);
        let attributes =
            if is_selected { BankAttributes::SELECTED } else { BankAttributes::empty() };
        let only = BankAlgorithms { asym: kind.asym, pqc: kind.pqc };
        let sets = self.config.flags().contains(CapabilityFlags::SET_CERT_CAP);
        let provisioned = self.keys.slots(asym).iter();
        let provisioned = provisioned.fold(0, |mask, (slot, _)| mask | 1 << slot.get());
        Some(SlotBank {
            asym,
            attributes,
            slots: if sets { ALL_SLOTS } else { SlotMask(provisioned) },
            modifiable: if sets { ALL_SLOTS } else { SlotMask(0) },
            capabilities: only,
            current: only,
            available: only,
        })
    }

    fn slot(&self, bank: u8, slot: SlotId) -> Option<BankSlot> {
        let (kind, _) = self.kind_of_bank(bank)?;
        let key = self.key_of(Some(kind), slot);
        let (key_pair_id, model, usage) = (key.key_pair_id, key.model, key.usage);
        Some(BankSlot { key_pair_id, model, usage, size: SLOT_SIZE })
    }

    fn chain(&mut self, bank: u8, slot: SlotId, hash: HashAlgorithm) -> Option<&[u8]> {
        let (_, asym) = self.kind_of_bank(bank)?;
        let identity = self.keys.slot(asym, slot)?;
        self.shown = identity.chain(hash, self.version);
        Some(&self.shown)
    }
}
