//! Reading and writing files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::exit::Failure;

/// The largest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 30;

/// The bytes of a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        io::stdin().lock().take(MAX_LEN).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(MAX_LEN).read_to_end(&mut bytes))
    };
    result.map_err(|error| of(path, &error))?;
    Ok(bytes)
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| of(path, &error))
}

/// A failure of the file system.
pub(crate) fn of(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

/// The name of a file in results.
pub(crate) fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
