//! `spdm fleet attest`: devices behind sockets, every target with an address of its own in 127.0.0.0/8.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::devices::Site;
pub(crate) use crate::devices::{good, other};
use crate::process::{Folder, Run, command, run};
use crate::schema::{check, schema};

/// The outcomes of a journal, behind its head.
pub(crate) fn outcomes(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(lines.next().unwrap()["job"]["digest"].is_string());
    lines.collect()
}

/// How often each final outcome is there.
pub(crate) fn finals(outcomes: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome["final"] == true) {
        *counts.entry(outcome["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

pub(crate) fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

fn only(outcomes: &[Value]) -> &Value {
    assert_eq!(outcomes.len(), 1, "{outcomes:#?}");
    &outcomes[0]
}

#[test]
fn f6_a_thousand_devices_of_which_some_are_bad() {
    let folder = Folder::new();
    let (site, bad) = (good(&folder), other(&folder));
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut list = String::new();
    for number in 0..1000 {
        let target = match number {
            500 => format!("tcp:{}", silent.local_addr().unwrap()),
            100..110 => bad.target(number),
            200..205 => format!("tcp:127.2.0.{}:1", number - 199),
            _ => site.target(number),
        };
        writeln!(list, "{target} class=ssd rack=r{}", number % 40).unwrap();
    }
    let (targets, out) = (folder.write("targets.txt", list), folder.path("out.jsonl"));
    let line = format!(
        "fleet attest --targets {targets} --trust {} --out {out} --attempts 2 --timeout 4 -j 16",
        site.root
    );
    let ran = run(&line);
    let outcomes = outcomes(&out);
    let expected = counts(&[("verified", 984), ("rejected", 10), ("unreachable", 6)]);
    assert_eq!(finals(&outcomes), expected, "{}", ran.err);
    assert_eq!(ran.code, 1);
    for outcome in &outcomes {
        assert_eq!(outcome["labels"]["rack"].as_str().map(|rack| &rack[..1]), Some("r"));
        assert_eq!(outcome["class"], "ssd");
        match outcome["outcome"].as_str().unwrap() {
            "verified" => {
                assert_eq!((&outcome["fault"], &outcome["reason"]), (&json!("none"), &Value::Null));
                assert_eq!(outcome["report"]["verified"], true);
                assert!(outcome["round_trips"].as_u64().unwrap() > 4);
            }
            "rejected" => {
                assert_eq!(outcome["fault"], "device");
                assert_eq!(outcome["reason"]["check"], "chain.anchor");
                assert_eq!(outcome["report"]["verified"], false);
            }
            _ => {
                assert_eq!(outcome["fault"], "transport");
                assert_eq!(outcome["attempt"], if outcome["final"] == true { 2 } else { 1 });
            }
        }
    }
}

#[test]
fn f10_a_run_goes_on_only_with_its_own_journal() {
    let folder = Folder::new();
    let site = good(&folder);
    let (a, b, c) = (site.target(1), site.target(2), site.target(3));
    let targets = folder.write("targets.txt", format!("{a}\n{b}\n{c}\n"));
    let out = folder.path("out.jsonl");
    let attest = format!("fleet attest --targets {targets} --trust {} --out {out}", site.root);
    assert_eq!(run(&attest).code, 0);
    let whole = fs::read_to_string(&out).unwrap();
    // Not without being told.
    let again = run(&attest);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("--resume goes on with the run"), "{}", again.err);
    // Torn, wherever: the devices that have no outcome are attested, the others are not.
    let lines: Vec<_> = whole.lines().collect();
    fs::write(&out, format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..200])).unwrap();
    let resumed = run(&format!("{attest} --resume"));
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let resumed = outcomes(&out);
    assert_eq!(finals(&resumed), counts(&[("verified", 3)]));
    assert_eq!(resumed.len(), 3);
    assert_eq!(
        resumed[0].to_string(),
        serde_json::from_str::<Value>(lines[1]).unwrap().to_string()
    );
    let jobs: Vec<_> = resumed.iter().map(|outcome| &outcome["job"]).collect();
    assert!(jobs.iter().all(|job| *job == jobs[0]), "one job: {jobs:?}");
    // Other options, other targets: another job.
    let size = fs::metadata(&out).unwrap().len();
    for other in [
        format!("{attest} --resume --measurements none"),
        format!("{attest} --resume --san dmtf"),
        format!("{attest} --resume")
            .replace(&targets, &folder.write("two.txt", format!("{a}\n{b}\n"))),
    ] {
        let refused = run(&other);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("other targets, profiles, references"), "{}", refused.err);
        assert_eq!(fs::metadata(&out).unwrap().len(), size);
    }
}

