//! The same reports from every backend.
#![cfg(feature = "aws-lc-rs")]

use std::fs;

use crate::process::spdm;

/// Every byte of every report, of captures that verify and of those that do not.
pub(crate) fn captures_and_chains_get_the_same_verdict_from_both_backends() {
    let corpus = test_corpus::folder();
    let captures = corpus.join("captures");
    let roots = captures.join("roots");
    let mut verified: Vec<String> = Vec::new();
    let mut names: Vec<_> = fs::read_dir(&captures).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    names.sort();
    for path in names {
        let verdict = |backend: &str| {
            let (path, roots) = (path.to_str().unwrap(), roots.to_str().unwrap());
            spdm(&[
                "verify",
                path,
                "--trust",
                roots,
                "--at",
                "unchecked",
                "--json",
                "--backend",
                backend,
            ])
        };
        let (ours, theirs) = (verdict("rustcrypto"), verdict("aws-lc-rs"));
        assert_eq!((ours.code, &ours.out), (theirs.code, &theirs.out), "{}", path.display());
        if ours.code == 0 {
            verified.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    for what in [
        "ML_DSA_44",
        "ML_DSA_65",
        "ML_DSA_87",
        "EDDSA_25519",
        "RSASSA",
        "RSAPSS",
        "ECDSA_P521",
        "SHA3_256",
        "SHA3_384",
        "SHA3_512",
    ] {
        assert!(verified.iter().any(|name| name.contains(what)), "{what}: {verified:?}");
    }
    assert!(verified.len() > 100, "{}", verified.len());
}
