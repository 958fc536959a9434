//! Tokens of devices: `--eat-nonce` and `--evidence-key`, and the bundles that tokens sign.

use std::fs;

use pem_rfc7468::LineEnding;
use serde_json::Value;
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};

use crate::build::{
    array, bytes, class, digests, map, measurement, named, negative, sign1, tag, text, triple, uint,
};
use crate::process::{Folder, Run, spdm, status};
use crate::schema::{check, schema};
use crate::testing::{certificates, key};

/// Of GET_MEASUREMENTS.
const NONCE: [u8; 32] = [7; 32];
/// What a token was asked with apart from that.
const OTHER_NONCE: [u8; 16] = [9; 16];

fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, LineEnding::LF, der).unwrap()
}

/// A signed transcript of 1.1 by the minted leaf: a ROM, and this manifest.
fn transcript(manifest: Option<&[u8]>) -> Vec<u8> {
    let block = |index: u8, value_type: u8, value: &[u8]| {
        let len = |len: usize| u16::try_from(len).unwrap().to_le_bytes();
        let head = [&[index, 1][..], &len(value.len() + 3), &[value_type], &len(value.len())];
        [&head.concat()[..], value].concat()
    };
    let mut record = block(1, 0, &[1; 32]);
    record.extend(manifest.map(|manifest| block(0xFD, 0x84, manifest)).unwrap_or_default());
    let blocks = 1 + u8::from(manifest.is_some());
    let len = u32::try_from(record.len()).unwrap().to_le_bytes();
    let request = [&[0x11, 0xE0, 1, 0xFF][..], &NONCE, &[0]].concat();
    let head = [&[0x11, 0x60, 0, 0, blocks][..], &len[..3]].concat();
    let signed = [&request[..], &head, &record, &[3; 32], &[0, 0]].concat();
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&signed]).unwrap();
    let mut signature = [0; 64];
    let prehash = spdm_crypto::Signed::Prehash(&digest);
    spdm_crypto::Sign::sign(&key("Leaf"), HashAlgorithm::Sha256, prehash, &mut signature).unwrap();
    [&signed[..], &signature].concat()
}

fn claims(nonce: &[u8]) -> Vec<u8> {
    let firmware = measurement(7, &[(2, digests(&[(7, &[9; 48])]))]);
    let triples = array(&[triple(class("ACME", "WIDGET"), &[firmware])]);
    let evidence = tag(571, map(&[(0, map(&[(0, triples)]))]));
    map(&[
        (1, text("Leaf")),
        (10, bytes(nonce)),
        (263, uint(2)),
        (265, bytes(&[0x2B, 6, 1, 4, 1, 0x82, 0xCC, 0x7F, 1, 3])),
        (273, array(&[array(&[uint(10571), bytes(&evidence)])])),
    ])
}

/// A token by this key, which it names by the certificate of the leaf.
fn token(signer: &SoftwareKey, nonce: &[u8]) -> Vec<u8> {
    let leaf = certificates(1).pop().unwrap();
    let protected = [(1, negative(6)), (3, uint(263))];
    sign1(signer, &protected, &[(33, bytes(&leaf))], &claims(nonce))
}

/// A token that names a key by an identifier which no certificate has.
fn named_token(nonce: &[u8]) -> Vec<u8> {
    sign1(&key("Other"), &[(1, negative(6))], &[(4, bytes(&[0x5A; 48]))], &claims(nonce))
}

struct Case {
    folder: Folder,
}

impl Case {
    fn new() -> Self {
        let (folder, all) = (Folder::new(), certificates(1));
        folder.write("root.pem", pem("CERTIFICATE", &all[0]));
        let chain: Vec<_> = all.iter().rev().map(|der| pem("CERTIFICATE", der)).collect();
        folder.write("chain.pem", chain.concat());
        Self { folder }
    }

