//! The least that an attestation can cost: its signatures on ready digests, and each byte that is signed or
//! compared hashed once.

use core::cell::RefCell;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AsymAlgorithm, Bank, Digest, Hash, HashAlgorithm, Invalid, Provider, RunningHash, Signed,
    Unsupported, Verify,
};

use crate::replay::{Fixed, Recording};

/// One signature.
#[derive(Clone, Debug)]
struct Signature {
    asym: AsymAlgorithm,
    hash: HashAlgorithm,
    key: Vec<u8>,
    signed: OwnedSigned,
    signature: Vec<u8>,
}

/// What it is over: ready digests where the algorithm takes them, so that hashing is counted on its own.
#[derive(Clone, Debug)]
enum OwnedSigned {
    Prehash(Digest),
    Message { bytes: Vec<u8>, context: Vec<u8> },
}

/// What an attestation hashes and verifies.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    hashed: Vec<(HashAlgorithm, Vec<u8>)>,
    signatures: Vec<Signature>,
}

std::thread_local! {
    static SEEN: RefCell<Floor> = RefCell::default();
}

fn see_hashed(hash: HashAlgorithm, bytes: Vec<u8>) -> Digest {
    let digest = PROVIDER.hash.digest(hash, &[&bytes]).expect("a known hash");
    SEEN.with_borrow_mut(|floor| {
        // Who hashes the same twice does more than the least.
        if !floor.hashed.contains(&(hash, bytes.clone())) {
            floor.hashed.push((hash, bytes));
        }
    });
    digest
}

#[derive(Debug)]
struct Spy;

impl Hash for Spy {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        PROVIDER.hash.supports(hash)
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        Ok(see_hashed(hash, parts.concat()))
    }
}

impl Verify for Spy {
    fn supports(&self, asym: AsymAlgorithm, hash: HashAlgorithm) -> bool {
        PROVIDER.supports(asym, hash)
    }

    fn check_key(&self, asym: AsymAlgorithm, key: &[u8]) -> Result<(), Invalid> {
        PROVIDER.check_key(asym, key)
    }

    fn verify(
        &self,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let signed = match signed {
            Signed::Prehash(digest) => OwnedSigned::Prehash(*digest),
            Signed::Message { bytes, .. } if asym.takes_prehash() => {
                OwnedSigned::Prehash(see_hashed(hash, bytes.to_vec()))
            }
            Signed::Message { bytes, context } => {
                OwnedSigned::Message { bytes: bytes.to_vec(), context: context.to_vec() }
            }
        };
        let (key, signature) = (key.to_vec(), signature.to_vec());
        let seen = Signature { asym, hash, key, signed, signature };
        SEEN.with_borrow_mut(|floor| floor.signatures.push(seen));
        Ok(())
    }
}

/// A running hash that remembers what went in.
#[derive(Clone, Debug)]
pub struct SpyRunning {
    hash: HashAlgorithm,
    bytes: Vec<u8>,
}

impl RunningHash for SpyRunning {
    fn start(hash: HashAlgorithm) -> Result<Self, Unsupported> {
        Ok(Self { hash, bytes: Vec::new() })
    }

    fn update(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    fn snapshot(&self) -> Digest {
        see_hashed(self.hash, self.bytes.clone())
    }
}

impl Floor {
    /// Watches `attest` with a provider and hashes that see everything.
    pub fn of(
        recording: &Recording,
        attest: impl FnOnce(&Recording, Provider, &mut Bank<SpyRunning, 2>),
    ) -> Self {
        SEEN.take();
        let spy = Provider { hash: &Spy, verifiers: &[&Spy], random: &Fixed, ..PROVIDER };
        attest(recording, spy, &mut Bank::new());
        SEEN.take()
    }

    /// How many signatures there are.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// How many bytes are hashed.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.hashed.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Does it with a backend.
    ///
    /// # Panics
    /// Where a signature does not verify: then nothing was measured.
    #[inline(never)]
    pub fn run(&self, provider: &Provider) {
        for (hash, bytes) in &self.hashed {
            core::hint::black_box(provider.hash.digest(*hash, &[bytes])).expect("a known hash");
        }
        for Signature { asym, hash, key, signed, signature } in &self.signatures {
            let signed = match signed {
                OwnedSigned::Prehash(digest) => Signed::Prehash(digest),
                OwnedSigned::Message { bytes, context } => Signed::Message { bytes, context },
            };
            let verified = provider.verify(*asym, *hash, key, signed, signature);
            verified.expect("it is a signature");
        }
    }
}
