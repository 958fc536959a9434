//! Signatures by another implementation: every pair of hash and curve, and both paddings of RSA.

use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Signed};

use crate::{PROVIDERS, Tally};

const MESSAGE: &[u8] = b"spdm-crypto";
const VECTORS: &str = include_str!("../vectors/openssl.txt");

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn signatures_of_openssl() {
    for provider in PROVIDERS {
        let mut tally = Tally::default();
        for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let [verdict, asym, hash, key, signature] = fields[..] else { panic!("{line}") };
            let asym = AsymAlgorithm::ALL.into_iter().find(|a| a.name() == asym).unwrap();
            let hash = HashAlgorithm::ALL.into_iter().find(|h| h.name() == hash).unwrap();
            let (key, signature) = (hex(key), hex(signature));

            assert_eq!(provider.check_key(asym, &key), Ok(()), "{line}");
            let digest = provider.hash.digest(hash, &[MESSAGE]).unwrap();
            for signed in
                [Signed::Message { bytes: MESSAGE, context: b"" }, Signed::Prehash(&digest)]
            {
                let verified = provider.verify(asym, hash, &key, signed, &signature);
                assert_eq!(verified.is_ok(), verdict == "valid", "{line}");
                tally.count(verified.is_ok());
            }
        }
        // 18 pairs on curves, 8 keys and hashes with each padding; 5 wrong salts or masks per size.
        assert_eq!(tally, Tally { accepted: 2 * 34, refused: 2 * 15 });
    }
}
