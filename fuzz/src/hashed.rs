//! A signature scheme and a key exchange that cost hashes, in place of those that cost a millisecond.
//!
//! A signature is a digest of the key and of what is signed, in the size and form of the algorithm that it stands for.
//! So it fits no other key and no other bytes, which is the property that the targets check. Unlike a real one anybody
//! can make it; the device bytes of a target are not that clever. Keys are real ones, and are checked as such.

use std::cell::Cell;

use spdm_crypto::rustcrypto::{self, SoftwareKey};
use spdm_crypto::{
    AsymAlgorithm, HashAlgorithm, Invalid, KeyExchangeAlgorithm, KeyExchangeError,
    KeyExchangeMethod, Provider, RandomUnavailable, Secret, SecureRandom, SharedSecret, Sign,
    SignError, Signed, Verify,
};

use crate::testing::{key_for, signature_algorithm, signature_value, tlv};
use crate::tree::Node;

/// The provider of `rustcrypto` with these signatures and key exchanges, and with nonces that a run repeats.
pub const PROVIDER: Provider = Provider {
    verifiers: &[&HashedSignatures],
    key_exchanges: &[&HashedExchange],
    random: &Counter,
    ..rustcrypto::PROVIDER
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts, so that no nonce comes twice in a run.
#[derive(Debug)]
struct Counter;

impl SecureRandom for Counter {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for chunk in out.chunks_mut(8) {
            COUNT.set(COUNT.get() + 1);
            let bytes = COUNT.get().wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// Nonces start anew: an input does the same whenever it runs.
pub fn repeat_nonces() {
    COUNT.set(0);
}

#[derive(Debug)]
struct HashedSignatures;

impl Verify for HashedSignatures {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        rustcrypto::PROVIDER.supports(asym, hash)
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        self.check_key(asym, key)?;
        if signature == signature_of(asym, hash, key, signed) { Ok(()) } else { Err(Invalid) }
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        rustcrypto::PROVIDER.check_key(asym, key)
    }
}

fn signature_of(
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    key: &[u8],
    signed: Signed<'_>,
) -> Vec<u8> {
    let digest = |parts: &[&[u8]]| {
        let digest = rustcrypto::PROVIDER.hash.digest(HashAlgorithm::Sha256, parts);
        digest.expect("SHA-256").as_bytes().to_vec()
    };
    // A prehash is that of the hash which the algorithm signs with; ML-DSA and Ed25519 sign with none.
    let hash = if asym.takes_prehash() { hash.name() } else { "" };
    let signed = match signed {
        Signed::Prehash(prehash) => digest(&[b"prehash", prehash.as_bytes()]),
        Signed::Message { bytes, context } => digest(&[b"message", context, &[0], bytes]),
    };
    let seed = digest(&[asym.name().as_bytes(), hash.as_bytes(), key, &signed]);
    let mut out = Vec::new();
    for block in 0..=u8::MAX {
        if out.len() >= asym.signature_len() {
            break;
        }
        out.extend(digest(&[&seed, &[block]]));
    }
    out.truncate(asym.signature_len());
    if let AsymAlgorithm::Ecdsa(curve) = asym {
        // r and s are below the order of the curve.
        for number in out.chunks_mut(curve.coordinate_len()) {
            if let Some(first) = number.first_mut() {
                *first = 1;
            }
        }
    }
    out
}

/// A private key: who has the public one can sign.
#[derive(Debug)]
pub struct HashedKey {
    asym: AsymAlgorithm,
    public: Vec<u8>,
}

impl HashedKey {
    /// The key that certificates for this name hold.
    pub fn of(asym: AsymAlgorithm, name: &str) -> Self {
        Self::from(&key_for(asym, name))
    }

    /// The certificate, signed again, where it has the parts of one.
    pub fn sign_certificate(&self, certificate: &[u8]) -> Option<Vec<u8>> {
        let nodes = Node::parse_all(certificate)?;
        let [outer] = nodes.as_slice() else { return None };
        let [tbs, algorithm, _] = outer.nodes() else { return None };
        let tbs = Node::write_all(core::slice::from_ref(tbs));
        let algorithm = Node::write_all(core::slice::from_ref(algorithm));
        Some(tlv(0x30, &[&tbs, &algorithm, &self.sign_tbs(&tbs)]))
    }

    /// The BIT STRING with the signature of a TBSCertificate.
    pub fn sign_tbs(&self, tbs: &[u8]) -> Vec<u8> {
        let (hash, _) = signature_algorithm(self.asym);
        let signed = Signed::Message { bytes: tbs, context: &[] };
        let fixed = signature_of(self.asym, hash, &self.public, signed);
        tlv(0x03, &[&[0], &signature_value(self.asym, fixed)])
    }
}

impl From<&SoftwareKey> for HashedKey {
    fn from(key: &SoftwareKey) -> Self {
        Self { asym: key.algorithm(), public: key.public_key() }
    }
}

impl Sign for HashedKey {
    fn algorithm(&self) -> AsymAlgorithm {
        self.asym
    }

    fn sign(
        &self,
        hash: HashAlgorithm,
        signed: Signed<'_>,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        let signature = signature_of(self.asym, hash, &self.public, signed);
        let needed = signature.len();
        let place = out.get_mut(..needed).ok_or(SignError::BufferTooSmall { needed })?;
        place.copy_from_slice(&signature);
        Ok(needed)
    }
}

/// Both sides' public values are random, and what they share is a hash of both. As with the signatures, anybody could
/// compute it, and the device bytes of a target are not that clever.
#[derive(Debug)]
struct HashedExchange;

/// Public values that begin with this byte are not valid.
const INVALID: u8 = 0xFF;

/// A public value of this length for this private key.
fn public_of(private: &[u8], public: &mut [u8]) {
    expand(&[b"public", private], public);
    if let Some(first @ &mut INVALID) = public.first_mut() {
        *first = 0;
    }
}

/// As many bytes as `out` has, of these.
fn expand(parts: &[&[u8]], out: &mut [u8]) {
    for (block, place) in out.chunks_mut(32).enumerate() {
        let block = block.to_le_bytes();
        let parts = [parts, &[&block]].concat();
        let digest = rustcrypto::PROVIDER.hash.digest(HashAlgorithm::Sha256, &parts);
        place.copy_from_slice(&digest.expect("SHA-256").as_bytes()[..place.len()]);
    }
}

/// What both sides share after they have sent these.
pub fn shared_secret(
    algorithm: KeyExchangeAlgorithm,
    request: &[u8],
    response: &[u8],
    shared: &mut SharedSecret,
) -> Result<(), KeyExchangeError> {
    shared.clear();
    let valid = |bytes: &[u8], len| bytes.len() == len && bytes.first() != Some(&INVALID);
    if !valid(request, algorithm.request_len()) || !valid(response, algorithm.response_len()) {
        return Err(KeyExchangeError::InvalidPeer);
    }
    let place = shared.place(algorithm.secret_len()).expect("it fits");
    expand(&[b"shared", request, response], place);
    Ok(())
}

impl KeyExchangeMethod for HashedExchange {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::PROVIDER.key_exchange(algorithm).is_some()
    }

    fn start(
        &self,
        _: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let mut private = Secret::zeroed(32).expect("it fits");
        random.fill(private.place())?;
        public_of(private.place(), public);
        Ok(private)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        let mut own = vec![0; algorithm.request_len()];
        let private = private.expose_secret().ok_or(KeyExchangeError::InvalidPrivate)?;
        public_of(private, &mut own);
        shared_secret(algorithm, &own, peer, shared)
    }

    fn respond(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        peer: &[u8],
        public: &mut [u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        self.start(algorithm, random, public)?;
        shared_secret(algorithm, peer, public, shared)
    }
}
