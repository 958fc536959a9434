//! `--ear`: attestation results.

use std::fs;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use p256::ecdsa::signature::Verifier as _;
use pem_rfc7468::LineEnding;
use serde_json::{Value, json};
use spdm_crypto::{AsymAlgorithm, EcCurve};

use crate::process::{Emulator, Folder, run, spdm};
use crate::schema::{check, schema};
use crate::testing::{key_for, tlv};

const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const P384: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);

/// A private key in a file.
fn key_file(folder: &Folder, asym: AsymAlgorithm) -> String {
    let der = key_for(asym, "Verifier").to_pkcs8_der().unwrap();
    let pem = pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, &der).unwrap();
    private(folder, "key.pem", &pem)
}

fn private(folder: &Folder, name: &str, pem: &str) -> String {
    let path = folder.write(name, pem);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

/// The claims in a file that nobody signed.
fn claims(path: &str) -> Value {
    let claims = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    check(&schema("ear"), &claims);
    claims
}

/// Header, claims, what is signed, and the signature.
fn token(path: &str) -> (Value, Value, String, Vec<u8>) {
    let token = fs::read_to_string(path).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims = serde_json::from_slice(&decode(payload)).unwrap();
    check(&schema("ear"), &claims);
    let header = serde_json::from_slice(&decode(header)).unwrap();
    (header, claims, format!("{}.{}", parts[0], parts[1]), decode(signature))
}

fn vector(submodule: &Value) -> [u64; 4] {
    ["instance-identity", "configuration", "executables", "hardware"]
        .map(|claim| submodule["ear_trustworthiness_vector"][claim].as_u64().unwrap())
}

#[test]
fn a_token_of_each_curve_verifies_elsewhere() {
    let folder = Folder::new();
    let ear = folder.path("ear.jwt");
    for verb in ["attest", "measure"] {
        let key = key_file(&folder, P256);
        let run = run(&format!("{verb} emulated -q --ear {ear} --ear-key {key}"));
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""));
        let (header, claims, message, signature) = token(&ear);
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
        let public = key_for(P256, "Verifier").public_key();
        let public = p256::ecdsa::VerifyingKey::from_sec1_bytes(&public).unwrap();
        let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
        public.verify(message.as_bytes(), &signature).unwrap();
        assert_eq!(claims["submods"]["emulated"]["ear_status"], "affirming");
    }
    let key = key_file(&folder, P384);
    assert_eq!(run(&format!("attest emulated -q --ear {ear} --ear-key {key}")).code, 0);
    let (header, _, message, signature) = token(&ear);
    assert_eq!(header, json!({"alg": "ES384", "typ": "JWT"}));
    let public = key_for(P384, "Verifier").public_key();
    let public = p384::ecdsa::VerifyingKey::from_sec1_bytes(&public).unwrap();
    let signature = p384::ecdsa::Signature::from_slice(&signature).unwrap();
    public.verify(message.as_bytes(), &signature).unwrap();
    assert!(public.verify(&message.as_bytes()[1..], &signature).is_err());
}

#[test]
fn keys_in_sec1_sign_and_others_are_refused() {
    let folder = Folder::new();
    let ear = folder.path("ear.jwt");
    let pkcs8 = key_for(P256, "Verifier").to_pkcs8_der().unwrap();
    let begin = [2, 1, 1, 4, 32];
    let at = pkcs8.windows(5).position(|window| window == begin).unwrap() + 5;
    let curve = tlv(6, &[&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]]);
    let secret = tlv(4, &[&pkcs8[at..at + 32]]);
    let sec1 = tlv(0x30, &[&[2, 1, 1], &secret, &tlv(0xA0, &[&curve])]);
    let pem = pem_rfc7468::encode_string("EC PRIVATE KEY", LineEnding::LF, &sec1).unwrap();
    let key = private(&folder, "sec1.pem", &pem);
    assert_eq!(run(&format!("attest emulated -q --ear {ear} --ear-key {key}")).code, 0);
    let whole = fs::read(&ear).unwrap();

    // Nothing is said to a device, and what was there stays.
    let p521 = key_file(&folder, AsymAlgorithm::Ecdsa(EcCurve::P521));
    let missing = folder.path("missing.pem");
    let certificate = folder.write("certificate.pem", "-----BEGIN CERTIFICATE-----\n");
    for (options, words) in [
        (format!("--ear {ear} --ear-key {p521}"), "key.pem: a key of ECDSA_P521"),
        (format!("--ear {ear} --ear-key {missing}"), "missing.pem"),
        (format!("--ear {ear} --ear-key {certificate}"), "certificate.pem"),
        (format!("--ear-key {key}"), "--ear <FILE>"),
        (format!("--ear {}/no/ear", folder.path("x")), "no/ear"),
        ("--ear - --evidence -".to_owned(), "standard output"),
    ] {
        let run = run(&format!("attest emulated {options}"));
        assert_eq!(run.code, 2, "{options}: {run:?}");
        assert!(run.err.contains(words) && run.out.is_empty(), "{options}: {run:?}");
    }
    assert_eq!(fs::read(&ear).unwrap(), whole);
    let unsigned = run(&format!("measure emulated --unsigned --ear {ear}"));
    assert_eq!(unsigned.code, 2, "{unsigned:?}");
}

