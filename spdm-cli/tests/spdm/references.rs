//! Reference values of several files and formats.

use serde_json::{Value, json};

use crate::build::{class, corim, digests, measurement, tag, triple, uint};
use crate::process::{Emulator, Folder, Run, run, status};
use crate::schema::{check, schema};
use crate::swid_file::{P384, SwidFile};
use crate::testing;

/// The measurements of the emulated device.
fn measured() -> Vec<Value> {
    run("attest emulated --json").object()["measurements"].as_array().unwrap().clone()
}

fn of_index(measured: &[Value], index: u64) -> Value {
    measured.iter().find(|row| row["index"] == index).unwrap().clone()
}

/// A digest of the device as it should be, or another of the same length.
fn digest(index: u64) -> String {
    of_index(&measured(), index)["value"].as_str().unwrap().to_owned()
}

fn json_file(folder: &Folder, name: &str, rows: &[Value]) -> String {
    let reference = json!({ "measurements": rows });
    check(&schema("reference"), &reference);
    folder.write(name, reference.to_string())
}

/// A CoRIM about this model, of one index.
fn corim_file(folder: &Folder, name: &str, model: &str, index: u64, value: &str) -> String {
    let value = hex::decode(value).unwrap();
    let values = measurement(index, &[(2, digests(&[(7, &value)]))]);
    folder.write(name, corim(&[triple(class("ACME", model), &[values])]))
}

#[track_caller]
fn appraise(options: &str) -> (Run, Value) {
    let run = run(&format!("attest emulated --json {options}"));
    let report = run.object();
    check(&schema("report"), &report);
    (run, report)
}

#[track_caller]
fn rejected(options: &str) -> String {
    let (run, report) = appraise(options);
    assert_eq!((run.code, status(&report, "measurements.reference")), (1, "fail"), "{report}");
    report["error"]["message"].as_str().unwrap().to_owned()
}

#[track_caller]
fn accepted(options: &str) -> Value {
    let (run, report) = appraise(options);
    assert_eq!((run.code, status(&report, "measurements.reference")), (0, "pass"), "{report}");
    report
}

#[test]
fn any_of_several_values_is_expected() {
    let folder = Folder::new();
    let (good, other) = (digest(1), "00".repeat(48));
    let mut near = good.clone();
    near.replace_range(..2, if good.starts_with("00") { "01" } else { "00" });
    let file = json_file(&folder, "r.json", &[json!({"index": 1, "any_of": [other, near, good]})]);
    let values = |report: &Value| -> Vec<String> {
        let expected = report["measurements"][0]["expected"].as_array().unwrap();
        expected.iter().map(|row| row["value"].as_str().unwrap().to_owned()).collect()
    };
    // What it is, and not what it could have been.
    let report = accepted(&format!("--reference {file}"));
    assert_eq!(values(&report), core::slice::from_ref(&good));
    let expected = &report["measurements"][0]["expected"];
    assert!(expected[0]["difference"].is_null());
    assert_eq!(
        (&expected[0]["form"], &expected[0]["algorithm"]),
        (&json!("digest"), &json!("SHA_384"))
    );
    let file = json_file(&folder, "r.json", &[json!({"index": 1, "any_of": [other, near]})]);
    // What differs least comes first.
    let (_, report) = appraise(&format!("--reference {file}"));
    assert_eq!(values(&report), [near.clone(), other.clone()]);
    assert!(!report["measurements"][0]["expected"][0]["difference"].is_null());
    let message = rejected(&format!("--reference {file}"));
    assert!(message.ends_with(&format!("but {near} or another value is expected")), "{message}");
}

#[test]
fn the_least_svn() {
    let folder = Folder::new();
    for (least, holds) in [(0, true), (7, true), (8, false)] {
        let file = json_file(&folder, "r.json", &[json!({"index": 16, "min_svn": least})]);
        let options = format!("--reference {file}");
        if holds {
            accepted(&options);
        } else {
            let message = rejected(&options);
            assert!(message.ends_with("but security version 8 or higher is expected"), "{message}");
        }
    }
    // A digest has none.
    let file = json_file(&folder, "r.json", &[json!({"index": 1, "min_svn": 0})]);
    rejected(&format!("--reference {file}"));
}

