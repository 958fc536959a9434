//! Reading and writing files.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::exit::Failure;

/// The largest file that is read, in bytes. A larger one is refused.
const MAX_LEN: u64 = 1 << 30;

/// A file that is read bit by bit; `-` is standard input.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = fs::File::open(path).map_err(|error| of(path, &error))?;
    // Says so before the first byte is read.
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(of(path, &io::ErrorKind::IsADirectory.into())),
        _ => Ok(Box::new(file)),
    }
}

/// The bytes of a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        return read_whole(io::stdin().lock(), MAX_LEN, path);
    }
    let file = fs::File::open(path).map_err(|error| of(path, &error))?;
    // Says so before the first byte is read; what has no length, such as a pipe, is judged by what it delivers.
    match file.metadata() {
        Ok(metadata) if metadata.len() > MAX_LEN => Err(too_large(MAX_LEN, path)),
        _ => read_whole(file, MAX_LEN, path),
    }
}

/// Everything that a source delivers, at most `most` bytes. More is an error: a verdict over the beginning of a file would
/// pass over the rest in silence.
pub(crate) fn read_whole(source: impl Read, most: u64, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(most.saturating_add(1)).read_to_end(&mut bytes);
    match read.map_err(|error| of(path, &error))? {
        len if u64::try_from(len).is_ok_and(|len| len <= most) => Ok(bytes),
        _ => Err(too_large(most, path)),
    }
}

fn too_large(most: u64, path: &Path) -> Failure {
    let name = path.display();
    Failure::usage(format!("{name}: larger than {most} bytes, the most that is read"))
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

#[cfg(test)]
mod tests {
    use super::read_whole;
    use std::path::Path;

    #[test]
    fn what_is_not_read_whole_is_an_error() {
        let read = |len: usize| read_whole(vec![7; len].as_slice(), 10, Path::new("pipe"));
        assert_eq!(read(10).unwrap(), [7; 10]);
        let failure = read(11).unwrap_err();
        assert_eq!(failure.message, "pipe: larger than 10 bytes, the most that is read");
    }
}
