//! Evidence as people have it: what other tools write, and what is right for each.

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};

use crate::process::{Folder, Run, spdm, status};

pub(crate) const AT: &str = "2026-12-01T00:00:00Z";

/// The path of a file of the corpus.
pub(crate) fn input(name: &str) -> String {
    test_corpus::folder().join("inputs").join(name).to_str().unwrap().to_owned()
}

pub(crate) fn verify(file: &str, root: &str, more: &[&str]) -> Run {
    let root = input(root);
    let args = [&["verify", file, "--trust", &root, "--at", AT], more].concat();
    spdm(&args)
}

/// The evidence of one device: `evidence` and `certificate` in base64, `nonce` in hexadecimal.
pub(crate) fn device() -> Value {
    let file = std::fs::read(input("ok_nvidia.json")).unwrap();
    let devices: Value = serde_json::from_slice(&file).unwrap();
    devices[0].clone()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text(value, name)).unwrap()
}

pub(crate) fn collectors_and_lists_of_devices() {
    for name in
        ["ok_nvidia.json", "b01_nvattest_collect.json", "b02_coco_device_evidence_list.json"]
    {
        let run = verify(&input(name), "root11.pem", &["--json"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        assert_eq!(run.object()["verified"], true, "{name}");
    }
}

/// A collector that failed says why.
pub(crate) fn a_collector_that_failed() {
    let folder = Folder::new();
    for evidences in [json!(null), json!([])] {
        let file =
            json!({"result_code": 9, "result_message": "NVML\nerror", "evidences": evidences});
        let run = verify(&folder.write("failed.json", file.to_string()), "root11.pem", &[]);
        assert_eq!(run.code, 2);
        let said = "for its collector failed (result_code 9): NVML\\nerror\n";
        assert!(run.err.ends_with(said), "{}", run.err);
    }
}

/// The same device in the forms of other tools.
pub(crate) fn json_of_other_tools() {
    let folder = Folder::new();
    let device = device();
    let (evidence, certificate) = (text(&device, "evidence"), text(&device, "certificate"));
    let (raw, pem) = (bytes(&device, "evidence"), bytes(&device, "certificate"));
    let pem = String::from_utf8(pem).unwrap();
    let nonce = text(&device, "nonce");
    let bare = json!({"evidence": evidence, "certificate": certificate});
    let wrapped: Vec<String> = evidence
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let ders: Vec<String> = pem
        .split("-----END CERTIFICATE-----")
        .filter_map(|block| block.split_once("-----BEGIN CERTIFICATE-----"))
        .map(|(_, body)| body.split_whitespace().collect())
        .collect();
    let wrap = |json: &Value| BASE64_STANDARD.encode(json.to_string());
    let forms = [
        ("a single object", device.clone()),
        (
            "NRAS",
            json!({"nonce": nonce, "arch": "HOPPER", "evidence_list": [bare], "claims_version": "2.0"}),
        ),
        (
            "Intel Trust Authority",
            json!({
                "policy_ids": [], "tdx": {"quote": "BAACAIEAAAAAAAAAk5pyM/ecTKmUCg2zlX8GBw", "verifier_nonce": {"val": "AAA=", "iat": "BBB="}},
                "nvgpu": {"gpu_nonce": nonce, "arch": "hopper", "evidence_list": [bare]}
            }),
        ),
        (
            "base64 of hexadecimal",
            json!({"evidence": BASE64_STANDARD.encode(hex::encode(&raw)), "certificate": certificate}),
        ),
        (
            "Go",
            json!([{"Arch": "HOPPER", "Nonce": BASE64_STANDARD.encode(hex::decode(nonce).unwrap()), "Evidence": evidence, "Certificate": certificate}]),
        ),
        (
            "JSON in a text",
            json!({"nvidia_payload": json!({"nonce": nonce, "evidence_list": [bare]}).to_string()}),
        ),
        (
            "JSON in base64",
            json!({"additional_evidence": wrap(&json!({"nvidia": {"device_evidence_list": [bare]}}))}),
        ),
        (
            "URL-safe",
            json!({"evidence": BASE64_URL_SAFE_NO_PAD.encode(&raw), "certificate": BASE64_URL_SAFE_NO_PAD.encode(&pem)}),
        ),
        (
            "not padded",
            json!({"evidence": BASE64_STANDARD_NO_PAD.encode(&raw), "certificate": pem}),
        ),
        (
            "wrapped lines",
            json!({"evidence": wrapped.join("\n"), "certificate": pem.replace('\n', "\r\n")}),
        ),
        ("hexadecimal", json!({"evidence": hex::encode(&raw), "certificate": hex::encode(&pem)})),
        ("numbers", json!({"evidence": raw, "certificate": pem.as_bytes()})),
        ("certificates in DER", json!({"evidence": evidence, "x5c": ders})),
        ("one PEM each", json!({"evidence": evidence, "certs": {"chain": pem}})),
        ("other names", json!({"results": {"gpus": [{"report": evidence, "chain_pem": pem}]}})),
        (
            "the chain outside",
            json!({"certificate_chain": pem, "devices": [{"attestationReport": evidence}]}),
        ),
        (
            "Redfish",
            json!({
                "SignedMeasurements": evidence, "HashingAlgorithm": "TPM_ALG_SHA_384",
                "SigningAlgorithm": "TPM_ALG_ECDSA_ECC_NIST_P384", "Version": "1.1.0",
                "Certificate": {"CertificateType": "PEMchain", "CertificateString": pem}
            }),
        ),
    ];
    for (name, json) in &forms {
        for (encoding, file) in [
            ("UTF-8", json.to_string().into_bytes()),
            ("pretty, with a mark", [b"\xEF\xBB\xBF", format!("{json:#}\r\n").as_bytes()].concat()),
            ("UTF-16", utf_16(&json.to_string())),
        ] {
            let file = folder.write("form.json", file);
            let run = verify(&file, "root11.pem", &["--json"]);
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}, {encoding}: {}", run.out);
            assert_eq!(run.object()["verified"], true, "{name}, {encoding}");
        }
    }
}

/// Little-endian with a byte order mark, as Windows shells redirect it.
pub(crate) fn utf_16(text: &str) -> Vec<u8> {
    core::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

pub(crate) fn a_nonce_beside_or_around_the_evidence_is_the_signed_one() {
    let run = verify(&input("b05_json_nonce_differs.json"), "root11.pem", &["--json"]);
    let report = run.object();
    assert_eq!((run.code, status(&report, "measurements.nonce")), (1, "fail"));
    assert_eq!(report["error"]["kind"], "nonce");
    let folder = Folder::new();
    let device = device();
    let bare = json!({"evidence": device["evidence"], "certificate": device["certificate"]});
    let other = "5a".repeat(32);
    for json in [
        json!({"nonce": other, "evidence_list": [bare]}),
        json!({"nvgpu": {"gpu_nonce": other, "evidence_list": [bare]}}),
        json!({"nonce": text(&device, "nonce"), "list": [{"nonce": other, "x": bare}]}),
    ] {
        let file = folder.write("nonce.json", json.to_string());
        let run = verify(&file, "root11.pem", &["--json"]);
        let report = run.object();
        assert_eq!((run.code, status(&report, "measurements.nonce")), (1, "fail"), "{json}");
        assert_eq!(status(&report, "measurements.signature"), "pass");
    }
}

/// What is wrong inside of a document is named by its place.
pub(crate) fn what_is_wrong_in_json_is_named_by_its_place() {
    let folder = Folder::new();
    let device = device();
    let (evidence, certificate) = (&device["evidence"], &device["certificate"]);
    let bare = json!({"evidence": evidence, "certificate": certificate});
    let raw = bytes(&device, "evidence");
    let part = |range| BASE64_STANDARD.encode(raw.get(range).unwrap());
    let cases = [
        (
            json!({"evidences": [bare, {"arch": "HOPPER", "evidence": null}]}),
            "evidences[1]: there is no SPDM evidence in this JSON",
        ),
        (
            json!([{"evidence": "not base64!", "certificate": certificate}]),
            "[0].evidence: no signed transcript: base64 or hexadecimal of GET_MEASUREMENTS and MEASUREMENTS was expected",
        ),
        (
            json!({"a": {"evidence": evidence, "certificate": "zz"}}),
            "a.certificate: no certificates: PEM or DER, or base64 of them, was expected",
        ),
        (
            json!({"evidence": evidence, "certificate": certificate, "nonce": "00"}),
            "nonce: no nonce: 32 bytes in hexadecimal or base64 were expected",
        ),
        (
            json!({"evidence": part(0..300), "certificate": certificate}),
            "evidence: MEASUREMENTS: MeasurementRecordData at offset 8 takes 262 bytes, but the message ends after 255",
        ),
        (json!({"result_code": 7, "evidences": []}), "there is no SPDM evidence in this JSON"),
    ];
    for (json, message) in cases {
        let file = folder.write("wrong.json", json.to_string());
        let run = verify(&file, "root11.pem", &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{json}");
        assert!(run.err.starts_with(&format!("error: {file}: {message}")), "{}", run.err);
    }
    let twice = format!(r#"{{"evidence": {evidence}, "evidence": {evidence}}}"#);
    let run = verify(&folder.write("twice.json", twice), "root11.pem", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.ends_with("evidence: there twice in one object\n"), "{}", run.err);
}

pub(crate) fn transcripts_as_text() {
    let chain = input("chain11.pem");
    let more = ["--chain", &chain, "--json"];
    let run = verify(&input("b07_signed_measurements.b64"), "root11.pem", &more);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let zero = input("b04_report_trailing_zero.hex");
    let run = verify(&zero, "root11.pem", &["--chain", &chain]);
    assert_eq!(run.code, 0);
    assert_eq!(run.err, "note: one zero byte behind the last message was left out\n");

    let folder = Folder::new();
    let raw = bytes(&device(), "evidence");
    let base64 = BASE64_STANDARD.encode(&raw);
    let lines = |text: &str| {
        text.as_bytes().chunks(64).map(|line| [line, b"\r\n"].concat()).collect::<Vec<_>>().concat()
    };
    for (name, file) in [
        ("lines", lines(&base64)),
        ("URL-safe", BASE64_URL_SAFE_NO_PAD.encode(&raw).into_bytes()),
        ("hexadecimal in lines", lines(&hex::encode_upper(&raw))),
        ("0x", format!("0x{}\n", hex::encode(&raw)).into_bytes()),
        ("a JSON text", json!(base64).to_string().into_bytes()),
        ("colons", pairs(&raw, ":").into_bytes()),
        ("dashes", pairs(&raw, "-").to_uppercase().into_bytes()),
        ("0x list", format!("0x{}", pairs(&raw, ", 0x")).into_bytes()),
        ("a data URL", format!("data:application/octet-stream;base64,{base64}").into_bytes()),
        ("binary", raw.clone()),
        ("UTF-16", utf_16(&base64)),
        ("twice", BASE64_STANDARD.encode(&base64).into_bytes()),
    ] {
        let run = verify(&folder.write("report", file), "root11.pem", &more);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        assert_eq!(run.object()["verified"], true, "{name}");
    }
    let padded = folder.write("report", [&raw[..], &[0; 3]].concat());
    let run = verify(&padded, "root11.pem", &["--chain", &chain]);
    assert_eq!(run.code, 0);
    assert_eq!(run.err, "note: 3 zero bytes behind the last message were left out\n");
    let len = raw.len();
    for (behind, count) in [(&b"\n"[..], 1), (&[0xFF; 4], 4), (b"\r\n", 2), (&[0x11], 1)] {
        let file = folder.write("report", [&raw[..], behind].concat());
        let run = verify(&file, "root11.pem", &["--chain", &chain]);
        let bytes = match count {
            1 => "one byte follows that is".to_owned(),
            _ => format!("{count} bytes follow that are"),
        };
        let at = raw.len();
        let expected =
            format!("error: {file}: at offset {at}, behind the last message, {bytes} no message\n");
        assert_eq!((run.code, run.err), (2, expected));
    }
    let more = folder.write("report", [&raw[..], &[0, 0, 7]].concat());
    let run = verify(&more, "root11.pem", &["--chain", &chain]);
    let expected = format!(
        "error: {more}: at offset {len}, behind the last message, 3 bytes follow that are no message\n"
    );
    assert_eq!((run.code, run.err), (2, expected));
}

/// The bytes, two digits each.
fn pairs(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
}

/// A file that is no evidence is called what it is.
pub(crate) fn files_that_are_no_evidence() {
    let folder = Folder::new();
    let device = device();
    let answer = bytes(&device, "evidence").split_off(37);
    let pem = input("chain11.pem");
    let der = folder.write("der", std::fs::read(input("b09_cert_then_key.der")).unwrap());
    let cases = [
        (pem, "the file holds certificates, and no evidence"),
        (der, "the file holds certificates, and no evidence"),
        (folder.write("empty", ""), "the file is empty"),
        (
            folder.write("answer", &answer),
            "the file begins with MEASUREMENTS, but a transcript with GET_VERSION or GET_MEASUREMENTS",
        ),
        (
            folder.write("hex", "c0ffee"),
            "the file is hexadecimal of something else, and no evidence",
        ),
        (
            folder.write("base64", "QUJDLUZH".repeat(10)),
            "the file is base64 of something else, and no evidence",
        ),
        (folder.write("text", "Dear all,\n"), "the file is of no known evidence format"),
    ];
    for (file, message) in cases {
        let run = verify(&file, "root11.pem", &[]);
        assert_eq!(run.code, 2, "{file}");
        assert_eq!(run.err.lines().next(), Some(&*format!("error: {file}: {message}")));
    }
}

pub(crate) fn a_signature_without_a_chain_is_not_checked() {
    let file = input("b45_transcript_without_chain.bin");
    let run = verify(&file, "root12.pem", &[]);
    assert_eq!(run.code, 1);
    let why = "no signature of the device could be verified: signed, not checked: no usable certificate chain of this slot";
    assert!(run.out.starts_with(&format!("NOT VERIFIED  {file}: {why}\n")), "{}", run.out);
    assert!(run.out.contains("\nMeasurements (signed, not checked)\n"), "{}", run.out);
    assert_eq!(run.err, "hint: --chain FILE gives the device's certificate chain\n");
    let json = verify(&file, "root12.pem", &["--json"]).object();
    assert_eq!(json["error"]["kind"], "unproven");
    let run = verify(&file, "root12.pem", &["--chain", &input("chain12.pem"), "--json"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.object()["verified"], true);
}

/// The chain in whatever form it comes.
pub(crate) fn the_chain_of_a_transcript_in_other_forms() {
    let folder = Folder::new();
    let pem = std::fs::read_to_string(input("chain12.pem")).unwrap();
    let blocks: Vec<&str> = pem.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let der = |block: &str| {
        let body: String = block.lines().filter(|line| !line.starts_with('-')).collect();
        BASE64_STANDARD.decode(body).unwrap()
    };
    let ders: Vec<u8> = blocks.iter().flat_map(|block| der(block)).collect();
    let reversed: String = blocks.iter().rev().copied().collect();
    let one_line = pem.replace('\n', "\\n");
    for (name, chain) in [
        ("reversed", reversed.into_bytes()),
        ("DER", ders.clone()),
        ("base64 of DER", BASE64_STANDARD.encode(&ders).into_bytes()),
        (
            "Redfish",
            json!({"CertificateString": pem, "CertificateType": "PEMchain"})
                .to_string()
                .into_bytes(),
        ),
        ("Windows", utf_16(&pem.replace('\n', "\r\n"))),
        ("one line", one_line.into_bytes()),
        ("Latin-1", [b"Ger\xE4t\n".as_slice(), pem.as_bytes()].concat()),
    ] {
        let chain = folder.write("chain", chain);
        let file = input("b45_transcript_without_chain.bin");
        let run = verify(&file, "root12.pem", &["--chain", &chain, "--json"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        assert_eq!(run.object()["verified"], true, "{name}");
    }
}

pub(crate) fn several_files_and_folders() {
    let folder = Folder::new();
    let good = std::fs::read(input("ok_nvidia.json")).unwrap();
    let bad = std::fs::read(input("b05_json_nonce_differs.json")).unwrap();
    let [good, bad] = [folder.write("a.json", good), folder.write("b.json", bad)];
    let root = input("root11.pem");
    let options = ["--trust", &root, "--at", AT, "--json"];
    let verify = |files: &[&str]| spdm(&[&["verify"], files, &options].concat());
    let both = verify(&[&good, &bad]);
    let targets: Vec<_> = both.objects().iter().map(|report| report["target"].clone()).collect();
    assert_eq!((both.code, targets), (1, vec![json!(good), json!(bad)]));
    let claims = "shows the certificate of the same device as";
    let note =
        |one: &str, other: &str| format!("{one} {claims} {other}, but not both are verified");
    assert_eq!(both.err, format!("note: {}\n", note(&bad, &good)));
    assert_eq!(both.objects()[1]["notes"], json!([note(&bad, &good)]));
    let twice = verify(&[&good, &folder.write("c.json", std::fs::read(&good).unwrap())]);
    let same = format!("{} is the same device as {good}", folder.path("c.json"));
    assert_eq!((twice.code, &twice.objects()[1]["notes"]), (0, &json!([same])));
    // One that cannot be read does not keep the others from being judged.
    let missing = folder.path("missing.json");
    let run = verify(&[&missing, &good]);
    let [unreadable, verified] = &run.objects()[..] else { panic!("{run:?}") };
    assert_eq!((run.code, &verified["verified"]), (2, &json!(true)));
    let message = unreadable["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("{missing}: ")), "{message}");
    assert!(run.err.starts_with(&format!("error: {missing}: ")), "{}", run.err);

    std::fs::create_dir_all(folder.path("all/deeper")).unwrap();
    std::fs::copy(&good, folder.path("all/deeper/x.json")).unwrap();
    std::fs::copy(&bad, folder.path("all/y")).unwrap();
    let all = folder.path("all");
    let run = verify(&[&all]);
    let [x, y] = [folder.path("all/deeper/x.json"), folder.path("all/y")];
    assert_eq!((run.code, run.objects().len()), (1, 2));
    assert_eq!(run.err, format!("note: {}\n", note(&y, &x)));
    let readme = folder.write("all/README", "nothing\n");
    std::fs::remove_file(&y).unwrap();
    let run = verify(&[&all]);
    assert_eq!((run.code, run.object()["verified"].clone()), (0, json!(true)));
    let passed = format!("{readme} is no evidence and was passed over");
    assert_eq!(run.err, format!("note: {passed}\n"));
    assert_eq!(run.object()["notes"], json!([passed]));
    #[cfg(unix)]
    {
        let link = folder.path("all/link");
        std::os::unix::fs::symlink(folder.path("."), &link).unwrap();
        let note =
            format!("note: {link} is a link to a folder or no regular file and was passed over\n");
        let run = verify(&[&all]);
        assert_eq!((run.code, run.err.ends_with(&note)), (0, true), "{}", run.err);
        std::fs::remove_file(&link).unwrap();
    }
    // What is evidence, but damaged, is not passed over.
    folder.write("all/z.json", r#"[{"evidence": "", "certificate": "x"}]"#);
    assert_eq!(verify(&[&all]).code, 2);
    std::fs::remove_dir_all(folder.path("all/deeper")).unwrap();
    std::fs::remove_file(folder.path("all/z.json")).unwrap();
    let none = verify(&[&all]);
    assert_eq!((none.code, none.err), (2, format!("error: {all}: no evidence in it\n")));
}

pub(crate) fn many_documents_in_one_file() {
    let folder = Folder::new();
    let device = device();
    let own = folder.path("own.json");
    let root = folder.path("root.pem");
    let attest = spdm(&["attest", "emulated", "--evidence", &own, "-q"]);
    assert_eq!(attest.code, 0, "{attest:?}");
    let document: Value = serde_json::from_slice(&std::fs::read(&own).unwrap()).unwrap();
    drop(root);
    let lines = format!("{document}\n{document}\n");
    for (name, file, connections) in [
        ("lines", lines, 2),
        ("an array", json!([document, device]).to_string(), 2),
        ("an object around", json!({"rounds": [document, document, document]}).to_string(), 3),
    ] {
        let file = folder.write("many.json", file);
        let run = verify(&file, "root11.pem", &["--json"]);
        assert_eq!((run.code, run.objects().len()), (1, connections), "{name}: {}", run.err);
        for report in run.objects() {
            assert_eq!(status(&report, "measurements.signature"), "pass", "{name}");
        }
    }
    // The same device twice in a list of devices.
    let twice = folder.write("twice.json", json!([device, device]).to_string());
    let run = verify(&twice, "root11.pem", &[]);
    assert_eq!(
        (run.code, run.err),
        (0, format!("note: {twice}#1 is the same device as {twice}#0\n"))
    );
}
