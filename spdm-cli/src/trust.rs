//! Trust anchors and policies, as the options name them.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use spdm_codec::PciIdentity;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_evidence::{CertificateList, ChainContent, Error};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, ChainLimits, LinkTable, Policy, Profile, ProvisionedKey, Revocation, Revocations, Rule,
    SanPolicy, ValidityCheck, X509Certificate,
};

use crate::args::{RootHash, San, TrustArgs};
use crate::console::Console;
use crate::exit::Failure;
use crate::time::At;
use crate::{file, pem};

/// Files of a trust folder.
const EXTENSIONS: [&str; 4] = ["pem", "crt", "cer", "der"];
/// Signatures of certificates that are remembered.
const LINKS: usize = 256;
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
    pub(crate) limits: ChainLimits,
    name: LeafName,
    /// Signatures that one run has verified, for its further rounds, slots and connections.
    links: Mutex<LinkTable<LINKS>>,
}

/// The name that a leaf must carry.
#[derive(Clone, Debug)]
pub(crate) struct LeafName {
    san: San,
    /// The function that [`San::PciCma`] is about.
    pci_id: Option<PciIdentity>,
}

impl LeafName {
    /// Any.
    pub(crate) const NONE: Self = Self { san: San::None, pci_id: None };

    /// As options name it: `given` is `--pci-id`, `function` the PCI function that the device is.
    pub(crate) fn of(
        san: Option<&San>,
        given: Option<PciIdentity>,
        function: Option<PciIdentity>,
    ) -> Result<Self, Failure> {
        let (san, pci_id) = match (san, given, function) {
            (None, None, None) => (San::None, None),
            (None | Some(San::PciCma), None, Some(function)) => (San::PciCma, Some(function)),
            (Some(San::PciCma), None, None) => {
                return Err(Failure::usage("--san pci-cma needs the function: --pci-id"));
            }
            (_, Some(_), Some(_)) => {
                return Err(Failure::usage(
                    "--pci-id: this target is held against the configuration space of its own PCI function",
                ));
            }
            (Some(San::PciCma), Some(given), None) => (San::PciCma, Some(given)),
            (_, Some(_), None) => return Err(Failure::usage("--pci-id belongs to --san pci-cma")),
            (Some(san), None, _) => (san.clone(), None),
        };
        Ok(Self { san, pci_id })
    }

    fn san(&self) -> SanPolicy<'_> {
        match (&self.san, self.pci_id) {
            (San::PciCma, Some(identity)) => SanPolicy::PciCma(identity),
            (San::Dmtf(pattern), _) => {
                SanPolicy::Dmtf { pattern: pattern.as_deref().unwrap_or(ANY_NAME) }
            }
            _ => SanPolicy::None,
        }
    }
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
    pub(crate) fn load(
        args: &TrustArgs,
        function: Option<PciIdentity>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let name = LeafName::of(args.san.as_ref(), args.pci_id, function)?;
        Ok(Self { name, ..Self::files(args, console)? })
    }

    /// Reads the anchors. No name is asked for: [`Self::policy_of`] takes one.
    pub(crate) fn files(args: &TrustArgs, console: &Console) -> Result<Self, Failure> {
        let certificates = all_certificates(&args.trust, Unreadable::PassedOver, console)?;
        let intermediates =
            all_certificates(&args.trust_intermediate, Unreadable::PassedOver, console)?;
        let revoked = all_certificates(&args.revoked, Unreadable::Refused, console)?;
        let revoked = revoked.iter().map(|der| RevokedCertificate::of(der));
        Ok(Self {
            certificates,
            digests: args.trust_root_hash.clone(),
            intermediates,
            revoked: revoked.collect::<Result<_, _>>()?,
            revoked_keys: args.revoked_key.clone(),
            at: args.at,
            profile: args.profile.into(),
            limits: ChainLimits { max_certificates: args.max_certificates, ..ChainLimits::DEFAULT },
            name: LeafName::NONE,
            links: Mutex::default(),
        })
    }

    /// Reads the files that the options name, for somebody who is told something else then.
    pub(crate) fn check_files(args: &TrustArgs, console: &Console) -> Result<(), Failure> {
        all_certificates(&args.trust, Unreadable::PassedOver, console)?;
        all_certificates(&args.trust_intermediate, Unreadable::PassedOver, console)?;
        let revoked = all_certificates(&args.revoked, Unreadable::Refused, console)?;
        revoked.iter().try_for_each(|der| RevokedCertificate::of(der).map(drop))
    }

    /// Whether nothing is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.digests.is_empty() && self.intermediates.is_empty()
    }

    /// Trusts the roots that a device brings with it, as the emulated one does, where the user names nobody.
    pub(crate) fn or_own(&mut self, roots: Vec<Vec<u8>>) {
        if self.is_empty() {
            self.certificates = roots;
        }
    }

    /// What decides who is trusted, each with a word for what it is.
    pub(crate) fn files_in(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let revoked = self.revoked.iter().flat_map(|revoked| {
            [("issuer", revoked.issuer.as_slice()), ("serial", revoked.serial.as_slice())]
        });
        let keys = self.revoked_keys.iter().map(|key| ("revoked", key.digest.as_slice()));
        self.anchors_in().chain(revoked).chain(keys)
    }

    /// The anchors as bytes, each with a word for what it is.
    pub(crate) fn anchors_in(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let certificates = self.certificates.iter().map(|der| ("trust", der.as_slice()));
        let digests = self.digests.iter().map(|root| ("root", root.digest.as_slice()));
        let below = self.intermediates.iter().map(|der| ("intermediate", der.as_slice()));
        certificates.chain(digests).chain(below)
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

    /// The name that the options ask for.
    pub(crate) const fn name(&self) -> &LeafName {
        &self.name
    }

    /// The name that the leaf must carry.
    pub(crate) fn san(&self) -> SanPolicy<'_> {
        self.name.san()
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
        self.policy_of(&self.name, provider, anchors, revocations)
    }

    /// The same for a leaf of another name.
    pub(crate) fn policy_of<'p>(
        &'p self,
        name: &'p LeafName,
        provider: &'p Provider,
        anchors: &'p [Anchor<'p>],
        revocations: &'p [Revocation<'p>],
    ) -> Result<Policy<'p>, Failure> {
        Ok(Policy {
            revocations: Revocations::new(revocations),
            san: name.san(),
            profile: self.profile,
            limits: self.limits,
            link_cache: Some(&self.links),
            ..Policy::new(provider, anchors, self.validity()?)
        })
    }
}

