//! `spdm fleet collect` and `spdm fleet verify`: evidence in files between whoever reaches devices and whoever judges them.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::fleet::{counts, finals, good, other, outcomes};
use crate::process::{Folder, Run, run};
use crate::schema::{check, schema};

/// What is collected of good devices.
struct Collected {
    folder: Folder,
    targets: String,
    key: String,
    root: String,
    evidence: String,
}

impl Collected {
    /// Of so many, into one file.
    fn of(count: usize) -> Self {
        let folder = Folder::new();
        let site = good(&folder);
        let list: String =
            (0..count).map(|number| format!("{} class=ssd\n", site.target(number))).collect();
        let (targets, key) = (folder.write("targets.txt", list), folder.write("key", [7; 32]));
        let evidence = folder.path("evidence.jsonl");
        let collected =
            run(&format!("fleet collect --targets {targets} --key {key} --out {evidence}"));
        assert_eq!(collected.code, 0, "{collected:?}");
        assert!(collected.err.contains(&format!("evidence of {count} of {count} devices")));
        Self { root: site.root, folder, targets, key, evidence }
    }

    fn messages(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.evidence).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Writes other messages in place of what was collected.
    fn replace(&self, messages: &[Value]) {
        let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
        fs::write(&self.evidence, lines).unwrap();
    }

    fn verify(&self, more: &str) -> Run {
        let Self { targets, key, root, evidence, .. } = self;
        run(&format!(
            "fleet verify {evidence} --targets {targets} --key {key} --trust {root} {more}"
        ))
    }

    /// The one outcome that is not verified.
    fn rejected(&self, check: &str) -> Value {
        let out = self.folder.path("rejected.jsonl");
        let _ = fs::remove_file(&out);
        let ran = self.verify(&format!("--out {out}"));
        assert_eq!(ran.code, 1, "{ran:?}");
        let outcomes = outcomes(&out);
        let mut bad = outcomes.iter().filter(|outcome| outcome["outcome"] != "verified");
        let one = bad.next().unwrap().clone();
        assert!(bad.next().is_none(), "{outcomes:#?}");
        assert_eq!(one["reason"]["check"], check, "{one}");
        one
    }
}

