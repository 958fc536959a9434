//! The least that an attestation or a session can cost: its signatures on ready digests, and each byte that is signed or
//! compared hashed once; of a session also every derivation, every pass over a record and the key exchange, once.

use core::cell::RefCell;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, AsymAlgorithm, Bank, Digest, Hash, HashAlgorithm, Invalid, Kdf,
    KdfError, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, NONCE_LEN, Provider,
    RunningHash, Secret, SecureRandom, SharedSecret, Signed, TAG_LEN, Unsupported, Verify,
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

/// One derivation.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Derivation {
    Hmac { hash: HashAlgorithm, key: Vec<u8>, message: Vec<u8> },
    Extract { hash: HashAlgorithm, salt: Vec<u8>, input: Vec<u8> },
    Expand { hash: HashAlgorithm, key: Vec<u8>, info: Vec<u8>, len: usize },
}

/// One pass over a record.
#[derive(Clone, Debug)]
struct Pass {
    algorithm: AeadAlgorithm,
    key: Vec<u8>,
    nonce: [u8; NONCE_LEN],
    associated: Vec<u8>,
    data: Vec<u8>,
    /// Of a record that is opened.
    tag: Option<[u8; TAG_LEN]>,
}

/// A Requester's part of a key exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub algorithm: KeyExchangeAlgorithm,
    /// The private key, as RustCrypto keeps it.
    pub private: Vec<u8>,
    /// The Responder's `ExchangeData`.
    pub peer: Vec<u8>,
}

/// What an attestation or a part of a session does.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    hashed: Vec<(HashAlgorithm, Vec<u8>)>,
    signatures: Vec<Signature>,
    derivations: Vec<Derivation>,
    passes: Vec<Pass>,
    pub exchange: Option<Exchange>,
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

fn see_derivation(derivation: Derivation) {
    SEEN.with_borrow_mut(|floor| {
        if !floor.derivations.contains(&derivation) {
            floor.derivations.push(derivation);
        }
    });
}

fn bytes_of(secret: &Secret) -> Vec<u8> {
    secret.expose_secret().expect("secrets are bytes").to_vec()
}

fn kdf(hash: HashAlgorithm) -> &'static dyn Kdf {
    PROVIDER.kdf(hash).expect("a known hash")
}

impl Kdf for Spy {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        PROVIDER.kdf(hash).is_some()
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        see_derivation(Derivation::Hmac { hash, key: bytes_of(key), message: parts.concat() });
        kdf(hash).hmac(hash, key, parts)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        let (salt_bytes, bytes) = (bytes_of(salt), input.to_vec());
        see_derivation(Derivation::Extract { hash, salt: salt_bytes, input: bytes });
        kdf(hash).extract(hash, salt, input)
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        let (key_bytes, len) = (bytes_of(key), out.len());
        see_derivation(Derivation::Expand { hash, key: key_bytes, info: info.concat(), len });
        kdf(hash).expand_into(hash, key, info, out)
    }
}

fn aead(algorithm: AeadAlgorithm) -> &'static dyn Aead {
    PROVIDER.aead(algorithm).expect("a known AEAD")
}

impl Aead for Spy {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        PROVIDER.aead(algorithm).is_some()
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let (data, associated_data) = (in_out.to_vec(), associated.to_vec());
        SEEN.with_borrow_mut(|floor| {
            floor.passes.push(Pass {
                algorithm,
                key: bytes_of(key),
                nonce: *nonce,
                associated: associated_data,
                data,
                tag: None,
            });
        });
        aead(algorithm).seal(algorithm, key, nonce, associated, in_out)
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
        let (data, associated_data) = (in_out.to_vec(), associated.to_vec());
        SEEN.with_borrow_mut(|floor| {
            floor.passes.push(Pass {
                algorithm,
                key: bytes_of(key),
                nonce: *nonce,
                associated: associated_data,
                data,
                tag: Some(*tag),
            });
        });
        aead(algorithm).open(algorithm, key, nonce, associated, in_out, tag)
    }
}

impl KeyExchangeMethod for Spy {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        PROVIDER.key_exchange(algorithm).is_some()
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        PROVIDER.key_exchange(algorithm).expect("a known one").start(algorithm, random, public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        let exchange = Exchange { algorithm, private: bytes_of(private), peer: peer.to_vec() };
        SEEN.with_borrow_mut(|floor| floor.exchange = Some(exchange));
        let method = PROVIDER.key_exchange(algorithm).expect("a known one");
        method.finish(algorithm, private, peer, shared)
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
    /// The provider that sees everything.
    pub const SPY: Provider = Provider {
        hash: &Spy,
        verifiers: &[&Spy],
        key_exchanges: &[&Spy],
        kdfs: &[&Spy],
        aeads: &[&Spy],
        random: &Fixed,
    };

    /// Watches what is done with [`Self::SPY`].
    pub fn watch(run: impl FnOnce()) -> Self {
        SEEN.take();
        run();
        SEEN.take()
    }

    /// What was seen since the last [`Self::watch`] or since this was called.
    #[must_use]
    pub fn taken() -> Self {
        SEEN.take()
    }

    /// The same with running hashes: what begins with bytes that were hashed before, here or in `before`, goes on from
    /// there.
    #[must_use]
    pub fn running(mut self, before: &Self) -> Self {
        let mut known = before.hashed.clone();
        for (hash, bytes) in &mut self.hashed {
            let whole = (*hash, bytes.clone());
            let prefixes = known.iter().filter(|(other, prefix)| {
                other == hash && bytes.starts_with(prefix) && prefix.len() < bytes.len()
            });
            let longest = prefixes.map(|(_, prefix)| prefix.len()).max().unwrap_or(0);
            bytes.drain(..longest);
            known.push(whole);
        }
        self
    }

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
        for derivation in &self.derivations {
            core::hint::black_box(derivation.run(provider));
        }
        for pass in &self.passes {
            pass.run(provider);
        }
    }
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::new(bytes).expect("it was one")
}

impl Derivation {
    fn run(&self, provider: &Provider) -> Option<Secret> {
        let kdf = |hash| provider.kdf(hash).expect("a known hash");
        match self {
            Self::Hmac { hash, key, message } => {
                let mac = kdf(*hash).hmac(*hash, &secret(key), &[message]);
                core::hint::black_box(mac.expect("an HMAC"));
                None
            }
            Self::Extract { hash, salt, input } => {
                Some(kdf(*hash).extract(*hash, &secret(salt), input).expect("a secret"))
            }
            Self::Expand { hash, key, info, len } => {
                Some(kdf(*hash).expand(*hash, &secret(key), &[info], *len).expect("a secret"))
            }
        }
    }
}

impl Pass {
    fn run(&self, provider: &Provider) {
        let Self { algorithm, key, nonce, associated, data, tag } = self;
        let aead = provider.aead(*algorithm).expect("a known AEAD");
        let mut data = data.clone();
        match tag {
            None => {
                let tag = aead.seal(*algorithm, &secret(key), nonce, associated, &mut data);
                core::hint::black_box(tag).expect("it is sealed");
            }
            Some(tag) => aead
                .open(*algorithm, &secret(key), nonce, associated, &mut data, tag)
                .expect("it was sealed"),
        }
        core::hint::black_box(data);
    }
}
