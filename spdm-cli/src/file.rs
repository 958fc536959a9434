//! Reading and writing files.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use spdm_evidence::Unpacked;
use zeroize::Zeroizing;

use crate::console::Console;
use crate::exit::Failure;

/// The largest file that is read, in bytes. A larger one is refused.
const MAX_LEN: u64 = 1 << 30;
/// The permissions to read of everybody but the owner.
#[cfg(unix)]
const OTHERS_READ: u32 = 0o044;

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
    if is_standard(Some(path)) {
        return read_whole(io::stdin().lock(), MAX_LEN, path);
    }
    let file = fs::File::open(path).map_err(|error| of(path, &error))?;
    // Says so before the first byte is read; what has no length, such as a pipe, is judged by what it delivers.
    match file.metadata() {
        Ok(metadata) if metadata.len() > MAX_LEN => Err(too_large(MAX_LEN, path)),
        _ => read_whole(file, MAX_LEN, path),
    }
}

/// The bytes of a file that nobody else should read: a private key, a pre-shared key, keys of streams.
pub(crate) fn read_secret(path: &Path, console: &Console) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    warn_of_readers(path, console);
    Ok(bytes)
}

/// Warns of a secret file that others can read. What is no file, such as a pipe, was made for this run.
pub(crate) fn warn_of_readers(path: &Path, console: &Console) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path)
        && metadata.is_file()
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & OTHERS_READ != 0 {
            let name = path.display();
            console.note(&format!(
                "warning: {name} is secret, and others than its owner can read it (mode {mode:03o}): chmod 600 {name}"
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, console);
}

/// The bytes of a file, which may be compressed with gzip or zstd; `-` is standard input.
pub(crate) fn read_unpacked(path: &Path) -> Result<Vec<u8>, Failure> {
    let source = Unpacked::new(open(path)?).map_err(|error| of(path, &error))?;
    read_whole(source, MAX_LEN, path)
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

/// The file name that stands for standard input or output.
const STANDARD: &str = "-";

/// Whether this output is standard output.
pub(crate) fn is_standard(path: Option<&Path>) -> bool {
    path == Some(Path::new(STANDARD))
}

/// Where an output goes that is written piece by piece.
#[derive(Debug)]
pub(crate) enum OutputStream {
    File(fs::File),
    Standard(io::Stdout),
}

impl OutputStream {
    /// Makes an empty file; `-` is standard output.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if is_standard(Some(path)) {
            return Ok(Self::Standard(io::stdout()));
        }
        fs::File::create(path).map(Self::File).map_err(|error| of(path, &error))
    }
}

impl Write for OutputStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Standard(out) => match out.write(bytes) {
                // A reader that went away is no error: what is left is not written.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
                other => other,
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Standard(out) => match out.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            },
        }
    }
}

/// Where a file grows that is complete only at the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OutputPlace {
    /// In a file beside it, which then takes its place: what was there stays whole until then.
    Beside,
    /// In the file itself: the right to put another in its place will be gone.
    Itself,
}

/// A file that is made now and written later, when the rights to make it may be gone.
#[derive(Debug)]
pub(crate) struct Output<'p> {
    path: &'p Path,
    stream: OutputStream,
    /// The file beside it, as long as it has not taken its place.
    beside: Option<PathBuf>,
}

impl<'p> Output<'p> {
    /// Makes an empty file.
    pub(crate) fn create(path: &'p Path, place: OutputPlace) -> Result<Self, Failure> {
        let is_file = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        if place == OutputPlace::Itself || !is_file || is_standard(Some(path)) {
            return Ok(Self { path, stream: OutputStream::open(path)?, beside: None });
        }
        // A link stays what it is, and leads to the new file.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let beside = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).open(&beside);
        let file = file.map_err(|error| of(path, &error))?;
        let output = Self { path, stream: OutputStream::File(file), beside: Some(beside.clone()) };
        // Who may read and write it stays the same.
        if let Ok(metadata) = fs::metadata(&target) {
            fs::set_permissions(&beside, metadata.permissions())
                .map_err(|error| of(path, &error))?;
        }
        Ok(output)
    }

    /// Fills it.
    pub(crate) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path;
        let written = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        let placed = written.and_then(|()| match &self.beside {
            Some(beside) => {
                let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
                fs::rename(beside, target)
            }
            None => Ok(()),
        });
        placed.map_err(|error| of(path, &error))?;
        self.beside = None;
        Ok(())
    }
}

/// What was never filled is not left behind.
impl Drop for Output<'_> {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // There is nobody to tell.
            let _ = fs::remove_file(beside);
        }
    }
}

/// Writes a file; `-` is standard output.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut stream = OutputStream::open(path)?;
    let written = stream.write_all(bytes).and_then(|()| stream.flush());
    written.map_err(|error| of(path, &error))
}

/// Writes a file that only its owner reads; one that was there is replaced, a link is not followed.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| of(path, &error);
    if fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path).map_err(failed)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(bytes)).map_err(failed)
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