#[test]
fn a_mask_says_which_bits_count() {
    let folder = Folder::new();
    let row =
        |value: &str, mask: &str| json!({"index": 17, "raw": true, "value": value, "mask": mask});
    let file = json_file(&folder, "r.json", &[row("312e322eff", "ffffffff00")]);
    accepted(&format!("--reference {file}"));
    let file = json_file(&folder, "r.json", &[row("312e322eff", "ffffffff33")]);
    accepted(&format!("--reference {file}"));
    let file = json_file(&folder, "r.json", &[row("312e322eff", "ffffffff80")]);
    rejected(&format!("--reference {file}"));
}

#[test]
fn the_type_counts_where_it_is_given() {
    let folder = Folder::new();
    let row = |kind: &str| json!({"index": 1, "type": kind, "value": digest(1)});
    let file = json_file(&folder, "r.json", &[row("immutable_rom")]);
    accepted(&format!("--reference {file}"));
    let file = json_file(&folder, "r.json", &[row("mutable_firmware")]);
    rejected(&format!("--reference {file}"));
}

#[test]
fn files_of_several_formats_are_taken_together() {
    let folder = Folder::new();
    let own = json_file(&folder, "own.json", &[json!({"index": 1, "value": digest(1)})]);
    let rim = corim_file(&folder, "rim.cbor", "WIDGET", 2, &digest(2));
    let report = accepted(&format!("--reference {own} --reference {rim}"));
    let rows = report["measurements"].as_array().unwrap();
    assert!(rows[0]["reference"] == "match" && rows[1]["reference"] == "match");
    let files = report["reference"]["files"].as_array().unwrap();
    let formats: Vec<_> = files.iter().map(|file| file["format"].as_str().unwrap()).collect();
    assert_eq!(
        (formats, &report["reference"]["verdict"]),
        (vec!["json", "corim"], &json!("match"))
    );
    assert_eq!(status(&report, "reference.signature"), "skipped");
    // What one of them says of an index is an alternative to what the other says.
    let wrong = json_file(&folder, "wrong.json", &[json!({"index": 2, "value": "00".repeat(48)})]);
    accepted(&format!("--reference {wrong} --reference {rim}"));
    let bad = corim_file(&folder, "bad.cbor", "WIDGET", 2, &"11".repeat(48));
    let missing = json_file(&folder, "77.json", &[json!({"index": 77, "value": "00"})]);
    let message = rejected(&format!("--reference {own} --reference {bad} --reference {missing}"));
    assert_eq!(
        message,
        "measurements that are not the expected values: 2 (mutable_firmware); missing: 77 (digest)"
    );
}

/// Each file that is named adds a check: one that says nothing of the device is not passed over.
#[test]
fn na9_a_file_about_another_model_beside_one_that_fits() {
    let folder = Folder::new();
    let own = json_file(&folder, "own.json", &[json!({"index": 1, "value": digest(1)})]);
    let rim = corim_file(&folder, "rim.cbor", "GADGET", 1, &digest(1));
    let message = rejected(&format!("--reference {own} --reference {rim}"));
    let expected = format!(
        "none of the 1 reference states of {rim} is about this device (vendor ACME, model WIDGET)"
    );
    assert_eq!(message, expected);
}

#[test]
fn every_measurement_where_that_is_asked() {
    let folder = Folder::new();
    let row =
        |row: &Value| json!({"index": row["index"], "raw": row["raw"], "value": row["value"]});
    let mut rows: Vec<_> = measured().iter().map(row).collect();
    let all = json_file(&folder, "all.json", &rows);
    accepted(&format!("--reference {all} --reference-complete"));
    rows.remove(2);
    let some = json_file(&folder, "some.json", &rows);
    accepted(&format!("--reference {some}"));
    let message = rejected(&format!("--reference {some} --reference-complete"));
    assert_eq!(message, "measurements without a reference value: 3 (hardware_configuration)");
}

