//! Keys and certificate chains.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use der::Decode as _;
use der::asn1::AnyRef;
use der::pem::{self, LineEnding};
use spdm_codec::{CertChain, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, RsaScheme, Sign as _};
use x509_cert::Certificate;

use crate::config::{DeviceConfig, DeviceModel, KeyProvisioning, preferred_asyms};
use crate::entropy::Entropy;
use crate::error::{DeviceError, IdentityError};
use crate::keys::{KeyRole, key_name};
use crate::mint::{Names, Request, Role, Valid};

/// A private key and the certificates that lead to it, root side first.
#[derive(Clone, Debug)]
pub struct Identity {
    key: SoftwareKey,
    certificates: Vec<Vec<u8>>,
    /// `RootHash` of a chain without its root; else it is computed from the first certificate.
    root_hash: Option<Vec<u8>>,
}

impl Identity {
    /// Combines a key with its DER certificates, root first, leaf last.
    ///
    /// # Errors
    /// [`IdentityError::Chain`] where there is no certificate or one does not parse,
    /// [`IdentityError::KeyMismatch`] where the leaf holds another key.
    pub fn new(key: SoftwareKey, certificates: Vec<Vec<u8>>) -> Result<Self, IdentityError> {
        let mut leaf = None;
        for der in &certificates {
            leaf = Some(Certificate::from_der(der).map_err(|_| IdentityError::Chain)?);
        }
        let leaf = leaf.ok_or(IdentityError::Chain)?;
        let info = leaf.tbs_certificate().subject_public_key_info();
        if info.subject_public_key.raw_bytes() != key.public_key() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { key, certificates, root_hash: None })
    }

    /// Loads a folder with two files:
    ///
    /// * `key.der` or `key.pem`: the leaf's private key in PKCS#8 (`BEGIN PRIVATE KEY`);
    /// * `chain.pem`: the certificates, root first, leaf last; or `chain.bin`: a certificate chain structure
    ///   as GET_CERTIFICATE delivers it. Where its root is left out, the device offers only hash algorithms
    ///   whose digest is as long as the `RootHash` in it.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        let (file, bytes) = read_one(path, ["key.der", "key.pem"])?;
        let key = match file {
            "key.pem" => {
                let labelled = pem::decode_vec(&bytes).map_err(|_| IdentityError::Pem { file })?;
                match labelled {
                    ("PRIVATE KEY", der) => SoftwareKey::from_pkcs8_der(&der)?,
                    _ => return Err(IdentityError::Pem { file }),
                }
            }
            _ => SoftwareKey::from_pkcs8_der(&bytes)?,
        };
        let (file, bytes) = read_one(path, ["chain.pem", "chain.bin"])?;
        match file {
            "chain.pem" => Self::new(key, certificates_of_pem(file, &bytes)?),
            _ => Self::with_structure(key, &bytes),
        }
    }

    fn with_structure(key: SoftwareKey, structure: &[u8]) -> Result<Self, IdentityError> {
        // The structure does not say how long its RootHash is.
        for hash in HashAlgorithm::ALL {
            let split = structure
                .split_at_checked(CertChain::HEADER_LEN)
                .and_then(|(_, rest)| rest.split_at_checked(hash.digest_len()));
            let Some((root_hash, rest)) = split else { continue };
            let Some(certificates) = split_certificates(rest) else { continue };
            let identity = Self::new(key.clone(), certificates)?;
            let first = identity.certificates.first().map(Vec::as_slice).unwrap_or_default();
            let is_root = HashAlgorithm::ALL.into_iter().any(|hash| {
                PROVIDER.hash.digest(hash, &[first]).is_ok_and(|d| d.as_bytes() == root_hash)
            });
            let root_hash = (!is_root).then(|| root_hash.to_vec());
            return Ok(Self { root_hash, ..identity });
        }
        Err(IdentityError::Chain)
    }

    /// The key's algorithm; an RSA key serves both schemes.
    #[must_use]
    pub fn algorithm(&self) -> AsymAlgorithm {
        self.key.algorithm()
    }

    /// The DER certificates, root side first.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    pub(crate) fn key(&self) -> &SoftwareKey {
        &self.key
    }

    /// Whether `RootHash` can be had with this hash.
    pub(crate) fn supports(&self, hash: HashAlgorithm) -> bool {
        self.root_hash.as_ref().is_none_or(|root_hash| root_hash.len() == hash.digest_len())
    }

    /// The certificate chain structure (DSP0274 §Certificates and certificate chains).
    pub(crate) fn chain(&self, hash: HashAlgorithm, version: SpdmVersion) -> Vec<u8> {
        let root_hash = match (&self.root_hash, self.certificates.first()) {
            (Some(root_hash), _) => root_hash.clone(),
            (None, Some(root)) => digest(hash, root),
            (None, None) => Vec::new(),
        };
        let certificates = self.certificates.concat();
        let mut out = vec![0; CertChain::HEADER_LEN + root_hash.len() + certificates.len()];
        let chain = CertChain { root_hash: &root_hash, certificates: &certificates };
        let len = chain.encode(version, &mut out).unwrap_or_default();
        out.truncate(len);
        out
    }

    fn with_scheme(&self, scheme: RsaScheme) -> Option<Self> {
        self.key.with_scheme(scheme).map(|key| Self { key, ..self.clone() })
    }
}

