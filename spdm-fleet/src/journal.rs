//! The journal of a run: a head, then one outcome per line. It is the result, and what a run that was stopped goes on from.

use core::fmt;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use fd_lock::{RwLock, RwLockWriteGuard};
use serde::{Deserialize, Serialize};

use crate::item::Job;
use crate::outcome::{Outcome, SCHEMA};
use crate::timestamp::Timestamp;

/// The longest line that is read, in bytes: a report names every measurement, of which there are 254 at most.
pub const MAX_LINE_LEN: usize = 1 << 24;
/// So many lines may be lost with the machine.
pub(crate) const LINES_PER_SYNC: u32 = 100;
/// So long a line may wait for the disk.
pub(crate) const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The first line: which job it is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        title = "What a run of spdm fleet is about",
        description = "The first line of its journal."
    )
)]
pub struct JournalHead {
    /// The version of the journal.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: u32,
    /// The job.
    pub job: Job,
    /// How many items it has.
    pub items: u64,
    /// When it was begun.
    pub started: Timestamp,
}

impl JournalHead {
    /// The head of a job that begins.
    #[must_use]
    pub const fn new(job: Job, items: u64, started: Timestamp) -> Self {
        Self { schema: SCHEMA, job, items, started }
    }
}

/// Why a journal cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// The file.
    Io(io::Error),
    /// Another run writes it.
    Locked,
    /// It holds something already, and the run is not to go on from it.
    NotEmpty,
    /// There is no head.
    NoHead,
    /// A line is none of a journal. A line that was cut off by a crash can only be the last.
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A line is longer than [`MAX_LINE_LEN`].
    LongLine {
        /// Its number, from 1.
        line: u64,
    },
    /// A line is of another job, or of another version of this program.
    ForeignLine {
        /// Its number, from 1.
        line: u64,
        /// The job that it names.
        job: String,
    },
    /// It is of another version of this program.
    Schema {
        /// The version that it names.
        got: u32,
    },
    /// It is about another job: other targets, profiles, references, policies or known devices.
    OtherJob {
        /// The digest of this run's job.
        expected: String,
        /// The digest that is in the journal.
        got: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Locked => f.write_str("another run writes it"),
            Self::NotEmpty => f.write_str("it is not empty"),
            Self::NoHead => f.write_str("it is no journal of a fleet: the first line names no job"),
            Self::Line { line, error } => write!(f, "line {line}: {error}"),
            Self::LongLine { line } => {
                write!(f, "line {line} is longer than {MAX_LINE_LEN} bytes")
            }
            Self::ForeignLine { line, job } => {
                let job = job.escape_debug();
                write!(
                    f,
                    "line {line} is of the job \"{job}\", or of another version of this program"
                )
            }
            Self::Schema { got } => write!(f, "schema {got} instead of {SCHEMA}"),
            Self::OtherJob { expected, got } => write!(
                f,
                "it is about other targets, profiles, references, policies or known devices: digest {got}, and this run has {expected}"
            ),
        }
    }
}

impl core::error::Error for JournalError {}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The file of a journal that is to be written.
#[derive(Debug)]
pub struct JournalFile {
    file: RwLock<File>,
}

impl JournalFile {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file: RwLock::new(file) })
    }

    /// Begins a journal.
    ///
    /// # Errors
    /// [`JournalError::Locked`], [`JournalError::NotEmpty`], [`JournalError::Io`].
    pub fn begin(&mut self, head: &JournalHead) -> Result<Journal<'_>, JournalError> {
        let mut journal = self.lock()?;
        if journal.file.metadata()?.len() != 0 {
            return Err(JournalError::NotEmpty);
        }
        journal.write_line(head)?;
        journal.sync()?;
        Ok(journal)
    }

    /// Goes on with a journal: `seen` is given every outcome that is in it. A line that a crash has cut off at the end is
    /// removed. An empty file is begun.
    ///
    /// # Errors
    /// Every [`JournalError`] but [`JournalError::NotEmpty`]; the file is then as it was.
    pub fn resume(
        &mut self,
        head: &JournalHead,
        mut seen: impl FnMut(Outcome),
    ) -> Result<Journal<'_>, JournalError> {
        let mut journal = self.lock()?;
        if journal.file.metadata()?.len() == 0 {
            journal.write_line(head)?;
            journal.sync()?;
            return Ok(journal);
        }
        journal.file.rewind()?;
        let mut reader = JournalReader::new(BufReader::new(&*journal.file))?;
        let found = &reader.head().job.digest;
        if *found != head.job.digest {
            return Err(JournalError::OtherJob {
                expected: head.job.digest.clone(),
                got: found.clone(),
            });
        }
        for outcome in &mut reader {
            seen(outcome?);
        }
        let whole = reader.whole;
        journal.file.set_len(whole)?;
        journal.len = journal.file.seek(SeekFrom::Start(whole))?;
        Ok(journal)
    }

    fn lock(&mut self) -> Result<Journal<'_>, JournalError> {
        let file = self.file.try_write().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => JournalError::Locked,
            _ => JournalError::Io(error),
        })?;
        Ok(Journal { file, len: 0, unsynced: 0, synced: Instant::now(), line: Vec::new() })
    }
}

