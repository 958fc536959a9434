//! The banks that the slots of a device are in (DSP0274 1.4 §SLOT_MANAGEMENT).

use core::fmt;

use spdm_codec::{
    BankAttributes, CertificateModel, KeyPairAsymAlgo, KeyUsage, PqcAsymAlgo, SlotId,
    SlotManagementSubCode, SlotMask, SlotSubCodes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};

use crate::provisioning::{Obstacle, TakesEffect};

/// The banks of a device: each has slots for keys of one algorithm. Lent by
/// [`Device::slot_banks`](crate::Device::slot_banks); chains are installed and erased, and certification requests made, by
/// [`Provisioning`](crate::Provisioning), with the algorithm of the bank.
pub trait SlotBanks {
    /// What the device takes. Banks and their details can always be asked for.
    fn sub_codes(&self) -> SlotSubCodes {
        type C = SlotManagementSubCode;
        let codes = [
            C::SUPPORTED_SUB_CODES,
            C::GET_BANK_INFO,
            C::GET_BANK_DETAILS,
            C::GET_CERTIFICATE_CHAIN,
            C::GET_CSR,
            C::MANAGE_BANK,
            C::MANAGE_SLOT,
            C::SET_CERTIFICATE,
        ];
        codes.into_iter().fold(SlotSubCodes::default(), SlotSubCodes::with)
    }

    /// How many banks there are, 240 at most; they count from 0.
    fn count(&self) -> u8;

    /// What a bank is like.
    fn bank(&self, bank: u8) -> Option<SlotBank>;

    /// What a slot of a bank is like, whether it has a chain or not.
    fn slot(&self, bank: u8, slot: SlotId) -> Option<BankSlot>;

    /// The certificate chain structure in a slot, with a root hash of this algorithm; `None` for an empty slot.
    fn chain(&mut self, bank: u8, slot: SlotId, hash: HashAlgorithm) -> Option<&[u8]>;

    /// Gives a bank, none of whose slots has a chain, another algorithm, which is available to it. Its slots lose
    /// what they were set to.
    ///
    /// # Errors
    /// [`Obstacle`]; nothing changes then.
    fn configure(&mut self, bank: u8, algorithm: &BankAlgorithms) -> Result<TakesEffect, Obstacle> {
        let _ = (bank, algorithm);
        Err(Obstacle::Failed)
    }
}

impl fmt::Debug for dyn SlotBanks + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotBanks").finish_non_exhaustive()
    }
}

/// Algorithms of keys, as KEY_PAIR_INFO names them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct BankAlgorithms {
    /// The classical ones.
    pub asym: KeyPairAsymAlgo,
    /// The post-quantum ones.
    pub pqc: PqcAsymAlgo,
}

impl BankAlgorithms {
    /// How many there are.
    pub(crate) const fn count(&self) -> u32 {
        self.asym.bits().count_ones().saturating_add(self.pqc.bits().count_ones())
    }

    /// Whether all of these are among those.
    pub(crate) const fn within(&self, others: &Self) -> bool {
        others.asym.contains(self.asym) && others.pqc.contains(self.pqc)
    }
}

/// What a bank is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct SlotBank {
    /// What its keys sign with.
    pub asym: AsymAlgorithm,
    /// Whether GET_DIGESTS tells of it on this connection, and whether its algorithm can be chosen.
    pub attributes: BankAttributes,
    /// The slots that it has.
    pub slots: SlotMask,
    /// Those of them that can be changed.
    pub modifiable: SlotMask,
    /// What its algorithm may be.
    pub capabilities: BankAlgorithms,
    /// What it is.
    pub current: BankAlgorithms,
    /// What it may be as other banks are now.
    pub available: BankAlgorithms,
}

/// What a slot of a bank is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct BankSlot {
    /// The key pair, 0 for none.
    pub key_pair_id: u8,
    /// The model of its chain.
    pub model: CertificateModel,
    /// What its key is for.
    pub usage: KeyUsage,
    /// Bytes that a chain may have.
    pub size: u32,
}
