//! `spdm chain` over the sample chains.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;

use crate::process::{Folder, spdm};

pub(crate) fn the_chains_of_the_corpus() {
    let corpus = test_corpus::folder();
    let cases = std::fs::read(corpus.join("x509/chains.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() > 60);
    let folder = Folder::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let args = arguments(&folder, case);
        let run = spdm(&args);
        let codes: &[i32] = match case["expected"].as_str().unwrap() {
            "accept" => &[0],
            "reject" => &[1],
            _ => &[0, 1],
        };
        assert!(codes.contains(&run.code), "{name}: {run:?}");
    }
}

fn arguments(folder: &Folder, case: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &Value| binary(value.as_str().unwrap());
    let mut args = vec!["chain".to_owned(), folder.write("chain.bin", bytes(&case["chain"]))];
    let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
    option("--base-asym", text(&case["negotiated"]["base_asym"]));
    option("--base-hash", text(&case["negotiated"]["base_hash"]));
    option("--max-version", text(&case["spdm_version"]));
    option("--model", text(&case["cert_model"]));
    for (index, anchor) in case["trust_anchors"].as_array().unwrap().iter().enumerate() {
        option("--trust", folder.write(&format!("{index}.der"), bytes(anchor)));
    }
    match &case["now"] {
        Value::String(time) => option("--at", time.clone()),
        time => option("--at", format!("unix:{time}")),
    }
    match case["require_san"].as_str().unwrap() {
        "dmtf" => option("--san", "dmtf".to_owned()),
        "pci_cma" => {
            option("--san", "pci-cma".to_owned());
            option("--pci-id", function(&case["device"]));
        }
        _ => {}
    }
    args
}

fn function(device: &Value) -> String {
    let number = |name: &str| device[name].as_u64().unwrap();
    let mut id = format!(
        "{:04x}:{:04x}:{:06x}:{:02x}",
        number("vendor"),
        number("device"),
        number("class_code"),
        number("revision")
    );
    if device["has_subsystem"] == true {
        let ids = (number("subsystem_vendor"), number("subsystem_device"));
        id.push_str(&format!(":{:04x}:{:04x}", ids.0, ids.1));
    }
    if let Some(serial) = device["serial"].as_str() {
        id.push_str(&format!(":{serial}"));
    }
    id
}

/// Hexadecimal or base64.
fn binary(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|_| BASE64_STANDARD.decode(text).unwrap())
}
