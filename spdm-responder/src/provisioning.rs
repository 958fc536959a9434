//! What is the same in all messages that provision a device (DSP0274 §GET_CSR, §SET_CERTIFICATE, §SET_KEY_PAIR_INFO).

use core::fmt;

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, ErrorCode, KeyPairAsymAlgo, KeyPairCapabilities,
    KeyUsage, PqcAsymAlgo, SlotId, SlotMask, SpdmVersion,
};

use crate::agreement::{Agreement, Suite};
use crate::mutual;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::turn::Turn;

/// What a device can be given, and is asked for: its certification requests, slots and key pairs. Lent by
/// [`Device::provisioning`](crate::Device::provisioning); which of it there is stands in the capabilities.
///
/// Whoever implements it keeps what has to survive a reset, and writes it so that a loss of power leaves the old or the
/// new state, never a half.
pub trait Provisioning {
    /// Who is around. It decides who may change what: see [`Environment`].
    fn environment(&self) -> Environment;

    /// Writes a certification request (PKCS #10) for the key of `wanted` into `out`: its length in bytes. Subject and
    /// attributes of [`CsrWanted::requester_info`], which is well formed DER, are wishes.
    ///
    /// # Errors
    /// [`Obstacle`].
    fn make_csr(&mut self, wanted: &CsrWanted<'_>, out: &mut [u8]) -> Result<usize, Obstacle>;

    /// With CERT_INSTALL_RESET_CAP: keeps `wanted` under this tag, 1 to 7, which is free; the next reset makes the request.
    ///
    /// # Errors
    /// [`Obstacle`].
    fn postpone_csr(&mut self, wanted: &CsrWanted<'_>, tag: u8) -> Result<(), Obstacle> {
        let _ = (wanted, tag);
        Err(Obstacle::Failed)
    }

    /// What is kept under a tag.
    fn postponed_csr(&self, tag: u8) -> PostponedCsr<'_> {
        let _ = tag;
        PostponedCsr::None
    }

    /// Writes the request under this tag, which a reset has made, into `out`, and frees the tag: its length in bytes.
    ///
    /// # Errors
    /// [`Obstacle`]; the tag stays taken then.
    fn take_csr(&mut self, tag: u8, out: &mut [u8]) -> Result<usize, Obstacle> {
        let _ = (tag, out);
        Err(Obstacle::Failed)
    }

    /// Frees every tag.
    ///
    /// # Errors
    /// [`Obstacle`].
    fn discard_csrs(&mut self) -> Result<(), Obstacle> {
        Ok(())
    }

    /// Puts a chain into a slot. Its header and RootHash are right; everything about the certificates is for the device to
    /// check: that they verify up to the first one, that the last one is for the key of the slot or of the key pair and of
    /// the negotiated algorithm, and the profile of the model.
    ///
    /// # Errors
    /// [`Obstacle`]; the chain that was there stays.
    fn install(&mut self, chain: &ChainOffered<'_>) -> Result<TakesEffect, Obstacle>;

    /// Removes the chain of a slot (1.3).
    ///
    /// # Errors
    /// [`Obstacle`]; the chain that was there stays.
    fn erase(&mut self, slot: SlotId, suite: &Suite) -> Result<TakesEffect, Obstacle>;

    /// The slots whose new chain, or whose removal, waits for a reset.
    fn awaiting_reset(&self) -> SlotMask {
        SlotMask(0)
    }

    /// How many key pairs there are; they count from 1.
    fn total_key_pairs(&self) -> u8 {
        0
    }

    /// What a key pair is like.
    fn key_pair(&self, id: u8) -> Option<KeyPair<'_>> {
        let _ = id;
        None
    }

    /// Changes a key pair, which by [`Self::key_pair`] can be changed so. Slots that are no longer associated lose their
    /// chains. With SET_KEY_PAIR_RESET_CAP (1.4) it may take a reset, behind which the same request is repeated: it is done
    /// only where it is the same in everything.
    ///
    /// # Errors
    /// [`Obstacle`]; nothing changes then.
    fn change_key_pair(&mut self, id: u8, change: &KeyPairChange) -> Result<TakesEffect, Obstacle> {
        let _ = (id, change);
        Err(Obstacle::Failed)
    }
}

