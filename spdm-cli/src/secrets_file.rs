//! The file of `--secrets-out`, which nobody else may read.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use spdm_evidence::SecretsLog;
use spdm_requester::{KeyLog, SessionSecret};

use crate::exit::Failure;
use crate::file::{self, OutputPlace};

/// A log of secrets that several connections write to.
#[derive(Clone, Debug)]
pub(crate) struct SharedLog(Arc<Mutex<SecretsLog>>);

impl KeyLog for SharedLog {
    fn secret(&mut self, session_id: u32, secret: SessionSecret<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).secret(session_id, secret);
    }
}

/// The file, and what is to be in it. It is made at once, and filled at the end.
#[derive(Debug)]
pub(crate) struct SecretsFile<'p> {
    path: &'p Path,
    log: SharedLog,
    /// `None` for standard output.
    file: Option<fs::File>,
    /// Where it is until it is filled.
    beside: Option<PathBuf>,
}

impl<'p> SecretsFile<'p> {
    /// Makes an empty file that only its owner can read. A symbolic link is not followed, and nothing but a file is
    /// replaced.
    pub(crate) fn create(
        path: &'p Path,
        log: SecretsLog,
        place: OutputPlace,
    ) -> Result<Self, Failure> {
        let log = SharedLog(Arc::new(Mutex::new(log)));
        if file::is_standard(Some(path)) {
            return Ok(Self { path, log, file: None, beside: None });
        }
        let refused = |why: &str| {
            Failure::usage(format!("{}: {why}: secrets are not written there", path.display()))
        };
        let there = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => return Err(refused("a symbolic link")),
            Ok(metadata) if !metadata.is_file() => return Err(refused("not a file")),
            Ok(_) => true,
            Err(_) => false,
        };
        let failed = |error: io::Error| file::of(path, &error);
        let beside = match place {
            OutputPlace::Beside => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Some(path.with_file_name(format!(".{name}.{}.part", std::process::id())))
            }
            // The right to put another file in its place will be gone.
            OutputPlace::Itself => {
                if there {
                    fs::remove_file(path).map_err(failed)?;
                }
                None
            }
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let made = options.open(beside.as_deref().unwrap_or(path)).map_err(failed)?;
        Ok(Self { path, log, file: Some(made), beside })
    }

    /// Where secrets are told.
    pub(crate) fn log(&self) -> SharedLog {
        self.log.clone()
    }

    /// Fills it.
    pub(crate) fn write(mut self) -> Result<(), Failure> {
        let json = self.log.0.lock().unwrap_or_else(PoisonError::into_inner).to_json();
        let Some(mut made) = self.file.take() else { return file::write(self.path, &json) };
        let written = made.write_all(&json).and_then(|()| match &self.beside {
            Some(beside) => fs::rename(beside, self.path),
            None => Ok(()),
        });
        written.map_err(|error| file::of(self.path, &error))?;
        self.beside = None;
        Ok(())
    }
}

/// What was never filled is not left behind.
impl Drop for SecretsFile<'_> {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // There is nobody to tell.
            let _ = fs::remove_file(beside);
        }
    }
}
