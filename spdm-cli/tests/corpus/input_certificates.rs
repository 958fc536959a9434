//! Certificates, anchors and keys as people have them, and what is right for each.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;

use crate::inputs::{AT, input, utf_16, verify};
use crate::process::{Folder, Run, spdm, status};

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
