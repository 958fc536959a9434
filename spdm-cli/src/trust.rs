//! Trust anchors and policies, as the options name them.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use spdm_codec::PciIdentity;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_evidence::CertificateList;
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, LinkTable, Policy, Profile, ProvisionedKey, Revocation, Revocations, Rule, SanPolicy,
    ValidityCheck, X509Certificate,
};

use crate::args::{RootHash, San, TrustArgs};
use crate::exit::Failure;
use crate::time::At;
use crate::{file, pem};

/// Files of a trust folder.
const EXTENSIONS: [&str; 4] = ["pem", "crt", "cer", "der"];
/// Signatures of certificates that are remembered.
const LINKS: usize = 256;
/// What a PEM block begins with.
const BEGIN: &str = "-----BEGIN";
/// Any manufacturer, product and serial number.
const ANY_NAME: &str = "*:*:*";

/// What the trust options say, files read.
#[derive(Debug)]
pub(crate) struct Trust {
    certificates: Vec<Vec<u8>>,
    digests: Vec<RootHash>,
    intermediates: Vec<Vec<u8>>,
    revoked: Vec<RevokedCertificate>,
    revoked_keys: Vec<RootHash>,
    at: At,
    pub(crate) profile: Profile,
    san: San,
    /// The function that [`San::PciCma`] is about.
    pci_id: Option<PciIdentity>,
    /// Signatures that one run has verified, for its further rounds, slots and connections.
    links: Mutex<LinkTable<LINKS>>,
}

/// The issuer (a DER Name) and serial number of a revoked certificate.
#[derive(Debug)]
struct RevokedCertificate {
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

impl RevokedCertificate {
    /// To leave out a revocation would be to trust.
    fn of(der: &[u8]) -> Result<Self, Failure> {
        let certificate = X509Certificate::parse(Untrusted::new(der))
            .map_err(|error| Failure::usage(format!("--revoked: not a certificate: {error}")))?;
        let (issuer, serial) = (certificate.issuer().der(), certificate.serial());
        Ok(Self { issuer: issuer.to_vec(), serial: serial.to_vec() })
    }
}

impl Trust {
    /// Reads the anchors. Of a device that is a PCI function itself, the leaf has to name this `function`, unless
    /// another name is asked for.
    pub(crate) fn load(args: &TrustArgs, function: Option<PciIdentity>) -> Result<Self, Failure> {
        let (san, pci_id) = match (&args.san, args.pci_id, function) {
            (None, None, None) => (San::None, None),
            (None | Some(San::PciCma), None, Some(function)) => (San::PciCma, Some(function)),
            (Some(San::PciCma), None, None) => {
                return Err(Failure::usage("--san pci-cma needs the function: --pci-id"));
            }
            (_, Some(_), Some(_)) => {
                return Err(Failure::usage(
                    "--pci-id: a pci: target is held against its own configuration space",
                ));
            }
            (Some(San::PciCma), Some(given), None) => (San::PciCma, Some(given)),
            (_, Some(_), None) => return Err(Failure::usage("--pci-id belongs to --san pci-cma")),
            (Some(san), None, _) => (san.clone(), None),
        };
        let certificates = all_certificates(&args.trust)?;
        let intermediates = all_certificates(&args.trust_intermediate)?;
        let revoked = all_certificates(&args.revoked)?;
        let revoked = revoked.iter().map(|der| RevokedCertificate::of(der));
        Ok(Self {
            certificates,
            digests: args.trust_root_hash.clone(),
            intermediates,
            revoked: revoked.collect::<Result<_, _>>()?,
            revoked_keys: args.revoked_key.clone(),
            at: args.at,
            profile: args.profile.into(),
            san,
            pci_id,
            links: Mutex::default(),
        })
    }

    /// Whether nothing is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.digests.is_empty() && self.intermediates.is_empty()
    }

    /// Trusts these roots too.
    pub(crate) fn add(&mut self, certificates: Vec<Vec<u8>>) {
        self.certificates.extend(certificates);
    }

