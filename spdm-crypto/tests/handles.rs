//! A backend whose secrets never leave it: what it hands out are numbers, and it is told when one is done with.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::{self, PROVIDER};
use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, Digest, Direction, EcCurve, HashAlgorithm, Invalid, Kdf,
    KdfError, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, KeySchedule, NONCE_LEN,
    PreSharedKey, Provider, RecordKey, Secret, SecureRandom, SequenceOrder, SharedSecret, TAG_LEN,
};

/// What is in the hardware, by handle.
static VAULT: Mutex<BTreeMap<u64, Vec<u8>>> = Mutex::new(BTreeMap::new());
/// The vault is one, and the tests look at all of it.
static TURN: Mutex<()> = Mutex::new(());

fn keep(secret: &Secret) -> Secret {
    let mut vault = VAULT.lock().unwrap();
    let handle = vault.last_key_value().map_or(0, |(last, _)| last + 1);
    vault.insert(handle, secret.expose_secret().unwrap().to_vec());
    Secret::from_handle(handle)
}

/// The secret behind a handle; what is not kept is public: a salt of zeros.
fn look(secret: &Secret) -> Option<Secret> {
    match secret.handle() {
        Some(handle) => VAULT.lock().unwrap().get(&handle).and_then(|bytes| Secret::new(bytes)),
        None => Secret::new(secret.expose_secret()?),
    }
}

fn forget(secret: &Secret) {
    if let Some(handle) = secret.handle() {
        assert!(VAULT.lock().unwrap().remove(&handle).is_some(), "forgotten twice");
    }
}

#[derive(Debug)]
struct Vault;

impl Kdf for Vault {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        rustcrypto::Hkdf.supports(hash)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        rustcrypto::Hkdf.hmac(hash, &look(key).ok_or(KdfError::InvalidSecret)?, parts)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        let salt = look(salt).ok_or(KdfError::InvalidSecret)?;
        Ok(keep(&rustcrypto::Hkdf.extract(hash, &salt, input)?))
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        let key = look(key).ok_or(KdfError::InvalidSecret)?;
        rustcrypto::Hkdf.expand_into(hash, &key, info, out)
    }

    fn expand(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        len: usize,
    ) -> Result<Secret, KdfError> {
        let key = look(key).ok_or(KdfError::InvalidSecret)?;
        Ok(keep(&rustcrypto::Hkdf.expand(hash, &key, info, len)?))
    }

    fn forget(&self, secret: &Secret) {
        forget(secret);
    }
}

impl Aead for Vault {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        rustcrypto::AesGcm.supports(algorithm)
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let key = look(key).ok_or(AeadError::InvalidKey)?;
        rustcrypto::AesGcm.seal(algorithm, &key, nonce, associated, in_out)
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        let key = look(key).ok_or(Invalid)?;
        rustcrypto::AesGcm.open(algorithm, &key, nonce, associated, in_out, tag)
    }

    fn forget(&self, key: &Secret) {
        forget(key);
    }
}

impl KeyExchangeMethod for Vault {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::Ecdh.supports(algorithm)
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        Ok(keep(&rustcrypto::Ecdh.start(algorithm, random, public)?))
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        let private = look(private).ok_or(KeyExchangeError::InvalidPrivate)?;
        rustcrypto::Ecdh.finish(algorithm, &private, peer, shared)
    }

    fn forget(&self, private: &Secret) {
        forget(private);
    }
}

const HARDWARE: Provider =
    Provider { key_exchanges: &[&Vault], kdfs: &[&Vault], aeads: &[&Vault], ..PROVIDER };
const ECDH: KeyExchangeAlgorithm = KeyExchangeAlgorithm::Ecdh(EcCurve::P256);
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const AEAD: AeadAlgorithm = AeadAlgorithm::Aes128Gcm;

fn kept() -> usize {
    VAULT.lock().unwrap().len()
}

fn schedule(provider: &Provider) -> KeySchedule {
    KeySchedule::new(provider, SpdmVersion::V1_3, HASH, AEAD).unwrap()
}

fn sealed(key: &RecordKey) -> ([u8; TAG_LEN], [u8; 5]) {
    let mut data = *b"probe";
    (key.seal(1, SequenceOrder::LittleEndian, b"header", &mut data).unwrap(), data)
}

