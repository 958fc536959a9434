//! Own keys and chains out of a folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use der::pem::{LineEnding, encode_string};
use spdm_codec::{BaseHashAlgo, KeySlot, MeasurementSummary, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{KeyError, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Sign, SignError, Signed};
use spdm_emulator::{Device, DeviceConfig, DeviceError, DeviceIdentity, IdentityError};

use crate::attestation::{P384, SHA384, seeded};
use crate::requester::{Requester, challenge};

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.join(file), bytes).unwrap();
    }

    fn load(&self) -> Result<DeviceIdentity, IdentityError> {
        DeviceIdentity::from_dir(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _kept = fs::remove_dir_all(&self.0);
    }
}

/// A self-signed certificate and its key, and the structure around it for SHA-384.
struct Sample {
    key: SoftwareKey,
    root: Vec<u8>,
    structure: Vec<u8>,
}

/// The root certificate of a device is a chain of one: its key is the seed's.
fn sample() -> Sample {
    let device = Device::new(seeded()).unwrap();
    let root = device.trust_anchor_der(P384).unwrap();
    let key = SoftwareKey::from_pkcs8_der(&key_of_root()).unwrap();
    let requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
    let structure = [
        &u16::try_from(52 + root.len()).unwrap().to_le_bytes()[..],
        &[0, 0],
        &requester.digest(&[&root]),
        &root,
    ]
    .concat();
    Sample { key, root, structure }
}

/// What the device of [`seeded`] derives for its P-384 root.
fn key_of_root() -> Vec<u8> {
    use spdm_crypto::rustcrypto::PROVIDER;
    let sha256 = |parts: &[&[u8]]| PROVIDER.hash.digest(HashAlgorithm::Sha256, parts).unwrap();
    let master = sha256(&[b"spdm emulator seed", &1_u64.to_le_bytes()]);
    let seed = sha256(&[master.as_bytes(), b"key", b"ECDSA_P384 root CA"]);
    let key = SoftwareKey::from_seed(P384, seed.as_bytes().try_into().unwrap()).unwrap();
    key.to_pkcs8_der().unwrap().to_vec()
}

fn pem(label: &str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).unwrap()
}

fn device(identity: DeviceIdentity) -> Result<Device, DeviceError> {
    Device::new(DeviceConfig { identity: Some(identity), ..seeded() })
}

#[test]
fn pem_and_der_are_the_same() {
    let Sample { key, root, structure } = sample();
    let key = key.to_pkcs8_der().unwrap();
    for (name, chain) in
        [("chain.pem", pem("CERTIFICATE", &root).into_bytes()), ("chain.bin", structure.clone())]
    {
        for (key_name, key) in
            [("key.der", key.to_vec()), ("key.pem", pem("PRIVATE KEY", &key).into_bytes())]
        {
            let folder = Folder::new(&format!("same-{name}-{key_name}"));
            folder.write(name, &chain);
            folder.write(key_name, &key);
            let identity = folder.load().unwrap();
            assert_eq!(identity.algorithm(), P384);
            let device = device(identity).unwrap();
            assert_eq!(device.trust_anchors(), core::slice::from_ref(&root));
            assert_eq!(device.algorithms().collect::<Vec<_>>(), [P384]);
            let mut requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
            assert_eq!(requester.chain(1000), structure);
        }
    }
}

/// A key whose owner lends only its signatures.
#[derive(Debug)]
struct SecurityModule(SoftwareKey);

impl Sign for SecurityModule {
    fn algorithm(&self) -> AsymAlgorithm {
        self.0.algorithm()
    }

    fn sign(
        &self,
        hash: HashAlgorithm,
        signed: Signed<'_>,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        self.0.sign(hash, signed, out)
    }
}

