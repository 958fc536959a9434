//! Files of evidence messages: one line for each in one file, or one file for each in a folder.

use std::fs;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use spdm_fleet::{EvidenceMessage, MAX_LINE_LEN};

use crate::exit::Failure;
use crate::file;

/// Where messages are written.
#[derive(Debug)]
pub(crate) enum EvidenceOutput<'o> {
    /// One line for each.
    Lines(BufWriter<fs::File>),
    /// One file for each.
    Folder(&'o Path),
}

impl<'o> EvidenceOutput<'o> {
    /// `FILE.jsonl` is one file; everything else is a folder, which is made where it is not there.
    pub(crate) fn create(path: &'o Path) -> Result<Self, Failure> {
        let made = match is_lines(path) {
            true => fs::File::create(path).map(|file| Self::Lines(BufWriter::new(file))),
            false => fs::create_dir_all(path).map(|()| Self::Folder(path)),
        };
        made.map_err(|error| file::of(path, &error))
    }

    /// Writes a message.
    pub(crate) fn write(&mut self, message: &EvidenceMessage) -> io::Result<()> {
        let mut json = serde_json::to_vec(message)?;
        json.push(b'\n');
        match self {
            Self::Lines(file) => file.write_all(&json),
            Self::Folder(folder) => {
                let name = format!("{}-{}.json", message.item.item.digits(), message.attempt);
                fs::write(folder.join(name), &json)
            }
        }
    }

    /// Everything is written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(file) => file.flush()?,
            Self::Folder(_) => {}
        }
        Ok(())
    }
}

fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Reads every message: of a file, or of each file `*.json` in a folder, by name.
pub(crate) fn read(
    path: &Path,
    take: &mut dyn FnMut(EvidenceMessage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !path.is_dir() {
        return read_lines(path, take);
    }
    let failed = |error: io::Error| file::of(path, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort_unstable();
    paths.iter().try_for_each(|path| read_lines(path, take))
}

fn read_lines(
    path: &Path,
    take: &mut dyn FnMut(EvidenceMessage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = BufReader::new(file::open(path)?);
    let most = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| file::of(path, &error))? == 0 {
            return Ok(());
        }
        let refused = |why: &dyn core::fmt::Display| {
            Failure::usage(format!("{}: line {number}: {why}", path.display()))
        };
        if line.len() == MAX_LINE_LEN && !line.ends_with(b"\n") {
            return Err(refused(&format!("it is longer than {MAX_LINE_LEN} bytes")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        take(EvidenceMessage::read(&line).map_err(|error| refused(&error))?)?;
    }
}