#[test]
fn what_is_collected_is_verified_somewhere_else() {
    let collected = Collected::of(5);
    let out = collected.folder.path("out.jsonl");
    let junit = collected.folder.path("junit.xml");
    let ran = collected.verify(&format!("--out {out} --junit {junit}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("5 of 5 devices"), "{}", ran.out);
    assert!(fs::read_to_string(junit).unwrap().contains("tests=\"5\" failures=\"0\""));
    let outcomes = outcomes(&out);
    assert_eq!(finals(&outcomes), counts(&[("verified", 5)]));
    for outcome in &outcomes {
        check(&schema("outcome"), outcome);
        assert_eq!((&outcome["job"], &outcome["fault"]), (&json!("fleet"), &json!("none")));
        assert_eq!(outcome["report"]["verified"], true);
        assert_eq!(outcome["report"]["fresh"], true);
        assert_eq!(outcome["evidence"]["sha256"].as_str().unwrap().len(), 64);
        assert!(outcome["round_trips"].as_u64().unwrap() > 4);
    }
    assert!(ran.err.contains("nothing names the devices of 5 targets"), "{}", ran.err);
    // fleet report reads what it writes.
    assert_eq!(run(&format!("fleet report {out}")).code, 0);
    // A name of the job that fleet collect was not given: no item is that of the list.
    assert_eq!(collected.verify("--job another").code, 1);
}

#[test]
fn a3_what_was_negotiated_is_what_the_class_takes() {
    let collected = Collected::of(1);
    let out = collected.folder.path("out.jsonl");
    let judged = |options: &str| {
        let _ = fs::remove_file(&out);
        let code = collected.verify(&format!("{options} --out {out}")).code;
        (code, outcomes(&out).remove(0))
    };
    let (code, outcome) = judged("");
    assert_eq!(code, 0);
    let algorithms = &outcome["report"]["algorithms"];
    let [asym, hash] =
        ["base_asym", "base_hash"].map(|name| algorithms[name].as_str().unwrap().to_owned());
    let [own_asym, own_hash] = [&asym, &hash].map(|name| name.replace("TPM_ALG_", ""));
    let version = outcome["report"]["version"].as_str().unwrap().to_owned();
    for taken in [
        format!("--max-version {version} --base-asym RSAPSS_3072,{own_asym}"),
        format!("--base-hash SHA_512,{own_hash}"),
    ] {
        assert_eq!(judged(&taken).0, 0, "{taken}");
    }
    for (options, kind, check, word) in [
        ("--base-asym RSAPSS_3072,ML_DSA_87", "rejected", "negotiation", asym.as_str()),
        ("--base-hash SHA3_512", "rejected", "negotiation", &hash),
        ("--max-version 1.1", "rejected", "negotiation", &version),
        ("--session", "undecidable", "session.key_exchange", "fleet attest does"),
    ] {
        let (code, outcome) = judged(options);
        assert_eq!(code, 1, "{options}: {outcome}");
        assert_eq!(
            (&outcome["outcome"], &outcome["fault"]),
            (&json!(kind), &json!("configuration"))
        );
        assert_eq!(outcome["reason"]["check"], check, "{options}");
        assert!(outcome["reason"]["detail"].as_str().unwrap().contains(word), "{outcome}");
        assert_eq!(outcome["report"], Value::Null);
    }
}

#[test]
fn a_folder_has_one_file_for_each_device() {
    let folder = Folder::new();
    let (site, bad) = (good(&folder), other(&folder));
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("tcp:{}", silent.local_addr().unwrap());
    let list = format!("{}\n{}\n{silent}\n", site.target(1), bad.target(2));
    let (targets, key) = (folder.write("targets.txt", list), folder.write("key", "07".repeat(32)));
    let evidence = folder.path("evidence");
    let collected = run(&format!(
        "fleet collect --targets {targets} --key {key} --out {evidence} --attempts 1 --timeout 1"
    ));
    // A collector trusts nobody, and so rejects nobody.
    assert_eq!(collected.code, 3, "{collected:?}");
    assert!(collected.err.contains(&format!("{silent}: unreachable: ")), "{}", collected.err);
    assert_eq!(fs::read_dir(&evidence).unwrap().count(), 3);
    let out = folder.path("out.jsonl");
    let verify = format!(
        "fleet verify {evidence} --targets {targets} --key {key} --trust {} --out {out}",
        site.root
    );
    assert_eq!(run(&verify).code, 1);
    let outcomes = outcomes(&out);
    let expected = counts(&[("verified", 1), ("rejected", 1), ("unreachable", 1)]);
    assert_eq!(finals(&outcomes), expected);
    let rejected = outcomes.iter().find(|outcome| outcome["outcome"] == "rejected").unwrap();
    assert_eq!(rejected["reason"]["check"], "chain.anchor");
    // With its own root the other one is verified, and the silent one decides.
    fs::remove_file(&out).unwrap();
    let both = run(&format!("{verify} --trust {}", bad.root));
    assert_eq!(both.code, 3, "{both:?}");
}

#[test]
fn f8_f9_what_a_collector_changes_is_rejected() {
    let collected = Collected::of(2);
    let honest = collected.messages();
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut messages = honest.clone();
        change(&mut messages);
        collected.replace(&messages);
    };
    changed(&|messages| messages[0]["evidence"] = messages[1]["evidence"].clone());
    collected.rejected("freshness");
    changed(&|messages| messages[0]["attempt"] = json!(2));
    collected.rejected("freshness");
    changed(&|messages| messages[0]["class"] = json!("lax"));
    collected.rejected("item");
    changed(&|messages| {
        messages[0]["evidence"] = Value::Null;
        messages[0]["failure"] =
            json!({"outcome": "verified", "fault": "none", "reason": null, "passing": false});
    });
    collected.rejected("evidence");
    // The list of whoever judges says which devices there are.
    changed(&|messages| drop(messages.remove(0)));
    let missing = collected.rejected("evidence");
    assert_eq!(missing["outcome"], "undecidable");
    changed(&|messages| messages[0]["target"] = json!("tcp:127.9.9.9:1"));
    collected.rejected("item");
    // Under the name of an item that nobody listed: that one is missing.
    changed(&|messages| messages[0]["item"] = json!(format!("sha256:{}", "0".repeat(64))));
    collected.rejected("evidence");
    // An attempt behind the last one would hide how that ended.
    changed(&|messages| {
        let mut later = messages[0].clone();
        messages[0]["evidence"] = messages[1]["evidence"].clone();
        later["attempt"] = json!(u32::MAX);
        later["evidence"] = Value::Null;
        later["failure"] = json!({
            "outcome": "unreachable", "fault": "transport", "reason": null, "passing": true
        });
        messages.push(later);
    });
    let ran = collected.verify("--fail-on rejected,undecidable");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("behind attempt 1, which was the last"), "{}", ran.out);
    // What cannot be read is passed over, the others are judged, and it is no success.
    fs::write(&collected.evidence, format!("{{}}\n{}\n{}\n{{\"sch", honest[0], honest[1])).unwrap();
    let ran = collected.verify("");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("2 of 2 devices"), "{}", ran.out);
    assert!(ran.err.contains("evidence.jsonl: line 1: ") && ran.err.contains("line 4: "));
    // The key of somebody else.
    collected.replace(&honest);
    assert_eq!(collected.verify("").code, 0);
    collected.folder.write("key", [8; 32]);
    let ran = collected.verify("");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("freshness"), "{}", ran.out);
}