#[test]
fn what_the_device_is_can_be_said() {
    let folder = Folder::new();
    let rim = corim_file(&folder, "rim.cbor", "GADGET", 1, &digest(1));
    rejected(&format!("--reference {rim}"));
    rejected(&format!("--reference {rim} --environment vendor=ACME,model=OTHER"));
    let report = accepted(&format!("--reference {rim} --environment vendor=ACME,model=GADGET"));
    let told = |report: &Value| {
        let checks = report["checks"].as_array().unwrap();
        let row = checks.iter().find(|row| row["check"] == "measurements.reference").unwrap();
        row["detail"].as_str().unwrap().to_owned()
    };
    assert!(told(&report).ends_with("; that it is vendor ACME, model GADGET is asserted"));
    let report = accepted(&format!("--reference {rim} --environment any"));
    assert!(told(&report).ends_with("; what they are about was not looked at"));
    for wrong in ["model", "colour=red", "class-id=1.2.x"] {
        let run = run(&format!("attest emulated --reference {rim} --environment {wrong}"));
        assert_eq!(run.code, 2, "{wrong}");
    }
}

/// Nothing says what the device is, and the file is about several: no guess.
#[test]
fn an_unknown_device_is_undecidable() {
    let folder = Folder::new();
    let values = || [measurement(1, &[(2, digests(&[(7, &hex::decode(digest(1)).unwrap())]))])];
    let rim =
        corim(&[triple(class("ACME", "A"), &values()), triple(class("ACME", "B"), &values())]);
    let rim = folder.write("rim.cbor", rim);
    // Without certificates it has no name.
    let key = folder.path("key.der");
    let device = Emulator::listen(
        Folder::new(),
        &format!("--seed 1 --base-asym ECDSA_P256 --peer-key-out {key}"),
    );
    let device_line = format!("attest {} --peer-key {key} --json", device.target);
    let line = format!("{device_line} --reference {rim}");
    let undecidable = run(&line);
    let report = undecidable.object();
    assert_eq!((undecidable.code, &report["reference"]["verdict"]), (1, &json!("undecidable")));
    assert!(
        undecidable.err.contains("hint: --environment vendor=NAME,model=NAME"),
        "{}",
        undecidable.err
    );
    assert!(report["measurements"][0]["reference"] != "mismatch");
    assert_eq!(run(&format!("{line} --environment any")).code, 0);
    assert_eq!(run(&format!("{line} --environment vendor=ACME,model=A")).code, 0);
    // JSON is about no device, so that there is nothing to decide.
    let own = json_file(&folder, "own.json", &[json!({"index": 1, "value": digest(1)})]);
    let own = run(&format!("{device_line} --reference {own}"));
    assert_eq!(own.code, 0);
    assert!(!own.out.contains("is assumed"), "{}", own.out);
}

/// Who replaces a file could leave its signature out.
#[test]
fn an_unsigned_file_does_not_count_where_a_signer_is_asked_for() {
    let folder = Folder::new();
    let rim = corim_file(&folder, "rim.cbor", "WIDGET", 1, &digest(1));
    let own = json_file(&folder, "own.json", &[json!({"index": 1, "value": digest(1)})]);
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P256");
    let key = device.root();
    for options in [format!("--reference-trust {key}"), format!("--reference-key {key}")] {
        let (run, report) = appraise(&format!("--reference {rim} {options}"));
        assert_eq!((run.code, status(&report, "reference.signature")), (1, "fail"), "{options}");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.ends_with("nobody signed it, and a signer is asked for"), "{message}");
        let usage = crate::process::run(&format!("attest emulated --reference {own} {options}"));
        assert_eq!(usage.code, 2);
        assert!(
            usage.err.contains("neither CoRIM nor SWID tag, and only those are signed"),
            "{}",
            usage.err
        );
    }
}

#[test]
fn a_validity_that_is_over_is_a_check_that_fails() {
    let folder = Folder::new();
    let values = measurement(1, &[(2, digests(&[(7, &hex::decode(digest(1)).unwrap())]))]);
    let until = crate::build::map(&[(1, tag(1, uint(1000)))]);
    let rim = crate::build::corim_map(&[triple(class("ACME", "WIDGET"), &[values])], &[(4, until)]);
    let rim = folder.write("rim.cbor", rim);
    let (run, report) = appraise(&format!("--reference {rim}"));
    let states = ["reference.validity", "measurements.reference"].map(|name| status(&report, name));
    assert_eq!((run.code, states), (1, ["fail", "skipped"]));
    assert!(report["error"]["message"].as_str().unwrap().contains("it is not valid any more"));
}

