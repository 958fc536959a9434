//! `spdm decode`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::process::{Folder, Run, command, corpus, run};
use crate::schema;

fn decode(text: &str, more: &[&str]) -> Run {
    let mut child = command(&[&["decode", "-"], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn text_from_standard_input() {
    let run = decode("10840000\n10 04 00 00 00 01 00 12\n", &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let expected = "   1  -> 1.0  GET_VERSION  4 bytes\n   2  <- 1.0  VERSION  8 bytes  1.2\n";
    assert_eq!(run.out, expected);
}

#[test]
fn fields_with_offsets_and_names() {
    let run = decode("127f4200 0a830502", &["-v"]);
    assert_eq!(run.code, 0);
    let fields = [
        "0 SPDMVersion 12 1.2",
        "1 RequestResponseCode 7f ERROR",
        "2 Param1 42 ResponseNotReady",
        "4 RDTExponent 0a 10, 1024 µs",
        "5 RequestCode 83 CHALLENGE",
    ];
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = run.out.lines().map(words).collect();
    for field in fields {
        assert!(lines.iter().any(|line| line == field), "{field}: {lines:?}");
    }
}

#[test]
fn an_error_names_field_and_offset_and_the_rest_is_shown() {
    let run = decode("10840000\n10040000000200\n12810000\n", &[]);
    assert_eq!(run.code, 2);
    assert!(run.out.contains("error: VERSION: VersionNumberEntry at offset 6 takes 4 bytes"));
    assert!(run.out.contains("GET_DIGESTS"));
    let json = decode("10040000000200\n", &["--json"]);
    let object = json.object();
    assert_eq!((json.code, &object["error"]["field"]), (2, &"VersionNumberEntry".into()));
    assert_eq!(object["error"]["offset"], 6);
}

#[test]
fn what_no_version_knows_is_no_message() {
    for (text, field, offset) in [
        ("00000000", "SPDMVersion", 0),
        ("ff000000", "SPDMVersion", 0),
        ("12000000", "RequestResponseCode", 1),
        ("12", "RequestResponseCode", 1),
    ] {
        let run = decode(text, &["--json"]);
        let error = &run.object()["error"];
        assert_eq!((run.code, &error["field"]), (2, &field.into()), "{text}");
        assert_eq!(error["offset"], offset, "{text}");
    }
}

#[test]
fn messages_back_to_back() {
    let folder = Folder::new();
    let bytes = [0x10, 0x84, 0, 0, 0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
    let file = folder.write("messages.bin", bytes);
    let run = run(&format!("decode {file} --json"));
    let names: Vec<_> = run.objects().iter().map(|message| message["name"].clone()).collect();
    assert_eq!((run.code, names), (0, vec!["GET_VERSION".into(), "VERSION".into()]));
}

/// Count and types of the messages, also where the records stay closed.
#[test]
fn every_capture_is_the_flow_of_the_manifest() {
    let Some(corpus) = corpus() else { return };
    let manifest = manifest(&corpus);
    for entry in &manifest {
        let name = entry["name"].as_str().unwrap();
        let file = corpus.join("captures").join(name);
        let run = run(&format!("decode {}.pcap --json", file.display()));
        let messages = run.objects();
        let errors = messages.iter().filter(|message| !message["error"].is_null()).count();
        let mut expected = expand(entry["flow"].as_str().unwrap());
        if entry["cut"] == true {
            // The manifest has the last packet, of which the capture lacks a part.
            expected.pop();
        }
        assert_eq!((run.code, errors), (0, 0), "{name}");
        assert_eq!(captured_names(&messages), expected, "{name}");
    }
    assert!(manifest.len() > 200, "{} captures", manifest.len());
}

#[test]
fn evidence_of_real_hardware() {
    let Some(corpus) = corpus() else { return };
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

#[test]
fn captures_with_secrets_are_the_flows_of_the_manifest() {
    let Some(corpus) = corpus() else { return };
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
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        let messages = run.objects();
        let entry = manifest.iter().find(|entry| entry["name"] == name).unwrap();
        assert_eq!(captured_names(&messages), expand(entry["flow"].as_str().unwrap()), "{name}");
        for message in &messages {
            let sealed = message["kind"] == "secured" && message["sender"].is_null();
            assert!(!sealed && message["error"].is_null(), "{name}: {message}");
            if let Some(schema) = &schema {
                schema::check(schema, message, "message");
            }
        }
        let inside = messages.iter().filter(|message| message["origin"] == "record").count();
        let records = messages.iter().filter(|message| message["kind"] == "secured").count();
        assert_eq!(inside, records, "{name}");
    }
}

#[test]
fn the_wrong_secrets_open_nothing_and_that_is_an_error() {
    let Some(corpus) = corpus() else { return };
    let captures = corpus.join("captures");
    let file = captures.join("psk_only_v1.1_DOE.pcap").display().to_string();
    let secrets = captures.join("ver1.1_MCTP_p384_sha384_full.secrets.json");
    let other = run(&format!("decode {file} --secrets {} --json", secrets.display()));
    let messages = other.objects();
    let record = messages.iter().find(|message| message["kind"] == "secured").unwrap();
    assert_eq!((other.code, &record["error"]["field"]), (2, &"MAC".into()));
    if let Some(schema) = schema::schema("decode") {
        schema::check(&schema, record, "message");
    }
    let none = run(&format!("decode {file}"));
    assert_eq!(none.code, 0);
    assert!(none.out.contains("session ffffffff, not opened: its keys are not known"));

    let folder = Folder::new();
    let broken = folder.write("secrets.json", r#"[["key", "no key"]]"#);
    let run = run(&format!("decode {file} --secrets {broken}"));
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("key is not hexadecimal"), "{run:?}");
}

#[test]
fn encapsulated_messages_are_shown_inside() {
    let text = "116a0500 11810000\n11eb0500 117f0100\n";
    let run = decode(text, &[]);
    let expected = "   1  <- 1.1  ENCAPSULATED_REQUEST  8 bytes  request 5\n        \
                    <- 1.1  GET_DIGESTS (encapsulated)  4 bytes\n   2  -> 1.1  \
                    DELIVER_ENCAPSULATED_RESPONSE  8 bytes  to request 5\n        \
                    -> 1.1  ERROR (encapsulated)  4 bytes  InvalidRequest, data 0x00\n";
    assert_eq!((run.code, run.out.as_str()), (0, expected));
}

#[test]
fn fields_of_vendor_protocols() {
    let run =
        decode("12fe0000 0300 02 0100 0200 0003\n12fe0000 0300 02 0100 0400 00000001\n", &["-v"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = run.out.lines().map(words).collect();
    for expected in ["4 StandardID 0300 PCI-SIG", "11 ProtocolID 00 IDE_KM", "12 ObjectID 00 QUERY"]
    {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
    }
}

#[test]
fn what_was_not_decoded_is_shown() {
    let run = decode("10040000 00020012", &["--json"]);
    let object = run.object();
    let last = object["fields"].as_array().unwrap().last().unwrap();
    assert_eq!((run.code, &last["name"], &last["offset"]), (2, &"not decoded".into(), &6.into()));
    assert_eq!((&last["bytes"], &object["error"]["offset"]), (&"0012".into(), &6.into()));
}
