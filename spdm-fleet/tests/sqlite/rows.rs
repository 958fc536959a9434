//! What is in a store.

use serde_json::Value;
use serde_json::value::RawValue;
use spdm_fleet::{EvidenceFile, Fault, Outcome, OutcomeKind, Reason, Summary};

use crate::sample::{head, outcome};
use crate::{Folder, rejected, verified};

/// Of attempt `number`, and not the last one where it was cancelled or not reached.
fn attempt(number: u32, kind: OutcomeKind, fault: Fault) -> Outcome {
    let mut outcome = outcome("tcp:a", kind, fault);
    outcome.attempt = number;
    outcome.is_final = !matches!(kind, OutcomeKind::Cancelled | OutcomeKind::Unreachable);
    outcome
}

/// Everything that a line of a journal can hold.
fn full(target: &str) -> Outcome {
    let mut outcome = rejected(target);
    outcome.labels.insert("site".to_owned(), "north".to_owned());
    outcome.labels.insert("rack".to_owned(), "r1".to_owned());
    outcome.reason = Some(Reason {
        check: "measurements.reference".to_owned(),
        index: Some(5),
        detail: "another one".to_owned(),
    });
    outcome.report = Some(RawValue::from_string("{\"verified\":false}".to_owned()).unwrap());
    outcome.evidence =
        Some(EvidenceFile { sha256: "ab".repeat(32), file: Some("e.json".to_owned()), bytes: 7 });
    let inputs = &mut outcome.inputs;
    for (input, digits) in [
        (&mut inputs.policy_sha256, "01"),
        (&mut inputs.references_sha256, "02"),
        (&mut inputs.anchors_sha256, "03"),
    ] {
        *input = Some(digits.repeat(32));
    }
    outcome.inputs.at = Some("2026-01-01T00:00:00Z".to_owned());
    (outcome.ms.queued, outcome.ms.device, outcome.ms.verify) = (1, 2, u64::MAX);
    outcome.round_trips = 9;
    outcome
}

/// The rows of a store, each as the line of a journal that it came from.
fn lines(folder: &Folder) -> Vec<Value> {
    let query = "SELECT json_object('schema', 1, 'job', job, 'item', item, 'target', target, 'class', class,
        'host', host, 'labels', json(labels), 'attempt', attempt, 'outcome', outcome, 'final', json(iif(final, 'true', 'false')),
        'fault', fault, 'reason', iif(reason IS NULL, NULL, json_object('check', reason, 'index', measurement, 'detail', detail)),
        'report', json(report), 'evidence', iif(evidence_sha256 IS NULL, NULL,
            json_object('sha256', evidence_sha256, 'file', evidence_file, 'bytes', evidence_bytes)),
        'inputs', json_object('policy_sha256', policy_sha256, 'references_sha256', references_sha256,
            'anchors_sha256', anchors_sha256, 'tool', tool, 'at', at),
        'started', started, 'finished', finished,
        'ms', json_object('queued', queued_ms, 'device', device_ms, 'verify', verify_ms),
        'round_trips', round_trips, 'worker', worker)
        FROM outcome JOIN item USING (item) ORDER BY outcome.rowid";
    let connection = folder.ask();
    let mut query = connection.prepare(query).unwrap();
    let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
}

#[test]
fn rows_are_those_of_the_journal() {
    let folder = Folder::new("rows");
    let journal =
        [verified("tcp:a"), full("tcp:b"), attempt(2, OutcomeKind::Rejected, Fault::Policy)];
    folder.store(&journal);
    let mut expected: Vec<_> =
        journal.iter().map(|line| serde_json::to_value(line).unwrap()).collect();
    // Numbers of SQLite have a sign.
    expected[1]["ms"]["verify"] = i64::MAX.into();
    assert_eq!(lines(&folder), expected);
    let job = "SELECT count(*) FROM job WHERE job = 'job' AND digest = 'aa' AND items = 10 AND started = '2025-11-30T14:40:00.000Z'";
    assert_eq!(folder.count(job), 1);
    assert_eq!(
        folder.count("SELECT count(*) FROM item WHERE site = 'north' AND target = 'tcp:b'"),
        1
    );
    assert_eq!(folder.count("SELECT count(*) FROM item WHERE site = host AND target = 'tcp:a'"), 1);
}

#[test]
fn an_outcome_that_comes_twice_is_there_once() {
    let folder = Folder::new("twice");
    folder.store(&[verified("tcp:a"), verified("tcp:a")]);
    // A run that goes on hands over everything again.
    let again = Outcome { worker: "host/2".to_owned(), ..verified("tcp:a") };
    folder.store(&[again, rejected("tcp:b")]);
    assert_eq!(folder.count("SELECT count(*) FROM outcome WHERE worker = 'host/1'"), 2);
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 2);
    assert_eq!(folder.count("SELECT count(*) FROM item"), 2);
    assert_eq!(folder.count("SELECT count(*) FROM job"), 1);
    assert_eq!(folder.count("SELECT count(*) FROM latest WHERE reason = 'journal'"), 0);
}

