//! `spdm chain`.

use serde_json::Value;

use crate::process::{Folder, run, status};

#[test]
fn a_fetched_chain() {
    let folder = Folder::new();
    let out = folder.path("certs");
    let root = run(&format!("certs emulated --json --out {out}"));
    assert_eq!(root.code, 0);
    let object = root.object();
    let root = object["identity"]["root_sha256"].as_str().unwrap();
    for file in ["slot0.bin", "slot0.pem"] {
        let unknown = run(&format!("chain {out}/{file} --json"));
        let report = unknown.object();
        assert_eq!((unknown.code, status(&report, "chain.anchor")), (1, "fail"), "{file}");
        let pinned = run(&format!("chain {out}/{file} --json --trust-root-hash {root}"));
        let report = pinned.object();
        assert_eq!((pinned.code, &report["verified"]), (0, &true.into()), "{file}: {report}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 15);
    }
    let shown = run(&format!("chain {out}/slot0.bin"));
    assert!(shown.out.contains("Certificate 2 (leaf)"), "{}", shown.out);
    assert!(shown.out.contains("name         DMTF ACME:WIDGET:0123456789"), "{}", shown.out);
    assert!(shown.out.contains(&format!("--trust-root-hash {root}")), "{}", shown.out);
    assert!(!shown.out.contains("BasicConstraintsMissing"), "{}", shown.out);
    let explained = run(&format!("chain {out}/slot0.bin --explain --trust-root-hash {root}"));
    for part in [
        "Certificate 0 (root, trust anchor)",
        "chain.certificates, certificate 1",
        "holds  The leaf has keyUsage.",
        "verifies under O=SPDM emulator, CN=ECDSA_P521 root CA",
    ] {
        assert!(explained.out.contains(part), "{part}: {}", explained.out);
    }
    assert!(!explained.out.contains("BROKEN"), "{}", explained.out);
}

/// What is wrong is said beside the certificate that it is wrong with, and in the object for programs.
#[test]
fn a_chain_that_is_refused() {
    let folder = Folder::new();
    let out = folder.path("certs");
    assert_eq!(run(&format!("certs emulated -q --out {out}")).code, 0);
    let mut bytes = std::fs::read(format!("{out}/slot0.bin")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let bad = folder.write("bad.bin", bytes.clone());
    let json = run(&format!("chain {bad} --json"));
    let report = json.object();
    assert_eq!((json.code, report["chain"]["outcome"].as_str()), (1, Some("bad_chain")));
    assert_eq!(report["chain"]["certificates"][2]["broken"], serde_json::json!(["Signature"]));
    assert_eq!(report["chain"]["rules"], Value::Null);
    assert_eq!(report["error"]["field"], "CERTIFICATE.signatureValue");
    let text = run(&format!("chain {bad} --explain"));
    assert!(text.out.starts_with("NOT VERIFIED"), "{}", text.out);
    assert!(text.out.contains("BROKEN  The signature verifies."), "{}", text.out);

    let unknown = run(&format!("chain {out}/slot0.bin --json --explain"));
    let report = unknown.object();
    assert_eq!(report["chain"]["outcome"], "unknown_authority");
    let rules = report["chain"]["rules"].as_array().unwrap();
    let broken: Vec<_> = rules.iter().filter(|rule| rule["status"] == "broken").collect();
    assert_eq!((broken.len(), &broken[0]["rule"]), (1, &"NoTrustAnchor".into()));

    // What is no chain at all is shown as far as it can be read: here the last certificate cannot.
    let at = bytes.len() - 10;
    bytes[at] ^= 0x40;
    bytes.truncate(at);
    let length = u16::try_from(at).unwrap().to_le_bytes();
    bytes[..2].copy_from_slice(&length);
    let cut = folder.write("cut.bin", bytes);
    let text = run(&format!("chain {cut}"));
    assert_eq!(text.code, 1);
    assert!(text.out.contains("Certificate 1\n"), "{}", text.out);
    let json = run(&format!("chain {cut} --json"));
    assert_eq!(json.object()["chain"], Value::Null);
}

#[test]
fn revocations_and_intermediate_anchors() {
    let folder = Folder::new();
    let out = folder.path("certs");
    let certs = run(&format!("certs emulated --json --out {out}"));
    let object = certs.object();
    let root = object["identity"]["root_sha256"].as_str().unwrap();
    let trusted = format!("chain {out}/slot0.bin --json --trust-root-hash {root}");
    let pem = |index: usize| object["certificates"][index].as_str().unwrap().as_bytes().to_vec();
    for index in 0..3 {
        let file = folder.write("revoked.pem", pem(index));
        let revoked = run(&format!("{trusted} --revoked {file}"));
        let report = revoked.object();
        assert_eq!((revoked.code, status(&report, "chain.certificates")), (1, "fail"), "{index}");
        assert_eq!(
            report["chain"]["certificates"][index]["broken"],
            serde_json::json!(["Revoked"])
        );
    }
    assert_eq!(run(&format!("{trusted} --revoked-key {root}")).code, 0, "no key has this digest");
    let authority = folder.write("authority.pem", pem(1));
    let by_authority = format!("chain {out}/slot0.bin --json --trust-intermediate {authority}");
    let report = run(&by_authority).object();
    assert_eq!(report["chain"]["outcome"], "trusted");
    assert_eq!(report["chain"]["anchor"]["in_chain"], true);
    // As a root it is none.
    assert_eq!(run(&format!("chain {out}/slot0.bin --trust {authority}")).code, 1);
}

#[test]
fn no_revocation_of_a_folder_is_left_out() {
    let folder = Folder::new();
    let out = folder.path("certs");
    let object = run(&format!("certs emulated --json --out {out}")).object();
    let root = object["identity"]["root_sha256"].as_str().unwrap();
    let list = folder.path("list");
    std::fs::create_dir(&list).unwrap();
    folder.write("list/README.txt", "no certificate");
    folder.write("list/LEAF.PEM", object["certificates"][2].as_str().unwrap());
    let judge = format!("chain {out}/slot0.bin --json --trust-root-hash {root} --revoked {list}");
    let revoked = run(&judge);
    assert_eq!((revoked.code, status(&revoked.object(), "chain.certificates")), (1, "fail"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", folder.path("list/gone.pem")).unwrap();
        assert_eq!(run(&judge).code, 2, "a revocation that cannot be read");
    }
}

#[test]
fn profiles() {
    let folder = Folder::new();
    let out = folder.path("certs");
    let certs = run(&format!("certs emulated --json --out {out}"));
    let root = certs.object()["identity"]["root_sha256"].as_str().unwrap().to_owned();
    for profile in ["strict", "compatible"] {
        let line = format!("chain {out}/slot0.bin --trust-root-hash {root} --profile {profile}");
        assert_eq!(run(&line).code, 0, "{profile}");
    }
    assert_eq!(run(&format!("chain {out}/slot0.bin --profile lenient")).code, 2);
}
