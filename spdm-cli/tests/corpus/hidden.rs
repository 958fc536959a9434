//! JSON in which a good device stands in front of something that would not verify: never silently verified.

use core::time::Duration;
use std::time::Instant;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use crate::inputs::{AT, device, input, verify};
use crate::process::{Folder, spdm, status};

/// A device with some members replaced.
fn with(device: &Value, members: &Value) -> Value {
    let mut changed = device.clone();
    let more = members.as_object().unwrap().clone();
    changed.as_object_mut().unwrap().extend(more);
    changed
}

/// The evidence of a device, with another version in GET_MEASUREMENTS: no transcript any more.
fn damaged(device: &Value) -> String {
    let mut evidence = BASE64_STANDARD.decode(device["evidence"].as_str().unwrap()).unwrap();
    evidence[1] ^= 0x80;
    BASE64_STANDARD.encode(evidence)
}

/// Each file is an error that begins like this.
fn are_errors<const N: usize>(cases: [(String, &str); N]) {
    let folder = Folder::new();
    for (json, message) in cases {
        let file = folder.write("hidden.json", &json);
        let run = verify(&file, "root11.pem", &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{json}");
        assert!(run.err.starts_with(&format!("error: {file}: {message}")), "{}", run.err);
    }
}

pub(crate) fn a_class_of_devices_that_a_machine_has_none_of() {
    let folder = Folder::new();
    for none in [json!([]), Value::Null] {
        let json = json!({"gpu_evidence": [device()], "switch_evidence": none}).to_string();
        let run = verify(&folder.write("classes.json", &json), "root11.pem", &[]);
        assert_eq!(run.code, 0, "{json}: {run:?}");
    }
}

pub(crate) fn a_device_that_is_missing_beside_others() {
    let good = device();
    let bad = damaged(&good);
    let empty = with(&good, &json!({"evidence": ""}));
    let null = with(&good, &json!({"evidence": null}));
    let none = "there is no SPDM evidence in this JSON";
    let mut report = with(&good, &json!({"report": bad}));
    report.as_object_mut().unwrap().remove("evidence");
    let mut bare = good.clone();
    let certificate = bare.as_object_mut().unwrap().remove("certificate").unwrap();
    let second = |what: &Value| json!([good, what]).to_string();
    let at_1 = format!("[1]: {none}");
    are_errors([
        // Whatever stands in a list of devices.
        (second(&json!(bad)), &at_1),
        (second(&json!("evidence missing")), &at_1),
        (second(&json!(false)), &at_1),
        (second(&json!([])), &at_1),
        (json!([good["evidence"], bad, "", "0000"]).to_string(), &at_1),
        // Devices in objects of their own.
        (json!([{"gpu": good}, {"gpu": empty}]).to_string(), &at_1),
        (json!([{"gpu": good}, {"gpu": null}, {}]).to_string(), &at_1),
        (
            json!({"gpu0": good, "gpu1": empty}).to_string(),
            "gpu1.evidence: there is no SPDM evidence",
        ),
        (
            json!({"gpu0": good, "gpu1": {"evidence": bad}}).to_string(),
            "gpu1.evidence: no signed transcript",
        ),
        (json!({"gpu0": {"evidence": []}, "gpu1": good}).to_string(), "gpu0.evidence: there is no"),
        (
            json!({"gpu0": good, "gpu1": report}).to_string(),
            "gpu1: certificates, but no SPDM evidence beside them",
        ),
        // Certificates around the devices.
        (
            json!({"certificate": certificate, "devices": {
                "gpu0": bare, "gpu1": with(&bare, &json!({"evidence": bad}))
            }})
            .to_string(),
            "devices.gpu1.evidence: no signed transcript",
        ),
        // Lines.
        (format!("{good}\n{empty}\n"), &at_1),
        (format!("{good}\n{null}"), &at_1),
        (format!("{good}\n{{}}\nnull"), &at_1),
        (format!("[] {good}"), "[0]: there is no SPDM evidence in this JSON"),
    ]);
}

/// A map of devices: a member without a value is a device that is missing, where it is like the others.
pub(crate) fn a_device_that_is_missing_in_a_map() {
    let good = device();
    let none = "there is no SPDM evidence in this JSON";
    are_errors(
        [json!(null), json!({}), json!(""), json!([]), json!("gone"), json!(false)].map(
            |missing| (json!({"gpu0": good, "gpu1": missing}).to_string(), "gpu1: there is no"),
        ),
    );
    are_errors([
        (json!({"GPU-1af": good, "GPU-2be": null}).to_string(), "GPU-2be: there is no"),
        (json!({"front": good, "left": good, "back": null}).to_string(), "back: there is no"),
        (json!({"all": {"gpu1": null, "gpu0": good}}).to_string(), "all.gpu1: there is no"),
        (json!({"gpu0": null}).to_string(), none),
    ]);
    let folder = Folder::new();
    let json = json!({"gpu": good, "error": null, "count": 1}).to_string();
    let run = verify(&folder.write("null.json", json), "root11.pem", &[]);
    let note = "note: a member without a value beside a device was left out\n";
    assert_eq!((run.code, run.err.as_str()), (0, note));
}

/// The algorithm that an option names holds for the file, too.
pub(crate) fn algorithms_that_contradict_the_file() {
    let folder = Folder::new();
    let good = with(
        &device(),
        &json!({"SigningAlgorithm": "TPM_ALG_ECDSA_ECC_NIST_P384", "HashingAlgorithm": "TPM_ALG_SHA_384"}),
    );
    let file = folder.write("named.json", json!({"gpu": good}).to_string());
    for (options, code, message) in [
        (&[][..], 0, ""),
        (&["--base-asym", "ECDSA_P384"], 0, ""),
        (
            &["--base-asym", "ECDSA_P256"],
            2,
            "gpu.SigningAlgorithm: the file says ECDSA_P384, but ECDSA_P256 was given\n\
             hint: --base-asym contradicts the file: leave it out\n",
        ),
        (
            &["--base-hash", "SHA_256"],
            2,
            "gpu.HashingAlgorithm: the file says SHA_384, but SHA_256 was given\n\
             hint: --base-hash contradicts the file: leave it out\n",
        ),
    ] {
        let run = verify(&file, "root11.pem", options);
        assert_eq!(run.code, code, "{options:?}");
        assert!(run.err.ends_with(message), "{}", run.err);
    }
    // Where the file does not name them, the length of the signature may.
    let bare = folder.write("bare.json", device().to_string());
    let run = verify(&bare, "root11.pem", &["--base-asym", "ECDSA_P256"]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("not as long as one of ECDSA_P256, but as one of ECDSA_P384"),
        "{}",
        run.err
    );
    assert!(run.err.ends_with("hint: --base-asym ECDSA_P384 says so\n"), "{}", run.err);
    let run = verify(&bare, "root11.pem", &["--base-hash", "SHA3_384"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("hint: the file does not say which algorithms"), "{}", run.err);
}

/// The chain that is given beside evidence that holds its own.
pub(crate) fn a_chain_beside_the_own_one() {
    let (root, capture) = (input("root12.pem"), input("b14_tcp_dsp0287.pcap"));
    let judge = |file: &str, root: &str, chain: &str| {
        spdm(&["verify", file, "--trust", root, "--at", AT, "--chain", &input(chain)])
    };
    let run = judge(&capture, &root, "chain12.pem");
    let same = "holds this chain of slot 0 itself: --chain is not needed\n";
    assert_eq!((run.code, run.err), (0, format!("note: {capture} {same}")));
    let run = judge(&capture, &root, "chain11.pem");
    let other = format!(
        "is not the chain of slot 0 that {capture} holds itself\nhint: leave out --chain\n"
    );
    assert_eq!(run.code, 2);
    assert!(run.err.ends_with(&other), "{}", run.err);
    let json = input("ok_nvidia.json");
    assert_eq!(judge(&json, &input("root11.pem"), "chain12.pem").code, 2);
    let run = judge(&json, &input("root11.pem"), "chain11.pem");
    assert_eq!((run.code, run.err), (0, format!("note: {json} {same}")));
    let run = judge(&capture, &root, "key_that_is_not_there.pem");
    assert_eq!(run.code, 2);
    let run = judge(&capture, &root, "ok_nvidia.json");
    assert_eq!(run.code, 2);
    assert!(
        run.err.starts_with(&format!("error: --chain {}: ", input("ok_nvidia.json"))),
        "{}",
        run.err
    );
}

/// JSON with evidence or certificates is not one of the other files in a folder.
pub(crate) fn a_device_that_is_missing_in_a_folder() {
    let good = device();
    for (bad, message) in [
        (with(&good, &json!({"evidence": ""})), "evidence: there is no SPDM evidence in this JSON"),
        (json!({"certificate": good["certificate"]}), "certificates, but no SPDM evidence"),
    ] {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("all")).unwrap();
        folder.write("all/a.json", good.to_string());
        let file = folder.write("all/b.json", bad.to_string());
        let run = verify(&folder.path("all"), "root11.pem", &[]);
        assert_eq!(run.code, 2, "{bad}");
        assert!(run.err.starts_with(&format!("error: {file}: {message}")), "{}", run.err);
    }
}

/// A place is written out only for a message, and there not in full.
pub(crate) fn a_long_name_in_front_of_many_places() {
    let folder = Folder::new();
    let name = "a".repeat(1_000_000);
    let nulls = vec!["null"; 300_000].join(",");
    let file = folder.write("many.json", format!(r#"{{"{name}":[{nulls}]}}"#));
    let start = Instant::now();
    assert_eq!(verify(&file, "root11.pem", &[]).code, 2);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let json = json!({name: {"evidence": "", "certificate": "zz"}}).to_string();
    let run = verify(&folder.write("long.json", json), "root11.pem", &[]);
    let cut = format!(": {}….certificate: no certificates", "a".repeat(64));
    assert!(run.err.contains(&cut) && run.err.len() < 500, "{}", run.err);
    // Each level reads what is in it once more.
    let (open, close) = (r#"{"certificate":"#.repeat(20_000), "}".repeat(20_000));
    let run = verify(&folder.write("deep.json", format!("{open}1{close}")), "root11.pem", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("nested too deeply"), "{}", run.err);
}

/// A document of our own holds nothing that is passed over, and is not empty.
pub(crate) fn a_document_with_more_or_less_in_it() {
    let folder = Folder::new();
    let own = folder.path("own.json");
    assert_eq!(spdm(&["attest", "emulated", "--evidence", &own, "-q"]).code, 0);
    let own: Value = serde_json::from_slice(&std::fs::read(&own).unwrap()).unwrap();
    let empty = with(&own, &json!({"exchanges": []}));
    let bad = with(&device(), &json!({"evidence": "AAAA"}));
    let mut row = own.clone();
    row["exchanges"][0]["second"] = json!({"request": "12e0", "response": null});
    are_errors([
        (with(&own, &json!({"devices": [bad]})).to_string(), "JSON: unknown field `devices`"),
        (row.to_string(), "JSON: unknown field `second`"),
        (empty.to_string(), "there is no SPDM message in the file"),
        (format!("{own}{empty}"), "[1]: there is no SPDM message in the file"),
        (json!([own, empty]).to_string(), "[1]: there is no SPDM message in the file"),
    ]);
}

/// All the nonces that evidence names are the signed one.
pub(crate) fn several_nonces() {
    let folder = Folder::new();
    let good = device();
    let (signed, other) = (&good["nonce"], json!("5a".repeat(32)));
    for (json, code) in [
        (with(&good, &json!({"spdm_nonce": other})), 1),
        (with(&good, &json!({"Nonce": other})), 1),
        (with(&good, &json!({"NONCE": other, "spdm_nonce": "6b".repeat(32)})), 1),
        (with(&good, &json!({"nonce": other, "Nonce": signed})), 1),
        (json!({"nonce": other, "list": [good]}), 1),
        (json!({"nonce": signed, "list": [with(&good, &json!({"nonce": other}))]}), 1),
        (json!({"nonce": signed, "list": [with(&good, &json!({"spdm_nonce": signed}))]}), 0),
        (with(&good, &json!({"nonce": null})), 0),
    ] {
        let run = verify(&folder.write("nonces.json", json.to_string()), "root11.pem", &["--json"]);
        let is_refused = status(&run.object(), "measurements.nonce") == "fail";
        assert_eq!((run.code, is_refused), (code, code == 1), "{json}");
    }
    are_errors([json!(["00".repeat(32)]), json!({"value": "00"}), json!(7), json!(false)].map(
        |nonce| (with(&good, &json!({"nonce": nonce})).to_string(), "nonce: no nonce: 32 bytes"),
    ));
    let around = json!({"nonce": {"iat": "AAAA"}, "list": [good]}).to_string();
    let run = verify(&folder.write("around.json", around), "root11.pem", &[]);
    assert_eq!((run.code, run.err.lines().count()), (0, 1), "{run:?}");
}

/// A chain around devices is not copied for each of them, and too many of them are not all kept first.
pub(crate) fn a_chain_around_many_devices() {
    let mut bare = device();
    let certificate = bare.as_object_mut().unwrap().remove("certificate").unwrap();
    let devices = |count: usize| {
        json!({"certificate": certificate, "devices": vec![&bare; count]}).to_string()
    };
    are_errors([(devices(4200), "4097 connections are too many for one file")]);
    let folder = Folder::new();
    let run = verify(&folder.write("many.json", devices(20)), "root11.pem", &["--json"]);
    assert_eq!((run.code, run.objects().len()), (0, 20));
}

/// Certificates that contradict each other are an error; what is none among them is noted.
pub(crate) fn other_certificates() {
    let good = device();
    let pem = BASE64_STANDARD.decode(good["certificate"].as_str().unwrap()).unwrap();
    let pem = String::from_utf8(pem).unwrap();
    let begin = "-----BEGIN CERTIFICATE-----";
    let (_, second) = pem[1..].split_once(begin).unwrap();
    let second = format!("{begin}{second}");
    let twice = format!("{second}{second}");
    let differs = "certificate: not the certificates that another member beside it holds";
    are_errors([
        (
            with(&good, &json!({"Certificate": "not one"})).to_string(),
            "Certificate: no certificates",
        ),
        (
            with(&good, &json!({"cert_chain": "anVuaw=="})).to_string(),
            "cert_chain: no certificates",
        ),
        (with(&good, &json!({"cert_chain": twice})).to_string(), differs),
    ]);
    let folder = Folder::new();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let ders: Vec<u8> = pem
        .split("-----END CERTIFICATE-----")
        .filter_map(|block| block.split_once(begin))
        .flat_map(|(_, body)| {
            BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()
        })
        .collect();
    let junk = BASE64_STANDARD.encode([&ders[..], b"trailing"].concat());
    for (members, note) in [
        (json!({"cert_chain": good["certificate"]}), ""),
        (json!({"cert_chain": second}), ""),
        (
            json!({"certificate": format!("{pem}{key}")}),
            "note: a block of PEM that is no certificate was left out\n",
        ),
        (
            json!({"certificate": junk}),
            "note: 8 bytes behind the certificates, which are none, were left out\n",
        ),
    ] {
        let file = folder.write("certificates.json", with(&good, &members).to_string());
        let run = verify(&file, "root11.pem", &[]);
        assert_eq!((run.code, run.err.as_str()), (0, note), "{members}");
    }
}
