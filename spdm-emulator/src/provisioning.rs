//! How the emulated device is provisioned.

use der::{Decode as _, Header, Reader as _, SliceReader};
use spdm_codec::{CapabilityFlags, CertificateModel, SlotId, SlotMask};
use spdm_responder::{
    ChainOffered, CsrWanted, Environment, KeyPair, KeyPairChange, Obstacle, PostponedCsr,
    Provisioning, Suite, TakesEffect,
};
use x509_cert::name::Name;

use crate::device_identity::DeviceIdentity;
use crate::error::{DeviceError, StateError};
use crate::installed_chain::{self, CheckedChain};
use crate::key_kind::KeyKind;
use crate::keys::{KeyRole, key_name};
use crate::mint::{Issuer, Names, Role, Template, Valid, certification_request, name};
use crate::own_device::OwnDevice;
use crate::provisioned::{KeptChange, KeptCsr, Provisioned, SlotContent};

/// The longest chain, so that every version can say how long it is.
const MOST_CERTIFICATES: usize = 0xFF00;

impl OwnDevice<'_> {
    /// Makes a change, once it is written where the device keeps it; otherwise nothing changes.
    fn commit(&mut self, change: impl FnOnce(&mut Provisioned)) -> Result<(), Obstacle> {
        let mut next = self.provisioned.clone();
        change(&mut next);
        if let Some(file) = self.state {
            file.write(&next, self.entropy).map_err(|error| match error {
                StateError::Changed => Obstacle::Busy,
                _ => Obstacle::Failed,
            })?;
        }
        *self.provisioned = next;
        Ok(())
    }

    /// What is put into a slot, now or with the next reset.
    fn place(&mut self, content: SlotContent) -> Result<TakesEffect, Obstacle> {
        if self.config.flags().contains(CapabilityFlags::CERT_INSTALL_RESET_CAP) {
            self.commit(|next| {
                let place = (content.kind, content.slot);
                next.pending.retain(|other| (other.kind, other.slot) != place);
                next.pending.push(content);
            })?;
            return Ok(TakesEffect::AfterReset);
        }
        let mut keys = self.keys.clone();
        self.commit(|next| next.put(content, &mut keys))?;
        *self.keys = keys;
        *self.changed = true;
        Ok(TakesEffect::Now)
    }

    /// The pair that a chain may be for: the one that was named, or on a connection with one key that of the slot or that of
    /// the device.
    fn pair_of(&self, offered: &ChainOffered<'_>, key_info: &[u8]) -> Option<u8> {
        let kind = KeyKind::of(offered.suite.asym);
        let pairs = &self.provisioned.pairs;
        let has_key = |id: &u8| pairs.identity(*id).is_some_and(|key| key.spki_der() == key_info);
        let of_slot = pairs.of_slot(kind, offered.slot);
        match offered.key_pair_id {
            0 => of_slot.into_iter().chain(pairs.only(kind)).find(has_key),
            // The slot is its own already, or nobody's.
            id => Some(id).filter(|id| {
                let is_kind = pairs.get(*id).is_some_and(|pair| pair.kind == kind);
                is_kind && of_slot.is_none_or(|other| other == *id) && has_key(id)
            }),
        }
    }

    fn names(&self) -> Names<'_> {
        Names { dmtf: self.config.dmtf_name.as_ref(), pci: self.config.pci_identity.as_ref() }
    }

    /// The key of the device certificate CA, which asks for certificates in the alias model.
    fn device_ca(&self, suite: &Suite) -> Result<DeviceIdentity, DeviceError> {
        let key = self.entropy.key(suite.asym, KeyRole::DeviceCa)?;
        Ok(DeviceIdentity::made(key, Vec::new()))
    }

    /// The certificates of an alias chain: what came, and the device's own behind it.
    fn with_alias(
        &self,
        offered: &ChainOffered<'_>,
        checked: CheckedChain,
    ) -> Result<(u8, Vec<Vec<u8>>), Obstacle> {
        let kind = KeyKind::of(offered.suite.asym);
        let pairs = &self.provisioned.pairs;
        let id = match offered.key_pair_id {
            0 => pairs.of_slot(kind, offered.slot).or_else(|| pairs.only(kind)),
            id => Some(id),
        };
        let leaf = id.and_then(|id| Some((id, pairs.identity(id)?.spki_der())));
        let (id, key_info) = leaf.ok_or(Obstacle::Failed)?;
        let signer = self.entropy.key(offered.suite.asym, KeyRole::DeviceCa);
        let signer = signer.map_err(|_| Obstacle::Failed)?;
        if signer.to_spki_der() != checked.key_info {
            return Err(Obstacle::BadChain);
        }
        let subject = key_name(offered.suite.asym, KeyRole::Device(offered.slot));
        let names = self.names();
        let alias = Template {
            subject: &subject,
            key_info: &key_info,
            issuer: Issuer::Named(&checked.subject),
            signer: &signer,
            serial: &self.entropy.serial_number(&subject),
            valid: Valid { not_before: self.config.not_before, not_after: self.config.not_after },
            role: Role::Alias(&names),
        };
        let alias = alias.sign().map_err(|_| Obstacle::Failed)?;
        let mut certificates = checked.certificates;
        certificates.push(alias);
        Ok((id, certificates))
    }
}

