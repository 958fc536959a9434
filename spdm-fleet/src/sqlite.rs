//! Outcomes in an SQLite file: what can be asked about many runs.
//!
//! The journal stays the result. A store holds a copy of it, which can be made again from the journal at any time.

mod error;

use core::time::Duration;
use std::fs;
use std::path::{self, Path};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};
use rusqlite::{Statement, params};

use crate::journal::{JournalHead, LINES_PER_SYNC, SYNC_INTERVAL};
use crate::outcome::{EvidenceFile, Outcome};
pub use error::StoreError;
use error::of;

/// `PRAGMA application_id` of a store: "SPDM".
const APPLICATION: i32 = 0x5350_444D;
/// `PRAGMA user_version` of a store: the version of its tables.
const VERSION: i32 = 1;
/// The tables.
const TABLES: &str = include_str!("sqlite/schema.sql");
/// So long another writer is waited for: nobody writes for longer than a batch takes.
const PATIENCE: Duration = Duration::from_secs(5);

const ADD_JOB: &str = "INSERT INTO job VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
const ADD_ITEM: &str =
    "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
const ADD_OUTCOME: &str = "INSERT INTO outcome VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
    ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24) ON CONFLICT DO NOTHING";

/// A store of outcomes: tables `job`, `item` and `outcome`, and the view `latest`, which says of each item what
/// [`Summary`](crate::Summary) says.
///
/// An outcome that comes twice is there once. Of one attempt at an item that is said to have ended in two ways both are kept,
/// and `latest` shows an internal error.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    head: JournalHead,
    /// Outcomes of which the file knows nothing yet.
    waiting: Vec<Outcome>,
    /// Since when the first of them waits.
    since: Instant,
}

impl Store {
    /// Opens a store for the outcomes of a job, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError`]; what is no store, or another version's, is left as it was.
    pub fn open(path: &Path, head: &JournalHead) -> Result<Self, StoreError> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(StoreError::NoFile);
        }
        // Some names mean something else to SQLite, such as `:memory:` and `file:a?mode=ro`. None of them begins with a folder.
        let path = path::absolute(path).map_err(|_| StoreError::CannotOpen)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(of)?;
        connection.busy_timeout(PATIENCE).map_err(of)?;
        // Whoever has written the file before does not decide what is done when it is written again.
        for (setting, is_on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        ] {
            connection.set_db_config(setting, is_on).map_err(of)?;
        }
        let transaction = begin(&mut connection)?;
        prepare(&transaction)?;
        check_job(&transaction, head)?;
        transaction.commit().map_err(of)?;
        let head = head.clone();
        Ok(Self { connection, head, waiting: Vec::new(), since: Instant::now() })
    }

    /// Whether outcomes are so many, or have waited for so long, that a journal would be brought to the disk.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.is_full() || (!self.waiting.is_empty() && self.since.elapsed() >= SYNC_INTERVAL)
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.waiting.len()).is_ok_and(|waiting| waiting >= LINES_PER_SYNC)
    }

    /// Takes an outcome. A hundred that wait are written before; call [`Self::sync`] where they are not to wait for that.
    ///
    /// # Errors
    /// As for [`Self::sync`].
    pub fn append(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        if self.is_full() {
            self.sync()?;
        }
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        self.waiting.push(outcome.clone());
        Ok(())
    }

    /// Writes what waits, all or nothing. Call it at the end.
    ///
    /// # Errors
    /// [`StoreError`], such as a full disk: the file holds what it held.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let transaction = begin(&mut self.connection)?;
        // Another process may have begun one of this name meanwhile.
        check_job(&transaction, &self.head)?;
        write(&transaction, &self.head, &self.waiting).map_err(of)?;
        transaction.commit().map_err(of)?;
        self.waiting.clear();
        Ok(())
    }
}

/// Nobody else writes until its end.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)
}

/// Makes the tables in an empty file, and refuses what is no store.
fn prepare(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let number = |pragma| {
        transaction.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(of)
    };
    let tables =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?, tables.map_err(of)?) {
        (APPLICATION, VERSION, _) => Ok(()),
        (APPLICATION, got, _) if got > VERSION => Err(StoreError::Newer { got }),
        (0, 0, 0) => {
            transaction.execute_batch(TABLES).map_err(of)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(of)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(of)
        }
        _ => Err(StoreError::Foreign),
    }
}

/// A job of the same name must be the same one.
fn check_job(transaction: &Transaction<'_>, head: &JournalHead) -> Result<(), StoreError> {
    let expected = &head.job.digest;
    let known = "SELECT digest FROM job WHERE job = ?1";
    let known = transaction.query_row(known, [&head.job.name], |row| row.get::<_, String>(0));
    match known.optional().map_err(of)? {
        Some(got) if got != *expected => {
            Err(StoreError::OtherJob { expected: expected.clone(), got })
        }
        _ => Ok(()),
    }
}

fn write(
    transaction: &Transaction<'_>,
    head: &JournalHead,
    outcomes: &[Outcome],
) -> rusqlite::Result<()> {
    let JournalHead { job, items, started, .. } = head;
    transaction
        .execute(ADD_JOB, params![job.name, job.digest, number(*items), started.to_string()])?;
    let mut items = transaction.prepare(ADD_ITEM)?;
    let mut rows = transaction.prepare(ADD_OUTCOME)?;
    for outcome in outcomes {
        add_item(&mut items, outcome)?;
        add_outcome(&mut rows, outcome)?;
    }
    Ok(())
}

fn add_item(items: &mut Statement<'_>, outcome: &Outcome) -> rusqlite::Result<()> {
    let Outcome { job, item, target, class, host, labels, .. } = outcome;
    // Text is a key and a value: nothing of it cannot be written.
    let shown = serde_json::to_string(labels).unwrap_or_default();
    let site = labels.get("site").unwrap_or(host);
    items.execute(params![item.as_str(), job, target, class, host, site, shown]).map(drop)
}

fn add_outcome(rows: &mut Statement<'_>, outcome: &Outcome) -> rusqlite::Result<()> {
    let (reason, inputs, ms) = (outcome.reason.as_ref(), &outcome.inputs, &outcome.ms);
    let evidence = outcome.evidence.as_ref();
    let file = |of: fn(&EvidenceFile) -> Option<&str>| evidence.and_then(of);
    rows.execute(params![
        outcome.item.as_str(),
        outcome.attempt,
        outcome.outcome.name(),
        outcome.fault.name(),
        outcome.is_final,
        reason.map(|reason| &reason.check),
        reason.and_then(|reason| reason.index),
        reason.map(|reason| &reason.detail),
        outcome.started.to_string(),
        outcome.finished.to_string(),
        number(ms.queued),
        number(ms.device),
        number(ms.verify),
        outcome.round_trips,
        outcome.worker,
        file(|evidence| Some(&evidence.sha256)),
        file(|evidence| evidence.file.as_deref()),
        evidence.map(|evidence| number(evidence.bytes)),
        inputs.policy_sha256,
        inputs.references_sha256,
        inputs.anchors_sha256,
        inputs.tool,
        inputs.at,
        outcome.report.as_deref().map(serde_json::value::RawValue::get),
    ])
    .map(drop)
}

/// Numbers of SQLite have a sign.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
