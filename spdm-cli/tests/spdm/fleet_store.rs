//! `--store sqlite:FILE` of `spdm fleet`.

use crate::fleet::good;
#[cfg(feature = "sqlite")]
use crate::fleet::{other, outcomes};
use crate::process::{Folder, run};

#[test]
fn a_store_needs_a_kind_and_a_name() {
    for place in ["results.db", "sqlite:", "sqlite:-", "postgres://a"] {
        let ran = run(&format!("fleet report results.jsonl --store {place}"));
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("expected sqlite: and the name of a file"), "{}", ran.err);
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn without_the_feature_a_store_is_refused_before_anything_happens() {
    let folder = Folder::new();
    let site = good(&folder);
    let targets = folder.write("targets.txt", site.target(1));
    let (out, store) = (folder.path("out.jsonl"), folder.path("store.db"));
    let ran = run(&format!(
        "fleet attest --targets {targets} --trust {} --out {out} --store sqlite:{store}",
        site.root
    ));
    let message = "error: --store: this program was built without the feature sqlite\n";
    assert_eq!((ran.code, ran.err.as_str()), (2, message));
    for path in [out, store] {
        assert!(!std::path::Path::new(&path).exists(), "{path}");
    }
}

#[cfg(feature = "sqlite")]
mod with_the_feature {
    use std::fs;
    use std::process::{Command, Stdio};

    use rusqlite::Connection;
    use rusqlite::types::ValueRef;
    use serde_json::Value;

    use super::{Folder, good, other, outcomes, run};
    use crate::process::{Emulator, Run, command};

    /// The rows that a query has, columns between bars.
    fn ask(store: &str, query: &str) -> Vec<String> {
        let connection = Connection::open(store).unwrap();
        let mut query = connection.prepare(query).unwrap();
        let columns = query.column_count();
        let rows = query.query_map([], |row| {
            let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            });
            Ok(cells.collect::<Vec<_>>().join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    const LINES: &str =
        "SELECT item, target, attempt, outcome, fault, started, json_extract(report, '$.verified')
        FROM outcome JOIN item USING (item) ORDER BY item, attempt";

    /// What [`LINES`] has to find.
    fn lines(journal: &[Value]) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => u8::from(*flag).to_string(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let members = ["item", "target", "attempt", "outcome", "fault", "started"];
        let line = |outcome: &Value| {
            let cells = members.iter().map(|member| text(&outcome[member]));
            cells.chain([text(&outcome["report"]["verified"])]).collect::<Vec<_>>().join("|")
        };
        let mut all: Vec<_> = journal.iter().map(line).collect();
        all.sort();
        all
    }

    #[test]
    fn rows_are_those_of_the_journal_also_after_a_run_that_goes_on() {
        let folder = Folder::new();
        let (site, bad) = (good(&folder), other(&folder));
        let list = format!("{}\n{}\ntcp:127.2.0.1:1\n", site.target(1), bad.target(2));
        let targets = folder.write("targets.txt", list);
        let [out, store, copy] = ["out.jsonl", "store.db", "copy.db"].map(|name| folder.path(name));
        let attest = format!(
            "fleet attest --targets {targets} --trust {} --out {out} --attempts 2 --store sqlite:{store}",
            site.root
        );
        assert_eq!(run(&attest).code, 1);
        let journal = outcomes(&out);
        assert_eq!(journal.len(), 4);
        assert_eq!(ask(&store, LINES), lines(&journal));
        // The end of the journal is lost, and the store with it or not: it says what the journal says.
        let text = fs::read_to_string(&out).unwrap();
        let kept: Vec<_> = text.lines().take(2).collect();
        fs::write(&out, format!("{}\n", kept.join("\n"))).unwrap();
        fs::remove_file(&store).unwrap();
        assert_eq!(run(&format!("{attest} --resume")).code, 1);
        assert_eq!(ask(&store, LINES), lines(&outcomes(&out)));
        let before = ask(&store, "SELECT * FROM latest ORDER BY item");
        assert_eq!(run(&format!("{attest} --resume")).code, 1);
        assert_eq!(ask(&store, "SELECT * FROM latest ORDER BY item"), before);
        // A report makes the same of the journal, once or twice.
        for _ in 0..2 {
            assert_eq!(run(&format!("fleet report {out} -q --store sqlite:{copy}")).code, 1);
            assert_eq!(ask(&copy, "SELECT * FROM latest ORDER BY item"), before);
        }
        assert_eq!(ask(&copy, "SELECT count(*), sum(outcome = 'verified') FROM latest"), ["3|1"]);
        // Another run is another job of the same store.
        fs::remove_file(&out).unwrap();
        assert_eq!(run(&attest).code, 1);
        assert_eq!(ask(&store, "SELECT count(*) FROM job"), ["2"]);
        assert_eq!(ask(&store, "SELECT count(*) FROM latest"), ["6"]);
    }

    #[test]
    fn what_cannot_be_stored_ends_the_command_with_a_sentence() {
        let folder = Folder::new();
        let site = good(&folder);
        let list: String = (0..40).map(|number| site.target(number) + "\n").collect();
        let targets = folder.write("targets.txt", list);
        let (out, store) = (folder.path("out.jsonl"), folder.path("store.db"));
        let text = folder.write("text.db", "{}\n".repeat(500));
        let attest = format!("fleet attest --targets {targets} --trust {} --out {out}", site.root);
        for (place, message) in [
            (text.as_str(), "it is no SQLite database"),
            ("/dev/full", "it is no file"),
            ("/proc/store.db", "it cannot be opened"),
            (&folder.path("no/store.db"), "is the folder there"),
        ] {
            let ran = run(&format!("{attest} --store sqlite:{place}"));
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.err.starts_with(&format!("error: {place}: ")), "{}", ran.err);
            assert!(ran.err.contains(message), "{message}: {}", ran.err);
            assert!(!std::path::Path::new(&out).exists(), "nothing was attested");
        }
        assert_eq!(fs::read_to_string(text).unwrap(), "{}\n".repeat(500));
        // A store that holds a run, and has no room for another one; the journal has.
        let first = attest.replace(&out, &folder.path("first.jsonl"));
        assert_eq!(run(&format!("{first} --store sqlite:{store}")).code, 0);
        let limit = fs::metadata(&store).unwrap().len() / 1024 + 8;
        let spdm = env!("CARGO_BIN_EXE_spdm");
        let script =
            format!("trap '' XFSZ; ulimit -f {limit}; exec {spdm} {attest} --store sqlite:{store}");
        let ran: Run = Command::new("bash").args(["-c", &script]).output().unwrap().into();
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.starts_with(&format!("error: {store}: ")), "{}", ran.err);
        assert_eq!(outcomes(&out).len(), 40);
        assert_eq!(ask(&store, "PRAGMA integrity_check"), ["ok"]);
        assert_eq!(ask(&store, "SELECT count(*) FROM job"), ["1"]);
        let resumed = run(&format!("{attest} --store sqlite:{store} --resume"));
        assert_eq!(resumed.code, 0, "{resumed:?}");
        assert_eq!(ask(&store, "SELECT count(*) FROM latest WHERE outcome = 'verified'"), ["80"]);
    }

    #[test]
    fn verdicts_over_collected_evidence_are_stored_too() {
        let folder = Folder::new();
        let site = good(&folder);
        let targets =
            folder.write("targets.txt", format!("{}\n{}\n", site.target(1), site.target(2)));
        let [key, evidence, store] =
            ["key", "evidence.jsonl", "store.db"].map(|name| folder.path(name));
        fs::write(&key, [7; 32]).unwrap();
        let files = format!("--targets {targets} --key {key}");
        assert_eq!(run(&format!("fleet collect {files} --out {evidence}")).code, 0);
        let verified = run(&format!(
            "fleet verify {evidence} {files} --trust {} -q --store sqlite:{store}",
            site.root
        ));
        assert_eq!(verified.code, 0, "{verified:?}");
        assert_eq!(ask(&store, "SELECT count(*) FROM latest WHERE outcome = 'verified'"), ["2"]);
    }

    #[test]
    fn names_with_a_meaning_for_sqlite_are_names_of_files() {
        let folder = Folder::new();
        let site = good(&folder);
        let targets = folder.write("targets.txt", site.target(1));
        for name in [":memory:", "file:a.db?mode=memory", "a?b#c%20d.db"] {
            let place = format!("sqlite:{name}");
            let args = [
                "fleet",
                "attest",
                "--targets",
                &targets,
                "--trust",
                &site.root,
                "--store",
                &place,
            ];
            let ran: Run = command(&args).current_dir(folder.path(".")).output().unwrap().into();
            assert_eq!(ran.code, 0, "{ran:?}");
            assert!(fs::read(folder.path(name)).unwrap().starts_with(b"SQLite format 3"), "{name}");
        }
    }

    #[test]
    fn two_runs_share_a_store() {
        let folder = Folder::new();
        let site = good(&folder);
        let store = folder.path("store.db");
        let runs = ["a", "b"].map(|name| {
            let from = if name == "a" { 0 } else { 100 };
            let list: String = (from..from + 60).map(|number| site.target(number) + "\n").collect();
            let targets = folder.write(name, list);
            let line = format!(
                "fleet attest --targets {targets} --trust {} -q --store sqlite:{store}",
                site.root
            );
            let args: Vec<_> = line.split_whitespace().collect();
            command(&args).stderr(Stdio::piped()).spawn().unwrap()
        });
        for child in runs {
            let ran: Run = child.wait_with_output().unwrap().into();
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        assert_eq!(ask(&store, "SELECT count(*) FROM job"), ["2"]);
        assert_eq!(ask(&store, "SELECT count(*) FROM latest WHERE outcome = 'verified'"), ["120"]);
    }

    /// Blocks of `sql` in docs/fleet.md, each with the rows that the block of `text` behind it shows.
    #[test]
    fn the_queries_of_the_documentation_find_what_is_written() {
        let path = format!("{}/../docs/fleet.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let folder = Folder::new();
        let root = folder.path("root.pem");
        let options = "--seed 1 --base-asym ECDSA_P384 --base-hash SHA_384 --root-out";
        let device = Emulator::listen(Folder::new(), &format!("{options} {root}"));
        let list = format!(
            "{} class=gpu site=north rack=r12\ntcp:127.0.0.1:1 class=ssd site=south rack=r03\n",
            device.target
        );
        let (targets, store) = (folder.write("targets.txt", list), folder.path("site.db"));
        let ran = run(&format!(
            "fleet attest --targets {targets} --trust {root} --attempts 1 -q --store sqlite:{store}"
        ));
        assert_eq!(ran.code, 3, "{ran:?}");
        let blocks: Vec<_> = text.split("```sql\n").skip(1).collect();
        assert_eq!(blocks.len(), 2);
        for block in blocks {
            let (query, rest) = block.split_once("```\n").unwrap();
            let written = rest.split_once("```text\n").unwrap().1.split_once("```").unwrap().0;
            let found = ask(&store, query);
            let found: Vec<_> =
                found.iter().map(|row| row.replace(&device.target, "tcp:127.0.0.1:2323")).collect();
            assert_eq!(found, written.lines().collect::<Vec<_>>(), "{query}");
        }
    }
}