#[test]
fn f1_two_runs_do_not_write_one_journal() {
    let folder = Folder::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let targets = folder.write("targets.txt", format!("tcp:{}\n", silent.local_addr().unwrap()));
    let (root, out) = (good(&folder).root, folder.path("out.jsonl"));
    let line = format!(
        "fleet attest --targets {targets} --trust {root} --out {out} --resume --timeout 30"
    );
    let args: Vec<_> = line.split_whitespace().collect();
    let mut first = command(&args).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(&out).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the first run never began");
        thread::sleep(Duration::from_millis(20));
    }
    let second = run(&line);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, 2, "{second:?}");
    assert!(second.err.contains("another run writes it"), "{}", second.err);
}

#[test]
fn f11_a_full_disk_ends_the_run_with_a_valid_journal() {
    let folder = Folder::new();
    let site = good(&folder);
    let list: String = (0..40).map(|number| site.target(number) + "\n").collect();
    let (targets, out) = (folder.write("targets.txt", list), folder.path("out.jsonl"));
    let attest = format!("fleet attest --targets {targets} --trust {} --out", site.root);
    let device = run(&format!("{attest} /dev/full"));
    assert_eq!(device.code, 2);
    assert!(device.err.contains("No space left on device"), "{}", device.err);
    // The file may have 64 KiB: the limit is in blocks of 1 KiB.
    let spdm = env!("CARGO_BIN_EXE_spdm");
    let script = format!("trap '' XFSZ; ulimit -f 64; exec {spdm} {attest} {out}");
    let ran: Run = Command::new("bash").args(["-c", &script]).output().unwrap().into();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("File too large"), "{}", ran.err);
    let written = outcomes(&out);
    assert!(!written.is_empty() && written.len() < 40, "{}", written.len());
    assert!(fs::read_to_string(&out).unwrap().ends_with('\n'));
    // With more room it goes on.
    let resumed = run(&format!("{attest} {out} --resume"));
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(finals(&outcomes(&out)), counts(&[("verified", 40)]));
    // Evidence that cannot be written ends it as well.
    let evidence = folder.path("evidence");
    fs::create_dir(&evidence).unwrap();
    let attest = attest.replace("--out", "--evidence-dir");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {spdm} {attest} {evidence}");
    let ran: Run = Command::new("bash").args(["-c", &script]).output().unwrap().into();
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn f13_a_class_without_a_profile_is_undecidable() {
    let folder = Folder::new();
    let (site, bad) = (good(&folder), other(&folder));
    let list = format!(
        "target,class\n{},ssd\n{},gpu\n{},nic\n",
        site.target(1),
        bad.target(2),
        site.target(3)
    );
    let (targets, out) = (folder.write("targets.csv", list), folder.path("out.jsonl"));
    let profile = json!({"schema": 1, "classes": {
        "ssd": {"trust": [site.root], "timeout": 10},
        "gpu": {"trust": bad.root, "measurements": "none"},
    }});
    check(&schema("class-profile"), &profile);
    let file = folder.write("classes.json", profile.to_string());
    let attest = format!("fleet attest --targets {targets} --out {out} --class-profile {file}");
    let ran = run(&attest);
    assert_eq!(ran.code, 1, "{ran:?}");
    let of = |class: &str| {
        let outcomes = outcomes(&out);
        outcomes.into_iter().find(|outcome| outcome["class"] == class).unwrap()
    };
    assert_eq!(
        (&of("ssd")["outcome"], &of("gpu")["outcome"]),
        (&json!("verified"), &json!("verified"))
    );
    let nic = of("nic");
    assert_eq!((&nic["outcome"], &nic["fault"]), (&json!("undecidable"), &json!("configuration")));
    assert_eq!(nic["reason"]["check"], "profile");
    assert_ne!(of("ssd")["inputs"]["anchors_sha256"], of("gpu")["inputs"]["anchors_sha256"]);
    // Each class by its own rules: nobody vouches for the drive by the accelerator's root.
    let mut swapped = profile.clone();
    swapped["classes"]["ssd"]["trust"] = json!(bad.root);
    swapped["default"] = json!({"trust": site.root});
    folder.write("classes.json", swapped.to_string());
    fs::remove_file(&out).unwrap();
    assert_eq!(run(&attest).code, 1);
    assert_eq!(of("ssd")["outcome"], "rejected");
    assert_eq!(of("nic")["outcome"], "verified");
    // Options beside it would be passed over.
    for option in
        [format!("--trust {}", site.root), "--timeout 3".to_owned(), "--session".to_owned()]
    {
        let both = run(&format!("{attest} {option}"));
        assert_eq!(both.code, 2);
        assert!(both.err.contains("cannot be used with"), "{}", both.err);
    }
    let wrong = folder.write("wrong.json", r#"{"schema":1,"classes":{"ssd":{"trsut":"a"}}}"#);
    let ran = run(&format!("fleet attest --targets {targets} --class-profile {wrong}"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("class ssd: unexpected argument '--trsut' found"), "{}", ran.err);
}

#[test]
fn without_an_anchor_nothing_is_decided() {
    let folder = Folder::new();
    let targets = folder.write("targets.txt", good(&folder).target(1));
    let ran = run(&format!("fleet attest --targets {targets} --json"));
    let outcome = ran.object();
    assert_eq!((ran.code, &outcome["outcome"]), (1, &json!("undecidable")), "{outcome}");
    assert_eq!(
        (&outcome["fault"], &outcome["reason"]["check"]),
        (&json!("configuration"), &json!("chain.anchor"))
    );
}

#[test]
fn f18_exit_codes_are_those_of_the_worst() {
    let folder = Folder::new();
    let (site, bad) = (good(&folder), other(&folder));
    let (fine, wrong, gone) = (site.target(1), bad.target(2), "tcp:127.2.0.1:1".to_owned());
    let attest = |targets: &[&String], more: &str| {
        let list: String = targets.iter().map(|target| format!("{target}\n")).collect();
        let file = folder.write("targets.txt", list);
        run(&format!("fleet attest --targets {file} --trust {} --attempts 1 {more}", site.root))
    };
    assert_eq!(attest(&[&fine], "").code, 0);
    assert_eq!(attest(&[&fine, &wrong], "").code, 1);
    assert_eq!(attest(&[&fine, &gone], "").code, 3);
    assert_eq!(attest(&[&fine, &gone, &wrong], "").code, 1);
    assert_eq!(attest(&[&fine, &gone, &wrong], "--fail-on unreachable").code, 3);
    assert_eq!(attest(&[&fine, &gone], "--fail-on rejected,undecidable").code, 0);
    // Nothing is verified: nothing is excused.
    assert_eq!(attest(&[&gone], "--fail-on rejected").code, 3);
    assert_eq!(attest(&[&fine], "--fail-on verified").code, 2);
    let none = attest(&[], "");
    assert_eq!(none.code, 2);
    assert!(none.err.contains("there is no target in it"), "{}", none.err);
    let twice = attest(&[&fine, &fine], "");
    assert_eq!(twice.code, 2);
    assert!(
        twice.err.contains("line 2") && twice.err.contains("is in line 1, too"),
        "{}",
        twice.err
    );
    let shown = attest(&[&fine, &wrong], "");
    assert!(
        shown.out.contains("1 of 2 devices") && shown.out.contains("1 rejected"),
        "{}",
        shown.out
    );
}

#[test]
fn f10_a_run_that_learns_goes_on_with_the_file_that_it_learned_into() {
    let folder = Folder::new();
    let site = good(&folder);
    let targets = folder.write("targets.txt", site.target(1) + "\ntcp:127.0.0.1:1\n");
    let [known, other, out] =
        ["known.json", "other.json", "out.jsonl"].map(|name| folder.path(name));
    let attest = format!("fleet attest --targets {targets} --trust {} --out {out}", site.root);
    let attest = format!("{attest} --attempts 1");
    assert_eq!(run(&format!("{attest} --known {known} --learn")).code, 3);
    // It has learned a device by now, and its name has more than one spelling.
    let spelled = known.replace("/known.json", "/./known.json");
    assert_eq!(run(&format!("{attest} --known {spelled} --learn --resume")).code, 3);
    fs::write(&other, fs::read_to_string(&known).unwrap()).unwrap();
    for options in [
        format!("--known {other} --learn"),
        // The same file, which decides now.
        format!("--known {known}"),
        String::new(),
    ] {
        let refused = run(&format!("{attest} {options} --resume"));
        assert_eq!(refused.code, 2, "{options}: {refused:?}");
        assert!(refused.err.contains("policies or known devices: digest"), "{}", refused.err);
    }
}

#[test]
fn the_device_in_a_slot_changed() {
    let folder = Folder::new();
    let (site, swapped) = (good(&folder), other(&folder));
    let (known, out) = (folder.path("known.json"), folder.path("out.jsonl"));
    let list: String = (1..=5).map(|number| site.target(number) + "\n").collect();
    let targets = folder.write("targets.txt", &list);
    let options = format!("--trust {} --trust {} --known {known}", site.root, swapped.root);
    let learned = run(&format!("fleet attest --targets {targets} {options} --learn"));
    assert_eq!(learned.code, 0, "{learned:?}");
    let file: Value = serde_json::from_str(&fs::read_to_string(&known).unwrap()).unwrap();
    assert_eq!(file["devices"].as_array().unwrap().len(), 5);
    check(&schema("known"), &file);
    assert_eq!(run(&format!("fleet attest --targets {targets} {options}")).code, 0);
    // Another device, trusted too, is where the third one was; and one that nobody knows.
    let port = |site: &Site| format!(":{}", site.port);
    let text = fs::read_to_string(&known).unwrap();
    let moved = text.replace(&site.target(3), &swapped.target(3));
    fs::write(&known, moved).unwrap();
    let list = list.replace(&site.target(3), &swapped.target(3)) + &site.target(9) + "\n";
    folder.write("targets.txt", list);
    assert_ne!(port(&site), port(&swapped));
    let ran = run(&format!("fleet attest --targets {targets} {options} --out {out}"));
    assert_eq!(ran.code, 1, "{ran:?}");
    let outcomes = outcomes(&out);
    assert_eq!(finals(&outcomes), counts(&[("verified", 4), ("rejected", 2)]));
    let of = |target: &str| outcomes.iter().find(|outcome| outcome["target"] == target).unwrap();
    let changed = of(&swapped.target(3));
    assert_eq!(
        (&changed["fault"], &changed["reason"]["check"]),
        (&json!("device"), &json!("known.device"))
    );
    let detail = changed["reason"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("the device in this slot changed: "), "{detail}");
    let unknown = of(&site.target(9));
    assert_eq!(
        (&unknown["fault"], &unknown["reason"]["check"]),
        (&json!("configuration"), &json!("known.device"))
    );
}

#[test]
fn a_measurement_that_differs_is_named_and_so_is_the_policy() {
    let folder = Folder::new();
    let site = good(&folder);
    let targets = folder.write("targets.txt", site.target(1));
    let attest = format!("fleet attest --targets {targets} --trust {} --json", site.root);
    let report = run(&attest).object()["report"].clone();
    let measured = report["measurements"][1].clone();
    let mut value = measured["value"].as_str().unwrap().to_owned();
    value.replace_range(..2, if value.starts_with("00") { "01" } else { "00" });
    let reference = json!({"measurements": [{"index": measured["index"], "value": value}]});
    let file = folder.write("reference.json", reference.to_string());
    let outcome = run(&format!("{attest} --reference {file}")).object();
    assert_eq!(
        (&outcome["outcome"], &outcome["fault"]),
        (&json!("rejected"), &json!("reference")),
        "{outcome}"
    );
    assert_eq!(outcome["reason"]["check"], "measurements.reference");
    assert_eq!(outcome["reason"]["index"], measured["index"]);
    assert!(outcome["inputs"]["references_sha256"].is_string());
    let policy = json!({"schema": 1, "require": {"version": {"min": "1.4"}}});
    let file = folder.write("policy.json", policy.to_string());
    let outcome = run(&format!("{attest} --policy {file}")).object();
    assert_eq!(
        (&outcome["outcome"], &outcome["fault"]),
        (&json!("rejected"), &json!("policy")),
        "{outcome}"
    );
    assert_eq!(outcome["reason"]["check"], "policy");
    assert!(outcome["inputs"]["policy_sha256"].is_string());
}

#[test]
fn evidence_is_kept_with_its_digest_and_verifies() {
    let folder = Folder::new();
    let site = good(&folder);
    let targets = folder.write("targets.txt", site.target(1));
    let (evidence, out) = (folder.path("evidence"), folder.path("out.jsonl"));
    let ran = run(&format!(
        "fleet attest --targets {targets} --trust {} --out {out} --evidence-dir {evidence}",
        site.root
    ));
    assert_eq!(ran.code, 0, "{ran:?}");
    let outcomes = outcomes(&out);
    let kept = &only(&outcomes)["evidence"];
    let file = format!("{evidence}/{}", kept["file"].as_str().unwrap());
    let bytes = fs::read(&file).unwrap();
    assert_eq!(kept["bytes"], bytes.len());
    let digest = spdm_crypto::rustcrypto::PROVIDER.hash;
    let digest = digest.digest(spdm_crypto::HashAlgorithm::Sha256, &[&bytes]).unwrap();
    assert_eq!(kept["sha256"], hex::encode(digest.as_bytes()));
    assert_eq!(run(&format!("verify {file} --trust {}", site.root)).code, 0);
}