/// Subject of a CertificationRequestInfo; `None` where it is empty.
fn wanted_subject(info: &[u8]) -> der::Result<Option<Name>> {
    if info.is_empty() {
        return Ok(None);
    }
    let mut reader = SliceReader::new(info)?;
    Header::decode(&mut reader)?;
    let _version: u8 = reader.decode()?;
    let subject: Name = reader.decode()?;
    Ok((!subject.is_empty()).then_some(subject))
}

impl Provisioning for OwnDevice<'_> {
    fn environment(&self) -> Environment {
        self.config.environment
    }

    /// The subject is the Requester's where it names one; the extensions are the device's own.
    fn make_csr(&mut self, wanted: &CsrWanted<'_>, out: &mut [u8]) -> Result<usize, Obstacle> {
        let kind = KeyKind::of(wanted.suite.asym);
        let pairs = &self.provisioned.pairs;
        let id = match wanted.key_pair_id {
            0 => pairs.only(kind),
            id => Some(id).filter(|id| pairs.get(*id).is_some_and(|pair| pair.kind == kind)),
        };
        let alias = wanted.model == CertificateModel::AliasCert;
        let identity = match id {
            Some(_) if alias => Some(self.device_ca(&wanted.suite).map_err(|_| Obstacle::Failed)?),
            Some(id) => pairs.identity(id).cloned(),
            None => None,
        };
        // A key pair without a key, or of another algorithm than the connection's.
        let identity = identity.ok_or(Obstacle::Invalid)?;
        let subject = wanted_subject(wanted.requester_info).map_err(|_| Obstacle::Invalid)?;
        let names = self.names();
        let (role, own) = match alias {
            true => (Role::DeviceAuthority, key_name(wanted.suite.asym, KeyRole::DeviceCa)),
            false => {
                (Role::Device(&names), key_name(wanted.suite.asym, KeyRole::Device(SlotId::ZERO)))
            }
        };
        let subject = match subject {
            Some(subject) => subject,
            None => name(&own).map_err(|_| Obstacle::Failed)?,
        };
        let csr = certification_request(&identity.certificate_signer(), subject, &role);
        let csr = csr.map_err(|_| Obstacle::Failed)?;
        out.get_mut(..csr.len()).ok_or(Obstacle::Failed)?.copy_from_slice(&csr);
        Ok(csr.len())
    }

    fn postpone_csr(&mut self, wanted: &CsrWanted<'_>, tag: u8) -> Result<(), Obstacle> {
        // What cannot be made is refused now.
        self.make_csr(wanted, &mut [0; 0x2000])?;
        let kept = KeptCsr {
            tag,
            suite: wanted.suite,
            key_pair_id: wanted.key_pair_id,
            model: wanted.model,
            requester_info: wanted.requester_info.to_vec(),
            opaque: wanted.opaque.to_vec(),
            is_ready: false,
        };
        self.commit(|next| next.csrs.push(kept))
    }

    fn postponed_csr(&self, tag: u8) -> PostponedCsr<'_> {
        match self.provisioned.csrs.iter().find(|kept| kept.tag == tag) {
            None => PostponedCsr::None,
            Some(kept) if kept.is_ready => PostponedCsr::Ready(kept.wanted()),
            Some(kept) => PostponedCsr::AwaitsReset(kept.wanted()),
        }
    }

    fn take_csr(&mut self, tag: u8, out: &mut [u8]) -> Result<usize, Obstacle> {
        let kept = self.provisioned.csrs.iter().find(|kept| kept.tag == tag).cloned();
        let len = self.make_csr(&kept.ok_or(Obstacle::Failed)?.wanted(), out)?;
        self.commit(|next| next.csrs.retain(|kept| kept.tag != tag))?;
        Ok(len)
    }

    fn discard_csrs(&mut self) -> Result<(), Obstacle> {
        if self.provisioned.csrs.is_empty() {
            return Ok(());
        }
        self.commit(|next| next.csrs.clear())
    }

    fn install(&mut self, offered: &ChainOffered<'_>) -> Result<TakesEffect, Obstacle> {
        if offered.certificates.len() > MOST_CERTIFICATES {
            return Err(Obstacle::Failed);
        }
        let checked = installed_chain::check(offered.certificates, offered.model);
        let checked = checked.ok_or(Obstacle::BadChain)?;
        let chain = match offered.model {
            CertificateModel::AliasCert => self.with_alias(offered, checked)?,
            _ => {
                let pair = self.pair_of(offered, &checked.key_info);
                (pair.ok_or(Obstacle::BadChain)?, checked.certificates)
            }
        };
        let (kind, slot) = (KeyKind::of(offered.suite.asym), offered.slot);
        self.place(SlotContent { kind, slot, chain: Some(chain) })
    }

    fn erase(&mut self, slot: SlotId, suite: &Suite) -> Result<TakesEffect, Obstacle> {
        self.place(SlotContent { kind: KeyKind::of(suite.asym), slot, chain: None })
    }

    fn awaiting_reset(&self) -> SlotMask {
        self.provisioned.awaiting_reset()
    }

    fn total_key_pairs(&self) -> u8 {
        self.provisioned.pairs.total()
    }

    fn key_pair(&self, id: u8) -> Option<KeyPair<'_>> {
        self.provisioned.pairs.described(id)
    }

    fn change_key_pair(&mut self, id: u8, change: &KeyPairChange) -> Result<TakesEffect, Obstacle> {
        let resets = self.config.flags().contains(CapabilityFlags::SET_KEY_PAIR_RESET_CAP);
        let kept = self.provisioned.change;
        let is_due = kept == Some(KeptChange { id, change: *change, is_ready: true });
        if resets && !is_due {
            // Another one than the reset was for takes its place.
            let change = Some(KeptChange { id, change: *change, is_ready: false });
            self.commit(|next| next.change = change)?;
            return Ok(TakesEffect::AfterReset);
        }
        let before = self.provisioned.pairs.clone();
        let mut pairs = before.clone();
        pairs.change(id, change, self.entropy).map_err(|_| Obstacle::Failed)?;
        let mut keys = self.keys.clone();
        self.commit(|next| {
            next.pairs = pairs;
            next.change = None;
            next.clear_stale(&before, &mut keys);
        })?;
        *self.keys = keys;
        *self.changed = true;
        Ok(TakesEffect::Now)
    }
}
