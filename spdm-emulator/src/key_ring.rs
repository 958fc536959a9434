//! The keys and chains of a device, one for each algorithm and slot.

use std::collections::BTreeMap;

use der::pem::{self, LineEnding};
use spdm_codec::{CertChain, SlotId};
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, RsaScheme};

use crate::config::{DeviceConfig, DeviceModel, KeyProvisioning, preferred_asyms};
use crate::device_identity::DeviceIdentity;
use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::key_kind::KeyKind;
use crate::keys::{KeyRole, key_name};
use crate::mint::{Issuer, Names, Role, Template, Valid};

/// The keys and chains of a device: one per algorithm and slot.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    asym: AsymAlgorithm,
    slots: Vec<(SlotId, DeviceIdentity)>,
}

impl KeyRing {
    pub(crate) fn new(config: &DeviceConfig, entropy: &Entropy) -> Result<Self, DeviceError> {
        let slots = match config.provisioning {
            KeyProvisioning::Certificates => config.slots.as_slice(),
            KeyProvisioning::PublicKey => &[SlotId::ZERO],
        };
        if slots.is_empty() {
            return Err(DeviceError::NoSlot);
        }
        let mut entries = Vec::new();
        match &config.identity {
            Some(own) => {
                for identity in both_schemes(own) {
                    let asym = identity.algorithm();
                    let slots = slots.iter().map(|slot| (*slot, identity.clone())).collect();
                    entries.push(Entry { asym, slots });
                }
            }
            None => {
                let mut maker = Maker { config, entropy, keys: BTreeMap::new() };
                for asym in preferred_asyms(config.base_asym, config.pqc_asym) {
                    let identities = slots.iter().map(|slot| Ok((*slot, maker.make(asym, *slot)?)));
                    let slots = identities.collect::<Result<_, DeviceError>>()?;
                    entries.push(Entry { asym, slots });
                }
            }
        }
        if entries.is_empty() {
            return Err(DeviceError::NoAlgorithm);
        }
        for entry in &entries {
            for (_, identity) in &entry.slots {
                let certificates: usize = identity.certificates().iter().map(Vec::len).sum();
                let len = CertChain::HEADER_LEN + spdm_crypto::Digest::MAX + certificates;
                if len > usize::from(u16::MAX) {
                    return Err(DeviceError::ChainTooLong { asym: entry.asym, len });
                }
            }
        }
        Ok(Self { entries })
    }

    /// The algorithms, the preferred one first.
    pub(crate) fn asyms(&self) -> impl Iterator<Item = AsymAlgorithm> {
        self.entries.iter().map(|entry| entry.asym)
    }

    /// The identities of an algorithm.
    pub(crate) fn slots(&self, asym: AsymAlgorithm) -> &[(SlotId, DeviceIdentity)] {
        let entry = self.entries.iter().find(|entry| entry.asym == asym);
        entry.map(|entry| entry.slots.as_slice()).unwrap_or_default()
    }

    /// The identity in a slot.
    pub(crate) fn slot(&self, asym: AsymAlgorithm, slot: SlotId) -> Option<&DeviceIdentity> {
        self.slots(asym).iter().find(|(other, _)| *other == slot).map(|(_, identity)| identity)
    }

    /// The identity in the lowest configured slot.
    pub(crate) fn first(&self, asym: AsymAlgorithm) -> Option<&DeviceIdentity> {
        self.slots(asym).first().map(|(_, identity)| identity)
    }

    /// Puts an identity into a slot, or takes away the one that is there. The two schemes of an RSA key go together.
    pub(crate) fn put(&mut self, kind: KeyKind, slot: SlotId, identity: Option<&DeviceIdentity>) {
        for entry in self.entries.iter_mut().filter(|entry| KeyKind::of(entry.asym) == kind) {
            entry.slots.retain(|(other, _)| *other != slot);
            let Some(identity) = identity else { continue };
            let own = match entry.asym {
                AsymAlgorithm::Rsa(scheme, _) => identity.with_scheme(scheme),
                _ => None,
            };
            entry.slots.push((slot, own.unwrap_or_else(|| identity.clone())));
            entry.slots.sort_by_key(|(slot, _)| *slot);
        }
    }

