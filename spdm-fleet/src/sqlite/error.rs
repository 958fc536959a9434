//! Why a store cannot be read or written.

use core::fmt;

use rusqlite::ErrorCode;

use super::VERSION;

/// Why a store cannot be read or written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is something else than a file: a folder, a device.
    NoFile,
    /// The file cannot be opened or made, or nothing can be made beside it.
    CannotOpen,
    /// The file, or its folder, cannot be written.
    ReadOnly,
    /// The file is none of SQLite.
    NoDatabase,
    /// The file is damaged.
    Damaged,
    /// The file is another program's.
    Foreign,
    /// A later version of this program made the file.
    Newer {
        /// The version of its tables.
        got: i32,
    },
    /// It holds another job of the same name: other targets, profiles, references or policies.
    OtherJob {
        /// The digest of the job that is to be stored.
        expected: String,
        /// The digest of the job that is in it.
        got: String,
    },
    /// Others have written it all the time.
    Busy,
    /// The disk is full.
    Full,
    /// Anything else, in the words of SQLite.
    Other(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("it is no file"),
            Self::CannotOpen => f.write_str(
                "it cannot be opened, or no file can be made beside it: is the folder there, and may it be written?",
            ),
            Self::ReadOnly => f.write_str("it cannot be written"),
            Self::NoDatabase => f.write_str("it is no SQLite database"),
            Self::Damaged => f.write_str(
                "the database is damaged; a new one can be made from the journal",
            ),
            Self::Foreign => f.write_str("it is a database of another program"),
            Self::Newer { got } => write!(
                f,
                "a later version of this program made it: tables of version {got}, and this one knows {VERSION}"
            ),
            Self::OtherJob { expected, got } => write!(
                f,
                "it holds a job of this name about other targets, profiles, references or policies: digest {}, and this one has {}",
                got.escape_debug(),
                expected.escape_debug()
            ),
            Self::Busy => f.write_str("another program keeps on writing it"),
            Self::Full => f.write_str("the disk is full"),
            Self::Other(detail) => f.write_str(detail),
        }
    }
}

impl core::error::Error for StoreError {}

/// What SQLite says.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn of(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::CannotOpen) => StoreError::CannotOpen,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
        Some(ErrorCode::NotADatabase) => StoreError::NoDatabase,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged,
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Other(error.to_string()),
    }
}
