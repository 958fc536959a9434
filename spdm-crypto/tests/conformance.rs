//! Every backend of this crate through the conformance suite; and the suite itself, which must find what is
//! wrong.

use spdm_crypto::conformance::{self, ConformanceReport};
use spdm_crypto::rustcrypto::{self, PROVIDER};
use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, AsymAlgorithm, Bank, Digest, Hash, HashAlgorithm, Invalid, Kdf,
    KdfError, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, NONCE_LEN, NoRandom,
    Provider, RandomUnavailable, Secret, SecureRandom, SharedSecret, Signed, TAG_LEN, Unsupported,
    Verify,
};

fn assert_passed(report: &ConformanceReport) {
    println!("{report}");
    assert!(report.is_passed());
    assert!(report.missing().is_empty(), "{:?}", report.missing());
    // No suite is empty where nothing is missing.
    assert!(report.suites().iter().all(|suite| suite.checked > 4));
}

/// Half of the time goes into one of these: they run beside one another.
fn rustcrypto_passes(chosen: impl Fn(&str) -> bool) {
    let mut bank = Bank::<rustcrypto::Running, 3>::new();
    assert_passed(&conformance::run_some(&PROVIDER, &mut bank, chosen));
}

#[test]
fn rustcrypto_passes_key_exchange() {
    rustcrypto_passes(|suite| suite.starts_with("key exchange"));
}

#[test]
fn rustcrypto_passes_all_else() {
    rustcrypto_passes(|suite| !suite.starts_with("key exchange"));
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn aws_lc_rs_passes() {
    use spdm_crypto::aws_lc_rs;

    let mut bank = Bank::<aws_lc_rs::Running, 3>::new();
    assert_passed(&conformance::run(&aws_lc_rs::PROVIDER, &mut bank));
}

#[test]
fn what_is_missing_is_named() {
    let provider = Provider {
        verifiers: &[&rustcrypto::Ecdsa],
        key_exchanges: &[&rustcrypto::Ecdh, &MlKemWithoutImport],
        kdfs: &[],
        aeads: &[&rustcrypto::ChaCha20Poly1305],
        random: &NoRandom,
        ..PROVIDER
    };
    let mut bank = Bank::<rustcrypto::Running, 3>::new();
    let report = conformance::run_some(&provider, &mut bank, |name| name.starts_with("HMAC"));
    let mut missing: Vec<String> = AsymAlgorithm::ALL
        .into_iter()
        .filter(|asym| !matches!(asym, AsymAlgorithm::Ecdsa(_)))
        .map(|asym| asym.to_string())
        .collect();
    missing.extend(["FFDHE_2048", "FFDHE_3072", "FFDHE_4096"].map(str::to_owned));
    missing.extend(
        ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"]
            .map(|name| format!("{name}: private keys from outside, for known answers")),
    );
    missing.extend(HashAlgorithm::ALL.map(|hash| format!("HMAC and HKDF with {hash}")));
    missing.extend(["AES_128_GCM", "AES_256_GCM", "random numbers"].map(str::to_owned));
    assert_eq!(report.missing(), missing);
    assert!(report.is_passed() && report.suites().iter().all(|suite| suite.checked == 0));
    for line in ["HMAC: Wycheproof: 0 checked, 0 failed", "missing: RSASSA_2048"] {
        assert!(report.to_string().contains(line), "{report}");
    }
}

/// The suite of this name finds something, and says what.
fn assert_found(suite: &str, provider: Provider) {
    let mut bank = Bank::<rustcrypto::Running, 3>::new();
    let run = |provider| conformance::run_some(provider, &mut bank, |name| name == suite);
    let report = [&provider].map(run);
    let [report] = &report;
    assert_eq!(report.suites().len(), 1, "{suite}");
    assert!(!report.is_passed(), "{suite} finds nothing");
    assert!(report.to_string().lines().any(|line| line.starts_with("    ")), "{report}");
}

#[test]
fn a_verifier_that_accepts_everything_is_found() {
    for suite in ["Ed25519: Wycheproof", "Ed25519: prehashes", "Ed25519: small order and encodings"]
    {
        assert_found(suite, Provider { verifiers: &[&AcceptsAll], ..PROVIDER });
    }
}

#[test]
fn wrong_digests_are_found() {
    assert_found("hashes", Provider { hash: &WrongSha384, ..PROVIDER });
}

#[test]
fn a_bank_of_another_backend_with_fewer_hashes_is_found() {
    assert_found("running hashes", Provider { hash: &NoSha3, ..PROVIDER });
}

#[test]
fn a_key_exchange_that_strips_zeros_or_keeps_old_secrets_is_found() {
    let provider = Provider { key_exchanges: &[&StripsZeros], ..PROVIDER };
    assert_found("key exchange: known answers", provider);
    let provider = Provider { key_exchanges: &[&KeepsOldSecrets], ..PROVIDER };
    assert_found("key exchange: invalid peers", provider);
}

#[test]
fn a_derivation_that_ignores_what_it_is_for_is_found() {
    assert_found("HKDF: composed of HMAC", Provider { kdfs: &[&IgnoresInfo], ..PROVIDER });
    assert_found("HKDF: Wycheproof", Provider { kdfs: &[&IgnoresInfo], ..PROVIDER });
}

#[test]
fn plaintext_without_a_valid_tag_is_found() {
    assert_found("AEAD: refusals", Provider { aeads: &[&DecryptsFirst], ..PROVIDER });
}

#[test]
fn a_stuck_source_of_random_numbers_is_found() {
    assert_found("random numbers", Provider { random: &Stuck, ..PROVIDER });
}

#[derive(Debug)]
struct AcceptsAll;

impl Verify for AcceptsAll {
    fn supports(&self, asym: AsymAlgorithm, _: HashAlgorithm) -> bool {
        asym == AsymAlgorithm::Ed25519
    }

    fn verify(
        &self,
        _: AsymAlgorithm,
        _: HashAlgorithm,
        _: &[u8],
        _: Signed<'_>,
        _: &[u8],
    ) -> Result<(), Invalid> {
        Ok(())
    }

    fn check_key(&self, _: AsymAlgorithm, _: &[u8]) -> Result<(), Invalid> {
        Ok(())
    }
}

/// SHA-512, cut off.
#[derive(Debug)]
struct WrongSha384;

impl Hash for WrongSha384 {
    fn supports(&self, _: HashAlgorithm) -> bool {
        true
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        if hash != HashAlgorithm::Sha384 {
            return PROVIDER.hash.digest(hash, parts);
        }
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha512, parts)?;
        let front = digest.as_bytes().get(..48).and_then(Digest::new);
        front.ok_or_else(|| Unsupported::new(hash))
    }
}