#[test]
fn without_a_key_the_claims_are_named_as_what_they_are() {
    let folder = Folder::new();
    let ear = folder.path("ear.json");
    let nonce = "5a".repeat(32);
    let run = run(&format!("attest emulated --nonce {nonce} --ear {ear}"));
    assert_eq!(run.code, 0, "{}", run.err);
    let note = format!("note: {ear}: claims that nobody signed: --ear-key signs them");
    assert!(run.err.replace('\n', " ").contains(&note), "{}", run.err);
    let claims = claims(&ear);
    assert_eq!(claims["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode([0x5A; 32]));
    let build = claims["ear_verifier_id"]["build"].as_str().unwrap();
    assert!(build.starts_with(concat!("spdm ", env!("CARGO_PKG_VERSION"))), "{build}");
    // Debugging is not active, and nobody said what should run.
    let submodule = &claims["submods"]["emulated"];
    assert_eq!(vector(submodule), [2, 3, 0, 0]);
    // To standard output, where nothing else is then.
    let run = crate::process::run("attest emulated --json --ear -");
    let claims: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(claims["submods"]["emulated"]["ear_status"], "affirming");
}

#[test]
fn a_result_is_written_of_a_rejected_device_too() {
    let folder = Folder::new();
    let ear = folder.path("ear.json");
    let reference = json!({"measurements": [{"index": 1, "value": "00".repeat(48)}]});
    let reference = folder.write("reference.json", reference.to_string());
    let differs = run(&format!("attest emulated -q --reference {reference} --ear {ear}"));
    assert_eq!(differs.code, 1);
    let submodule = claims(&ear)["submods"]["emulated"].clone();
    assert_eq!(submodule["ear_status"], "contraindicated");
    assert_eq!(vector(&submodule), [2, 3, 96, 0]);
    for (fault, status, identity) in
        [("bad-signature", "contraindicated", 97), ("silent", "none", 0)]
    {
        let device = Emulator::start(&format!("--seed 1 --base-asym ECDSA_P256 --fault {fault}"));
        let (target, root) = (&device.target, device.root());
        let options = format!("--trust {root} --timeout 1 --ear {ear}");
        let run = run(&format!("attest {target} -q {options}"));
        assert_ne!(run.code, 0, "{fault}");
        let submodule = claims(&ear)["submods"][target].clone();
        assert_eq!(submodule["ear_status"], status, "{fault}");
        assert_eq!(vector(&submodule)[0], identity, "{fault}");
        assert!(submodule.get("spdm_identity").is_none());
    }
    // Nobody is there, and nobody vouches for the root.
    let run = run(&format!("attest tcp:127.0.0.1:1 -q --ear {ear}"));
    assert_eq!(run.code, 3);
    assert_eq!(claims(&ear)["submods"]["tcp:127.0.0.1:1"]["ear_status"], "none");
    let device = Emulator::start("--seed 1");
    let run = crate::process::run(&format!("measure {} -q --ear {ear}", device.target));
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(claims(&ear)["submods"][&device.target]["ear_status"], "none");
}

/// A session says as much of a device as an attestation; a pre-shared key says nothing.
#[test]
fn a_session_has_a_result_too() {
    let folder = Folder::new();
    let (ear, key) = (folder.path("ear.jwt"), key_file(&folder, P384));
    let nonce = "5a".repeat(32);
    let line = format!("session emulated -q --nonce {nonce} --ear {ear} --ear-key {key}");
    let signed = run(&line);
    assert_eq!((signed.code, signed.out.as_str(), signed.err.as_str()), (0, "", ""));
    let (header, claims, ..) = token(&ear);
    assert_eq!(header["alg"], "ES384");
    assert_eq!(claims["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode([0x5A; 32]));
    let submodule = &claims["submods"]["emulated"];
    assert_eq!(submodule["ear_status"], "affirming");
    assert_eq!(vector(submodule), [2, 3, 0, 0]);
    // Without measurements the signature of KEY_EXCHANGE_RSP is what there is.
    let line = format!("session emulated -q --measurements none --ear {ear} --ear-key {key}");
    assert_eq!(run(&line).code, 0);
    let (_, claims, ..) = token(&ear);
    assert_eq!(vector(&claims["submods"]["emulated"]), [2, 0, 0, 0]);
    assert!(claims["eat_nonce"].is_string());
    // It is written whatever the verdict is.
    let device = Emulator::start("--seed 1 --fault bad-signature");
    let (target, root) = (&device.target, device.root());
    let run = run(&format!("session {target} -q --trust {root} --ear {ear} --ear-key {key}"));
    assert_ne!(run.code, 0);
    let (_, claims, ..) = token(&ear);
    assert_eq!(claims["submods"][target]["ear_status"], "contraindicated");
    let psk = private(&folder, "psk.bin", "a key");
    let run = spdm(&["session", target, "--psk", &psk, "--ear", &ear]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("cannot be used with"), "{}", run.err);
    let run = spdm(&["session", target, "--pcap", "-", "--ear", "-"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("standard output"), "{}", run.err);
}

#[test]
fn a_policy_is_named_by_its_digest() {
    let folder = Folder::new();
    let ear = folder.path("ear.json");
    let policy = folder.write("policy.json", r#"{"schema":1,"require":{"fresh":true}}"#);
    let run = run(&format!("attest emulated --json --policy {policy} --ear {ear}"));
    let sha256 = run.object()["policy"]["sha256"].clone();
    let submodule = claims(&ear)["submods"]["emulated"].clone();
    assert_eq!(submodule["ear_appraisal_policy_ids"], json!([sha256]));
}

/// Each connection is a submodule of its own, and so is a file that cannot be read.
#[test]
fn connections_and_files_are_submodules() {
    let device = Emulator::start("--seed 7");
    let (root, folder) = (device.root(), Folder::new());
    let (one, two) = (folder.path("one.json"), folder.path("two.json"));
    let (ear, target) = (folder.path("ear.json"), &device.target);
    let attest = |file: &str, more: &str| {
        let options = format!("--trust {root} --evidence {file} --ear {ear} {more}");
        assert_eq!(run(&format!("attest {target} -q {options}")).code, 0);
        claims(&ear)
    };
    assert!(attest(&one, "").get("eat_nonce").is_some());
    // Each round has a nonce of its own.
    let rounds = attest(&two, "--repeat 2");
    assert!(rounds.get("eat_nonce").is_none());
    let names: Vec<_> = rounds["submods"].as_object().unwrap().keys().collect();
    assert_eq!(names, [target, &format!("{target} (2)")]);

    let broken = folder.write("broken.json", &fs::read(&one).unwrap()[..500]);
    let verify = |files: &[&str]| {
        let args = ["verify", "-q", "--trust", &root, "--ear", &ear];
        let run = spdm(&[&args[..], files].concat());
        (run.code, claims(&ear))
    };
    let (code, claims) = verify(&[&one, &two, &one, &broken]);
    assert_eq!(code, 2);
    let submods = claims["submods"].as_object().unwrap();
    let statuses: Vec<_> =
        submods.iter().map(|(name, it)| (name.clone(), it["ear_status"].clone())).collect();
    let affirming = json!("affirming");
    assert_eq!(
        statuses,
        [
            (broken.clone(), json!("none")),
            (one.clone(), affirming.clone()),
            (format!("{one} (2)"), affirming.clone()),
            (format!("{two}#0"), affirming.clone()),
            (format!("{two}#1"), affirming),
        ]
    );
    // Where there is nothing to say, nothing is left behind.
    fs::remove_file(&ear).unwrap();
    let run = spdm(&["verify", "-q", &broken, "--trust", &root, "--ear", &ear]);
    assert_eq!(run.code, 2);
    assert!(
        fs::read_dir(fs::canonicalize(&ear[..ear.len() - 9]).unwrap())
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("ear.json") })
    );
}
