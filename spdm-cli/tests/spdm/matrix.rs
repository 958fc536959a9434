//! Every legal combination of version, signature algorithm and hash, between two processes.

use crate::process::{Emulator, run};

const VERSIONS: [&str; 5] = ["1.0", "1.1", "1.2", "1.3", "1.4"];
const HASHES: [&str; 6] = ["SHA_256", "SHA_384", "SHA_512", "SHA3_256", "SHA3_384", "SHA3_512"];

/// All versions and hashes with one algorithm, against one device.
fn attest_all(asym: &str) {
    let device = Emulator::start(&format!("--seed 1 --base-asym {asym}"));
    let (target, root) = (&device.target, device.root());
    for version in VERSIONS {
        if asym == "EDDSA_ED25519" && version < "1.2" {
            continue;
        }
        for hash in HASHES {
            let run = run(&format!(
                "attest {target} --trust {root} --json --min-version {version} --max-version {version} \
                 --base-asym {asym} --base-hash {hash}"
            ));
            assert_eq!(run.code, 0, "{version} {asym} {hash}: {run:?}");
            let report = run.object();
            let agreed = &report["algorithms"];
            assert_eq!(report["version"], version);
            assert_eq!((&agreed["base_asym"], &agreed["base_hash"]), (&asym.into(), &hash.into()));
        }
    }
}

#[test]
fn ecdsa_and_ed25519() {
    for asym in ["ECDSA_P256", "ECDSA_P384", "ECDSA_P521", "EDDSA_ED25519"] {
        attest_all(asym);
    }
}

#[test]
fn rsassa() {
    for asym in ["RSASSA_2048", "RSASSA_3072", "RSASSA_4096"] {
        attest_all(asym);
    }
}

#[test]
fn rsapss() {
    for asym in ["RSAPSS_2048", "RSAPSS_3072", "RSAPSS_4096"] {
        attest_all(asym);
    }
}

#[test]
fn ed25519_came_with_1_2() {
    let device = Emulator::start("--seed 1 --base-asym EDDSA_ED25519");
    let (target, root) = (&device.target, device.root());
    let run = run(&format!("attest {target} --trust {root} --max-version 1.1 --json"));
    assert_eq!((run.code, &run.object()["verified"]), (1, &false.into()), "{run:?}");
}
