//! The files that `verify` is given, folders walked.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::file;

/// A file to verify.
#[derive(Clone, Debug)]
pub(super) struct InputFile {
    pub(super) path: PathBuf,
    pub(super) found: Found,
}

/// How a file came to be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// It was named: it must be evidence.
    Named,
    /// It lies in a folder, where other files may lie, too.
    InFolder,
}

/// What the command is to verify.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// In the order in which they were named, those of a folder by their names.
    pub(super) files: Vec<InputFile>,
    /// What lies in a folder and is not read: links to folders, pipes and the like.
    pub(super) unread: Vec<PathBuf>,
}

/// The files that were named, and those in the folders that were named.
pub(super) fn files(named: &[PathBuf]) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::default();
    for path in named {
        if path.is_dir() {
            let inside = walk(path, &mut inputs.unread)?;
            if inside.is_empty() {
                return Err(Failure::usage(format!("{}: no file in it", path.display())));
            }
            let found = Found::InFolder;
            inputs.files.extend(inside.into_iter().map(|path| InputFile { path, found }));
        } else {
            inputs.files.push(InputFile { path: path.clone(), found: Found::Named });
        }
    }
    Ok(inputs)
}

/// Every regular file below a folder. Links to folders are not followed: they may lead back.
fn walk(folder: &Path, unread: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error| file::of(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_link = path.is_symlink();
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() && !is_link => folders.push(path),
                Ok(metadata) if metadata.is_file() => files.push(path),
                Ok(_) => unread.push(path),
                Err(error) => return Err(file::of(&path, &error)),
            }
        }
    }
    files.sort();
    Ok(files)
}