    fn run(&self, file: &[u8], chain: bool, more: &[&str]) -> (Run, Value) {
        let file = self.folder.write("evidence", file);
        let (root, chain_file) = (self.folder.path("root.pem"), self.folder.path("chain.pem"));
        let mut args = vec!["verify", &file, "--trust", &root, "--json"];
        if chain {
            args.extend(["--base-asym", "ECDSA_P256", "--base-hash", "SHA_256"]);
            args.extend(["--chain", &chain_file]);
        }
        let run = spdm(&[&args[..], more].concat());
        let report = run.objects().pop().unwrap_or_default();
        if report.get("checks").is_some() {
            check(&schema("report"), &report);
        }
        (run, report)
    }

    fn measured(&self, manifest: Option<&[u8]>, more: &[&str]) -> (Run, Value) {
        self.run(&transcript(manifest), true, more)
    }
}

#[test]
fn the_nonce_of_a_token() {
    let case = Case::new();
    let stated = hex::encode(OTHER_NONCE);
    let (run, report) = case.measured(Some(&token(&key("Leaf"), &NONCE)), &[]);
    assert_eq!(run.code, 0, "{report}");
    for name in ["manifest.format", "eat.signature", "eat.nonce", "eat.profile"] {
        assert_eq!(status(&report, name), "pass", "{name}");
    }
    // Asked apart from GET_MEASUREMENTS.
    let apart = token(&key("Leaf"), &OTHER_NONCE);
    let (run, report) = case.measured(Some(&apart), &[]);
    assert_eq!((run.code, status(&report, "eat.nonce")), (1, "fail"));
    assert!(run.err.contains("--eat-nonce HEX names the nonce"), "{}", run.err);
    let (run, report) = case.measured(Some(&apart), &["--eat-nonce", &stated]);
    assert_eq!((run.code, status(&report, "eat.nonce")), (0, "pass"), "{report}");
    let (run, report) = case.measured(Some(&apart), &["--eat-nonce", &"5a".repeat(16)]);
    assert_eq!((run.code, status(&report, "eat.nonce")), (1, "fail"));
    // With a nonce there must be a token.
    let (run, report) = case.measured(None, &["--eat-nonce", &stated]);
    assert_eq!(run.code, 1);
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("eat.signature is required"), "{message}");
    assert_eq!(case.measured(None, &[]).0.code, 0);
    for (wrong, words) in [
        ("5a5a5a5a5a5a5a", "8 to 64 bytes, not 7"),
        ("5", "Odd number of digits"),
        ("x5", "Invalid character"),
        (&"5a".repeat(65), "8 to 64 bytes, not 65"),
    ] {
        let (run, _) = case.measured(Some(&apart), &["--eat-nonce", wrong]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains("--eat-nonce") && run.err.contains(words), "{}", run.err);
    }
}

#[test]
fn the_key_of_a_token() {
    let case = Case::new();
    let other = case.folder.write("other.pem", pem("PUBLIC KEY", &key("Other").to_spki_der()));
    let third = case.folder.write("third.pem", pem("PUBLIC KEY", &key("Third").to_spki_der()));
    let named = named_token(&NONCE);
    // A key that nobody has says nothing, and what it signs claims nothing.
    let (run, report) = case.measured(Some(&named), &[]);
    assert_eq!((run.code, status(&report, "eat.signature")), (0, "skipped"), "{report}");
    assert!(report["claims"].is_null());
    let (run, report) = case.measured(Some(&named), &["--evidence-key", &other]);
    assert_eq!((run.code, status(&report, "eat.signature")), (0, "pass"), "{report}");
    assert_eq!(report["claims"]["elements"][0]["element"], "7");
    let (run, report) = case.measured(Some(&named), &["--evidence-key", &third]);
    assert_eq!(run.code, 1, "{report}");
    assert_ne!(status(&report, "eat.signature"), "pass");
    // With a key there must be a token.
    let (run, _) = case.measured(None, &["--evidence-key", &other]);
    assert_eq!(run.code, 1);
    // One by somebody else, which names the leaf.
    let (run, report) = case.measured(Some(&token(&key("Other"), &NONCE)), &[]);
    assert_eq!((run.code, status(&report, "eat.signature")), (1, "fail"));
    assert!(run.err.contains("--evidence-key FILE names the key"), "{}", run.err);
    let odd = case.folder.write("odd.pem", "no key");
    let missing = case.folder.path("missing.pem");
    for file in [&odd, &missing] {
        let (run, _) = case.measured(Some(&named), &["--evidence-key", file]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains(file.as_str()), "{}", run.err);
    }
}

