//! Files as people have them: what other tools write, and what is right for each.

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};

use crate::process::{Folder, Run, spdm, status};

const AT: &str = "2026-12-01T00:00:00Z";

/// The path of a file of the corpus.
fn input(name: &str) -> String {
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
fn utf_16(text: &str) -> Vec<u8> {
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
    let more = folder.write("report", [&raw[..], &[0, 0, 7]].concat());
    let run = verify(&more, "root11.pem", &["--chain", &chain]);
    let expected = format!(
        "error: {more}: at offset {len}, behind the last message, 3 bytes follow that are no message\n"
    );
    assert_eq!((run.code, run.err), (2, expected));
}

/// A file that is no evidence is called what it is.
pub(crate) fn files_that_are_no_evidence() {
    let folder = Folder::new();
    let device = device();
    let answer = bytes(&device, "evidence").split_off(37);
    let pem = input("chain11.pem");
    let der = folder.write("der", std::fs::read(input("b09_cert_then_key.der")).unwrap());
    let cases = [
        (pem, "the file is PEM: certificates or keys, and no evidence"),
        (der, "the file is DER: a certificate or a key, and no evidence"),
        (folder.write("empty", ""), "the file is empty"),
        (
            folder.write("answer", &answer),
            "the file begins with MEASUREMENTS, but a transcript with GET_VERSION or GET_MEASUREMENTS",
        ),
        (folder.write("hex", "c0ffee"), "the file is hexadecimal, but not of evidence"),
        (folder.write("base64", "QUJDLUZH".repeat(10)), "the file is base64, but not of evidence"),
        (folder.write("text", "Dear all,\n"), "the file is of no known evidence format"),
    ];
    for (file, message) in cases {
        let run = verify(&file, "root11.pem", &[]);
        assert_eq!((run.code, run.err), (2, format!("error: {file}: {message}\n")));
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
    assert_eq!(both.err, format!("note: {bad} is the same device as {good}\n"));
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
    assert_eq!(run.err, format!("note: {y} is the same device as {x}\n"));
    let readme = folder.write("all/README", "nothing\n");
    std::fs::remove_file(&y).unwrap();
    let run = verify(&[&all]);
    assert_eq!((run.code, run.object()["verified"].clone()), (0, json!(true)));
    assert_eq!(run.err, format!("note: {readme} is no evidence and was passed over\n"));
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

fn chain(file: &str, root: &str, more: &[&str]) -> Run {
    let root = input(root);
    spdm(&[&["chain", file, "--trust", &root, "--at", AT], more].concat())
}

/// The first line of a verdict without the name of the file.
fn headline<'r>(run: &'r Run, file: &str) -> &'r str {
    let line = run.out.lines().next().unwrap_or_default();
    line.split_once(&format!("{file}: ")).map_or(line, |(_, why)| why)
}

pub(crate) fn a_certificate_is_named_by_its_number_in_the_file() {
    for name in ["b08_v1_leaf.pem", "b08_v1_leaf.der"] {
        let file = input(name);
        let run = chain(&file, "root_own.pem", &[]);
        let expected = "certificate 2 (leaf): version is not v3 (byte 7 of it)";
        assert_eq!((run.code, headline(&run, &file)), (1, expected), "{name}");
        let error = chain(&file, "root_own.pem", &["--json"]).object()["error"].clone();
        assert_eq!((&error["kind"], &error["message"]), (&json!("chain"), &json!(expected)));
    }
    // Leaf first.
    let folder = Folder::new();
    let pem = std::fs::read_to_string(input("b08_v1_leaf.pem")).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let blocks: Vec<&str> = pem.split_inclusive(end).filter(|block| block.ends_with(end)).collect();
    let [root, authority, leaf] = blocks[..] else { panic!("{}", blocks.len()) };
    let file = folder.write("leaf_first.pem", [leaf, authority, root].concat());
    let run = chain(&file, "root_own.pem", &[]);
    let expected = "certificate 0 (leaf): version is not v3 (byte 7 of it)";
    assert_eq!((run.code, headline(&run, &file)), (1, expected));
    // In no order.
    let pem = std::fs::read_to_string(input("chain11.pem")).unwrap();
    let blocks: Vec<&str> = pem.split_inclusive(end).filter(|block| block.ends_with(end)).collect();
    let [first, second, third] = blocks[..] else { panic!("{}", blocks.len()) };
    for (order, number) in [([first, third, second], 1), ([second, first, third], 2)] {
        let file = folder.write("mixed.pem", order.concat());
        let run = chain(&file, "root11.pem", &[]);
        assert_eq!(run.code, 1);
        let why = headline(&run, &file);
        assert!(
            why.starts_with(&format!(
                "certificate {number} does not stand beside the one that issued it"
            )),
            "{why}"
        );
    }
}

pub(crate) fn bytes_behind_the_last_certificate() {
    let folder = Folder::new();
    let root = std::fs::read(input("b09_root_then_ff.der")).unwrap();
    let root = root.get(..526).unwrap();
    let with = |name: &str, more: &[u8]| folder.write(name, [root, more].concat());
    let at = "no certificate follows behind certificate 0, at offset 526";
    for (file, expected) in [
        (
            input("b09_chain_newline.der"),
            "no certificate follows behind certificate 2, at offset 1701: 1 byte, a line end"
                .to_owned(),
        ),
        (
            input("b09_root_then_ff.der"),
            format!("{at}: 547 bytes, nothing but ff, as erased flash"),
        ),
        (
            input("b09_cert_then_key.der"),
            "no certificate follows behind certificate 0, at offset 465: 167 bytes, a key"
                .to_owned(),
        ),
        (with("zeros", &[0; 7]), format!("{at}: 7 bytes, nothing but zeros")),
        (with("crlf", b"\r\n"), format!("{at}: 2 bytes, a line end")),
        (with("p12", &[0x30, 0x82, 1, 2, 2, 1, 3, 0x30]), format!("{at}: 8 bytes, PKCS #12")),
        (with("else", b"hello"), format!("{at}: 5 bytes, bytes that begin 68656c6c6f")),
    ] {
        let run = spdm(&["chain", &file, "--at", AT]);
        assert_eq!((run.code, headline(&run, &file)), (1, expected.as_str()));
        let json = spdm(&["chain", &file, "--at", AT, "--json"]).object();
        assert_eq!(
            (&json["error"]["kind"], status(&json, "chain.format")),
            (&json!("chain"), "fail")
        );
        // As anchors, too.
        let run = spdm(&["chain", &input("chain12.pem"), "--trust", &file, "--at", AT]);
        assert_eq!((run.code, run.err), (2, format!("error: {file}: {expected}\n")));
    }
    // Without a certificate in front.
    for (bytes, what) in [
        (&[0x30, 0x82, 0, 5, 2, 1, 3, 0x30, 0xFF][..], "PKCS #12"),
        (&[0x30, 0x82, 0, 5, 2, 1, 0, 0x30, 0xFF], "DER of something else"),
    ] {
        let file = folder.write("only", bytes);
        let run = spdm(&["chain", &file]);
        let message = format!("error: {file}: there is no certificate in it, only {what}\n");
        assert_eq!((run.code, run.err), (2, message));
    }
    // A chain structure in a larger buffer.
    let certs = folder.path("certs");
    assert_eq!(spdm(&["certs", "emulated", "--out", &certs, "-q"]).code, 0);
    let mut structure = std::fs::read(format!("{certs}/slot0.bin")).unwrap();
    let len = structure.len();
    structure.resize(4096, 0xFF);
    let file = folder.write("flash.bin", &structure);
    let run = spdm(&["chain", &file]);
    let expected = format!(
        "no certificate follows behind certificate 2, at offset {len}, where Length ends: {} bytes, nothing but ff, as erased flash",
        4096 - len
    );
    assert_eq!((run.code, headline(&run, &file)), (1, expected.as_str()));
}

pub(crate) fn pem_with_other_blocks_and_comments() {
    let file = input("b11_key_and_certs.pem");
    let run = chain(&file, "root_own.pem", &[]);
    let note = "a block that is no certificate was passed over";
    assert_eq!((run.code, run.err), (0, format!("note: {file}: {note}: PRIVATE KEY\n")));
    let file = input("b11_ecparameters_first.pem");
    let run = chain(&file, "root12.pem", &[]);
    assert_eq!((run.code, run.err), (0, format!("note: {file}: {note}: EC PARAMETERS\n")));

    let folder = Folder::new();
    let pem = std::fs::read_to_string(input("chain12.pem")).unwrap();
    let begin = "-----BEGIN CERTIFICATE-----";
    let block = |label: &str, body: &str| {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let encrypted =
        block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA");
    let between = pem.replace(begin, &format!("{}{}{begin}", block("X509 CRL", "AAAA"), encrypted));
    let blanks = pem.replace(begin, &format!("{begin}\n"));
    let wide: String = pem
        .lines()
        .map(|line| if line.starts_with('-') { format!("\n{line}\n") } else { line.to_owned() })
        .collect();
    for (name, text, notes) in [
        (
            "comments",
            format!("# Ger\u{e4}t\n{}", pem.replace(begin, &format!("subject=CN = x\n{begin}")))
                .into_bytes(),
            None,
        ),
        ("Latin-1", [b"# Ger\xE4t\n", pem.as_bytes()].concat(), None),
        ("a mark", [b"\xEF\xBB\xBF", pem.as_bytes()].concat(), None),
        ("no end of line", pem.trim_end().as_bytes().to_vec(), None),
        ("blank lines", blanks.into_bytes(), None),
        ("one line each", wide.into_bytes(), None),
        ("CR LF", pem.replace('\n', "\r\n").into_bytes(), None),
        ("in spaces", pem.replace('\n', "\n  ").into_bytes(), None),
        ("an old label", pem.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes(), None),
        (
            "between",
            between.into_bytes(),
            Some("6 blocks that are no certificates were passed over: RSA PRIVATE KEY, X509 CRL"),
        ),
    ] {
        let file = folder.write("chain.pem", text);
        let run = chain(&file, "root12.pem", &[]);
        let notes = notes.map(|note| format!("note: {file}: {note}\n")).unwrap_or_default();
        assert_eq!((run.code, run.err), (0, notes), "{name}");
    }
    let cut = pem.rsplit_once("-----END").unwrap().0.to_owned();
    let line = cut.lines().position(|line| line == begin).unwrap() + 1;
    let last = cut.lines().count() - cut.lines().rev().position(|line| line == begin).unwrap();
    let damaged = pem.replacen("MII", "M!I", 1);
    for (text, message) in [
        (cut, format!("the CERTIFICATE block in line {last} has no END")),
        (damaged, format!("the CERTIFICATE block in line {line} is not base64")),
        (
            block("CERTIFICATE", "AAAA"),
            "the CERTIFICATE block in line 1 holds no DER certificate".to_owned(),
        ),
        (encrypted, "there is no certificate in it, only RSA PRIVATE KEY".to_owned()),
        ("nothing\n".to_owned(), "there is no certificate in it".to_owned()),
    ] {
        let file = folder.write("chain.pem", text);
        let run = chain(&file, "root12.pem", &[]);
        assert_eq!((run.code, run.err), (2, format!("error: {file}: {message}\n")));
    }
}

pub(crate) fn folders_of_anchors() {
    let folder = input("b11_trust_dir");
    let run = spdm(&["chain", &input("b11_key_and_certs.pem"), "--trust", &folder, "--at", AT]);
    assert!(
        run.err.starts_with(&format!(
            "note: {folder}: ca-key.pem holds no certificate and was passed over\n"
        )),
        "{}",
        run.err
    );
    assert_eq!(run.code, 1, "{run:?}");

    let own = Folder::new();
    let trust = own.path("trust");
    std::fs::create_dir_all(own.path("trust/deeper")).unwrap();
    std::fs::copy(input("root12.pem"), own.path("trust/root.pem")).unwrap();
    own.write("trust/README", "Roots\n");
    own.write("trust/key.der", [0x30, 3, 2, 1, 1]);
    let run = spdm(&["chain", &input("chain12.pem"), "--trust", &trust, "--at", AT]);
    let note =
        format!("note: {trust}: 2 files hold no certificate and were passed over (README, …)\n");
    assert_eq!((run.code, run.err), (0, note));
    std::fs::remove_file(own.path("trust/root.pem")).unwrap();
    let run = spdm(&["chain", &input("chain12.pem"), "--trust", &trust, "--at", AT]);
    let message =
        format!("error: {trust}: no certificate in it: .pem, .crt, .cer and .der files are read\n");
    assert_eq!((run.code, run.err), (2, message));
}

pub(crate) fn algorithms_that_this_build_or_spdm_does_not_have() {
    for (name, code, kind, message) in [
        (
            "b12_ed448.pem",
            2,
            "unsupported",
            "certificate 1 (leaf): this build does not have Ed448 (EDDSA_ED448)",
        ),
        (
            "b12_sm2_leaf.pem",
            2,
            "unsupported",
            "certificate 2 (leaf): this build does not have SM2 (SM2_P256)",
        ),
        (
            "b12_rsa1024_leaf.pem",
            1,
            "chain",
            "certificate 2 (leaf): no signature algorithm of SPDM has a key of RSA 1024",
        ),
    ] {
        let file = input(name);
        let run = chain(&file, "root_own.pem", &[]);
        assert_eq!((run.code, headline(&run, &file)), (code, message), "{name}");
        let error = chain(&file, "root_own.pem", &["--json"]).object()["error"].clone();
        assert_eq!((&error["kind"], &error["message"]), (&json!(kind), &json!(message)));
    }
}

pub(crate) fn chains_of_many_certificates() {
    let file = input("chain12.pem");
    let run = chain(&file, "root12.pem", &["--max-certificates", "2"]);
    let message = "the chain has 3 certificates, more than are allowed";
    assert_eq!((run.code, headline(&run, &file)), (1, message));
    assert_eq!(run.err, "hint: --max-certificates 3 allows them\n");
    assert_eq!(chain(&file, "root12.pem", &["--max-certificates", "3"]).code, 0);
    let transcript = input("b45_transcript_without_chain.bin");
    let more = ["--chain", &file, "--max-certificates", "2", "--json"];
    let report = verify(&transcript, "root12.pem", &more).object();
    assert_eq!(
        (&report["verified"], &report["error"]["message"]),
        (&json!(false), &json!(message))
    );
}

/// Keys as `--peer-key` takes them. The transcript is of a device with a chain, so no key makes it verified.
pub(crate) fn public_keys_in_any_form() {
    let folder = Folder::new();
    let transcript = input("b45_transcript_without_chain.bin");
    let check = |key: &str| spdm(&["verify", &transcript, "--peer-key", key, "--json"]);
    let good = std::fs::read_to_string(input("pk_ok.pem")).unwrap();
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(&body).unwrap();
    let with_key = std::fs::read_to_string(input("b11_trust_dir/ca-key.pem")).unwrap() + &good;
    for key in [
        input("pk_ok.pem"),
        input("b26_public_key_blank_line.pem"),
        input("b26_public_key_76_columns.pem"),
        input("root12.pem"),
        folder.write("der", &der),
        folder.write("base64", &body),
        folder.write("windows", utf_16(&good.replace('\n', "\r\n"))),
        folder.write("with_key", with_key),
    ] {
        let run = check(&key);
        assert_eq!(
            (run.code, run.object()["error"]["kind"].clone()),
            (1, json!("unproven")),
            "{key}"
        );
    }
    let private = input("b11_trust_dir/ca-key.pem");
    for (key, message) in [
        (
            private,
            "not one public key, but PRIVATE KEY: PUBLIC KEY, or one CERTIFICATE, was expected",
        ),
        (
            folder.write("junk", "junk"),
            "not a public key: PUBLIC KEY in PEM or DER, or one certificate, was expected",
        ),
    ] {
        let run = check(&key);
        assert_eq!(run.code, 2);
        assert!((run.err.clone() + &run.out).contains(message), "{run:?}");
    }
}