/// What to do with a file of a folder that cannot be read as anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unreadable {
    PassedOver,
    /// It may be a certificate that is revoked: to leave out a revocation would be to trust.
    Refused,
}

/// The certificates of these files and folders.
fn all_certificates(
    paths: &[PathBuf],
    unreadable: Unreadable,
    console: &Console,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut certificates = Vec::new();
    for path in paths {
        if path.is_dir() {
            certificates.extend(certificates_in(path, unreadable, console)?);
        } else {
            certificates.extend(certificates_of(path, console)?);
        }
    }
    Ok(certificates)
}

/// The certificates of the files in a folder. Files of another name, and files that hold something else, are passed over.
fn certificates_in(
    folder: &Path,
    unreadable: Unreadable,
    console: &Console,
) -> Result<Vec<Vec<u8>>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| file::of(folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths =
        paths.collect::<Result<Vec<_>, _>>().map_err(|error| file::of(folder, &error))?;
    paths.retain(|path| !path.is_dir());
    paths.sort();
    let mut certificates = Vec::new();
    let mut passed_over = Vec::new();
    for path in paths {
        match CertificateList::read(&file::read(&path)?) {
            _ if !has_extension(&path) => passed_over.push(path),
            Err(Error::NoCertificate { labels })
                if !labels.is_empty() || unreadable == Unreadable::PassedOver =>
            {
                passed_over.push(path);
            }
            list => certificates.extend(usable(&path, list, console)?),
        }
    }
    let name = folder.display();
    if certificates.is_empty() {
        return Err(Failure::usage(format!(
            "{name}: no certificate in it: .pem, .crt, .cer and .der files are read"
        )));
    }
    if let [first, ..] = &passed_over[..] {
        let first = first.file_name().unwrap_or_default().to_string_lossy();
        let count = passed_over.len();
        let text = match count {
            1 => format!("{first} holds no certificate and was passed over"),
            _ => format!("{count} files hold no certificate and were passed over ({first}, …)"),
        };
        console.note(&format!("note: {name}: {text}"));
    }
    Ok(certificates)
}

fn has_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|own| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(own)))
}

/// Anchors of those who sign reference values: apart from those of devices.
pub(crate) fn signers(paths: &[PathBuf], console: &Console) -> Result<Vec<Vec<u8>>, Failure> {
    all_certificates(paths, Unreadable::PassedOver, console)
}

/// The certificates in a file.
pub(crate) fn certificates_of(path: &Path, console: &Console) -> Result<Vec<Vec<u8>>, Failure> {
    usable(path, CertificateList::read(&file::read(path)?), console)
}

/// A list of which every certificate can be read.
fn usable(
    path: &Path,
    list: Result<CertificateList, Error>,
    console: &Console,
) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |what: &dyn fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let list = list.map_err(|error| failed(&error))?;
    note_blocks(path, &list, console);
    if let Some(what) = pem::behind(&list) {
        return Err(failed(&what));
    }
    for (index, der) in list.certificates().iter().enumerate() {
        X509Certificate::parse(Untrusted::new(der.as_slice())).map_err(|error| {
            failed(&format_args!("certificate {index} is not a certificate of X.509 v3: {error}"))
        })?;
    }
    Ok(list.into_certificates())
}

/// Says which blocks of PEM were passed over.
pub(crate) fn note_blocks(path: &Path, list: &CertificateList, console: &Console) {
    if let Some(note) = pem::passed_over(list) {
        console.note(&format!("note: {}: {note}", path.display()));
    }
}

/// The chain in a file, of whatever form.
pub(crate) fn chain(path: &Path, console: &Console) -> Result<ChainContent, Failure> {
    let failed =
        |what: &dyn fmt::Display| Failure::usage(format!("--chain {}: {what}", path.display()));
    let content =
        ChainContent::read(&file::read_unpacked(path)?).map_err(|error| failed(&error))?;
    if let ChainContent::Certificates(list) = &content {
        note_blocks(path, list, console);
        if let Some(what) = pem::behind(list) {
            return Err(failed(&what));
        }
    }
    Ok(content)
}

/// The DER SubjectPublicKeyInfo in a file.
pub(crate) fn public_key(path: &Path, provider: &Provider) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::usage(format!("{}: {error}", path.display()));
    let der = spdm_evidence::public_key(&file::read(path)?).map_err(failed)?;
    // The algorithm is the device's to select; here it only has to be a key at all.
    let is_key = AsymAlgorithm::ALL.into_iter().any(|asym| {
        let raw = Untrusted::new(der.as_slice());
        match ProvisionedKey::parse(raw, asym, HashAlgorithm::Sha256, provider) {
            Ok(_) => true,
            Err(error) => error.rule == Rule::KeyAlgorithm,
        }
    });
    if is_key { Ok(der) } else { Err(failed(Error::NoPublicKey { labels: Vec::new() })) }
}