    pub(crate) fn supports(&self, hash: HashAlgorithm) -> bool {
        self.entries.iter().flat_map(|entry| &entry.slots).all(|(_, i)| i.supports(hash))
    }

    /// The first certificates of all chains, each once.
    pub(crate) fn trust_anchors(&self) -> Vec<Vec<u8>> {
        let mut anchors: Vec<Vec<u8>> = Vec::new();
        for (_, identity) in self.entries.iter().flat_map(|entry| &entry.slots) {
            if let Some(root) = identity.certificates().first()
                && !anchors.contains(root)
            {
                anchors.push(root.clone());
            }
        }
        anchors
    }

    pub(crate) fn trust_anchors_pem(&self) -> String {
        let pem = self.trust_anchors().into_iter().map(|der| {
            // Base64 of bytes in memory does not fail.
            pem::encode_string("CERTIFICATE", LineEnding::LF, &der).unwrap_or_default()
        });
        pem.collect()
    }
}

fn both_schemes(own: &DeviceIdentity) -> Vec<DeviceIdentity> {
    let schemes = [RsaScheme::Pss, RsaScheme::Pkcs1];
    let identities: Vec<_> = schemes.into_iter().filter_map(|s| own.with_scheme(s)).collect();
    if identities.is_empty() { vec![own.clone()] } else { identities }
}

/// Makes the identities of a device; a key that plays the same role twice is made once.
struct Maker<'d> {
    config: &'d DeviceConfig,
    entropy: &'d Entropy,
    keys: BTreeMap<String, SoftwareKey>,
}

impl Maker<'_> {
    fn key(&mut self, asym: AsymAlgorithm, role: KeyRole) -> Result<SoftwareKey, DeviceError> {
        let name = key_name(asym, role);
        if let Some(key) = self.keys.get(&name) {
            let other_scheme = match asym {
                AsymAlgorithm::Rsa(scheme, _) => key.with_scheme(scheme),
                _ => None,
            };
            return Ok(other_scheme.unwrap_or_else(|| key.clone()));
        }
        let key = self.entropy.key(asym, role)?;
        self.keys.insert(name, key.clone());
        Ok(key)
    }

    fn make(&mut self, asym: AsymAlgorithm, slot: SlotId) -> Result<DeviceIdentity, DeviceError> {
        let leaf = KeyRole::Device(slot);
        if self.config.provisioning == KeyProvisioning::PublicKey {
            let key = self.key(asym, leaf)?;
            return Ok(DeviceIdentity::made(key, Vec::new()));
        }
        let names =
            Names { dmtf: self.config.dmtf_name.as_ref(), pci: self.config.pci_identity.as_ref() };
        let mut path =
            vec![(KeyRole::RootCa, Role::Authority), (KeyRole::IntermediateCa, Role::Authority)];
        match self.config.model {
            DeviceModel::DeviceCert => path.push((leaf, Role::Device(&names))),
            DeviceModel::AliasCert => {
                path.push((KeyRole::DeviceCa, Role::DeviceAuthority));
                path.push((leaf, Role::Alias(&names)));
            }
        }
        let mut certificates = Vec::new();
        let mut issuer = key_name(asym, KeyRole::RootCa);
        let mut signer = self.key(asym, KeyRole::RootCa)?;
        for (key_role, role) in path {
            let subject = key_name(asym, key_role);
            let key = self.key(asym, key_role)?;
            let template = Template {
                subject: &subject,
                key_info: &key.to_spki_der(),
                issuer: Issuer::Own(&issuer),
                signer: &signer,
                serial: &self.entropy.serial_number(&subject),
                valid: Valid {
                    not_before: self.config.not_before,
                    not_after: self.config.not_after,
                },
                role,
            };
            certificates.push(template.sign()?);
            (issuer, signer) = (subject, key);
        }
        Ok(DeviceIdentity::made(signer, certificates))
    }
}
