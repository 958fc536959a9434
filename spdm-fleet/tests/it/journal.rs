//! F1, F10: what is in a journal survives, and what a crash leaves is recognised.

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;

use spdm_fleet::{Fault, JournalError, JournalFile, JournalReader, OutcomeKind};

use crate::sample::{head, outcome};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spdm-fleet-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn verified(target: &str) -> spdm_fleet::Outcome {
    outcome(target, OutcomeKind::Verified, Fault::None)
}

fn written(folder: &Folder) -> Vec<u8> {
    let mut file = JournalFile::open(&folder.journal()).unwrap();
    let mut journal = file.begin(&head("aa")).unwrap();
    for target in ["tcp:a", "tcp:b"] {
        journal.append(&verified(target)).unwrap();
    }
    journal.sync().unwrap();
    fs::read(folder.journal()).unwrap()
}

fn resumed(folder: &Folder, digest: &str) -> Result<Vec<String>, JournalError> {
    let mut seen = Vec::new();
    let mut file = JournalFile::open(&folder.journal())?;
    let mut journal = file.resume(&head(digest), |outcome| seen.push(outcome.target))?;
    journal.append(&verified("tcp:new"))?;
    Ok(seen)
}

fn targets(bytes: &[u8]) -> Vec<String> {
    let reader = JournalReader::new(BufReader::new(bytes)).unwrap();
    reader.map(|outcome| outcome.unwrap().target).collect()
}

#[test]
fn f1_a_second_runner_is_refused() {
    let folder = Folder::new("f1");
    let mut file = JournalFile::open(&folder.journal()).unwrap();
    let journal = file.begin(&head("aa")).unwrap();
    let mut second = JournalFile::open(&folder.journal()).unwrap();
    assert!(matches!(second.begin(&head("aa")), Err(JournalError::Locked)));
    assert!(matches!(second.resume(&head("aa"), drop), Err(JournalError::Locked)));
    drop(journal);
    assert!(matches!(second.begin(&head("aa")), Err(JournalError::NotEmpty)));
    second.resume(&head("aa"), drop).unwrap();
}

#[test]
fn f10_a_line_that_was_cut_off_at_the_end_is_dropped() {
    let folder = Folder::new("f10-end");
    let whole = written(&folder);
    let second_line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // Wherever the last line was cut, also just before its end.
    let last_line = whole[second_line..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for len in [second_line + last_line + 1, whole.len() - 20, whole.len() - 1] {
        fs::write(folder.journal(), &whole[..len]).unwrap();
        assert_eq!(resumed(&folder, "aa").unwrap(), ["tcp:a"], "{len}");
        assert_eq!(targets(&fs::read(folder.journal()).unwrap()), ["tcp:a", "tcp:new"]);
    }
    fs::write(folder.journal(), &whole).unwrap();
    assert_eq!(resumed(&folder, "aa").unwrap(), ["tcp:a", "tcp:b"]);
}

#[test]
fn f10_a_line_that_was_cut_off_in_the_middle_is_refused() {
    let folder = Folder::new("f10-middle");
    let whole = written(&folder);
    let text = String::from_utf8(whole).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let torn = format!("{}\n{}\n{}\n", lines[0], &lines[1][..50], lines[2]);
    fs::write(folder.journal(), &torn).unwrap();
    assert!(matches!(resumed(&folder, "aa"), Err(JournalError::Line { line: 2, .. })));
    assert_eq!(fs::read_to_string(folder.journal()).unwrap(), torn, "nothing was changed");
}

#[test]
fn f10_the_journal_of_another_job_is_refused() {
    let folder = Folder::new("f10-job");
    let whole = written(&folder);
    let error = resumed(&folder, "bb").unwrap_err();
    assert!(
        matches!(&error, JournalError::OtherJob { expected, got } if expected == "bb" && got == "aa")
    );
    assert_eq!(fs::read(folder.journal()).unwrap(), whole);
}

#[test]
fn f10_a_line_of_another_job_is_refused() {
    let folder = Folder::new("f10-line");
    let text = String::from_utf8(written(&folder)).unwrap();
    for (from, to) in [
        ("\"job\":\"job\",\"item\"", "\"job\":\"old\",\"item\""),
        ("{\"schema\":1,\"job\":\"job\"", "{\"schema\":2,\"job\":\"job\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        fs::write(folder.journal(), &changed).unwrap();
        assert!(matches!(resumed(&folder, "aa"), Err(JournalError::ForeignLine { line: 2, .. })));
        assert_eq!(fs::read_to_string(folder.journal()).unwrap(), changed, "nothing was changed");
    }
}

#[test]
fn what_is_no_journal_is_refused() {
    for (bytes, error) in [
        (&b""[..], "the first line names no job"),
        (b"{}\n", "the first line names no job"),
        (b"{\"schema\":1,\"job\":{\"name\":\"j\",\"digest\":\"aa\"},\"items\":1,\"started\":\"2025-11-30T00:00:00Z\"}", "the first line names no job"),
        (b"{\"schema\":2,\"job\":{\"name\":\"j\",\"digest\":\"aa\"},\"items\":1,\"started\":\"2025-11-30T00:00:00Z\"}\n", "schema 2 instead of 1"),
    ] {
        let got = JournalReader::new(BufReader::new(bytes)).unwrap_err().to_string();
        assert!(got.contains(error), "{got}");
    }
}
