//! Output has the form that docs/schema publishes.

use serde_json::Value;

use crate::process::{Emulator, Folder, run};

/// A schema, or `None` in a packaged crate, which has no docs folder beside it.
pub(crate) fn schema(name: &str) -> Option<Value> {
    let path = format!("{}/../docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(path).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

/// The keys that the schema requires, at every object that both have; nothing else may be there.
pub(crate) fn check(schema: &Value, value: &Value, at: &str) {
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            check(items, value, &format!("{at}[]"));
        }
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        if value.is_object() && choice["type"] == "object" {
            check(choice, value, at);
        }
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object())
    else {
        return;
    };
    for required in schema["required"].as_array().unwrap() {
        assert!(object.contains_key(required.as_str().unwrap()), "{at}: {required} is missing");
    }
    for (key, value) in object {
        let schema = properties.get(key).unwrap_or_else(|| panic!("{at}: {key} is not in it"));
        check(schema, value, &format!("{at}.{key}"));
    }
}

#[test]
fn what_this_machine_has() {
    let Some(schema) = schema("list") else { return };
    let listed = run("list --json");
    assert_eq!(listed.code, 0, "{listed:?}");
    if listed.out.is_empty() {
        println!("skipped: this machine has nothing to list");
    }
    for found in listed.objects() {
        check(&schema, &found, "found");
    }
}

#[test]
fn every_kind_of_report() {
    let Some(schema) = schema("report") else { return };
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256 --fault oversize-response");
    let broken = &device.target;
    let folder = Folder::new();
    let out = folder.path("certs");
    assert_eq!(run(&format!("certs emulated --out {out} -q")).code, 0);
    for (line, kind) in [
        ("attest emulated".to_owned(), None),
        ("attest emulated --san dmtf:A:B:C".to_owned(), Some("chain")),
        ("attest emulated --min-version 1.4 --max-version 1.4".to_owned(), None),
        ("measure emulated --unsigned".to_owned(), Some("unproven")),
        ("attest tcp:127.0.0.1:1 --timeout 2".to_owned(), Some("transport")),
        (format!("attest {broken} --timeout 2"), Some("framing")),
        (format!("chain {out}/slot0.bin"), Some("chain")),
        (format!("chain {out}/slot0.bin --trust {out}/slot0.pem --explain"), None),
    ] {
        let run = run(&format!("{line} --json"));
        let report = run.object();
        check(&schema, &report, "report");
        assert_eq!(report["error"]["kind"].as_str(), kind, "{line}: {report}");
    }
}