#[derive(Debug)]
struct NoSha3;

impl Hash for NoSha3 {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        matches!(hash, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        PROVIDER.hash.digest(hash, parts)
    }
}

#[derive(Debug)]
struct MlKemWithoutImport;

impl KeyExchangeMethod for MlKemWithoutImport {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::MlKem.supports(algorithm)
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        rustcrypto::MlKem.start(algorithm, random, public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        rustcrypto::MlKem.finish(algorithm, private, peer, shared)
    }
}

/// As an implementation with numbers of any size may do it.
#[derive(Debug)]
struct StripsZeros;

impl KeyExchangeMethod for StripsZeros {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::Ecdh.supports(algorithm)
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        rustcrypto::Ecdh.start(algorithm, random, public)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        rustcrypto::Ecdh.import(algorithm, private, public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        rustcrypto::Ecdh.finish(algorithm, private, peer, shared)?;
        let secret = shared.expose_secret().iter().copied().skip_while(|byte| *byte == 0);
        let secret: Vec<u8> = secret.collect();
        if let Some(place) = shared.place(secret.len()) {
            place.copy_from_slice(&secret);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct KeepsOldSecrets;

impl KeyExchangeMethod for KeepsOldSecrets {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        rustcrypto::Ecdh.supports(algorithm)
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        rustcrypto::Ecdh.start(algorithm, random, public)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        let mut secret = SharedSecret::new();
        rustcrypto::Ecdh.finish(algorithm, private, peer, &mut secret)?;
        *shared = secret;
        Ok(())
    }
}

#[derive(Debug)]
struct IgnoresInfo;

impl Kdf for IgnoresInfo {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        rustcrypto::Hkdf.supports(hash)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        rustcrypto::Hkdf.hmac(hash, key, parts)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        rustcrypto::Hkdf.extract(hash, salt, input)
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        _: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        rustcrypto::Hkdf.expand_into(hash, key, &[], out)
    }
}

/// AES-GCM whose refusal comes after the decryption.
#[derive(Debug)]
struct DecryptsFirst;

impl Aead for DecryptsFirst {
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
        rustcrypto::AesGcm.seal(algorithm, key, nonce, associated, in_out)
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
        let opened = rustcrypto::AesGcm.open(algorithm, key, nonce, associated, in_out, tag);
        if opened.is_err() {
            // The stream of the counter mode is the same both ways.
            let _ = self.seal(algorithm, key, nonce, associated, in_out);
        }
        opened
    }
}

#[derive(Debug)]
struct Stuck;

impl SecureRandom for Stuck {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        out.fill(4);
        Ok(())
    }
}
