//! Who the host is, where a device authenticates it, too.

use std::path::Path;

use spdm_codec::SlotId;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_emulator::DeviceIdentity;
use spdm_evidence::{CertificateList, ChainContent, ListOrder};
use spdm_requester::{LocalChain, LocalIdentity, LocalKey};
use spdm_untrusted::Untrusted;
use spdm_x509::X509Certificate;

use crate::args::IdentityArgs;
use crate::console::Console;
use crate::exit::Failure;
use crate::file;
use crate::file_kind::Reader;

/// The host's key, and its certificates.
#[derive(Debug)]
pub(crate) struct Host {
    key: SoftwareKey,
    public_key: Vec<u8>,
    certificates: Option<Certificates>,
}

#[derive(Debug)]
struct Certificates {
    slot: SlotId,
    root: Vec<u8>,
    /// One behind the other, the root first.
    all: Vec<u8>,
}

impl Host {
    /// What the options name; `None` where they name nobody.
    pub(crate) fn read(args: &IdentityArgs, console: &Console) -> Result<Option<Self>, Failure> {
        let Some(path) = &args.identity_key else { return Ok(None) };
        let key = private_key(path, console)?;
        let public_key = key.to_spki_der();
        let slot = SlotId::new(args.identity_slot).unwrap_or(SlotId::ZERO);
        let certificates = match &args.identity {
            None => None,
            Some(chain) => Some(certificates(chain, path, slot, &public_key)?),
        };
        Ok(Some(Self { key, public_key, certificates }))
    }

    /// As the requester takes it.
    pub(crate) fn identity(&self) -> LocalIdentity<'_> {
        let Self { key, public_key, certificates } = self;
        match certificates {
            Some(Certificates { slot, root, all }) => {
                LocalIdentity::with_chain(*slot, LocalChain { root, certificates: all, key })
            }
            None => LocalIdentity::with_public_key(LocalKey { public_key, key }),
        }
    }
}

/// A private key: PKCS #8, SEC1 or PKCS #1, PEM or DER.
pub(crate) fn private_key(path: &Path, console: &Console) -> Result<SoftwareKey, Failure> {
    let bytes = file::read_secret(path, console)?;
    DeviceIdentity::private_key("the file", &bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The chain in a file, which has to lead from its root to the key.
fn certificates(
    path: &Path,
    key_path: &Path,
    slot: SlotId,
    public_key: &[u8],
) -> Result<Certificates, Failure> {
    let name = file::name(path);
    let bytes = file::read(path)?;
    let content =
        ChainContent::read(&bytes).map_err(|error| Reader::Chain.refuses(path, &error))?;
    let wants = || Failure::usage(format!("{name}: give the certificates themselves, PEM or DER"));
    let ChainContent::Certificates(list) = content else { return Err(wants()) };
    if !list.behind().is_empty() {
        return Err(Failure::usage(format!("{name}: something follows the last certificate")));
    }
    let ders = root_first(list);
    let mut parsed = Vec::new();
    for (index, der) in ders.iter().enumerate() {
        let certificate = X509Certificate::parse(Untrusted::new(der.as_slice()));
        let failed = |error| Failure::usage(format!("{name}: certificate {index}: {error}"));
        parsed.push(certificate.map_err(failed)?);
    }
    let (Some(root), Some(leaf)) = (parsed.first(), parsed.last()) else { return Err(wants()) };
    if !root.is_self_issued() {
        return Err(Failure::usage(format!(
            "{name}: the root is missing, and a chain of SPDM begins with its hash"
        )));
    }
    if leaf.key_info() != public_key {
        return Err(Failure::usage(format!(
            "{}: not the key of the last certificate in {name}",
            key_path.display()
        )));
    }
    let root = root.der().to_vec();
    Ok(Certificates { slot, root, all: ders.concat() })
}

fn root_first(list: CertificateList) -> Vec<Vec<u8>> {
    let order = list.order();
    let mut ders = list.into_certificates();
    if order == ListOrder::LeafFirst {
        ders.reverse();
    }
    ders
}
