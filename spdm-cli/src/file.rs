//! Reading and writing files.

use std::fs;
use std::io::{self, Read, Write};
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

/// A file that is made now and written later, when the rights to make it may be gone.
#[derive(Debug)]
pub(crate) struct Output<'p> {
    path: &'p Path,
    file: fs::File,
}

impl<'p> Output<'p> {
    /// Makes an empty file.
    pub(crate) fn create(path: &'p Path) -> Result<Self, Failure> {
        let file = fs::File::create(path).map_err(|error| of(path, &error))?;
        Ok(Self { path, file })
    }

    /// Fills it.
    pub(crate) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| of(self.path, &error))
    }
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
