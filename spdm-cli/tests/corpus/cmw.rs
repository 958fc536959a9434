//! Conceptual message wrappers (CMW) with evidence in them.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};

use crate::inputs::{device, verify};
use crate::process::{Folder, spdm};

const TRANSCRIPT: &str = "application/vnd.dmtf.spdm.transcript";
const CERTIFICATES: &str = "application/pem-certificate-chain";
const CORIM: &str = "application/rim+cbor";

/// The transcript and the certificates of a device that verifies.
fn evidence() -> (Vec<u8>, Vec<u8>) {
    let device = device();
    let bytes = |name: &str| BASE64_STANDARD.decode(device[name].as_str().unwrap()).unwrap();
    (bytes("evidence"), bytes("certificate"))
}

fn json_record(message_type: &str, value: &[u8]) -> Value {
    json!([message_type, BASE64_URL_SAFE_NO_PAD.encode(value)])
}

/// A head of CBOR.
fn head(major: u8, number: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    match number {
        0..24 => vec![major << 5 | low],
        24..256 => vec![major << 5 | 24, low],
        _ => vec![major << 5 | 25, high, low],
    }
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

fn record(message_type: &str, value: &[u8], indicator: &[usize]) -> Vec<u8> {
    let indicators: Vec<u8> = indicator.iter().flat_map(|bits| head(0, *bits)).collect();
    let value = [head(2, value.len()), value.to_vec()].concat();
    [head(4, 2 + indicator.len()), text(message_type), value, indicators].concat()
}

fn collection(members: &[(&str, &[u8])]) -> Vec<u8> {
    let inside = members.iter().flat_map(|(label, member)| [&text(label), *member].concat());
    head(5, members.len()).into_iter().chain(inside).collect()
}

pub(crate) fn each_wrapper_of_the_corpus_gives_its_verdict() {
    let folder = test_corpus::folder().join("appraisal/own");
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_slice(&manifest).unwrap();
    let mut count = 0;
    for row in &manifest {
        let name = row["file"].as_str().unwrap();
        if !name.starts_with("cmw_") {
            continue;
        }
        count += 1;
        let run = spdm(&["verify", folder.join(name).to_str().unwrap()]);
        // None of them has a transcript; what has none, but is right, says what it has.
        assert_eq!(run.code, 2, "{name}");
        let wanted = match row["clause"].as_str() {
            None => "CMW with application/eat+cwt",
            Some("cmw.type") => "CMW: the type of the message is not known",
            Some("cmw.ind") => "[2]: CMW: the indicator has a bit without a meaning",
            Some(_) => "CMW: the collection has no member",
        };
        assert!(run.err.contains(wanted), "{name}: {}", run.err);
    }
    assert_eq!(count, 6);
}

/// In each form, with the certificates beside or around the transcript.
pub(crate) fn a_transcript_in_a_wrapper_verifies_with_its_certificates() {
    let folder = Folder::new();
    let (transcript, pem) = evidence();
    let [evidence, chain] = [json_record(TRANSCRIPT, &transcript), json_record(CERTIFICATES, &pem)];
    let cbor_evidence = record(TRANSCRIPT, &transcript, &[4]);
    let cbor_chain = record(CERTIFICATES, &pem, &[]);
    let inner = collection(&[("a", &cbor_evidence)]);
    let in_cbor = collection(&[("evidence", &cbor_evidence), ("chain", &cbor_chain)]);
    let json_text = json!({"evidence": evidence, "chain": chain}).to_string();
    let indefinite = [
        &[0xBF][..],
        &text("c"),
        &cbor_chain,
        &text("__cmwc_t"),
        &text("tag:example,2026:x"),
        &[7, 0x9F],
        &cbor_evidence[1..],
        &[0xFF, 0xFF],
    ];
    let forms: [(&str, Vec<u8>); 10] = [
        ("JSON", json_text.clone().into_bytes()),
        (
            "JSON with a type",
            json!({"__cmwc_t": "tag:example,2026:device", "c": chain, "e": evidence})
                .to_string()
                .into_bytes(),
        ),
        (
            "the certificates around",
            json!({"c": chain, "gpus": {"0": evidence}}).to_string().into_bytes(),
        ),
        ("in other JSON", json!({"cmw": {"c": chain, "e": evidence}}).to_string().into_bytes()),
        ("CBOR", in_cbor.clone()),
        ("CBOR in hexadecimal", hex::encode(&in_cbor).into_bytes()),
        ("CBOR, the certificates around", collection(&[("gpus", &inner), ("c", &cbor_chain)])),
        ("CBOR of indefinite lengths", indefinite.concat()),
        (
            "CBOR in JSON",
            json!({"platform": json_record("#cmw-c2j-tunnel", &in_cbor)}).to_string().into_bytes(),
        ),
        (
            "JSON in CBOR",
            collection(&[("platform", &record("#cmw-j2c-tunnel", json_text.as_bytes(), &[]))]),
        ),
    ];
    for (name, file) in forms {
        let file = folder.write("wrapper", file);
        let run = verify(&file, "root11.pem", &["--json"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}: {}", run.out);
        assert_eq!(run.object()["verified"], true, "{name}");
        assert_eq!(verify(&file, "root11.pem", &["--format", "cmw"]).code, 0, "{name}");
    }
    // Alone it has no certificates, and they can be given.
    let pem = folder.write("chain.pem", pem);
    for alone in [evidence.to_string().into_bytes(), cbor_evidence] {
        let file = folder.write("alone", alone);
        assert_eq!(verify(&file, "root11.pem", &[]).code, 1);
        assert_eq!(verify(&file, "root11.pem", &["--chain", &pem]).code, 0);
    }
}

/// What stands beside a transcript is never passed over in silence.
pub(crate) fn other_messages_beside_evidence() {
    let folder = Folder::new();
    let (transcript, pem) = evidence();
    let device =
        [("e", record(TRANSCRIPT, &transcript, &[])), ("c", record(CERTIFICATES, &pem, &[]))];
    let with = |member: &[u8]| {
        let mut members: Vec<(&str, &[u8])> =
            device.iter().map(|(label, member)| (*label, member.as_slice())).collect();
        members.push(("other", member));
        verify(&folder.write("wrapper.cbor", collection(&members)), "root11.pem", &[])
    };
    for (member, code, said) in [
        (
            record(CORIM, &[0xD9, 1, 0xF5, 0xA0], &[1]),
            0,
            "note: reference values beside the evidence were not taken: --reference names",
        ),
        (
            record("application/eat+cwt", &[0xD2], &[]),
            0,
            "note: a message of type application/eat+cwt was not judged\n",
        ),
        (
            record("application/x.firmware", b"x", &[2]),
            0,
            "note: a message of unknown type, which is no evidence, was left out\n",
        ),
        // It may be evidence.
        (
            record("application/x.firmware", b"x", &[]),
            2,
            "CMW: the type of the message is not known (byte",
        ),
        (
            record("application/x.firmware", b"x", &[6]),
            2,
            "CMW: the type of the message is not known (byte",
        ),
        (record(TRANSCRIPT, b"hello", &[]), 2, ": other: no signed transcript"),
        (record(CERTIFICATES, b"hello", &[]), 2, ": other: there is no certificate in it"),
        (
            record(TRANSCRIPT, &transcript, &[4, 4]),
            2,
            "CMW: it has more elements than the grammar allows",
        ),
        (
            record(TRANSCRIPT, &transcript, &[64]),
            2,
            "CMW: the indicator has a bit without a meaning",
        ),
        ([head(4, 1), text(TRANSCRIPT)].concat(), 2, "CMW: a required field is missing"),
        (vec![0xF6], 2, "CMW: it is neither a record nor a collection"),
        (vec![0xA0], 2, "CMW: the collection has no member"),
        (vec![0xDA, 0x63, 0x74, 0x02, 0x00, 0x40], 2, "CMW: the type of the message is not known"),
        (vec![0xD9, 0x01, 0xF5, 0xA0], 2, "CMW: the type of the message is not known"),
        ([head(4, 2), text("#cmw-j2c-tunnel"), vec![0x41, b'{']].concat(), 2, ": other: JSON: EOF"),
    ] {
        let run = with(&member);
        assert_eq!(run.code, code, "{}", run.err);
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
    // A label that occurs twice, in both forms.
    let twice = collection(&[("e", &device[0].1), ("c", &device[1].1), ("e", &device[0].1)]);
    let run = verify(&folder.write("twice.cbor", twice), "root11.pem", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("CMW: the key occurs twice"), "{}", run.err);
    let e = json_record(TRANSCRIPT, &transcript);
    let twice = format!("{{\"e\": {e}, \"e\": {e}}}");
    let run = verify(&folder.write("twice.json", twice), "root11.pem", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains(": e: there twice"), "{}", run.err);
    let behind = [collection(&[("e", &device[0].1)]), vec![0]].concat();
    let run = verify(&folder.write("behind.cbor", behind), "root11.pem", &[]);
    assert!(run.code == 2 && run.err.contains("bytes follow"), "{}", run.err);
}

/// Lists of media types are in much JSON, and are no wrapper.
pub(crate) fn lists_of_media_types_are_no_wrapper() {
    let mut device = device();
    device["accept"] = json!(["application/json", "text/plain"]);
    device["links"] = json!({"self": ["application/json", "x"]});
    let folder = Folder::new();
    let file = folder.write("device.json", json!({"gpus": [device]}).to_string());
    let run = verify(&file, "root11.pem", &[]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

/// Reference values in a wrapper count where --reference names the wrapper.
pub(crate) fn reference_values_in_a_wrapper_that_is_named() {
    let own = |name: &str| {
        let path = test_corpus::folder().join("appraisal/own").join(name);
        path.to_str().unwrap().to_owned()
    };
    let judge = |file: &str, trust: &str| {
        let (file, trust) = (own(file), own(trust));
        let options = ["--reference", &file, "--reference-trust", &trust, "--json"];
        verify(&crate::inputs::input("ok_nvidia.json"), "root11.pem", &options)
    };
    let check = |run: &crate::process::Run, name: &str| {
        crate::process::status(&run.object(), name).to_owned()
    };
    // They are about another device, and their signature is checked.
    let run = judge("cmw_collection.json", "rim_root.pem");
    assert_eq!(run.code, 1, "{}", run.err);
    assert_eq!(check(&run, "reference.signature"), "pass", "{}", run.out);
    assert_eq!(check(&run, "measurements.reference"), "fail", "{}", run.out);
    assert!(run.out.contains("cmw_collection.json: rim"), "{}", run.out);
    let run = judge("cmw_collection.json", "other_root.pem");
    assert_eq!(run.code, 1, "{}", run.err);
    assert_eq!(check(&run, "reference.signature"), "fail", "{}", run.out);
    for (file, why) in [
        ("cmw_record.json", "no reference values: a CMW without application/rim+cbor"),
        ("cmw_record.cbor", "no reference values: a CMW without application/rim+cbor"),
        ("cmw_ind_32.json", "no reference values: [2]: CMW: the indicator"),
        ("cmw_empty_collection.json", "no reference values: CMW: the collection has no member"),
    ] {
        let run = judge(file, "rim_root.pem");
        assert_eq!(run.code, 2, "{file}");
        let message = run.object()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(why), "{file}: {message}");
    }
}

/// Four collections may be in each other, also where one is in JSON and the next in CBOR.
pub(crate) fn collections_nest_four_deep() {
    let folder = Folder::new();
    let (transcript, pem) = evidence();
    let innermost = collection(&[
        ("e", &record(TRANSCRIPT, &transcript, &[])),
        ("c", &record(CERTIFICATES, &pem, &[])),
    ]);
    let deeper = |inside: &[u8], times: usize| {
        (0..times).fold(inside.to_vec(), |inside, _| collection(&[("in", &inside)]))
    };
    let tunnel = |inside: &[u8]| json!({"j": json_record("#cmw-c2j-tunnel", inside)});
    let again = |json: &Value| {
        collection(&[("c", &record("#cmw-j2c-tunnel", json.to_string().as_bytes(), &[]))])
    };
    let two = again(&tunnel(&innermost));
    let three = deeper(&two, 1);
    for (file, code) in [
        (deeper(&innermost, 3), 0),
        (deeper(&innermost, 4), 2),
        (tunnel(&deeper(&innermost, 2)).to_string().into_bytes(), 0),
        (tunnel(&deeper(&innermost, 3)).to_string().into_bytes(), 2),
        (two.clone(), 0),
        (three.clone(), 0),
        (deeper(&three, 1), 2),
        (again(&tunnel(&three)), 2),
        (
            json!({"__cmwc_t": "x", "a": {"b": {"c": {"d": {
                "e": json_record(TRANSCRIPT, &transcript)}}}}})
            .to_string()
            .into_bytes(),
            2,
        ),
    ] {
        let run = verify(&folder.write("nested", file), "root11.pem", &[]);
        assert_eq!(run.code, code, "{}", run.err);
        assert_eq!(
            run.err.contains("collections nest more than four deep"),
            code == 2,
            "{}",
            run.err
        );
    }
    // Arrays nest in nothing.
    let run = verify(&folder.write("deep", vec![0x82; 100_000]), "root11.pem", &[]);
    assert_eq!(run.code, 2);
}

/// Every prefix and one-byte mutant: no panic, and no verdict of another device.
pub(crate) fn na1_prefixes_and_mutants_of_wrappers() {
    use spdm_evidence::{Evidence, ReadOptions};
    let (transcript, pem) = evidence();
    let whole = collection(&[
        ("e", &record(TRANSCRIPT, &transcript, &[4])),
        ("c", &record(CERTIFICATES, &pem, &[])),
    ]);
    let json = json!({"__cmwc_t": "x", "e": json_record(TRANSCRIPT, &transcript)}).to_string();
    let own = test_corpus::folder().join("appraisal/own/cmw_record.cbor");
    for file in [whole, json.into_bytes(), std::fs::read(own).unwrap()] {
        for len in 0..file.len() {
            let read = Evidence::read(&file[..len], &ReadOptions::default());
            assert!(read.is_err(), "{len}");
        }
        for at in (0..file.len()).step_by(if file.len() > 4096 { 3 } else { 1 }) {
            for change in [1, 0x20, 0x80, 0xFF] {
                let mut mutant = file.clone();
                mutant[at] ^= change;
                let _ = Evidence::read(&mutant, &ReadOptions::default());
            }
        }
    }
}
