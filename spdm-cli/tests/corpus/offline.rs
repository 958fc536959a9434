//! `spdm verify` over captures and evidence of the corpus.

use std::path::Path;

use crate::process::{run, status};

/// Anchors of the sample chains.
fn captured(corpus: &Path, name: &str, root: &str, more: &str) -> crate::process::Run {
    let (captures, at) = (corpus.join("captures"), "2026-07-01T00:00:00Z");
    let root = captures.join("roots").join(root);
    let file = captures.join(name);
    run(&format!("verify {} --trust {} --at {at} --json {more}", file.display(), root.display()))
}

pub(crate) fn captures_of_the_reference_implementation() {
    let corpus = test_corpus::folder();
    for (name, root) in [
        ("ver1.0_TCP_p384_sha384_conn.pcap", "ecp384.der"),
        ("asym_ECDSA_P384_SHA_384_v1.2_DOE_nomut.pcap", "ecp384.der"),
        ("asym_RSAPSS_3072_SHA_384_v1.3_MCTP_mut.pcap", "rsa3072.der"),
        ("asym_EDDSA_25519_SHA_512_v1.2_MCTP_mut.pcap", "ed25519.der"),
    ] {
        let verified = captured(&corpus, name, root, "--slot 0");
        let report = &verified.objects()[0];
        assert_eq!((verified.code, &report["verified"]), (0, &true.into()), "{name}: {report}");
        assert_eq!(report["fresh"], serde_json::Value::Null);
        let other = captured(&corpus, name, "ecp256.der", "--slot 0");
        let report = &other.objects()[0];
        assert_eq!((other.code, status(report, "chain.anchor")), (1, "fail"), "{name}");
    }
}

pub(crate) fn evidence_of_real_hardware() {
    let corpus = test_corpus::folder();
    let file = corpus.join("nvidia/gpu_evidence.json");
    let file = file.display();
    let unknown = run(&format!("verify {file} --json"));
    let reports = unknown.objects();
    assert_eq!((unknown.code, reports.len()), (1, 3));
    let root = reports[0]["identity"]["root_sha256"].as_str().unwrap();
    let pinned = run(&format!("verify {file} --json --trust-root-hash {root}"));
    assert_eq!(pinned.code, 0, "{pinned:?}");
    assert!(pinned.objects().iter().all(|report| report["verified"] == true));
    let other = "00".repeat(32);
    let stale = run(&format!("verify {file} --json --trust-root-hash {root} --nonce {other}"));
    assert_eq!(stale.code, 1);
    for report in stale.objects() {
        assert_eq!(status(&report, "measurements.nonce"), "fail");
        assert_eq!((&report["verified"], &report["fresh"]), (&false.into(), &false.into()));
    }
}

pub(crate) fn a_report_and_its_chain_in_two_files() {
    let corpus = test_corpus::folder();
    let report = corpus.join("nvidia/hopperAttestationReport.txt");
    let chain = corpus.join("nvidia/hopperCertChain.txt");
    let line = format!("verify {} --chain {}", report.display(), chain.display());
    let run = run(&line);
    assert_eq!(run.code, 1);
    assert!(run.out.contains(": no trust anchor\n"), "{}", run.out);
    assert!(run.out.contains("NVIDIA:GH100:48B02D92494BADF4"), "{}", run.out);
}
