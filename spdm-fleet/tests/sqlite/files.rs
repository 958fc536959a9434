//! Files that are none, that others write, and that are full.

use std::fs;
use std::path::Path;
use std::thread;

use rusqlite::Connection;
use spdm_fleet::{Store, StoreError};

use crate::sample::head;
use crate::{Folder, rejected, verified};

fn refused(path: &Path) -> StoreError {
    Store::open(path, &head("aa")).map(drop).unwrap_err()
}

#[test]
fn what_is_no_store_is_refused_and_stays_as_it_was() {
    let folder = Folder::new("foreign");
    let text = folder.path("text");
    fs::write(&text, "{\"schema\":1}\n".repeat(100)).unwrap();
    let database = |name: &str, sql: &str| {
        let path = folder.path(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let id = 0x5350_444D;
    for (path, error) in [
        (text, StoreError::NoDatabase),
        (database("other", "CREATE TABLE job (a)"), StoreError::Foreign),
        (database("numbered", "PRAGMA user_version = 1"), StoreError::Foreign),
        (
            database("app", "PRAGMA application_id = 7; PRAGMA user_version = 1"),
            StoreError::Foreign,
        ),
        (database("zero", &format!("PRAGMA application_id = {id}")), StoreError::Foreign),
        (
            database("newer", &format!("PRAGMA application_id = {id}; PRAGMA user_version = 2")),
            StoreError::Newer { got: 2 },
        ),
    ] {
        let before = fs::read(&path).unwrap();
        assert_eq!(refused(&path), error, "{}", path.display());
        assert_eq!(fs::read(&path).unwrap(), before, "{}", path.display());
    }
    assert_eq!(refused(&folder.path(".")), StoreError::NoFile);
    assert_eq!(refused(Path::new("/dev/null")), StoreError::NoFile);
    assert_eq!(refused(&folder.path("no/such/folder.db")), StoreError::CannotOpen);
    assert_eq!(refused(Path::new("")), StoreError::CannotOpen);
    for error in [StoreError::Foreign, StoreError::Newer { got: 2 }, StoreError::Busy] {
        assert!(error.to_string().contains("program"), "{error}");
    }
}

#[test]
fn a_damaged_store_is_refused() {
    let folder = Folder::new("damaged");
    let many: Vec<_> = (0..50).map(|number| verified(&format!("tcp:{number}"))).collect();
    folder.store(&many);
    let path = folder.path("store.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xFF);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(refused(&path), StoreError::Damaged);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_job_of_the_same_name_must_be_the_same() {
    let folder = Folder::new("job");
    folder.store(&[verified("tcp:a")]);
    let error = Store::open(&folder.path("store.db"), &head("bb")).map(drop).unwrap_err();
    let other = StoreError::OtherJob { expected: "bb".to_owned(), got: "aa".to_owned() };
    assert_eq!(error, other);
    folder.store(&[rejected("tcp:b")]);
    assert_eq!(folder.count("SELECT count(*) FROM latest"), 2);
}

#[test]
fn a_store_that_cannot_be_written_holds_what_it_held() {
    let folder = Folder::new("tables");
    folder.store(&[verified("tcp:a")]);
    let mut store = folder.open().unwrap();
    // A trigger of whoever else wrote the file is not run, and tables that miss a column take nothing.
    folder
        .ask()
        .execute_batch("CREATE TRIGGER t AFTER INSERT ON outcome BEGIN DELETE FROM outcome; END")
        .unwrap();
    store.append(&verified("tcp:b")).unwrap();
    store.sync().unwrap();
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 2);
    folder.ask().execute_batch("ALTER TABLE outcome DROP COLUMN report").unwrap_err();
    folder.ask().execute_batch("DROP VIEW latest; ALTER TABLE outcome DROP COLUMN report").unwrap();
    store.append(&verified("tcp:c")).unwrap();
    assert!(matches!(store.sync(), Err(StoreError::Other(_))));
    assert_eq!(folder.count("SELECT count(*) FROM item"), 2, "nothing of it is there");
}

#[test]
fn two_write_at_once_and_nothing_is_lost() {
    let folder = Folder::new("two");
    let write = |from: u32| {
        let mut store = folder.open().unwrap();
        for number in from..from + 300 {
            store.append(&verified(&format!("tcp:{number}"))).unwrap();
            if number % 10 == 0 {
                store.sync().unwrap();
            }
        }
        store.sync().unwrap();
    };
    thread::scope(|scope| {
        scope.spawn(|| write(0));
        scope.spawn(|| write(200));
    });
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 500);
    assert_eq!(folder.count("SELECT count(*) FROM latest"), 500);
}

#[test]
fn who_never_stops_writing_is_not_waited_for() {
    let folder = Folder::new("busy");
    let mut store = folder.open().unwrap();
    let other = folder.ask();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.append(&verified("tcp:a")).unwrap();
    assert_eq!(store.sync(), Err(StoreError::Busy));
    assert_eq!(refused(&folder.path("store.db")), StoreError::Busy);
    // What waits is not lost.
    other.execute_batch("ROLLBACK").unwrap();
    store.sync().unwrap();
    assert_eq!(folder.count("SELECT count(*) FROM latest"), 1);
}

#[test]
fn a_batch_is_written_by_itself_and_whole() {
    let folder = Folder::new("batch");
    let mut store = folder.open().unwrap();
    for number in 0..100 {
        assert!(!store.is_due(), "{number}");
        store.append(&verified(&format!("tcp:{number}"))).unwrap();
    }
    assert!(store.is_due());
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 0);
    store.append(&verified("tcp:100")).unwrap();
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 100);
    // Who is killed here has written whole batches.
    drop(store);
    assert_eq!(folder.count("SELECT count(*) FROM outcome"), 100);
}
