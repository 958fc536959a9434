//! The host proves who it is: `--identity` and `--identity-key`. The chain and the key in tests/host are for these tests alone.

use std::fs;

use crate::process::{Folder, run};

fn host(file: &str) -> String {
    format!("{}/tests/host/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn identity() -> String {
    format!("--identity {} --identity-key {}", host("chain.pem"), host("key.pem"))
}

#[test]
fn a_device_that_does_not_ask_is_not_told() {
    for verb in ["attest", "attest --session", "measure", "measure --session", "session"] {
        for identity in [identity(), format!("--identity-key {}", host("key.pem"))] {
            let run = run(&format!("{verb} emulated {identity} --json"));
            assert_eq!(run.code, 0, "{verb}: {run:?}");
            let notes = run.object()["notes"].to_string();
            assert!(notes.contains("did not ask the host to authenticate itself"), "{notes}");
        }
    }
    // Nobody is told about an identity that is not there.
    let run = run("attest emulated --json");
    assert!(!run.object()["notes"].to_string().contains("the host"), "{run:?}");
}

/// The file that is wrong is named, before anything is said to a device.
#[test]
fn a_file_that_is_wrong_is_named() {
    let folder = Folder::new();
    let pem = fs::read_to_string(host("chain.pem")).unwrap();
    let leaf = pem.split("-----BEGIN").last().unwrap();
    let leaf_only = folder.path("leaf.pem");
    fs::write(&leaf_only, format!("-----BEGIN{leaf}")).unwrap();
    let empty = folder.path("empty.pem");
    fs::write(&empty, "").unwrap();
    let (chain, key, missing) = (host("chain.pem"), host("key.pem"), folder.path("missing.pem"));
    for (options, words) in [
        (format!("--identity {chain}"), "--identity-key"),
        (format!("--identity-slot 2 --identity-key {key}"), "--identity"),
        (format!("--identity {chain} --identity-key {key} --identity-slot 8"), "8 is not in 0..=7"),
        (format!("--identity {missing} --identity-key {key}"), "missing.pem"),
        (format!("--identity {chain} --identity-key {missing}"), "missing.pem"),
        (format!("--identity-key {chain}"), "chain.pem: the file holds CERTIFICATE, CERTIFICATE"),
        (format!("--identity-key {empty}"), "empty.pem: the private key is damaged"),
        (format!("--identity {key} --identity-key {key}"), "key.pem"),
        (format!("--identity {empty} --identity-key {key}"), "empty.pem"),
        (format!("--identity {leaf_only} --identity-key {key}"), "leaf.pem: the root is missing"),
    ] {
        let run = run(&format!("attest emulated {options}"));
        assert_eq!(run.code, 2, "{options}: {run:?}");
        assert!(format!("{}{}", run.out, run.err).contains(words), "{options}: {run:?}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = Folder::new();
    let pem = fs::read_to_string(host("chain.pem")).unwrap();
    let root = pem.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    let path = folder.path("root.pem");
    fs::write(&path, root).unwrap();
    let run = run(&format!("attest emulated --identity {path} --identity-key {}", host("key.pem")));
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("key.pem: not the key of the last certificate in"), "{run:?}");
}
