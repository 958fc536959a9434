//! `spdm decode` over captures and evidence.

use std::path::Path;

use serde_json::Value;

use crate::process::{Folder, run};
use crate::schema;

/// Count and types of the messages, also where the records stay closed.
pub(crate) fn every_capture_is_the_flow_of_the_manifest() {
    let corpus = test_corpus::folder();
    let manifest = manifest(&corpus);
    for entry in &manifest {
        let name = entry["name"].as_str().unwrap();
        let file = corpus.join("captures").join(name);
        let run = run(&format!("decode {}.pcap --json", file.display()));
        let mut messages = run.objects();
        let mut expected = expand(entry["flow"].as_str().unwrap());
        let is_cut = entry["cut"] == true;
        if is_cut {
            // The manifest has the last packet, of which the capture lacks a part: the error says which one it is.
            expected.pop();
            let last = messages.pop().unwrap();
            let why = last["error"]["message"].as_str().unwrap();
            assert!(why.contains(": packet ") && why.contains(" is cut: only "), "{why}");
        }
        let errors = messages.iter().filter(|message| !message["error"].is_null()).count();
        assert_eq!((run.code, errors), (if is_cut { 2 } else { 0 }, 0), "{name}");
        assert_eq!(captured_names(&messages), expected, "{name}");
    }
    assert!(manifest.len() > 200, "{} captures", manifest.len());
}

pub(crate) fn evidence_of_real_hardware() {
    let corpus = test_corpus::folder();
    let file = corpus.join("nvidia/hopperAttestationReport.txt");
    let run = run(&format!("decode {} --json", file.display()));
    let messages = run.objects();
    assert_eq!((run.code, messages.len()), (0, 2));
    let gists: Vec<_> = messages.iter().map(|message| &message["gist"]).collect();
    assert_eq!(gists, ["all measurements, signed", "64 blocks, signed"]);
}

fn manifest(corpus: &Path) -> Vec<Value> {
    let manifest = std::fs::read(corpus.join("captures/manifest.json")).unwrap();
    serde_json::from_slice(&manifest).unwrap()
}

/// A flow of the manifest, message by message: `(A B)x2` is `A B A B`, `SECx2` are two records. Errors have
/// their code, `ERROR(0f)`; `DOE_DISC` is no message of SPDM.
fn expand(flow: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut group = None;
    for word in flow.split_whitespace() {
        let (word, times) = match word.rsplit_once('x') {
            Some((word, times)) if times.parse::<usize>().is_ok() => (word, times.parse().unwrap()),
            _ => (word, 1),
        };
        let (opens, word) = word.strip_prefix('(').map_or((false, word), |word| (true, word));
        if opens {
            group = Some(all.len());
        }
        let brackets = |bracket| word.matches(bracket).count();
        let (closes, name) = match word.strip_suffix(')') {
            Some(name) if brackets(')') > brackets('(') => (true, name),
            _ => (false, word),
        };
        all.push(match name {
            "GET_MEL" => "GET_MEASUREMENT_EXTENSION_LOG".to_owned(),
            "MEL" => "MEASUREMENT_EXTENSION_LOG".to_owned(),
            name => name.to_owned(),
        });
        let from = match group {
            Some(from) if closes => {
                group = None;
                from
            }
            Some(_) => continue,
            None => all.len() - 1,
        };
        let repeated = all.split_off(from);
        (0..times).for_each(|_| all.extend(repeated.clone()));
    }
    all.retain(|name| name != "DOE_DISC");
    all
}

/// What was captured, in the manifest's words.
fn captured_names(messages: &[Value]) -> Vec<String> {
    let captured = messages.iter().filter(|message| message["depth"] == 0);
    let name = |message: &Value| match (message["kind"].as_str(), message["name"].as_str()) {
        (Some("secured"), _) => "SEC".to_owned(),
        (_, Some("ERROR")) => {
            let fields = message["fields"].as_array().unwrap();
            let code = fields.iter().find(|field| field["offset"] == 2).unwrap();
            format!("ERROR({})", code["bytes"].as_str().unwrap())
        }
        (_, name) => name.unwrap().to_owned(),
    };
    captured.map(name).collect()
}

pub(crate) fn captures_with_secrets_are_the_flows_of_the_manifest() {
    let corpus = test_corpus::folder();
    let captures = corpus.join("captures");
    let manifest = manifest(&corpus);
    let schema = schema::schema("decode");
    for name in [
        "ver1.1_MCTP_p384_sha384_full",
        "ver1.1_PCI_DOE_p384_sha384_full",
        "psk_only_v1.1_DOE",
        "misc_app_v1.4_MCTP",
        "mut_W_ENCAP_basicBASIC_v1.3_DOE",
    ] {
        let file = captures.join(name);
        let run =
            run(&format!("decode {0}.pcap --secrets {0}.secrets.json --json", file.display()));
        // Discovery of DOE is no message of SPDM, and counted.
        let is_counted =
            |line: &str| line.contains(": a frame or data object without a message of SPDM");
        assert!(run.code == 0 && run.err.lines().all(is_counted), "{name}: {}", run.err);
        let messages = run.objects();
        let entry = manifest.iter().find(|entry| entry["name"] == name).unwrap();
        assert_eq!(captured_names(&messages), expand(entry["flow"].as_str().unwrap()), "{name}");
        for message in &messages {
            let sealed = message["kind"] == "secured" && message["sender"].is_null();
            assert!(!sealed && message["error"].is_null(), "{name}: {message}");
            schema::check(&schema, message);
        }
        let inside = messages.iter().filter(|message| message["origin"] == "record").count();
        let records = messages.iter().filter(|message| message["kind"] == "secured").count();
        assert_eq!(inside, records, "{name}");
    }
}

pub(crate) fn the_wrong_secrets_open_nothing_and_that_is_an_error() {
    let corpus = test_corpus::folder();
    let captures = corpus.join("captures");
    let file = captures.join("psk_only_v1.1_DOE.pcap").display().to_string();
    let secrets = captures.join("ver1.1_MCTP_p384_sha384_full.secrets.json");
    let other = run(&format!("decode {file} --secrets {} --json", secrets.display()));
    let messages = other.objects();
    let record = messages.iter().find(|message| message["kind"] == "secured").unwrap();
    assert_eq!((other.code, &record["error"]["field"]), (2, &"MAC".into()));
    schema::check(&schema::schema("decode"), record);
    let none = run(&format!("decode {file}"));
    assert_eq!(none.code, 0);
    assert!(none.out.contains("session ffffffff, not opened: its keys are not known"));

    let folder = Folder::new();
    let broken = folder.write("secrets.json", r#"[["key", "no key"]]"#);
    let run = run(&format!("decode {file} --secrets {broken}"));
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("key is not hexadecimal"), "{run:?}");
}
