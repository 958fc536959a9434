//! Signatures by another implementation: every pair of hash and curve, and both paddings of RSA.

use alloc::format;
use alloc::vec::Vec;

use super::hex;
use super::report::Suite;
use crate::asym_algorithm::AsymAlgorithm;
use crate::hash_algorithm::HashAlgorithm;
use crate::provider::Provider;
use crate::verify::Signed;

const MESSAGE: &[u8] = b"spdm-crypto";
const VECTORS: &str = include_str!("signatures.txt");

/// 18 pairs on curves, 16 of RSA; and 15 with wrong salts or masks, which must not verify.
pub(super) fn signatures(provider: &Provider, suite: &mut Suite) {
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [verdict, asym, hash, key, signature] = fields[..] else {
            suite.check(false, || format!("not a vector: {line}"));
            continue;
        };
        let asym = AsymAlgorithm::ALL.into_iter().find(|a| a.name() == asym).unwrap();
        let hash = HashAlgorithm::ALL.into_iter().find(|h| h.name() == hash).unwrap();
        if !provider.supports(asym, hash) {
            continue;
        }
        let (key, signature) = (hex(key), hex(signature));
        suite.equal(provider.check_key(asym, &key), Ok(()), || format!("{asym}, the key"));
        let mut verify = |signed| {
            let verified = provider.verify(asym, hash, &key, signed, &signature);
            suite.equal(verified.is_ok(), verdict == "valid", || format!("{asym} with {hash}"));
        };
        verify(Signed::Message { bytes: MESSAGE, context: b"" });
        if let Ok(digest) = provider.hash.digest(hash, &[MESSAGE]) {
            verify(Signed::Prehash(&digest));
        }
    }
}