/// A part of a device, as a management controller makes it.
fn part() -> Vec<u8> {
    let all = certificates(1);
    let transcript = transcript(None);
    named(&[("cert_chain", bytes(&all.concat())), ("signed_measurements", bytes(&transcript))])
}

/// A bundle with these parts, whose token signs the digests of `signed`.
fn bundle(parts: &[(&str, &[u8])], signed: &[(&str, &[u8])]) -> Vec<u8> {
    let digests: Vec<_> = signed
        .iter()
        .map(|(name, part)| {
            let digest = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[part]).unwrap();
            (*name, array(&[negative(42), bytes(digest.as_bytes())]))
        })
        .collect();
    let claims = map(&[(10, bytes(&OTHER_NONCE)), (266, named(&digests))]);
    let [_, authority, leaf] = certificates(1).try_into().unwrap();
    let chain = [(33, array(&[bytes(&leaf), bytes(&authority)]))];
    let token = sign1(&key("Leaf"), &[(1, negative(6)), (3, uint(263))], &chain, &claims);
    let parts: Vec<_> = parts.iter().map(|(name, part)| (*name, bytes(part))).collect();
    tag(602, array(&[tag(61, token), named(&parts)]))
}

const ALGORITHMS: [&str; 4] = ["--base-asym", "ECDSA_P256", "--base-hash", "SHA_256"];

#[test]
fn each_part_of_a_bundle_is_a_report() {
    let (case, part) = (Case::new(), part());
    let both = [("gpu0", &part[..]), ("gpu1", &part)];
    let file = bundle(&both, &both);
    let nonce = hex::encode(OTHER_NONCE);
    for (more, code, of_nonce) in [
        (&[][..], 0, "skipped"),
        (&["--format", "bundle"], 0, "skipped"),
        (&["--eat-nonce", &nonce], 0, "pass"),
        (&["--eat-nonce", "0102030405060708"], 1, "fail"),
    ] {
        let (run, _) = case.run(&file, false, &[&ALGORITHMS[..], more].concat());
        assert_eq!(run.code, code, "{more:?}: {run:?}");
        let reports = run.objects();
        assert_eq!(reports.len(), 2);
        for report in &reports {
            check(&schema("report"), report);
            assert_eq!(status(report, "eat.signature"), "pass");
            assert_eq!(status(report, "eat.nonce"), of_nonce, "{more:?}");
            let notes = report["notes"].to_string();
            assert!(notes.contains("as fresh as the bundle's token"), "{notes}");
        }
    }
    // In another form the token is missing, and that is said.
    let (file, to) = (case.folder.write("bundle", &file), case.folder.path("to"));
    let run = spdm(&["collect", "--from", &file, "--format", "cmw", "--evidence", &to]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn na12_a_bundle_with_an_extra_or_a_changed_part() {
    let (case, part) = (Case::new(), part());
    let one = [("gpu0", &part[..])];
    let both = [("gpu0", &part[..]), ("gpu1", &part)];
    let mut changed = part.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (parts, signed) in [(&both[..], &one[..]), (&one, &both), (&[("gpu0", &changed[..])], &one)]
    {
        let (run, report) = case.run(&bundle(parts, signed), false, &ALGORITHMS);
        assert_eq!(run.code, 1, "{run:?}");
        assert_eq!(status(&report, "manifest.format"), "fail", "{report}");
    }
    // The token is somebody's whom nobody vouches for.
    let file = case.folder.write("bundle", bundle(&one, &one));
    let other = case.folder.write("other.pem", pem("CERTIFICATE", &certificates(0)[1]));
    let run = spdm(&[&["verify", &file, "--trust", &other, "--json"][..], &ALGORITHMS].concat());
    assert_eq!((run.code, status(&run.object(), "eat.signature")), (1, "fail"));
    // One that is cut is no bundle.
    let cut = case.folder.write("cut", &fs::read(&file).unwrap()[..200]);
    let run = spdm(&["verify", &cut]);
    assert_eq!(run.code, 2, "{run:?}");
}