/// As expected, differing, unknown; values below each other with marks below what differs.
#[test]
fn the_text_groups_measurements() {
    let folder = Folder::new();
    let mut near = digest(2);
    near.replace_range(20..22, if &near[20..22] == "00" { "01" } else { "00" });
    let rows = [
        json!({"index": 1, "value": digest(1)}),
        json!({"index": 2, "any_of": ["11".repeat(48), near]}),
        json!({"index": 16, "min_svn": 9}),
    ];
    let file = json_file(&folder, "own.json", &rows);
    let shown = run(&format!("attest emulated --reference {file}")).out;
    let lines: Vec<_> = shown.lines().collect();
    let at = |wanted: &str| {
        lines.iter().position(|line| line.starts_with(wanted)).unwrap_or_else(|| panic!("{shown}"))
    };
    let order = [
        "As expected",
        "DIFFERING",
        "Unknown: nothing is expected of them",
        "The comparison rests on",
    ];
    let places = order.map(at);
    assert!(places.is_sorted(), "{shown}");
    assert_eq!(lines[places[3]], format!("The comparison rests on {file}, which nobody signed."));
    let differing = &lines[places[1] + 1..places[2]];
    assert_eq!(differing[0], "  2  mutable_firmware, digest");
    let groups = |value: &str| {
        let groups: Vec<_> = (0..7).map(|at| value[8 * at..8 * at + 8].to_owned()).collect();
        groups.join(" ")
    };
    assert_eq!(differing[1], format!("     is        {}", groups(&digest(2))));
    assert_eq!(differing[2], format!("     expected  {}", groups(&near)));
    assert_eq!(differing[3], format!("{}^^", " ".repeat(15 + 22)));
    let compared = &lines[places[0]..];
    assert!(compared.iter().all(|line| line.len() <= 80 || line.contains(&file)), "{shown}");
    for part in [
        "and 1 other alternative: -v shows them",
        "security version 7",
        "security version 9 or higher",
    ] {
        assert!(differing.iter().any(|line| line.contains(part)), "{part}: {shown}");
    }
    let all = run(&format!("attest emulated -v --reference {file}")).out;
    assert!(all.contains("expected  11111111") && !all.contains("-v shows"), "{all}");
}

/// A long value whose difference is far behind is shown where it differs.
#[test]
fn a_difference_far_behind_is_shown() {
    let folder = Folder::new();
    let long = of_index(&measured(), 253)["value"].as_str().unwrap().to_owned();
    let file = json_file(
        &folder,
        "own.json",
        &[json!({"index": 253, "raw": true, "value": format!("{}00", &long[..long.len() - 2])})],
    );
    let shown = run(&format!("attest emulated --reference {file}")).out;
    assert!(shown.contains("^^"), "{shown}");
    // Longer than what is expected.
    let value = json!({"index": 253, "raw": true, "value": &long[..8]});
    let file = json_file(&folder, "own.json", &[value]);
    let shown = run(&format!("attest emulated --reference {file}")).out;
    assert!(shown.contains("^^^^^^^^ ^^^^^^^^"), "{shown}");
}

/// The software device says something in its OpaqueData, if nothing of NVIDIA's: a run and the evidence of it judge the same.
#[test]
fn a_swid_tag_is_held_against_the_device_as_against_its_evidence() {
    let folder = Folder::new();
    let tag = folder.write("tag.xml", SwidFile::new().signed());
    let rim_root = folder.write("rim-root.der", testing::certificates_for(P384, 1).remove(0));
    let options = format!("--reference {tag} --reference-trust {rim_root} --json");
    let evidence = folder.path("evidence.json");
    let device = Emulator::start("--seed 1 --base-asym ECDSA_P384");
    let (target, root) = (&device.target, device.root());
    let live = run(&format!(
        "attest {target} --trust {root} --max-version 1.1 --evidence {evidence} {options}"
    ));
    let offline = run(&format!("verify {evidence} --trust {root} {options}"));
    let [live, offline] = [live, offline].map(|run| (run.code, run.object()["error"].clone()));
    assert_eq!(live, offline);
    assert_eq!(live.0, 1);
    let message = live.1["message"].as_str().unwrap();
    assert!(message.contains("OpaqueData ends inside the value at byte 0"), "{message}");
}