#[test]
fn a_key_that_is_elsewhere_signs_like_one_in_memory() {
    let Sample { key, root, .. } = sample();
    let signer = Arc::new(SecurityModule(key.clone()));
    let identity = DeviceIdentity::with_signer(signer, vec![root.clone()]).unwrap();
    let device = device(identity).unwrap();
    assert_eq!(device.public_key_spki(P384), Some(key.to_spki_der()));
    let mut requester = Requester::connect(device, SpdmVersion::V1_2, P384, SHA384);
    let slot = KeySlot::Slot(SlotId::ZERO);
    let request = challenge(SpdmVersion::V1_2, slot, MeasurementSummary::None, 1);
    requester.digests();
    let response = requester.exchange(&request);
    assert_eq!(requester.verify_challenge(&request, &response), Ok(()));

    let none = DeviceIdentity::with_signer(Arc::new(SecurityModule(key)), Vec::new());
    assert_eq!(none.err(), Some(IdentityError::Chain));
}

#[test]
fn without_the_root_only_hashes_of_that_length_remain() {
    let Sample { key, structure, .. } = sample();
    let folder = Folder::new("no-root");
    folder.write("key.der", key.to_pkcs8_der().unwrap());
    let mut other_root = structure.clone();
    other_root[4] ^= 1;
    folder.write("chain.bin", &other_root);
    let identity = folder.load().unwrap();
    let base_hash = BaseHashAlgo::SHA_256;
    let config = DeviceConfig { base_hash, identity: Some(identity.clone()), ..seeded() };
    assert_eq!(Device::new(config).err(), Some(DeviceError::NoHash));
    let mut requester =
        Requester::connect(device(identity).unwrap(), SpdmVersion::V1_2, P384, SHA384);
    assert_eq!(requester.chain(1000), other_root);
}

#[test]
fn folders_that_are_refused() {
    let Sample { key, root, structure } = sample();
    let key = key.to_pkcs8_der().unwrap();
    let folder = Folder::new("refused");
    let files = ["key.der", "key.pem"];
    assert_eq!(folder.load().err(), Some(IdentityError::Missing { files }));
    folder.write("key.pem", pem("CERTIFICATE", &root));
    let (file, labels) = ("key.pem", vec!["CERTIFICATE".to_owned()]);
    assert_eq!(folder.load().err(), Some(IdentityError::NoKey { file, labels }));
    folder.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    assert_eq!(folder.load().err(), Some(IdentityError::Pem { file }));
    let encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA";
    let encrypted =
        format!("-----BEGIN EC PRIVATE KEY-----\n{encrypted}\n-----END EC PRIVATE KEY-----\n");
    folder.write("key.pem", encrypted);
    let error = folder.load().unwrap_err();
    assert_eq!(error, IdentityError::Encrypted { file });
    assert_eq!(
        error.to_string(),
        "key.pem is encrypted, but PRIVATE KEY (PKCS #8), EC PRIVATE KEY (SEC1) or RSA PRIVATE KEY \
         (PKCS #1) in the clear was expected"
    );
    folder.write("key.der", &key[1..]);
    assert_eq!(folder.load().err(), Some(IdentityError::Key(KeyError::Malformed)));
    folder.write("key.der", &key);
    let files = ["chain.pem", "chain.bin"];
    assert_eq!(folder.load().err(), Some(IdentityError::Missing { files }));
    folder.write("chain.bin", &structure[..structure.len() - 1]);
    assert_eq!(folder.load().err(), Some(IdentityError::Chain));
    folder.write("chain.pem", "");
    assert_eq!(folder.load().err(), Some(IdentityError::Chain));
    folder.write("chain.pem", pem("PRIVATE KEY", &key));
    assert_eq!(folder.load().err(), Some(IdentityError::Chain));
    let other = SoftwareKey::from_seed(P384, [9; 32]).unwrap();
    folder.write("key.der", other.to_pkcs8_der().unwrap());
    folder.write("chain.pem", pem("CERTIFICATE", &root));
    assert_eq!(folder.load().err(), Some(IdentityError::KeyMismatch));
}