fn digest(hash: HashAlgorithm, bytes: &[u8]) -> Vec<u8> {
    let digest = PROVIDER.hash.digest(hash, &[bytes]);
    digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}

fn read_one(
    path: &Path,
    files: [&'static str; 2],
) -> Result<(&'static str, Vec<u8>), IdentityError> {
    for file in files {
        match fs::read(path.join(file)) {
            Ok(bytes) => return Ok((file, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(IdentityError::Read { file, kind: error.kind() }),
        }
    }
    Err(IdentityError::Missing { files })
}

fn certificates_of_pem(file: &'static str, pem: &[u8]) -> Result<Vec<Vec<u8>>, IdentityError> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = core::str::from_utf8(pem).map_err(|_| IdentityError::Pem { file })?;
    let mut certificates = Vec::new();
    for block in text.split_inclusive(END).filter(|block| block.ends_with(END)) {
        let (label, der) =
            pem::decode_vec(block.as_bytes()).map_err(|_| IdentityError::Pem { file })?;
        if label != "CERTIFICATE" {
            return Err(IdentityError::Pem { file });
        }
        certificates.push(der);
    }
    Ok(certificates)
}

fn split_certificates(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    while !bytes.is_empty() {
        let (_, rest) = AnyRef::from_der_partial(bytes).ok()?;
        let (der, _) = bytes.split_at_checked(bytes.len() - rest.len())?;
        Certificate::from_der(der).ok()?;
        certificates.push(der.to_vec());
        bytes = rest;
    }
    (!certificates.is_empty()).then_some(certificates)
}

/// The keys and chains of a device: one per algorithm and slot.
#[derive(Debug)]
pub(crate) struct KeyRing {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    asym: AsymAlgorithm,
    slots: Vec<(SlotId, Identity)>,
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
                let certificates: usize = identity.certificates.iter().map(Vec::len).sum();
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

    fn slots(&self, asym: AsymAlgorithm) -> &[(SlotId, Identity)] {
        let entry = self.entries.iter().find(|entry| entry.asym == asym);
        entry.map(|entry| entry.slots.as_slice()).unwrap_or_default()
    }

    /// The identity in a slot.
    pub(crate) fn slot(&self, asym: AsymAlgorithm, slot: SlotId) -> Option<&Identity> {
        self.slots(asym).iter().find(|(other, _)| *other == slot).map(|(_, identity)| identity)
    }

    /// The identity in the lowest configured slot.
    pub(crate) fn first(&self, asym: AsymAlgorithm) -> Option<&Identity> {
        self.slots(asym).first().map(|(_, identity)| identity)
    }

    pub(crate) fn supports(&self, hash: HashAlgorithm) -> bool {
        self.entries.iter().flat_map(|entry| &entry.slots).all(|(_, i)| i.supports(hash))
    }

    /// The first certificates of all chains, each once.
    pub(crate) fn trust_anchors(&self) -> Vec<Vec<u8>> {
        let mut anchors: Vec<Vec<u8>> = Vec::new();
        for (_, identity) in self.entries.iter().flat_map(|entry| &entry.slots) {
            if let Some(root) = identity.certificates.first()
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

fn both_schemes(own: &Identity) -> Vec<Identity> {
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

    fn make(&mut self, asym: AsymAlgorithm, slot: SlotId) -> Result<Identity, DeviceError> {
        let leaf = KeyRole::Device(slot);
        if self.config.provisioning == KeyProvisioning::PublicKey {
            let key = self.key(asym, leaf)?;
            return Ok(Identity { key, certificates: Vec::new(), root_hash: None });
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
            let request = Request {
                subject: &subject,
                key: &key,
                issuer: &issuer,
                signer: &signer,
                serial: &self.entropy.serial_number(&subject),
                valid: Valid {
                    not_before: self.config.not_before,
                    not_after: self.config.not_after,
                },
                role,
            };
            certificates.push(request.sign()?);
            (issuer, signer) = (subject, key);
        }
        Ok(Identity { key: signer, certificates, root_hash: None })
    }
}