    /// The anchors.
    pub(crate) fn anchors(&self) -> Vec<Anchor<'_>> {
        let certificates = self.certificates.iter().map(|der| Anchor::Certificate(der));
        let digests = self
            .digests
            .iter()
            .map(|root| Anchor::RootHash { hash: root.hash, digest: &root.digest });
        let intermediates = self.intermediates.iter().map(|der| Anchor::Intermediate(der));
        certificates.chain(digests).chain(intermediates).collect()
    }

    /// What is revoked.
    pub(crate) fn revocations(&self) -> Vec<Revocation<'_>> {
        let certificates = self.revoked.iter().map(|revoked| Revocation::Certificate {
            issuer: &revoked.issuer,
            serial: &revoked.serial,
        });
        let keys = self
            .revoked_keys
            .iter()
            .map(|key| Revocation::Key { hash: key.hash, digest: &key.digest });
        certificates.chain(keys).collect()
    }

    /// The name that the leaf must carry.
    pub(crate) fn san(&self) -> SanPolicy<'_> {
        match (&self.san, self.pci_id) {
            (San::PciCma, Some(identity)) => SanPolicy::PciCma(identity),
            (San::Dmtf(pattern), _) => {
                SanPolicy::Dmtf { pattern: pattern.as_deref().unwrap_or(ANY_NAME) }
            }
            _ => SanPolicy::None,
        }
    }

    /// The time to hold validity periods against. Where it is the clock's, it is read anew each time.
    pub(crate) fn validity(&self) -> Result<ValidityCheck, Failure> {
        self.at.validity().ok_or_else(|| Failure::usage("the clock is before 1970: --at"))
    }

    /// What a chain must fulfil as of [`Self::validity`].
    pub(crate) fn policy<'p>(
        &'p self,
        provider: &'p Provider,
        anchors: &'p [Anchor<'p>],
        revocations: &'p [Revocation<'p>],
    ) -> Result<Policy<'p>, Failure> {
        Ok(Policy {
            revocations: Revocations::new(revocations),
            san: self.san(),
            profile: self.profile,
            link_cache: Some(&self.links),
            ..Policy::new(provider, anchors, self.validity()?)
        })
    }
}

/// The certificates of these files and folders.
fn all_certificates(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut certificates = Vec::new();
    paths.iter().try_for_each(|path| anchors(path, &mut certificates))?;
    Ok(certificates)
}

/// Adds the certificates of a file, or of the files in a folder.
fn anchors(path: &Path, certificates: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
    if !path.is_dir() {
        certificates.extend(certificates_of(path)?);
        return Ok(());
    }
    let before = certificates.len();
    for path in files(path)? {
        certificates.extend(certificates_of(&path)?);
    }
    if certificates.len() == before {
        let path = path.display();
        return Err(Failure::usage(format!("{path}: no .pem, .crt, .cer or .der file in it")));
    }
    Ok(())
}

/// Every file with such an extension, also one that cannot be read: to leave out a revocation would be to trust.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| file::of(folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths =
        paths.collect::<Result<Vec<_>, _>>().map_err(|error| file::of(folder, &error))?;
    paths.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_known = |own: &str| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(own));
        extension.is_some_and(is_known) && !path.is_dir()
    });
    paths.sort();
    Ok(paths)
}

/// The certificates of a PEM bundle, or one in DER.
fn certificates_of(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = file::read(path)?;
    let failed = |what: &dyn fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let certificates = match core::str::from_utf8(&bytes) {
        Ok(text) if text.contains(BEGIN) => {
            CertificateList::from_pem(text).map_err(|error| failed(&error))?.into_certificates()
        }
        _ => vec![bytes],
    };
    for der in &certificates {
        X509Certificate::parse(Untrusted::new(der.as_slice()))
            .map_err(|error| failed(&format_args!("not a certificate: {error}")))?;
    }
    Ok(certificates)
}

/// The DER SubjectPublicKeyInfo in a file.
pub(crate) fn public_key(path: &Path, provider: &Provider) -> Result<Vec<u8>, Failure> {
    let bytes = file::read(path)?;
    let der = pem::public_key(&bytes).unwrap_or(bytes);
    // The algorithm is the device's to select; here it only has to be a key at all.
    let is_key = AsymAlgorithm::ALL.into_iter().any(|asym| {
        let raw = Untrusted::new(der.as_slice());
        match ProvisionedKey::parse(raw, asym, HashAlgorithm::Sha256, provider) {
            Ok(_) => true,
            Err(error) => error.rule == Rule::KeyAlgorithm,
        }
    });
    if is_key {
        Ok(der)
    } else {
        Err(Failure::usage(format!("{}: not a public key", path.display())))
    }
}