/// Every journal of up to three lines about one item.
#[test]
fn latest_says_what_the_summary_says() {
    let mut kinds = Vec::new();
    for number in [1, 2] {
        kinds.push(attempt(number, OutcomeKind::Verified, Fault::None));
        kinds.push(attempt(number, OutcomeKind::Rejected, Fault::Device));
        kinds.push(attempt(number, OutcomeKind::Cancelled, Fault::None));
    }
    kinds.push(attempt(1, OutcomeKind::Rejected, Fault::Policy));
    kinds.push(attempt(1, OutcomeKind::InternalError, Fault::Us));
    let mut journals: Vec<Vec<Outcome>> = vec![Vec::new()];
    let mut longest = journals.clone();
    for _ in 0..3 {
        let longer = |journal: &Vec<Outcome>| -> Vec<Vec<Outcome>> {
            let with = |last: &Outcome| journal.iter().chain([last]).cloned().collect();
            kinds.iter().map(with).collect()
        };
        longest = longest.iter().flat_map(longer).collect();
        journals.extend(longest.iter().cloned());
    }
    let folder = Folder::new("latest");
    let (mut store, mut summary) = (folder.open().unwrap(), Summary::new(head("aa")));
    for (number, journal) in journals.iter().enumerate() {
        for line in journal {
            let mut line = line.clone();
            line.item = outcome(&format!("tcp:{number}"), line.outcome, line.fault).item;
            summary.take(&line);
            store.append(&line).unwrap();
        }
    }
    store.sync().unwrap();
    let connection = folder.ask();
    let query = "SELECT attempt, outcome, fault, final, reason FROM latest WHERE item = ?1";
    let mut query = connection.prepare(query).unwrap();
    for (item, journal) in summary.items().iter().zip(&journals[1..]) {
        let check = item.reason.as_ref().map(|reason| reason.check.clone());
        let expected = (
            item.attempt,
            item.outcome.name().to_owned(),
            item.fault.name().to_owned(),
            item.is_final,
            check,
        );
        let rows = query.query_map([item.item.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        });
        let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        let told: Vec<_> =
            journal.iter().map(|line| (line.attempt, line.outcome, line.fault)).collect();
        assert_eq!(rows, [expected], "{told:?}");
    }
    assert_eq!(summary.items().len(), 8 + 64 + 512);
    assert_eq!(folder.count("SELECT count(*) FROM latest"), 8 + 64 + 512);
}

#[test]
fn a_contradiction_is_kept_and_shown() {
    let folder = Folder::new("contradiction");
    let mut good = verified("tcp:a");
    good.report = Some(RawValue::from_string("{\"verified\":true}".to_owned()).unwrap());
    folder.store(&[good, verified("tcp:b")]);
    folder.store(&[rejected("tcp:a")]);
    assert_eq!(folder.count("SELECT count(*) FROM outcome WHERE item IN (SELECT item FROM item WHERE target = 'tcp:a')"), 2);
    let told: (String, String, String, Option<String>) = folder
        .ask()
        .query_row(
            "SELECT outcome, fault, detail, report FROM latest WHERE target = 'tcp:a'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!((told.0.as_str(), told.1.as_str(), told.3), ("internal_error", "us", None));
    assert!(
        told.2.contains("verified (fault: none)") && told.2.contains("rejected (fault: device)"),
        "{}",
        told.2
    );
    assert_eq!(folder.count("SELECT count(*) FROM latest WHERE outcome = 'verified'"), 1);
}

#[test]
fn text_of_a_device_is_data() {
    let hostile = "tcp:'); DROP TABLE outcome; --\"\u{1b}[2J\0\u{202e}%s?1:a@b$c";
    let mut outcome = full(hostile);
    outcome.class = hostile.to_owned();
    outcome.worker = hostile.to_owned();
    outcome.labels.insert(hostile.to_owned(), hostile.to_owned());
    outcome.reason.as_mut().unwrap().detail = hostile.to_owned();
    outcome.report =
        Some(RawValue::from_string(serde_json::json!({"subject": hostile}).to_string()).unwrap());
    let folder = Folder::new("hostile");
    folder.store(&[outcome, verified("tcp:a")]);
    let row: Vec<String> = folder
        .ask()
        .query_row(
            "SELECT target, class, detail, worker, json_extract(report, '$.subject') FROM latest WHERE class <> 'default'",
            [],
            |row| (0..5).map(|column| row.get(column)).collect(),
        )
        .unwrap();
    assert_eq!(row, vec![hostile; 5]);
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 2);
}