impl fmt::Debug for dyn Provisioning + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisioning").finish_non_exhaustive()
    }
}

/// Who is around a device, and so who may change it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a third kind must break decisions")]
pub enum Environment {
    /// A factory or a laboratory: everybody who reaches the device may change every slot and key pair.
    Trusted,
    /// Anywhere else: slots 1 to 7 may be changed in an established session, key pairs in one whose Requester has proven who
    /// it is (the feature `mutual-auth`), slot 0 by nobody.
    Untrusted,
}

/// A certification request that is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices keep it, and build it again")]
pub struct CsrWanted<'a> {
    /// What signs it, and how.
    pub suite: Suite,
    /// The key pair on a multi-key connection (1.3), else 0.
    pub key_pair_id: u8,
    /// The model on a multi-key connection, else that of the device's capabilities.
    pub model: CertificateModel,
    /// A DER CertificationRequestInfo, or nothing.
    pub requester_info: &'a [u8],
    /// OpaqueData.
    pub opaque: &'a [u8],
}

/// What is kept under a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum PostponedCsr<'a> {
    /// The tag is free.
    None,
    /// It waits for the reset.
    AwaitsReset(CsrWanted<'a>),
    /// The reset was there: it can be taken.
    Ready(CsrWanted<'a>),
}

/// A chain that a Requester wants in a slot.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChainOffered<'a> {
    /// The slot.
    pub slot: SlotId,
    /// The key pair on a multi-key connection (1.3), else 0.
    pub key_pair_id: u8,
    /// The model on a multi-key connection, else that of the device's capabilities.
    pub model: CertificateModel,
    /// The negotiated algorithms: that of the leaf's key, and that of RootHash.
    pub suite: Suite,
    /// DER certificates, back to back, the root's side first. In the alias model they end with the device certificate CA.
    pub certificates: &'a [u8],
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
pub enum TakesEffect {
    /// Before the Requester is answered.
    Now,
    /// With the next reset: the Requester is told that one is required.
    AfterReset,
}

/// Why a device cannot do what it is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Obstacle {
    /// Another Requester is at it, or the storage cannot be written now.
    Busy,
    /// What it was given is wrong: InvalidRequest.
    Invalid,
    /// The certificates are wrong: Unspecified, as others answer.
    BadChain,
    /// It failed.
    Failed,
}

impl From<Obstacle> for Refusal {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Busy => Self::new(ErrorCode::BUSY),
            Obstacle::Invalid => Self::invalid(),
            Obstacle::BadChain => Self::unspecified(),
            Obstacle::Failed => Self::new(ErrorCode::OPERATION_FAILED),
        }
    }
}

/// What a key pair is like: KEY_PAIR_INFO without its numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct KeyPair<'a> {
    /// `Capabilities`; none without SET_KEY_PAIR_INFO_CAP.
    pub capabilities: KeyPairCapabilities,
    /// `KeyUsageCapabilities`.
    pub usage_capabilities: KeyUsage,
    /// `CurrentKeyUsage`.
    pub usage: KeyUsage,
    /// `AsymAlgoCapabilities`.
    pub asym_capabilities: KeyPairAsymAlgo,
    /// `CurrentAsymAlgo`.
    pub asym: KeyPairAsymAlgo,
    /// `PqcAsymAlgoCapabilities` (1.4).
    pub pqc_capabilities: PqcAsymAlgo,
    /// `CurrentPqcAsymAlgo` (1.4).
    pub pqc: PqcAsymAlgo,
    /// `AssocCertSlotMask`.
    pub slots: SlotMask,
    /// `PublicKeyInfo`: the DER AlgorithmIdentifier of the key; nothing where there is none.
    pub public_key_info: &'a [u8],
}

/// What a key pair is to be. Usage and algorithm are left as they are where nothing is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these three")]
pub enum KeyPairChange {
    /// Other parameters.
    Parameters(KeyPairWanted),
    /// The key is erased.
    Erase,
    /// A new key.
    Generate(KeyPairWanted),
}