#[test]
fn a_session_of_handles_is_that_of_bytes_and_leaves_nothing_behind() {
    let _turn = TURN.lock();
    let (mut request, mut response) = ([0; 64], [0; 64]);
    let (mut ours, mut theirs) = (SharedSecret::new(), SharedSecret::new());
    let key = HARDWARE.start_key_exchange(ECDH, &mut request).unwrap();
    assert_eq!((key.algorithm(), kept()), (ECDH, 1));
    assert_eq!(format!("{key:?}"), format!("EphemeralKey {{ algorithm: {ECDH:?}, .. }}"));
    HARDWARE.respond_key_exchange(ECDH, &request, &mut response, &mut theirs).unwrap();
    key.finish(&response, &mut ours).unwrap();
    assert_eq!(kept(), 0);

    let th = Digest::new(&[0x11; 32]).unwrap();
    let hard = schedule(&HARDWARE).from_key_exchange(&ours, &th).unwrap();
    let soft = schedule(&PROVIDER).from_key_exchange(&theirs, &th).unwrap();
    // The root, and a secret and a finished key for each direction.
    assert_eq!(kept(), 5);
    for sender in [Direction::Request, Direction::Response] {
        let verify_data = hard.verify_data(sender, &th).unwrap();
        assert_eq!(soft.check_verify_data(sender, &th, verify_data.as_bytes()), Ok(()));
        let (hard, soft) = (hard.record_key(sender).unwrap(), soft.record_key(sender).unwrap());
        assert_eq!((sealed(&hard), kept()), (sealed(&soft), 6));
    }
    let handshake = hard;
    let (hard, soft) = (handshake.data(&th).unwrap(), soft.data(&th).unwrap());
    assert_eq!(kept(), 8);
    // Those of the handshake go where they are dropped.
    drop(handshake);
    assert_eq!(kept(), 3);
    let (hard_key, soft_key) =
        (hard.request.record_key().unwrap(), soft.request.record_key().unwrap());
    assert_eq!(sealed(&hard_key), sealed(&soft_key));
    let (new_hard, new_soft) = (hard.response.updated().unwrap(), soft.response.updated().unwrap());
    let (key, other) = (new_hard.record_key().unwrap(), new_soft.record_key().unwrap());
    assert_eq!(sealed(&key), sealed(&other));
    // Three secrets of the session, the updated one, and two keys of records.
    assert_eq!(kept(), 6);
    drop((hard, hard_key, new_hard, key));
    assert_eq!(kept(), 0);
}

/// A pre-shared key that is in the hardware.
#[derive(Debug)]
struct Fused;

impl PreSharedKey for Fused {
    fn extract(&self, _: &dyn Kdf, hash: HashAlgorithm, salt: &Secret) -> Result<Secret, KdfError> {
        Vault.extract(hash, salt, b"fused")
    }
}

#[test]
fn a_pre_shared_key_stays_in_the_hardware_and_a_failure_frees_what_was_made() {
    let _turn = TURN.lock();
    let th = Digest::new(&[0x11; 32]).unwrap();
    let hard = schedule(&HARDWARE).from_psk(&Fused, &th).unwrap();
    let soft = schedule(&PROVIDER).from_psk(&spdm_crypto::PskBytes(b"fused"), &th).unwrap();
    let verify_data = hard.verify_data(Direction::Request, &th).unwrap();
    assert_eq!(soft.check_verify_data(Direction::Request, &th, verify_data.as_bytes()), Ok(()));
    // A transcript hash of another length makes nothing.
    let long = Digest::new(&[0x11; 48]).unwrap();
    assert!(hard.data(&long).is_err());
    assert_eq!(kept(), 5);
    drop(hard);
    assert_eq!(kept(), 0);
    assert!(schedule(&HARDWARE).from_psk(&Fused, &long).is_err());
    assert_eq!(kept(), 0);
    // Our own key exchange fails with the peer's ExchangeData.
    let mut public = [0; 64];
    let key = HARDWARE.start_key_exchange(ECDH, &mut public).unwrap();
    let failed = key.finish(&[0; 64], &mut SharedSecret::new());
    assert_eq!((failed, kept()), (Err(KeyExchangeError::InvalidPeer), 0));
    let mut shared = SharedSecret::new();
    let failed = HARDWARE.respond_key_exchange(ECDH, &[0; 64], &mut public, &mut shared);
    assert_eq!((failed, kept()), (Err(KeyExchangeError::InvalidPeer), 0));
    // A secret of this backend is none of another.
    let handle = Secret::from_handle(0);
    let refused = rustcrypto::Hkdf.hmac(HASH, &handle, &[]);
    assert_eq!(refused, Err(KdfError::InvalidSecret));
}
