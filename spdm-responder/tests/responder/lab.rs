//! A device that is provisioned as a test says.

use spdm_codec::{
    CertificateModel, KeyPairAsymAlgo, KeyPairCapabilities, KeyUsage, PqcAsymAlgo, SlotId, SlotMask,
};
use spdm_responder::{
    ChainOffered, CsrWanted, Environment, KeyPair, KeyPairChange, Obstacle, PostponedCsr,
    Provisioning, Suite, TakesEffect,
};

use super::{ASYM, HASH};

const SUITE: Suite = Suite { asym: ASYM, hash: HASH };

/// What a laboratory does with the device of these tests.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) environment: Environment,
    pub(crate) pending: SlotMask,
    pub(crate) csrs: Vec<(u8, Kept, bool)>,
    pub(crate) installed: Vec<(u8, u8, Vec<u8>)>,
    pub(crate) pairs: Vec<KeyPair<'static>>,
    pub(crate) changes: Vec<(u8, KeyPairChange)>,
    pub(crate) answer: Result<TakesEffect, Obstacle>,
    /// The banks, each with the slots that have a chain.
    #[cfg(feature = "experimental")]
    pub(crate) banks: Vec<(spdm_responder::SlotBank, SlotMask)>,
    #[cfg(feature = "experimental")]
    pub(crate) sub_codes: spdm_codec::SlotSubCodes,
    #[cfg(feature = "experimental")]
    pub(crate) configured: Vec<(u8, spdm_responder::BankAlgorithms)>,
}

/// What is in every slot that has a chain.
#[cfg(feature = "experimental")]
pub(crate) const CHAIN: &[u8] = &[0xC4; 50];

#[cfg(feature = "experimental")]
impl spdm_responder::SlotBanks for Lab {
    fn sub_codes(&self) -> spdm_codec::SlotSubCodes {
        self.sub_codes
    }

    fn count(&self) -> u8 {
        u8::try_from(self.banks.len()).unwrap()
    }

    fn bank(&self, bank: u8) -> Option<spdm_responder::SlotBank> {
        self.banks.get(usize::from(bank)).map(|(bank, _)| *bank)
    }

    fn slot(&self, bank: u8, slot: SlotId) -> Option<spdm_responder::BankSlot> {
        Some(spdm_responder::BankSlot {
            key_pair_id: bank * 8 + slot.get(),
            model: CertificateModel::DeviceCert,
            usage: KeyUsage::CHALLENGE,
            size: 0x1000,
        })
    }

    fn chain(&mut self, bank: u8, slot: SlotId, _: spdm_crypto::HashAlgorithm) -> Option<&[u8]> {
        let (_, provisioned) = self.banks.get(usize::from(bank))?;
        provisioned.contains(slot).then_some(CHAIN)
    }

    fn configure(
        &mut self,
        bank: u8,
        algorithm: &spdm_responder::BankAlgorithms,
    ) -> Result<TakesEffect, Obstacle> {
        let effect = self.answer?;
        self.configured.push((bank, *algorithm));
        Ok(effect)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) pair: u8,
    model: CertificateModel,
    info: Vec<u8>,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            environment: Environment::Trusted,
            pending: SlotMask(0),
            csrs: Vec::new(),
            installed: Vec::new(),
            pairs: vec![PAIR, KeyPair { slots: SlotMask(2), ..PAIR }],
            changes: Vec::new(),
            answer: Ok(TakesEffect::Now),
            #[cfg(feature = "experimental")]
            banks: Vec::new(),
            #[cfg(feature = "experimental")]
            sub_codes: spdm_codec::SlotSubCodes::default(),
            #[cfg(feature = "experimental")]
            configured: Vec::new(),
        }
    }
}

pub(crate) const PAIR: KeyPair<'_> = KeyPair {
    capabilities: KeyPairCapabilities::from_bits_retain(0x3F),
    usage_capabilities: KeyUsage::from_bits_retain(7),
    usage: KeyUsage::KEY_EX,
    asym_capabilities: KeyPairAsymAlgo::ECC_256.union(KeyPairAsymAlgo::ECC_384),
    asym: KeyPairAsymAlgo::ECC_256,
    pqc_capabilities: PqcAsymAlgo::ML_DSA_44,
    pqc: PqcAsymAlgo::empty(),
    slots: SlotMask(1),
    public_key_info: &[0x30, 0],
};

impl Provisioning for Lab {
    fn environment(&self) -> Environment {
        self.environment
    }

    fn make_csr(&mut self, wanted: &CsrWanted<'_>, out: &mut [u8]) -> Result<usize, Obstacle> {
        out[..2].copy_from_slice(&[0x30, wanted.key_pair_id]);
        Ok(2)
    }

    fn postpone_csr(&mut self, wanted: &CsrWanted<'_>, tag: u8) -> Result<(), Obstacle> {
        let (pair, model) = (wanted.key_pair_id, wanted.model);
        let kept = Kept { pair, model, info: wanted.requester_info.to_vec() };
        self.csrs.push((tag, kept, false));
        Ok(())
    }

    fn postponed_csr(&self, tag: u8) -> PostponedCsr<'_> {
        let found = self.csrs.iter().find(|(other, ..)| *other == tag);
        let Some((_, kept, is_ready)) = found else { return PostponedCsr::None };
        let wanted = CsrWanted {
            suite: SUITE,
            key_pair_id: kept.pair,
            model: kept.model,
            requester_info: &kept.info,
            opaque: &[],
        };
        if *is_ready { PostponedCsr::Ready(wanted) } else { PostponedCsr::AwaitsReset(wanted) }
    }

    fn take_csr(&mut self, tag: u8, out: &mut [u8]) -> Result<usize, Obstacle> {
        self.csrs.retain(|(other, ..)| *other != tag);
        out[..2].copy_from_slice(&[0x30, 0x80 | tag]);
        Ok(2)
    }

    fn discard_csrs(&mut self) -> Result<(), Obstacle> {
        self.csrs.clear();
        Ok(())
    }

    fn install(&mut self, chain: &ChainOffered<'_>) -> Result<TakesEffect, Obstacle> {
        let effect = self.answer?;
        let given = (chain.slot.get(), chain.key_pair_id, chain.certificates.to_vec());
        self.installed.push(given);
        Ok(effect)
    }

    fn erase(&mut self, slot: SlotId, _: &Suite) -> Result<TakesEffect, Obstacle> {
        let effect = self.answer?;
        self.installed.push((slot.get(), 0, Vec::new()));
        Ok(effect)
    }

    fn awaiting_reset(&self) -> SlotMask {
        self.pending
    }

    fn total_key_pairs(&self) -> u8 {
        u8::try_from(self.pairs.len()).unwrap()
    }

    fn key_pair(&self, id: u8) -> Option<KeyPair<'_>> {
        self.pairs.get(usize::from(id).checked_sub(1)?).copied()
    }

    fn change_key_pair(&mut self, id: u8, change: &KeyPairChange) -> Result<TakesEffect, Obstacle> {
        let effect = self.answer?;
        self.changes.push((id, *change));
        Ok(effect)
    }
}
