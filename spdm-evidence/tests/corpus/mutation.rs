//! No flipped bit and no missing byte of a response goes unnoticed where a signature covers it.

use std::collections::BTreeSet;
use std::fs;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::Verifier;
use spdm_x509::Anchor;

use crate::{AT, folder, mutate, read};

/// So many bytes from both ends of a message are changed in any case: there are the small fields. Behind
/// them lie digests, certificates and signatures, which are sampled.
const DENSE: usize = 16;
const STEP: usize = 7;

/// With P-256, for speed.
const CAPTURES: [&str; 3] = [
    "ver1.0_MCTP_p256_sha256_mbedtls",
    "asym_ECDSA_P256_SHA_256_v1.3_MCTP_mut",
    "ver1.4_MCTP_p256_sha256_mbedtls",
];

pub(crate) fn changes_are_noticed() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let mut used = BTreeSet::new();
    for (round, name) in CAPTURES.into_iter().enumerate() {
        let file = fs::read(folder.join(format!("captures/{name}.pcap"))).unwrap();
        let evidence = read(&file);
        let places =
            |at: usize, len: usize| at < DENSE || at + DENSE / 2 >= len || at % STEP == round;
        let outcome = mutate::mutate(&evidence, &verifier, places, |at| match at {
            ..DENSE => vec![1 << (at % 8), 1 << ((at + 5) % 8)],
            _ => vec![1 << (at % 8)],
        });
        assert!(outcome.changes > 1000, "{name}");
        for survivor in &outcome.survivors {
            let entry = survivor.allowed();
            used.insert(*entry.unwrap_or_else(|| panic!("{name}: {survivor:?}")));
        }
    }
    let unused: Vec<_> = mutate::ALLOWED.iter().filter(|entry| !used.contains(entry)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}