/// The parameters of a [`KeyPairChange`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields")]
pub struct KeyPairWanted {
    /// `DesiredKeyUsage`.
    pub usage: KeyUsage,
    /// `DesiredAsymAlgo`.
    pub asym: KeyPairAsymAlgo,
    /// `DesiredPqcAsymAlgo` (1.4).
    pub pqc: PqcAsymAlgo,
    /// `DesiredAssocCertSlotMask`.
    pub slots: SlotMask,
}

/// What is tested before the fields of a request: its fixed size, the session that it came in, the capability.
pub(crate) fn admit(turn: &mut Turn<'_>, agreement: &Agreement, code: Code) -> Result<(), Refusal> {
    let (since, flag, least) = match code {
        Code::GET_CSR => (SpdmVersion::V1_2, CapabilityFlags::CSR_CAP, 8),
        Code::SET_CERTIFICATE => (SpdmVersion::V1_2, CapabilityFlags::SET_CERT_CAP, 4),
        Code::GET_KEY_PAIR_INFO => (SpdmVersion::V1_3, CapabilityFlags::GET_KEY_PAIR_INFO_CAP, 5),
        _ => (SpdmVersion::V1_3, CapabilityFlags::SET_KEY_PAIR_INFO_CAP, 5),
    };
    if agreement.peer.version < since {
        return Err(Refusal::unsupported(code));
    }
    if turn.request.len() < least {
        return Err(Refusal::invalid());
    }
    if let Scope::Session(index) = turn.scope
        && !turn.is_established(index)
    {
        return Err(Refusal::unexpected());
    }
    let has = agreement.peer.flags.contains(flag) && turn.device.provisioning().is_some();
    if has { Ok(()) } else { Err(Refusal::unsupported(code)) }
}

/// What changes a device asks where it is.
pub(crate) enum Change {
    Slot(SlotId),
    KeyPair,
    /// The algorithm of a bank, and so all of its slots.
    #[cfg(feature = "experimental")]
    Bank,
}

/// Whether this change may be made where the request came (DSP0274 §SET_CERTIFICATE).
pub(crate) fn permit(turn: &mut Turn<'_>, change: &Change) -> Result<(), Refusal> {
    let permitted = match (provisioning(turn)?.environment(), turn.scope, change) {
        (Environment::Trusted, _, _) => true,
        (Environment::Untrusted, Scope::Plain, _) => false,
        (Environment::Untrusted, Scope::Session(_), Change::Slot(slot)) => *slot != SlotId::ZERO,
        (Environment::Untrusted, Scope::Session(index), Change::KeyPair) => {
            mutual::has_proven(turn, index)
        }
        // It has slot 0, too.
        #[cfg(feature = "experimental")]
        (Environment::Untrusted, Scope::Session(_), Change::Bank) => false,
    };
    if permitted { Ok(()) } else { Err(Refusal::unexpected()) }
}

/// [`admit`] found it there.
pub(crate) fn provisioning<'t>(
    turn: &'t mut Turn<'_>,
) -> Result<&'t mut dyn Provisioning, Refusal> {
    turn.device.provisioning().ok_or_else(Refusal::unspecified)
}

/// A slot that waits for a reset has no chain meanwhile, and DIGESTS has no truth to tell (DSP0274 1.3 §ERROR,
/// ResetRequired). `None` asks for any slot.
pub(crate) fn check_reset(turn: &mut Turn<'_>, slot: Option<SlotId>) -> Result<(), Refusal> {
    let awaiting = turn.device.provisioning().map_or(SlotMask(0), |device| device.awaiting_reset());
    let awaits = slot.map_or(awaiting.0 != 0, |slot| awaiting.contains(slot));
    if awaits { Err(Refusal::new(ErrorCode::RESET_REQUIRED)) } else { Ok(()) }
}

/// The model where no field says it: before 1.3, and on connections with one key.
pub(crate) fn implied_model(agreement: &Agreement) -> CertificateModel {
    match agreement.peer.flags.contains(CapabilityFlags::ALIAS_CERT_CAP) {
        true => CertificateModel::AliasCert,
        false => CertificateModel::DeviceCert,
    }
}