#[test]
fn measurements_that_a_class_wants_must_have_been_collected() {
    let folder = Folder::new();
    let site = good(&folder);
    let targets = folder.write("targets.txt", site.target(1));
    let (key, evidence) = (folder.write("key", [7; 32]), folder.path("evidence.jsonl"));
    let collect = |options: &str| {
        let _ = fs::remove_file(&evidence);
        run(&format!("fleet collect --targets {targets} --key {key} --out {evidence} {options}"))
            .code
    };
    let verify =
        format!("fleet verify {evidence} --targets {targets} --key {key} --trust {}", site.root);
    assert_eq!(collect("--measurements 1,2"), 0);
    let ran = run(&verify);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("not asked for what was wanted: all"), "{}", ran.out);
    assert_eq!(run(&format!("{verify} --measurements 1")).code, 0);
    assert_eq!(run(&format!("{verify} --measurements 3")).code, 1);
    assert_eq!(collect("--measurements none"), 0);
    assert_eq!(run(&verify).code, 1);
    assert_eq!(run(&format!("{verify} --measurements none")).code, 0);
    assert_eq!(collect("--challenge none"), 0);
    assert_eq!(run(&verify).code, 1);
    assert_eq!(run(&format!("{verify} --challenge none")).code, 0);
}

#[test]
fn what_cannot_be_collected_or_read_is_said() {
    let folder = Folder::new();
    let (key, short) = (folder.write("key", [7; 32]), folder.write("short", [7; 31]));
    let targets = folder.write("targets.txt", "tcp:127.0.0.1:1");
    let out = folder.path("out.jsonl");
    let refused = |line: String, why: &str| {
        let ran = run(&line);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(why), "{}", ran.err);
    };
    let collect = |key: &str, targets: &str| {
        format!("fleet collect --targets {targets} --key {key} --out {out}")
    };
    refused(collect(&short, &targets), "expected a key of 32 bytes");
    let services = folder.write("services.txt", "redfish://bmc1");
    refused(collect(&key, &services), "is judged where it is collected");
    refused(
        format!("{} --measurements none --challenge none", collect(&key, &targets)),
        "leave nothing that the device signs",
    );
    let used = folder.write("used.jsonl", "{}\n");
    let verify = format!("fleet verify {used} --targets {targets} --key {key}");
    refused(format!("{verify} --freshness 29"), "at least 30");
    refused(verify.replace("used.jsonl", "none.jsonl"), "none.jsonl");
    // Evidence of another run stays as it is, and none is mixed with it.
    refused(collect(&key, &targets).replace(&out, &used), "there is evidence in it already");
    assert_eq!(fs::read(&used).unwrap(), b"{}\n");
    let full = folder.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(format!("{full}/old.json"), "{}").unwrap();
    refused(collect(&key, &targets).replace(&out, &full), "there is evidence in it already");
    refused(collect(&key, &targets).replace(&out, "-"), "expected FILE.jsonl or a folder");
}
