//! `--backend`: the same answers from every backend, and exit 2 for one that is not built in.

use crate::process::run;

#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn a_backend_that_is_not_built_in_is_a_usage_error() {
    for verb in ["attest emulated", "info emulated", "chain FILE", "verify FILE", "decode FILE"] {
        for line in [format!("{verb} --backend aws-lc-rs"), format!("--backend aws-lc-rs {verb}")] {
            let run = run(&line);
            assert_eq!((run.code, run.out.as_str()), (2, ""), "{line}");
            assert!(run.err.contains("aws-lc-rs was not built in"), "{line}: {}", run.err);
        }
    }
}

/// The help names the default, and what runs without `--backend` runs with it.
#[test]
fn the_fastest_backend_is_the_default() {
    let fastest = if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "rustcrypto" };
    let help = run("attest --help").out;
    let option = help.split("--backend").nth(1).unwrap_or_default();
    assert!(option.contains(&format!("[default: {fastest}]")), "{option}");
    let report = run("attest emulated --json").object();
    assert_eq!(report["verified"], true, "{report}");
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn an_emulated_device_is_attested() {
    for asym in ["ECDSA_P521", "EDDSA_ED25519", "RSAPSS_2048"] {
        for hash in ["SHA_384", "SHA3_512"] {
            let line = format!(
                "attest emulated --backend aws-lc-rs --base-asym {asym} --base-hash {hash} --json"
            );
            let run = run(&line);
            let report = run.object();
            assert_eq!((run.code, &report["verified"]), (0, &true.into()), "{line}: {run:?}");
            assert_eq!(report["algorithms"]["base_asym"], *asym);
        }
    }
    assert_eq!(run("info emulated --backend aws-lc-rs").code, 0);
}