/// A journal that this run alone writes.
#[derive(Debug)]
pub struct Journal<'f> {
    file: RwLockWriteGuard<'f, File>,
    /// Bytes of whole lines.
    len: u64,
    /// Lines that may be lost with the machine.
    unsynced: u32,
    synced: Instant,
    line: Vec<u8>,
}

impl Journal<'_> {
    /// Adds an outcome, with one write. Where that fails, the file ends with the line before.
    ///
    /// # Errors
    /// [`JournalError::Io`], such as a full disk.
    pub fn append(&mut self, outcome: &Outcome) -> Result<(), JournalError> {
        match &outcome.report {
            Some(report) if report.get().len() > MAX_LINE_LEN / 2 => {
                self.write_line(&Outcome { report: None, ..outcome.clone() })?;
            }
            _ => self.write_line(outcome)?,
        }
        self.unsynced += 1;
        if self.unsynced >= LINES_PER_SYNC { self.sync() } else { self.sync_if_due() }
    }

    /// Brings what was added to the disk, where it has waited for a second. Call it several times a second.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync_if_due(&mut self) -> Result<(), JournalError> {
        let is_due = self.unsynced > 0 && self.synced.elapsed() >= SYNC_INTERVAL;
        if is_due { self.sync() } else { Ok(()) }
    }

    /// Brings what was added to the disk. Call it at the end.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.file.sync_data()?;
        (self.unsynced, self.synced) = (0, Instant::now());
        Ok(())
    }

    fn write_line(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(io::Error::from)?;
        self.line.push(b'\n');
        // Nobody would read it again, nor what stands behind it.
        if self.line.len() > MAX_LINE_LEN {
            return Err(io::Error::other(format!(
                "an outcome of {} bytes, and {MAX_LINE_LEN} are the most",
                self.line.len()
            ))
            .into());
        }
        if let Err(error) = self.file.write_all(&self.line) {
            // Half a line would be taken for a crash; the next line would make it one in the middle.
            let _ = self.file.set_len(self.len);
            let _ = self.file.seek(SeekFrom::Start(self.len));
            return Err(error.into());
        }
        self.len += u64::try_from(self.line.len()).unwrap_or_default();
        Ok(())
    }
}

/// Reads a journal line by line, in the memory of one line.
#[derive(Debug)]
pub struct JournalReader<R> {
    reader: R,
    head: JournalHead,
    /// Bytes of whole lines.
    whole: u64,
    /// The number of the last line.
    line: u64,
    buffer: Vec<u8>,
    /// Whether the last line was cut off.
    torn: bool,
}

impl<R: BufRead> JournalReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// [`JournalError::NoHead`], [`JournalError::Schema`], [`JournalError::Io`].
    pub fn new(mut reader: R) -> Result<Self, JournalError> {
        let mut buffer = Vec::new();
        let whole = read_line(&mut reader, &mut buffer, 1)?.ok_or(JournalError::NoHead)?;
        let head: JournalHead =
            serde_json::from_slice(&buffer).map_err(|_| JournalError::NoHead)?;
        if head.schema != SCHEMA {
            return Err(JournalError::Schema { got: head.schema });
        }
        Ok(Self { reader, head, whole, line: 1, buffer, torn: false })
    }

    /// The first line.
    pub const fn head(&self) -> &JournalHead {
        &self.head
    }

    /// Whether the last line was cut off, and is not among the outcomes. Known at the end.
    pub const fn is_torn(&self) -> bool {
        self.torn
    }

    fn outcome(&mut self) -> Result<Option<Outcome>, JournalError> {
        let line = self.line + 1;
        let Some(len) = read_line(&mut self.reader, &mut self.buffer, line)? else {
            self.torn = !self.buffer.is_empty();
            return Ok(None);
        };
        let outcome: Outcome = serde_json::from_slice(&self.buffer)
            .map_err(|error| JournalError::Line { line, error })?;
        // What was found under other rules says nothing of this job.
        if outcome.schema != SCHEMA || outcome.job != self.head.job.name {
            return Err(JournalError::ForeignLine { line, job: outcome.job });
        }
        (self.line, self.whole) = (line, self.whole + len);
        Ok(Some(outcome))
    }
}

impl<R: BufRead> Iterator for JournalReader<R> {
    type Item = Result<Outcome, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.outcome().transpose()
    }
}

/// Reads a line, and says how long it was with its end; `None` where the file ends before the line does.
fn read_line(
    reader: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    line: u64,
) -> Result<Option<u64>, JournalError> {
    buffer.clear();
    let limit = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX);
    let len = reader.by_ref().take(limit).read_until(b'\n', buffer)?;
    if buffer.last() == Some(&b'\n') {
        return Ok(Some(u64::try_from(len).unwrap_or_default()));
    }
    if len == MAX_LINE_LEN { Err(JournalError::LongLine { line }) } else { Ok(None) }
}
