//! A store says what the journal says, and nothing of a device gets out of its column.
#![expect(clippy::unwrap_used, reason = "tests say what they expect with a panic")]

mod files;
mod rows;
#[path = "../it/sample.rs"]
mod sample;

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use spdm_fleet::{Fault, Outcome, OutcomeKind, Store, StoreError};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("spdm-fleet-store-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path("store.db"), &sample::head("aa"))
    }

    /// Stores them as one run does.
    fn store(&self, outcomes: &[Outcome]) {
        let mut store = self.open().unwrap();
        for outcome in outcomes {
            store.append(outcome).unwrap();
        }
        store.sync().unwrap();
    }

    fn ask(&self) -> Connection {
        Connection::open(self.path("store.db")).unwrap()
    }

    /// A number that a query has.
    fn count(&self, query: &str) -> i64 {
        self.ask().query_row(query, [], |row| row.get(0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn verified(target: &str) -> Outcome {
    sample::outcome(target, OutcomeKind::Verified, Fault::None)
}

fn rejected(target: &str) -> Outcome {
    sample::outcome(target, OutcomeKind::Rejected, Fault::Device)
}
